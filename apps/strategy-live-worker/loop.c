#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker.h"

#define TURN_ARENA_MAX (512u << 20)
#define OWNER_CHECK_MS 1000
#define CLAIM_EVERY_MS 60000
#define CLAIM_COUNT    200
#define HEARTBEAT_MS   15000
#define IDLE_MS	       20
#define ERROR_PAUSE_MS 500

/* ---- the list of runs ---------------------------------------------------------------------------------------------- */

void worker_forget_run(struct worker *w, struct live_run *r)
{
	struct live_run **at = &w->runs;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	live_run_free(r);
}

static void forget_all(struct worker *w)
{
	while (w->runs != NULL)
		worker_forget_run(w, w->runs);
}

static struct live_run *find_run(const struct worker *w, struct uuid run_id)
{
	for (struct live_run *r = w->runs; r != NULL; r = r->next)
		if (uuid_eq(r->run_id, run_id))
			return r;
	return NULL;
}

static void insert_run(struct worker *w, struct live_run *r)
{
	struct live_run **at = &w->runs;

	while (*at != NULL && ((*at)->started_at.ms < r->started_at.ms ||
			       ((*at)->started_at.ms == r->started_at.ms && uuid_cmp((*at)->run_id, r->run_id) < 0)))
		at = &(*at)->next;
	r->next = *at;
	*at = r;
}

/* A run that cannot even be read fails by itself; the row is all there is of it. */
static int fail_row(struct worker *w, const struct active_run *row, const char *reason, utc_t now, struct error *err)
{
	struct strbuf payload = STRBUF_INIT(4096), changed = STRBUF_INIT(256);
	struct json_writer jw;
	utc_t ts = now.ms > row->run.updated_at.ms ? now : row->run.updated_at;
	int rc;

	jw_init(&jw, &payload);
	jw_obj(&jw);
	jw_key(&jw, "error");
	jw_cstr(&jw, reason);
	jw_end(&jw);
	strbuf_addf(&changed, "{\"from\":\"%s\",\"to\":\"failed\"}", run_state_text(row->run.state));
	const struct run_event events[] = { { uuid_v4(), STR("run_state_changed"), strbuf_str(&changed), ts },
					    { uuid_v4(), STR("run_failed"), strbuf_str(&payload), ts } };
	struct run_step step = { .run_id = row->run.run_id,
				 .user_id = row->run.user_id,
				 .strategy_id = row->run.strategy_id,
				 .expected = row->run.state,
				 .expected_checkpoint = row->run.checkpoint,
				 .state = RUN_FAILED,
				 .checkpoint = row->run.checkpoint,
				 .metadata_json = row->run.metadata_json,
				 .last_error = str_from(reason),
				 .updated_at = ts,
				 .events = events,
				 .event_count = ARRAY_LEN(events) };

	rc = strategy_store_apply(w->pg, &step, 1, err);
	if (rc == 0 && step.applied) {
		char id[UUID_TEXT_MAX];

		metric_inc(w->metrics.failed_runs);
		log_error(&w->service->log, "run_failed", LOG_CSTR("run_id", uuid_format(row->run.run_id, id)),
			  LOG_CSTR("reason", reason));
	}
	strbuf_release(&payload);
	strbuf_release(&changed);
	return rc;
}

