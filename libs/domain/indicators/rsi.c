/* rsi - relative strength index on Wilder averages of rises and falls. A missing bar erases the state; then the first
 * valid bar only remembers its value and the second one seeds both averages. */
#include "domain/indicators/lanes.h"

struct rsi_state {
	double a, previous, rise, fall;
	int bars; /* 0: empty, 1: previous known, 2: averages known */
};

static double rsi_factor(const struct kernel_params *params) { return 1.0 / (double)params->v[0].i; }

static size_t rsi_state_size(const struct kernel_params *params)
{
	(void)params;
	return sizeof(struct rsi_state);
}

static void rsi_init(void *state, const struct kernel_params *params)
{
	*(struct rsi_state *)state = (struct rsi_state){ .a = rsi_factor(params) };
}

static double rsi_value(double rise, double fall)
{
	double value;

	if (fall == 0)
		return rise == 0 ? NAN : 100;
	value = 100 - 100 / (1 + rise / fall);
	return isnan(value) ? NAN : value;
}

static double rise_of(double change) { return change > 0 ? change : 0; }

static void rsi_push(void *state, const struct bar *bar, double x, double *out)
{
	struct rsi_state *s = state;
	double change = x - s->previous;

	(void)bar;
	out[0] = NAN;
	if (isnan(x)) {
		s->bars = 0;
		return;
	}
	s->previous = x;
	if (s->bars++ == 0)
		return;
	if (s->bars == 2) {
		s->rise = rise_of(change);
		s->fall = rise_of(-change);
	} else {
		s->rise = s->rise + s->a * (rise_of(change) - s->rise);
		s->fall = s->fall + s->a * (rise_of(-change) - s->fall);
		s->bars = 2;
	}
	out[0] = rsi_value(s->rise, s->fall);
}

struct rsi_lanes {
	double *a, *rise, *fall; /* padded columns */
	size_t variants;
};

LANES_INLINE void rsi_store(double *row, size_t v, size_t variants, const kernel_lanes *rise, const kernel_lanes *fall)
{
	kernel_lanes value = 100 - 100 / (1 + *rise / *fall);
	kernel_mask no_fall = *fall == 0, no_rise = *rise == 0;

	value = LANES_PICK(no_fall, LANES_PICK(no_rise, LANES_ALL(NAN), LANES_ALL(100.0)), value);
	lanes_store(row, v, variants, &value);
}

KERNEL_CLONES static void rsi_row(const struct rsi_lanes *l, double up, double down, double *row)
{
	for (size_t v = 0; v < l->variants; v += KERNEL_LANES) {
		const kernel_lanes *a = (const kernel_lanes *)(l->a + v);
		kernel_lanes *rise = (kernel_lanes *)(l->rise + v), *fall = (kernel_lanes *)(l->fall + v);

		*rise = *rise + *a * (up - *rise);
		*fall = *fall + *a * (down - *fall);
		rsi_store(row, v, l->variants, rise, fall);
	}
}

static void rsi_seed(const struct rsi_lanes *l, double up, double down, double *row)
{
	for (size_t v = 0; v < lanes_padded(l->variants); v++) {
		l->rise[v] = up;
		l->fall[v] = down;
	}
	for (size_t v = 0; v < l->variants; v++)
		row[v] = rsi_value(up, down);
}

static int rsi_batch(const struct kernel_batch *b, struct error *err)
{
	struct rsi_lanes l = { lanes_column(b->scratch, b->variants), lanes_column(b->scratch, b->variants),
			       lanes_column(b->scratch, b->variants), b->variants };
	double previous = NAN;
	bool seeded = false;

	if (b->out[0] == NULL)
		return 0;
	if (l.a == NULL || l.rise == NULL || l.fall == NULL)
		return error_set(err, ERR_UNAVAILABLE, "indicator scratch memory exhausted");
	for (size_t v = 0; v < b->variants; v++)
		l.a[v] = rsi_factor(&b->params[v]);
	for (size_t t = 0; t < b->in.n; t++) {
		double x = b->in.source[t], change = x - previous, *row = b->out[0] + t * b->stride;
		bool broken = isnan(x) || isnan(previous);

		previous = x;
		if (broken) {
			lanes_store_nan(row, b->variants);
			seeded = false;
			continue;
		}
		(seeded ? rsi_row : rsi_seed)(&l, rise_of(change), rise_of(-change), row);
		seeded = true;
	}
	return 0;
}

const struct kernel KERNEL_RSI = { rsi_state_size, rsi_init, rsi_push, rsi_batch };
