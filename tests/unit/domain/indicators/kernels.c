/* The kernels: exact small vectors, drift, missing bars, and the two forms against each other on random series. */
#include "series_of_bits.h"

#include "base/random.h"

#define N NAN

static struct kernel_params window(int64_t w) { return (struct kernel_params){ { { .i = w } } }; }

static void small_vectors(void **state)
{
	static const struct {
		const char *id;
		int window;
		size_t n;
		double in[12], want[12];
	} rows[] = {
		{ "ma.sma", 3, 6, { 1, 2, N, 4, 5, 6 }, { N, N, N, N, N, 5 } },
		{ "ma.sma", 2, 4, { 27123.45, 27123.46, 27123.49, 0.1 }, { N, 27123.455, 27123.475, 13561.795 } },
		{ "ma.sma",
		  7,
		  9,
		  { 60000.1, 60000.1, 60000.1, 60000.1, 60000.1, 60000.1, 60000.1, 60000.1, 60000.1 },
		  { N, N, N, N, N, N, 60000.1, 60000.1, 60000.1 } },
		{ "ma.sma", 5, 3, { 1, 2, 3 }, { N, N, N } },
		{ "ma.ema", 3, 4, { 50, 51, 52, 51 }, { 50, 50.5, 51.25, 51.125 } },
		{ "ma.ema", 9, 4, { 60000.1, 60000.1, 60000.1, 60000.1 }, { 60000.1, 60000.1, 60000.1, 60000.1 } },
		{ "ma.ema", 3, 4, { 1, N, 7, 9 }, { 1, N, 7, 8 } },
		{ "momentum.rsi",
		  3,
		  11,
		  { 50, 50, 51, 52, 51, 51, 0, 0, 1, 2, 4 },
		  { N, N, 100, 100, 52.63157894736842, 52.63157894736842, 0.9507962918944616, 0.9507962918944616,
		    5.063507432932734, 10.629741829977748, 23.997993707537276 } },
		{ "momentum.rsi", 2, 6, { 5, 4, N, 3, 2, 2 }, { N, 0, N, N, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct indicator *ind = indicator_find(str_from(rows[i].id));
		struct kernel_params params = window(rows[i].window);
		double stream[12], batch[12];

		compute_stream(ind, &params, rows[i].in, rows[i].n, stream);
		compute_batch(ind, &params, 1, rows[i].in, rows[i].n, batch, 1);
		for (size_t t = 0; t < rows[i].n; t++) {
			double want = rows[i].want[t];

			assert_same_bits(rows[i].id, t, stream[t], batch[t]);
			if (isnan(want) != isnan(stream[t]) || fabs(want - stream[t]) > 1e-13 * fmax(1, fabs(want)))
				fail_msg("row %zu at %zu: %.17g instead of %.17g", i, t, stream[t], want);
		}
	}
}

/* What left the window is forgotten to the last bit: huge values, then small ones; equal windows give their value. */
static void sma_does_not_drift(void **state)
{
	const struct indicator *sma = indicator_find(STR("ma.sma"));
	static double x[6000], got[6000];

	(void)state;
	for (int w = 2; w <= 2000; w = w * 2 + 1) {
		struct kernel_params params = window(w);

		for (size_t t = 0; t < 6000; t++)
			x[t] = t < 1000 ? 1e300 * (double)(t % 7) : t < 3500 ? 0.1 : (double)(t % 3) * 0;
		compute_stream(sma, &params, x, 6000, got);
		for (size_t t = 1000 + (size_t)w; t < 6000; t++) {
			if (t < 3500)
				assert_same_bits("flat", t, got[t], 0.1);
			if (t >= 3500 + (size_t)w)
				assert_same_bits("zero", t, got[t], 0);
		}
	}
}

static void sma_is_accurate(void **state)
{
	const struct indicator *sma = indicator_find(STR("ma.sma"));
	static double x[8000], got[8000];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 11);
	for (size_t t = 0; t < 8000; t++)
		x[t] = 60000 + rng_normal(&rng);
	for (int w = 2; w <= 2000; w = w * 3 + 1) {
		struct kernel_params params = window(w);

		compute_stream(sma, &params, x, 8000, got);
		for (size_t t = (size_t)w - 1; t < 8000; t += 97) {
			long double sum = 0;

			for (size_t k = 0; k < (size_t)w; k++)
				sum += x[t - k];
			assert_true(fabsl(got[t] - sum / w) <= 8 * 60000 * 0x1p-53L);
		}
	}
}

/* Random walks with holes, flats and jumps; longer than a chunk of the batch form. */
static void random_series(struct rng *rng, double *x, size_t n)
{
	double price = 100 + rng_unit(rng) * 60000;

	for (size_t t = 0; t < n; t++) {
		double dice = rng_unit(rng);

		if (dice < 0.9)
			price *= 1 + rng_normal(rng) * 0.01;
		if (dice > 0.999)
			price *= 1e6;
		x[t] = dice > 0.96 && dice < 0.965 ? NAN : price;
	}
}

#define SERIES_N     2300
#define VARIANTS_MAX 21

/* For each indicator and every number of variants around whole vectors: all windows, equal bits, nothing written
 * outside the row. */
static void batch_equals_stream(void **state)
{
	static double x[SERIES_N], stream[VARIANTS_MAX][SERIES_N], batch[SERIES_N * (VARIANTS_MAX + 3)];
	struct kernel_params params[VARIANTS_MAX];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (size_t k = 0; k < INDICATOR_COUNT; k++) {
		const struct indicator *ind = &indicator_registry[k];

		for (size_t variants = 1; variants <= VARIANTS_MAX; variants++) {
			size_t stride = variants + 3;

			random_series(&rng, x, SERIES_N);
			for (size_t v = 0; v < variants; v++) {
				params[v] = window((int64_t)(2 + rng_below(&rng, v % 4 == 3 ? 1999 : 60)));
				compute_stream(ind, &params[v], x, SERIES_N, stream[v]);
			}
			for (size_t i = 0; i < SERIES_N * stride; i++)
				batch[i] = -7;
			compute_batch(ind, params, variants, x, SERIES_N, batch, stride);
			for (size_t t = 0; t < SERIES_N; t++) {
				for (size_t v = 0; v < variants; v++)
					assert_same_bits(ind->id, t, batch[t * stride + v], stream[v][t]);
				for (size_t v = variants; v < stride; v++)
					assert_true(batch[t * stride + v] == -7);
			}
		}
	}
}

static void every_prefix_has_the_same_bits(void **state)
{
	static const int windows[] = { 2, 3, 5, 8, 21, 64, 200 };
	static double x[300], whole[300 * 7], part[300 * 7];
	struct kernel_params params[ARRAY_LEN(windows)];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3);
	for (size_t v = 0; v < ARRAY_LEN(windows); v++)
		params[v] = window(windows[v]);
	for (size_t k = 0; k < INDICATOR_COUNT; k++) {
		const struct indicator *ind = &indicator_registry[k];

		random_series(&rng, x, 300);
		compute_batch(ind, params, ARRAY_LEN(windows), x, 300, whole, ARRAY_LEN(windows));
		for (size_t n = 1; n <= 300; n++) {
			compute_batch(ind, params, ARRAY_LEN(windows), x, n, part, ARRAY_LEN(windows));
			for (size_t i = 0; i < n * ARRAY_LEN(windows); i++)
				assert_same_bits(ind->id, i, part[i], whole[i]);
		}
	}
}

