/* Markets, instruments, keys, timeframes and the rules of a candle. */
#include "support/stack.h"

#include <math.h>

#include "domain/market/candle.h"
#include "domain/market/timeframe.h"

static void markets_are_fixed(void **state)
{
	(void)state;
	assert_int_equal(MARKET_COUNT, 4);
	assert_string_equal(market_by_id(3)->code, "bybit:spot");
	assert_int_equal(market_by_code(STR("binance:futures"))->market_id, 2);
	assert_null(market_by_id(9));
	assert_null(market_by_code(STR("binance")));
}

static void instruments_are_normalised(void **state)
{
	static const struct {
		int64_t market_id;
		const char *symbol, *want, *message;
	} rows[] = {
		{ 1, " btcusdt\t", "BTCUSDT", NULL },
		{ 65535, "\xe5\xb8\x81usdt", "\xe5\xb8\x81USDT", NULL },
		{ 0, "X", NULL, "MarketId must be > 0, got 0" },
		{ -5, "X", NULL, "MarketId must be > 0, got -5" },
		{ 70000, "X", NULL, "MarketId must fit UInt16 (<= 65535), got 70000" },
		{ 1, " \t", NULL, "Symbol must be non-empty after normalization" },
		{ 1, "A\nB", NULL, "Symbol must be text without control characters" },
		{ 1, "\xff", NULL, "Symbol must be text without control characters" },
		{ 1, "0123456789012345678901234567890123456789012345678901234567890123", NULL,
		  "Symbol must be at most 63 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct instrument got = { 77, "untouched" };
		struct error err = ERROR_INIT;
		int rc = instrument_init(&got, rows[i].market_id, str_from(rows[i].symbol), &err);

		assert_int_equal(rc, rows[i].want != NULL ? 0 : -1);
		assert_string_equal(got.symbol, rows[i].want != NULL ? rows[i].want : "untouched");
		if (rows[i].message != NULL)
			assert_string_equal(err.message, rows[i].message);
	}
}

static void keys_are_built_and_split(void **state)
{
	struct instrument i;
	struct instrument_key_parts parts = { "untouched", "", "" };
	char key[INSTRUMENT_KEY_MAX];
	static const char *const bad[] = { "",	     "a:b",	"a:b:c:d",
					   "a:b:c:", "a:b\n:c", "a-very-long-exchange-name-of-more-than-31:spot:X" };

	(void)state;
	assert_int_equal(instrument_init(&i, 4, STR("ethusdt"), NULL), 0);
	assert_int_equal(instrument_key(&i, key, NULL), 0);
	assert_string_equal(key, "bybit:futures:ETHUSDT");
	i.market_id = 99;
	assert_int_equal(instrument_key(&i, key, NULL), -1);
	for (size_t k = 0; k < ARRAY_LEN(bad); k++)
		assert_false(instrument_key_split(str_from(bad[k]), &parts));
	assert_string_equal(parts.exchange, "untouched");
	assert_true(instrument_key_split(STR(" Binance : SPOT : btcUsdt "), &parts));
	assert_string_equal(parts.exchange, "binance");
	assert_string_equal(parts.market_type, "spot");
	assert_string_equal(parts.symbol, "BTCUSDT");
}

static void timeframes_parse(void **state)
{
	enum timeframe tf = TIMEFRAME_1D;
	struct error err = ERROR_INIT;
	char text[80], want[200];

	(void)state;
	assert_int_equal(timeframe_parse(STR(" 4H "), &tf, NULL), 0);
	assert_int_equal(tf, TIMEFRAME_4H);
	assert_string_equal(timeframe_text(tf), "4h");
	assert_int_equal(timeframe_ms(tf), 14400000);
	assert_int_equal(timeframe_parse(STR("2M"), &tf, &err), -1);
	assert_string_equal(err.message,
			    "Unsupported timeframe='2m'. Supported: ['15m', '1d', '1h', '1m', '4h', '5m']");
	assert_int_equal(timeframe_parse((struct str){ "1m\0x", 4 }, &tf, &err), -1);
	memset(text, 'A', sizeof(text));
	assert_int_equal(timeframe_parse((struct str){ text, sizeof(text) }, &tf, &err), -1);
	snprintf(want, sizeof(want), "Unsupported timeframe='%.*s'. Supported: ['15m', '1d', '1h', '1m', '4h', '5m']",
		 32, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	assert_string_equal(err.message, want);
	assert_int_equal(tf, TIMEFRAME_4H);
}

static void buckets_are_epoch_aligned(void **state)
{
	static const struct {
		enum timeframe tf;
		const char *open;
	} rows[] = {
		{ TIMEFRAME_1M, "2026-02-17T14:07:00.000Z" },  { TIMEFRAME_5M, "2026-02-17T14:05:00.000Z" },
		{ TIMEFRAME_15M, "2026-02-17T14:00:00.000Z" }, { TIMEFRAME_1H, "2026-02-17T14:00:00.000Z" },
		{ TIMEFRAME_4H, "2026-02-17T12:00:00.000Z" },  { TIMEFRAME_1D, "2026-02-17T00:00:00.000Z" },
	};
	char text[UTC_TEXT_MAX];
	utc_t t;

	(void)state;
	assert_true(utc_parse(STR("2026-02-17T14:07:31.250Z"), &t));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(utc_format_ms(timeframe_bucket(rows[i].tf, t), text), rows[i].open);
	assert_int_equal(timeframe_bucket(TIMEFRAME_1H, utc_from_ms(-1)).ms, -3600000);
}

static struct candle good_candle(void)
{
	return (struct candle){ .ts_open = { 60000 },
				.open = 10,
				.high = 12,
				.low = 9,
				.close = 11,
				.volume_base = 0,
				.volume_quote = NAN,
				.trades_count = -1,
				.taker_buy_volume_base = NAN,
				.taker_buy_volume_quote = NAN };
}

static void candle_rules(void **state)
{
	struct candle c = good_candle();
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(candle_check(&c, &err), 0);
	assert_int_equal(candle_close_time(&c).ms, 120000);
#define BROKEN(change, text)                                                                                           \
	c = good_candle();                                                                                             \
	change;                                                                                                        \
	assert_int_equal(candle_check(&c, &err), -1);                                                                  \
	assert_string_equal(err.message, text)
	BROKEN(c.ts_open.ms = 60001, "Candle requires ts_open on a whole minute, got 60001");
	BROKEN(c.high = 10.5, "Candle requires high >= max(open, close)");
	BROKEN(c.low = 10.5, "Candle requires low <= min(open, close)");
	BROKEN(c.volume_base = -1, "Candle requires volume_base >= 0");
	BROKEN(c.volume_quote = -1, "Candle requires volume_quote >= 0 when provided");
	BROKEN(c.close = NAN, "Candle requires finite open, high, low, close and volume_base");
	BROKEN(c.high = INFINITY, "Candle requires finite open, high, low, close and volume_base");
	BROKEN(c.volume_quote = INFINITY, "Candle requires volume_quote >= 0 when provided");
	BROKEN(c.taker_buy_volume_base = -2, "taker_buy_volume_base must be >= 0, got -2");
#undef BROKEN
}

static void sources_parse(void **state)
{
	enum candle_source s = CANDLE_SOURCE_WS;

	(void)state;
	assert_true(candle_source_parse(STR(" File "), &s));
	assert_int_equal(s, CANDLE_SOURCE_FILE);
	assert_string_equal(candle_source_text(s), "file");
	assert_false(candle_source_parse(STR("tape"), &s));
}

static void columns_grow(void **state)
{
	struct candles c;
	struct bar b;

	(void)state;
	candles_init(&c);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(candles_append(&c, utc_from_ms(i * 60000LL), i, i + 2, i - 2, i + 1, 5, NAN, NULL), 0);
	assert_int_equal(c.n, 3000);
	b = candles_bar(&c, 2999);
	assert_int_equal(b.ts_open.ms, 2999 * 60000LL);
	assert_true(b.open == 2999 && b.high == 3001 && b.low == 2997 && b.close == 3000 && b.volume == 5);
	candles_clear(&c);
	assert_int_equal(c.n, 0);
	assert_true(c.cap >= 3000);
	candles_release(&c);
	assert_int_equal(c.cap, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(markets_are_fixed),
		cmocka_unit_test(instruments_are_normalised),
		cmocka_unit_test(keys_are_built_and_split),
		cmocka_unit_test(timeframes_parse),
		cmocka_unit_test(buckets_are_epoch_aligned),
		cmocka_unit_test(candle_rules),
		cmocka_unit_test(sources_parse),
		cmocka_unit_test(columns_grow),
	};

	return cmocka_run_group_tests_name("market", tests, NULL, NULL);
}
