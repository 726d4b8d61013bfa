/* The real live worker: what it does with bad messages, gaps, a flushed Redis, a second worker, a stubborn Bot API and a
 * run that cannot work. */
#include "support/suite.h"

#include <time.h>
#include <unistd.h>

#include "base/base.h"

static struct suite s;

static int up(void **state)
{
	(void)state;
	suite_up(&s, &(struct suite_options){
			     .speed = "1" }); /* candles come from the test, the Bot API from the sandbox */
	stack_sql(&s.stack, "INSERT INTO identity_telegram_channels VALUES ('%s', 411001, TRUE, now())", s.user_id);
	return 0;
}

static int down(void **state)
{
	(void)state;
	suite_down(&s);
	return 0;
}

#define BASE 1700000040000LL /* a whole minute, far from the clock: nothing is seeded */

static void xadd(const char *symbol, int64_t minute, double close, const char *override)
{
	char ts[40], ts_close[40];
	int64_t at = BASE + minute * 60000;
	time_t t = (time_t)(at / 1000), u = t + 60;
	struct tm tm;
	redisReply *r;

	strftime(ts, sizeof(ts), "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&t, &tm));
	strftime(ts_close, sizeof(ts_close), "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&u, &tm));
	r = stack_redis(
		&s.stack,
		"XADD md.candles.1m.binance:spot:%s %lld-0 schema_version 1 market_id 1 symbol %s instrument_key binance:spot:%s "
		"ts_open %s ts_close %s open %f high %f low %f close %s volume_base 1 volume_quote %b source ws ingested_at %s "
		"ingest_id %b",
		symbol, (long long)at, symbol, symbol, ts, ts_close, close, close + 1, close - 1,
		override != NULL ? override : "100.5", "", (size_t)0, ts, "", (size_t)0);
	assert_non_null(r);
	if (r->type == REDIS_REPLY_ERROR)
		fail_msg("XADD: %s", r->str);
	freeReplyObject(r);
}

static void store_candle(const char *symbol, int64_t minute, double close)
{
	stack_sql(
		&s.stack,
		"INSERT INTO market_data.candles_1m VALUES (1, '%s', to_timestamp(%lld), %f, %f, %f, %f, 1, NULL, NULL, NULL, NULL, "
		"'rest', 'binance:spot:%s', now(), NULL)",
		symbol, (long long)((BASE + minute * 60000) / 1000), close, close + 1, close - 1, close, symbol);
}

static void start_run(const char *symbol, const char *indicators, char strategy[40], char run[40])
{
	char body[1024], path[96], sql[160];
	struct test_http h;

	snprintf(
		body, sizeof(body),
		"{\"instrument_id\":{\"market_id\":1,\"symbol\":\"%s\"},\"instrument_key\":\"binance:spot:%s\",\"market_type\":\"spot\","
		"\"timeframe\":\"1m\",\"indicators\":%s,\"warmup_bars\":3}",
		symbol, symbol, indicators);
	test_http(&h, "POST", s.api_http, "/strategies", s.cookie, body);
	if (h.status != 201)
		fail_msg("%d %s", h.status, h.body);
	snprintf(strategy, 40, "%s", json_member(h.body, "strategy_id"));
	test_http_release(&h);
	snprintf(path, sizeof(path), "/strategies/%s/run", strategy);
	test_http(&h, "POST", s.api_http, path, s.cookie, NULL);
	assert_int_equal(h.status, 200);
	snprintf(run, 40, "%s", json_member(h.body, "run_id"));
	test_http_release(&h);
	snprintf(sql, sizeof(sql), "SELECT state FROM strategy_runs WHERE run_id = '%s'", run);
	assert_true(stack_sql_wait(&s.stack, "warming_up", 10000, sql));
	/* The group exists once the worker has asked for the stream. */
	for (int64_t end = test_now_ms() + 8000; test_now_ms() < end; test_sleep_ms(50)) {
		redisReply *r = stack_redis(&s.stack, "XINFO GROUPS md.candles.1m.binance:spot:%s", symbol);
		bool there = r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements > 0;

		if (r != NULL)
			freeReplyObject(r);
		if (there)
			return;
	}
	fail_msg("no consumer group for %s", symbol);
}

static void wait_checkpoint(const char *run, int64_t minute)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
		 "SELECT checkpoint_ts_open = to_timestamp(%lld) FROM strategy_runs WHERE run_id = '%s'",
		 (long long)((BASE + minute * 60000) / 1000), run);
	if (!stack_sql_wait(&s.stack, "t", 20000, sql)) {
		proc_log_tail(&s.worker);
		fail_msg("the checkpoint did not get to minute %lld", (long long)minute);
	}
}

