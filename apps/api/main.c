/* api - sign-in, sessions, strategies and their runs over HTTP. */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "gate.h"
#include "limits.h"
#include "routes.h"
#include "routes/docs.h"
#include "runtime/config.h"

static const struct service_option options[] = {
	{ "host", "ADDRESS", "listen address (0.0.0.0)" },
	{ "port", "N", "listen port (8000)" },
	{ "config", "PATH", "strategy.yaml (ROEHUB_STRATEGY_CONFIG, configs/<ROEHUB_ENV>/strategy.yaml)" },
	{ "api-config", "PATH", "api.yaml (ROEHUB_API_CONFIG, configs/<ROEHUB_ENV>/api.yaml)" },
	{ "docs", "PATH", "folder with openapi.yaml and swagger-ui/ (ROEHUB_API_DOCS_DIR, docs/api)" },
	{ "threads", "N", "handler threads, each with its own database session (8)" },
	{ "port-file", "PATH", "write the port there once listening; allows --port 0" },
};

/* ---- handler threads ----------------------------------------------------------------------------------------------- */

static struct redis *open_redis(const struct api_config *c, struct error *err)
{
	struct redis_settings s = { .port = (int)c->redis_port,
				    .db = (int)c->redis_db,
				    .connect_timeout_ms = (int)(c->redis_timeout_s * 1000),
				    .socket_timeout_ms = (int)(c->redis_timeout_s * 1000) };
	struct redis *redis = NULL;

	str_copy(s.host, sizeof(s.host), str_from(c->redis_host));
	if (c->redis_password_env[0] == '\0' || secret_from_env(&s.password, c->redis_password_env))
		redis = redis_new(&s);
	secret_release(&s.password);
	if (redis == NULL)
		error_set(err, ERR_UNAVAILABLE, "no memory for a Redis connection");
	return redis;
}

static void worker_close(void *worker)
{
	struct api_worker *w = worker;

	if (w->strategy != w->identity)
		pg_close(w->strategy);
	pg_close(w->identity);
	redis_free(w->redis);
	free(w);
}

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
	if (w->strategy == NULL || pg_check_schema(w->strategy, err) != 0 ||
	    (w->strategy != w->identity && pg_check_schema(w->identity, err) != 0) ||
	    (w->redis = open_redis(&app->config, err)) == NULL || redis_ping(w->redis, err) != 0) {
		worker_close(w);
		return NULL;
	}
	return w;
}

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
	const struct {
		struct metric **out;
		const char *name, *help, *labels[METRIC_LABELS_MAX];
	} rows[] = {
		{ &app->metrics.logins, "identity_login_total", "Logins by result", { "result" } },
		{ &app->metrics.session_rejections,
		  "identity_session_rejections_total",
		  "Requests without a valid session",
		  { "code" } },
		{ &app->metrics.two_factor,
		  "identity_2fa_operations_total",
		  "Two-factor operations by result",
		  { "operation", "result" } },
		{ &app->metrics.exchange_keys,
		  "identity_exchange_keys_operations_total",
		  "Exchange key operations by result",
		  { "operation", "result" } },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct metric_def def = { .kind = METRIC_COUNTER, .name = rows[i].name, .help = rows[i].help };

		memcpy(def.labels, rows[i].labels, sizeof(def.labels));
		*rows[i].out = metrics_add(app->service->metrics, &def);
	}
}

static int load_api_config(struct app *app, struct error *err)
{
	const char *docs = service_option(app->service, "docs");
	char path[1024];

	if (config_resolve_path(service_option(app->service, "api-config"), "ROEHUB_API_CONFIG", "api.yaml", path,
				sizeof(path), err) != 0 ||
	    api_config_load(path, &app->config, err) != 0 ||
	    client_networks_parse(str_from(app->config.trusted_proxies), &app->trusted_proxies, err) != 0)
		return -1;
	app->limits = limits_new(&app->config, app->service->metrics);
	if (app->limits == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory");
	if (!app->config.docs)
		return 0;
	if (docs == NULL)
		docs = config_env("ROEHUB_API_DOCS_DIR");
	app->docs = docs_load(docs != NULL ? docs : "docs/api", err);
	return app->docs != NULL ? 0 : -1;
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

/* What every answer says to browsers; a page may loosen its own policy. */
static const struct http_header security_headers[] = {
	{ STR("X-Content-Type-Options"), STR("nosniff") },
	{ STR("X-Frame-Options"), STR("DENY") },
	{ STR("Referrer-Policy"), STR("no-referrer") },
	{ STR("Cross-Origin-Resource-Policy"), STR("same-origin") },
	{ STR("Content-Security-Policy"), STR("default-src 'none'; frame-ancestors 'none'") },
	{ STR("Strict-Transport-Security"), STR("max-age=31536000") }, /* the last: only where cookies are Secure */
};

static int listen_http(struct app *app, struct error *err)
{
	static struct http_route routes[API_ROUTES_MAX];
	const char *host = service_option(app->service, "host"), *port_file = service_option(app->service, "port-file");
	int64_t port, threads;
	struct http_server_config cfg = { .host = host != NULL ? host : "0.0.0.0",
					  .routes = routes,
					  .route_count = api_routes(&app->config, &app->strategy, routes),
					  .worker_open = worker_open,
					  .worker_close = worker_close,
					  .before = gate_before,
					  .after = gate_after,
					  .headers = security_headers,
					  .header_count =
						  ARRAY_LEN(security_headers) - !app->settings.cookie_secure,
					  .user = app,
					  .metrics = app->service->metrics,
					  .metrics_prefix = "roehub_api",
					  .log = app->service->log,
					  .access_log = true };

	if (int_option(app->service, "port", 8000, port_file != NULL ? 0 : 1, 65535, &port, err) != 0 ||
	    int_option(app->service, "threads", 8, 1, 64, &threads, err) != 0)
		return -1;
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
	atomic_store(&app->redis_ok, true);
	add_metrics(app);
	if (settings_load(&app->settings, &run->log, err) != 0 || load_strategy_config(app, err) != 0 ||
	    load_api_config(app, err) != 0 || listen_http(app, err) != 0)
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
	limits_free(app->limits);
	docs_free(app->docs);
	settings_release(&app->settings);
	free(app);
}

static void health(struct service_run *run, struct service_health *out)
{
	struct app *app = run->state;

	out->checks[out->count].name = "postgres";
	out->checks[out->count++].ok = atomic_load(&app->postgres_ok);
	out->checks[out->count].name = "redis";
	out->checks[out->count++].ok = atomic_load(&app->redis_ok);
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
