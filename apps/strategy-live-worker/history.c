/* What runs read from the candle store: seeding, refilling after a restart, repair of gaps, and catching up when the
 * stream is silent. A piece (at most a day) at a time, so that no run makes the others wait. */
#include <math.h>
#include <string.h>

#include "worker.h"

#define CONFIRMED_MAX  256
#define STORE_RETRY_MS 1000
/* Pauses between failed rounds of a repair. */
#define ROUND_PAUSE_MIN_MS 500
#define ROUND_PAUSE_MAX_MS 5000

/* Minutes of [from, to) as the store has them, and which of the missing ones never were. */
struct piece {
	utc_t from, to;
	struct candles *rows;
	size_t at; /* next row */
	struct minute_range confirmed[CONFIRMED_MAX];
	size_t confirmed_count;
};

static int read_piece(struct worker *w, struct live_run *r, utc_t from, utc_t to, struct piece *p)
{
	struct candle_window window = { r->instrument, from, to };
	struct error err = ERROR_INIT;
	int rc;

	p->from = from;
	p->to = to;
	p->rows = &w->columns;
	p->at = p->confirmed_count = 0;
	candles_clear(p->rows);
	rc = w->candles->read(w->candles, &window, p->rows, &err);
	if (rc == 0 && (int64_t)p->rows->n < utc_minutes_between(from, to))
		rc = w->candles->confirmed_gaps(w->candles, &window, p->confirmed, CONFIRMED_MAX, &p->confirmed_count,
						&err);
	atomic_store(&w->candles_ok, rc == 0);
	if (rc != 0) {
		log_err(LOG_LEVEL_WARN, &w->service->log, "candle_store_failed", &err);
		r->job_at = mono_after_ms(mono_now(), STORE_RETRY_MS);
	}
	return rc;
}

static struct minute row_at(const struct piece *p, size_t i)
{
	return (struct minute){ candles_bar(p->rows, i), p->rows->volume_quote[i] };
}

static bool never_was(const struct piece *p, utc_t minute)
{
	for (size_t i = 0; i < p->confirmed_count; i++)
		if (minute.ms >= p->confirmed[i].from.ms && minute.ms < p->confirmed[i].to.ms)
			return true;
	return false;
}

enum minute_kind { MINUTE_ROW, MINUTE_NEVER_WAS, MINUTE_MISSING };

static enum minute_kind look(struct piece *p, utc_t minute, struct minute *out)
{
	while (p->at < p->rows->n && p->rows->ts_open_ms[p->at] < minute.ms)
		p->at++;
	if (p->at < p->rows->n && p->rows->ts_open_ms[p->at] == minute.ms) {
		*out = row_at(p, p->at);
		return MINUTE_ROW;
	}
	return never_was(p, minute) ? MINUTE_NEVER_WAS : MINUTE_MISSING;
}

static utc_t earlier(utc_t a, utc_t b) { return a.ms < b.ms ? a : b; }

static utc_t minutes_after(utc_t t, int64_t minutes) { return utc_from_ms(t.ms + minutes * UTC_MINUTE_MS); }

/* ---- seeding ------------------------------------------------------------------------------------------------------- */

static void begin_seed(struct live_run *r, const struct turn *t)
{
	utc_t end = utc_floor(t->now, UTC_MINUTE_MS);

	r->job = RUN_JOB_SEED;
	r->target = end;
	r->cursor = timeframe_bucket(r->timeframe, minutes_after(end, -1));
	r->cursor.ms -= (int64_t)r->progress.warmup_bars * timeframe_ms(r->timeframe);
}

/* The longest whole stretch of minutes that ends with the last row: at a hole everything starts anew. */
static void seed_piece(struct live_run *r, struct turn *t, struct piece *p)
{
	for (size_t i = 0; i < p->rows->n; i++) {
		struct minute m = row_at(p, i);

		if (utc_is_none(r->checkpoint) || m.bar.ts_open.ms != r->checkpoint.ms + UTC_MINUTE_MS)
			live_run_restart_at(r, m.bar.ts_open);
		live_run_seed(r, t, &m);
	}
}

static void run_seed(struct worker *w, struct live_run *r, struct turn *t)
{
	utc_t to = earlier(minutes_after(r->cursor, REPAIR_CHUNK_MINUTES), r->target);
	struct piece p;

	if (read_piece(w, r, r->cursor, to, &p) != 0)
		return;
	seed_piece(r, t, &p);
	r->cursor = to;
	if (to.ms < r->target.ms)
		return;
	r->job = RUN_JOB_NONE;
	live_run_change_state(r, t, RUN_WARMING_UP);
	live_run_release_held(r, t);
}

/* ---- refilling ----------------------------------------------------------------------------------------------------- */

