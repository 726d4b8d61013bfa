/* strategy_config.h - configs/<env>/strategy.yaml: api toggle, live worker, realtime output, Telegram, metrics port.
 *
 * Read by api and strategy-live-worker. Three file forms: `strategy`, the shim `strategy_live_runner.config_ref.path`, and
 * sections directly below `strategy_live_runner`. Every violation is one line that names the key; unknown keys are refused.
 * Environment: the five ROEHUB_STRATEGY_* overrides, ROEHUB_REDIS_HOST, ROEHUB_REDIS_PORT, ROEHUB_TELEGRAM_MODE,
 * ROEHUB_TELEGRAM_API_BASE_URL.
 */
#ifndef ROEHUB_ADAPTERS_CONFIG_STRATEGY_CONFIG_H
#define ROEHUB_ADAPTERS_CONFIG_STRATEGY_CONFIG_H

#include "base/base.h"
#include "base/error.h"

struct redis_config {
	bool enabled;
	char host[256];
	int64_t port, db;
	char password_env[128]; /* "": no password */
	double socket_timeout_s, connect_timeout_s;
};

struct strategy_config {
	char path[1024]; /* of the file that was read in the end */
	bool api_enabled;
	bool worker_enabled;
	int64_t poll_interval_s;
	int64_t catch_up_s; /* a run whose stream is silent for so long looks into the candle store */
	struct redis_config input;
	char stream_prefix[128], consumer_group[128];
	int64_t read_count, block_ms;
	int64_t repair_retries;
	double repair_backoff_s;
	struct redis_config output;
	char metrics_stream_prefix[128], events_stream_prefix[128];
	int64_t maxlen_approx;
	bool telegram_enabled;
	bool telegram_log_only;
	char bot_token_env[128];
	char api_base_url[256];
	double send_timeout_s;
	int64_t debounce_failed_s;
	int64_t metrics_port;
};

int strategy_config_load(const char *path, struct strategy_config *out, struct error *err);

#endif
