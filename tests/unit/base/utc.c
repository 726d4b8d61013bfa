/* Instants: three written forms, one reader, and a calendar compared day by day with the C library's. */
#include "support/stack.h"

#include <time.h>

#include "base/random.h"
#include "base/utc.h"

#define DAY_MS 86400000LL

static void the_three_forms(void **state)
{
	static const struct {
		int64_t ms;
		const char *exact, *api, *http;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ -1, "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999000Z", "Wed, 31 Dec 1969 23:59:59 GMT" },
		{ 1771675200000, "2026-02-21T12:00:00.000Z", "2026-02-21T12:00:00Z", "Sat, 21 Feb 2026 12:00:00 GMT" },
		{ 1771675200250, "2026-02-21T12:00:00.250Z", "2026-02-21T12:00:00.250000Z",
		  "Sat, 21 Feb 2026 12:00:00 GMT" },
		{ 951782400001, "2000-02-29T00:00:00.001Z", "2000-02-29T00:00:00.001000Z",
		  "Tue, 29 Feb 2000 00:00:00 GMT" },
		{ -62135596800000, "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z",
		  "Mon, 01 Jan 0001 00:00:00 GMT" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999000Z",
		  "Fri, 31 Dec 9999 23:59:59 GMT" },
		/* outside of the years that can be written: the nearest that can */
		{ INT64_MAX, "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999000Z",
		  "Fri, 31 Dec 9999 23:59:59 GMT" },
		{ INT64_MIN, "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z", "Mon, 01 Jan 0001 00:00:00 GMT" },
	};
	char text[UTC_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		utc_t t = utc_from_ms(rows[i].ms);

		assert_string_equal(utc_format_ms(t, text), rows[i].exact);
		assert_string_equal(utc_format_api(t, text), rows[i].api);
		assert_string_equal(utc_format_http(t, text), rows[i].http);
	}
}

static void what_is_read(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} rows[] = {
		{ "2026-02-04T12:34:56.789999+00:00", "2026-02-04T12:34:56.789Z" },
		{ "2026-02-04T15:34:56.7+03:00", "2026-02-04T12:34:56.700Z" },
		{ "2026-02-04T12:34:56Z", "2026-02-04T12:34:56.000Z" },
		{ "2026-02-04 12:34:56z", "2026-02-04T12:34:56.000Z" },
		{ "2026-02-04t12:34Z", "2026-02-04T12:34:00.000Z" },
		{ "2026-02-04T12:34:56,5-0130", "2026-02-04T14:04:56.500Z" },
		{ "2026-02-04T00:34:56+14", "2026-02-03T10:34:56.000Z" },
		{ "2024-02-29T23:59:59.9999999999999999999999Z", "2024-02-29T23:59:59.999Z" },
		{ "1969-12-31T23:59:59.0019Z", "1969-12-31T23:59:59.001Z" }, /* cut, not rounded, before 1970 too */
		{ "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z" },
		{ "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z" },
		{ "2026-02-04T12:34:56", NULL }, /* no zone */
		{ "2026-02-04", NULL },
		{ "2026-02-29T00:00:00Z", NULL },
		{ "1900-02-29T00:00:00Z", NULL },
		{ "2026-04-31T00:00:00Z", NULL },
		{ "2026-00-01T00:00:00Z", NULL },
		{ "2026-13-01T00:00:00Z", NULL },
		{ "2026-01-00T00:00:00Z", NULL },
		{ "2026-01-01T24:00:00Z", NULL },
		{ "2026-01-01T00:60:00Z", NULL },
		{ "2026-01-01T00:00:60Z", NULL },
		{ "2026-01-01T00:00:00.Z", NULL },
		{ "2026-01-01T00:00:00+24:00", NULL },
		{ "2026-01-01T00:00:00+03:60", NULL },
		{ "2026-01-01T00:00:00+03:", NULL },
		{ "2026-01-01T00:00:00+3", NULL },
		{ "2026-01-01T00:00:00Z ", NULL },
		{ " 2026-01-01T00:00:00Z", NULL },
		{ "2026-01-01T00:00:00ZZ", NULL },
		{ "26-01-01T00:00:00Z", NULL },
		{ "+2026-01-01T00:00:00Z", NULL },
		{ "2026-1-01T00:00:00Z", NULL },
		{ "2026-01-01X00:00:00Z", NULL },
		{ "0000-01-01T00:00:00Z", NULL },
		{ "0001-01-01T00:00:00+00:01", NULL }, /* before the year 1 */
		{ "9999-12-31T23:59:59-00:01", NULL }, /* after the year 9999 */
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[UTC_TEXT_MAX];
		utc_t t = { 42 };
		bool ok = utc_parse(str_from(rows[i].text), &t);

		if (ok != (rows[i].want != NULL))
			fail_msg("row %zu: %s", i, rows[i].text);
		if (ok)
			assert_string_equal(utc_format_ms(t, text), rows[i].want);
		else
			assert_true(t.ms == 42);
	}
}

