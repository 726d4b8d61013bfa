#include "fill_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/binance/spot.h"
#include "base/random.h"
#include "domain/market/backoff.h"
#include "domain/market/weight_limiter.h"

#define REQUEUE_MAX	3
#define REQUEUE_BASE_MS 30000
/* A minute counts as never traded when the exchange answers around it this long after its close. */
#define CONFIRM_AFTER_MS (2 * UTC_MINUTE_MS)

struct task {
	struct task *next;
	struct fill_queue *q;
	struct instrument instrument;
	struct fill_range range;
	utc_t cursor;
	int attempt, requeued;
	mono_t not_before, started;
	bool running;
	struct event *timer; /* the next page, a retry, or the budget */
};

struct fill_queue {
	struct fill_settings s;
	struct task *tasks; /* in order of urgency: gaps before bootstraps */
	struct weight_limiter limiter;
	struct event *pump;
	struct rng rng;
	int active;
};

struct time_call {
	struct fill_queue *q;
	fill_time_done done;
	void *arg;
};

static void send_page(struct task *t);

static void arm(struct event *timer, int64_t ms)
{
	event_add(timer, &(struct timeval){ (time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000 });
}

static void unlink_task(struct fill_queue *q, struct task *t)
{
	struct task **at = &q->tasks;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
}

static void task_free(struct task *t)
{
	event_free(t->timer);
	free(t);
}

static void task_end(struct task *t, bool ok)
{
	struct fill_queue *q = t->q;

	q->active--;
	metric_set(q->s.metrics->fill_active, q->active);
	metric_observe(q->s.metrics->fill_seconds, (double)mono_elapsed_us(t->started, mono_now()) / 1e6);
	t->running = false;
	arm(q->pump, 0);
	if (!ok && t->requeued < REQUEUE_MAX) {
		t->not_before = mono_after_ms(mono_now(), (int64_t)REQUEUE_BASE_MS << t->requeued);
		t->requeued++;
		t->attempt = 0;
		return;
	}
	unlink_task(q, t);
	task_free(t);
}

static void fail_task(struct task *t, const struct error *err)
{
	metric_inc(t->q->s.metrics->fill_errors);
	log_error(&t->q->s.log, "rest_fill_failed", LOG_CSTR("symbol", t->instrument.symbol),
		  LOG_CSTR("reason", fill_reason_text(t->range.reason)), LOG_UTC("from", t->cursor),
		  LOG_UTC("to", t->range.to), LOG_CSTR("msg", err->message), LOG_CSTR("detail", err->detail));
	task_end(t, false);
}

/* ---- a page -------------------------------------------------------------------------------------------------------- */

/* The asked-for minutes without a row, when the exchange had time enough to have them. */
static void confirm_holes(struct task *t, utc_t from, utc_t to, const struct candle *rows, size_t n, utc_t now)
{
	utc_t expected = from;

	to.ms = MIN_OF(to.ms, now.ms - CONFIRM_AFTER_MS);
	to = utc_floor(to, UTC_MINUTE_MS);
	for (size_t i = 0; i <= n; i++) {
		utc_t next = i < n ? rows[i].ts_open : to;

		if (next.ms > to.ms)
			next = to;
		if (next.ms > expected.ms) {
			struct minute_range hole = { expected, next };

			store_confirm_gap(t->q->s.store, &t->instrument, hole);
			metric_add(t->q->s.metrics->gaps_confirmed, (double)utc_minutes_between(expected, next));
		}
		if (i < n)
			expected.ms = rows[i].ts_open.ms + UTC_MINUTE_MS;
	}
}

/* Completes the rows and drops what is not closed by the exchange's clock. */
static size_t finish_rows(struct task *t, struct candle *rows, size_t n, utc_t exchange_now)
{
	utc_t now = utc_now();
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct candle *c = &rows[i];

		if (c->ts_open.ms + UTC_MINUTE_MS > exchange_now.ms)
			continue;
		c->instrument = t->instrument;
		instrument_key(&t->instrument, c->instrument_key, NULL);
		c->source = CANDLE_SOURCE_REST;
		c->ingested_at = now;
		c->ingest_id = t->q->s.ingest_id;
		rows[kept++] = *c;
	}
	return kept;
}

