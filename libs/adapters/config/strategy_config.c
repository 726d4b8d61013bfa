#include "adapters/config/strategy_config.h"

#include <stdio.h>
#include <string.h>

#include "adapters/config/yaml_fields.h"

/* ---- the file, as text --------------------------------------------------------------------------------------------- */

struct y_enabled {
	char *enabled;
};
struct y_input {
	char *enabled, *host, *port, *db, *password_env, *socket_timeout_s, *connect_timeout_s;
	char *stream_prefix, *consumer_group, *read_count, *block_ms;
};
struct y_repair {
	char *retry_attempts, *retry_backoff_seconds;
};
struct y_worker {
	char *enabled, *poll_interval_seconds, *catch_up_seconds;
	struct y_input *redis_streams;
	struct y_repair *repair;
};
struct y_output_redis {
	char *enabled, *host, *port, *db, *password_env, *socket_timeout_s, *connect_timeout_s;
	char *metrics_stream_prefix, *events_stream_prefix, *maxlen_approx;
};
struct y_output {
	struct y_output_redis *redis_streams;
};
struct y_telegram {
	char *enabled, *mode, *bot_token_env, *api_base_url, *send_timeout_s, *debounce_failed_seconds;
};
struct y_metrics {
	char *port;
};
struct y_strategy {
	struct y_enabled *api;
	struct y_worker *live_worker;
	struct y_output *realtime_output;
	struct y_telegram *telegram;
	struct y_metrics *metrics;
};
struct y_config_ref {
	char *path;
};
struct y_runner { /* the shim, or the old form with everything in one section */
	struct y_config_ref *config_ref;
	char *poll_interval_seconds;
	struct y_input *redis_streams;
	struct y_output_redis *realtime_output;
	struct y_telegram *telegram;
	struct y_repair *repair;
};
struct y_file {
	char *version;
	struct y_strategy *strategy;
	struct y_runner *strategy_live_runner;
};

static const cyaml_schema_field_t enabled_fields[] = { YAML_TEXT(y_enabled, enabled), CYAML_FIELD_END };
static const cyaml_schema_field_t input_fields[] = { YAML_TEXT(y_input, enabled),
						     YAML_TEXT(y_input, host),
						     YAML_TEXT(y_input, port),
						     YAML_TEXT(y_input, db),
						     YAML_TEXT_OR_NULL(y_input, password_env),
						     YAML_TEXT(y_input, socket_timeout_s),
						     YAML_TEXT(y_input, connect_timeout_s),
						     YAML_TEXT(y_input, stream_prefix),
						     YAML_TEXT(y_input, consumer_group),
						     YAML_TEXT(y_input, read_count),
						     YAML_TEXT(y_input, block_ms),
						     CYAML_FIELD_END };
static const cyaml_schema_field_t repair_fields[] = { YAML_TEXT(y_repair, retry_attempts),
						      YAML_TEXT(y_repair, retry_backoff_seconds), CYAML_FIELD_END };
static const cyaml_schema_field_t worker_fields[] = { YAML_TEXT(y_worker, enabled),
						      YAML_TEXT(y_worker, poll_interval_seconds),
						      YAML_TEXT(y_worker, catch_up_seconds),
						      YAML_MAP(y_worker, redis_streams, input_fields),
						      YAML_MAP(y_worker, repair, repair_fields),
						      CYAML_FIELD_END };
static const cyaml_schema_field_t output_redis_fields[] = { YAML_TEXT(y_output_redis, enabled),
							    YAML_TEXT(y_output_redis, host),
							    YAML_TEXT(y_output_redis, port),
							    YAML_TEXT(y_output_redis, db),
							    YAML_TEXT_OR_NULL(y_output_redis, password_env),
							    YAML_TEXT(y_output_redis, socket_timeout_s),
							    YAML_TEXT(y_output_redis, connect_timeout_s),
							    YAML_TEXT(y_output_redis, metrics_stream_prefix),
							    YAML_TEXT(y_output_redis, events_stream_prefix),
							    YAML_TEXT(y_output_redis, maxlen_approx),
							    CYAML_FIELD_END };
static const cyaml_schema_field_t output_fields[] = { YAML_MAP(y_output, redis_streams, output_redis_fields),
						      CYAML_FIELD_END };
