/* One contract, both candle stores, on real servers: whatever holds for Postgres holds for ClickHouse. */
#include "support/stack.h"

#include <math.h>
#include <unistd.h>

#include "adapters/clickhouse/candle_store.h"
#include "adapters/clickhouse/schema.h"
#include "adapters/postgres/candle_store.h"
#include "base/random.h"

#define T0 1677628800000LL

static struct stack stack;
static struct candle_store *store;

static struct instrument instrument_of(const char *symbol)
{
	struct instrument i;

	assert_int_equal(instrument_init(&i, 1, str_from(symbol), NULL), 0);
	return i;
}

static struct candle candle_at(const char *symbol, int64_t minute, double close, int64_t ingested)
{
	struct candle c = { .instrument = instrument_of(symbol),
			    .ts_open = { T0 + minute * 60000 },
			    .open = close,
			    .high = close + 1,
			    .low = close - 1,
			    .close = close,
			    .volume_base = 1.5,
			    .volume_quote = NAN,
			    .trades_count = -1,
			    .taker_buy_volume_base = NAN,
			    .taker_buy_volume_quote = 0.1,
			    .source = CANDLE_SOURCE_WS,
			    .ingested_at = { T0 + ingested } };

	snprintf(c.instrument_key, sizeof(c.instrument_key), "binance:spot:%s", c.instrument.symbol);
	return c;
}

static struct candles read_all(const char *symbol, int64_t from, int64_t to)
{
	struct candle_window w = { instrument_of(symbol), { T0 + from * 60000 }, { T0 + to * 60000 } };
	struct error err = ERROR_INIT;
	struct candles out;

	candles_init(&out);
	if (store->read(store, &w, &out, &err) != 0)
		fail_msg("%s: %s (%s)", store->name, err.message, err.detail);
	return out;
}

static void must_write(const struct candle *rows, size_t n)
{
	struct error err = ERROR_INIT;

	if (store->write(store, rows, n, &err) != 0)
		fail_msg("%s: %s (%s)", store->name, err.message, err.detail);
}

static void latest_ingest_wins_in_any_order(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3);
	for (int round = 0; round < 20; round++) {
		struct candle rows[5];
		struct candles got;
		char symbol[32];

		snprintf(symbol, sizeof(symbol), "ORDER%d", round);
		for (int i = 0; i < 5; i++)
			rows[i] = candle_at(symbol, 7, 100 + i, 1000 * i);
		for (size_t i = 4; i > 0; i--) {
			size_t k = (size_t)rng_below(&rng, i + 1);
			struct candle swap = rows[i];

			rows[i] = rows[k];
			rows[k] = swap;
		}
		/* Some in one batch, some alone. */
		must_write(rows, 2);
		for (int i = 2; i < 5; i++)
			must_write(&rows[i], 1);
		got = read_all(symbol, 0, 100);
		assert_int_equal(got.n, 1);
		assert_true(got.close[0] == 104);
		candles_release(&got);
	}
}

static void equal_ingest_is_decided_by_source(void **state)
{
	struct candle a = candle_at("TIE", 1, 10, 5), b = candle_at("TIE", 1, 20, 5);
	struct candles got;

	(void)state;
	b.source = CANDLE_SOURCE_REST;
	must_write(&b, 1);
	must_write(&a, 1);
	got = read_all("TIE", 0, 10);
	assert_int_equal(got.n, 1);
	assert_true(got.close[0] == 20);
	candles_release(&got);
}

