/* random.h - a seeded generator for jitter, tests and the sandbox: the same seed, the same sequence, everywhere.
 * Source: Blackman and Vigna, xoshiro256** 1.0 (2018), seeded by splitmix64. Not for secrets: crypto_random(). */
#ifndef ROEHUB_BASE_RANDOM_H
#define ROEHUB_BASE_RANDOM_H

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
double rng_unit(struct rng *r);			   /* [0, 1) */
uint64_t rng_below(struct rng *r, uint64_t bound); /* [0, bound), unbiased; bound > 0 */
double rng_normal(struct rng *r);		   /* mean 0, variance 1 */

#endif
