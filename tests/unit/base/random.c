/* The seeded generator: published reference values, ranges, and the moments of its distributions. */
#include "support/stack.h"

#include <math.h>

#include "base/random.h"

static void the_seed_is_spread_by_splitmix64(void **state)
{
	static const uint64_t want[] = { 6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
					 4593380528125082431ULL };
	struct rng r;

	(void)state;
	rng_seed(&r, 1234567);
	for (int i = 0; i < 4; i++)
		assert_true(r.s[i] == want[i]);
}

static void the_sequence_is_that_of_xoshiro256ss(void **state)
{
	static const uint64_t want[] = { 11520ULL,
					 0ULL,
					 1509978240ULL,
					 1215971899390074240ULL,
					 1216172134540287360ULL,
					 607988272756665600ULL,
					 16172922978634559625ULL,
					 8476171486693032832ULL,
					 10595114339597558777ULL,
					 2904607092377533576ULL };
	struct rng r = { { 1, 2, 3, 4 } };

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_true(rng_u64(&r) == want[i]);
}

static void values_stay_in_range(void **state)
{
	double sum = 0;
	struct rng r;

	(void)state;
	rng_seed(&r, 3);
	for (int i = 0; i < 100000; i++) {
		double u = rng_unit(&r);

		assert_true(u >= 0 && u < 1);
		sum += u;
	}
	assert_true(fabs(sum / 100000 - 0.5) < 0.005);
	for (int i = 0; i < 100; i++)
		assert_true(rng_below(&r, 1) == 0);
}

static void below_is_even(void **state)
{
	int count[7] = { 0 };
	struct rng r;

	(void)state;
	rng_seed(&r, 4);
	for (int i = 0; i < 70000; i++) {
		uint64_t v = rng_below(&r, 7);

		assert_true(v < 7);
		count[v]++;
	}
	for (int i = 0; i < 7; i++)
		assert_in_range(count[i], 9600, 10400);
	/* Two thirds of the range: a plain remainder would hit the lower third twice as often. */
	count[0] = 0;
	for (int i = 0; i < 30000; i++)
		count[0] += rng_below(&r, (UINT64_MAX / 3) * 2) < UINT64_MAX / 3;
	assert_in_range(count[0], 14500, 15500);
}

static void normal_has_its_moments(void **state)
{
	double sum = 0, squares = 0;
	struct rng r;

	(void)state;
	rng_seed(&r, 5);
	for (int i = 0; i < 100000; i++) {
		double v = rng_normal(&r);

		assert_true(isfinite(v));
		sum += v;
		squares += v * v;
	}
	assert_true(fabs(sum / 100000) < 0.02);
	assert_true(fabs(squares / 100000 - 1) < 0.02);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_seed_is_spread_by_splitmix64),
		cmocka_unit_test(the_sequence_is_that_of_xoshiro256ss),
		cmocka_unit_test(values_stay_in_range),
		cmocka_unit_test(below_is_even),
		cmocka_unit_test(normal_has_its_moments),
	};

	return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
