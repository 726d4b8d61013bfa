/* kernel.h - how one indicator is computed: bar by bar, and over many variants at once, with the same bits.
 *
 * Bar by bar: a flat state made from the parameters; push() takes one slot of the dense timeline (a missing bar is a
 * NaN bar) and gives all outputs of that bar. A state is plain bytes: copied with memcpy it continues independently. Its
 * size and the work of a push are bounded by the parameters.
 * Batch: columns in, many variants of the parameters. Every value has the bits that push() gives, for any number of
 * variants and any vector width: both forms do the same operations in the same order, nothing is contracted.
 * Prefix invariance: the value at t depends on bars 0..t only.
 * NaN out is always the positive quiet NaN.
 */
#ifndef ROEHUB_DOMAIN_INDICATORS_KERNEL_H
#define ROEHUB_DOMAIN_INDICATORS_KERNEL_H

#include "base/arena.h"
#include "base/error.h"
#include "domain/market/candle.h"

#define KERNEL_PARAMS_MAX 4

union kernel_param {
	int64_t i; /* INT; ENUM: index of the value */
	double f;  /* FLOAT */
};

struct kernel_params {
	union kernel_param v[KERNEL_PARAMS_MAX];
};

/* Columns of n slots. Only those that the indicator declares as inputs need be there; source when it has a source. */
struct kernel_columns {
	const double *open, *high, *low, *close, *volume, *source;
	size_t n;
};

struct kernel_batch {
	struct kernel_columns in;
	const struct kernel_params *params; /* one for each variant */
	size_t variants;
	double **out;	       /* one block for each output; NULL: not wanted. Value (t, v) at out[o][t * stride + v] */
	size_t stride;	       /* >= variants */
	struct arena *scratch; /* working memory; what is taken stays taken until the caller resets it */
};

struct kernel {
	size_t (*state_size)(const struct kernel_params *params);
	/* state: state_size bytes, aligned for any type */
	void (*init)(void *state, const struct kernel_params *params);
	void (*push)(void *state, const struct bar *bar, double source, double *out);
	int (*batch)(const struct kernel_batch *b, struct error *err); /* ERR_UNAVAILABLE: scratch is too small */
};

extern const struct kernel KERNEL_SMA, KERNEL_EMA, KERNEL_RSI;

/* One vector holds the same bar of eight variants; builds for narrower machines split it. */
#define KERNEL_LANES 8
typedef double kernel_lanes __attribute__((vector_size(KERNEL_LANES * sizeof(double)), aligned(8), may_alias));
typedef int64_t kernel_mask __attribute__((vector_size(KERNEL_LANES * sizeof(int64_t)), aligned(8), may_alias));

/* Code for the machine's vector width is picked when the program starts. Sanitizers are not ready at that moment, and
 * one version is enough for them: all of them give the same bits. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&               \
	!defined(__SANITIZE_THREAD__)
#define KERNEL_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define KERNEL_CLONES
#endif

#endif
