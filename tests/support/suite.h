/* suite.h - the whole suite as one object: sandbox, migrations, market data, worker and api around a private database
 * and a private Redis, and a signed-in strategist. */
#ifndef ROEHUB_TESTS_SUPPORT_SUITE_H
#define ROEHUB_TESTS_SUPPORT_SUITE_H

#include "support/api.h"

struct suite_options {
	const char *candles; /* CSV for the sandbox, or NULL for its generator */
	const char *speed;   /* "max", "600" ... */
	unsigned stack_parts;
};

struct suite {
	struct stack stack;
	struct proc sandbox, market, worker, api;
	int sandbox_http, sandbox_ws, market_metrics, worker_metrics, api_http;
	char candles[512];
	char token[64];
	char cookie[1024];
	char user_id[40];
};

/* Starts everything but market-data-ws; so runs can be started before the first candle flows. */
void suite_up(struct suite *s, const struct suite_options *o);
void suite_market_start(struct suite *s);
void suite_worker_start(struct suite *s);
void suite_down(struct suite *s);
/* Creates a strategy on BTCUSDT and runs it; ids go to the caller's buffers of 40 bytes. */
void suite_run_strategy(struct suite *s, const char *timeframe, const char *indicators_json, char *strategy_id,
			char *run_id);
void suite_login(struct suite *s, int64_t telegram_id);
#endif
