/* candle.h - one closed bar, and columns of bars.
 *
 * Prices in quote currency per unit of base, volumes in base or quote units, all binary64 as the exchange gave them.
 * ts_open is on a whole minute; a 1m candle closes 60 000 ms later. Optional numbers are NaN when absent; OHLC and
 * volume_base of a valid candle are finite. In derived columns a missing bar is NaN in all five fields.
 */
#ifndef ROEHUB_DOMAIN_MARKET_CANDLE_H
#define ROEHUB_DOMAIN_MARKET_CANDLE_H

#include "base/error.h"
#include "base/utc.h"
#include "base/uuid.h"
#include "domain/market/instrument.h"

#define CANDLE_SOURCES(X) X(WS, "ws") X(REST, "rest") X(FILE, "file")

enum candle_source {
#define X(id, text) CANDLE_SOURCE_##id,
	CANDLE_SOURCES(X)
#undef X
		CANDLE_SOURCE_COUNT
};

struct bar {
	utc_t ts_open;
	double open, high, low, close, volume;
};

/* A 1m candle with all that is stored and streamed of it. */
struct candle {
	struct instrument instrument;
	char instrument_key[INSTRUMENT_KEY_MAX];
	utc_t ts_open;
	double open, high, low, close;
	double volume_base;
	double volume_quote;	       /* NaN: absent */
	int64_t trades_count;	       /* < 0: absent */
	double taker_buy_volume_base;  /* NaN: absent */
	double taker_buy_volume_quote; /* NaN: absent */
	enum candle_source source;
	utc_t ingested_at;
	struct uuid ingest_id; /* nil: absent */
};

static inline utc_t candle_close_time(const struct candle *c) { return utc_from_ms(c->ts_open.ms + UTC_MINUTE_MS); }

/* Checks in this order: whole minute, everything required finite, high >= max(open, close), low <= min(open, close),
 * volume_base >= 0, volume_quote and the taker volumes finite and >= 0 when present. */
int candle_check(const struct candle *c, struct error *err);
const char *candle_source_text(enum candle_source s);
bool candle_source_parse(struct str text, enum candle_source *out); /* trimmed, any case */

/* Columns of 1m or derived bars, ascending by ts_open. Owned by whoever called candles_init. */
struct candles {
	int64_t *ts_open_ms;
	double *open, *high, *low, *close;
	double *volume;	      /* base */
	double *volume_quote; /* NaN: absent */
	size_t n, cap;
};

void candles_init(struct candles *c);
void candles_release(struct candles *c);
void candles_clear(struct candles *c); /* n = 0, keeps the memory */
int candles_reserve(struct candles *c, size_t cap, struct error *err);
int candles_append(struct candles *c, utc_t ts_open, double open, double high, double low, double close, double volume,
		   double volume_quote, struct error *err);
struct bar candles_bar(const struct candles *c, size_t i);

#endif
