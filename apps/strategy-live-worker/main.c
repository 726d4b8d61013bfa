/* strategy-live-worker - candles to bars, bars to signals, signals to events, realtime streams and Telegram. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/clickhouse/candle_store.h"
#include "adapters/postgres/candle_store.h"
#include "adapters/telegram/notifier.h"
#include "runtime/config.h"
#include "worker.h"

#define DEBOUNCE_KEYS_MAX 10000

static const struct service_option options[] = {
	{ "config", "PATH",
	  "strategy.yaml, or a shim to it (ROEHUB_STRATEGY_CONFIG, configs/<ROEHUB_ENV>/strategy.yaml)" },
	{ "metrics-port", "N", "port of /metrics, /health and /ready (strategy.metrics.port)" },
	{ "port-file", "PATH", "write the port there once listening; allows --metrics-port 0" },
};

static int read_port(struct service_run *run, int64_t dflt, int64_t *port, struct error *err)
{
	const char *text = service_option(run, "metrics-port");

	*port = dflt;
	if (text != NULL && (!str_to_i64(str_from(text), port) || *port < 0 || *port > 65535 ||
			     (*port == 0 && service_option(run, "port-file") == NULL)))
		return error_set(err, ERR_INVALID, "--metrics-port must be > 0 when provided");
	return 0;
}

static int open_redis(const struct redis_config *c, struct redis **out, struct error *err)
{
	struct redis_settings s = { .port = (int)c->port,
				    .db = (int)c->db,
				    .connect_timeout_ms = (int)(c->connect_timeout_s * 1000),
				    .socket_timeout_ms = (int)(c->socket_timeout_s * 1000) };

	str_copy(s.host, sizeof(s.host), str_from(c->host));
	if (c->password_env[0] != '\0' && !secret_from_env(&s.password, c->password_env))
		return error_set(err, ERR_UNAVAILABLE, "no memory");
	*out = redis_new(&s);
	secret_release(&s.password);
	if (*out == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory");
	return redis_ping(*out, err);
}

static int open_candles(struct worker *w, const char *strategy_dsn, struct error *err)
{
	const char *kind = config_env("ROEHUB_CANDLE_STORE"), *dsn = config_env("MARKET_DATA_PG_DSN");
	struct ch_settings ch;

	if (kind != NULL && strcmp(kind, "clickhouse") == 0) {
		if (ch_settings_from_env(&ch, err) == 0)
			w->candles = ch_candle_store_open(&ch, err);
	} else if (kind == NULL || strcmp(kind, "postgres") == 0) {
		w->candles =
			pg_candle_store_open(dsn != NULL ? dsn : strategy_dsn, "strategy-live-worker/candles", err);
	} else {
		return error_set(err, ERR_INVALID, "ROEHUB_CANDLE_STORE must be postgres or clickhouse, got '%.32s'",
				 kind);
	}
	return w->candles != NULL ? w->candles->ping(w->candles, err) : -1;
}

static int open_notifier(struct worker *w, const char *strategy_dsn, struct error *err)
{
	const struct strategy_config *c = &w->config;
	const char *identity_dsn = config_env("IDENTITY_PG_DSN");
	struct secret token = SECRET_NONE;
	struct notifier *notifier;

	if (!c->telegram_enabled)
		return 0;
	w->debounce = notification_debounce_new(c->debounce_failed_s, DEBOUNCE_KEYS_MAX);
	if (w->debounce == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory");
	if (c->telegram_log_only) {
		notifier = log_notifier_open(&w->service->log, err);
	} else {
		if (!secret_from_env(&token, c->bot_token_env) || token.n == 0)
			return error_set(
				err, ERR_INVALID,
				"strategy_live_runner.telegram.bot_token_env requires environment variable %s with non-empty value",
				c->bot_token_env);
		notifier = telegram_notifier_open(c->api_base_url, &token, (int)(c->send_timeout_s * 1000), err);
		secret_release(&token);
	}
	if (notifier == NULL)
		return -1;
	w->notify = notify_start(
		&(struct notify_settings){ .identity_dsn = identity_dsn != NULL ? identity_dsn : strategy_dsn,
					   .notifier = notifier,
					   .metrics = &w->metrics,
					   .log = w->service->log },
		err);
	if (w->notify == NULL)
		notifier->close(notifier);
	return w->notify != NULL ? 0 : -1;
}

static int open_all(struct worker *w, struct error *err)
{
	static const struct pg_options session = { .application_name = "strategy-live-worker" };
	const char *dsn = config_env("STRATEGY_PG_DSN");

	if (!w->config.input.enabled)
		return error_set(err, ERR_INVALID,
				 "strategy_live_runner.redis_streams.enabled must be true for live-runner worker");
	if (dsn == NULL)
		return error_set(err, ERR_INVALID, "STRATEGY_PG_DSN is required for strategy live-runner worker");
	w->pg = pg_open(dsn, &session, err);
	w->ownership = ownership_new(dsn);
	if (w->pg == NULL || w->ownership == NULL || pg_check_schema(w->pg, err) != 0 ||
	    open_redis(&w->config.input, &w->input, err) != 0 || open_candles(w, dsn, err) != 0)
		return -1;
	if (w->config.output.enabled) {
		if (open_redis(&w->config.output, &w->output_redis, err) != 0)
			return -1;
		w->output = realtime_stream_new(w->output_redis, w->config.metrics_stream_prefix,
						w->config.events_stream_prefix, w->config.maxlen_approx);
		if (w->output == NULL)
			return error_set(err, ERR_UNAVAILABLE, "no memory");
	}
	return open_notifier(w, dsn, err);
}

static void name_consumer(struct worker *w)
{
	char host[128] = "";

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
		snprintf(host, sizeof(host), "unknown-host");
	snprintf(w->consumer, sizeof(w->consumer), "%s-%d", host, (int)getpid());
}

static enum service_result start(struct service_run *run, struct error *err)
{
	struct worker *w = calloc(1, sizeof(*w));
	char path[1024];
	int64_t port;
	int got;

	run->state = w;
	if (w == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory");
		return SERVICE_FAILED;
	}
	w->service = run;
	worker_metrics_init(&w->metrics, run->metrics);
	name_consumer(w);
	if (config_resolve_path(service_option(run, "config"), "ROEHUB_STRATEGY_CONFIG", "strategy.yaml", path,
				sizeof(path), err) != 0 ||
	    strategy_config_load(path, &w->config, err) != 0)
		return SERVICE_FAILED;
	if (!w->config.worker_enabled) {
		log_info(&run->log, "disabled", LOG_CSTR("status", "disabled"), LOG_CSTR("config_path", w->config.path),
			 LOG_CSTR("msg", "strategy live worker disabled by config"));
		return SERVICE_DISABLED;
	}
	if (read_port(run, w->config.metrics_port, &port, err) != 0 || open_all(w, err) != 0)
		return SERVICE_FAILED;
	atomic_store(&w->postgres_ok, true);
	atomic_store(&w->redis_ok, true);
	atomic_store(&w->candles_ok, true);
	got = service_listen_metrics(run, "0.0.0.0", (int)port, err);
	if (got < 0 || service_write_ports(service_option(run, "port-file"), &(struct service_port){ "metrics", got },
					   1, err) != 0)
		return SERVICE_FAILED;
	return SERVICE_RUN;
}

static int work(struct service_run *run, struct error *err) { return worker_loop(run->state, err); }

static void stop(struct service_run *run)
{
	struct worker *w = run->state;

	if (w == NULL)
		return;
	notify_stop(w->notify, 3000);
	notification_debounce_free(w->debounce);
	realtime_stream_free(w->output);
	redis_free(w->output_redis);
	if (w->candles != NULL)
		w->candles->close(w->candles);
	redis_free(w->input);
	ownership_free(w->ownership);
	pg_close(w->pg);
	free(w);
}

static void health(struct service_run *run, struct service_health *out)
{
	struct worker *w = run->state;
	const struct {
		const char *name;
		bool ok;
	} checks[] = { { "postgres", atomic_load(&w->postgres_ok) },
		       { "redis", atomic_load(&w->redis_ok) },
		       { "candle_store", atomic_load(&w->candles_ok) } };

	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		out->checks[out->count].name = checks[i].name;
		out->checks[out->count++].ok = checks[i].ok;
	}
}

int main(int argc, char **argv)
{
	static const struct service service = {
		.name = "strategy-live-worker",
		.about = "candles to bars, bars to signals, signals to events, realtime streams and Telegram",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.start = start,
		.work = work,
		.stop = stop,
		.health = health,
	};

	return service_main(&service, argc, argv);
}
