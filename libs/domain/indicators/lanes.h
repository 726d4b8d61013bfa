/* lanes.h - what kernels share that compute in lanes: choosing, padded columns of variants, storing rows. */
#ifndef ROEHUB_DOMAIN_INDICATORS_LANES_H
#define ROEHUB_DOMAIN_INDICATORS_LANES_H

#include <math.h>
#include <string.h>

#include "domain/indicators/kernel.h"

#define LANES_INLINE static inline __attribute__((always_inline))

/* Lane by lane: yes where the mask is set, else no. C has no ?: for vectors. */
#define LANES_PICK(mask, yes, no) ((kernel_lanes)(((mask) & (kernel_mask)(yes)) | (~(mask) & (kernel_mask)(no))))
#define LANES_ALL(number)	  ((kernel_lanes){ 0 } + (number))

/* Makes every NaN the positive quiet one. */
LANES_INLINE void lanes_clean(kernel_lanes *value)
{
	kernel_mask number = *value == *value; /* NOLINT(misc-redundant-expression): NaN differs from itself */

	*value = LANES_PICK(number, *value, LANES_ALL(NAN));
}

/* Variants rounded up to whole vectors. */
static inline size_t lanes_padded(size_t variants)
{
	return (variants + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES;
}

/* One zeroed number for each padded variant; NULL when the scratch is used up. */
static inline double *lanes_column(struct arena *scratch, size_t variants)
{
	return ARENA_ARRAY(scratch, double, lanes_padded(variants));
}

/* Lanes v .. v+7 of a row of `variants` values, NaN made the positive quiet one; nothing is written behind the row. */
LANES_INLINE void lanes_store(double *row, size_t v, size_t variants, const kernel_lanes *value)
{
	kernel_lanes clean = *value;

	lanes_clean(&clean);
	if (v + KERNEL_LANES <= variants)
		*(kernel_lanes *)(row + v) = clean;
	else
		memcpy(row + v, &clean, (variants - v) * sizeof(double));
}

/* A whole row of NaN: a missing bar. */
static inline void lanes_store_nan(double *row, size_t variants)
{
	for (size_t v = 0; v < variants; v++)
		row[v] = NAN;
}

#endif
