#include "adapters/config/market_data_config.h"

#include <stdio.h>
#include <string.h>

#include "adapters/config/yaml_fields.h"
#include "domain/market/instrument.h"

/* ---- the file, as text --------------------------------------------------------------------------------------------- */

struct y_backoff {
	char *base_s, *max_s, *jitter_s;
};
struct y_limiter {
	char *mode, *safety_factor, *max_concurrency;
};
struct y_rest {
	char *base_url, *earliest_available_ts_utc, *timeout_s, *retries;
	struct y_backoff *backoff;
	struct y_limiter *limiter;
};
struct y_reconnect {
	char *min_delay_s, *max_delay_s, *factor, *jitter_s;
};
struct y_ws {
	char *url, *ping_interval_s, *pong_timeout_s, *max_symbols_per_connection;
	struct y_reconnect *reconnect;
};
struct y_market {
	char *market_id, *exchange, *market_type, *market_code;
	struct y_rest *rest;
	struct y_ws *ws;
};
struct y_ingestion {
	char *flush_interval_ms, *max_buffer_rows, *rest_concurrency_instruments, *tail_lookback_minutes;
	char *rest_inter_instrument_delay_s, *bootstrap_max_minutes, *gap_scan_minutes;
};
struct y_job {
	char *interval_seconds;
};
struct y_jobs {
	struct y_job *sync_whitelist, *enrich, *rest_insurance_catchup;
};
struct y_scheduler {
	struct y_jobs *jobs;
};
struct y_backfill {
	char *max_days_per_insert, *chunk_align;
};
struct y_redis {
	char *enabled, *host, *port, *db, *password_env, *socket_timeout_s, *connect_timeout_s;
	char *stream_mode, *stream_prefix, *retention_days, *maxlen_approx;
};
struct y_live_feed {
	struct y_redis *redis_streams;
};
struct y_market_data {
	struct y_market *markets;
	unsigned markets_count;
	struct y_ingestion *ingestion;
	struct y_scheduler *scheduler;
	struct y_backfill *backfill;
	struct y_live_feed *live_feed;
};
struct y_file {
	char *version, *candle_store;
	struct y_market_data *market_data;
};

static const cyaml_schema_field_t backoff_fields[] = { YAML_TEXT(y_backoff, base_s), YAML_TEXT(y_backoff, max_s),
						       YAML_TEXT(y_backoff, jitter_s), CYAML_FIELD_END };
static const cyaml_schema_field_t limiter_fields[] = { YAML_TEXT(y_limiter, mode), YAML_TEXT(y_limiter, safety_factor),
						       YAML_TEXT(y_limiter, max_concurrency), CYAML_FIELD_END };
static const cyaml_schema_field_t rest_fields[] = { YAML_TEXT(y_rest, base_url),
						    YAML_TEXT(y_rest, earliest_available_ts_utc),
						    YAML_TEXT(y_rest, timeout_s),
						    YAML_TEXT(y_rest, retries),
						    YAML_MAP(y_rest, backoff, backoff_fields),
						    YAML_MAP(y_rest, limiter, limiter_fields),
						    CYAML_FIELD_END };
static const cyaml_schema_field_t reconnect_fields[] = { YAML_TEXT(y_reconnect, min_delay_s),
							 YAML_TEXT(y_reconnect, max_delay_s),
							 YAML_TEXT(y_reconnect, factor),
							 YAML_TEXT(y_reconnect, jitter_s), CYAML_FIELD_END };
static const cyaml_schema_field_t ws_fields[] = { YAML_TEXT(y_ws, url),
						  YAML_TEXT(y_ws, ping_interval_s),
						  YAML_TEXT(y_ws, pong_timeout_s),
						  YAML_TEXT(y_ws, max_symbols_per_connection),
						  YAML_MAP(y_ws, reconnect, reconnect_fields),
						  CYAML_FIELD_END };
static const cyaml_schema_field_t market_fields[] = { YAML_TEXT(y_market, market_id),
						      YAML_TEXT(y_market, exchange),
						      YAML_TEXT(y_market, market_type),
						      YAML_TEXT(y_market, market_code),
						      YAML_MAP(y_market, rest, rest_fields),
						      YAML_MAP(y_market, ws, ws_fields),
						      CYAML_FIELD_END };
static const cyaml_schema_value_t market_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct y_market,
								       market_fields) };
