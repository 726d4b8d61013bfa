/* rollup.h - 1m bars into bars of a timeframe, one minute at a time, and a ring of the closed ones.
 *
 * Minutes come in order and without a hole: what the exchange confirmed it never had is given as a skipped minute. A
 * bucket closes when all its minutes were seen; entered in the middle it never closes and the next one starts clean.
 * A bucket with a skipped minute closes as a NaN bar: holes are known, not guessed.
 * open = first, high = max, low = min, close = last, volumes = sums in time order; the quote volume is NaN (absent) when
 * one part is.
 */
#ifndef ROEHUB_DOMAIN_MARKET_ROLLUP_H
#define ROEHUB_DOMAIN_MARKET_ROLLUP_H

#include "domain/market/candle.h"
#include "domain/market/timeframe.h"

/* A bar of a timeframe; a missing one is NaN in all numbers but ts_open. */
struct derived_bar {
	struct bar bar;
	double volume_quote;
};

struct rollup {
	enum timeframe timeframe;
	utc_t bucket_open; /* UTC_NONE: no open bucket */
	int count;	   /* minutes seen of it, skipped ones too */
	utc_t next;	   /* the only minute that may come; UTC_NONE: any */
	bool broken;	   /* one of them was skipped */
	struct derived_bar open_bar;
};

enum rollup_result {
	ROLLUP_OPEN,	 /* the bucket goes on */
	ROLLUP_CLOSED,	 /* *closed is the finished bar */
	ROLLUP_DISORDER, /* not the minute after the last one: the caller's order is broken; nothing was changed */
};

void rollup_init(struct rollup *r, enum timeframe tf);
enum rollup_result rollup_push(struct rollup *r, const struct bar *minute, double volume_quote,
			       struct derived_bar *closed);
enum rollup_result rollup_skip(struct rollup *r, utc_t minute, struct derived_bar *closed);
struct derived_bar derived_bar_missing(utc_t ts_open);

/* The last `cap` closed bars; older ones fall out. */
struct bars_ring {
	struct derived_bar *items; /* owned */
	size_t cap, n, head;	   /* head: where the next bar goes */
};

int bars_ring_init(struct bars_ring *ring, size_t cap, struct error *err); /* cap >= 1 */
void bars_ring_release(struct bars_ring *ring);
void bars_ring_clear(struct bars_ring *ring);
void bars_ring_push(struct bars_ring *ring, const struct derived_bar *bar);
const struct derived_bar *bars_ring_at(const struct bars_ring *ring, size_t i); /* 0: oldest; NULL: there is none */

#endif
