#include "binance_spot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

#define STREAMS_PER_CONNECTION_MAX 1024
#define FRAME_BYTES_MAX		   1024
#define PENDING_HIGH		   (1u << 20) /* at speed max: stop making frames above, go on below a quarter of it */
#define MINUTES_PER_TURN	   512

struct subscriber {
	struct subscriber *next, **link;
	struct binance_spot *venue;
	struct ws *ws;
	const struct market_symbol **symbols;
	size_t n;
	bool combined;
	bool dead_air;		    /* half-open: nothing goes out any more */
	char late[FRAME_BYTES_MAX]; /* a closing frame held back until the next one */
};

struct binance_spot {
	struct binance_settings s;
	struct subscriber *subscribers;
	size_t count;
	struct event *pump; /* plays the next step */
	utc_t minute;	    /* being formed */
	int step;	    /* 0..forming: unfinished frames, then the closing one */
	mono_t stalled_until;
	int64_t frames_sent;
};

/* ---- streams: frames ----------------------------------------------------------------------------------------------- */

/* part: 0..1, how much of the minute has passed; 1 is the closed bar. */
static size_t make_frame(const struct subscriber *sub, const struct market_symbol *s, utc_t minute,
			 const struct simulated_candle *c, double part, char *out)
{
	bool closed = part >= 1;
	double close = closed ? c->close : c->open, high = closed ? c->high : c->open, low = closed ? c->low : c->open;
	char stream[SYMBOL_MAX + 16];
	int n;

	snprintf(stream, sizeof(stream), "%s@kline_1m", s->name);
	str_lower_ascii(stream);
	n = snprintf(
		out, FRAME_BYTES_MAX,
		"%s%s%s{\"e\":\"kline\",\"E\":%lld,\"s\":\"%s\",\"k\":{\"t\":%lld,\"T\":%lld,\"s\":\"%s\",\"i\":\"1m\","
		"\"f\":100,\"L\":200,\"o\":\"%.8f\",\"c\":\"%.8f\",\"h\":\"%.8f\",\"l\":\"%.8f\",\"v\":\"%.8f\",\"n\":%lld,"
		"\"x\":%s,\"q\":\"%.8f\",\"V\":\"%.8f\",\"Q\":\"%.8f\",\"B\":\"0\"}}%s",
		sub->combined ? "{\"stream\":\"" : "", sub->combined ? stream : "", sub->combined ? "\",\"data\":" : "",
		(long long)minute.ms + (int64_t)(part * UTC_MINUTE_MS) + 3, s->name, (long long)minute.ms,
		(long long)minute.ms + UTC_MINUTE_MS - 1, s->name, c->open, close, high, low, c->volume * part,
		(long long)((double)c->trades * part), closed ? "true" : "false", c->quote_volume * part,
		c->taker_base * part, c->taker_quote * part, sub->combined ? "}" : "");
	return n > 0 && n < FRAME_BYTES_MAX ? (size_t)n : 0;
}

static void send_text(struct subscriber *sub, const char *text, size_t n)
{
	if (n > 0 && !sub->dead_air && ws_send(sub->ws, (struct str){ text, n }, NULL) == 0)
		sub->venue->frames_sent++;
}

static void send_closing(struct subscriber *sub, const char *frame, size_t n)
{
	struct faults *f = sub->venue->s.faults;
	bool late = fault_fires(f, FAULT_LATE);

	if (fault_fires(f, FAULT_BAD_FRAME))
		send_text(sub, "{\"stream\":\"?\",\"data\":{\"k\":[1,2", 29);
	if (late)
		snprintf(sub->late, sizeof(sub->late), "%s", frame);
	else if (!fault_fires(f, FAULT_MISSING))
		send_text(sub, frame, n);
	if (fault_fires(f, FAULT_DUPLICATE))
		send_text(sub, frame, n);
	if (!late && sub->late[0] != '\0') {
		send_text(sub, sub->late, strlen(sub->late));
		sub->late[0] = '\0';
	}
}

static void send_step(struct binance_spot *b, struct subscriber *sub, double part)
{
	char frame[FRAME_BYTES_MAX];

	for (size_t i = 0; i < sub->n; i++) {
		struct simulated_candle c;
		size_t n;

		if (!market_candle(b->s.market, sub->symbols[i], b->minute, &c))
			continue;
		n = make_frame(sub, sub->symbols[i], b->minute, &c, part, frame);
		if (part < 1)
			send_text(sub, frame, n);
		else
			send_closing(sub, frame, n);
	}
}