static void invalid_messages_are_dropped(void **state)
{
	char strategy[40], run[40];

	(void)state;
	start_run("BADUSDT", "[{\"id\":\"ma.sma\",\"params\":{\"window\":2}}]", strategy, run);
	xadd("BADUSDT", 0, 100, NULL);
	xadd("BADUSDT", 1, 100, "nan");
	freeReplyObject(
		stack_redis(&s.stack, "XADD md.candles.1m.binance:spot:BADUSDT %lld-1 hello world", BASE + 60000));
	wait_checkpoint(run, 0);
	store_candle("BADUSDT", 1, 100);
	xadd("BADUSDT", 2, 100, NULL);
	wait_checkpoint(run, 2);
	assert_true(test_metric(s.worker_metrics, "strategy_live_runner_invalid_messages_total") >= 2);
	assert_int_equal(proc_log_count(&s.worker, "event=run_failed"), 0);
}

static void a_gap_waits_for_the_store_and_nobody_else_waits(void **state)
{
	char strategy[40], gap_run[40], run[40];

	(void)state;
	start_run("GAPUSDT", "[{\"name\":\"MA\",\"params\":{\"fast\":2,\"slow\":3}}]", strategy, gap_run);
	start_run("FINEUSDT", "[{\"name\":\"MA\",\"params\":{\"fast\":2,\"slow\":3}}]", strategy, run);
	xadd("GAPUSDT", 0, 100, NULL);
	xadd("FINEUSDT", 0, 100, NULL);
	wait_checkpoint(gap_run, 0);
	xadd("GAPUSDT", 4, 100, NULL); /* 1, 2 and 3 are missing */
	xadd("FINEUSDT", 1, 100, NULL);
	wait_checkpoint(run, 1);
	wait_checkpoint(gap_run, 0);
	for (int i = 1; i <= 2; i++)
		store_candle("GAPUSDT", i, 100);
	stack_sql(
		&s.stack,
		"INSERT INTO market_data.confirmed_gaps VALUES (1, 'GAPUSDT', to_timestamp(%lld), to_timestamp(%lld))",
		(BASE + 180000) / 1000, (BASE + 240000) / 1000);
	wait_checkpoint(gap_run, 4);
	assert_string_equal(
		stack_sql(&s.stack,
			  "SELECT payload_json->>'minutes' FROM strategy_events WHERE run_id = '%s' AND event_type = "
			  "'gap_skipped'",
			  gap_run),
		"1");
}

static void a_flushed_redis_loses_nothing(void **state)
{
	char strategy[40], run[40];

	(void)state;
	start_run("FLUSHUSDT", "[{\"id\":\"momentum.rsi\",\"params\":{\"window\":3}}]", strategy, run);
	xadd("FLUSHUSDT", 0, 100, NULL);
	wait_checkpoint(run, 0);
	freeReplyObject(stack_redis(&s.stack, "FLUSHALL"));
	for (int i = 1; i <= 5; i++)
		store_candle("FLUSHUSDT", i, 100 + i); /* market data keeps storing, the stream stays silent */
	wait_checkpoint(run, 5);
	xadd("FLUSHUSDT", 6, 107, "107.0");
	wait_checkpoint(run, 6);
}

static void unknown_indicators_only_count(void **state)
{
	char strategy[40], run[40];

	(void)state;
	start_run("ODDUSDT", "[{\"id\":\"no.such_thing\"}]", strategy, run);
	for (int i = 0; i < 6; i++)
		xadd("ODDUSDT", i, 100, NULL);
	wait_checkpoint(run, 5);
	assert_string_equal(stack_sql(&s.stack, "SELECT state FROM strategy_runs WHERE run_id = '%s'", run), "running");
	assert_int_equal(proc_log_count(&s.worker, "event=evaluation_unsupported"), 1);
}

