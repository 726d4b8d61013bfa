/* series.h - the eight price series an indicator can read, taken from bars.
 *
 * Derived series are rounded after every operation, left to right: hl2 = (h+l)/2, hlc3 = ((h+l)+c)/3,
 * ohlc4 = (((o+h)+l)+c)/4. A NaN component gives NaN.
 */
#ifndef ROEHUB_DOMAIN_INDICATORS_SERIES_H
#define ROEHUB_DOMAIN_INDICATORS_SERIES_H

#include "base/str.h"
#include "domain/market/candle.h"

#define SERIES(X)                                                                                                      \
	X(OPEN, "open")                                                                                                \
	X(HIGH, "high")                                                                                                \
	X(LOW, "low")                                                                                                  \
	X(CLOSE, "close")                                                                                              \
	X(VOLUME, "volume")                                                                                            \
	X(HL2, "hl2")                                                                                                  \
	X(HLC3, "hlc3")                                                                                                \
	X(OHLC4, "ohlc4")

enum series {
#define X(id, text) SERIES_##id,
	SERIES(X)
#undef X
		SERIES_COUNT
};

#define SERIES_BIT(id) (1u << SERIES_##id)

const char *series_text(enum series s);
bool series_parse(struct str text, enum series *out); /* exact name */
double series_of_bar(enum series s, const struct bar *bar);
/* The whole column; out has c->n values and overlaps no column of c. */
void series_of_candles(enum series s, const struct candles *c, double *out);

#endif
