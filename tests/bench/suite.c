/* The suite as a whole: candles per second from the exchange socket to the committed checkpoint, latency from frame to
 * event at one candle a second, resident memory of each process. */
#include "support/suite.h"
#include "support/bench.h"

#include <unistd.h>

#include "base/utc.h"

static const char *const ma[] = { "1m", "5m", "15m", "1h" };

static void start_runs(struct suite *s, size_t strategies)
{
	char strategy_id[40], run_id[40], want[24];

	for (size_t i = 0; i < strategies; i++)
		suite_run_strategy(s, ma[i % 4], "[{\"name\":\"MA\",\"params\":{\"fast\":20,\"slow\":50}}]",
				   strategy_id, run_id);
	snprintf(want, sizeof(want), "%zu", strategies);
	assert_true(stack_sql_wait(&s->stack, want, 30000,
				   "SELECT count(*) FROM strategy_runs WHERE state IN ('warming_up', 'running')"));
}

static void report_memory(struct suite *s, const char *input)
{
	bench_report("suite/rss/market-data-ws", (double)proc_rss(&s->market) / 1048576.0, "MiB", input);
	bench_report("suite/rss/strategy-live-worker", (double)proc_rss(&s->worker) / 1048576.0, "MiB", input);
	bench_report("suite/rss/api", (double)proc_rss(&s->api) / 1048576.0, "MiB", input);
	bench_report("suite/rss/sandbox", (double)proc_rss(&s->sandbox) / 1048576.0, "MiB", input);
}

static void throughput(size_t strategies)
{
	const char *recorded = test_shared("data/btcusdt-1m-2023-03.csv.gz");
	char done[200], input[96];
	struct suite s;
	int64_t start, took;

	if (recorded == NULL) {
		printf("suite/candles_per_second: skipped, the recorded month is not beside the project\n");
		return;
	}
	snprintf(input, sizeof(input), "30240 recorded 1m candles, %zu strategies", strategies);
	suite_up(&s, &(struct suite_options){ .candles = recorded, .speed = "max" });
	start_runs(&s, strategies);
	snprintf(done, sizeof(done),
		 "SELECT count(*) = %zu FROM strategy_runs WHERE checkpoint_ts_open = '2023-03-21 23:59:00+00'",
		 strategies);
	suite_market_start(&s);
	start = test_now_ms();
	assert_true(stack_sql_wait(&s.stack, "t", 300000, done));
	took = test_now_ms() - start;
	bench_report("suite/candles_per_second", 30240.0 * 1000.0 / (double)took, "candles/s", input);
	report_memory(&s, input);
	suite_down(&s);
}

/* ingested_at of the stream's candle with this open time, in ms since 1970; 0 when it is not there. */
static int64_t ingested_at(struct suite *s, const char *ts_open)
{
	utc_t t, at = { 0 };
	redisReply *r;

	if (!utc_parse(str_from(ts_open), &t))
		return 0;
	r = stack_redis(&s->stack, "XRANGE md.candles.1m.binance:spot:BTCUSDT %lld-0 %lld-0", (long long)t.ms,
			(long long)t.ms);
	if (r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 1) {
		redisReply *fields = r->element[0]->element[1];

		for (size_t i = 0; i + 1 < fields->elements; i += 2)
			if (strcmp(fields->element[i]->str, "ingested_at") == 0)
				utc_parse(str_from(fields->element[i + 1]->str), &at);
	}
	if (r != NULL)
		freeReplyObject(r);
	return at.ms;
}

static void latency(size_t samples)
{
	char stream[96], last[40] = "$";
	double ms[512];
	size_t n = 0;
	struct suite s;

	suite_up(&s, &(struct suite_options){ .speed = "60" });
	start_runs(&s, 1);
	suite_market_start(&s);
	snprintf(stream, sizeof(stream), "strategy.metrics.v1.user.%s", s.user_id);
	for (int64_t end = test_now_ms() + 180000; n < samples && test_now_ms() < end;) {
		redisReply *r = stack_redis(&s.stack, "XREAD BLOCK 500 STREAMS %s %s", stream, last);
		int64_t now = utc_now().ms;

		if (r != NULL && r->type == REDIS_REPLY_ARRAY) {
			redisReply *records = r->element[0]->element[1];

			for (size_t i = 0; i < records->elements; i++) {
				redisReply *f = records->element[i]->element[1];
				const char *type = "", *value = "";

				snprintf(last, sizeof(last), "%s", records->element[i]->element[0]->str);
				for (size_t k = 0; k + 1 < f->elements; k += 2) {
					if (strcmp(f->element[k]->str, "metric_type") == 0)
						type = f->element[k + 1]->str;
					if (strcmp(f->element[k]->str, "value") == 0)
						value = f->element[k + 1]->str;
				}
				if (strcmp(type, "checkpoint_ts_open") == 0 && n < samples) {
					int64_t from = ingested_at(&s, value);

					if (from != 0 && now - from < 30000)
						ms[n++] = (double)(now - from);
				}
			}
		}
		if (r != NULL)
			freeReplyObject(r);
	}
	bench_report("suite/frame_to_event_p50", bench_percentile(ms, n, 50), "ms", "one candle a second, 1 strategy");
	bench_report("suite/frame_to_event_p99", bench_percentile(ms, n, 99), "ms", "one candle a second, 1 strategy");
	bench_report("suite/frame_to_event_samples", (double)n, "candles", "one candle a second, 1 strategy");
	report_memory(&s, "one candle a second, 1 strategy");
	suite_down(&s);
}

static void measure(void **state)
{
	(void)state;
	throughput(4);
	throughput(40);
	latency(100);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(measure) };

	return cmocka_run_group_tests_name("suite", tests, NULL, NULL);
}
