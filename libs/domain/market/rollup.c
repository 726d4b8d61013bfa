#include "domain/market/rollup.h"

#include <math.h>
#include <stdlib.h>

void rollup_init(struct rollup *r, enum timeframe tf)
{
	*r = (struct rollup){ .timeframe = tf, .bucket_open = UTC_NONE, .next = UTC_NONE };
}

struct derived_bar derived_bar_missing(utc_t ts_open)
{
	return (struct derived_bar){ { ts_open, NAN, NAN, NAN, NAN, NAN }, NAN };
}

static void add_minute(struct derived_bar *d, const struct bar *minute, double volume_quote)
{
	d->bar.high = fmax(d->bar.high, minute->high);
	d->bar.low = fmin(d->bar.low, minute->low);
	d->bar.close = minute->close;
	d->bar.volume += minute->volume;
	d->volume_quote += volume_quote; /* NaN stays */
}

static struct derived_bar first_minute(utc_t bucket_open, const struct bar *minute, double volume_quote)
{
	struct derived_bar d = { *minute, volume_quote };

	d.bar.ts_open = bucket_open;
	return d;
}

/* minute NULL: skipped */
static enum rollup_result step(struct rollup *r, utc_t ts_open, const struct bar *minute, double volume_quote,
			       struct derived_bar *closed)
{
	utc_t bucket = timeframe_bucket(r->timeframe, ts_open);

	if (!utc_is_none(r->next) && ts_open.ms != r->next.ms)
		return ROLLUP_DISORDER;
	r->next = utc_from_ms(ts_open.ms + UTC_MINUTE_MS);
	if (bucket.ms != r->bucket_open.ms) {
		r->bucket_open = bucket;
		r->count = 0;
		r->broken = false;
	}
	if (minute == NULL)
		r->broken = true;
	else if (r->count == 0)
		r->open_bar = first_minute(bucket, minute, volume_quote);
	else if (!r->broken)
		add_minute(&r->open_bar, minute, volume_quote);
	if (++r->count < timeframe_minutes(r->timeframe))
		return ROLLUP_OPEN;
	*closed = r->broken ? derived_bar_missing(bucket) : r->open_bar;
	r->bucket_open = UTC_NONE;
	r->count = 0;
	return ROLLUP_CLOSED;
}

enum rollup_result rollup_push(struct rollup *r, const struct bar *minute, double volume_quote,
			       struct derived_bar *closed)
{
	return step(r, minute->ts_open, minute, volume_quote, closed);
}

enum rollup_result rollup_skip(struct rollup *r, utc_t minute, struct derived_bar *closed)
{
	return step(r, minute, NULL, NAN, closed);
}

/* ---- ring ---- */

int bars_ring_init(struct bars_ring *ring, size_t cap, struct error *err)
{
	*ring = (struct bars_ring){ .items = calloc(cap, sizeof(*ring->items)), .cap = cap };
	if (ring->items == NULL)
		return error_set(err, ERR_UNAVAILABLE, "out of memory for %zu bars", cap);
	return 0;
}

void bars_ring_release(struct bars_ring *ring)
{
	free(ring->items);
	*ring = (struct bars_ring){ 0 };
}

void bars_ring_clear(struct bars_ring *ring) { ring->n = ring->head = 0; }

void bars_ring_push(struct bars_ring *ring, const struct derived_bar *bar)
{
	ring->items[ring->head] = *bar;
	ring->head = (ring->head + 1) % ring->cap;
	if (ring->n < ring->cap)
		ring->n++;
}

const struct derived_bar *bars_ring_at(const struct bars_ring *ring, size_t i)
{
	if (i >= ring->n)
		return NULL;
	return &ring->items[(ring->head + ring->cap - ring->n + i) % ring->cap];
}