static void nan_is_always_the_positive_one(void **state)
{
	double x[8] = { -NAN, 1.7e308, 1.7e308, -1.7e308, -1.7e308, 1.7e308, -NAN, 1 }, got[8];
	struct kernel_params params = window(2);

	(void)state;
	for (size_t k = 0; k < INDICATOR_COUNT; k++) {
		double batch[8];

		compute_stream(&indicator_registry[k], &params, x, 8, got);
		compute_batch(&indicator_registry[k], &params, 1, x, 8, batch, 1);
		for (size_t t = 0; t < 8; t++) {
			assert_same_bits(indicator_registry[k].id, t, batch[t], got[t]);
			if (isnan(got[t]))
				assert_same_bits("nan", t, got[t], NAN);
		}
	}
}

static void a_copied_stream_goes_on_alone(void **state)
{
	static double x[400], want[400];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 9);
	random_series(&rng, x, 400);
	for (size_t k = 0; k < INDICATOR_COUNT; k++) {
		struct indicator_request request = { &indicator_registry[k], SERIES_CLOSE, window(37) };
		struct indicator_stream *s = indicator_stream_open(&request), *copy = NULL;
		double out[INDICATOR_OUTPUTS_MAX];

		compute_stream(request.indicator, &request.params, x, 400, want);
		for (size_t t = 0; t < 200; t++)
			indicator_stream_push(s, &(struct bar){ .close = x[t] }, out);
		copy = indicator_stream_copy(s);
		indicator_stream_push(s, &(struct bar){ .close = 1e9 }, out);
		for (size_t t = 200; t < 400; t++) {
			indicator_stream_push(copy, &(struct bar){ .close = x[t] }, out);
			assert_same_bits(request.indicator->id, t, out[0], want[t]);
		}
		indicator_stream_close(s);
		indicator_stream_close(copy);
	}
}

