/* Recorded candles through all processes, undisturbed and under fire: the signals must be those of an independent,
 * plain computation, at the same bars, none lost, none doubled.
 *
 * Uses ../shared/data/btcusdt-1m-2023-03.csv.gz when it is there, else a seeded random walk of the test's own.
 * REPLAY_CANDLES limits the length, REPLAY_KILLS is the number of kills per victim (default 2; the full run uses 10).
 */
#include "support/suite.h"

#include <math.h>
#include <unistd.h>
#include <zlib.h>

#include "base/number.h"
#include "base/random.h"
#include "base/utc.h"

struct series {
	int64_t *ts;
	double *close;
	size_t n;
};

static const struct {
	const char *text;
	int minutes;
} frames[] = { { "1m", 1 }, { "5m", 5 }, { "15m", 15 }, { "1h", 60 } };

enum { FRAMES = 4, FAST = 20, SLOW = 50 };
static const char indicators[] = "[{\"name\":\"MA\",\"params\":{\"fast\":20,\"slow\":50}}]";

static size_t limit_of(const char *name, size_t dflt)
{
	const char *v = getenv(name);

	return v != NULL ? (size_t)strtoul(v, NULL, 10) : dflt;
}

static void series_add(struct series *s, int64_t ts, double close)
{
	s->ts = realloc(s->ts, (s->n + 1) * sizeof(*s->ts));
	s->close = realloc(s->close, (s->n + 1) * sizeof(*s->close));
	s->ts[s->n] = ts;
	s->close[s->n++] = close;
}

/* Copies the first rows of the recording into the stack's folder and remembers what the test needs of them. */
static void take_recording(const char *path, FILE *out, struct series *s, size_t max)
{
	gzFile in = gzopen(path, "rb");
	char line[256];

	assert_non_null(in);
	while (s->n <= max && gzgets(in, line, sizeof(line)) != NULL) {
		double o, h, l, c;
		long long ts;

		if (s->n == max)
			break;
		fputs(line, out);
		if (sscanf(line, "%lld,%lf,%lf,%lf,%lf", &ts, &o, &h, &l, &c) == 5)
			series_add(s, ts, c);
	}
	gzclose(in);
}

static void make_recording(FILE *out, struct series *s, size_t max)
{
	struct rng rng;
	double price = 20000.0;

	rng_seed(&rng, 42);
	fputs("open_time_ms,open,high,low,close,volume\n", out);
	for (size_t i = 0; i < max; i++) {
		long long ts = 1677628800000LL + (long long)i * 60000;
		double open = price, high, low;

		price = round((price * (1.0 + 0.0008 * rng_normal(&rng))) * 100.0) / 100.0;
		high = (open > price ? open : price) + 1.25;
		low = (open < price ? open : price) - 1.25;
		fprintf(out, "%lld,%.2f,%.2f,%.2f,%.2f,%.6f\n", ts, open, high, low, price, 1.0 + rng_unit(&rng));
		series_add(s, ts, price);
	}
}

/* The plain computation: buckets, then sums over the last 20 and 50 closes from oldest to newest. */
static char *expected_signals(const struct series *s, int minutes)
{
	size_t size = 1 << 20, used = 0, bars = 0;
	double *close = calloc(s->n, sizeof(double));
	int64_t *open = calloc(s->n, sizeof(int64_t));
	const char *previous = "NEUTRAL";
	char *out = malloc(size), number[NUMBER_TEXT_MAX], time[UTC_TEXT_MAX];

	out[0] = '\0';
	for (size_t i = 0; i + 1 <= s->n; i++)
		if ((s->ts[i] / 60000 + 1) % minutes == 0) {
			close[bars] = s->close[i];
			open[bars++] = s->ts[i] - (int64_t)(minutes - 1) * 60000;
		}
	for (size_t b = SLOW; b < bars; b++) { /* the first SLOW bars are the warm-up */
		double fast = 0, slow = 0;
		const char *now;

		for (size_t k = b - FAST + 1; k <= b; k++)
			fast += close[k];
		for (size_t k = b - SLOW + 1; k <= b; k++)
			slow += close[k];
		now = fast / FAST > slow / SLOW ? "LONG" : fast / FAST < slow / SLOW ? "SHORT" : "NEUTRAL";
		if (strcmp(now, previous) == 0)
			continue;
		previous = now;
		used += (size_t)snprintf(out + used, size - used, "%s %s %s\n",
					 utc_format_ms(utc_from_ms(open[b]), time), now,
					 number_format(close[b], number));
	}
	free(close);
	free(open);
	return out;
}

static char *stored_signals(struct suite *s, const char *run_id)
{
	char sql[512];
	PGresult *r;
	char *out;

	stack_sql(&s->stack, "SELECT 1");
	snprintf(sql, sizeof(sql),
		 "SELECT coalesce(string_agg((payload_json->>'ts_open') || ' ' || (payload_json->>'signal') || ' ' || "
		 "(payload_json->>'price'), E'\\n' ORDER BY payload_json->>'ts_open', event_id) || E'\\n', '') "
		 "FROM strategy_events WHERE run_id = '%s' AND event_type = 'signal'",
		 run_id);
	r = PQexec(s->stack.sql, sql);
	assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
	out = strdup(PQgetvalue(r, 0, 0));
	PQclear(r);
	return out;
}

struct replay {
	struct suite suite;
	struct series series;
	char run_id[FRAMES][40];
	char csv[512];
};