static const cyaml_schema_field_t telegram_fields[] = { YAML_TEXT(y_telegram, enabled),
							YAML_TEXT(y_telegram, mode),
							YAML_TEXT_OR_NULL(y_telegram, bot_token_env),
							YAML_TEXT(y_telegram, api_base_url),
							YAML_TEXT(y_telegram, send_timeout_s),
							YAML_TEXT(y_telegram, debounce_failed_seconds),
							CYAML_FIELD_END };
static const cyaml_schema_field_t metrics_fields[] = { YAML_TEXT(y_metrics, port), CYAML_FIELD_END };
static const cyaml_schema_field_t strategy_fields[] = { YAML_MAP(y_strategy, api, enabled_fields),
							YAML_MAP(y_strategy, live_worker, worker_fields),
							YAML_MAP(y_strategy, realtime_output, output_fields),
							YAML_MAP(y_strategy, telegram, telegram_fields),
							YAML_MAP(y_strategy, metrics, metrics_fields),
							CYAML_FIELD_END };
static const cyaml_schema_field_t config_ref_fields[] = { YAML_TEXT(y_config_ref, path), CYAML_FIELD_END };
static const cyaml_schema_field_t runner_fields[] = { YAML_MAP(y_runner, config_ref, config_ref_fields),
						      YAML_TEXT(y_runner, poll_interval_seconds),
						      YAML_MAP(y_runner, redis_streams, input_fields),
						      YAML_MAP(y_runner, realtime_output, output_redis_fields),
						      YAML_MAP(y_runner, telegram, telegram_fields),
						      YAML_MAP(y_runner, repair, repair_fields),
						      CYAML_FIELD_END };
static const cyaml_schema_field_t file_fields[] = { YAML_TEXT(y_file, version),
						    YAML_MAP(y_file, strategy, strategy_fields),
						    YAML_MAP(y_file, strategy_live_runner, runner_fields),
						    CYAML_FIELD_END };
static const cyaml_schema_value_t file_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct y_file, file_fields) };

/* ---- the values ---------------------------------------------------------------------------------------------------- */

#define SECTION(p, type) ((p) != NULL ? (p) : &(struct type){ 0 })

/* The members that both Redis sections share; section: their place in the file, for messages. */
struct y_redis_common {
	const char *enabled, *host, *port, *db, *password_env, *socket_timeout_s, *connect_timeout_s;
};

static void read_redis(struct config_reader *r, const char *section, const struct y_redis_common *y,
		       const char *env_enabled, bool dflt_enabled, const char *dflt_password_env,
		       struct redis_config *out)
{
	char prefix[96];
	const char *saved = r->prefix;

	snprintf(prefix, sizeof(prefix), "strategy.%s.", section);
	r->prefix = prefix;
	config_bool(r, "enabled", env_enabled, y->enabled, &dflt_enabled, &out->enabled);
	config_text(r, "host", "ROEHUB_REDIS_HOST", y->host, "redis", out->host, sizeof(out->host));
	config_int(r, "port", "ROEHUB_REDIS_PORT", y->port, CONFIG_DEFAULT_INT(6379), 1, 65535, &out->port);
	config_int(r, "db", NULL, y->db, CONFIG_DEFAULT_INT(0), 0, 1000000, &out->db);
	config_double(r, "socket_timeout_s", NULL, y->socket_timeout_s, CONFIG_DEFAULT_DOUBLE(2.0), BOUND_POSITIVE,
		      &out->socket_timeout_s);
	config_double(r, "connect_timeout_s", NULL, y->connect_timeout_s, CONFIG_DEFAULT_DOUBLE(2.0), BOUND_POSITIVE,
		      &out->connect_timeout_s);
	if (y->password_env != NULL || dflt_password_env != NULL)
		config_text(r, "password_env", NULL, y->password_env, dflt_password_env, out->password_env,
			    sizeof(out->password_env));
	r->prefix = saved;
}