static const cyaml_schema_field_t ingestion_fields[] = { YAML_TEXT(y_ingestion, flush_interval_ms),
							 YAML_TEXT(y_ingestion, max_buffer_rows),
							 YAML_TEXT(y_ingestion, rest_concurrency_instruments),
							 YAML_TEXT(y_ingestion, tail_lookback_minutes),
							 YAML_TEXT(y_ingestion, rest_inter_instrument_delay_s),
							 YAML_TEXT(y_ingestion, bootstrap_max_minutes),
							 YAML_TEXT(y_ingestion, gap_scan_minutes),
							 CYAML_FIELD_END };
static const cyaml_schema_field_t job_fields[] = { YAML_TEXT(y_job, interval_seconds), CYAML_FIELD_END };
static const cyaml_schema_field_t jobs_fields[] = { YAML_MAP(y_jobs, sync_whitelist, job_fields),
						    YAML_MAP(y_jobs, enrich, job_fields),
						    YAML_MAP(y_jobs, rest_insurance_catchup, job_fields),
						    CYAML_FIELD_END };
static const cyaml_schema_field_t scheduler_fields[] = { YAML_MAP(y_scheduler, jobs, jobs_fields), CYAML_FIELD_END };
static const cyaml_schema_field_t backfill_fields[] = { YAML_TEXT(y_backfill, max_days_per_insert),
							YAML_TEXT(y_backfill, chunk_align), CYAML_FIELD_END };
static const cyaml_schema_field_t redis_fields[] = { YAML_TEXT(y_redis, enabled),
						     YAML_TEXT(y_redis, host),
						     YAML_TEXT(y_redis, port),
						     YAML_TEXT(y_redis, db),
						     YAML_TEXT_OR_NULL(y_redis, password_env),
						     YAML_TEXT(y_redis, socket_timeout_s),
						     YAML_TEXT(y_redis, connect_timeout_s),
						     YAML_TEXT(y_redis, stream_mode),
						     YAML_TEXT(y_redis, stream_prefix),
						     YAML_TEXT(y_redis, retention_days),
						     YAML_TEXT_OR_NULL(y_redis, maxlen_approx),
						     CYAML_FIELD_END };
static const cyaml_schema_field_t live_feed_fields[] = { YAML_MAP(y_live_feed, redis_streams, redis_fields),
							 CYAML_FIELD_END };
static const cyaml_schema_field_t market_data_fields[] = {
	CYAML_FIELD_SEQUENCE("markets", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct y_market_data, markets,
			     &market_value, 0, CONFIG_MARKETS_MAX),
	YAML_MAP(y_market_data, ingestion, ingestion_fields),
	YAML_MAP(y_market_data, scheduler, scheduler_fields),
	YAML_MAP(y_market_data, backfill, backfill_fields),
	YAML_MAP(y_market_data, live_feed, live_feed_fields),
	CYAML_FIELD_END
};
static const cyaml_schema_field_t file_fields[] = { YAML_TEXT(y_file, version), YAML_TEXT(y_file, candle_store),
						    YAML_MAP(y_file, market_data, market_data_fields),
						    CYAML_FIELD_END };
static const cyaml_schema_value_t file_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct y_file, file_fields) };

/* ---- the values ---------------------------------------------------------------------------------------------------- */

/* Sections that are absent read as empty ones. */
#define SECTION(p, type) ((p) != NULL ? (p) : &(struct type){ 0 })

static void read_rest(struct config_reader *r, const char *env_url, const struct y_rest *y, utc_t now,
		      struct market_config *m)
{
	const struct y_backoff *b = SECTION(y->backoff, y_backoff);
	const struct y_limiter *l = SECTION(y->limiter, y_limiter);
	char earliest[64] = "", mode[32] = "";

