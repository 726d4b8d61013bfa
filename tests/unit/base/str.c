/* Text as pointer and length: slices, splits, strict UTF-8, number readers that take nothing but the number. */
#include "support/stack.h"

#include <math.h>

#include "base/str.h"

static void slices_are_clamped(void **state)
{
	struct str s = STR("abcdef");

	(void)state;
	assert_true(str_eq(str_slice(s, 1, 3), STR("bc")));
	assert_true(str_eq(str_slice(s, 4, 99), STR("ef")));
	assert_int_equal(str_slice(s, 9, 99).n, 0);
	assert_int_equal(str_slice(s, 3, 1).n, 0);
	assert_null(str_slice(STR_NULL, 0, 5).p);
	assert_int_equal(str_slice(STR_NULL, 0, 5).n, 0);
}

static void texts_compare_by_bytes(void **state)
{
	(void)state;
	assert_true(str_eq(STR_NULL, STR("")));
	assert_true(str_eq(STR("a\0b"), STR("a\0b")));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_true(str_eq_c(STR("abc"), "abc"));
	assert_false(str_eq_c(STR("abc"), "abcd"));
	assert_true(str_eq_nocase(STR("BtcUsdt1"), STR("bTCuSDT1")));
	assert_false(str_eq_nocase(STR("["), STR("{"))); /* 32 apart, and no letters */
	assert_false(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4")));
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("b"), STR("ab")) > 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_int_equal(str_cmp(STR_NULL, STR("")), 0);
	assert_true(str_starts(STR("abc"), STR("ab")) && str_starts(STR("abc"), STR_NULL));
	assert_false(str_starts(STR("a"), STR("ab")));
	assert_true(str_ends(STR("abc"), STR("bc")) && str_ends(STR_NULL, STR("")));
	assert_false(str_ends(STR("bc"), STR("abc")));
}

static void white_space_is_trimmed(void **state)
{
	(void)state;
	assert_true(str_eq(str_trim(STR(" \t\r\n\v\f a b \n")), STR("a b")));
	assert_int_equal(str_trim(STR(" \t ")).n, 0);
	assert_true(str_eq(str_trim(STR("\xc2\xa0")), STR("\xc2\xa0"))); /* ASCII only */
	assert_true(str_is_blank(STR_NULL) && str_is_blank(STR("\n")));
	assert_false(str_is_blank(STR(" . ")));
}