static void read_worker(struct config_reader *r, const struct y_worker *y, struct strategy_config *c)
{
	const struct y_input *in = SECTION(y->redis_streams, y_input);
	const struct y_repair *repair = SECTION(y->repair, y_repair);
	const struct y_redis_common common = {
		in->enabled, in->host, in->port, in->db, in->password_env, in->socket_timeout_s, in->connect_timeout_s
	};

	config_bool(r, "live_worker.enabled", "ROEHUB_STRATEGY_LIVE_WORKER_ENABLED", y->enabled,
		    CONFIG_DEFAULT_BOOL(true), &c->worker_enabled);
	config_int(r, "live_worker.poll_interval_seconds", NULL, y->poll_interval_seconds, CONFIG_DEFAULT_INT(5), 1,
		   86400, &c->poll_interval_s);
	config_int(r, "live_worker.catch_up_seconds", NULL, y->catch_up_seconds, CONFIG_DEFAULT_INT(90), 1, 86400,
		   &c->catch_up_s);
	read_redis(r, "live_worker.redis_streams", &common, NULL, true, NULL, &c->input);
	config_text(r, "live_worker.redis_streams.stream_prefix", NULL, in->stream_prefix, "md.candles.1m",
		    c->stream_prefix, sizeof(c->stream_prefix));
	config_text(r, "live_worker.redis_streams.consumer_group", NULL, in->consumer_group, "strategy.live_runner.v1",
		    c->consumer_group, sizeof(c->consumer_group));
	config_int(r, "live_worker.redis_streams.read_count", NULL, in->read_count, CONFIG_DEFAULT_INT(200), 1, 100000,
		   &c->read_count);
	config_int(r, "live_worker.redis_streams.block_ms", NULL, in->block_ms, CONFIG_DEFAULT_INT(100), 0, 60000,
		   &c->block_ms);
	config_int(r, "live_worker.repair.retry_attempts", NULL, repair->retry_attempts, CONFIG_DEFAULT_INT(3), 0, 1000,
		   &c->repair_retries);
	config_double(r, "live_worker.repair.retry_backoff_seconds", NULL, repair->retry_backoff_seconds,
		      CONFIG_DEFAULT_DOUBLE(1.0), BOUND_NOT_NEGATIVE, &c->repair_backoff_s);
	if (!r->failed && (double)c->block_ms >= c->input.socket_timeout_s * 1000)
		config_fail(r, "strategy.live_worker.redis_streams.block_ms must be below socket_timeout_s");
}

static void read_output(struct config_reader *r, const struct y_output_redis *y, struct strategy_config *c)
{
	const struct y_redis_common common = {
		y->enabled, y->host, y->port, y->db, y->password_env, y->socket_timeout_s, y->connect_timeout_s
	};

	read_redis(r, "realtime_output.redis_streams", &common, "ROEHUB_STRATEGY_REALTIME_OUTPUT_REDIS_STREAMS_ENABLED",
		   false, NULL, &c->output);
	config_text(r, "realtime_output.redis_streams.metrics_stream_prefix", NULL, y->metrics_stream_prefix,
		    "strategy.metrics.v1.user", c->metrics_stream_prefix, sizeof(c->metrics_stream_prefix));
	config_text(r, "realtime_output.redis_streams.events_stream_prefix", NULL, y->events_stream_prefix,
		    "strategy.events.v1.user", c->events_stream_prefix, sizeof(c->events_stream_prefix));
	config_int(r, "realtime_output.redis_streams.maxlen_approx", NULL, y->maxlen_approx, CONFIG_DEFAULT_INT(20000),
		   0, 1000000000, &c->maxlen_approx);
}

static void read_telegram(struct config_reader *r, const struct y_telegram *y, struct strategy_config *c)
{
	char mode[32] = "";

	config_bool(r, "telegram.enabled", "ROEHUB_STRATEGY_TELEGRAM_ENABLED", y->enabled, CONFIG_DEFAULT_BOOL(false),
		    &c->telegram_enabled);
	config_text(r, "telegram.mode", "ROEHUB_TELEGRAM_MODE", y->mode, "log_only", mode, sizeof(mode));
	config_text(r, "telegram.bot_token_env", NULL, y->bot_token_env, "TELEGRAM_BOT_TOKEN", c->bot_token_env,
		    sizeof(c->bot_token_env));
	config_text(r, "telegram.api_base_url", "ROEHUB_TELEGRAM_API_BASE_URL", y->api_base_url,
		    "https://api.telegram.org", c->api_base_url, sizeof(c->api_base_url));
	config_double(r, "telegram.send_timeout_s", NULL, y->send_timeout_s, CONFIG_DEFAULT_DOUBLE(3.0), BOUND_POSITIVE,
		      &c->send_timeout_s);
	config_int(r, "telegram.debounce_failed_seconds", NULL, y->debounce_failed_seconds, CONFIG_DEFAULT_INT(600), 0,
		   86400000, &c->debounce_failed_s);
	c->telegram_log_only = strcmp(mode, "log_only") == 0;
	if (!r->failed && !c->telegram_log_only && strcmp(mode, "telegram") != 0)
		config_fail(r, "strategy.telegram.mode must be one of: log_only, telegram");
	while (str_ends(str_from(c->api_base_url), STR("/")))
		c->api_base_url[strlen(c->api_base_url) - 1] = '\0';
}