static int take_page(struct task *t, struct str body, struct error *err)
{
	utc_t to = utc_from_ms(MIN_OF(t->range.to.ms, t->cursor.ms + BINANCE_PAGE_MINUTES * UTC_MINUTE_MS));
	utc_t now = t->q->s.exchange_now(t->q->s.arg);
	struct candle *rows = malloc(BINANCE_PAGE_MINUTES * sizeof(*rows));
	size_t n = 0;
	int rc = -1;

	if (rows == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory for a page");
	rc = binance_parse_klines(body, t->cursor, to, rows, BINANCE_PAGE_MINUTES, &n, err);
	if (rc == 0) {
		n = finish_rows(t, rows, n, now);
		store_submit(t->q->s.store, rows, n);
		confirm_holes(t, t->cursor, to, rows, n, now);
		t->cursor = to;
		t->attempt = 0;
	}
	free(rows);
	return rc;
}

static void count_rest_error(struct task *t, int status)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", status);
	metric_add_with(t->q->s.metrics->rest_errors,
			(const char *const[]){ t->q->s.market->exchange, t->q->s.market->market_type,
					       status != 0 ? text : "network" },
			1);
}

static void retry_page(struct task *t, const struct http_result *r, const struct error *err)
{
	const struct market_config *m = t->q->s.market;
	double wait_s;

	if (t->attempt >= m->rest_retries) {
		fail_task(t, err);
		return;
	}
	wait_s = retry_wait_s(t->attempt++, m->backoff_base_s, m->backoff_max_s, m->backoff_jitter_s,
			      rng_unit(&t->q->rng), r->retry_after_s);
	metric_add_with(t->q->s.metrics->rest_retries, (const char *const[]){ m->exchange, m->market_type }, 1);
	arm(t->timer, (int64_t)(wait_s * 1000));
}

static void on_page(struct http_result *r, void *arg)
{
	struct task *t = arg;
	struct fill_queue *q = t->q;
	struct error err = r->error;
	utc_t now = utc_now();

	weight_limiter_end(&q->limiter, BINANCE_KLINES_WEIGHT, r->used_weight, now);
	if (r->status == 200) {
		if (take_page(t, strbuf_str(&r->body), &err) != 0)
			fail_task(t, &err);
		else if (t->cursor.ms >= t->range.to.ms)
			task_end(t, true);
		else
			send_page(t);
		return;
	}
	count_rest_error(t, r->status);
	if (r->status == 429 || r->status == 418) {
		int64_t pause_s = r->retry_after_s >= 0 ? r->retry_after_s : r->status == 418 ? 120 : 1;

		weight_limiter_close(&q->limiter, utc_from_ms(now.ms + pause_s * 1000));
	}
	if (r->status != 0) {
		error_set(&err, ERR_UNAVAILABLE, "binance klines: HTTP %d", r->status);
		error_detail(&err, "%.200s", strbuf_cstr(&r->body));
	}
	if (r->status == 0 || r->status == 429 || r->status == 418 || r->status >= 500)
		retry_page(t, r, &err);
	else
		fail_task(t, &err);
}

/* false: not yet; the timer brings us back. */
static bool budget(struct fill_queue *q, struct event *timer, int64_t cost)
{
	int64_t wait = weight_limiter_wait_ms(&q->limiter, cost, utc_now());

	if (wait <= 0)
		return true;
	metric_add_with(q->s.metrics->rest_sleeps,
			(const char *const[]){ q->s.market->exchange, q->s.market->market_type }, 1);
	arm(timer, wait);
	return false;
}

static void send_page(struct task *t)
{
	struct fill_queue *q = t->q;
	const struct market_config *m = q->s.market;
	utc_t to = utc_from_ms(MIN_OF(t->range.to.ms, t->cursor.ms + BINANCE_PAGE_MINUTES * UTC_MINUTE_MS));
	struct strbuf url = STRBUF_INIT(2048);
	struct error err = ERROR_INIT;

	if (!budget(q, t->timer, BINANCE_KLINES_WEIGHT))
		return;
	binance_klines_url(&url, m->rest_url, &t->instrument, t->cursor, to);
	const struct http_call call = { .label = "binance klines",
					.url = strbuf_cstr(&url),
					.timeout_ms = (int)(m->rest_timeout_s * 1000),
					.connect_timeout_ms = (int)(m->rest_timeout_s * 1000),
					.body_max = 4 << 20,
					.ca_file = m->ca_file[0] != '\0' ? m->ca_file : NULL };

	weight_limiter_begin(&q->limiter, BINANCE_KLINES_WEIGHT);
	if (http_loop_start(q->s.http, &call, on_page, t, &err) == NULL) {
		weight_limiter_end(&q->limiter, BINANCE_KLINES_WEIGHT, -1, utc_now());
		fail_task(t, &err);
	}
	strbuf_release(&url);
}

static void on_task_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	send_page(arg);
}

/* ---- the queue ----------------------------------------------------------------------------------------------------- */

