/* What is announced, in which words, and how often. */
#include "support/stack.h"

#include "domain/strategy/notification.h"

static struct notification_event event_of(const char *type, const cJSON *payload)
{
	struct notification_event e = { .ts = { 1000000 },
					.event_type = str_from(type),
					.instrument_key = STR("binance:spot:BTCUSDT"),
					.timeframe = STR("1m"),
					.payload = payload };

	uuid_parse(STR("00000000-0000-0000-0000-00000000a501"), &e.strategy_id);
	uuid_parse(STR("00000000-0000-0000-0000-00000000b501"), &e.run_id);
	return e;
}

#define IDS    "strategy_id=00000000-0000-0000-0000-00000000a501 | run_id=00000000-0000-0000-0000-00000000b501"
#define MARKET " | instrument=binance:spot:BTCUSDT | timeframe=1m"

static void texts(void **state)
{
	static const struct {
		const char *type, *payload, *want;
	} rows[] = {
		{ "signal", "{\"signal\":\"LONG\"}", "SIGNAL | " IDS MARKET " | signal=LONG" },
		{ " Signal ", "{\"signal\":\"  \"}", "SIGNAL | " IDS MARKET " | signal=n/a" },
		{ "signal", "{\"signal\":null}", "SIGNAL | " IDS MARKET " | signal=n/a" },
		{ "signal", "null", "SIGNAL | " IDS MARKET " | signal=n/a" },
		{ "trade_open", "{\"side\":\"BUY\",\"price\":\"50000.10\"}",
		  "TRADE OPEN | " IDS MARKET " | side=BUY | price=50000.10" },
		{ "trade_close", "{\"side\":\" SELL \",\"price\":12.5}",
		  "TRADE CLOSE | " IDS MARKET " | side=SELL | price=12.5" },
		{ "failed", "{\"error\":\" bad\\n\\t thing  happened \"}",
		  "FAILED | " IDS " | error=bad thing happened" },
		{ "FAILED", "{\"error\":\" \"}", "FAILED | " IDS " | error=unknown_error" },
		{ "failed", "{}", "FAILED | " IDS " | error=unknown_error" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cJSON *payload = json_parse(str_from(rows[i].payload), NULL, NULL, NULL);
		struct notification_event e = event_of(rows[i].type, payload);
		struct strbuf sb = STRBUF_INIT(NOTIFICATION_BYTES_MAX);

		notification_text(&e, &sb);
		assert_string_equal(strbuf_cstr(&sb), rows[i].want);
		strbuf_release(&sb);
		json_free(payload);
	}
}

static void only_four_types_pass(void **state)
{
	(void)state;
	assert_int_equal(notification_kind_of(STR(" FAILED ")), NOTIFICATION_FAILED);
	assert_int_equal(notification_kind_of(STR("trade_close")), NOTIFICATION_TRADE_CLOSE);
	assert_int_equal(notification_kind_of(STR("run_stopped")), NOTIFICATION_NONE);
	assert_int_equal(notification_kind_of(STR("")), NOTIFICATION_NONE);
}

static void long_texts_are_cut_between_characters(void **state)
{
	static char error[20000];
	cJSON *payload = cJSON_CreateObject();
	struct notification_event e;
	struct strbuf sb = STRBUF_INIT(NOTIFICATION_BYTES_MAX);
	size_t characters = 0;

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(error); i += 2)
		memcpy(error + i, "\xd0\xaf", 2);
	cJSON_AddStringToObject(payload, "error", error);
	e = event_of("failed", payload);
	notification_text(&e, &sb);
	assert_int_equal(strbuf_error(&sb, NULL), 0);
	assert_true(str_is_utf8(strbuf_str(&sb)));
	for (size_t i = 0; i < sb.n; i++)
		characters += ((unsigned char)sb.p[i] & 0xc0) != 0x80;
	assert_int_equal(characters, NOTIFICATION_CHARACTERS_MAX);
	assert_int_equal(notification_cut(STR("a\xd0\xaf"
					      "b"),
					  2)
				 .n,
			 3);
	assert_int_equal(notification_cut(STR("ab"), 5).n, 2);
	json_free(payload);
	strbuf_release(&sb);
}

static void failures_are_debounced(void **state)
{
	struct notification_debounce *d = notification_debounce_new(600, 8);
	cJSON *payload = json_parse(STR("{\"error\":\"a  b\"}"), NULL, NULL, NULL);
	cJSON *other = json_parse(STR("{\"error\":\"A b\"}"), NULL, NULL, NULL);
	struct notification_event e = event_of("failed", payload), f = event_of("failed", other);
	struct notification_event s = event_of("signal", payload);

	(void)state;
	assert_true(notification_debounce_passes(d, &e));
	assert_true(notification_debounce_passes(d, &e)); /* asking starts no window */
	notification_debounce_sent(d, &e);
	e.ts.ms += 599999;
	assert_false(notification_debounce_passes(d, &e));
	assert_true(notification_debounce_passes(d, &f)); /* case matters */
	e.ts.ms += 1;
	assert_true(notification_debounce_passes(d, &e)); /* a suppressed event did not extend the window */
	e.ts.ms -= 1;
	e.strategy_id.b[0] = 9;
	assert_true(notification_debounce_passes(d, &e));
	notification_debounce_sent(d, &s);
	assert_true(notification_debounce_passes(d, &s));
	notification_debounce_free(d);

	d = notification_debounce_new(0, 8); /* off */
	notification_debounce_sent(d, &e);
	assert_true(notification_debounce_passes(d, &e));
	notification_debounce_free(d);
	json_free(payload);
	json_free(other);
}

static void the_oldest_key_gives_way(void **state)
{
	struct notification_debounce *d = notification_debounce_new(600, 3);
	struct notification_event e = event_of("failed", NULL);

	(void)state;
	for (uint8_t i = 0; i < 4; i++) {
		e.user_id.b[0] = i;
		e.ts.ms = 1000000 + i;
		notification_debounce_sent(d, &e);
	}
	for (uint8_t i = 0; i < 4; i++) {
		e.user_id.b[0] = i;
		assert_int_equal(notification_debounce_passes(d, &e), i == 0);
	}
	notification_debounce_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(only_four_types_pass),
		cmocka_unit_test(long_texts_are_cut_between_characters),
		cmocka_unit_test(failures_are_debounced),
		cmocka_unit_test(the_oldest_key_gives_way),
	};

	return cmocka_run_group_tests_name("notification", tests, NULL, NULL);
}
