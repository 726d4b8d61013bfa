/* market-data-ws - closed 1m candles from exchange sockets to the candle store and md.candles.1m.*. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clickhouse/candle_store.h"
#include "adapters/postgres/candle_store.h"
#include "domain/market/whitelist.h"
#include "feed.h"
#include "runtime/config.h"
#include "runtime/service.h"

#define FEEDS_MAX     64
#define STAGGER_MS    100
#define SERVED_MARKET 1 /* binance:spot */

struct app {
	struct service_run *run;
	struct market_data_config config;
	struct whitelist whitelist;
	struct md_metrics metrics;
	struct store_thread *store;
	struct publisher *publisher;
	struct http_loop *http;
	struct fill_queue *fills;
	struct feed *feeds[FEEDS_MAX];
	size_t feed_count;
	struct uuid ingest_id;
	utc_t exchange_now;
};

static const struct service_option options[] = {
	{ "config", "PATH", "market_data.yaml (configs/<ROEHUB_ENV>/market_data.yaml)" },
	{ "whitelist", "PATH", "instruments, CSV (configs/<ROEHUB_ENV>/whitelist.csv)" },
	{ "metrics-port", "N", "port of /metrics, /health and /ready (9201)" },
	{ "port-file", "PATH", "write the port there once listening; allows --metrics-port 0" },
};

/* ---- start --------------------------------------------------------------------------------------------------------- */

static int read_port(struct service_run *run, int64_t *port, struct error *err)
{
	const char *text = service_option(run, "metrics-port");

	*port = 9201;
	if (text != NULL && (!str_to_i64(str_from(text), port) || *port < 0 || *port > 65535 ||
			     (*port == 0 && service_option(run, "port-file") == NULL)))
		return error_set(err, ERR_INVALID, "--metrics-port must be > 0 when provided");
	return 0;
}

static void on_duplicate(const struct instrument *i, int line, void *arg)
{
	struct service_run *run = arg;

	log_warn(&run->log, "whitelist_duplicate", LOG_INT("market_id", i->market_id), LOG_CSTR("symbol", i->symbol),
		 LOG_INT("line", line));
}

static int load_whitelist(struct app *app, const char *path, struct error *err)
{
	FILE *f = fopen(path, "re");
	char *text = f != NULL ? malloc(WHITELIST_BYTES_MAX + 1) : NULL;
	size_t n;
	int rc;

	if (f == NULL)
		return error_set(err, ERR_NOT_FOUND, "whitelist csv not found: %s", path);
	n = text != NULL ? fread(text, 1, WHITELIST_BYTES_MAX + 1, f) : 0;
	fclose(f);
	rc = text == NULL || n > WHITELIST_BYTES_MAX
		     ? error_set(err, ERR_TOO_LARGE, "whitelist csv is too large: %s", path)
		     : whitelist_parse((struct str){ text, n }, &app->whitelist, on_duplicate, app->run, err);
	free(text);
	return rc;
}

static struct candle_store *open_store(struct app *app, struct error *err)
{
	const char *dsn = config_env("MARKET_DATA_PG_DSN") != NULL ? config_env("MARKET_DATA_PG_DSN")
								   : config_env("STRATEGY_PG_DSN");
	struct ch_settings ch;

	if (strcmp(app->config.candle_store, "clickhouse") == 0)
		return ch_settings_from_env(&ch, err) == 0 ? ch_candle_store_open(&ch, err) : NULL;
	if (dsn == NULL) {
		error_set(err, ERR_INVALID,
			  "MARKET_DATA_PG_DSN (or STRATEGY_PG_DSN) is required for the postgres candle store");
		return NULL;
	}
	return pg_candle_store_open(dsn, "market-data-ws", err);
}

static void on_lost(const struct instrument *i, utc_t minute, void *arg)
{
	struct app *app = arg;

	for (size_t k = 0; k < app->feed_count; k++)
		if (feed_refetch(app->feeds[k], i, minute))
			return;
}

