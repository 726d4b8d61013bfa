#include "adapters/binance/spot.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "runtime/http_client.h"

/* A kline frame is under 500 bytes; far more is not meant for us. */
static const struct json_limits frame_limits = { 64 << 10, 8, 200 };
static const struct json_limits klines_limits = { 2 << 20, 4, 20000 };

/* ---- streams ------------------------------------------------------------------------------------------------------- */

void binance_stream_url(struct strbuf *out, const char *base, const struct instrument *instruments, size_t n)
{
	strbuf_addc(out, base);
	strbuf_addc(out, strchr(base, '?') != NULL ? "&streams=" : "?streams=");
	for (size_t i = 0; i < n; i++) {
		char symbol[SYMBOL_MAX];

		str_copy(symbol, sizeof(symbol), str_from(instruments[i].symbol));
		str_lower_ascii(symbol);
		if (i > 0)
			strbuf_addch(out, '/');
		http_urlencode(out, str_from(symbol));
		strbuf_addc(out, "@kline_1m");
	}
}

/* Integer or integer text; true and false are neither. */
static bool read_int(const cJSON *node, int64_t *out)
{
	if (cJSON_IsString(node))
		return str_to_i64(str_from(node->valuestring), out);
	return json_get_i64(node, out);
}

static bool read_number(const cJSON *node, double *out)
{
	if (cJSON_IsString(node))
		return str_to_double(str_from(node->valuestring), out);
	return json_get_double(node, out);
}

static double optional_number(const cJSON *node)
{
	double v;

	return read_number(node, &v) ? v : NAN;
}

static int read_bar(const cJSON *k, utc_t minute, struct candle *c, struct error *err)
{
	const struct {
		const char *key;
		double *value;
	} required[] = {
		{ "o", &c->open }, { "h", &c->high }, { "l", &c->low }, { "c", &c->close }, { "v", &c->volume_base }
	};
	int64_t trades;

	*c = (struct candle){ .ts_open = minute, .trades_count = -1 };
	for (size_t i = 0; i < ARRAY_LEN(required); i++)
		if (!read_number(json_get(k, required[i].key), required[i].value))
			return error_set(err, ERR_INVALID, "kline field %s is missing or no number", required[i].key);
	c->volume_quote = optional_number(json_get(k, "q"));
	c->taker_buy_volume_base = optional_number(json_get(k, "V"));
	c->taker_buy_volume_quote = optional_number(json_get(k, "Q"));
	if (read_int(json_get(k, "n"), &trades) && trades >= 0)
		c->trades_count = trades;
	return 0;
}

static enum binance_frame_kind read_kline(const cJSON *data, const cJSON *k, struct binance_frame *f, struct error *err)
{
	struct str symbol = json_get_str(json_get(k, "s"));
	struct instrument i;
	int64_t ms;

	if (!str_eq(json_get_str(json_get(k, "i")), STR("1m")))
		return BINANCE_FRAME_OTHER;
	if (symbol.p == NULL || str_is_blank(symbol))
		symbol = json_get_str(json_get(data, "s"));
	if (symbol.p == NULL || instrument_init(&i, 1, symbol, NULL) != 0)
		return BINANCE_FRAME_OTHER;
	if (!read_int(json_get(k, "t"), &ms) || ms < 0 || ms > 253402300799999LL)
		return BINANCE_FRAME_OTHER;
	str_copy(f->symbol, sizeof(f->symbol), str_from(i.symbol));
	f->minute = utc_floor(utc_from_ms(ms), UTC_MINUTE_MS);
	f->event_time = UTC_NONE;
	if (read_int(json_get(data, "E"), &ms) && ms > 0 && ms < 253402300799999LL)
		f->event_time = utc_from_ms(ms);
	if (!cJSON_IsTrue(json_get(k, "x")))
		return BINANCE_FRAME_FORMING;
	if (read_bar(k, f->minute, &f->candle, err) != 0)
		return BINANCE_FRAME_BAD;
	f->candle.instrument = i;
	return candle_check(&f->candle, err) == 0 ? BINANCE_FRAME_CLOSED : BINANCE_FRAME_BAD;
}