static void scratch_exhaustion_is_an_error(void **state)
{
	double x[4] = { 1, 2, 3, 4 }, out[4], *outs[1] = { out };
	struct kernel_params params = window(2);

	(void)state;
	for (size_t k = 0; k < INDICATOR_COUNT; k++) {
		struct arena scratch;
		struct error err = ERROR_INIT;
		struct kernel_batch b = { .in = { .source = x, .n = 4 },
					  .params = &params,
					  .variants = 1,
					  .out = outs,
					  .stride = 1,
					  .scratch = &scratch };

		arena_init(&scratch, 16);
		assert_int_equal(indicator_registry[k].kernel->batch(&b, &err), -1);
		assert_int_equal(err.code, ERR_UNAVAILABLE);
		arena_release(&scratch);
	}
}

static void derived_series(void **state)
{
	struct bar bar = { { 0 }, 100, 100.046875, 99.5625, 99.671875, 108.5 };
	struct candles c;
	double column[1];
	enum series s;

	(void)state;
	assert_true(series_of_bar(SERIES_HL2, &bar) == 99.8046875);
	assert_true(series_of_bar(SERIES_HLC3, &bar) == 99.76041666666667);
	assert_true(series_of_bar(SERIES_OHLC4, &bar) == 99.8203125);
	candles_init(&c);
	candles_append(&c, bar.ts_open, bar.open, bar.high, bar.low, bar.close, bar.volume, NAN, NULL);
	for (int i = 0; i < SERIES_COUNT; i++) {
		series_of_candles((enum series)i, &c, column);
		assert_same_bits("column", 0, column[0], series_of_bar((enum series)i, &bar));
		assert_true(series_parse(str_from(series_text((enum series)i)), &s) && (int)s == i);
	}
	candles_release(&c);
	bar.high = NAN;
	assert_true(isnan(series_of_bar(SERIES_OHLC4, &bar)));
	assert_false(series_parse(STR("Close"), &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_vectors),
		cmocka_unit_test(sma_does_not_drift),
		cmocka_unit_test(sma_is_accurate),
		cmocka_unit_test(batch_equals_stream),
		cmocka_unit_test(every_prefix_has_the_same_bits),
		cmocka_unit_test(nan_is_always_the_positive_one),
		cmocka_unit_test(a_copied_stream_goes_on_alone),
		cmocka_unit_test(scratch_exhaustion_is_an_error),
		cmocka_unit_test(derived_series),
	};

	return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