static void ranges_are_half_open_and_ascending(void **state)
{
	struct candle rows[10];
	struct candles got;

	(void)state;
	for (int i = 0; i < 10; i++)
		rows[i] = candle_at("RANGE", 9 - i, i, 1);
	must_write(rows, 10);
	got = read_all("RANGE", 2, 5);
	assert_int_equal(got.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(got.ts_open_ms[i], T0 + (int64_t)(2 + i) * 60000);
	candles_release(&got);
}

static void numbers_come_back_to_the_bit(void **state)
{
	struct candle c = candle_at("BITS", 1, 0, 1);
	struct candles got;

	(void)state;
	c.open = c.low = 0.1 + 0.2;
	c.close = 23140.480000000003;
	c.high = 1.7976931348623157e+308;
	c.volume_base = 5e-324;
	must_write(&c, 1);
	got = read_all("BITS", 0, 5);
	assert_int_equal(got.n, 1);
	assert_memory_equal(&got.open[0], &c.open, 8);
	assert_memory_equal(&got.close[0], &c.close, 8);
	assert_memory_equal(&got.high[0], &c.high, 8);
	assert_memory_equal(&got.volume[0], &c.volume_base, 8);
	assert_true(isnan(got.volume_quote[0]));
	candles_release(&got);
}

static void holes_are_reported_never_filled(void **state)
{
	struct candle_window w = { instrument_of("HOLES"), { T0 }, { T0 + 10 * 60000 } };
	struct minute_range gaps[8];
	struct candles got;
	size_t n = 0;

	(void)state;
	for (int64_t i = 0; i < 10; i++)
		if (i != 0 && i != 4 && i != 5 && i != 9) {
			struct candle c = candle_at("HOLES", i, 1, 1);

			must_write(&c, 1);
		}
	assert_int_equal(store->gaps(store, &w, gaps, 8, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_int_equal(gaps[0].from.ms, T0);
	assert_int_equal(gaps[0].to.ms, T0 + 60000);
	assert_int_equal(gaps[1].from.ms, T0 + 4 * 60000);
	assert_int_equal(gaps[1].to.ms, T0 + 6 * 60000);
	assert_int_equal(gaps[2].from.ms, T0 + 9 * 60000);
	assert_int_equal(gaps[2].to.ms, T0 + 10 * 60000);
	got = read_all("HOLES", 0, 10);
	assert_int_equal(got.n, 6);
	candles_release(&got);
	assert_int_equal(store->gaps(store, &w, gaps, 1, &n, NULL), 0);
	assert_int_equal(n, 1);
}

static void an_empty_store_knows_nothing(void **state)
{
	struct instrument i = instrument_of("EMPTY");
	struct candle_window w = { i, { T0 }, { T0 + 3 * 60000 } };
	struct candle_bounds b;
	struct minute_range gaps[4];
	size_t n;

	(void)state;
	assert_int_equal(store->bounds(store, &i, UTC_NONE, &b, NULL), 0);
	assert_false(b.any);
	assert_true(utc_is_none(b.first) && utc_is_none(b.last));
	assert_int_equal(store->gaps(store, &w, gaps, 4, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(gaps[0].to.ms - gaps[0].from.ms, 3 * 60000);
}

static void bounds_respect_their_limit(void **state)
{
	struct instrument i = instrument_of("BOUNDS");
	struct candle rows[3] = { candle_at("BOUNDS", 1, 1, 1), candle_at("BOUNDS", 5, 1, 1),
				  candle_at("BOUNDS", 9, 1, 1) };
	struct candle_bounds b;

	(void)state;
	must_write(rows, 3);
	assert_int_equal(store->bounds(store, &i, UTC_NONE, &b, NULL), 0);
	assert_int_equal(b.last.ms, T0 + 9 * 60000);
	assert_int_equal(store->bounds(store, &i, utc_from_ms(T0 + 9 * 60000), &b, NULL), 0);
	assert_int_equal(b.first.ms, T0 + 60000);
	assert_int_equal(b.last.ms, T0 + 5 * 60000);
	assert_int_equal(store->bounds(store, &i, utc_from_ms(T0), &b, NULL), 0);
	assert_false(b.any);
}

static void confirmed_gaps_are_kept_merged_and_clipped(void **state)
{
	struct instrument i = instrument_of("CONFIRMED");
	struct minute_range a = { { T0 + 60000 }, { T0 + 3 * 60000 } }, b = { { T0 + 2 * 60000 }, { T0 + 5 * 60000 } },
			    got[4];
	struct candle_window w = { i, { T0 + 2 * 60000 }, { T0 + 4 * 60000 } };
	size_t n;

	(void)state;
	assert_int_equal(store->confirm_gap(store, &i, &a, NULL), 0);
	assert_int_equal(store->confirm_gap(store, &i, &a, NULL), 0);
	assert_int_equal(store->confirm_gap(store, &i, &b, NULL), 0);
	assert_int_equal(store->confirmed_gaps(store, &w, got, 4, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(got[0].from.ms, w.from.ms);
	assert_int_equal(got[0].to.ms, w.to.ms);
}

static void strange_symbols_are_data(void **state)
{
	static const char *const symbols[] = { "O'REILLY", "BACK\\SLASH", "ТЕСТ", "A\"B;DROP TABLE X" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
		struct candle c = candle_at(symbols[i], 1, 42, 1);
		struct candles got;

		must_write(&c, 1);
		got = read_all(symbols[i], 0, 5);
		assert_int_equal(got.n, 1);
		candles_release(&got);
	}
}

static void a_large_batch_is_one_write(void **state)
{
	enum { N = 100000 };
	struct candle *rows = calloc(N, sizeof(*rows));
	struct candles got;

	(void)state;
	for (int64_t i = 0; i < N; i++)
		rows[i] = candle_at("BULK", i, (double)i, 1);
	must_write(rows, N);
	must_write(rows, N);
	got = read_all("BULK", 0, N);
	assert_int_equal(got.n, N);
	assert_true(got.close[N - 1] == N - 1);
	candles_release(&got);
	free(rows);
}

static void ping_knows_the_schema(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	if (store->ping(store, &err) != 0)
		fail_msg("%s: %s (%s)", store->name, err.message, err.detail);
}

static int open_postgres(void **state)
{
	(void)state;
	stack_up(&stack, STACK_DATABASE);
	store = pg_candle_store_open(stack.dsn, "contract", NULL);
	return store == NULL;
}

static int open_clickhouse(void **state)
{
	const char *server = getenv("ROEHUB_TEST_CH");
	char path[600];
	struct ch_settings settings = { .port = 8123, .user = "default", .database = "market_data" };
	struct error err = ERROR_INIT;

	(void)state;
	memset(&stack, 0, sizeof(stack));
	assert_non_null(server);
	snprintf(settings.host, sizeof(settings.host), "%.*s", (int)strcspn(server, ":"), server);
	settings.port = (int)strtol(strchr(server, ':') + 1, NULL, 10);
	snprintf(path, sizeof(path), "%s/migrations/clickhouse/market_data_ddl.sql", test_root());
	for (int i = 0; i < 2; i++) /* repeatable */
		if (ch_apply_schema(&settings, path, &err) != 0)
			fail_msg("%s (%s)", err.message, err.detail);
	store = ch_candle_store_open(&settings, NULL);
	return store == NULL;
}

static int close_store(void **state)
{
	(void)state;
	store->close(store);
	store = NULL;
	if (stack.database[0] != '\0')
		stack_down(&stack);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ping_knows_the_schema),
		cmocka_unit_test(an_empty_store_knows_nothing),
		cmocka_unit_test(latest_ingest_wins_in_any_order),
		cmocka_unit_test(equal_ingest_is_decided_by_source),
		cmocka_unit_test(ranges_are_half_open_and_ascending),
		cmocka_unit_test(numbers_come_back_to_the_bit),
		cmocka_unit_test(holes_are_reported_never_filled),
		cmocka_unit_test(bounds_respect_their_limit),
		cmocka_unit_test(confirmed_gaps_are_kept_merged_and_clipped),
		cmocka_unit_test(strange_symbols_are_data),
		cmocka_unit_test(a_large_batch_is_one_write),
	};
	int failed = cmocka_run_group_tests_name("candle_store: postgres", tests, open_postgres, close_store);

	return failed + cmocka_run_group_tests_name("candle_store: clickhouse", tests, open_clickhouse, close_store);
}