static int adopt_row(struct worker *w, const struct active_run *row, const struct turn *t, struct error *err)
{
	struct error why = ERROR_INIT;
	struct live_run *r;
	char id[UUID_TEXT_MAX];

	if (!row->strategy_found)
		return fail_row(w, row, "strategy not found or deleted", t->now, err);
	r = live_run_new(row, t->mono, &why);
	if (r == NULL)
		return why.code == ERR_UNAVAILABLE ? 0 : fail_row(w, row, why.message, t->now, err);
	r->seen = true;
	insert_run(w, r);
	uuid_format(r->run_id, id);
	log_info(&w->service->log, "run_adopted", LOG_CSTR("run_id", id), LOG_CSTR("instrument_key", r->key),
		 LOG_CSTR("timeframe", timeframe_text(r->timeframe)), LOG_CSTR("state", run_state_text(r->state)));
	if (r->evaluation == NULL)
		log_warn(&w->service->log, "evaluation_unsupported", LOG_CSTR("run_id", id),
			 LOG_CSTR("reason", r->unsupported.message));
	if (!utc_is_none(r->checkpoint) && !utc_is_none(r->progress.origin) && r->state != RUN_STOPPING) {
		r->job = RUN_JOB_REFILL;
		r->cursor = r->progress.origin;
		r->target = utc_from_ms(r->checkpoint.ms + UTC_MINUTE_MS);
	}
	return 0;
}

/* The row as another writer left it: a stop request is taken over, anything else means building the run anew. */
static void compare_row(struct worker *w, struct live_run *r, const struct active_run *row)
{
	bool same = row->run.state == r->stored_state && row->run.checkpoint.ms == r->stored_checkpoint.ms;

	r->seen = true;
	if (same && row->strategy_found)
		return;
	if (row->run.state == RUN_STOPPING && row->run.checkpoint.ms == r->stored_checkpoint.ms &&
	    row->strategy_found) {
		r->state = r->stored_state = RUN_STOPPING;
		r->updated_at = row->run.updated_at;
		return;
	}
	worker_forget_run(w, r);
	w->poll_now = true;
}

static void count_runs(struct worker *w)
{
	double counts[RUN_STATE_COUNT] = { 0 };

	for (const struct live_run *r = w->runs; r != NULL; r = r->next)
		counts[r->state]++;
	for (int s = 0; s < RUN_STATE_COUNT; s++)
		if (run_state_active((enum run_state)s))
			metric_set_with(w->metrics.active_runs,
					(const char *const[]){ run_state_text((enum run_state)s) }, counts[s]);
}

