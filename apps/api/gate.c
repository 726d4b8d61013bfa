#include "gate.h"

#include <string.h>

#include "idempotency.h"
#include "limits.h"
#include "ports/two_factor_store.h"
#include "session.h"

static enum api_limit user_limit(const struct http_request *req)
{
	if ((req->route->flags & ROUTE_LIMIT_2FA) != 0)
		return API_LIMIT_TWO_FACTOR;
	if ((req->route->flags & ROUTE_LIMIT_KEYS) != 0)
		return API_LIMIT_EXCHANGE_KEYS;
	return req->method == HTTP_GET ? API_LIMIT_READ : API_LIMIT_WRITE;
}

static bool two_factor_ok(struct http_request *req, struct http_response *res)
{
	struct two_factor_row row;
	struct error err = ERROR_INIT;

	if (two_factor_store_get(identity_pg(req), req->arena, current_user(req)->user_id, &row, &err) != 0) {
		app_fail(req, res, &err);
		return false;
	}
	if (row.state == TWO_FACTOR_ENABLED)
		return true;
	http_error(res, 403, "two_factor_required", "Two-factor authentication must be enabled.");
	return false;
}

/* What needs to know who asks. */
static bool user_ok(struct http_request *req, struct http_response *res)
{
	unsigned flags = req->route->flags;

	if (!session_user(req, res, &worker_of(req)->user))
		return false;
	uuid_format(current_user(req)->user_id, req->subject);
	if (!limits_take(req, res, user_limit(req), req->subject))
		return false;
	if ((flags & ROUTE_TWO_FACTOR) != 0 && !two_factor_ok(req, res))
		return false;
	return (flags & ROUTE_IDEMPOTENT) == 0 ||
	       idempotency_begin(req, res, (flags & ROUTE_IDENTITY_DB) != 0 ? identity_pg(req) : strategy_pg(req));
}

bool gate_before(struct http_request *req, struct http_response *res)
{
	struct api_worker *w = worker_of(req);

	if (w == NULL) /* answered on the loop: health and metrics, which touch nothing */
		return true;
	w->idempotency = NULL;
	client_address(&w->app->trusted_proxies, req->peer, http_header_list(req, "x-forwarded-for"), req->client);
	if ((req->route->flags & ROUTE_SENSITIVE) != 0)
		http_set_header(res, "Cache-Control", STR("no-store"));
	return limits_take(req, res, API_LIMIT_CLIENT, req->client) && session_origin_ok(req, res) &&
	       ((req->route->flags & ROUTE_SESSION) == 0 || user_ok(req, res));
}

void gate_after(struct http_request *req, struct http_response *res)
{
	if (worker_of(req) != NULL)
		idempotency_end(req, res);
}