static void splits_keep_empty_parts(void **state)
{
	static const struct {
		const char *text, *parts[5];
	} rows[] = {
		{ "a::b", { "a", "", "b", NULL } }, { "", { "", NULL } },	 { ":", { "", "", NULL } },
		{ "abc", { "abc", NULL } },	    { "a:", { "a", "", NULL } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str rest = str_from(rows[i].text), part;
		size_t n = 0;

		while (str_split(&rest, ':', &part)) {
			assert_non_null(rows[i].parts[n]);
			assert_true(str_eq_c(part, rows[i].parts[n]));
			n++;
		}
		assert_null(rows[i].parts[n]);
	}
	assert_int_equal(str_find_byte(STR("abcb"), 'b'), 1);
	assert_true(str_find_byte(STR("abc"), 'x') == SIZE_MAX);
	assert_true(str_find_byte(STR_NULL, 'x') == SIZE_MAX);
}

static void utf8_is_strict(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{ "", true },
		{ "plain", true },
		{ "\xc2\x80", true },
		{ "\xdf\xbf", true },
		{ "\xe0\xa0\x80", true },
		{ "\xed\x9f\xbf", true },
		{ "\xee\x80\x80", true },
		{ "\xf0\x90\x80\x80", true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "\x80", false },     /* continuation alone */
		{ "\xc0\x80", false }, /* overlong */
		{ "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xed\xa0\x80", false }, /* surrogate */
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false }, /* above U+10FFFF */
		{ "\xf5\x80\x80\x80", false },
		{ "\xff", false },
		{ "\xe2\x82", false }, /* cut */
		{ "\xe2\x82"
		  "a",
		  false },
		{ "\xf0\x90\x80", false },
		{ "a\xc3", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (str_is_utf8(str_from(rows[i].text)) != rows[i].ok)
			fail_msg("row %zu", i);
}

static void integers_fit_or_are_refused(void **state)
{
	static const struct {
		const char *text;
		bool i_ok, u_ok;
		int64_t i;
		uint64_t u;
	} rows[] = {
		{ "0", true, true, 0, 0 },
		{ "007", true, true, 7, 7 },
		{ "+5", true, false, 5, 0 },
		{ "-5", true, false, -5, 0 },
		{ "-0", true, false, 0, 0 },
		{ "9223372036854775807", true, true, INT64_MAX, INT64_MAX },
		{ "9223372036854775808", false, true, 0, 9223372036854775808ULL },
		{ "-9223372036854775808", true, false, INT64_MIN, 0 },
		{ "-9223372036854775809", false, false, 0, 0 },
		{ "18446744073709551615", false, true, 0, UINT64_MAX },
		{ "18446744073709551616", false, false, 0, 0 },
		{ "99999999999999999999999", false, false, 0, 0 },
		{ "", false, false, 0, 0 },
		{ "-", false, false, 0, 0 },
		{ "+-1", false, false, 0, 0 },
		{ " 1", false, false, 0, 0 },
		{ "1 ", false, false, 0, 0 },
		{ "1.0", false, false, 0, 0 },
		{ "0x10", false, false, 0, 0 },
		{ "\xb2", false, false, 0, 0 },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		int64_t i = 42;
		uint64_t u = 42;

		if (str_to_i64(str_from(rows[k].text), &i) != rows[k].i_ok || i != (rows[k].i_ok ? rows[k].i : 42))
			fail_msg("signed row %zu: %s", k, rows[k].text);
		if (str_to_u64(str_from(rows[k].text), &u) != rows[k].u_ok || u != (rows[k].u_ok ? rows[k].u : 42))
			fail_msg("unsigned row %zu: %s", k, rows[k].text);
	}
}

static void doubles_follow_json(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		double v;
	} rows[] = {
		{ "0", true, 0 },
		{ "-0", true, -0.0 },
		{ "+1.5", true, 1.5 },
		{ "1e3", true, 1000 },
		{ "1E-2", true, 0.01 },
		{ "1e+2", true, 100 },
		{ "0.1", true, 0.1 },
		{ "1e-400", true, 0 },
		{ "5e-324", true, 5e-324 },
		{ "1e400", false, 0 },
		{ "-1e400", false, 0 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ ".5", false, 0 },
		{ "5.", false, 0 },
		{ "01", false, 0 },
		{ "1e", false, 0 },
		{ "1e+", false, 0 },
		{ "nan", false, 0 },
		{ "inf", false, 0 },
		{ "-Infinity", false, 0 },
		{ "0x1p3", false, 0 },
		{ "1,5", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1.5.2", false, 0 },
		{ "1_000", false, 0 },
		{ "1e5.0", false, 0 },
		{ "9007199254740993", true, 9007199254740992.0 },
		{ "1.7976931348623157e308", true, 1.7976931348623157e308 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		double v = 42;

		if (str_to_double(str_from(rows[i].text), &v) != rows[i].ok || v != (rows[i].ok ? rows[i].v : 42) ||
		    (rows[i].ok && !signbit(v) != !signbit(rows[i].v)))
			fail_msg("row %zu: %s", i, rows[i].text);
	}
}

static void a_number_has_a_length_limit(void **state)
{
	char text[600];
	double v = 42;

	(void)state;
	memset(text, '1', sizeof(text));
	assert_true(str_to_double((struct str){ text, 300 }, &v));
	assert_true(v > 1e299 && v < 1.2e299);
	text[1] = '.';
	assert_true(str_to_double((struct str){ text, 511 }, &v));
	assert_false(str_to_double((struct str){ text, 512 }, &v));
	assert_true(v > 1.1 && v < 1.2);
}

static void booleans_have_eight_words(void **state)
{
	static const struct {
		const char *text;
		bool ok, v;
	} rows[] = {
		{ "1", true, true },  { " TRUE ", true, true }, { "Yes", true, true }, { "on\n", true, true },
		{ "0", true, false }, { "False", true, false }, { "NO", true, false }, { "off", true, false },
		{ "", false, false }, { "2", false, false },	{ "y", false, false }, { "true!", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool v = !rows[i].v;

		assert_int_equal(str_to_bool(str_from(rows[i].text), &v), rows[i].ok);
		assert_int_equal(v, rows[i].ok ? rows[i].v : !rows[i].v);
	}
}

static void copies_fit_or_are_empty(void **state)
{
	char text[4] = "xyz", mixed[] = "aZ9\xc3\xa4";

	(void)state;
	assert_true(str_copy(text, sizeof(text), STR("abc")));
	assert_string_equal(text, "abc");
	assert_false(str_copy(text, sizeof(text), STR("abcd")));
	assert_string_equal(text, "");
	assert_true(str_copy(text, sizeof(text), STR_NULL));
	assert_false(str_copy(NULL, 0, STR("")));
	str_upper_ascii(mixed);
	assert_string_equal(mixed, "AZ9\xc3\xa4");
	str_lower_ascii(mixed);
	assert_string_equal(mixed, "az9\xc3\xa4");
}

static void hex_digits(void **state)
{
	static const char digits[] = "0123456789abcdef";

	(void)state;
	for (int c = -128; c < 128; c++) {
		const char *at = c > 0 ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

		assert_int_equal(str_hex_digit((char)c), at != NULL ? at - digits : -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_are_clamped),
		cmocka_unit_test(texts_compare_by_bytes),
		cmocka_unit_test(white_space_is_trimmed),
		cmocka_unit_test(splits_keep_empty_parts),
		cmocka_unit_test(utf8_is_strict),
		cmocka_unit_test(integers_fit_or_are_refused),
		cmocka_unit_test(doubles_follow_json),
		cmocka_unit_test(a_number_has_a_length_limit),
		cmocka_unit_test(booleans_have_eight_words),
		cmocka_unit_test(copies_fit_or_are_empty),
		cmocka_unit_test(hex_digits),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
