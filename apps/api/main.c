/* api - sign-in, sessions, strategies and their runs over HTTP. */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "routes/auth.h"
#include "routes/strategies.h"
#include "runtime/config.h"
#include "session.h"

static const struct service_option options[] = {
	{ "host", "ADDRESS", "listen address (0.0.0.0)" },
	{ "port", "N", "listen port (8000)" },
	{ "config", "PATH", "strategy.yaml (ROEHUB_STRATEGY_CONFIG, configs/<ROEHUB_ENV>/strategy.yaml)" },
	{ "threads", "N", "handler threads, each with its own database session (8)" },
	{ "port-file", "PATH", "write the port there once listening; allows --port 0" },
};

/* Asks the database first: readiness is about now, not about the last request. */
static void ready(struct http_request *req, struct http_response *res)
{
	struct app *app = app_of(req);
	bool ok = pg_ping(identity_pg(req), NULL) == 0 &&
		  (strategy_pg(req) == identity_pg(req) || pg_ping(strategy_pg(req), NULL) == 0);

	atomic_store(&app->postgres_ok, ok);
	service_route_ready(req, res);
}

static const struct http_route base_routes[] = {
	{ HTTP_GET, "/health", HTTP_ON_LOOP, service_route_health, 0 },
	{ HTTP_GET, "/ready", 0, ready, 0 },
	{ HTTP_GET, "/metrics", HTTP_ON_LOOP, service_route_metrics, 0 },
	{ HTTP_POST, "/auth/telegram/login", 0, auth_telegram_login, 0 },
	{ HTTP_POST, "/auth/logout", 0, auth_logout, 0 },
	{ HTTP_GET, "/auth/current-user", 0, auth_current_user, 0 },
};

static const struct http_route strategy_routes[] = {
	{ HTTP_POST, "/strategies", 0, strategies_create, STRATEGIES_BODY_MAX },
	{ HTTP_GET, "/strategies", 0, strategies_list, 0 },
	{ HTTP_GET, "/strategies/{strategy_id}", 0, strategies_get, 0 },
	{ HTTP_DELETE, "/strategies/{strategy_id}", 0, strategies_delete, 0 },
	{ HTTP_POST, "/strategies/{strategy_id}/run", 0, strategies_run, 0 },
	{ HTTP_POST, "/strategies/{strategy_id}/stop", 0, strategies_stop, 0 },
};

/* ---- handler threads ----------------------------------------------------------------------------------------------- */

static void *worker_open(void *user, struct error *err)
{
	static const struct pg_options session = { .application_name = "api", .statement_timeout_ms = 5000 };
	struct app *app = user;
	struct api_worker *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory");
		return NULL;
	}
	w->app = app;
	w->identity = pg_open(app->settings.identity_dsn, &session, err);
	w->strategy = w->identity;
	if (w->identity != NULL && strcmp(app->settings.identity_dsn, app->settings.strategy_dsn) != 0)
		w->strategy = pg_open(app->settings.strategy_dsn, &session, err);
	if (w->strategy == NULL || pg_check_schema(w->strategy, err) != 0) {
		if (w->strategy != w->identity)
			pg_close(w->strategy);
		pg_close(w->identity);
		free(w);
		return NULL;
	}
	return w;
}

static void worker_close(void *worker)
{
	struct api_worker *w = worker;

	if (w->strategy != w->identity)
		pg_close(w->strategy);
	pg_close(w->identity);
	free(w);
}

static bool before(struct http_request *req, struct http_response *res) { return session_origin_ok(req, res); }

/* ---- start and stop ------------------------------------------------------------------------------------------------ */

static int int_option(struct service_run *run, const char *name, int64_t dflt, int64_t min, int64_t max, int64_t *out,
		      struct error *err)
{
	const char *text = service_option(run, name);

	*out = dflt;
	if (text != NULL && (!str_to_i64(str_from(text), out) || *out < min || *out > max))
		return error_set(err, ERR_INVALID, "--%s must be an integer from %lld to %lld, got '%.40s'", name,
				 (long long)min, (long long)max, text);
	return 0;
}

