/* instrument.h - markets and instruments. The identity of an instrument is (market_id, symbol); the instrument key
 * "{exchange}:{market_type}:{symbol}" is its routing tag in streams and logs. */
#ifndef ROEHUB_DOMAIN_MARKET_INSTRUMENT_H
#define ROEHUB_DOMAIN_MARKET_INSTRUMENT_H

#include "base/error.h"
#include "base/str.h"

#define SYMBOL_MAX	   64
#define INSTRUMENT_KEY_MAX 128

struct market {
	int market_id;
	const char *exchange;	 /* "binance" */
	const char *market_type; /* "spot" or "futures" */
	const char *code;	 /* "binance:spot" */
};

struct instrument {
	int market_id;
	char symbol[SYMBOL_MAX]; /* trimmed, upper case (ASCII), not empty */
};

extern const struct market MARKETS[];
extern const size_t MARKET_COUNT;

const struct market *market_by_id(int market_id);     /* NULL when unknown */
const struct market *market_by_code(struct str code); /* NULL when unknown */

/* Normalises and checks: "MarketId must be > 0, got 0", "MarketId must fit UInt16 (<= 65535), got 70000",
 * "Symbol must be non-empty after normalization". Control bytes and texts over SYMBOL_MAX-1 are refused too. */
int instrument_init(struct instrument *out, int64_t market_id, struct str symbol, struct error *err);
bool instrument_eq(const struct instrument *a, const struct instrument *b);
/* Key of an instrument of a known market. */
int instrument_key(const struct instrument *i, char out[INSTRUMENT_KEY_MAX], struct error *err);

/* Splits exactly three parts; each trimmed. Exchange and market type come out in lower, symbol in upper case. */
struct instrument_key_parts {
	char exchange[32];
	char market_type[16];
	char symbol[SYMBOL_MAX];
};
bool instrument_key_split(struct str key, struct instrument_key_parts *out);

#endif
