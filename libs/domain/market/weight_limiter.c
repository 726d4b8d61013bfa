#include "domain/market/weight_limiter.h"

void weight_limiter_init(struct weight_limiter *l, int64_t limit, double safety_factor)
{
	*l = (struct weight_limiter){ .budget = (int64_t)((double)limit * safety_factor) };
}

static void turn_minute(struct weight_limiter *l, utc_t now)
{
	int64_t minute = utc_floor(now, UTC_MINUTE_MS).ms / UTC_MINUTE_MS;

	if (minute != l->minute)
		l->used = 0;
	l->minute = minute;
}

int64_t weight_limiter_wait_ms(struct weight_limiter *l, int64_t cost, utc_t now)
{
	turn_minute(l, now);
	if (now.ms < l->closed_until.ms)
		return l->closed_until.ms - now.ms;
	if (l->used + l->in_flight + cost <= l->budget || l->used + l->in_flight == 0)
		return 0;
	return (l->minute + 1) * UTC_MINUTE_MS - now.ms;
}

void weight_limiter_begin(struct weight_limiter *l, int64_t cost) { l->in_flight += cost; }

void weight_limiter_end(struct weight_limiter *l, int64_t cost, int64_t used_header, utc_t now)
{
	turn_minute(l, now);
	l->in_flight -= cost;
	l->used = used_header >= 0 ? used_header : l->used + cost;
}

void weight_limiter_close(struct weight_limiter *l, utc_t until)
{
	if (until.ms > l->closed_until.ms)
		l->closed_until = until;
}
