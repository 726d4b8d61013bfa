/* sma - mean of the last `window` values; windows are summed as window_sum.h tells. */
#include "domain/indicators/kernel.h"
#include "domain/indicators/window_sum.h"

static size_t sma_state_size(const struct kernel_params *params) { return window_sum_size(params->v[0].i); }

static void sma_init(void *state, const struct kernel_params *params) { window_sum_init(state, params->v[0].i); }

static void sma_push(void *state, const struct bar *bar, double source, double *out)
{
	(void)bar;
	out[0] = window_sum_push_mean(state, source);
}

static int sma_batch(const struct kernel_batch *b, struct error *err)
{
	int64_t *windows;

	if (b->out[0] == NULL)
		return 0;
	windows = ARENA_ARRAY(b->scratch, int64_t, b->variants);
	if (windows == NULL)
		return error_set(err, ERR_UNAVAILABLE, "indicator scratch memory exhausted");
	for (size_t v = 0; v < b->variants; v++)
		windows[v] = b->params[v].v[0].i;
	return window_means(b->in.source, b->in.n, windows, b->variants, b->out[0], b->stride, b->scratch, err);
}

const struct kernel KERNEL_SMA = { sma_state_size, sma_init, sma_push, sma_batch };