static int poll_runs(struct worker *w, struct turn *t, struct error *err)
{
	struct active_run *rows;
	size_t n;

	w->poll_now = false;
	w->poll_at = mono_after_ms(t->mono, w->config.poll_interval_s * 1000);
	if (strategy_store_active_runs(w->pg, t->arena, &rows, &n, err) != 0)
		return -1;
	for (struct live_run *r = w->runs; r != NULL; r = r->next)
		r->seen = false;
	for (size_t i = 0; i < n; i++) {
		struct live_run *r = find_run(w, rows[i].run.run_id);

		if (r != NULL)
			compare_row(w, r, &rows[i]);
		else if (adopt_row(w, &rows[i], t, err) != 0)
			return -1;
	}
	for (struct live_run *r = w->runs, *next; r != NULL; r = next) {
		next = r->next;
		if (!r->seen)
			worker_forget_run(w, r);
	}
	count_runs(w);
	return 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

struct keys {
	const char **items;
	size_t n;
};

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Streams of the active runs, each once, in order. */
static struct keys stream_keys(const struct worker *w, struct arena *arena)
{
	struct keys k = { NULL, 0 };
	size_t n = 0, kept = 0;

	for (const struct live_run *r = w->runs; r != NULL; r = r->next)
		n++;
	k.items = n > 0 ? arena_alloc(arena, n * sizeof(*k.items)) : NULL;
	if (k.items == NULL)
		return k;
	for (const struct live_run *r = w->runs; r != NULL; r = r->next)
		k.items[k.n++] = r->key;
	qsort(k.items, k.n, sizeof(*k.items), by_text);
	for (size_t i = 0; i < k.n; i++)
		if (kept == 0 || strcmp(k.items[kept - 1], k.items[i]) != 0)
			k.items[kept++] = k.items[i];
	k.n = kept;
	return k;
}

static void forget_groups(struct worker *w)
{
	while (w->groups != NULL) {
		struct group_key *g = w->groups;

		w->groups = g->next;
		free(g);
	}
}

static int ensure_groups(struct worker *w, const struct keys *keys, struct error *err)
{
	for (size_t i = 0; i < keys->n; i++) {
		char stream[INSTRUMENT_KEY_MAX + 160];
		struct group_key *g = w->groups;

		while (g != NULL && strcmp(g->key, keys->items[i]) != 0)
			g = g->next;
		if (g != NULL)
			continue;
		snprintf(stream, sizeof(stream), "%s.%s", w->config.stream_prefix, keys->items[i]);
		if (candle_stream_ensure_group(w->input, stream, w->config.consumer_group, err) != 0)
			return -1;
		g = calloc(1, sizeof(*g));
		if (g == NULL)
			return error_set(err, ERR_UNAVAILABLE, "no memory");
		str_copy(g->key, sizeof(g->key), str_from(keys->items[i]));
		g->next = w->groups;
		w->groups = g;
	}
	return 0;
}

/* Entries of consumers that died with them unacknowledged; the checkpoint decides what is still new in them. */
static int claim_pending(struct worker *w, const struct keys *keys, struct turn *t, struct candle_messages *out,
			 struct error *err)
{
	if (mono_elapsed_us(t->mono, w->claim_at) > 0)
		return 0;
	w->claim_at = mono_after_ms(t->mono, CLAIM_EVERY_MS);
	for (size_t i = 0; i < keys->n; i++) {
		size_t from = out->n;

		if (candle_stream_claim(w->input, w->config.stream_prefix, w->config.consumer_group, w->consumer,
					keys->items[i], CLAIM_EVERY_MS, CLAIM_COUNT, out, err) != 0)
			return -1;
		for (size_t k = from; k < out->n; k++)
			out->items[k].stream = i;
	}
	return 0;
}

static int by_stream_and_time(const void *left, const void *right)
{
	const struct candle_message *a = left, *b = right;

	if (a->stream != b->stream)
		return a->stream < b->stream ? -1 : 1;
	if (a->valid && b->valid && a->candle.ts_open.ms != b->candle.ts_open.ms)
		return a->candle.ts_open.ms < b->candle.ts_open.ms ? -1 : 1;
	return strcmp(a->id, b->id);
}

static int read_messages(struct worker *w, const struct keys *keys, struct turn *t, bool wait,
			 struct candle_messages *out, struct error *err)
{
	int block = wait ? (int)w->config.block_ms : 0;
	int rc = ensure_groups(w, keys, err);

	if (rc == 0)
		rc = claim_pending(w, keys, t, out, err);
	if (rc == 0 && keys->n > 0)
		rc = candle_stream_read(w->input, w->config.stream_prefix, w->config.consumer_group, w->consumer,
					keys->items, keys->n, (int)w->config.read_count, block, out, err);
	if (rc != 0 && err->code == ERR_NOT_FOUND) { /* the group is gone: Redis was flushed or restarted empty */
		forget_groups(w);
		rc = 0;
	}
	if (out->n > 1)
		qsort(out->items, out->n, sizeof(*out->items), by_stream_and_time);
	return rc;
}

/* ---- applying ------------------------------------------------------------------------------------------------------ */

static void feed_messages(struct worker *w, const struct keys *keys, struct candle_messages *messages, struct turn *t)
{
	for (size_t i = 0; i < messages->n; i++) {
		struct candle_message *m = &messages->items[i];
		const char *key = keys->items[m->stream];
		struct minute minute;

		if (!m->valid) {
			metric_inc(w->metrics.invalid_messages);
			log_warn(&w->service->log, "invalid_message", LOG_CSTR("stream", key), LOG_CSTR("id", m->id),
				 LOG_CSTR("reason", m->error.message));
			continue;
		}
		metric_inc(w->metrics.messages_read);
		minute = (struct minute){ { m->candle.ts_open, m->candle.open, m->candle.high, m->candle.low,
					    m->candle.close, m->candle.volume_base },
					  m->candle.volume_quote };
		for (struct live_run *r = w->runs; r != NULL; r = r->next)
			if (strcmp(r->key, key) == 0)
				live_run_feed(r, t, &minute);
	}
}

static void attend_runs(struct worker *w, struct turn *t)
{
	double lag = 0;

	for (struct live_run *r = w->runs; r != NULL; r = r->next) {
		if (r->state == RUN_STOPPING) {
			r->job = RUN_JOB_NONE;
			live_run_change_state(r, t, RUN_STOPPED);
			continue;
		}
		worker_run_job(w, r, t);
		if (r->job == RUN_JOB_NONE && (r->state == RUN_WARMING_UP || r->state == RUN_RUNNING) &&
		    mono_elapsed_us(r->last_candle, t->mono) > w->config.catch_up_s * 1000000)
			worker_catch_up(w, r, t);
		live_run_check_warmup(r, t);
		if (mono_elapsed_us(r->last_publish, t->mono) > HEARTBEAT_MS * 1000LL)
			live_run_snapshot(r, t);
		if (r->state == RUN_RUNNING && !utc_is_none(r->checkpoint))
			lag = MAX_OF(lag, (double)(t->now.ms - r->checkpoint.ms) / 1000.0);
	}
	metric_set(w->metrics.max_lag, lag);
}

/* ---- committing ---------------------------------------------------------------------------------------------------- */

static void make_step(struct live_run *r, struct turn *t, struct run_step *step)
{
	struct strbuf metadata = STRBUF_INIT(65536);

	run_progress_write(&r->progress, r->timeframe, r->metadata, &metadata);
	*step = (struct run_step){ .run_id = r->run_id,
				   .user_id = r->user_id,
				   .strategy_id = r->strategy_id,
				   .expected = r->stored_state,
				   .expected_checkpoint = r->stored_checkpoint,
				   .state = r->state,
				   .checkpoint = r->checkpoint,
				   .metadata_json = arena_str(t->arena, strbuf_str(&metadata)),
				   .last_error = r->last_error,
				   .updated_at = r->updated_at,
				   .events = r->events,
				   .event_count = r->event_count };
	strbuf_release(&metadata);
}

/* One transaction for all runs that changed. Runs whose row had moved on are dropped with all they derived. */
static int commit(struct worker *w, struct turn *t, struct error *err)
{
	struct live_run **changed;
	struct run_step *steps;
	size_t n = 0, at = 0;

	for (struct live_run *r = w->runs; r != NULL; r = r->next)
		n += r->dirty;
	if (n == 0)
		return 0;
	changed = arena_alloc(t->arena, n * sizeof(*changed));
	steps = ARENA_ARRAY(t->arena, struct run_step, n);
	if (changed == NULL || steps == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory for %zu steps", n);
	for (struct live_run *r = w->runs; r != NULL; r = r->next)
		if (r->dirty) {
			changed[at] = r;
			make_step(r, t, &steps[at++]);
		}
	if (arena_failed(t->arena))
		return error_set(err, ERR_UNAVAILABLE, "no memory for this turn");
	if (strategy_store_apply(w->pg, steps, n, err) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!steps[i].applied) {
			w->poll_now = true;
			worker_forget_run(w, changed[i]);
			continue;
		}
		changed[i]->stored_state = changed[i]->state;
		changed[i]->stored_checkpoint = changed[i]->checkpoint;
	}
	return 0;
}

/* One XACK per stream: every message was either applied, held by a run that will find it in the store, or refused. */
static int acknowledge(struct worker *w, const struct keys *keys, const struct candle_messages *m, struct arena *arena,
		       struct error *err)
{
	const char **ids = m->n > 0 ? arena_alloc(arena, m->n * sizeof(*ids)) : NULL;

	for (size_t from = 0, to; ids != NULL && from < m->n; from = to) {
		size_t valid = 0;

		for (to = from; to < m->n && m->items[to].stream == m->items[from].stream; to++) {
			ids[to - from] = m->items[to].id;
			valid += m->items[to].valid;
		}
		if (candle_stream_ack(w->input, w->config.stream_prefix, w->config.consumer_group,
				      keys->items[m->items[from].stream], ids, to - from, err) != 0)
			return -1;
		metric_add(w->metrics.messages_acked, (double)valid);
	}
	return 0;
}

/* ---- telling ------------------------------------------------------------------------------------------------------- */

static void publish(struct worker *w, struct turn *t)
{
	struct realtime_counts counts = { 0 };
	struct realtime_record *all;
	struct error err = ERROR_INIT;
	size_t n = 0, at = 0;

	for (const struct live_run *r = w->runs; r != NULL; r = r->next)
		n += r->record_count;
	if (w->output == NULL || n == 0)
		return;
	all = arena_alloc(t->arena, n * sizeof(*all));
	if (all == NULL)
		return;
	for (const struct live_run *r = w->runs; r != NULL; r = r->next) {
		if (r->record_count == 0)
			continue;
		memcpy(all + at, r->records, r->record_count * sizeof(*all));
		at += r->record_count;
	}
	if (realtime_stream_publish(w->output, all, n, &counts, &err) != 0)
		log_err(LOG_LEVEL_WARN, &w->service->log, "realtime_publish_failed", &err);
	metric_add(w->metrics.publish, (double)counts.published);
	metric_add(w->metrics.publish_errors, (double)counts.errors);
	metric_add(w->metrics.publish_duplicates, (double)counts.duplicates);
}

static void offer_event(struct worker *w, const struct live_run *r, const struct run_event *e)
{
	bool failure = str_eq(e->event_type, STR("run_failed"));
	struct strbuf text = STRBUF_INIT(NOTIFICATION_BYTES_MAX);
	cJSON *payload = json_parse(e->payload_json, NULL, NULL, NULL);
	const struct notification_event event = { .user_id = r->user_id,
						  .strategy_id = r->strategy_id,
						  .run_id = r->run_id,
						  .ts = e->ts,
						  .event_type = failure ? STR("failed") : e->event_type,
						  .instrument_key = str_from(r->key),
						  .timeframe = str_from(timeframe_text(r->timeframe)),
						  .payload = payload };

	if (notification_kind_of(event.event_type) == NOTIFICATION_NONE) {
		json_free(payload);
		return;
	}
	if (!notification_debounce_passes(w->debounce, &event)) {
		metric_inc(w->metrics.notify_debounced);
	} else {
		notification_text(&event, &text);
		notify_offer(w->notify, r->user_id, r->strategy_id, r->run_id, failure ? "failed" : "signal",
			     strbuf_str(&text));
		notification_debounce_sent(w->debounce, &event);
	}
	strbuf_release(&text);
	json_free(payload);
}

static void tell(struct worker *w, struct turn *t)
{
	publish(w, t);
	for (struct live_run *r = w->runs, *next; r != NULL; r = next) {
		next = r->next;
		for (size_t i = 0; w->notify != NULL && i < r->event_count; i++)
			offer_event(w, r, &r->events[i]);
		if (r->state == RUN_FAILED && r->moved) {
			char id[UUID_TEXT_MAX];

			metric_inc(w->metrics.failed_runs);
			log_error(&w->service->log, "run_failed", LOG_CSTR("run_id", uuid_format(r->run_id, id)),
				  LOG_STR("reason", r->last_error));
		}
		live_run_clear_effects(r);
		if (!run_state_active(r->state))
			worker_forget_run(w, r);
	}
	metric_add(w->metrics.signals, (double)t->signals);
	metric_add(w->metrics.held_dropped, (double)t->held_dropped);
}

/* ---- the loop ------------------------------------------------------------------------------------------------------ */

static bool job_waiting(const struct worker *w, mono_t now)
{
	for (const struct live_run *r = w->runs; r != NULL; r = r->next)
		if ((r->job != RUN_JOB_NONE || r->state == RUN_STARTING || r->state == RUN_STOPPING) &&
		    mono_elapsed_us(now, r->job_at) <= 0)
			return true;
	return false;
}

static int turn(struct worker *w, struct candle_messages *messages, bool *idle, struct error *err)
{
	struct turn t = { .now = utc_now(), .mono = mono_now(), .arena = &w->arena };
	struct error redis_err = ERROR_INIT;
	struct keys keys;
	int rc, read;

	arena_reset(&w->arena);
	messages->n = 0;
	if ((w->poll_now || mono_elapsed_us(t.mono, w->poll_at) <= 0) && poll_runs(w, &t, err) != 0)
		return -1;
	keys = stream_keys(w, t.arena);
	read = read_messages(w, &keys, &t, !job_waiting(w, t.mono), messages, &redis_err);
	atomic_store(&w->redis_ok, read == 0);
	t.now = utc_now();
	t.mono = mono_now();
	feed_messages(w, &keys, messages, &t);
	attend_runs(w, &t);
	rc = commit(w, &t, err);
	if (rc != 0)
		return -1;
	if (read == 0)
		read = acknowledge(w, &keys, messages, t.arena, &redis_err);
	tell(w, &t);
	*idle = messages->n == 0 && !job_waiting(w, mono_now());
	if (read != 0) { /* counted and logged like any error of an iteration, but the runs went on */
		*err = redis_err;
		return -1;
	}
	return 0;
}

static bool check_owner(struct worker *w)
{
	struct error err = ERROR_INIT;
	mono_t now = mono_now();

	if (mono_elapsed_us(now, w->owner_at) > 0)
		return w->owner;
	w->owner_at = mono_after_ms(now, OWNER_CHECK_MS);
	if (ownership_check(w->ownership, &w->owner, &err) != 0) {
		atomic_store(&w->postgres_ok, false);
		log_err(LOG_LEVEL_WARN, &w->service->log, "owner_check_failed", &err);
	}
	if (!w->owner) {
		if (!w->standby_logged)
			log_info(&w->service->log, "standby");
		w->standby_logged = true;
		forget_all(w); /* another worker moves them on */
	} else if (w->standby_logged) {
		log_info(&w->service->log, "owner");
		w->standby_logged = false;
		w->poll_now = true;
	}
	return w->owner;
}

int worker_loop(struct worker *w, struct error *err)
{
	struct candle_messages messages = { NULL, 0, 0 };

	(void)err;
	arena_init(&w->arena, TURN_ARENA_MAX);
	candles_init(&w->columns);
	w->poll_now = true;
	while (!service_stopping(w->service)) {
		struct error failure = ERROR_INIT;
		mono_t start = mono_now();
		bool idle = true;

		if (!check_owner(w)) {
			service_sleep_ms(w->service, ERROR_PAUSE_MS);
			continue;
		}
		if (turn(w, &messages, &idle, &failure) == 0) {
			atomic_store(&w->postgres_ok, true);
			metric_inc(w->metrics.iterations);
			metric_observe(w->metrics.iteration_seconds, (double)mono_elapsed_us(start, mono_now()) / 1e6);
			if (idle && (w->config.block_ms == 0 || w->runs == NULL))
				service_sleep_ms(w->service, IDLE_MS);
			continue;
		}
		metric_inc(w->metrics.iteration_errors);
		log_err(LOG_LEVEL_ERROR, &w->service->log, "iteration_failed", &failure);
		if (atomic_load(
			    &w->redis_ok)) { /* Postgres: what was derived this turn is not stored, so it never was */
			atomic_store(&w->postgres_ok, false);
			forget_all(w);
			w->poll_now = true;
		}
		service_sleep_ms(w->service, ERROR_PAUSE_MS);
	}
	candle_messages_release(&messages);
	forget_all(w);
	forget_groups(w);
	candles_release(&w->columns);
	arena_release(&w->arena);
	return 0;
}
