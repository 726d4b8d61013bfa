#include "control.h"

#include "app.h"
#include "base/number.h"

#define TRUTH_MINUTES_MAX (60 * 24 * 62)

static cJSON *body_of(struct http_request *req, struct http_response *res)
{
	struct error err = ERROR_INIT;
	cJSON *json = json_parse(req->body, NULL, NULL, &err);

	if (json == NULL)
		http_error_from(res, &err);
	return json;
}

void control_status(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;
	char clock[UTC_TEXT_MAX];
	struct json_writer w;

	jw_init(&w, &res->body);
	jw_obj(&w);
	jw_key(&w, "clock_ms");
	jw_int(&w, market_now(&app->market).ms);
	jw_key(&w, "clock");
	jw_cstr(&w, utc_format_ms(market_now(&app->market), clock));
	jw_key(&w, "speed");
	if (app->market.speed > 0)
		jw_double(&w, app->market.speed);
	else
		jw_cstr(&w, "max");
	jw_key(&w, "paused");
	jw_bool(&w, app->market.paused);
	jw_key(&w, "finished");
	jw_bool(&w, market_finished(&app->market));
	jw_key(&w, "frames_sent");
	jw_int(&w, binance_spot_frames_sent(app->binance));
	jw_key(&w, "connections");
	jw_int(&w, (int64_t)binance_spot_connections(app->binance));
	jw_key(&w, "faults");
	faults_write(&app->faults, &w);
	jw_key(&w, "telegram_faults");
	telegram_lock(app->telegram);
	faults_write(telegram_faults(app->telegram), &w);
	telegram_unlock(app->telegram);
	jw_end(&w);
}

/* {"speed":600} or {"speed":"max"} and/or {"pause":true} */
void control_clock(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;
	cJSON *json = body_of(req, res);
	const cJSON *speed = json_get(json, "speed"), *pause = json_get(json, "pause");
	double v = 0;

	if (json == NULL)
		return;
	if ((speed != NULL && !str_eq(json_get_str(speed), STR("max")) && !(json_get_double(speed, &v) && v > 0)) ||
	    (pause != NULL && !cJSON_IsBool(pause)) || (speed == NULL && pause == NULL)) {
		http_error(res, 422, "validation_error",
			   "expected speed (a number above 0 or \"max\") or pause (true or false)");
	} else {
		if (speed != NULL)
			market_set_speed(&app->market, v);
		if (pause != NULL)
			market_pause(&app->market, cJSON_IsTrue(pause));
		binance_spot_reschedule(app->binance);
		control_status(req, res);
	}
	json_free(json);
}

void control_faults_set(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;
	cJSON *json = body_of(req, res);
	struct error err = ERROR_INIT;
	struct faults one = { 0 };
	enum fault_kind kind;

	if (json == NULL)
		return;
	if (faults_set(&one, json, &kind, &err) != 0) {
		http_error_from(res, &err);
	} else if (kind == FAULT_HALF_OPEN) {
		binance_spot_half_open(app->binance); /* acts on what is open now */
		control_status(req, res);
	} else {
		if (kind >= FAULT_TELEGRAM_429) {
			telegram_lock(app->telegram);
			telegram_faults(app->telegram)->kinds[kind] = one.kinds[kind];
			telegram_unlock(app->telegram);
		} else {
			app->faults.kinds[kind] = one.kinds[kind];
		}
		control_status(req, res);
	}
	json_free(json);
}

void control_faults_clear(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;

	faults_clear(&app->faults);
	telegram_lock(app->telegram);
	faults_clear(telegram_faults(app->telegram));
	telegram_unlock(app->telegram);
	res->status = 204;
}

static bool instant(struct http_request *req, const char *name, utc_t *out)
{
	struct str text;

	return http_query(req, name, &text) && (str_to_i64(text, &out->ms) || utc_parse(text, out));
}

/* What each minute of [from, to) was, or will be: CSV as recorded files have it. */
void control_candles(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;
	const struct market_symbol *s = NULL;
	utc_t from, to;
	struct str symbol;

	if (http_query(req, "symbol", &symbol))
		s = market_symbol(&app->market, symbol);
	if (s == NULL || !instant(req, "from", &from) || !instant(req, "to", &to) ||
	    to.ms - from.ms > (int64_t)TRUTH_MINUTES_MAX * UTC_MINUTE_MS) {
		http_error(res, 422, "validation_error",
			   "expected symbol, from and to (ms or ISO 8601), at most 62 days");
		return;
	}
	res->content_type = "text/csv";
	strbuf_addc(&res->body, "open_time_ms,open,high,low,close,volume\n");
	for (utc_t t = utc_floor(from, UTC_MINUTE_MS); t.ms < to.ms; t.ms += UTC_MINUTE_MS) {
		struct simulated_candle c;
		char n[5][NUMBER_TEXT_MAX];

		if (t.ms >= from.ms && market_candle(&app->market, s, t, &c))
			strbuf_addf(&res->body, "%lld,%s,%s,%s,%s,%s\n", (long long)t.ms, number_format(c.open, n[0]),
				    number_format(c.high, n[1]), number_format(c.low, n[2]),
				    number_format(c.close, n[3]), number_format(c.volume, n[4]));
	}
}

void control_telegram_sent(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;

	telegram_write_sent(app->telegram, &res->body);
}

void control_telegram_clear(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;

	telegram_clear_sent(app->telegram);
	res->status = 204;
}

void control_telegram_update(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;
	cJSON *json = body_of(req, res);
	struct error err = ERROR_INIT;

	if (json == NULL)
		return;
	if (telegram_inject(app->telegram, json, &err) != 0)
		http_error_from(res, &err);
	else
		strbuf_addc(&res->body, "{\"status\":\"queued\"}");
	json_free(json);
}
