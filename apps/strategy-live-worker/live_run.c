#include "live_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static int read_spec(struct live_run *r, struct str spec_json, struct error *err)
{
	cJSON *json = json_parse(spec_json, NULL, NULL, err);
	struct spec_fault fault;
	const char *algorithm;
	int bars, rc = json != NULL ? strategy_spec_parse(json, &r->spec, &fault, err) : -1;

	json_free(json);
	if (rc != 0)
		return rc;
	bars = strategy_warmup_bars(&r->spec, &algorithm);
	r->instrument = r->spec.instrument;
	r->timeframe = r->spec.timeframe;
	str_copy(r->key, sizeof(r->key), str_from(r->spec.instrument_key));
	r->evaluation = evaluation_new(&r->spec, &r->unsupported);
	run_progress_read(r->metadata, r->timeframe, bars, algorithm, &r->progress);
	return 0;
}

struct live_run *live_run_new(const struct active_run *row, mono_t now, struct error *err)
{
	struct live_run *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory for a run");
		return NULL;
	}
	r->run_id = row->run.run_id;
	r->user_id = row->run.user_id;
	r->strategy_id = row->run.strategy_id;
	r->started_at = row->run.started_at;
	r->state = r->stored_state = row->run.state;
	r->checkpoint = r->stored_checkpoint = row->run.checkpoint;
	r->updated_at = row->run.updated_at;
	r->metadata = json_parse(row->run.metadata_json, NULL, NULL, NULL);
	r->last_candle = r->last_publish = r->job_at = now;
	if (read_spec(r, row->spec_json, err) != 0) {
		live_run_free(r);
		return NULL;
	}
	rollup_init(&r->rollup, r->timeframe);
	return r;
}

void live_run_clear_effects(struct live_run *r)
{
	r->dirty = r->moved = false;
	r->last_error = STR_NULL;
	r->event_count = r->record_count = 0;
}

void live_run_free(struct live_run *r)
{
	if (r == NULL)
		return;
	json_free(r->metadata);
	evaluation_free(r->evaluation);
	strategy_spec_release(&r->spec);
	free(r->held);
	free(r->events);
	free(r->records);
	free(r);
}

/* ---- effects ------------------------------------------------------------------------------------------------------- */

/* Room for one more item; without memory the effect is lost, and abort is the honest answer: state and events must agree. */
static void *grow(void *items, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return items;
	*cap = *cap != 0 ? *cap * 2 : 32;
	items = realloc(items, *cap * size);
	if (items == NULL)
		abort();
	return items;
}

/* The row's new updated_at: never before the old one. */
static utc_t touch(struct live_run *r, const struct turn *t)
{
	r->dirty = true;
	if (t->now.ms > r->updated_at.ms)
		r->updated_at = t->now;
	return r->updated_at;
}

static void add_record(struct live_run *r, const struct turn *t, enum realtime_kind kind, const char *type,
		       struct str value)
{
	r->records = grow(r->records, r->record_count, &r->record_cap, sizeof(*r->records));
	r->records[r->record_count++] = (struct realtime_record){ .kind = kind,
								  .group = t->group,
								  .ts = r->updated_at,
								  .user_id = r->user_id,
								  .strategy_id = r->strategy_id,
								  .run_id = r->run_id,
								  .instrument_key = str_from(r->key),
								  .timeframe = str_from(timeframe_text(r->timeframe)),
								  .type = str_from(type),
								  .value = value };
}

static void add_event(struct live_run *r, struct turn *t, const char *type, const char *payload)
{
	struct str json = arena_str(t->arena, str_from(payload));

	r->events = grow(r->events, r->event_count, &r->event_cap, sizeof(*r->events));
	r->events[r->event_count++] = (struct run_event){ uuid_v4(), str_from(type), json, touch(r, t) };
	add_record(r, t, REALTIME_EVENT, type, json);
}

static struct str int_text(const struct turn *t, int64_t v)
{
	return str_from(arena_printf(t->arena, "%lld", (long long)v));
}

static struct str utc_text(const struct turn *t, utc_t at)
{
	char text[UTC_TEXT_MAX];

	return utc_is_none(at) ? STR("") : arena_str(t->arena, str_from(utc_format_ms(at, text)));
}

static void metric_int(struct live_run *r, const struct turn *t, const char *type, int64_t v)
{
	add_record(r, t, REALTIME_METRIC, type, v == 0 ? STR("0") : v == 1 ? STR("1") : int_text(t, v));
}

