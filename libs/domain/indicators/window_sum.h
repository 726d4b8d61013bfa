/* window_sum.h - sums over sliding windows that owe nothing to bars which left the window.
 *
 * A running sum that adds the new and subtracts the old bar keeps a residue of everything it ever saw. Here level k of
 * a pyramid holds at every bar the sum of the last 2^k bars, made of two values of level k-1, and a window is the few
 * levels that its length has bits for, newest bars in the lowest. So a sum touches bars of its window only, its rounding
 * error grows with the logarithm of the window (pairwise summation), and a push costs at most 13 additions of each kind,
 * always: no bursts. The levels do not depend on the window: many windows over one column share them.
 *
 * Missing values (NaN) enter the pyramid as 0 and are handled by counting: a window is whole when the run of valid
 * values is at least as long. A window of equal values has exactly that value as its mean (x + x + x over 3 may round
 * away from x): the run of equal values is counted too.
 */
#ifndef ROEHUB_DOMAIN_INDICATORS_WINDOW_SUM_H
#define ROEHUB_DOMAIN_INDICATORS_WINDOW_SUM_H

#include "base/arena.h"
#include "base/error.h"

#define WINDOW_MAX	  5000
#define WINDOW_LEVELS_MAX 13 /* 2^12 <= WINDOW_MAX < 2^13 */

int window_levels(int64_t window); /* 1 .. WINDOW_LEVELS_MAX; 1 <= window <= WINDOW_MAX */

/* ---- bar by bar ---- */

struct window_sum {
	int64_t window;
	int64_t valid; /* length of the run of numbers that ends here */
	int64_t equal; /* length of the run of equal numbers that ends here */
	double last;
	uint64_t pos;
	double rings[]; /* level k: the last 2^k values, from 2^k - 1 on */
};

size_t window_sum_size(int64_t window);
void window_sum_init(struct window_sum *s, int64_t window);
/* Takes the next value and gives the mean of the window that ends with it, or NaN. */
double window_sum_push_mean(struct window_sum *s, double x);

/* ---- a column at once ---- */

/* Means of one column for many windows: value (t, v) at out[t * stride + v], bits as from window_sum_push_mean(). */
int window_means(const double *column, size_t n, const int64_t *windows, size_t count, double *out, size_t stride,
		 struct arena *scratch, struct error *err);

#endif