static void read_strategy(struct config_reader *r, const struct y_strategy *y, struct strategy_config *c)
{
	config_bool(r, "api.enabled", "ROEHUB_STRATEGY_API_ENABLED", SECTION(y->api, y_enabled)->enabled,
		    CONFIG_DEFAULT_BOOL(true), &c->api_enabled);
	read_worker(r, SECTION(y->live_worker, y_worker), c);
	read_output(r, SECTION(SECTION(y->realtime_output, y_output)->redis_streams, y_output_redis), c);
	read_telegram(r, SECTION(y->telegram, y_telegram), c);
	config_int(r, "metrics.port", "ROEHUB_STRATEGY_METRICS_PORT", SECTION(y->metrics, y_metrics)->port,
		   CONFIG_DEFAULT_INT(9203), 1, 65535, &c->metrics_port);
}

/* The old form: its sections take their places in the new one. */
static void read_legacy(struct config_reader *r, const struct y_runner *y, struct strategy_config *c)
{
	struct y_worker worker = { .poll_interval_seconds = y->poll_interval_seconds,
				   .redis_streams = y->redis_streams,
				   .repair = y->repair };
	struct y_output output = { y->realtime_output };
	const struct y_strategy all = { .live_worker = &worker, .realtime_output = &output, .telegram = y->telegram };

	read_strategy(r, &all, c);
}

static void check_version(struct config_reader *r, const char *raw)
{
	int64_t version = 0;

	config_int(r, "version", NULL, raw, NULL, INT64_MIN, INT64_MAX, &version);
	if (!r->failed && version != 1)
		config_fail(r, "strategy config version must be 1, got %lld", (long long)version);
}

/* Relative to the shim, but a path that begins with configs/ is relative to the working directory. */
static void shim_target(const char *shim, const char *ref, char *out, size_t size)
{
	const char *slash = strrchr(shim, '/');

	if (ref[0] == '/' || str_starts(str_from(ref), STR("configs/")) || slash == NULL)
		snprintf(out, size, "%s", ref);
	else
		snprintf(out, size, "%.*s/%s", (int)(slash - shim), shim, ref);
}

static int load_file(const char *path, bool from_shim, struct strategy_config *out, struct error *err)
{
	char target[1024] = "";
	struct config_reader r;
	const struct y_file *y;
	void *data = NULL;

	if (config_load(from_shim ? "strategy live-runner" : "strategy", path, &file_schema, &data, err) != 0)
		return -1;
	y = data;
	memset(out, 0, sizeof(*out));
	snprintf(out->path, sizeof(out->path), "%s", path);
	config_reader_init(&r, "");
	check_version(&r, y->version);
	r.prefix = "strategy.";
	if (r.failed)
		(void)0; /* a file of another version: nothing below can be trusted */
	else if (y->strategy != NULL)
		read_strategy(&r, y->strategy, out);
	else if (y->strategy_live_runner == NULL)
		config_fail(&r, "missing required key: strategy");
	else if (y->strategy_live_runner->config_ref == NULL)
		read_legacy(&r, y->strategy_live_runner, out);
	else if (y->strategy_live_runner->config_ref->path == NULL || from_shim)
		config_fail(
			&r,
			"missing required key: strategy_live_runner.config_ref.path (of a file that is no shim itself)");
	else
		shim_target(path, y->strategy_live_runner->config_ref->path, target, sizeof(target));
	config_free(&file_schema, data);
	if (config_reader_end(&r, err) != 0)
		return -1;
	return target[0] != '\0' ? load_file(target, true, out, err) : 0;
}

int strategy_config_load(const char *path, struct strategy_config *out, struct error *err)
{
	return load_file(path, false, out, err);
}
