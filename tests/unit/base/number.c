/* One text per double: the shortest that reads back, in two notations. */
#include "support/stack.h"

#include <math.h>

#include "base/number.h"
#include "base/random.h"

static double from_bits(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static void known_texts(void **state)
{
	static const struct {
		uint64_t bits;
		const char *text;
	} rows[] = {
		/* spec indicators, number_format_cases */
		{ 0x3fb999999999999aULL, "0.1" },
		{ 0x3ff0000000000000ULL, "1.0" },
		{ 0x4000000000000000ULL, "2.0" },
		{ 0x3f947ae147ae147bULL, "0.02" },
		{ 0x3fd3333333333334ULL, "0.30000000000000004" },
		{ 0x3ee4f8b588e368f1ULL, "1e-05" },
		{ 0x3f1a36e2eb1c432dULL, "0.0001" },
		{ 0x4341c37937e08000ULL, "1e+16" },
		{ 0x437b69b4ba630f35ULL, "1.2345678901234568e+17" },
		{ 0x430c6bf526340000ULL, "1000000000000000.0" },
		{ 0x0000000000000001ULL, "5e-324" },
		{ 0x4059000000000000ULL, "100.0" },
		{ 0xc004000000000000ULL, "-2.5" },
		{ 0x3f8eb851eb851eb8ULL, "0.015" },
		/* signs, ends of the range, borders of the notations */
		{ 0x0000000000000000ULL, "0.0" },
		{ 0x8000000000000000ULL, "-0.0" },
		{ 0x7fefffffffffffffULL, "1.7976931348623157e+308" },
		{ 0x0010000000000000ULL, "2.2250738585072014e-308" },
		{ 0x000fffffffffffffULL, "2.225073858507201e-308" },
		{ 0x4341c37937e07fffULL, "9999999999999998.0" },
		{ 0x7ff0000000000000ULL, "inf" },
		{ 0xfff0000000000000ULL, "-inf" },
		{ 0x7ff8000000000000ULL, "nan" },
		{ 0xfff8000000000000ULL, "nan" },
		/* powers of two whose nearest 16 digits do not read back, though their upper neighbour does */
		{ 0x3d30000000000000ULL, "5.684341886080802e-14" },
		{ 0x4580000000000000ULL, "6.189700196426902e+26" },
		{ 0x4790000000000000ULL, "5.316911983139664e+36" },
	};
	char text[NUMBER_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(number_format(from_bits(rows[i].bits), text), rows[i].text);
}

/* The slow way: does a decimal of so many digits next to v, below or above, read back? */
static bool reads_back_with(double v, int precision)
{
	char text[40], digits[24];
	long long mantissa;
	int exponent;

	snprintf(text, sizeof(text), "%.*e", precision - 1, v);
	snprintf(digits, sizeof(digits), "%c%.*s", text[0], precision - 1, text + 2);
	mantissa = strtoll(digits, NULL, 10);
	exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10) - precision + 1;
	for (int step = -1; step <= 1; step++) {
		snprintf(text, sizeof(text), "%llde%d", mantissa + step, exponent);
		if (strtod(text, NULL) == v)
			return true;
	}
	return false;
}

static int digits_of(const char *text)
{
	int n = 0, zeros = 0;

	for (; *text != '\0' && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (n == 0 && *text == '0'))
			continue;
		n++;
		zeros = *text == '0' ? zeros + 1 : 0;
	}
	return n - zeros;
}

static void texts_read_back_and_are_short(void **state)
{
	struct rng r;

	(void)state;
	rng_seed(&r, 7);
	for (int i = 0; i < 9000; i++) {
		double v = from_bits(rng_u64(&r) & 0x7fffffffffffffffULL), back = 0;
		char text[NUMBER_TEXT_MAX];

		if (i % 3 == 0)
			v = floor(rng_unit(&r) * 1e8) / 1e4; /* prices */
		if (i % 3 == 1)
			v = ldexp(1, (int)rng_below(&r, 2098) - 1074);
		if (!isfinite(v))
			continue;
		number_format(v, text);
		if (!str_to_double(str_from(text), &back) || back != v)
			fail_msg("%a prints as %s", v, text);
		for (int precision = 1; precision < digits_of(text); precision++)
			if (reads_back_with(v, precision))
				fail_msg("%a has a text shorter than %s", v, text);
	}
}

static void untyped_integrals_lose_the_point(void **state)
{
	static const struct {
		double v;
		const char *text;
	} rows[] = {
		{ 2.0, "2" },
		{ -0.0, "0" },
		{ 0.5, "0.5" },
		{ -17.0, "-17" },
		{ 1e15, "1000000000000000" },
		{ 9007199254740991.0, "9007199254740991" },
		{ 9007199254740992.0, "9007199254740992.0" },
		{ -9007199254740992.0, "-9007199254740992.0" },
		{ 1e300, "1e+300" },
		{ INFINITY, "inf" },
	};
	char text[NUMBER_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(number_format_untyped(rows[i].v, text), rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_texts),
		cmocka_unit_test(texts_read_back_and_are_short),
		cmocka_unit_test(untyped_integrals_lose_the_point),
	};

	return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