static void replay_up(struct replay *r, const char *speed, unsigned parts, size_t default_candles)
{
	const char *recorded = test_shared("data/btcusdt-1m-2023-03.csv.gz");
	size_t max = limit_of("REPLAY_CANDLES", default_candles);
	FILE *out;

	memset(r, 0, sizeof(*r));
	snprintf(r->csv, sizeof(r->csv), "%s/replay-%d.csv",
		 getenv("ROEHUB_TEST_DIR") ? getenv("ROEHUB_TEST_DIR") : "/tmp", (int)getpid());
	out = fopen(r->csv, "w");
	assert_non_null(out);
	if (recorded != NULL)
		take_recording(recorded, out, &r->series, max);
	else
		make_recording(out, &r->series, max);
	assert_int_equal(fclose(out), 0);
	suite_up(&r->suite, &(struct suite_options){ .candles = r->csv, .speed = speed, .stack_parts = parts });
	for (size_t i = 0; i < FRAMES; i++) {
		char strategy_id[40];

		suite_run_strategy(&r->suite, frames[i].text, indicators, strategy_id, r->run_id[i]);
	}
	/* The runs must be known to the worker before the first candle flows: their sequence starts with it. */
	assert_true(stack_sql_wait(&r->suite.stack, "4", 20000,
				   "SELECT count(*) FROM strategy_runs WHERE state = 'warming_up'"));
	suite_market_start(&r->suite);
}

static bool replay_done(struct replay *r, int timeout_ms)
{
	char sql[200];

	snprintf(
		sql, sizeof(sql),
		"SELECT count(*) FROM strategy_runs WHERE checkpoint_ts_open = to_timestamp(%lld::double precision / 1000)",
		(long long)r->series.ts[r->series.n - 1]);
	return stack_sql_wait(&r->suite.stack, "4", timeout_ms, sql);
}

static void fail_with_logs(struct replay *r, const char *what)
{
	proc_log_tail(&r->suite.worker);
	proc_log_tail(&r->suite.market);
	fail_msg("%s", what);
}

static void check_results(struct replay *r)
{
	char count[32];

	for (size_t i = 0; i < FRAMES; i++) {
		char *want = expected_signals(&r->series, frames[i].minutes);
		char *got = stored_signals(&r->suite, r->run_id[i]);
		size_t n = 0;

		for (const char *p = want; *p != '\0'; p++)
			n += *p == '\n';
		print_message("MA(20,50) %-3s: %zu signals expected\n", frames[i].text, n);
		assert_string_equal(got, want);
		free(want);
		free(got);
	}
	snprintf(count, sizeof(count), "%zu", r->series.n);
	assert_true(stack_sql_wait(&r->suite.stack, count, 20000,
				   "SELECT count(*) FROM market_data.candles_1m WHERE symbol = 'BTCUSDT'"));
}

static void replay_down(struct replay *r)
{
	suite_down(&r->suite);
	unlink(r->csv);
	free(r->series.ts);
	free(r->series.close);
}

static void recorded_month_gives_the_same_signals(void **state)
{
	struct replay r;
	int64_t start, took;

	(void)state;
	replay_up(&r, "max", 0, 30240);
	start = test_now_ms();
	if (!replay_done(&r, 240000))
		fail_with_logs(&r, "the runs did not reach the last candle");
	took = test_now_ms() - start;
	print_message("%zu candles in %.1f s: %.0f candles/s; stream length %lld\n", r.series.n, (double)took / 1000.0,
		      (double)r.series.n * 1000.0 / (double)took,
		      stack_redis_int(&r.suite.stack, "XLEN md.candles.1m.binance:spot:BTCUSDT"));
	check_results(&r);
	assert_int_equal(proc_stop(&r.suite.market, 12000), 0);
	assert_int_equal(proc_stop(&r.suite.worker, 12000), 0);
	assert_int_equal(proc_stop(&r.suite.api, 12000), 0);
	assert_int_equal(proc_log_count(&r.suite.worker, "level=error"), 0);
	replay_down(&r);
}

static void kill_victim(struct replay *r, size_t victim)
{
	struct suite *s = &r->suite;

	switch (victim) {
	case 0:
		proc_kill9(&s->worker);
		test_sleep_ms(200);
		suite_worker_start(s);
		break;
	case 1:
		proc_kill9(&s->market);
		test_sleep_ms(200);
		suite_market_start(s);
		break;
	case 2:
		stack_service(&s->stack, "kill", "redis");
		test_sleep_ms(200);
		stack_service(&s->stack, "start", "redis");
		break;
	default:
		stack_service(&s->stack, "kill", "postgres");
		test_sleep_ms(200);
		stack_service(&s->stack, "start", "postgres");
		break;
	}
}

static void kills_change_nothing(void **state)
{
	size_t kills = limit_of("REPLAY_KILLS", 2);
	struct rng rng;
	struct replay r;

	(void)state;
	rng_seed(&rng, 7);
	/* Market minutes per minute, so that the kills fall into the replay. */
	replay_up(&r, "18000", STACK_OWN_POSTGRES, kills >= 10 ? 30240 : 6000);
	for (size_t i = 0; i < 4 * kills; i++) {
		test_sleep_ms(300 + (int)rng_below(&rng, 700));
		kill_victim(&r, i % 4);
	}
	if (!replay_done(&r, 300000))
		fail_with_logs(&r, "the runs did not reach the last candle");
	check_results(&r);
	replay_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_month_gives_the_same_signals),
		cmocka_unit_test(kills_change_nothing),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
