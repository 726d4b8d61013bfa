/* backoff.h - how long to wait before trying again. Pure: the caller brings the random number, unit in [0, 1). */
#ifndef ROEHUB_DOMAIN_MARKET_BACKOFF_H
#define ROEHUB_DOMAIN_MARKET_BACKOFF_H

#include <stdint.h>

/* A growing delay for a thing that is retried for ever: min, min*factor, ... max, each plus jitter_s * unit. */
struct backoff {
	double min_s, max_s, factor, jitter_s;
	double delay_s; /* of the next wait, without jitter */
};

void backoff_init(struct backoff *b, double min_s, double max_s, double factor, double jitter_s);
double backoff_next(struct backoff *b, double unit);
void backoff_reset(struct backoff *b);

/* Wait before retry number i (0 is the first) of one request: min(max_s, base_s * 2^i) + jitter_s * unit, or what the
 * server asked for (server_wait_s, negative when it did not) when that is longer. */
double retry_wait_s(int i, double base_s, double max_s, double jitter_s, double unit, int64_t server_wait_s);

#endif