	config_text(r, "rest.base_url", env_url, y->base_url, NULL, m->rest_url, sizeof(m->rest_url));
	config_text(r, "rest.earliest_available_ts_utc", NULL, y->earliest_available_ts_utc, NULL, earliest,
		    sizeof(earliest));
	config_double(r, "rest.timeout_s", NULL, y->timeout_s, NULL, BOUND_POSITIVE, &m->rest_timeout_s);
	config_int(r, "rest.retries", NULL, y->retries, NULL, 0, 100, &m->rest_retries);
	config_double(r, "rest.backoff.base_s", NULL, b->base_s, NULL, BOUND_POSITIVE, &m->backoff_base_s);
	config_double(r, "rest.backoff.max_s", NULL, b->max_s, NULL, BOUND_POSITIVE, &m->backoff_max_s);
	config_double(r, "rest.backoff.jitter_s", NULL, b->jitter_s, NULL, BOUND_NOT_NEGATIVE, &m->backoff_jitter_s);
	config_text(r, "rest.limiter.mode", NULL, l->mode, NULL, mode, sizeof(mode));
	config_double(r, "rest.limiter.safety_factor", NULL, l->safety_factor, NULL, BOUND_POSITIVE,
		      &m->limiter_safety);
	config_int(r, "rest.limiter.max_concurrency", NULL, l->max_concurrency, NULL, 1, 1000, &m->limiter_concurrency);
	if (r->failed)
		return;
	if (!utc_parse(str_from(earliest), &m->earliest))
		config_fail(r, "invalid ISO-8601 timestamp at key 'earliest_available_ts_utc': '%s'", earliest);
	else if (m->earliest.ms > now.ms)
		config_fail(r, "key 'earliest_available_ts_utc' must not be in the future: '%s'", earliest);
	else if (m->backoff_base_s > m->backoff_max_s)
		config_fail(r, "backoff.base_s must be <= backoff.max_s, got %g > %g", m->backoff_base_s,
			    m->backoff_max_s);
	else if (strcmp(mode, "autodetect") != 0)
		config_fail(r, "rest.limiter.mode must be 'autodetect', got '%s'", mode);
	else if (m->limiter_safety > 1)
		config_fail(r, "rest.limiter.safety_factor must be in (0, 1], got %g", m->limiter_safety);
	while (str_ends(str_from(m->rest_url), STR("/")))
		m->rest_url[strlen(m->rest_url) - 1] = '\0';
}

static void read_ws(struct config_reader *r, const char *env_url, const struct y_ws *y, struct market_config *m)
{
	const struct y_reconnect *c = SECTION(y->reconnect, y_reconnect);

	config_text(r, "ws.url", env_url, y->url, NULL, m->ws_url, sizeof(m->ws_url));
	config_double(r, "ws.ping_interval_s", NULL, y->ping_interval_s, NULL, BOUND_POSITIVE, &m->ping_interval_s);
	config_double(r, "ws.pong_timeout_s", NULL, y->pong_timeout_s, NULL, BOUND_POSITIVE, &m->pong_timeout_s);
	config_int(r, "ws.max_symbols_per_connection", NULL, y->max_symbols_per_connection, NULL, 1, 1024,
		   &m->symbols_per_connection);
	config_double(r, "ws.reconnect.min_delay_s", NULL, c->min_delay_s, NULL, BOUND_POSITIVE, &m->reconnect_min_s);
	config_double(r, "ws.reconnect.max_delay_s", NULL, c->max_delay_s, NULL, BOUND_POSITIVE, &m->reconnect_max_s);
	config_double(r, "ws.reconnect.factor", NULL, c->factor, NULL, BOUND_POSITIVE, &m->reconnect_factor);
	config_double(r, "ws.reconnect.jitter_s", NULL, c->jitter_s, NULL, BOUND_NOT_NEGATIVE, &m->reconnect_jitter_s);
	if (r->failed)
		return;
	if (m->reconnect_min_s > m->reconnect_max_s)
		config_fail(r, "ws.reconnect.min_delay_s must be <= ws.reconnect.max_delay_s, got %g > %g",
			    m->reconnect_min_s, m->reconnect_max_s);
	else if (m->reconnect_factor < 1)
		config_fail(r, "ws.reconnect.factor must be >= 1, got %g", m->reconnect_factor);
}