static void baseline(struct live_run *r, const struct turn *t)
{
	int64_t lag = utc_is_none(r->checkpoint) ? 0 : (t->now.ms - r->checkpoint.ms) / 1000;

	metric_int(r, t, "candles_processed_total", r->candles_processed);
	add_record(r, t, REALTIME_METRIC, "checkpoint_ts_open", utc_text(t, r->checkpoint));
	metric_int(r, t, "dropped_non_contiguous_total", r->dropped);
	metric_int(r, t, "lag_seconds", MAX_OF(lag, (int64_t)0));
	metric_int(r, t, "rollup_bucket_count_1m", r->progress.bucket_count_1m);
	add_record(r, t, REALTIME_METRIC, "rollup_bucket_open_ts", utc_text(t, r->progress.bucket_open));
	add_record(r, t, REALTIME_METRIC, "run_state", str_from(run_state_text(r->state)));
	metric_int(r, t, "warmup_processed_bars", r->progress.processed_bars);
	metric_int(r, t, "warmup_required_bars", r->progress.warmup_bars);
	metric_int(r, t, "warmup_satisfied", run_warmed_up(&r->progress));
	r->last_publish = t->mono;
}

static void repair_metrics(struct live_run *r, const struct turn *t, bool gap, int64_t missing, int attempts,
			   bool continuous)
{
	metric_int(r, t, "gap_detected", gap);
	metric_int(r, t, "repair_missing_bars", missing);
	metric_int(r, t, "repair_attempt", attempts);
	metric_int(r, t, "repair_continuous", continuous);
}

void live_run_snapshot(struct live_run *r, struct turn *t)
{
	t->group++;
	baseline(r, t);
}

void live_run_repair_snapshot(struct live_run *r, struct turn *t, int attempts, bool continuous)
{
	t->group++;
	baseline(r, t);
	repair_metrics(r, t, true, r->missing, attempts, continuous);
}

static void candle_snapshot(struct live_run *r, struct turn *t, bool closed)
{
	t->group++;
	baseline(r, t);
	metric_int(r, t, "rollup_bucket_closed", closed);
	repair_metrics(r, t, false, 0, 0, true);
}

/* ---- states -------------------------------------------------------------------------------------------------------- */

static void announce_state(struct live_run *r, struct turn *t, enum run_state from)
{
	t->group++;
	baseline(r, t);
	add_event(r, t, "run_state_changed",
		  arena_printf(t->arena, "{\"from\":\"%s\",\"to\":\"%s\"}", run_state_text(from),
			       run_state_text(r->state)));
}

void live_run_change_state(struct live_run *r, struct turn *t, enum run_state to)
{
	enum run_state from = r->state;

	touch(r, t);
	r->state = to;
	r->moved = true;
	announce_state(r, t, from);
	if (to == RUN_STOPPED)
		add_event(r, t, "run_stopped", "{}");
}

void live_run_fail(struct live_run *r, struct turn *t, const char *reason)
{
	struct strbuf payload = STRBUF_INIT(4096);
	struct str text = str_trim(str_from(reason));
	enum run_state from = r->stored_state;
	struct json_writer w;

	if (text.n == 0)
		text = STR("unknown error");
	touch(r, t);
	r->state = RUN_FAILED;
	r->moved = true;
	r->last_error = arena_str(t->arena, text);
	announce_state(r, t, from);
	jw_init(&w, &payload);
	jw_obj(&w);
	jw_key(&w, "error");
	jw_str(&w, text);
	jw_end(&w);
	add_event(r, t, "run_failed", strbuf_cstr(&payload));
	strbuf_release(&payload);
}

void live_run_check_warmup(struct live_run *r, struct turn *t)
{
	if (r->state == RUN_WARMING_UP && !r->moved && run_warmed_up(&r->progress))
		live_run_change_state(r, t, RUN_RUNNING);
}

/* ---- minutes ------------------------------------------------------------------------------------------------------- */

/* A bar of the strategy's timeframe closed: the indicators see it in any case, the strategist only while running. */
static void on_bar(struct live_run *r, struct turn *t, const struct derived_bar *bar, bool silent)
{
	enum signal now = SIGNAL_NEUTRAL;
	char price[NUMBER_TEXT_MAX], ts[UTC_TEXT_MAX];

	if (r->evaluation != NULL)
		now = evaluation_push(r->evaluation, &bar->bar);
	if (silent)
		return;
	r->progress.processed_bars++;
	if (r->state != RUN_RUNNING || r->evaluation == NULL)
		return;
	r->progress.signal_bucket = bar->bar.ts_open;
	if (now == r->progress.signal)
		return;
	r->progress.signal = now;
	t->group++;
	t->signals++;
	touch(r, t);
	add_event(r, t, "signal",
		  arena_printf(t->arena, "{\"price\":\"%s\",\"signal\":\"%s\",\"ts_open\":\"%s\"}",
			       isnan(bar->bar.close) ? "" : number_format(bar->bar.close, price), signal_text(now),
			       utc_format_ms(bar->bar.ts_open, ts)));
}

