/* Money: exact text, every rounding against a wide model, overflow that never touches the output. */
#include "support/stack.h"

#include "base/decimal.h"
#include "base/random.h"

static struct decimal dec(const char *text)
{
	struct decimal d;

	if (!decimal_parse(str_from(text), &d))
		fail_msg("not a decimal: %s", text);
	return d;
}

static void texts(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} rows[] = {
		{ "1.5", "1.5" },
		{ "-0", "0" },
		{ "+7", "7" },
		{ "00012.3400", "12.34" },
		{ "-0.000001", "-0.000001" },
		{ "0.000000000001", "0.000000000001" },
		{ "100", "100" },
		{ "1.000000000000000000000", "1" },
		{ "99999999999999999999999999.999999999999", "99999999999999999999999999.999999999999" },
		{ "-99999999999999999999999999.999999999999", "-99999999999999999999999999.999999999999" },
		{ "00000000000000000000000000000000000000000000000001", "1" },
		{ "100000000000000000000000000", NULL }, /* 1e26 */
		{ "-100000000000000000000000000", NULL },
		{ "340282366920938463463374607431768211457", NULL }, /* 2^128 + 1 */
		{ "0.0000000000001", NULL },
		{ "1.5x", NULL },
		{ "1e3", NULL },
		{ "", NULL },
		{ "-", NULL },
		{ ".5", NULL },
		{ "5.", NULL },
		{ "1.2.3", NULL },
		{ "--1", NULL },
		{ " 1", NULL },
		{ "1 ", NULL },
		{ "1,5", NULL },
		{ "nan", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[DECIMAL_TEXT_MAX];
		struct decimal d = { 42 };

		if (decimal_parse(str_from(rows[i].in), &d) != (rows[i].out != NULL))
			fail_msg("row %zu: %s", i, rows[i].in);
		if (rows[i].out != NULL)
			assert_string_equal(decimal_format(d, text), rows[i].out);
		else
			assert_true(d.e12 == 42);
	}
}

static void roundings(void **state)
{
	static const struct {
		const char *a, *b;
		const char *down, *up, *half_even, *floor, *ceil; /* a * b */
	} rows[] = {
		{ "0.000000000001", "0.5", "0", "0.000000000001", "0", "0", "0.000000000001" },
		{ "0.000000000003", "0.5", "0.000000000001", "0.000000000002", "0.000000000002", "0.000000000001",
		  "0.000000000002" },
		{ "-0.000000000001", "0.5", "0", "-0.000000000001", "0", "-0.000000000001", "0" },
		{ "-0.000000000001", "0.6", "0", "-0.000000000001", "-0.000000000001", "-0.000000000001", "0" },
		{ "-3", "-2", "6", "6", "6", "6", "6" },
		{ "0.1", "0.2", "0.02", "0.02", "0.02", "0.02", "0.02" },
		{ "12345678901234.123456789", "9876543210.987654321", "121932631137017405759933.540617435112",
		  "121932631137017405759933.540617435113", "121932631137017405759933.540617435113",
		  "121932631137017405759933.540617435112", "121932631137017405759933.540617435113" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *want[] = { rows[i].down, rows[i].up, rows[i].half_even, rows[i].floor, rows[i].ceil };

		for (int r = ROUND_DOWN; r <= ROUND_CEIL; r++) {
			char text[DECIMAL_TEXT_MAX];
			struct decimal d;

			assert_true(decimal_mul(dec(rows[i].a), dec(rows[i].b), (enum decimal_round)r, &d));
			assert_string_equal(decimal_format(d, text), want[r]);
		}
	}
}

/* n / d (d > 0) rounded the obvious way. */
static __int128 model_divide(__int128 n, __int128 d, enum decimal_round r)
{
	__int128 floor = n / d - (n % d < 0), rest = n - floor * d;

	if (rest == 0)
		return floor;
	switch (r) {
	case ROUND_DOWN:
		return n < 0 ? floor + 1 : floor;
	case ROUND_UP:
		return n < 0 ? floor : floor + 1;
	case ROUND_FLOOR:
		return floor;
	case ROUND_CEIL:
		return floor + 1;
	case ROUND_HALF_EVEN:
		break;
	}
	if (2 * rest != d)
		return floor + (2 * rest > d);
	return floor + (floor & 1);
}

static int64_t some(struct rng *r)
{
	int64_t v = (int64_t)(rng_u64(r) >> (8 + rng_below(r, 54)));

	return rng_below(r, 2) ? -v : v;
}

/* Values small enough that the model's 128 bits suffice. */
static void operations_agree_with_a_model(void **state)
{
	const __int128 scale = 1000000000000LL;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 21);
	for (int i = 0; i < 20000; i++) {
		enum decimal_round r = (enum decimal_round)rng_below(&rng, 5);
		int64_t x = some(&rng), y = some(&rng), den = llabs(some(&rng)) + 1;
		struct decimal a = { x }, b = { y }, got;

		assert_true(decimal_mul(a, b, r, &got) && got.e12 == model_divide((__int128)x * y, scale, r));
		assert_true(decimal_mul_div(a, y, den, r, &got) && got.e12 == model_divide((__int128)x * y, den, r));
		if (y != 0) {
			__int128 n = y < 0 ? -(__int128)x : x, d = y < 0 ? -(__int128)y : y;

			assert_true(decimal_div(a, b, r, &got) && got.e12 == model_divide(n * scale, d, r));
		}
		if (y > 0) {
			assert_true(decimal_quantize(a, b, r, &got));
			assert_true(got.e12 == model_divide(x, y, r) * y);
		}
		assert_true(decimal_add(a, b, &got) && got.e12 == (__int128)x + y);
		assert_true(decimal_sub(a, b, &got) && got.e12 == (__int128)x - y);
		assert_int_equal(decimal_cmp(a, b), (x > y) - (x < y));
	}
}

