#include "domain/market/reconnect_plan.h"

const char *fill_reason_text(enum fill_reason r)
{
	static const char *const texts[] = {
#define X(id, text) text,
		FILL_REASONS(X)
#undef X
	};

	return r < FILL_REASON_COUNT ? texts[r] : "?";
}

static utc_t minutes_back(utc_t t, int64_t minutes) { return utc_from_ms(t.ms - minutes * UTC_MINUTE_MS); }

static utc_t later(utc_t a, utc_t b) { return a.ms > b.ms ? a : b; }

/* The earliest instant of the configuration may lie inside a minute: that minute is not whole. */
static utc_t first_whole_minute(utc_t t) { return utc_floor(utc_from_ms(t.ms + UTC_MINUTE_MS - 1), UTC_MINUTE_MS); }

utc_t reconnect_bootstrap_from(const struct reconnect_state *s)
{
	utc_t earliest = first_whole_minute(s->earliest);

	if (s->bootstrap_max_minutes <= 0)
		return earliest;
	return later(earliest, minutes_back(s->now_floor, s->bootstrap_max_minutes));
}

bool reconnect_plan(const struct reconnect_state *s, struct fill_range *out)
{
	struct fill_range r = { .to = s->now_floor, .reason = FILL_RECONNECT_TAIL };

	if (s->any) {
		r.from = utc_from_ms(utc_floor(s->last, UTC_MINUTE_MS).ms + UTC_MINUTE_MS);
	} else {
		r.from = reconnect_bootstrap_from(s);
		r.reason = FILL_BOOTSTRAP;
	}
	if (r.from.ms >= r.to.ms)
		return false;
	*out = r;
	return true;
}

utc_t reconnect_scan_from(const struct reconnect_state *s, utc_t first_stored, int64_t gap_scan_minutes)
{
	utc_t bootstrap = reconnect_bootstrap_from(s);
	utc_t oldest = first_stored.ms < bootstrap.ms ? first_stored : bootstrap;

	return later(utc_floor(oldest, UTC_MINUTE_MS), minutes_back(s->now_floor, gap_scan_minutes));
}