static void the_calendar_is_that_of_libc(void **state)
{
	(void)state;
	for (int64_t day = -719162; day <= 2932896; day += day > -40000 && day < 60000 ? 1 : 97) {
		time_t seconds = (time_t)(day * 86400 + 3599);
		char text[UTC_TEXT_MAX], want[80];
		struct tm tm;
		utc_t back;

		assert_non_null(gmtime_r(&seconds, &tm));
		snprintf(want, sizeof(want), "%04d-%02d-%02dT00:59:59Z", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
		assert_string_equal(utc_format_api(utc_from_ms(seconds * 1000LL), text), want);
		assert_true(utc_parse(str_from(text), &back));
		assert_true(back.ms == seconds * 1000LL);
		assert_int_equal(strftime(want, sizeof(want), "%a, %d %b ", &tm), 12);
		assert_memory_equal(utc_format_http(back, text), want, 12);
	}
}

static void every_form_that_keeps_ms_round_trips(void **state)
{
	struct rng r;

	(void)state;
	rng_seed(&r, 11);
	for (int i = 0; i < 20000; i++) {
		utc_t t = utc_from_ms((int64_t)rng_below(&r, 315537897600000ULL) - 62135596800000LL), back;
		char text[UTC_TEXT_MAX];

		assert_true(utc_parse(str_from(utc_format_ms(t, text)), &back));
		assert_true(back.ms == t.ms);
		assert_true(utc_parse(str_from(utc_format_api(t, text)), &back));
		assert_true(back.ms == t.ms);
	}
}

static void floors_go_down(void **state)
{
	(void)state;
	assert_true(utc_floor(utc_from_ms(119999), UTC_MINUTE_MS).ms == 60000);
	assert_true(utc_floor(utc_from_ms(60000), UTC_MINUTE_MS).ms == 60000);
	assert_true(utc_floor(utc_from_ms(-1), UTC_MINUTE_MS).ms == -60000);
	assert_true(utc_floor(utc_from_ms(-60000), UTC_MINUTE_MS).ms == -60000);
	assert_true(utc_floor(utc_from_ms(-60001), UTC_MINUTE_MS).ms == -120000);
	assert_true(utc_floor(utc_from_ms(DAY_MS + 5), DAY_MS).ms == DAY_MS);
}

static void clocks_run(void **state)
{
	mono_t from = mono_now();
	utc_t now = utc_now();

	(void)state;
	assert_true(mono_elapsed_us(from, mono_now()) >= 0);
	assert_true(mono_elapsed_us(from, mono_after_ms(from, 5)) == 5000);
	assert_true(now.ms / 1000 >= (int64_t)time(NULL) - 5 && now.ms / 1000 <= (int64_t)time(NULL));
	assert_true(utc_is_none(UTC_NONE));
	assert_false(utc_is_none(now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_three_forms),
		cmocka_unit_test(what_is_read),
		cmocka_unit_test(the_calendar_is_that_of_libc),
		cmocka_unit_test(every_form_that_keeps_ms_round_trips),
		cmocka_unit_test(floors_go_down),
		cmocka_unit_test(clocks_run),
	};

	return cmocka_run_group_tests_name("utc", tests, NULL, NULL);
}
