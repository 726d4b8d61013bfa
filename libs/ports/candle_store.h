/* candle_store.h - where closed 1m candles are kept: what the rest of the suite may ask of it.
 *
 * Two adapters, one contract (tests/contract/candle_store.c): `postgres` (schema market_data) and `clickhouse`.
 * Writes are at least once; of several rows of one minute the one with the greatest ingested_at is read (at equal
 * ingested_at: source order ws < rest < file, then the greater ingest_id, so the result never depends on order).
 * Ranges are half-open [from, to). Calls block; a store belongs to one thread at a time and reconnects by itself: after
 * ERR_UNAVAILABLE the same call may simply be repeated.
 */
#ifndef ROEHUB_PORTS_CANDLE_STORE_H
#define ROEHUB_PORTS_CANDLE_STORE_H

#include "base/error.h"
#include "domain/market/candle.h"

struct candle_window {
	struct instrument instrument;
	utc_t from, to;
};

struct minute_range {
	utc_t from, to; /* whole minutes, half-open */
};

struct candle_bounds {
	bool any; /* false: no rows; first and last are then UTC_NONE */
	utc_t first, last;
};

struct candle_store {
	/* All or nothing. n == 0 does nothing. Candles must have passed candle_check(). */
	int (*write)(struct candle_store *s, const struct candle *rows, size_t n, struct error *err);
	/* One query: deduplicated, ascending, appended to out. Nothing is filled in. */
	int (*read)(struct candle_store *s, const struct candle_window *w, struct candles *out, struct error *err);
	/* First and last minute strictly before `before` (UTC_NONE: no limit). */
	int (*bounds)(struct candle_store *s, const struct instrument *i, utc_t before, struct candle_bounds *out,
		      struct error *err);
	/* Maximal runs of minutes in the window that have no row, ascending, at most max; *n is how many were written.
	 * Minutes of market_data.confirmed_gaps count as missing here too. */
	int (*gaps)(struct candle_store *s, const struct candle_window *w, struct minute_range *out, size_t max,
		    size_t *n, struct error *err);
	/* Minutes that the exchange confirmed it never had. Recording twice is harmless. */
	int (*confirm_gap)(struct candle_store *s, const struct instrument *i, const struct minute_range *range,
			   struct error *err);
	int (*confirmed_gaps)(struct candle_store *s, const struct candle_window *w, struct minute_range *out,
			      size_t max, size_t *n, struct error *err); /* clipped to the window, merged, ascending */
	int (*ping)(struct candle_store *s, struct error *err);		 /* reachable, and its schema at head */
	void (*close)(struct candle_store *s);				 /* frees s */
	const char *name;						 /* "postgres", "clickhouse" */
};

#endif
