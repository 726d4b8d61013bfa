/* The real market-data-ws on the sandbox while everything around it breaks: at the end every minute is stored once and
 * equal to what the exchange served, and no minute is on its stream twice. */
#include "support/suite.h"

#include <math.h>
#include <unistd.h>

#include "base/base.h"
#include "base/utc.h"

static struct suite s;

static int up(void **state)
{
	(void)state;
	suite_up(&s, &(struct suite_options){ .speed = "1200", .stack_parts = STACK_OWN_POSTGRES });
	proc_kill9(&s.worker);
	suite_market_start(&s);
	assert_true(stack_sql_wait(&s.stack, "t", 20000, "SELECT count(*) > 620 FROM market_data.candles_1m"));
	return 0;
}

static int down(void **state)
{
	(void)state;
	suite_down(&s);
	return 0;
}

static void fault(const char *json)
{
	struct test_http h;

	test_http(&h, "POST", s.sandbox_http, "/control/faults", NULL, json);
	if (h.status != 200)
		fail_msg("%s: %d %s", json, h.status, h.body);
	test_http_release(&h);
}

static int64_t clock_ms(void)
{
	struct test_http h;
	const char *at;
	int64_t v = 0;

	test_http(&h, "GET", s.sandbox_http, "/control/status", NULL, NULL);
	at = strstr(h.body, "\"clock_ms\":");
	if (at != NULL)
		v = strtoll(at + 11, NULL, 10);
	test_http_release(&h);
	return v;
}

/* Every stored minute equals the truth, and from the first to a minute ago none is missing. */
static void check_truth(void)
{
	int64_t now = clock_ms() / 60000 * 60000;
	char sql[400], path[200], *line, *rest;
	long long from, wrong = 0, rows = 0;
	struct test_http h;
	PGresult *copy;

	snprintf(
		sql, sizeof(sql),
		"SELECT count(*) = (extract(epoch FROM max(ts_open) - min(ts_open)) / 60)::bigint + 1 AND max(ts_open) >= "
		"to_timestamp(%lld) FROM market_data.candles_1m WHERE symbol = 'BTCUSDT'",
		(long long)(now / 1000 - 60));
	if (!stack_sql_wait(&s.stack, "t", 45000, sql)) {
		proc_log_tail(&s.market);
		fail_msg("minutes are missing");
	}
	from = strtoll(
		stack_sql(&s.stack,
			  "SELECT (extract(epoch FROM min(ts_open)) * 1000)::bigint FROM market_data.candles_1m WHERE "
			  "symbol = 'BTCUSDT'"),
		NULL, 10);
	snprintf(path, sizeof(path), "/control/candles?symbol=BTCUSDT&from=%lld&to=%lld", from, (long long)now);
	test_http(&h, "GET", s.sandbox_http, path, NULL, NULL);
	assert_int_equal(h.status, 200);
	stack_sql(&s.stack,
		  "CREATE TEMP TABLE IF NOT EXISTS truth (t bigint, o float8, h float8, l float8, c float8, v float8)");
	stack_sql(&s.stack, "TRUNCATE truth");
	copy = PQexec(s.stack.sql, "COPY truth FROM STDIN (FORMAT csv)");
	assert_int_equal(PQresultStatus(copy), PGRES_COPY_IN);
	PQclear(copy);
	for (line = strtok_r(h.body, "\n", &rest), line = strtok_r(NULL, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		PQputCopyData(s.stack.sql, line, (int)strlen(line));
		PQputCopyData(s.stack.sql, "\n", 1);
		rows++;
	}
	PQputCopyEnd(s.stack.sql, NULL);
	for (PGresult *r; (r = PQgetResult(s.stack.sql)) != NULL;)
		PQclear(r);
	wrong = strtoll(
		stack_sql(
			&s.stack,
			"SELECT count(*) FROM truth LEFT JOIN market_data.candles_1m m ON m.symbol = 'BTCUSDT' AND m.ts_open = "
			"to_timestamp(t / 1000) WHERE m.ts_open IS NULL OR (o, h, l, c, v) IS DISTINCT FROM "
			"(m.open, m.high, m.low, m.close, m.volume_base)"),
		NULL, 10);
	test_http_release(&h);
	print_message("%lld minutes compared with the exchange\n", rows);
	assert_true(rows > 600);
	assert_int_equal(wrong, 0);
}

static void missing_late_and_double_frames(void **state)
{
	(void)state;
	fault("{\"kind\":\"missing\",\"count\":5}");
	test_sleep_ms(800);
	fault("{\"kind\":\"late\",\"count\":3}");
	fault("{\"kind\":\"duplicate\",\"count\":4}");
	fault("{\"kind\":\"bad_frame\",\"count\":3}");
	test_sleep_ms(1500);
	assert_true(test_metric(s.market_metrics, "ws_duplicates_total") >= 1);
	assert_true(test_metric(s.market_metrics, "rest_fill_tasks_total") >= 2);
	check_truth();
}

static void disconnects_and_refused_rest(void **state)
{
	double before = test_metric(s.market_metrics, "ws_reconnects_total");

	(void)state;
	for (int i = 0; i < 4; i++) {
		fault("{\"kind\":\"http_429\",\"count\":2,\"retry_after_s\":1}");
		fault("{\"kind\":\"disconnect\",\"count\":1}");
		test_sleep_ms(1200);
	}
	fault("{\"kind\":\"http_500\",\"count\":2}");
	fault("{\"kind\":\"disconnect\",\"count\":1}");
	test_sleep_ms(1000);
	assert_true(test_metric(s.market_metrics, "ws_reconnects_total") >= before + 3);
	check_truth();
}

static void servers_die_and_come_back(void **state)
{
	(void)state;
	stack_service(&s.stack, "kill", "redis");
	test_sleep_ms(1000);
	stack_service(&s.stack, "start", "redis");
	stack_service(&s.stack, "kill", "postgres");
	test_sleep_ms(1500);
	assert_true(proc_running(&s.market));
	stack_service(&s.stack, "start", "postgres");
	test_sleep_ms(1500);
	check_truth();
	assert_true(test_metric(s.market_metrics, "insert_errors_total") >= 1);
	assert_true(test_metric(s.market_metrics, "redis_publish_errors_total") >= 1);
}

static void killed_and_started_again(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		proc_kill9(&s.market);
		test_sleep_ms(300);
		suite_market_start(&s);
		test_sleep_ms(700);
	}
	check_truth();
}

