/* gap_tracker.h - is a live stream of closed minutes whole? One tracker an instrument, minute precision, pure.
 *
 * Three things tell of a lost minute: a later minute closed, a later minute is forming, or the exchange's clock is well
 * past its close. Each lost minute is reported once. Life of a connection: connected(), then frames by forming() and
 * closed(); planned(p) when the reconnect planner has taken care of all minutes before p. Until then forming() and
 * overdue() report nothing, because the plan will cover it.
 */
#ifndef ROEHUB_DOMAIN_MARKET_GAP_TRACKER_H
#define ROEHUB_DOMAIN_MARKET_GAP_TRACKER_H

#include "domain/market/fill_range.h"

enum gap_verdict { GAP_FIRST, GAP_NEXT, GAP_DUPLICATE, GAP_OUT_OF_ORDER, GAP_HOLE };

struct gap_tracker {
	bool known;	 /* a minute has closed */
	int64_t last;	 /* the newest closed minute */
	bool armed;	 /* due is meaningful */
	int64_t due;	 /* every older minute was seen, reported or planned */
	bool planned;	 /* since the last connect */
	bool watching;	 /* a frame came since the last connect */
	int64_t watched; /* ... the first one was of this minute */
};

/* A zeroed tracker is a new one. */
void gap_tracker_connected(struct gap_tracker *t);
/* hole is filled (reason FILL_GAP) when the result is GAP_HOLE. */
enum gap_verdict gap_tracker_closed(struct gap_tracker *t, utc_t ts_open, struct fill_range *hole);
/* true: hole is filled */
bool gap_tracker_forming(struct gap_tracker *t, utc_t ts_open, struct fill_range *hole);
bool gap_tracker_overdue(struct gap_tracker *t, utc_t exchange_now, int64_t grace_ms, struct fill_range *hole);
/* A clock that went back by more than a day (another replay behind the same address) starts the tracker anew. */
bool gap_tracker_planned(struct gap_tracker *t, utc_t now_floor, struct fill_range *hole);

#endif
