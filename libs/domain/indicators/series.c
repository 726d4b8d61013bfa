#include "domain/indicators/series.h"

static const char *const TEXTS[SERIES_COUNT] = {
#define X(id, text) [SERIES_##id] = text,
	SERIES(X)
#undef X
};

const char *series_text(enum series s) { return TEXTS[s]; }

bool series_parse(struct str text, enum series *out)
{
	for (int i = 0; i < SERIES_COUNT; i++) {
		if (str_eq_c(text, TEXTS[i])) {
			*out = (enum series)i;
			return true;
		}
	}
	return false;
}

double series_of_bar(enum series s, const struct bar *b)
{
	switch (s) {
	case SERIES_OPEN:
		return b->open;
	case SERIES_HIGH:
		return b->high;
	case SERIES_LOW:
		return b->low;
	case SERIES_VOLUME:
		return b->volume;
	case SERIES_HL2:
		return (b->high + b->low) / 2;
	case SERIES_HLC3:
		return ((b->high + b->low) + b->close) / 3;
	case SERIES_OHLC4:
		return (((b->open + b->high) + b->low) + b->close) / 4;
	case SERIES_CLOSE:
	default:
		return b->close;
	}
}

void series_of_candles(enum series s, const struct candles *c, double *out)
{
	for (size_t i = 0; i < c->n; i++) {
		struct bar bar = candles_bar(c, i);

		out[i] = series_of_bar(s, &bar);
	}
}
