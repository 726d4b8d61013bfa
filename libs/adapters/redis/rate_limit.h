/* rate_limit.h - shared rate limits in Redis: a generic cell rate algorithm (ATM Forum UPC, "virtual scheduling") with
 * the clock of the Redis server. One key a subject; idle keys expire by themselves. */
#ifndef ROEHUB_ADAPTERS_REDIS_RATE_LIMIT_H
#define ROEHUB_ADAPTERS_REDIS_RATE_LIMIT_H

#include "adapters/redis/redis.h"

/* Takes `cost` permits of the `limit` that come back evenly over window_ms (all of them may be used at once). A negative
 * cost gives permits back. *wait_ms is 0 when they were taken, else how long until they would be; nothing is taken then. */
int rate_limit_take(struct redis *r, struct str key, int64_t limit, int64_t window_ms, int64_t cost, int64_t *wait_ms,
		    struct error *err);

#endif