static void a_damaged_spec_fails_alone(void **state)
{
	(void)state;
	stack_sql(&s.stack,
		  "INSERT INTO strategy_strategies VALUES ('00000000-0000-4000-8000-00000000000a', '%s', 'n', "
		  "'{\"market_id\":1,\"symbol\":\"X\"}', 'binance:spot:X', 'spot', 'X', '1m', '[]', "
		  "'{\"schema_version\":1,\"spec_kind\":\"roehub.strategy.v1\"}', now(), false)",
		  s.user_id);
	stack_sql(
		&s.stack,
		"INSERT INTO strategy_runs (run_id, user_id, strategy_id, state, started_at, updated_at) VALUES "
		"('00000000-0000-4000-8000-00000000000b', '%s', '00000000-0000-4000-8000-00000000000a', 'starting', now(), now())",
		s.user_id);
	assert_true(stack_sql_wait(&s.stack, "failed", 10000,
				   "SELECT state FROM strategy_runs WHERE run_id = "
				   "'00000000-0000-4000-8000-00000000000b'"));
	assert_string_equal(
		stack_sql(&s.stack,
			  "SELECT string_agg(event_type, ' ' ORDER BY event_type) FROM strategy_events WHERE run_id = "
			  "'00000000-0000-4000-8000-00000000000b'"),
		"run_failed run_state_changed");
}

static int64_t texts_sent(void)
{
	struct test_http h;
	int64_t n = 0;

	test_http(&h, "GET", s.sandbox_http, "/control/telegram", NULL, NULL);
	for (const char *p = h.body; (p = strstr(p, "SIGNAL | ")) != NULL; p++)
		n++;
	test_http_release(&h);
	return n;
}

static void signals_reach_the_phone_despite_429(void **state)
{
	char strategy[40], run[40], sql[200];
	int64_t before = texts_sent();
	struct test_http h;

	(void)state;
	test_http(&h, "POST", s.sandbox_http, "/control/faults", NULL,
		  "{\"kind\":\"telegram_429\",\"count\":1,\"retry_after_s\":1}");
	assert_int_equal(h.status, 200);
	test_http_release(&h);
	start_run("SIGUSDT", "[{\"name\":\"MA\",\"params\":{\"fast\":2,\"slow\":3}}]", strategy, run);
	for (int i = 0; i < 8; i++) {
		char close[16];

		snprintf(close, sizeof(close), "%d.5", 100 + (i < 5 ? i : 10 - i));
		xadd("SIGUSDT", i, 100 + (i < 5 ? i : 10 - i), close);
	}
	wait_checkpoint(run, 7);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) > 0 FROM strategy_events WHERE run_id = '%s' AND event_type = 'signal'", run);
	assert_true(stack_sql_wait(&s.stack, "t", 5000, sql));
	for (int64_t end = test_now_ms() + 8000; texts_sent() == before && test_now_ms() < end;)
		test_sleep_ms(100);
	assert_true(texts_sent() > before);
	assert_int_equal(proc_log_count(&s.worker, s.token), 0);
}

static void a_second_worker_stands_by_and_takes_over(void **state)
{
	char strategy[40], run[40], ports[512];
	struct proc second = s.worker;
	int64_t start;

	(void)state;
	second.pid = 0;
	snprintf(second.log, sizeof(second.log), "%s/second.log", s.stack.dir);
	snprintf(ports, sizeof(ports), "%s/strategy-live-worker.ports", s.stack.dir);
	unlink(ports);
	proc_start(&second);
	assert_true(proc_log_wait(&second, "event=standby", 10000));
	start_run("OVERUSDT", "[{\"id\":\"ma.ema\",\"params\":{\"window\":3}}]", strategy, run);
	xadd("OVERUSDT", 0, 100, NULL);
	wait_checkpoint(run, 0);
	store_candle("OVERUSDT", 0, 100);
	proc_kill9(&s.worker);
	start = test_now_ms();
	xadd("OVERUSDT", 1, 101, "101.0");
	wait_checkpoint(run, 1);
	assert_true(test_now_ms() - start < 10000);
	assert_int_equal(proc_stop(&second, 12000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invalid_messages_are_dropped),
		cmocka_unit_test(a_gap_waits_for_the_store_and_nobody_else_waits),
		cmocka_unit_test(a_flushed_redis_loses_nothing),
		cmocka_unit_test(unknown_indicators_only_count),
		cmocka_unit_test(a_damaged_spec_fails_alone),
		cmocka_unit_test(signals_reach_the_phone_despite_429),
		cmocka_unit_test(a_second_worker_stands_by_and_takes_over),
	};

	return cmocka_run_group_tests_name("strategy-live-worker", tests, up, down);
}
