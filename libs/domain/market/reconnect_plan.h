/* reconnect_plan.h - what to fetch by REST for one instrument after its stream was (re)connected. Pure.
 *
 * now_floor is the minute in flight by the exchange's clock; it is never part of a plan.
 */
#ifndef ROEHUB_DOMAIN_MARKET_RECONNECT_PLAN_H
#define ROEHUB_DOMAIN_MARKET_RECONNECT_PLAN_H

#include "domain/market/fill_range.h"

struct reconnect_state {
	bool any;	/* rows before now_floor are stored */
	utc_t last;	/* the newest of them */
	utc_t earliest; /* the exchange has nothing older */
	utc_t now_floor;
	int64_t bootstrap_max_minutes; /* 0: no limit */
};

/* The first minute that a bootstrap would fetch. */
utc_t reconnect_bootstrap_from(const struct reconnect_state *s);
/* false: nothing to fetch, out is left alone. */
bool reconnect_plan(const struct reconnect_state *s, struct fill_range *out);

/* Where the search for inner holes begins: gap_scan_minutes back, but neither before the first stored minute nor before
 * the point a bootstrap starts from, whichever is older (so that an interrupted bootstrap is resumed). */
utc_t reconnect_scan_from(const struct reconnect_state *s, utc_t first_stored, int64_t gap_scan_minutes);

#endif