static void after_minute(struct live_run *r, struct turn *t, utc_t ts_open, enum rollup_result result,
			 const struct derived_bar *closed, bool silent)
{
	if (result == ROLLUP_DISORDER) {
		if (!silent)
			live_run_fail(r, t, "rollup: the minutes are out of order");
		return;
	}
	if (!silent)
		r->checkpoint = ts_open;
	if (result == ROLLUP_CLOSED)
		on_bar(r, t, closed, silent);
	if (silent || r->state == RUN_FAILED)
		return;
	r->progress.bucket_open = r->rollup.bucket_open;
	r->progress.bucket_count_1m = utc_is_none(r->rollup.bucket_open) ? 0 : r->rollup.count;
	touch(r, t);
}

void live_run_apply(struct live_run *r, struct turn *t, const struct minute *m, bool silent)
{
	struct derived_bar closed;
	enum rollup_result result;

	if (utc_is_none(r->progress.origin))
		r->progress.origin = m->bar.ts_open;
	result = rollup_push(&r->rollup, &m->bar, m->volume_quote, &closed);
	after_minute(r, t, m->bar.ts_open, result, &closed, silent);
	if (silent || r->state == RUN_FAILED)
		return;
	r->candles_processed++;
	r->last_candle = t->mono;
	candle_snapshot(r, t, result == ROLLUP_CLOSED);
	live_run_check_warmup(r, t);
}

void live_run_seed(struct live_run *r, struct turn *t, const struct minute *m)
{
	struct derived_bar closed;
	enum rollup_result result = rollup_push(&r->rollup, &m->bar, m->volume_quote, &closed);

	after_minute(r, t, m->bar.ts_open, result, &closed, false);
}

void live_run_skip(struct live_run *r, struct turn *t, utc_t ts_open, bool silent)
{
	struct derived_bar closed;
	enum rollup_result result = rollup_skip(&r->rollup, ts_open, &closed);

	after_minute(r, t, ts_open, result, &closed, silent);
}

void live_run_gap_skipped(struct live_run *r, struct turn *t, utc_t from, utc_t to)
{
	char a[UTC_TEXT_MAX], b[UTC_TEXT_MAX];

	t->group++;
	add_event(r, t, "gap_skipped",
		  arena_printf(t->arena, "{\"from\":\"%s\",\"minutes\":\"%lld\",\"to\":\"%s\"}", utc_format_ms(from, a),
			       (long long)(utc_minutes_between(from, to)), utc_format_ms(to, b)));
}

void live_run_restart_at(struct live_run *r, utc_t ts_open)
{
	rollup_init(&r->rollup, r->timeframe);
	if (r->evaluation != NULL) {
		evaluation_free(r->evaluation);
		r->evaluation = evaluation_new(&r->spec, &r->unsupported);
	}
	r->progress.origin = ts_open;
	r->progress.processed_bars = 0;
}

/* ---- the stream ---------------------------------------------------------------------------------------------------- */

static void hold(struct live_run *r, struct turn *t, const struct minute *m)
{
	if (r->held_count == HELD_MAX) { /* the oldest gives way: the repair will read it from the store */
		memmove(r->held, r->held + 1, (HELD_MAX - 1) * sizeof(*r->held));
		r->held_count--;
		t->held_dropped++;
	}
	r->held = grow(r->held, r->held_count, &r->held_cap, sizeof(*r->held));
	r->held[r->held_count++] = *m;
}

static void begin_repair(struct live_run *r, const struct turn *t, utc_t target)
{
	r->job = RUN_JOB_REPAIR;
	r->target = target;
	r->cursor = utc_from_ms(r->checkpoint.ms + UTC_MINUTE_MS);
	r->missing = utc_minutes_between(r->cursor, target);
	r->attempts = r->rounds = 0;
	r->job_at = t->mono;
}

enum run_feed live_run_feed(struct live_run *r, struct turn *t, const struct minute *m)
{
	if (r->state == RUN_STARTING || r->job != RUN_JOB_NONE) {
		hold(r, t, m);
		return RUN_WAITS;
	}
	if (r->state != RUN_WARMING_UP && r->state != RUN_RUNNING)
		return RUN_FED;
	switch (checkpoint_decide(r->checkpoint, m->bar.ts_open)) {
	case CHECKPOINT_APPLY:
		live_run_apply(r, t, m, false);
		return RUN_FED;
	case CHECKPOINT_IGNORE:
		r->dropped++;
		r->last_candle = t->mono;
		return RUN_FED;
	case CHECKPOINT_GAP:
		break;
	}
	begin_repair(r, t, m->bar.ts_open);
	hold(r, t, m);
	return RUN_WAITS;
}

bool live_run_release_held(struct live_run *r, struct turn *t)
{
	struct minute *waiting = r->held;
	size_t n = r->held_count;
	bool whole = true;

	r->held = NULL;
	r->held_count = r->held_cap = 0;
	for (size_t i = 0; i < n; i++)
		whole = live_run_feed(r, t, &waiting[i]) == RUN_FED && whole;
	free(waiting);
	return whole;
}