static void drop_everybody(struct binance_spot *b)
{
	for (struct subscriber *sub = b->subscribers; sub != NULL; sub = sub->next)
		ws_abort(sub->ws);
}

static int steps(const struct binance_spot *b) { return b->s.market->speed <= 0 ? 0 : b->s.forming; }

/* Plays one step of the current minute for everybody and moves on. */
static void play(struct binance_spot *b)
{
	double part = b->step >= steps(b) ? 1.0 : (double)(b->step + 1) / (double)(steps(b) + 1);
	bool closing = part >= 1, silent;

	if (closing && fault_fires(b->s.faults, FAULT_STALL))
		b->stalled_until = mono_after_ms(mono_now(), b->s.faults->kinds[FAULT_STALL].duration_ms);
	silent = mono_elapsed_us(mono_now(), b->stalled_until) > 0;
	if (closing && fault_fires(b->s.faults, FAULT_DISCONNECT))
		drop_everybody(b);
	else if (!silent)
		for (struct subscriber *sub = b->subscribers; sub != NULL; sub = sub->next)
			send_step(b, sub, part);
	if (closing) {
		b->minute.ms += UTC_MINUTE_MS;
		b->step = 0;
	} else {
		b->step++;
	}
}

/* ---- streams: pace ------------------------------------------------------------------------------------------------- */

static utc_t next_due(const struct binance_spot *b)
{
	int64_t part = (int64_t)UTC_MINUTE_MS * (b->step + 1) / (steps(b) + 1);

	return utc_from_ms(b->minute.ms + part);
}

static size_t most_pending(const struct binance_spot *b)
{
	size_t most = 0;

	for (const struct subscriber *sub = b->subscribers; sub != NULL; sub = sub->next)
		most = MAX_OF(most, ws_pending_bytes(sub->ws));
	return most;
}

static void on_drained(struct ws *ws, void *arg)
{
	struct subscriber *sub = arg;

	(void)ws;
	if (sub->venue->s.market->speed <= 0)
		event_active(sub->venue->pump, EV_TIMEOUT, 0);
}

/* Speed max: the clock is where the frames are, and frames are made as the slowest subscriber takes them. */
static void pump_max(struct binance_spot *b)
{
	for (int i = 0; i < MINUTES_PER_TURN; i++) {
		if (b->s.market->paused || market_finished(b->s.market) || b->count == 0 ||
		    most_pending(b) > PENDING_HIGH)
			return;
		play(b);
		market_set_clock(b->s.market, b->minute);
	}
	event_active(b->pump, EV_TIMEOUT, 0);
}

void binance_spot_reschedule(struct binance_spot *b)
{
	int64_t wait;

	event_del(b->pump);
	if (b->s.market->speed <= 0) {
		event_active(b->pump, EV_TIMEOUT, 0);
		return;
	}
	if (market_finished(b->s.market) && next_due(b).ms > market_now(b->s.market).ms)
		return;
	wait = market_wait_ms(b->s.market, next_due(b));
	if (wait >= 0)
		event_add(b->pump, &(struct timeval){ (time_t)(wait / 1000), (suseconds_t)(wait % 1000) * 1000 });
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct binance_spot *b = arg;

	(void)fd;
	(void)what;
	if (b->s.market->speed <= 0) {
		pump_max(b);
		return;
	}
	for (int i = 0; i < MINUTES_PER_TURN && next_due(b).ms <= market_now(b->s.market).ms; i++)
		play(b);
	binance_spot_reschedule(b);
}

/* ---- streams: subscribers ------------------------------------------------------------------------------------------ */

static void subscribe(struct subscriber *sub, struct str stream)
{
	size_t at = str_find_byte(stream, '@');
	const struct market_symbol *s;

	if (at == SIZE_MAX || !str_eq(str_slice(stream, at, stream.n), STR("@kline_1m")) ||
	    sub->n == STREAMS_PER_CONNECTION_MAX)
		return;
	s = market_symbol(sub->venue->s.market, str_slice(stream, 0, at));
	for (size_t i = 0; s != NULL && i < sub->n; i++)
		if (sub->symbols[i] == s)
			return;
	if (s != NULL) /* an unknown symbol is ignored in silence, as on the real exchange */
		sub->symbols[sub->n++] = s;
}

