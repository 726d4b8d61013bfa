/* market_data_config.h - configs/<env>/market_data.yaml: markets, ingestion, candle store, live feed.
 *
 * Every violation is one line that names the key. Environment: ROEHUB_MARKET_<id>_REST_URL, _WS_URL, _CA_FILE,
 * ROEHUB_REDIS_HOST, ROEHUB_REDIS_PORT, ROEHUB_CANDLE_STORE.
 */
#ifndef ROEHUB_ADAPTERS_CONFIG_MARKET_DATA_CONFIG_H
#define ROEHUB_ADAPTERS_CONFIG_MARKET_DATA_CONFIG_H

#include "base/base.h"
#include "base/error.h"
#include "base/utc.h"

#define CONFIG_MARKETS_MAX 8

struct market_config {
	int market_id;
	char exchange[16], market_type[16], market_code[32];
	char rest_url[256];
	utc_t earliest;
	double rest_timeout_s;
	int64_t rest_retries;
	double backoff_base_s, backoff_max_s, backoff_jitter_s;
	double limiter_safety;
	int64_t limiter_concurrency;
	char ws_url[256];
	char ca_file[512]; /* "": the system's certificates */
	double ping_interval_s, pong_timeout_s;
	double reconnect_min_s, reconnect_max_s, reconnect_factor, reconnect_jitter_s;
	int64_t symbols_per_connection;
};

struct market_data_config {
	char candle_store[16]; /* postgres or clickhouse */
	struct market_config markets[CONFIG_MARKETS_MAX];
	size_t market_count;
	int64_t flush_interval_ms, max_buffer_rows, rest_concurrency, tail_lookback_minutes;
	double rest_inter_instrument_delay_s;
	int64_t bootstrap_max_minutes; /* how far back a bootstrap goes; 0: to the market's beginning */
	int64_t gap_scan_minutes;      /* how far back holes are looked for at start */
	struct {
		bool enabled;
		char host[256];
		int64_t port, db;
		char password_env[128]; /* "": no password */
		double socket_timeout_s, connect_timeout_s;
		char stream_prefix[128];
		int64_t maxlen_approx;
	} redis;
};

int market_data_config_load(const char *path, utc_t now, struct market_data_config *out, struct error *err);
const struct market_config *market_config_of(const struct market_data_config *c, int market_id); /* NULL: none */

#endif
