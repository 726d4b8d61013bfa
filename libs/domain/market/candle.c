#include "domain/market/candle.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static const char *const SOURCE_TEXTS[CANDLE_SOURCE_COUNT] = {
#define X(id, text) [CANDLE_SOURCE_##id] = text,
	CANDLE_SOURCES(X)
#undef X
};

const char *candle_source_text(enum candle_source s) { return SOURCE_TEXTS[s]; }

bool candle_source_parse(struct str text, enum candle_source *out)
{
	text = str_trim(text);
	for (int i = 0; i < CANDLE_SOURCE_COUNT; i++) {
		if (str_eq_nocase(text, str_from(SOURCE_TEXTS[i]))) {
			*out = (enum candle_source)i;
			return true;
		}
	}
	return false;
}

/* Present and infinite, or negative. NaN stands for "absent" and passes. */
static bool optional_bad(double v) { return isinf(v) || v < 0; }

static int check_optional(const struct candle *c, struct error *err)
{
	if (optional_bad(c->volume_quote))
		return error_set(err, ERR_INVALID, "Candle requires volume_quote >= 0 when provided");
	if (optional_bad(c->taker_buy_volume_base))
		return error_set(err, ERR_INVALID, "taker_buy_volume_base must be >= 0, got %g",
				 c->taker_buy_volume_base);
	if (optional_bad(c->taker_buy_volume_quote))
		return error_set(err, ERR_INVALID, "taker_buy_volume_quote must be >= 0, got %g",
				 c->taker_buy_volume_quote);
	return 0;
}

int candle_check(const struct candle *c, struct error *err)
{
	if (c->ts_open.ms % UTC_MINUTE_MS != 0)
		return error_set(err, ERR_INVALID, "Candle requires ts_open on a whole minute, got %" PRId64,
				 c->ts_open.ms);
	if (!isfinite(c->open) || !isfinite(c->high) || !isfinite(c->low) || !isfinite(c->close) ||
	    !isfinite(c->volume_base))
		return error_set(err, ERR_INVALID, "Candle requires finite open, high, low, close and volume_base");
	if (c->high < MAX_OF(c->open, c->close))
		return error_set(err, ERR_INVALID, "Candle requires high >= max(open, close)");
	if (c->low > MIN_OF(c->open, c->close))
		return error_set(err, ERR_INVALID, "Candle requires low <= min(open, close)");
	if (c->volume_base < 0)
		return error_set(err, ERR_INVALID, "Candle requires volume_base >= 0");
	return check_optional(c, err);
}

void candles_init(struct candles *c) { *c = (struct candles){ 0 }; }

void candles_release(struct candles *c)
{
	free(c->ts_open_ms);
	free(c->open);
	free(c->high);
	free(c->low);
	free(c->close);
	free(c->volume);
	free(c->volume_quote);
	candles_init(c);
}

void candles_clear(struct candles *c) { c->n = 0; }

static bool column_grow(double **column, size_t cap)
{
	double *grown = reallocarray(*column, cap, sizeof(double));

	if (grown == NULL)
		return false;
	*column = grown;
	return true;
}

/* A column that grew before another one failed keeps its new block: cap still names what all of them have. */
int candles_reserve(struct candles *c, size_t cap, struct error *err)
{
	int64_t *stamps;

	if (cap <= c->cap)
		return 0;
	stamps = reallocarray(c->ts_open_ms, cap, sizeof(*stamps));
	if (stamps == NULL)
		return error_set(err, ERR_UNAVAILABLE, "out of memory for %zu candles", cap);
	c->ts_open_ms = stamps;
	if (!column_grow(&c->open, cap) || !column_grow(&c->high, cap) || !column_grow(&c->low, cap) ||
	    !column_grow(&c->close, cap) || !column_grow(&c->volume, cap) || !column_grow(&c->volume_quote, cap))
		return error_set(err, ERR_UNAVAILABLE, "out of memory for %zu candles", cap);
	c->cap = cap;
	return 0;
}

int candles_append(struct candles *c, utc_t ts_open, double open, double high, double low, double close, double volume,
		   double volume_quote, struct error *err)
{
	size_t i = c->n;

	if (i == c->cap && candles_reserve(c, i < 256 ? 512 : i * 2, err) != 0)
		return -1;
	c->ts_open_ms[i] = ts_open.ms;
	c->open[i] = open;
	c->high[i] = high;
	c->low[i] = low;
	c->close[i] = close;
	c->volume[i] = volume;
	c->volume_quote[i] = volume_quote;
	c->n = i + 1;
	return 0;
}

struct bar candles_bar(const struct candles *c, size_t i)
{
	return (struct bar){
		utc_from_ms(c->ts_open_ms[i]), c->open[i], c->high[i], c->low[i], c->close[i], c->volume[i]
	};
}
