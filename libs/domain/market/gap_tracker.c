#include "domain/market/gap_tracker.h"

#define CLOCK_WENT_BACK_MINUTES 1440

static int64_t minute_of(utc_t t) { return utc_floor(t, UTC_MINUTE_MS).ms / UTC_MINUTE_MS; }

static void hole_set(struct fill_range *hole, int64_t from, int64_t to)
{
	*hole = (struct fill_range){ utc_from_ms(from * UTC_MINUTE_MS), utc_from_ms(to * UTC_MINUTE_MS), FILL_GAP };
}

static void watch(struct gap_tracker *t, int64_t minute)
{
	if (t->watching)
		return;
	t->watching = true;
	t->watched = minute;
}

void gap_tracker_connected(struct gap_tracker *t)
{
	t->planned = false;
	t->watching = false;
}

enum gap_verdict gap_tracker_closed(struct gap_tracker *t, utc_t ts_open, struct fill_range *hole)
{
	int64_t m = minute_of(ts_open), due = t->armed ? t->due : m;
	enum gap_verdict verdict = GAP_NEXT;

	watch(t, m);
	if (t->known && m == t->last)
		return GAP_DUPLICATE;
	if (t->known && m < t->last)
		return GAP_OUT_OF_ORDER;
	if (m > due) {
		hole_set(hole, due, m);
		verdict = GAP_HOLE;
	} else if (!t->known) {
		verdict = GAP_FIRST;
	}
	t->known = true;
	t->last = m;
	t->armed = true;
	t->due = MAX_OF(due, m + 1);
	return verdict;
}

bool gap_tracker_forming(struct gap_tracker *t, utc_t ts_open, struct fill_range *hole)
{
	int64_t m = minute_of(ts_open);

	watch(t, m);
	if (!t->armed) {
		t->armed = true;
		t->due = m;
		return false;
	}
	if (!t->planned || m <= t->due)
		return false;
	hole_set(hole, t->due, m);
	t->due = m;
	return true;
}

bool gap_tracker_overdue(struct gap_tracker *t, utc_t exchange_now, int64_t grace_ms, struct fill_range *hole)
{
	int64_t closed_before = minute_of(utc_from_ms(exchange_now.ms - grace_ms));

	if (!t->armed || !t->planned || closed_before <= t->due)
		return false;
	hole_set(hole, t->due, closed_before);
	t->due = closed_before;
	return true;
}

bool gap_tracker_planned(struct gap_tracker *t, utc_t now_floor, struct fill_range *hole)
{
	int64_t p = minute_of(now_floor);
	bool missed;

	t->planned = true;
	if (t->armed && t->due > p + CLOCK_WENT_BACK_MINUTES) {
		t->known = false;
		t->armed = false;
		t->watching = false;
	}
	/* The minute in flight when the plan was made may have closed before our first frame. */
	missed = t->watching && t->watched > p;
	if (missed)
		hole_set(hole, p, t->watched);
	t->due = t->armed ? MAX_OF(t->due, p) : p;
	t->armed = true;
	return missed;
}