enum binance_frame_kind binance_parse_frame(struct str text, struct binance_frame *out, struct error *err)
{
	cJSON *json = json_parse(text, &frame_limits, NULL, NULL);
	const cJSON *data = json_get(json, "data");
	const cJSON *k = json_get(data, "k");
	struct binance_frame f = { .event_time = UTC_NONE };
	enum binance_frame_kind kind = BINANCE_FRAME_OTHER;

	if (cJSON_IsObject(k))
		kind = read_kline(data, k, &f, err);
	if (kind != BINANCE_FRAME_OTHER)
		*out = f;
	json_free(json);
	return kind;
}

/* ---- REST ---------------------------------------------------------------------------------------------------------- */

void binance_klines_url(struct strbuf *out, const char *base, const struct instrument *i, utc_t from, utc_t to)
{
	strbuf_addc(out, base);
	strbuf_addc(out, "/api/v3/klines?symbol=");
	http_urlencode(out, str_from(i->symbol));
	strbuf_addf(out, "&interval=1m&startTime=%lld&endTime=%lld&limit=%d", (long long)from.ms, (long long)to.ms - 1,
		    BINANCE_PAGE_MINUTES);
}

static int read_row(const cJSON *row, struct candle *c, struct error *err)
{
	const cJSON *cells[11];
	double *const numbers[] = { &c->open, &c->high, &c->low, &c->close, &c->volume_base };
	size_t n = 0;
	int64_t ms, trades;

	for (const cJSON *cell = cJSON_IsArray(row) ? row->child : NULL; cell != NULL && n < ARRAY_LEN(cells);
	     cell = cell->next)
		cells[n++] = cell;
	if (n < ARRAY_LEN(cells) || !read_int(cells[0], &ms) || ms < 0 || ms > 253402300799999LL)
		return error_set(err, ERR_INVALID, "Invalid Binance kline item: 11 cells with a time are expected");
	*c = (struct candle){ .ts_open = utc_floor(utc_from_ms(ms), UTC_MINUTE_MS), .trades_count = -1 };
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (!read_number(cells[i + 1], numbers[i]))
			return error_set(err, ERR_INVALID, "Invalid Binance kline item: cell %zu is no number", i + 1);
	c->volume_quote = optional_number(cells[7]);
	if (read_int(cells[8], &trades) && trades >= 0)
		c->trades_count = trades;
	c->taker_buy_volume_base = optional_number(cells[9]);
	c->taker_buy_volume_quote = optional_number(cells[10]);
	return candle_check(c, err);
}

int binance_parse_klines(struct str body, utc_t from, utc_t to, struct candle *rows, size_t max, size_t *n,
			 struct error *err)
{
	cJSON *json = json_parse(body, &klines_limits, NULL, err);
	int rc = 0;

	if (json == NULL)
		return -1;
	if (!cJSON_IsArray(json))
		rc = error_set(err, ERR_INVALID, "Unexpected Binance klines payload type");
	for (const cJSON *row = rc == 0 ? json->child : NULL; row != NULL && rc == 0; row = row->next) {
		struct candle c;

		rc = read_row(row, &c, err);
		if (rc == 0 && c.ts_open.ms >= from.ms && c.ts_open.ms < to.ms && *n < max)
			rows[(*n)++] = c;
	}
	json_free(json);
	return rc;
}

void binance_time_url(struct strbuf *out, const char *base)
{
	strbuf_addc(out, base);
	strbuf_addc(out, "/api/v3/time");
}

int binance_parse_time(struct str body, utc_t *out, struct error *err)
{
	cJSON *json = json_parse(body, &frame_limits, NULL, err);
	int64_t ms = 0;
	int rc = json != NULL ? json_need_i64(json, "serverTime", 1, 253402300799999LL, &ms, err) : -1;

	if (rc == 0)
		*out = utc_from_ms(ms);
	json_free(json);
	return rc;
}