static int start_store(struct app *app, struct error *err)
{
	struct candle_store *store = open_store(app, err);
	struct store_settings s = { .loop = app->run->loop,
				    .store = store,
				    .metrics = &app->metrics,
				    .log = app->run->log,
				    .flush_interval_ms = app->config.flush_interval_ms,
				    .max_rows = app->config.max_buffer_rows,
				    .on_lost = on_lost,
				    .arg = app };

	if (store == NULL)
		return -1;
	if (store->ping(store, err) != 0) {
		store->close(store);
		return -1;
	}
	app->store = store_thread_start(&s, err);
	if (app->store == NULL)
		store->close(store);
	return app->store != NULL ? 0 : -1;
}

static int start_publisher(struct app *app, struct error *err)
{
	const struct market_data_config *c = &app->config;
	struct redis_settings s = { .port = (int)c->redis.port,
				    .db = (int)c->redis.db,
				    .connect_timeout_ms = (int)(c->redis.connect_timeout_s * 1000),
				    .socket_timeout_ms = (int)(c->redis.socket_timeout_s * 1000) };
	struct redis *redis;
	struct publisher_settings p = { .prefix = c->redis.stream_prefix,
					.maxlen_approx = c->redis.maxlen_approx,
					.metrics = &app->metrics,
					.log = app->run->log };

	if (!c->redis.enabled)
		return 0;
	str_copy(s.host, sizeof(s.host), str_from(c->redis.host));
	if (c->redis.password_env[0] != '\0' && !secret_from_env(&s.password, c->redis.password_env))
		return error_set(err, ERR_UNAVAILABLE, "no memory");
	redis = redis_new(&s);
	secret_release(&s.password);
	if (redis == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory");
	p.redis = redis;
	if (redis_ping(redis, err) != 0 || (app->publisher = publisher_start(&p, err)) == NULL) {
		redis_free(redis);
		return -1;
	}
	return 0;
}

static utc_t exchange_now(void *arg) { return ((struct app *)arg)->exchange_now; }

/* The exchange's clock only moves forward, but for a new day behind the same address (a replay started again). */
static void on_exchange_time(utc_t t, void *arg)
{
	struct app *app = arg;

	if (t.ms > app->exchange_now.ms || app->exchange_now.ms - t.ms > 86400000)
		app->exchange_now = t;
}

static int start_market(struct app *app, const struct market_config *m, struct error *err)
{
	struct instrument *list = calloc(app->whitelist.n + 1, sizeof(*list));
	size_t n = 0;
	struct feed_settings s = { .loop = app->run->loop,
				   .market = m,
				   .store = app->store,
				   .publisher = app->publisher,
				   .metrics = &app->metrics,
				   .log = app->run->log,
				   .ingest_id = app->ingest_id,
				   .bootstrap_max_minutes = app->config.bootstrap_max_minutes,
				   .gap_scan_minutes = app->config.gap_scan_minutes,
				   .on_exchange_time = on_exchange_time,
				   .arg = app };
	struct fill_settings fills = { .loop = app->run->loop,
				       .http = app->http,
				       .store = app->store,
				       .market = m,
				       .concurrency = (int)app->config.rest_concurrency,
				       .metrics = &app->metrics,
				       .log = app->run->log,
				       .ingest_id = app->ingest_id,
				       .exchange_now = exchange_now,
				       .arg = app };
	int rc = 0;

	for (size_t i = 0; list != NULL && i < app->whitelist.n; i++)
		if (app->whitelist.rows[i].enabled && app->whitelist.rows[i].instrument.market_id == m->market_id)
			list[n++] = app->whitelist.rows[i].instrument;
	app->fills = s.fills = fill_queue_new(&fills, err);
	if (app->fills == NULL)
		rc = -1;
	if (n == 0)
		log_warn(&app->run->log, "no_instruments", LOG_CSTR("market", m->market_code));
	for (size_t from = 0; from < n && rc == 0; from += (size_t)m->symbols_per_connection) {
		s.instruments = list + from;
		s.count = MIN_OF(n - from, (size_t)m->symbols_per_connection);
		s.start_delay_ms = (int64_t)app->feed_count * STAGGER_MS;
		if (app->feed_count == FEEDS_MAX)
			rc = error_set(err, ERR_INVALID, "more than %d connections are needed", FEEDS_MAX);
		else if ((app->feeds[app->feed_count] = feed_start(&s, err)) == NULL)
			rc = -1;
		else
			app->feed_count++;
	}
	free(list);
	return rc;
}

/* Whitelist rows of markets that have no feed here: said once per market. */
static int check_markets(struct app *app, struct error *err)
{
	for (size_t i = 0; i < app->whitelist.n; i++) {
		const struct instrument *in = &app->whitelist.rows[i].instrument;
		bool first = true;

		if (market_config_of(&app->config, in->market_id) == NULL)
			return error_set(err, ERR_INVALID,
					 "whitelist contains market_id %d, which is not in the config (line %d)",
					 in->market_id, app->whitelist.rows[i].line);
		for (size_t k = 0; k < i; k++)
			first = first && app->whitelist.rows[k].instrument.market_id != in->market_id;
		if (first && in->market_id != SERVED_MARKET)
			log_warn(&app->run->log, "market_not_served", LOG_INT("market_id", in->market_id));
	}
	return 0;
}

static enum service_result start(struct service_run *run, struct error *err)
{
	struct app *app = calloc(1, sizeof(*app));
	const struct market_config *market;
	char path[1024];
	int64_t port;
	int got;

	run->state = app;
	if (app == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory");
		return SERVICE_FAILED;
	}
	app->run = run;
	app->exchange_now = UTC_NONE;
	app->ingest_id = uuid_v4();
	md_metrics_init(&app->metrics, run->metrics);
	if (read_port(run, &port, err) != 0 ||
	    config_resolve_path(service_option(run, "config"), "ROEHUB_MARKET_DATA_CONFIG", "market_data.yaml", path,
				sizeof(path), err) != 0 ||
	    market_data_config_load(path, utc_now(), &app->config, err) != 0 ||
	    config_resolve_path(service_option(run, "whitelist"), NULL, "whitelist.csv", path, sizeof(path), err) !=
		    0 ||
	    load_whitelist(app, path, err) != 0 || check_markets(app, err) != 0)
		return SERVICE_FAILED;
	market = market_config_of(&app->config, SERVED_MARKET);
	if (start_store(app, err) != 0 || start_publisher(app, err) != 0 ||
	    (app->http = http_loop_new(run->loop, err)) == NULL ||
	    (market != NULL && start_market(app, market, err) != 0))
		return SERVICE_FAILED;
	got = service_listen_metrics(run, "0.0.0.0", (int)port, err);
	if (got < 0 || service_write_ports(service_option(run, "port-file"), &(struct service_port){ "metrics", got },
					   1, err) != 0)
		return SERVICE_FAILED;
	return SERVICE_RUN;
}

/* ---- stop ---------------------------------------------------------------------------------------------------------- */

static void drain(struct service_run *run)
{
	struct app *app = run->state;

	for (size_t i = 0; i < app->feed_count; i++)
		feed_drain(app->feeds[i]);
}

static bool drained(struct service_run *run)
{
	struct app *app = run->state;

	for (size_t i = 0; i < app->feed_count; i++)
		if (!feed_drained(app->feeds[i]))
			return false;
	return true;
}

static void stop(struct service_run *run)
{
	struct app *app = run->state;

	if (app == NULL)
		return;
	http_loop_free(app->http); /* ends page and clock calls, whose owners are still there */
	fill_queue_free(app->fills);
	store_thread_stop(app->store, 5000);
	publisher_stop(app->publisher, 1000);
	for (size_t i = 0; i < app->feed_count; i++)
		feed_free(app->feeds[i]);
	whitelist_release(&app->whitelist);
	free(app);
}

static void health(struct service_run *run, struct service_health *out)
{
	struct app *app = run->state;
	bool connected = true;

	for (size_t i = 0; i < app->feed_count; i++)
		connected = connected && feed_connected(app->feeds[i]);
	out->checks[out->count].name = "candle_store";
	out->checks[out->count++].ok = store_healthy(app->store);
	out->checks[out->count].name = "redis";
	out->checks[out->count].disabled = app->publisher == NULL;
	out->checks[out->count++].ok = publisher_healthy(app->publisher);
	out->checks[out->count].name = "exchange";
	out->checks[out->count++].ok = connected;
}

int main(int argc, char **argv)
{
	static const struct service service = {
		.name = "market-data-ws",
		.about = "closed 1m candles from exchange sockets to the candle store and Redis",
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