static void read_market(struct config_reader *r, const struct y_market *y, utc_t now, struct market_config *m)
{
	const struct market *known;
	char env[3][48];
	int64_t id = 0;

	config_int(r, "market_id", NULL, y->market_id, NULL, 1, 65535, &id);
	config_text(r, "exchange", NULL, y->exchange, NULL, m->exchange, sizeof(m->exchange));
	config_text(r, "market_type", NULL, y->market_type, NULL, m->market_type, sizeof(m->market_type));
	config_text(r, "market_code", NULL, y->market_code, NULL, m->market_code, sizeof(m->market_code));
	if (r->failed)
		return;
	m->market_id = (int)id;
	known = market_by_id(m->market_id);
	if (known == NULL)
		config_fail(r, "market_id must be one of the known markets 1..4, got %d", m->market_id);
	else if (strcmp(known->exchange, m->exchange) != 0 || strcmp(known->market_type, m->market_type) != 0 ||
		 strcmp(known->code, m->market_code) != 0)
		config_fail(r, "market %d must be %s, got %s %s %s", m->market_id, known->code, m->exchange,
			    m->market_type, m->market_code);
	snprintf(env[0], sizeof(env[0]), "ROEHUB_MARKET_%d_REST_URL", m->market_id);
	snprintf(env[1], sizeof(env[1]), "ROEHUB_MARKET_%d_WS_URL", m->market_id);
	snprintf(env[2], sizeof(env[2]), "ROEHUB_MARKET_%d_CA_FILE", m->market_id);
	read_rest(r, env[0], SECTION(y->rest, y_rest), now, m);
	read_ws(r, env[1], SECTION(y->ws, y_ws), m);
	if (config_env(env[2]) != NULL &&
	    !str_copy(m->ca_file, sizeof(m->ca_file), str_trim(str_from(config_env(env[2])))))
		config_fail(r, "%s is too long", env[2]);
}

static void read_ingestion(struct config_reader *r, const struct y_ingestion *y, struct market_data_config *c)
{
	config_int(r, "ingestion.flush_interval_ms", NULL, y->flush_interval_ms, NULL, 1, 500, &c->flush_interval_ms);
	config_int(r, "ingestion.max_buffer_rows", NULL, y->max_buffer_rows, NULL, 1, 1000000, &c->max_buffer_rows);
	config_int(r, "ingestion.rest_concurrency_instruments", NULL, y->rest_concurrency_instruments,
		   CONFIG_DEFAULT_INT(4), 1, 64, &c->rest_concurrency);
	config_int(r, "ingestion.tail_lookback_minutes", NULL, y->tail_lookback_minutes, CONFIG_DEFAULT_INT(180), 1,
		   1000000, &c->tail_lookback_minutes);
	config_double(r, "ingestion.rest_inter_instrument_delay_s", NULL, y->rest_inter_instrument_delay_s,
		      CONFIG_DEFAULT_DOUBLE(0.0), BOUND_NOT_NEGATIVE, &c->rest_inter_instrument_delay_s);
	config_int(r, "ingestion.bootstrap_max_minutes", NULL, y->bootstrap_max_minutes, CONFIG_DEFAULT_INT(0), 0,
		   100000000, &c->bootstrap_max_minutes);
	config_int(r, "ingestion.gap_scan_minutes", NULL, y->gap_scan_minutes, CONFIG_DEFAULT_INT(10080), 0, 100000000,
		   &c->gap_scan_minutes);
}

/* Sections that other programs use are checked here too: one file, one verdict. */
static void check_other_sections(struct config_reader *r, const struct y_market_data *y)
{
	const struct y_jobs *jobs = SECTION(SECTION(y->scheduler, y_scheduler)->jobs, y_jobs);
	const struct y_backfill *backfill = SECTION(y->backfill, y_backfill);
	const struct {
		const struct y_job *job;
		const char *key;
		int64_t dflt;
	} rows[] = { { jobs->sync_whitelist, "scheduler.jobs.sync_whitelist.interval_seconds", 3600 },
		     { jobs->enrich, "scheduler.jobs.enrich.interval_seconds", 21600 },
		     { jobs->rest_insurance_catchup, "scheduler.jobs.rest_insurance_catchup.interval_seconds", 3600 } };
	char align[32] = "";
	int64_t v;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		config_int(r, rows[i].key, NULL, SECTION(rows[i].job, y_job)->interval_seconds, &rows[i].dflt, 1,
			   31536000, &v);
	config_int(r, "backfill.max_days_per_insert", NULL, backfill->max_days_per_insert, NULL, 1, 7, &v);
	config_text(r, "backfill.chunk_align", NULL, backfill->chunk_align, NULL, align, sizeof(align));
	if (!r->failed && strcmp(align, "utc_day") != 0)
		config_fail(r, "backfill.chunk_align must be 'utc_day', got '%s'", align);
}