static void what_does_not_fit_is_refused(void **state)
{
	struct decimal max = dec("99999999999999999999999999.999999999999"), tiny = dec("0.000000000001"), out = { 42 };
	struct decimal big = dec("10000000000000"), min = { -max.e12 };

	(void)state;
	assert_false(decimal_add(max, tiny, &out));
	assert_false(decimal_sub(min, tiny, &out));
	assert_false(decimal_mul(big, big, ROUND_DOWN, &out));
	assert_false(decimal_mul(max, max, ROUND_UP, &out));
	assert_false(decimal_mul(max, dec("1.000000000001"), ROUND_DOWN, &out));
	assert_false(decimal_div(max, tiny, ROUND_UP, &out));
	assert_false(decimal_div(max, dec("0.999999999999"), ROUND_DOWN, &out));
	assert_false(decimal_div(tiny, DECIMAL_ZERO, ROUND_DOWN, &out));
	assert_false(decimal_mul_div(max, INT64_MAX, 1, ROUND_UP, &out));
	assert_false(decimal_mul_div(tiny, 1, 0, ROUND_UP, &out));
	assert_false(decimal_mul_div(tiny, 1, -5, ROUND_UP, &out));
	assert_false(decimal_quantize(tiny, DECIMAL_ZERO, ROUND_UP, &out));
	assert_false(decimal_quantize(tiny, dec("-1"), ROUND_UP, &out));
	assert_false(decimal_quantize(max, dec("2"), ROUND_UP, &out));
	assert_true(out.e12 == 42);

	assert_true(decimal_mul_div(max, INT64_MAX, INT64_MAX, ROUND_UP, &out) &&
		    out.e12 == max.e12); /* 190 bits inside */
	assert_true(decimal_div(max, max, ROUND_UP, &out) && decimal_cmp(out, dec("1")) == 0);
	assert_true(decimal_mul_div(min, INT64_MIN, INT64_MAX, ROUND_DOWN, &out) == false);
	assert_true(decimal_quantize(dec("123.456"), dec("0.05"), ROUND_DOWN, &out));
	assert_true(decimal_cmp(out, dec("123.45")) == 0);
}

static void conversions(void **state)
{
	struct decimal d;

	(void)state;
	assert_true(decimal_from_i64(INT64_MIN, &d));
	assert_true(decimal_cmp(d, dec("-9223372036854775808")) == 0);
	assert_true(decimal_to_double(dec("0.1")) == 0.1);
	assert_true(decimal_to_double(dec("-123456789.987654321")) == -123456789.987654321);
	assert_true(decimal_to_double(dec("99999999999999999999999999.999999999999")) == 1e26);
	assert_true(decimal_to_double(DECIMAL_ZERO) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(roundings),
		cmocka_unit_test(operations_agree_with_a_model),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(conversions),
	};

	return cmocka_run_group_tests_name("decimal", tests, NULL, NULL);
}