static void add_metrics(struct app *app)
{
	app->logins = metrics_add(app->service->metrics, &(struct metric_def){ .kind = METRIC_COUNTER,
									       .name = "identity_login_total",
									       .help = "Logins by result",
									       .labels = { "result" } });
	app->session_rejections =
		metrics_add(app->service->metrics, &(struct metric_def){ .kind = METRIC_COUNTER,
									 .name = "identity_session_rejections_total",
									 .help = "Requests without a valid session",
									 .labels = { "code" } });
}

static int load_strategy_config(struct app *app, struct error *err)
{
	char path[1024];

	if (config_resolve_path(service_option(app->service, "config"), "ROEHUB_STRATEGY_CONFIG", "strategy.yaml", path,
				sizeof(path), err) != 0 ||
	    strategy_config_load(path, &app->strategy, err) != 0)
		return -1;
	if (!app->strategy.api_enabled)
		log_info(&app->service->log, "strategy_routes_disabled",
			 LOG_CSTR("msg", "strategy API router disabled by strategy runtime config"));
	return 0;
}

static int listen_http(struct app *app, struct error *err)
{
	static struct http_route routes[ARRAY_LEN(base_routes) + ARRAY_LEN(strategy_routes)];
	const char *host = service_option(app->service, "host"), *port_file = service_option(app->service, "port-file");
	int64_t port, threads;
	struct http_server_config cfg = { .host = host != NULL ? host : "0.0.0.0",
					  .routes = routes,
					  .route_count = ARRAY_LEN(base_routes),
					  .worker_open = worker_open,
					  .worker_close = worker_close,
					  .before = before,
					  .user = app,
					  .metrics = app->service->metrics,
					  .metrics_prefix = "roehub_api",
					  .log = app->service->log,
					  .access_log = true };

	if (int_option(app->service, "port", 8000, port_file != NULL ? 0 : 1, 65535, &port, err) != 0 ||
	    int_option(app->service, "threads", 8, 1, 64, &threads, err) != 0)
		return -1;
	memcpy(routes, base_routes, sizeof(base_routes));
	memcpy(routes + ARRAY_LEN(base_routes), strategy_routes, sizeof(strategy_routes));
	if (app->strategy.api_enabled)
		cfg.route_count = ARRAY_LEN(routes);
	cfg.port = (int)port;
	cfg.threads = (int)threads;
	service_bind_routes(app->service);
	app->server = http_server_start(app->service->loop, &cfg, err);
	if (app->server == NULL)
		return -1;
	return service_write_ports(port_file, &(struct service_port){ "http", http_server_port(app->server) }, 1, err);
}

static enum service_result start(struct service_run *run, struct error *err)
{
	struct app *app = calloc(1, sizeof(*app));

	run->state = app;
	if (app == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory");
		return SERVICE_FAILED;
	}
	app->service = run;
	atomic_store(&app->postgres_ok, true);
	add_metrics(app);
	if (settings_load(&app->settings, &run->log, err) != 0 || load_strategy_config(app, err) != 0 ||
	    listen_http(app, err) != 0)
		return SERVICE_FAILED;
	return SERVICE_RUN;
}

static void drain(struct service_run *run)
{
	struct app *app = run->state;

	http_server_drain(app->server);
}

static bool drained(struct service_run *run)
{
	struct app *app = run->state;

	return http_server_idle(app->server);
}

static void stop(struct service_run *run)
{
	struct app *app = run->state;

	if (app == NULL)
		return;
	http_server_free(app->server);
	settings_release(&app->settings);
	free(app);
}

static void health(struct service_run *run, struct service_health *out)
{
	struct app *app = run->state;

	out->checks[out->count].name = "postgres";
	out->checks[out->count++].ok = atomic_load(&app->postgres_ok);
}

int main(int argc, char **argv)
{
	static const struct service service = {
		.name = "api",
		.about = "sign-in, sessions, strategies and their runs over HTTP",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.start = start,
		.drain = drain,
		.drained = drained,
		.stop = stop,
		.health = health,
	};

	return service_main(&service, argc, argv);
}
