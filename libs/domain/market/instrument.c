#include "domain/market/instrument.h"

#include <inttypes.h>
#include <stdio.h>

#define MARKET_ID_MAX 65535

const struct market MARKETS[] = {
	{ 1, "binance", "spot", "binance:spot" },
	{ 2, "binance", "futures", "binance:futures" },
	{ 3, "bybit", "spot", "bybit:spot" },
	{ 4, "bybit", "futures", "bybit:futures" },
};
const size_t MARKET_COUNT = ARRAY_LEN(MARKETS);

const struct market *market_by_id(int market_id)
{
	for (size_t i = 0; i < MARKET_COUNT; i++)
		if (MARKETS[i].market_id == market_id)
			return &MARKETS[i];
	return NULL;
}

const struct market *market_by_code(struct str code)
{
	for (size_t i = 0; i < MARKET_COUNT; i++)
		if (str_eq_c(code, MARKETS[i].code))
			return &MARKETS[i];
	return NULL;
}

/* A symbol ends up in stream names, log lines and URLs. Bytes above ASCII pass: exchanges list such symbols. */
static bool has_control_byte(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

int instrument_init(struct instrument *out, int64_t market_id, struct str symbol, struct error *err)
{
	struct instrument made = { .market_id = (int)market_id };

	if (market_id <= 0)
		return error_set(err, ERR_INVALID, "MarketId must be > 0, got %" PRId64, market_id);
	if (market_id > MARKET_ID_MAX)
		return error_set(err, ERR_INVALID, "MarketId must fit UInt16 (<= 65535), got %" PRId64, market_id);
	symbol = str_trim(symbol);
	if (symbol.n == 0)
		return error_set(err, ERR_INVALID, "Symbol must be non-empty after normalization");
	if (has_control_byte(symbol) || !str_is_utf8(symbol))
		return error_set(err, ERR_INVALID, "Symbol must be text without control characters");
	if (!str_copy(made.symbol, sizeof(made.symbol), symbol))
		return error_set(err, ERR_INVALID, "Symbol must be at most %d bytes", SYMBOL_MAX - 1);
	str_upper_ascii(made.symbol);
	*out = made;
	return 0;
}

bool instrument_eq(const struct instrument *a, const struct instrument *b)
{
	return a->market_id == b->market_id && str_eq(str_from(a->symbol), str_from(b->symbol));
}

int instrument_key(const struct instrument *i, char out[INSTRUMENT_KEY_MAX], struct error *err)
{
	const struct market *m = market_by_id(i->market_id);

	if (m == NULL)
		return error_set(err, ERR_INVALID, "Unknown market_id=%d", i->market_id);
	snprintf(out, INSTRUMENT_KEY_MAX, "%s:%s", m->code, i->symbol);
	return 0;
}

bool instrument_key_split(struct str key, struct instrument_key_parts *out)
{
	struct instrument_key_parts parts;
	struct str exchange, market_type, symbol, more;

	if (has_control_byte(key))
		return false;
	if (!str_split(&key, ':', &exchange) || !str_split(&key, ':', &market_type) || !str_split(&key, ':', &symbol) ||
	    str_split(&key, ':', &more))
		return false;
	if (!str_copy(parts.exchange, sizeof(parts.exchange), str_trim(exchange)) ||
	    !str_copy(parts.market_type, sizeof(parts.market_type), str_trim(market_type)) ||
	    !str_copy(parts.symbol, sizeof(parts.symbol), str_trim(symbol)))
		return false;
	str_lower_ascii(parts.exchange);
	str_lower_ascii(parts.market_type);
	str_upper_ascii(parts.symbol);
	*out = parts;
	return true;
}
