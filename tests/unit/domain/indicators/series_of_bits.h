/* series_of_bits.h - one indicator in all its forms on one series, compared bit for bit. */
#ifndef ROEHUB_TESTS_UNIT_DOMAIN_INDICATORS_SERIES_OF_BITS_H
#define ROEHUB_TESTS_UNIT_DOMAIN_INDICATORS_SERIES_OF_BITS_H

#include "support/stack.h"

#include <math.h>

#include "domain/indicators/stream.h"

/* out[t] for t < n: bar by bar through a stream whose source is `source`; bars hold it in their close. */
static inline void compute_stream(const struct indicator *ind, const struct kernel_params *params, const double *source,
				  size_t n, double *out)
{
	struct indicator_request request = { .indicator = ind, .source = SERIES_CLOSE, .params = *params };
	struct indicator_stream *s = indicator_stream_open(&request);
	double outputs[INDICATOR_OUTPUTS_MAX];

	assert_non_null(s);
	for (size_t t = 0; t < n; t++) {
		struct bar bar = { { (int64_t)t * 60000 }, source[t], source[t], source[t], source[t], 1 };

		indicator_stream_push(s, &bar, outputs);
		out[t] = outputs[ind->primary];
	}
	indicator_stream_close(s);
}

/* out[t * stride + v] for all variants. */
static inline void compute_batch(const struct indicator *ind, const struct kernel_params *params, size_t variants,
				 const double *source, size_t n, double *out, size_t stride)
{
	struct arena scratch;
	struct error err = ERROR_INIT;
	double *outs[INDICATOR_OUTPUTS_MAX] = { out };
	struct kernel_batch b = { .in = { .source = source, .n = n },
				  .params = params,
				  .variants = variants,
				  .out = outs,
				  .stride = stride,
				  .scratch = &scratch };

	arena_init(&scratch, 16 << 20);
	if (ind->kernel->batch(&b, &err) != 0)
		fail_msg("%s: %s", ind->id, err.message);
	arena_release(&scratch);
}

static inline void assert_same_bits(const char *what, size_t t, double a, double b)
{
	uint64_t x, y;

	memcpy(&x, &a, sizeof(x));
	memcpy(&y, &b, sizeof(y));
	if (x != y)
		fail_msg("%s at %zu: %a (%016llx) and %a (%016llx)", what, t, a, (unsigned long long)x, b,
			 (unsigned long long)y);
}

#endif
