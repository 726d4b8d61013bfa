/* spot.h - what Binance spot says and wants to hear: kline streams, klines, server time.
 * Source: the exchange's public API pages "WebSocket Streams" and "Market Data endpoints". Parsers take hostile bytes. */
#ifndef ROEHUB_ADAPTERS_BINANCE_SPOT_H
#define ROEHUB_ADAPTERS_BINANCE_SPOT_H

#include "base/error.h"
#include "base/strbuf.h"
#include "domain/market/candle.h"

#define BINANCE_PAGE_MINUTES  1000
#define BINANCE_WEIGHT_LIMIT  6000 /* per minute and address */
#define BINANCE_KLINES_WEIGHT 2
#define BINANCE_TIME_WEIGHT   1

/* base?streams=a@kline_1m/b@kline_1m, with & when base has a query already */
void binance_stream_url(struct strbuf *out, const char *base, const struct instrument *instruments, size_t n);

enum binance_frame_kind {
	BINANCE_FRAME_OTHER,   /* nothing of ours: no JSON, no kline, another interval */
	BINANCE_FRAME_FORMING, /* an unfinished bar: symbol, minute and event time are set */
	BINANCE_FRAME_CLOSED,  /* candle is complete and checked (ingest fields are the caller's) */
	BINANCE_FRAME_BAD,     /* a closed bar that cannot be used: minute is set, err says why */
};

struct binance_frame {
	char symbol[SYMBOL_MAX];
	utc_t minute;
	utc_t event_time; /* UTC_NONE when the frame has none */
	struct candle candle;
};

enum binance_frame_kind binance_parse_frame(struct str text, struct binance_frame *out, struct error *err);

/* Candles of [from, to): at most BINANCE_PAGE_MINUTES. */
void binance_klines_url(struct strbuf *out, const char *base, const struct instrument *i, utc_t from, utc_t to);
/* Appends the rows that lie in [from, to) to rows (room for max); -1 for a malformed body. Instrument and ingest fields
 * are the caller's. */
int binance_parse_klines(struct str body, utc_t from, utc_t to, struct candle *rows, size_t max, size_t *n,
			 struct error *err);
void binance_time_url(struct strbuf *out, const char *base);
int binance_parse_time(struct str body, utc_t *out, struct error *err);

#endif
