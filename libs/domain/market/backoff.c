#include "domain/market/backoff.h"

#include <math.h>

#include "base/base.h"

void backoff_init(struct backoff *b, double min_s, double max_s, double factor, double jitter_s)
{
	*b = (struct backoff){ min_s, max_s, factor, jitter_s, min_s };
}

double backoff_next(struct backoff *b, double unit)
{
	double wait = MIN_OF(b->delay_s, b->max_s);

	b->delay_s = MIN_OF(b->delay_s * b->factor, b->max_s);
	return wait + b->jitter_s * unit;
}

void backoff_reset(struct backoff *b) { b->delay_s = b->min_s; }

double retry_wait_s(int i, double base_s, double max_s, double jitter_s, double unit, int64_t server_wait_s)
{
	double wait = MIN_OF(max_s, ldexp(base_s, MIN_OF(i, 60))) + jitter_s * unit;

	return MAX_OF(wait, (double)server_wait_s);
}