static void read_redis(struct config_reader *r, const struct y_redis *y, struct market_data_config *c)
{
	char mode[32] = "";
	int64_t days = 7;

	config_bool(r, "live_feed.redis_streams.enabled", NULL, y->enabled, CONFIG_DEFAULT_BOOL(false),
		    &c->redis.enabled);
	config_text(r, "live_feed.redis_streams.host", "ROEHUB_REDIS_HOST", y->host, "redis", c->redis.host,
		    sizeof(c->redis.host));
	config_int(r, "live_feed.redis_streams.port", "ROEHUB_REDIS_PORT", y->port, CONFIG_DEFAULT_INT(6379), 1, 65535,
		   &c->redis.port);
	config_int(r, "live_feed.redis_streams.db", NULL, y->db, CONFIG_DEFAULT_INT(0), 0, 1000000, &c->redis.db);
	config_double(r, "live_feed.redis_streams.socket_timeout_s", NULL, y->socket_timeout_s,
		      CONFIG_DEFAULT_DOUBLE(2.0), BOUND_POSITIVE, &c->redis.socket_timeout_s);
	config_double(r, "live_feed.redis_streams.connect_timeout_s", NULL, y->connect_timeout_s,
		      CONFIG_DEFAULT_DOUBLE(2.0), BOUND_POSITIVE, &c->redis.connect_timeout_s);
	config_text(r, "live_feed.redis_streams.stream_mode", NULL, y->stream_mode, "per_instrument", mode,
		    sizeof(mode));
	config_text(r, "live_feed.redis_streams.stream_prefix", NULL, y->stream_prefix, "md.candles.1m",
		    c->redis.stream_prefix, sizeof(c->redis.stream_prefix));
	config_int(r, "live_feed.redis_streams.retention_days", NULL, y->retention_days, CONFIG_DEFAULT_INT(7), 1,
		   100000, &days);
	config_int(r, "live_feed.redis_streams.maxlen_approx", NULL, y->maxlen_approx, CONFIG_DEFAULT_INT(days * 1440),
		   1, 1000000000, &c->redis.maxlen_approx);
	if (y->password_env != NULL)
		config_text(r, "live_feed.redis_streams.password_env", NULL, y->password_env, NULL,
			    c->redis.password_env, sizeof(c->redis.password_env));
	if (!r->failed && strcmp(mode, "per_instrument") != 0)
		config_fail(r, "live_feed.redis_streams.stream_mode must be 'per_instrument', got '%s'", mode);
}

static void read_file(struct config_reader *r, const struct y_file *y, utc_t now, struct market_data_config *c)
{
	const struct y_market_data *md = y->market_data;
	int64_t version = 0;

	config_int(r, "version", NULL, y->version, NULL, 1, 1, &version);
	config_text(r, "candle_store", "ROEHUB_CANDLE_STORE", y->candle_store, "postgres", c->candle_store,
		    sizeof(c->candle_store));
	if (!r->failed && strcmp(c->candle_store, "postgres") != 0 && strcmp(c->candle_store, "clickhouse") != 0)
		config_fail(r, "candle_store must be postgres or clickhouse, got '%s'", c->candle_store);
	if (md == NULL || md->ingestion == NULL || md->backfill == NULL) {
		config_fail(r, "missing required key: %s",
			    md == NULL		    ? "market_data"
			    : md->ingestion == NULL ? "market_data.ingestion"
						    : "market_data.backfill");
		return;
	}
	for (unsigned i = 0; i < md->markets_count && i < CONFIG_MARKETS_MAX && !r->failed; i++) {
		read_market(r, &md->markets[i], now, &c->markets[i]);
		for (unsigned k = 0; k < i && !r->failed; k++)
			if (c->markets[k].market_id == c->markets[i].market_id)
				config_fail(r, "duplicate market_id in config: %d", c->markets[i].market_id);
		c->market_count++;
	}
	read_ingestion(r, md->ingestion, c);
	check_other_sections(r, md);
	read_redis(r, SECTION(SECTION(md->live_feed, y_live_feed)->redis_streams, y_redis), c);
}

int market_data_config_load(const char *path, utc_t now, struct market_data_config *out, struct error *err)
{
	struct config_reader r;
	void *data = NULL;

	memset(out, 0, sizeof(*out));
	if (config_load("market_data", path, &file_schema, &data, err) != 0)
		return -1;
	config_reader_init(&r, "");
	read_file(&r, data, now, out);
	config_free(&file_schema, data);
	return config_reader_end(&r, err);
}

const struct market_config *market_config_of(const struct market_data_config *c, int market_id)
{
	for (size_t i = 0; i < c->market_count; i++)
		if (c->markets[i].market_id == market_id)
			return &c->markets[i];
	return NULL;
}
