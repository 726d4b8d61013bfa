/* ema - exponential average; state + a * (x - state) stays exactly where it is while x equals it. */
#include "domain/indicators/lanes.h"

struct ema_state {
	double a, average;
	bool seeded;
};

static double ema_factor(const struct kernel_params *params) { return 2.0 / ((double)params->v[0].i + 1.0); }

static size_t ema_state_size(const struct kernel_params *params)
{
	(void)params;
	return sizeof(struct ema_state);
}

static void ema_init(void *state, const struct kernel_params *params)
{
	*(struct ema_state *)state = (struct ema_state){ .a = ema_factor(params) };
}

static void ema_push(void *state, const struct bar *bar, double x, double *out)
{
	struct ema_state *s = state;

	(void)bar;
	if (isnan(x)) {
		s->seeded = false;
		out[0] = NAN;
		return;
	}
	s->average = s->seeded ? s->average + s->a * (x - s->average) : x;
	s->seeded = true;
	out[0] = isnan(s->average) ? NAN : s->average;
}

KERNEL_CLONES static void ema_row(double *average, const double *a, double x, size_t variants, double *row)
{
	for (size_t v = 0; v < variants; v += KERNEL_LANES) {
		kernel_lanes *s = (kernel_lanes *)(average + v);

		*s = *s + *(const kernel_lanes *)(a + v) * (x - *s);
		lanes_store(row, v, variants, s);
	}
}

static void ema_seed(double *average, double x, size_t variants, double *row)
{
	for (size_t v = 0; v < lanes_padded(variants); v++)
		average[v] = x;
	memcpy(row, average, variants * sizeof(double));
}

static int ema_batch(const struct kernel_batch *b, struct error *err)
{
	double *a = lanes_column(b->scratch, b->variants), *average = lanes_column(b->scratch, b->variants);
	bool seeded = false;

	if (b->out[0] == NULL)
		return 0;
	if (a == NULL || average == NULL)
		return error_set(err, ERR_UNAVAILABLE, "indicator scratch memory exhausted");
	for (size_t v = 0; v < b->variants; v++)
		a[v] = ema_factor(&b->params[v]);
	for (size_t t = 0; t < b->in.n; t++) {
		double x = b->in.source[t], *row = b->out[0] + t * b->stride;

		if (isnan(x))
			lanes_store_nan(row, b->variants);
		else if (seeded)
			ema_row(average, a, x, b->variants, row);
		else
			ema_seed(average, x, b->variants, row);
		seeded = !isnan(x);
	}
	return 0;
}

const struct kernel KERNEL_EMA = { ema_state_size, ema_init, ema_push, ema_batch };
