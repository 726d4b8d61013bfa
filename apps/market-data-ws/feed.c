#include "feed.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/binance/spot.h"
#include "base/random.h"
#include "domain/market/backoff.h"
#include "domain/market/gap_tracker.h"
#include "domain/market/reconnect_plan.h"

/* The closing frame of a minute comes within a second; later it is lost. */
#define OVERDUE_MS	   5000
#define BAD_BAR_REFETCH_MS 5000
#define LOOKUP_RETRY_MS	   1000

struct track {
	struct feed *feed;
	struct instrument instrument;
	char key[INSTRUMENT_KEY_MAX];
	struct gap_tracker gaps;
};

struct feed {
	struct feed_settings s;
	struct track *tracks; /* sorted by symbol */
	size_t count;
	struct ws *ws;
	struct backoff backoff;
	struct event *connect_timer, *plan_timer, *quiet_timer;
	struct rng rng;
	utc_t now_floor; /* of the plan under way */
	int64_t epoch;	 /* counts connections: answers of an older one are stale */
	bool connected, once, useful, scanned, draining, planning;
	mono_t last_frame;
	bool bad_logged;
};

static void plan(struct feed *f);

static void arm(struct event *timer, int64_t ms)
{
	event_add(timer, &(struct timeval){ (time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000 });
}

static int by_symbol(const void *a, const void *b)
{
	return strcmp(((const struct track *)a)->instrument.symbol, ((const struct track *)b)->instrument.symbol);
}

static struct track *find(struct feed *f, const char *symbol)
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(f->tracks[mid].instrument.symbol, symbol);

		if (c == 0)
			return &f->tracks[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static void fill(struct track *t, const struct fill_range *range, int64_t delay_ms)
{
	fill_queue_add(t->feed->s.fills, &t->instrument, range, delay_ms);
}

/* ---- frames -------------------------------------------------------------------------------------------------------- */

static void on_closed_bar(struct feed *f, struct track *t, struct binance_frame *frame)
{
	struct candle *c = &frame->candle;
	struct fill_range hole;

	c->instrument = t->instrument;
	memcpy(c->instrument_key, t->key, sizeof(c->instrument_key));
	c->source = CANDLE_SOURCE_WS;
	c->ingested_at = utc_now();
	c->ingest_id = f->s.ingest_id;
	store_submit(f->s.store, c, 1);
	publisher_offer(f->s.publisher, c);
	switch (gap_tracker_closed(&t->gaps, c->ts_open, &hole)) {
	case GAP_DUPLICATE:
		metric_inc(f->s.metrics->duplicates);
		break;
	case GAP_OUT_OF_ORDER:
		metric_inc(f->s.metrics->out_of_order);
		break;
	case GAP_HOLE:
		fill(t, &hole, 0);
		break;
	case GAP_FIRST:
	case GAP_NEXT:
		break;
	}
	if (!f->useful) {
		f->useful = true;
		backoff_reset(&f->backoff);
	}
}

static void on_bad_bar(struct feed *f, struct track *t, const struct binance_frame *frame, const struct error *err)
{
	struct fill_range range = { frame->minute, utc_from_ms(frame->minute.ms + UTC_MINUTE_MS), FILL_GAP };

	metric_inc(f->s.metrics->ws_errors);
	if (!f->bad_logged)
		log_error(&f->s.log, "bad_bar", LOG_CSTR("instrument_key", t->key), LOG_UTC("minute", frame->minute),
			  LOG_CSTR("msg", err->message));
	f->bad_logged = true;
	fill(t, &range, BAD_BAR_REFETCH_MS);
}

static void check_overdue(struct feed *f, utc_t exchange_now)
{
	struct fill_range hole;

	for (size_t i = 0; i < f->count; i++)
		if (gap_tracker_overdue(&f->tracks[i].gaps, exchange_now, OVERDUE_MS, &hole))
			fill(&f->tracks[i], &hole, 0);
}

static void on_message(struct ws *ws, struct str text, bool binary, void *arg)
{
	struct feed *f = arg;
	struct binance_frame frame;
	struct error err = ERROR_INIT;
	enum binance_frame_kind kind = binary ? BINANCE_FRAME_OTHER : binance_parse_frame(text, &frame, &err);
	struct fill_range hole;
	struct track *t;

	(void)ws;
	metric_inc(f->s.metrics->ws_messages);
	f->last_frame = mono_now();
	if (kind == BINANCE_FRAME_FORMING)
		metric_inc(f->s.metrics->ignored_non_closed);
	if (kind == BINANCE_FRAME_OTHER || (t = find(f, frame.symbol)) == NULL)
		return;
	if (!utc_is_none(frame.event_time))
		f->s.on_exchange_time(frame.event_time, f->s.arg);
	if (kind == BINANCE_FRAME_CLOSED)
		on_closed_bar(f, t, &frame);
	else if (kind == BINANCE_FRAME_BAD)
		on_bad_bar(f, t, &frame, &err);
	else if (gap_tracker_forming(&t->gaps, frame.minute, &hole))
		fill(t, &hole, 0);
	if (!utc_is_none(frame.event_time))
		check_overdue(f, frame.event_time);
}

/* ---- what went by -------------------------------------------------------------------------------------------------- */

struct plan_step {
	struct track *track;
	int64_t epoch;
	utc_t now_floor;
	bool scan;
};

static void on_stored(const struct store_query *q, const struct store_answer *a, void *arg)
{
	struct plan_step *step = arg;
	struct track *t = step->track;
	struct feed *f = t->feed;
	struct fill_range range;

	(void)q;
	if (step->epoch == f->epoch && !a->ok) {
		arm(f->plan_timer, LOOKUP_RETRY_MS); /* the store is down: ask again, all of it */
	} else if (step->epoch == f->epoch) {
		const struct reconnect_state state = { .any = a->bounds.any,
						       .last = a->bounds.last,
						       .earliest = f->s.market->earliest,
						       .now_floor = step->now_floor,
						       .bootstrap_max_minutes = f->s.bootstrap_max_minutes };

		if (reconnect_plan(&state, &range))
			fill(t, &range, 0);
		for (size_t i = 0; step->scan && i < a->gap_count; i++)
			fill(t, &(struct fill_range){ a->gaps[i].from, a->gaps[i].to, FILL_GAP }, 0);
		if (gap_tracker_planned(&t->gaps, step->now_floor, &range))
			fill(t, &range, 0);
	}
	free(step);
}

static void on_time(bool ok, utc_t now, void *arg)
{
	struct feed *f = arg;
	utc_t now_floor;

	f->planning = false;
	if (f->draining || !f->connected)
		return;
	if (!ok) {
		arm(f->plan_timer, LOOKUP_RETRY_MS);
		return;
	}
	f->s.on_exchange_time(now, f->s.arg);
	now_floor = utc_floor(now, UTC_MINUTE_MS);
	for (size_t i = 0; i < f->count; i++) {
		struct plan_step *step = malloc(sizeof(*step));
		struct store_query q = { .instrument = f->tracks[i].instrument,
					 .before = now_floor,
					 .scan_minutes = f->scanned ? 0 : f->s.gap_scan_minutes,
					 .arg = step };

		if (step == NULL)
			return;
		*step = (struct plan_step){ &f->tracks[i], f->epoch, now_floor, !f->scanned };
		store_ask(f->s.store, &q, on_stored);
	}
	f->scanned = true;
}

static void plan(struct feed *f)
{
	if (f->planning || f->draining || !f->connected)
		return;
	f->planning = fill_queue_ask_time(f->s.fills, on_time, f);
	if (!f->planning)
		arm(f->plan_timer, LOOKUP_RETRY_MS);
}

static void on_plan_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	plan(arg);
}

/* ---- the connection ------------------------------------------------------------------------------------------------ */

static int64_t quiet_limit_ms(const struct feed *f)
{
	return (int64_t)((2 * f->s.market->ping_interval_s + f->s.market->pong_timeout_s) * 1000);
}

static void on_open(struct ws *ws, void *arg)
{
	struct feed *f = arg;

	(void)ws;
	f->connected = true;
	f->useful = false;
	f->bad_logged = false;
	f->epoch++;
	f->last_frame = mono_now();
	metric_add(f->s.metrics->ws_connected, 1);
	if (f->once)
		metric_inc(f->s.metrics->ws_reconnects);
	f->once = true;
	for (size_t i = 0; i < f->count; i++)
		gap_tracker_connected(&f->tracks[i].gaps);
	log_info(&f->s.log, "connected", LOG_CSTR("market", f->s.market->market_code),
		 LOG_INT("instruments", f->count));
	arm(f->quiet_timer, quiet_limit_ms(f));
	plan(f);
}

static void on_close(struct ws *ws, enum ws_close_reason reason, int code, const struct error *err, void *arg)
{
	struct feed *f = arg;

	(void)ws;
	f->ws = NULL;
	event_del(f->quiet_timer);
	if (f->connected)
		metric_add(f->s.metrics->ws_connected, -1);
	f->connected = false;
	if (f->draining)
		return;
	if (reason != WS_CLOSED_BY_PEER || code != 1000) {
		metric_inc(f->s.metrics->ws_errors);
		log_warn(&f->s.log, "disconnected", LOG_CSTR("market", f->s.market->market_code), LOG_INT("code", code),
			 LOG_CSTR("msg", err->message), LOG_CSTR("detail", err->detail));
	}
	arm(f->connect_timer, (int64_t)(backoff_next(&f->backoff, rng_unit(&f->rng)) * 1000));
}

static void on_connect_timer(evutil_socket_t fd, short what, void *arg)
{
	static const struct ws_events events = { on_open, on_message, on_close };
	struct feed *f = arg;
	const struct market_config *m = f->s.market;
	const struct ws_options options = { .ping_interval_ms = (int)(m->ping_interval_s * 1000),
					    .pong_timeout_ms = (int)(m->pong_timeout_s * 1000),
					    .ca_file = m->ca_file[0] != '\0' ? m->ca_file : NULL };
	struct strbuf url = STRBUF_INIT(8192);
	struct instrument *instruments = malloc(f->count * sizeof(*instruments));
	struct error err = ERROR_INIT;

	(void)fd;
	(void)what;
	for (size_t i = 0; instruments != NULL && i < f->count; i++)
		instruments[i] = f->tracks[i].instrument;
	if (instruments != NULL)
		binance_stream_url(&url, m->ws_url, instruments, f->count);
	if (instruments != NULL && strbuf_error(&url, &err) == 0)
		f->ws = ws_connect(f->s.loop, strbuf_cstr(&url), &options, &events, f, &err);
	if (f->ws == NULL) {
		metric_inc(f->s.metrics->ws_errors);
		log_err(LOG_LEVEL_ERROR, &f->s.log, "connect_failed", &err);
		arm(f->connect_timer, (int64_t)(backoff_next(&f->backoff, rng_unit(&f->rng)) * 1000));
	}
	free(instruments);
	strbuf_release(&url);
}

/* A socket that answers pings and brings no data is as dead as any other. */
static void on_quiet_timer(evutil_socket_t fd, short what, void *arg)
{
	struct feed *f = arg;
	int64_t left = quiet_limit_ms(f) - mono_elapsed_us(f->last_frame, mono_now()) / 1000;

	(void)fd;
	(void)what;
	if (f->ws == NULL)
		return;
	if (left > 0) {
		arm(f->quiet_timer, left + 1);
		return;
	}
	log_warn(&f->s.log, "stale_connection", LOG_CSTR("market", f->s.market->market_code));
	ws_abort(f->ws);
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

struct feed *feed_start(const struct feed_settings *s, struct error *err)
{
	struct feed *f = calloc(1, sizeof(*f));

	if (f == NULL || (f->tracks = calloc(s->count, sizeof(*f->tracks))) == NULL) {
		free(f);
		error_set(err, ERR_UNAVAILABLE, "no memory for a connection");
		return NULL;
	}
	f->s = *s;
	f->count = s->count;
	for (size_t i = 0; i < s->count; i++) {
		f->tracks[i].feed = f;
		f->tracks[i].instrument = s->instruments[i];
		instrument_key(&s->instruments[i], f->tracks[i].key, NULL);
	}
	qsort(f->tracks, f->count, sizeof(*f->tracks), by_symbol);
	rng_seed(&f->rng, (uint64_t)mono_now().us ^ (uintptr_t)f);
	backoff_init(&f->backoff, s->market->reconnect_min_s, s->market->reconnect_max_s, s->market->reconnect_factor,
		     s->market->reconnect_jitter_s);
	f->connect_timer = event_new(s->loop, -1, 0, on_connect_timer, f);
	f->plan_timer = event_new(s->loop, -1, 0, on_plan_timer, f);
	f->quiet_timer = event_new(s->loop, -1, 0, on_quiet_timer, f);
	if (f->connect_timer == NULL || f->plan_timer == NULL || f->quiet_timer == NULL) {
		feed_free(f);
		error_set(err, ERR_UNAVAILABLE, "no memory for a connection");
		return NULL;
	}
	arm(f->connect_timer, s->start_delay_ms);
	return f;
}

void feed_drain(struct feed *f)
{
	f->draining = true;
	event_del(f->connect_timer);
	event_del(f->plan_timer);
	if (f->ws != NULL)
		ws_close(f->ws, 1000, "");
}

bool feed_drained(const struct feed *f) { return f->ws == NULL; }

bool feed_connected(const struct feed *f) { return f->connected; }

bool feed_refetch(struct feed *f, const struct instrument *i, utc_t minute)
{
	struct track *t = i->market_id == f->s.market->market_id ? find(f, i->symbol) : NULL;

	if (t != NULL)
		fill(t, &(struct fill_range){ minute, utc_from_ms(minute.ms + UTC_MINUTE_MS), FILL_GAP },
		     BAD_BAR_REFETCH_MS);
	return t != NULL;
}

void feed_free(struct feed *f)
{
	if (f == NULL)
		return;
	for (struct event **e = (struct event *[]){ f->connect_timer, f->plan_timer, f->quiet_timer, NULL }; *e != NULL;
	     e++)
		event_free(*e);
	free(f->tracks);
	free(f);
}