static void run_refill(struct worker *w, struct live_run *r, struct turn *t)
{
	utc_t to = earlier(minutes_after(r->cursor, REPAIR_CHUNK_MINUTES), r->target);
	struct piece p;

	if (read_piece(w, r, r->cursor, to, &p) != 0)
		return;
	for (; r->cursor.ms < to.ms; r->cursor.ms += UTC_MINUTE_MS) {
		struct minute m;
		enum minute_kind kind = look(&p, r->cursor, &m);

		if (kind == MINUTE_MISSING) { /* it came by stream and is on its way into the store */
			r->job_at = mono_after_ms(t->mono, STORE_RETRY_MS);
			return;
		}
		if (kind == MINUTE_ROW)
			live_run_apply(r, t, &m, true);
		else
			live_run_skip(r, t, r->cursor, true);
	}
	if (r->cursor.ms < r->target.ms)
		return;
	r->job = RUN_JOB_NONE;
	live_run_release_held(r, t);
}

/* ---- repair -------------------------------------------------------------------------------------------------------- */

/* Is every minute of the piece there, or known to have never been? */
static bool is_whole(struct piece *p)
{
	struct minute m;

	for (utc_t at = p->from; at.ms < p->to.ms; at.ms += UTC_MINUTE_MS)
		if (look(p, at, &m) == MINUTE_MISSING)
			return false;
	p->at = 0;
	return true;
}

/* Applies the piece up to its first missing minute; returns where it stopped. */
static utc_t apply_piece(struct live_run *r, struct turn *t, struct piece *p)
{
	utc_t at, gap = UTC_NONE;

	for (at = p->from; at.ms < p->to.ms && r->state != RUN_FAILED; at.ms += UTC_MINUTE_MS) {
		struct minute m;
		enum minute_kind kind = look(p, at, &m);

		if (kind == MINUTE_MISSING)
			break;
		if (kind == MINUTE_NEVER_WAS) {
			if (utc_is_none(gap))
				gap = at;
			live_run_skip(r, t, at, false);
			continue;
		}
		if (!utc_is_none(gap))
			live_run_gap_skipped(r, t, gap, at);
		gap = UTC_NONE;
		live_run_apply(r, t, &m, false);
	}
	if (!utc_is_none(gap))
		live_run_gap_skipped(r, t, gap, at);
	return at;
}

static void repair_failed(struct worker *w, struct live_run *r, struct turn *t)
{
	int64_t pause = ROUND_PAUSE_MIN_MS;

	r->attempts++;
	if (r->attempts <= w->config.repair_retries) {
		r->job_at = mono_after_ms(t->mono, (int64_t)(r->attempts * w->config.repair_backoff_s * 1000));
		return;
	}
	metric_add_with(w->metrics.repairs, (const char *const[]){ "incomplete" }, 1);
	live_run_repair_snapshot(r, t, r->attempts, false);
	for (int i = 0; i < r->rounds && pause < ROUND_PAUSE_MAX_MS; i++)
		pause *= 2;
	r->job_at = mono_after_ms(t->mono, MIN_OF(pause, (int64_t)ROUND_PAUSE_MAX_MS));
	r->rounds++;
	r->attempts = 0;
}

static void run_repair(struct worker *w, struct live_run *r, struct turn *t)
{
	utc_t from = minutes_after(r->checkpoint, 1);
	utc_t to = earlier(minutes_after(from, REPAIR_CHUNK_MINUTES), r->target);
	struct piece p;

	if (from.ms < to.ms) {
		if (read_piece(w, r, from, to, &p) != 0)
			return;
		if (!is_whole(&p)) {
			repair_failed(w, r, t);
			return;
		}
		apply_piece(r, t, &p);
		if (r->state == RUN_FAILED || to.ms < r->target.ms)
			return;
	}
	metric_add_with(w->metrics.repairs, (const char *const[]){ "continuous" }, 1);
	live_run_repair_snapshot(r, t, r->attempts + 1, true);
	r->job = RUN_JOB_NONE;
	live_run_release_held(r, t);
}

/* ---- entry points -------------------------------------------------------------------------------------------------- */

bool worker_run_job(struct worker *w, struct live_run *r, struct turn *t)
{
	if (r->state == RUN_STARTING && r->job == RUN_JOB_NONE)
		begin_seed(r, t);
	if (r->job == RUN_JOB_NONE || mono_elapsed_us(t->mono, r->job_at) > 0)
		return false;
	switch (r->job) {
	case RUN_JOB_SEED:
		run_seed(w, r, t);
		break;
	case RUN_JOB_REFILL:
		run_refill(w, r, t);
		break;
	case RUN_JOB_REPAIR:
		run_repair(w, r, t);
		break;
	case RUN_JOB_NONE:
		break;
	}
	return true;
}

void worker_catch_up(struct worker *w, struct live_run *r, struct turn *t)
{
	utc_t from = minutes_after(r->checkpoint, 1);
	struct piece p;

	r->last_candle = t->mono;
	if (utc_is_none(r->checkpoint) || read_piece(w, r, from, minutes_after(from, REPAIR_CHUNK_MINUTES), &p) != 0 ||
	    p.rows->n == 0)
		return;
	/* Confirmed holes at the very end wait until something follows them. */
	p.to = utc_from_ms(p.rows->ts_open_ms[p.rows->n - 1] + UTC_MINUTE_MS);
	apply_piece(r, t, &p);
}
