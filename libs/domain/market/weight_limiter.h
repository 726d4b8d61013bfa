/* weight_limiter.h - stays below an exchange's request budget: so much weight in each UTC minute. Pure.
 *
 * The exchange counts per address and tells the sum in a header, so programs that share an address share the budget
 * through it. Only a part (safety factor) of the limit is used. A ban or an asked-for pause closes the gate.
 * `now` paces calls and nothing else; it is the local clock.
 */
#ifndef ROEHUB_DOMAIN_MARKET_WEIGHT_LIMITER_H
#define ROEHUB_DOMAIN_MARKET_WEIGHT_LIMITER_H

#include "base/utc.h"

struct weight_limiter {
	int64_t budget;
	int64_t used;	   /* in this minute, as far as known */
	int64_t in_flight; /* sent and not answered */
	int64_t minute;
	utc_t closed_until; /* ms 0: open */
};

void weight_limiter_init(struct weight_limiter *l, int64_t limit, double safety_factor);
/* 0: a call of that cost may go now; else milliseconds until it is worth asking again. A call that costs more than the
 * whole budget goes alone. */
int64_t weight_limiter_wait_ms(struct weight_limiter *l, int64_t cost, utc_t now);
void weight_limiter_begin(struct weight_limiter *l, int64_t cost);
/* used_header: the exchange's own sum, negative when it told none */
void weight_limiter_end(struct weight_limiter *l, int64_t cost, int64_t used_header, utc_t now);
void weight_limiter_close(struct weight_limiter *l, utc_t until); /* never shortens */

#endif
