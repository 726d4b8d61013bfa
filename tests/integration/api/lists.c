/* Lists stay quick and small however much there is behind them. */
#include "support/api.h"

#include <time.h>

#include "base/base.h"
#include "base/utc.h"

#define SAMPLES 200
#define MANY	10000
#define EVENTS	1000000

static struct api a;
static struct person few, many;

static int up(void **state)
{
	(void)state;
	api_prepare(&a, 0);
	proc_env(&a.proc, "ROEHUB_API_LIMIT_READ", "0");
	proc_env(&a.proc, "ROEHUB_API_LIMIT_CLIENT", "0");
	api_start(&a);
	test_sign_in(&few, a.port, TEST_BOT_TOKEN, 900001, (int64_t)time(NULL));
	test_sign_in(&many, a.port, TEST_BOT_TOKEN, 900002, (int64_t)time(NULL));
	return 0;
}

static int down(void **state)
{
	(void)state;
	api_down(&a);
	return 0;
}

static int by_value(const void *x, const void *y)
{
	double d = *(const double *)x - *(const double *)y;

	return d < 0 ? -1 : d > 0;
}

/* p95 in ms of pages of 100 over the user's whole list, again and again. */
static double p95_of_pages(const struct person *p, int pages)
{
	double took[SAMPLES];
	char path[160] = "/strategies?limit=100";
	int page = 0;

	for (int i = 0; i < SAMPLES; i++) {
		struct test_http h;
		mono_t from = mono_now();
		const char *link;

		test_http(&h, "GET", a.port, path, p->cookie, NULL);
		took[i] = (double)mono_elapsed_us(from, mono_now()) / 1e3;
		assert_int_equal(h.status, 200);
		link = test_http_header(&h, "link");
		page++;
		if (link[0] == '\0') {
			assert_int_equal(page, pages);
			page = 0;
			snprintf(path, sizeof(path), "/strategies?limit=100");
		} else {
			snprintf(path, sizeof(path), "/%.*s", (int)strcspn(link, ">") - 1, link + 1);
		}
		test_http_release(&h);
	}
	qsort(took, SAMPLES, sizeof(took[0]), by_value);
	return took[SAMPLES * 95 / 100];
}

static void fill(const struct person *p, int strategies)
{
	struct test_http h;

	test_http(&h, "POST", a.port, "/strategies", p->cookie,
		  "{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:BTCUSDT\","
		  "\"market_type\":\"spot\",\"timeframe\":\"1m\",\"indicators\":[{\"name\":\"MA\",\"params\":{\"fast\":20,\"slow\":50}}]}");
	assert_int_equal(h.status, 201);
	test_http_release(&h);
	stack_sql(&a.stack,
		  "WITH one AS (SELECT to_jsonb(s) AS j FROM strategy_strategies s WHERE user_id = '%s'), "
		  "more AS (SELECT (jsonb_populate_record(NULL::strategy_strategies, j || jsonb_build_object('strategy_id', "
		  "gen_random_uuid(), 'created_at', now() + make_interval(secs => i)))).* FROM one, generate_series(2, %d) i), "
		  "put AS (INSERT INTO strategy_strategies SELECT * FROM more RETURNING 1) SELECT count(*) FROM put",
		  p->user_id, strategies);
	assert_int_equal(
		atoi(stack_sql(&a.stack, "SELECT count(*) FROM strategy_strategies WHERE user_id = '%s'", p->user_id)),
		strategies);
}

/* A page costs its rows, not the list behind it: 10 000 strategies and a million events against a hundred and none. */
static void scenario_39_lists_of_any_length(void **state)
{
	double p95_few, p95_many;
	int64_t rss;

	(void)state;
	fill(&few, 100);
	fill(&many, MANY);
	stack_sql(&a.stack,
		  "WITH put AS (INSERT INTO strategy_events (event_id, user_id, strategy_id, ts, event_type, payload_json) "
		  "SELECT gen_random_uuid(), user_id, strategy_id, now() + make_interval(secs => i), 'signal', '{}'::jsonb "
		  "FROM (SELECT user_id, strategy_id FROM strategy_strategies WHERE user_id = '%s') s, "
		  "generate_series(1, %d) i RETURNING 1) SELECT count(*) FROM put",
		  many.user_id, EVENTS / MANY);
	assert_true(atoi(stack_sql(&a.stack, "SELECT count(*) FROM strategy_events")) >= EVENTS);
	stack_sql(&a.stack, "ANALYZE strategy_strategies");
	p95_of_pages(&few, 1); /* warm */
	rss = proc_rss(&a.proc);
	p95_few = p95_of_pages(&few, 1);
	p95_many = p95_of_pages(&many, MANY / 100);
	printf("pages of 100: p95 %.2f ms of 100 strategies, %.2f ms of %d with %d events; resident +%lld KiB\n", p95_few,
	       p95_many, MANY, EVENTS, (long long)(proc_rss(&a.proc) - rss) / 1024);
	assert_true(p95_many < 4 * p95_few + 2);
	assert_true(proc_rss(&a.proc) - rss < (int64_t)16 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(scenario_39_lists_of_any_length) };

	return cmocka_run_group_tests_name("lists", tests, up, down);
}