static void each_minute_once_on_its_stream(void **state)
{
	redisReply *r = stack_redis(&s.stack, "XRANGE md.candles.1m.binance:spot:BTCUSDT - +");
	long long last = 0;

	(void)state;
	assert_non_null(r);
	assert_true(r->elements > 5);
	for (size_t i = 0; i < r->elements; i++) {
		long long ts = strtoll(r->element[i]->element[0]->str, NULL, 10);

		assert_true(ts > last && ts % 60000 == 0);
		assert_int_equal(r->element[i]->element[1]->elements, 30);
		last = ts;
	}
	freeReplyObject(r);
	assert_int_equal(proc_stop(&s.market, 12000), 0);
}

static void bad_starts_are_one_line(void **state)
{
	static const struct {
		const char *name, *value, *want;
	} rows[] = { { "ROEHUB_CANDLE_STORE", "mysql", "candle_store must be postgres or clickhouse" },
		     { "MARKET_DATA_PG_DSN", "host=127.0.0.1 port=1 dbname=x", "Postgres is not reachable" },
		     { "ROEHUB_REDIS_PORT", "1", "Redis is not available" },
		     { "ROEHUB_REDIS_PORT", "many", "ROEHUB_REDIS_PORT must be int" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char saved[400] = "";

		for (size_t k = 0; s.market.env[k] != NULL; k++)
			if (strncmp(s.market.env[k], rows[i].name, strlen(rows[i].name)) == 0)
				snprintf(saved, sizeof(saved), "%s", strchr(s.market.env[k], '=') + 1);
		proc_env(&s.market, rows[i].name, "%s", rows[i].value);
		proc_start(&s.market);
		assert_true(proc_wait(&s.market, 15000));
		assert_int_equal(s.market.exit_status, 1);
		if (proc_log_count(&s.market, rows[i].want) == 0) {
			proc_log_tail(&s.market);
			fail_msg("the log lacks: %s", rows[i].want);
		}
		proc_env(&s.market, rows[i].name, "%s", saved);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_late_and_double_frames), cmocka_unit_test(disconnects_and_refused_rest),
		cmocka_unit_test(servers_die_and_come_back),	  cmocka_unit_test(killed_and_started_again),
		cmocka_unit_test(each_minute_once_on_its_stream), cmocka_unit_test(bad_starts_are_one_line),
	};

	return cmocka_run_group_tests_name("market-data-ws", tests, up, down);
}