static bool instrument_busy(const struct fill_queue *q, const struct instrument *i)
{
	for (const struct task *t = q->tasks; t != NULL; t = t->next)
		if (t->running && instrument_eq(&t->instrument, i))
			return true;
	return false;
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct fill_queue *q = arg;
	int64_t soonest = INT64_MAX;
	mono_t now = mono_now();

	(void)fd;
	(void)what;
	for (struct task *t = q->tasks, *next; t != NULL && q->active < q->s.concurrency; t = next) {
		int64_t wait = mono_elapsed_us(now, t->not_before) / 1000;

		next = t->next;
		if (t->running || instrument_busy(q, &t->instrument))
			continue;
		if (wait > 0) {
			soonest = MIN_OF(soonest, wait);
			continue;
		}
		t->running = true;
		t->started = now;
		q->active++;
		metric_set(q->s.metrics->fill_active, q->active);
		send_page(t);
	}
	if (soonest != INT64_MAX)
		arm(q->pump, soonest + 1);
}

bool fill_queue_add(struct fill_queue *q, const struct instrument *i, const struct fill_range *range, int64_t delay_ms)
{
	struct task **at = &q->tasks, *t;

	for (t = q->tasks; t != NULL; t = t->next)
		if (instrument_eq(&t->instrument, i) && t->range.from.ms == range->from.ms &&
		    t->range.to.ms == range->to.ms && t->range.reason == range->reason)
			return false;
	t = calloc(1, sizeof(*t));
	if (t == NULL || (t->timer = event_new(q->s.loop, -1, 0, on_task_timer, t)) == NULL) {
		free(t);
		return false;
	}
	t->q = q;
	t->instrument = *i;
	t->range = *range;
	t->cursor = range->from;
	t->not_before = mono_after_ms(mono_now(), delay_ms);
	/* Gaps are urgent: a run waits for them. */
	while (*at != NULL && ((*at)->range.reason != FILL_BOOTSTRAP || range->reason == FILL_BOOTSTRAP))
		at = &(*at)->next;
	t->next = *at;
	*at = t;
	metric_inc(q->s.metrics->fill_tasks);
	metric_add(q->s.metrics->gaps, (double)utc_minutes_between(range->from, range->to));
	log_info(&q->s.log, "rest_fill_queued", LOG_CSTR("symbol", i->symbol),
		 LOG_CSTR("reason", fill_reason_text(range->reason)), LOG_UTC("from", range->from),
		 LOG_UTC("to", range->to));
	arm(q->pump, 0);
	return true;
}

/* ---- the exchange's clock ------------------------------------------------------------------------------------------ */

static void on_time(struct http_result *r, void *arg)
{
	struct time_call *c = arg;
	utc_t now = UTC_NONE;
	bool ok = r->status == 200 && binance_parse_time(strbuf_str(&r->body), &now, NULL) == 0;

	weight_limiter_end(&c->q->limiter, BINANCE_TIME_WEIGHT, r->used_weight, utc_now());
	c->done(ok, now, c->arg);
	free(c);
}

bool fill_queue_ask_time(struct fill_queue *q, fill_time_done done, void *arg)
{
	const struct market_config *m = q->s.market;
	struct strbuf url = STRBUF_INIT(1024);
	struct time_call *c = calloc(1, sizeof(*c));
	bool ok;

	if (c == NULL)
		return false;
	*c = (struct time_call){ q, done, arg };
	binance_time_url(&url, m->rest_url);
	weight_limiter_begin(&q->limiter, BINANCE_TIME_WEIGHT);
	ok = http_loop_start(q->s.http,
			     &(struct http_call){ .label = "binance time",
						  .url = strbuf_cstr(&url),
						  .timeout_ms = (int)(m->rest_timeout_s * 1000),
						  .ca_file = m->ca_file[0] != '\0' ? m->ca_file : NULL },
			     on_time, c, NULL) != NULL;
	if (!ok) {
		weight_limiter_end(&q->limiter, BINANCE_TIME_WEIGHT, -1, utc_now());
		free(c);
	}
	strbuf_release(&url);
	return ok;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

struct fill_queue *fill_queue_new(const struct fill_settings *s, struct error *err)
{
	struct fill_queue *q = calloc(1, sizeof(*q));

	if (q == NULL || (q->pump = event_new(s->loop, -1, 0, on_pump, q)) == NULL) {
		free(q);
		error_set(err, ERR_UNAVAILABLE, "no memory for the fill queue");
		return NULL;
	}
	q->s = *s;
	weight_limiter_init(&q->limiter, BINANCE_WEIGHT_LIMIT, s->market->limiter_safety);
	rng_seed(&q->rng, (uint64_t)mono_now().us);
	return q;
}

void fill_queue_free(struct fill_queue *q)
{
	if (q == NULL)
		return;
	while (q->tasks != NULL) {
		struct task *t = q->tasks;

		q->tasks = t->next;
		task_free(t);
	}
	event_free(q->pump);
	free(q);
}
