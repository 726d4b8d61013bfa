#include "domain/indicators/window_sum.h"

#include "domain/indicators/lanes.h"

int window_levels(int64_t window)
{
	int levels = 1;

	while (window >> levels != 0)
		levels++;
	return levels;
}

static double mean_of(double sum, int64_t window, int64_t valid, int64_t equal, double last)
{
	double mean = sum / (double)window;

	if (valid < window)
		return NAN;
	if (equal >= window)
		return last;
	return isnan(mean) ? NAN : mean; /* sums beyond the range may cancel into a NaN of either sign */
}

/* ---- bar by bar ---- */

size_t window_sum_size(int64_t window)
{
	return sizeof(struct window_sum) + (((size_t)1 << window_levels(window)) - 1) * sizeof(double);
}

void window_sum_init(struct window_sum *s, int64_t window)
{
	memset(s, 0, window_sum_size(window));
	s->window = window;
}

static void count_runs(double x, double last, int64_t *valid, int64_t *equal)
{
	*equal = *valid > 0 && x == last ? *equal + 1 : !isnan(x);
	*valid = isnan(x) ? 0 : *valid + 1;
}

double window_sum_push_mean(struct window_sum *s, double x)
{
	double level = isnan(x) ? 0 : x, sum = 0;
	uint64_t pos = s->pos++, offset = 0;

	count_runs(x, s->last, &s->valid, &s->equal);
	s->last = x;
	for (int k = 0; s->window >> k != 0; k++) {
		uint64_t mask = ((uint64_t)1 << k) - 1;
		double *ring = s->rings + mask;
		double older = ring[pos & mask]; /* the same level, 2^k bars ago */

		ring[pos & mask] = level;
		if ((s->window >> k & 1) != 0) {
			double part = ring[(pos - offset) & mask];

			sum = offset == 0 ? part : sum + part;
			offset += mask + 1;
		}
		level = level + older;
	}
	return mean_of(sum, s->window, s->valid, s->equal, x);
}

/* ---- a column at once ----
 *
 * Bars go through in chunks that fit the nearest cache. Eight neighbouring bars are one vector: with the levels in
 * columns a window's parts are unit-stride loads, whereas eight windows side by side would need gathers. */

#define CHUNK 1024

struct pyramid {
	int levels;
	double *level[WINDOW_LEVELS_MAX];  /* level[k][i]: chunk's bar i; 2^k older bars lie before it */
	double valid[CHUNK], equal[CHUNK]; /* runs, as numbers to compare in lanes */
	double value[CHUNK];
	int64_t valid_run, equal_run;
	double last;
};

static struct pyramid *pyramid_new(struct arena *scratch, int levels)
{
	struct pyramid *p = ARENA_NEW(scratch, struct pyramid);

	if (p == NULL)
		return NULL;
	p->levels = levels;
	for (int k = 0; k < levels; k++) {
		size_t past = (size_t)1 << k;
		double *column = ARENA_ARRAY(scratch, double, past + CHUNK);

		if (column == NULL)
			return NULL;
		p->level[k] = column + past;
	}
	return p;
}

/* Takes count bars: moves the past into place, then builds the levels. Bars behind count are left as rubbish that only
 * rubbish is made from. */
static void pyramid_load(struct pyramid *p, const double *x, size_t count)
{
	for (int k = 0; k < p->levels; k++) {
		size_t past = (size_t)1 << k;

		memmove(p->level[k] - past, p->level[k] + CHUNK - past, past * sizeof(double));
	}
	for (size_t i = 0; i < count; i++) {
		count_runs(x[i], p->last, &p->valid_run, &p->equal_run);
		p->last = p->value[i] = x[i];
		p->valid[i] = (double)p->valid_run;
		p->equal[i] = (double)p->equal_run;
		p->level[0][i] = isnan(x[i]) ? 0 : x[i];
	}
}

KERNEL_CLONES static void pyramid_build(struct pyramid *p)
{
	for (int k = 1; k < p->levels; k++) {
		const double *below = p->level[k - 1];
		size_t back = (size_t)1 << (k - 1);
		double *level = p->level[k];

		for (size_t i = 0; i < CHUNK; i += KERNEL_LANES)
			*(kernel_lanes *)(level + i) =
				*(const kernel_lanes *)(below + i) + *(const kernel_lanes *)(below + i - back);
	}
}

/* Bars i .. i+7 of one window; out gets `lanes` of them, stride apart. */
LANES_INLINE void window_group(const struct pyramid *p, size_t i, int64_t window, double *out, size_t stride,
			       size_t lanes)
{
	int low = __builtin_ctzll((unsigned long long)window);
	size_t offset = (size_t)1 << low;
	kernel_lanes sum = *(const kernel_lanes *)(p->level[low] + i);
	kernel_lanes length = LANES_ALL((double)window), mean;
	kernel_mask whole, flat;

	for (int64_t rest = window & (window - 1); rest != 0; rest &= rest - 1) {
		int k = __builtin_ctzll((unsigned long long)rest);

		sum += *(const kernel_lanes *)(p->level[k] + i - offset);
		offset += (size_t)1 << k;
	}
	mean = sum / length;
	lanes_clean(&mean);
	whole = *(const kernel_lanes *)(p->valid + i) >= length;
	flat = *(const kernel_lanes *)(p->equal + i) >= length;
	mean = LANES_PICK(flat, *(const kernel_lanes *)(p->value + i), mean);
	mean = LANES_PICK(whole, mean, LANES_ALL(NAN));
	for (size_t lane = 0; lane < lanes; lane++)
		out[lane * stride] = mean[lane];
}

KERNEL_CLONES static void pyramid_means(const struct pyramid *p, size_t count, const int64_t *windows, size_t n,
					double *out, size_t stride)
{
	size_t i = 0;

	for (; i + KERNEL_LANES <= count; i += KERNEL_LANES)
		for (size_t v = 0; v < n; v++)
			window_group(p, i, windows[v], out + i * stride + v, stride, KERNEL_LANES);
	for (size_t v = 0; i < count && v < n; v++)
		window_group(p, i, windows[v], out + i * stride + v, stride, count - i);
}

int window_means(const double *column, size_t n, const int64_t *windows, size_t count, double *out, size_t stride,
		 struct arena *scratch, struct error *err)
{
	int64_t longest = 1;
	struct pyramid *p;

	for (size_t v = 0; v < count; v++)
		longest = MAX_OF(longest, windows[v]);
	p = pyramid_new(scratch, window_levels(longest));
	if (p == NULL)
		return error_set(err, ERR_UNAVAILABLE, "indicator scratch memory exhausted");
	for (size_t t = 0; t < n; t += CHUNK) {
		size_t bars = MIN_OF((size_t)CHUNK, n - t);

		pyramid_load(p, column + t, bars);
		pyramid_build(p);
		pyramid_means(p, bars, windows, count, out + t * stride, stride);
	}
	return 0;
}
