#include "routes.h"

#include "app.h"
#include "gate.h"
#include "routes/auth.h"
#include "routes/docs.h"
#include "routes/exchange_keys.h"
#include "routes/strategies.h"
#include "routes/two_factor.h"

/* Asks the database first: readiness is about now, not about the last request. */
static void ready(struct http_request *req, struct http_response *res)
{
	struct app *app = app_of(req);
	bool ok = pg_ping(identity_pg(req), NULL) == 0 &&
		  (strategy_pg(req) == identity_pg(req) || pg_ping(strategy_pg(req), NULL) == 0);

	atomic_store(&app->postgres_ok, ok);
	atomic_store(&app->redis_ok, redis_ping(worker_of(req)->redis, NULL) == 0);
	service_route_ready(req, res);
}

enum part { PART_BASE, PART_DOCS, PART_STRATEGIES };

#define SENSITIVE (ROUTE_SENSITIVE | HTTP_PLAIN)
#define TWO_FA	  (ROUTE_SESSION | ROUTE_LIMIT_2FA | SENSITIVE)
#define KEYS	  (ROUTE_SESSION | ROUTE_TWO_FACTOR | ROUTE_LIMIT_KEYS | SENSITIVE)
#define KEYS_SAFE (KEYS | ROUTE_IDEMPOTENT | ROUTE_IDENTITY_DB) /* may be sent twice */
#define READ	  (ROUTE_SESSION | HTTP_ETAG)
#define CHANGE	  (ROUTE_SESSION | ROUTE_IDEMPOTENT)

static const struct {
	enum part part;
	struct http_route route;
} table[] = {
	{ PART_BASE, { HTTP_GET, "/health", HTTP_ON_LOOP, service_route_health, 0 } },
	{ PART_BASE, { HTTP_GET, "/ready", 0, ready, 0 } },
	{ PART_BASE, { HTTP_GET, "/metrics", HTTP_ON_LOOP, service_route_metrics, 0 } },

	{ PART_BASE, { HTTP_POST, "/auth/telegram/login", SENSITIVE, auth_telegram_login, 0 } },
	{ PART_BASE, { HTTP_POST, "/auth/logout", SENSITIVE, auth_logout, 0 } },
	{ PART_BASE, { HTTP_POST, "/auth/logout-everywhere", ROUTE_SESSION | SENSITIVE, auth_logout_everywhere, 0 } },
	{ PART_BASE, { HTTP_GET, "/auth/current-user", ROUTE_SESSION | SENSITIVE, auth_current_user, 0 } },

	{ PART_BASE, { HTTP_GET, "/2fa", TWO_FA, two_factor_status, 0 } },
	{ PART_BASE, { HTTP_POST, "/2fa/setup", TWO_FA, two_factor_setup, 0 } },
	{ PART_BASE, { HTTP_POST, "/2fa/verify", TWO_FA, two_factor_verify, 0 } },

	{ PART_BASE, { HTTP_POST, "/exchange-keys", KEYS_SAFE, exchange_keys_create, EXCHANGE_KEYS_BODY_MAX } },
	{ PART_BASE, { HTTP_GET, "/exchange-keys", KEYS, exchange_keys_list, 0 } },
	{ PART_BASE, { HTTP_DELETE, "/exchange-keys/{key_id}", KEYS_SAFE, exchange_keys_delete, 0 } },

	{ PART_DOCS, { HTTP_GET, "/openapi.json", HTTP_ETAG, docs_openapi, 0 } },
	{ PART_DOCS, { HTTP_GET, "/docs", HTTP_ETAG, docs_page, 0 } },
	{ PART_DOCS, { HTTP_GET, "/docs/{file}", HTTP_ETAG, docs_asset, 0 } },

	{ PART_STRATEGIES, { HTTP_POST, "/strategies", CHANGE, strategies_create, STRATEGIES_BODY_MAX } },
	{ PART_STRATEGIES, { HTTP_GET, "/strategies", READ, strategies_list, 0 } },
	{ PART_STRATEGIES, { HTTP_GET, "/strategies/{strategy_id}", READ, strategies_get, 0 } },
	{ PART_STRATEGIES, { HTTP_DELETE, "/strategies/{strategy_id}", CHANGE, strategies_delete, 0 } },
	{ PART_STRATEGIES, { HTTP_POST, "/strategies/{strategy_id}/run", CHANGE, strategies_run, 0 } },
	{ PART_STRATEGIES, { HTTP_POST, "/strategies/{strategy_id}/stop", CHANGE, strategies_stop, 0 } },
};

_Static_assert(ARRAY_LEN(table) <= API_ROUTES_MAX, "API_ROUTES_MAX is too small");

size_t api_routes(const struct api_config *api, const struct strategy_config *strategy,
		  struct http_route out[API_ROUTES_MAX])
{
	const bool on[] = { [PART_BASE] = true, [PART_DOCS] = api->docs, [PART_STRATEGIES] = strategy->api_enabled };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (on[table[i].part])
			out[n++] = table[i].route;
	return n;
}