static void unsubscribe(struct subscriber *sub, struct str stream)
{
	const struct market_symbol *s =
		market_symbol(sub->venue->s.market, str_slice(stream, 0, str_find_byte(stream, '@')));

	for (size_t i = 0; i < sub->n; i++)
		if (sub->symbols[i] == s) {
			sub->symbols[i] = sub->symbols[--sub->n];
			return;
		}
}

static void wake_market(struct binance_spot *b)
{
	if (b->s.wait_for_client && b->s.market->paused) {
		b->s.wait_for_client = false;
		market_pause(b->s.market, false);
	}
	binance_spot_reschedule(b);
}

static void on_open(struct ws *ws, void *arg)
{
	struct subscriber *sub = arg;

	ws_on_drained(ws, PENDING_HIGH / 4, on_drained);
	if (sub->n > 0)
		wake_market(sub->venue);
}

/* {"method":"SUBSCRIBE","params":["btcusdt@kline_1m"],"id":1} */
static void on_message(struct ws *ws, struct str text, bool binary, void *arg)
{
	struct subscriber *sub = arg;
	cJSON *json = binary ? NULL : json_parse(text, NULL, NULL, NULL);
	struct str method = json_get_str(json_get(json, "method"));
	const cJSON *params = json_get(json, "params");
	struct strbuf out = STRBUF_INIT(65536);
	struct json_writer w;
	int64_t id = 0;

	for (const cJSON *p = cJSON_IsArray(params) ? params->child : NULL; p != NULL; p = p->next) {
		if (str_eq(method, STR("SUBSCRIBE")))
			subscribe(sub, json_get_str(p));
		else if (str_eq(method, STR("UNSUBSCRIBE")))
			unsubscribe(sub, json_get_str(p));
	}
	json_get_i64(json_get(json, "id"), &id);
	jw_init(&w, &out);
	jw_obj(&w);
	jw_key(&w, "result");
	if (str_eq(method, STR("LIST_SUBSCRIPTIONS"))) {
		jw_arr(&w);
		for (size_t i = 0; i < sub->n; i++) {
			char stream[SYMBOL_MAX + 16];

			snprintf(stream, sizeof(stream), "%s@kline_1m", sub->symbols[i]->name);
			str_lower_ascii(stream);
			jw_cstr(&w, stream);
		}
		jw_end(&w);
	} else {
		jw_null(&w);
	}
	jw_key(&w, "id");
	jw_int(&w, id);
	jw_end(&w);
	ws_send(ws, strbuf_str(&out), NULL);
	strbuf_release(&out);
	json_free(json);
	if (sub->n > 0)
		wake_market(sub->venue);
}

static void on_close(struct ws *ws, enum ws_close_reason reason, int code, const struct error *err, void *arg)
{
	struct subscriber *sub = arg;

	(void)ws;
	(void)reason;
	(void)code;
	(void)err;
	*sub->link = sub->next;
	if (sub->next != NULL)
		sub->next->link = sub->link;
	sub->venue->count--;
	free(sub->symbols);
	free(sub);
}

const struct ws_events *binance_spot_accept(struct ws *ws, struct str target, void *user, void **arg)
{
	static const struct ws_events events = { on_open, on_message, on_close };
	struct binance_spot *b = user;
	struct str combined = STR("/stream"), raw = STR("/ws"), rest = STR_NULL, part;
	struct subscriber *sub;
	bool is_combined = str_starts(target, combined);

	if (!is_combined && !str_starts(target, raw))
		return NULL;
	sub = calloc(1, sizeof(*sub));
	if (sub == NULL || (sub->symbols = calloc(STREAMS_PER_CONNECTION_MAX, sizeof(*sub->symbols))) == NULL) {
		free(sub);
		return NULL;
	}
	sub->venue = b;
	sub->ws = ws;
	sub->combined = is_combined;
	sub->link = &b->subscribers;
	sub->next = b->subscribers;
	if (sub->next != NULL)
		sub->next->link = &sub->next;
	b->subscribers = sub;
	b->count++;
	if (is_combined && str_starts(str_slice(target, combined.n, target.n), STR("?streams=")))
		rest = str_slice(target, combined.n + 9, target.n);
	else if (!is_combined && target.n > raw.n && target.p[raw.n] == '/')
		rest = str_slice(target, raw.n + 1, target.n);
	while (str_split(&rest, '/', &part))
		subscribe(sub, part);
	*arg = sub;
	return &events;
}

