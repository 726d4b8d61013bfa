/* timeframe.h - the six bar lengths. Buckets are aligned to the epoch: open = floor(t / tf) * tf, close = open + tf. */
#ifndef ROEHUB_DOMAIN_MARKET_TIMEFRAME_H
#define ROEHUB_DOMAIN_MARKET_TIMEFRAME_H

#include "base/error.h"
#include "base/str.h"
#include "base/utc.h"

#define TIMEFRAMES(X)                                                                                                  \
	X(1M, "1m", 1)                                                                                                 \
	X(5M, "5m", 5)                                                                                                 \
	X(15M, "15m", 15)                                                                                              \
	X(1H, "1h", 60)                                                                                                \
	X(4H, "4h", 240)                                                                                               \
	X(1D, "1d", 1440)

enum timeframe {
#define X(id, text, minutes) TIMEFRAME_##id,
	TIMEFRAMES(X)
#undef X
		TIMEFRAME_COUNT
};

/* Trimmed and lower-cased first. Error: Unsupported timeframe='2m'. Supported: ['15m', '1d', '1h', '1m', '4h', '5m']
 * (the echoed value is cut to 32 characters). */
int timeframe_parse(struct str text, enum timeframe *out, struct error *err);
const char *timeframe_text(enum timeframe tf);
int timeframe_minutes(enum timeframe tf);
static inline int64_t timeframe_ms(enum timeframe tf) { return (int64_t)timeframe_minutes(tf) * UTC_MINUTE_MS; }
utc_t timeframe_bucket(enum timeframe tf, utc_t t);

#endif