void binance_spot_half_open(struct binance_spot *b)
{
	for (struct subscriber *sub = b->subscribers; sub != NULL; sub = sub->next) {
		sub->dead_air = true;
		ws_pause_reading(sub->ws, true);
	}
}

/* ---- REST ---------------------------------------------------------------------------------------------------------- */

static void refuse(struct http_response *res, int status, int code, const char *message)
{
	struct json_writer w;

	res->status = status;
	strbuf_reset(&res->body);
	jw_init(&w, &res->body);
	jw_obj(&w);
	jw_key(&w, "code");
	jw_int(&w, code);
	jw_key(&w, "msg");
	jw_cstr(&w, message);
	jw_end(&w);
}

/* Injected failures of REST; true: the answer is made. */
static bool faulted(struct binance_spot *b, struct http_response *res)
{
	static const struct {
		enum fault_kind kind;
		int status, code;
		const char *message;
	} rows[] = { { FAULT_HTTP_418, 418, -1003, "Way too much request weight used; IP banned." },
		     { FAULT_HTTP_429, 429, -1003, "Too much request weight used." },
		     { FAULT_HTTP_500, 500, -1000, "An unknown error occurred while processing the request." } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char seconds[24];

		if (!fault_fires(b->s.faults, rows[i].kind))
			continue;
		refuse(res, rows[i].status, rows[i].code, rows[i].message);
		snprintf(seconds, sizeof(seconds), "%lld", (long long)b->s.faults->kinds[rows[i].kind].retry_after_s);
		if (rows[i].status != 500)
			http_set_header(res, "Retry-After", str_from(seconds));
		return true;
	}
	http_set_header(res, "X-MBX-USED-WEIGHT-1M", STR("2"));
	return false;
}

void binance_spot_ping(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;

	if (!faulted(app->binance, res))
		strbuf_addc(&res->body, "{}");
}

void binance_spot_time(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;

	if (!faulted(app->binance, res))
		strbuf_addf(&res->body, "{\"serverTime\":%lld}", (long long)market_now(&app->market).ms);
}

static void write_symbol(struct json_writer *w, const struct market_symbol *s)
{
	jw_obj(w);
	jw_key(w, "symbol");
	jw_cstr(w, s->name);
	jw_key(w, "status");
	jw_cstr(w, "TRADING");
	jw_key(w, "baseAsset");
	jw_cstr(w, s->base);
	jw_key(w, "baseAssetPrecision");
	jw_int(w, 8);
	jw_key(w, "quoteAsset");
	jw_cstr(w, s->quote);
	jw_key(w, "quotePrecision");
	jw_int(w, 8);
	jw_key(w, "isSpotTradingAllowed");
	jw_bool(w, true);
	jw_key(w, "filters");
	jw_raw(w, STR("[{\"filterType\":\"PRICE_FILTER\",\"minPrice\":\"0.01000000\",\"maxPrice\":\"1000000.00000000\","
		      "\"tickSize\":\"0.01000000\"},{\"filterType\":\"LOT_SIZE\",\"minQty\":\"0.00001000\","
		      "\"maxQty\":\"9000.00000000\",\"stepSize\":\"0.00001000\"},{\"filterType\":\"NOTIONAL\","
		      "\"minNotional\":\"5.00000000\",\"applyMinToMarket\":true}]"));
	jw_end(w);
}

void binance_spot_exchange_info(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;
	const struct market_symbol *only = NULL;
	struct json_writer w;
	struct str name;

	if (faulted(app->binance, res))
		return;
	if (http_query(req, "symbol", &name) && (only = market_symbol(&app->market, name)) == NULL) {
		refuse(res, 400, -1121, "Invalid symbol.");
		return;
	}
	jw_init(&w, &res->body);
	jw_obj(&w);
	jw_key(&w, "timezone");
	jw_cstr(&w, "UTC");
	jw_key(&w, "serverTime");
	jw_int(&w, market_now(&app->market).ms);
	jw_key(&w, "rateLimits");
	jw_raw(&w,
	       STR("[{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":6000}]"));
	jw_key(&w, "exchangeFilters");
	jw_raw(&w, STR("[]"));
	jw_key(&w, "symbols");
	jw_arr(&w);
	for (size_t i = 0; i < app->market.symbol_count; i++)
		if (only == NULL || only == &app->market.symbols[i])
			write_symbol(&w, &app->market.symbols[i]);
	jw_end(&w);
	jw_end(&w);
}

static bool int_parameter(struct http_request *req, struct http_response *res, const char *name, int64_t *out)
{
	struct str text;

	if (!http_query(req, name, &text))
		return true;
	if (str_to_i64(text, out) && *out >= 0)
		return true;
	refuse(res, 400, -1100, "Illegal characters found in a parameter.");
	return false;
}

static void add_kline(struct strbuf *sb, utc_t t, const struct simulated_candle *c)
{
	strbuf_addf(sb,
		    "%s[%lld,\"%.8f\",\"%.8f\",\"%.8f\",\"%.8f\",\"%.8f\",%lld,\"%.8f\",%lld,\"%.8f\",\"%.8f\",\"0\"]",
		    sb->n > 1 ? "," : "", (long long)t.ms, c->open, c->high, c->low, c->close, c->volume,
		    (long long)(t.ms + UTC_MINUTE_MS - 1), c->quote_volume, (long long)c->trades, c->taker_base,
		    c->taker_quote);
}

/* The oldest `limit` rows of [start, end]; without a start the newest. The last one may be the bar being formed. */
static void write_klines(const struct sim_market *m, const struct market_symbol *s, utc_t from, utc_t to, int64_t limit,
			 struct strbuf *out)
{
	utc_t now = market_now(m);

	strbuf_addch(out, '[');
	for (utc_t t = from; t.ms <= to.ms && t.ms <= now.ms && limit > 0; t.ms += UTC_MINUTE_MS) {
		struct simulated_candle c;

		if (!market_candle(m, s, t, &c))
			continue;
		if (t.ms + UTC_MINUTE_MS > now.ms) /* still open: no look into the future */
			c = (struct simulated_candle){ .open = c.open, .high = c.open, .low = c.open, .close = c.open };
		add_kline(out, t, &c);
		limit--;
	}
	strbuf_addch(out, ']');
}

void binance_spot_klines(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;
	const struct market_symbol *s;
	int64_t limit = 500, start = -1, end = -1;
	utc_t now = market_now(&app->market), from, to;
	struct str symbol, interval;

	if (faulted(app->binance, res))
		return;
	if (!http_query(req, "symbol", &symbol) || !http_query(req, "interval", &interval)) {
		refuse(res, 400, -1102, "Mandatory parameter was not sent, was empty/null, or malformed.");
		return;
	}
	s = market_symbol(&app->market, symbol);
	if (s == NULL) {
		refuse(res, 400, -1121, "Invalid symbol.");
		return;
	}
	if (!str_eq(interval, STR("1m"))) {
		refuse(res, 400, -1120, "Invalid interval.");
		return;
	}
	if (!int_parameter(req, res, "limit", &limit) || !int_parameter(req, res, "startTime", &start) ||
	    !int_parameter(req, res, "endTime", &end))
		return;
	limit = MIN_OF(MAX_OF(limit, (int64_t)1), (int64_t)1000);
	to = end >= 0 ? utc_from_ms(MIN_OF(end, now.ms)) : now;
	from = start >= 0 ? utc_from_ms(start + UTC_MINUTE_MS - 1) : utc_from_ms(to.ms - (limit - 1) * UTC_MINUTE_MS);
	from = utc_floor(from, UTC_MINUTE_MS);
	if (from.ms < app->market.first.ms)
		from = app->market.first;
	write_klines(&app->market, s, from, to, limit, &res->body);
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

struct binance_spot *binance_spot_new(const struct binance_settings *settings, struct error *err)
{
	struct binance_spot *b = calloc(1, sizeof(*b));

	if (b == NULL || (b->pump = event_new(settings->loop, -1, 0, on_pump, b)) == NULL) {
		free(b);
		error_set(err, ERR_UNAVAILABLE, "no memory for the exchange");
		return NULL;
	}
	b->s = *settings;
	b->minute = utc_floor(market_now(settings->market), UTC_MINUTE_MS);
	binance_spot_reschedule(b);
	return b;
}

void binance_spot_free(struct binance_spot *b)
{
	if (b == NULL)
		return;
	event_free(b->pump);
	free(b);
}

int64_t binance_spot_frames_sent(const struct binance_spot *b) { return b->frames_sent; }

size_t binance_spot_connections(const struct binance_spot *b) { return b->count; }
