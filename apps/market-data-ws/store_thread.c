#include "store_thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_MIN_MS 250
#define RETRY_MAX_MS 5000
#define BATCH_MAX    20000

struct row {
	struct candle candle;
	mono_t received;
	bool started; /* its first write was measured */
};

enum job_kind { JOB_QUERY, JOB_CONFIRM };

struct job {
	struct job *next;
	enum job_kind kind;
	struct store_query query;
	struct store_answer answer;
	store_answered done;
	struct minute_range range;
};

struct lost {
	struct instrument instrument;
	utc_t minute;
};

struct store_thread {
	struct store_settings s;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below but the batch */
	pthread_cond_t changed;
	struct row *rows; /* ring */
	size_t first, n;
	struct job *jobs, **jobs_last;
	struct job *answered, **answered_last;
	struct lost *lost;
	size_t lost_count, lost_cap;
	bool stopping;
	mono_t stop_by;
	struct event *wake;
	atomic_bool healthy;
};

static struct timespec deadline_in(int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* ---- the loop's side ----------------------------------------------------------------------------------------------- */

/* Under the lock. */
static void drop_oldest(struct store_thread *t)
{
	const struct row *r = &t->rows[t->first];

	if (t->lost_count == t->lost_cap) {
		size_t cap = t->lost_cap != 0 ? t->lost_cap * 2 : 1024;
		struct lost *bigger = realloc(t->lost, cap * sizeof(*bigger));

		if (bigger != NULL) {
			t->lost = bigger;
			t->lost_cap = cap;
		}
	}
	if (t->lost_count < t->lost_cap)
		t->lost[t->lost_count++] = (struct lost){ r->candle.instrument, r->candle.ts_open };
	t->first = (t->first + 1) % STORE_BUFFER_MAX;
	t->n--;
	metric_inc(t->s.metrics->buffer_dropped);
}

void store_submit(struct store_thread *t, const struct candle *rows, size_t n)
{
	mono_t now = mono_now();

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < n; i++) {
		if (t->n == STORE_BUFFER_MAX)
			drop_oldest(t);
		t->rows[(t->first + t->n++) % STORE_BUFFER_MAX] = (struct row){ rows[i], now, false };
	}
	metric_set(t->s.metrics->buffer_rows, (double)t->n);
	if ((int64_t)t->n >= t->s.max_rows)
		pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

static void add_job(struct store_thread *t, struct job *j)
{
	pthread_mutex_lock(&t->lock);
	*t->jobs_last = j;
	t->jobs_last = &j->next;
	pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

void store_ask(struct store_thread *t, const struct store_query *q, store_answered done)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		abort(); /* a few kilobytes: without them nothing works any more */
	j->kind = JOB_QUERY;
	j->query = *q;
	j->done = done;
	add_job(t, j);
}

void store_confirm_gap(struct store_thread *t, const struct instrument *i, struct minute_range range)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		abort();
	j->kind = JOB_CONFIRM;
	j->query.instrument = *i;
	j->range = range;
	add_job(t, j);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct store_thread *t = arg;
	struct job *j, *next;
	struct lost *lost;
	size_t lost_count;

	(void)fd;
	(void)what;
	pthread_mutex_lock(&t->lock);
	j = t->answered;
	t->answered = NULL;
	t->answered_last = &t->answered;
	lost = t->lost;
	lost_count = t->lost_count;
	t->lost = NULL;
	t->lost_count = t->lost_cap = 0;
	pthread_mutex_unlock(&t->lock);
	for (; j != NULL; j = next) {
		next = j->next;
		j->done(&j->query, &j->answer, j->query.arg);
		free(j);
	}
	for (size_t i = 0; i < lost_count; i++)
		t->s.on_lost(&lost[i].instrument, lost[i].minute, t->s.arg);
	free(lost);
}

bool store_healthy(struct store_thread *t) { return atomic_load(&t->healthy); }

/* ---- the thread's side --------------------------------------------------------------------------------------------- */

static size_t peek_rows(struct store_thread *t, struct candle *batch)
{
	mono_t now = mono_now();
	size_t n;

	pthread_mutex_lock(&t->lock);
	n = MIN_OF(t->n, (size_t)BATCH_MAX);
	for (size_t i = 0; i < n; i++) {
		struct row *r = &t->rows[(t->first + i) % STORE_BUFFER_MAX];

		batch[i] = r->candle;
		if (!r->started && r->candle.source == CANDLE_SOURCE_WS)
			metric_observe(t->s.metrics->closed_to_start, (double)mono_elapsed_us(r->received, now) / 1e6);
		r->started = true;
	}
	pthread_mutex_unlock(&t->lock);
	return n;
}

/* The first n rows are written. Rows dropped meanwhile were the oldest, so they are among them: the ring may have moved. */
static void forget_rows(struct store_thread *t, const struct candle *batch, size_t n)
{
	mono_t now = mono_now();
	size_t done = 0;

	pthread_mutex_lock(&t->lock);
	while (done < n && t->n > 0) {
		const struct row *r = &t->rows[t->first];

		if (r->candle.ts_open.ms != batch[done].ts_open.ms ||
		    !instrument_eq(&r->candle.instrument, &batch[done].instrument)) {
			done++; /* this one had been dropped from the front */
			continue;
		}
		if (r->candle.source == CANDLE_SOURCE_WS)
			metric_observe(t->s.metrics->closed_to_done, (double)mono_elapsed_us(r->received, now) / 1e6);
		t->first = (t->first + 1) % STORE_BUFFER_MAX;
		t->n--;
		done++;
	}
	metric_set(t->s.metrics->buffer_rows, (double)t->n);
	pthread_mutex_unlock(&t->lock);
}

/* Writes one batch; false: the store failed. */
static bool flush(struct store_thread *t, struct candle *batch, size_t *left)
{
	struct md_metrics *m = t->s.metrics;
	struct error err = ERROR_INIT;
	size_t n = peek_rows(t, batch);
	mono_t start = mono_now();

	*left = 0;
	if (n == 0)
		return true;
	if (t->s.store->write(t->s.store, batch, n, &err) != 0) {
		metric_inc(m->insert_errors);
		log_err(LOG_LEVEL_ERROR, &t->s.log, "insert_failed", &err);
		atomic_store(&t->healthy, false);
		*left = n;
		return false;
	}
	atomic_store(&t->healthy, true);
	metric_observe(m->insert_seconds, (double)mono_elapsed_us(start, mono_now()) / 1e6);
	metric_add(m->insert_rows, (double)n);
	metric_inc(m->insert_batches);
	forget_rows(t, batch, n);
	return true;
}

static bool is_confirmed(const struct minute_range *gap, const struct minute_range *confirmed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (confirmed[i].from.ms <= gap->from.ms && confirmed[i].to.ms >= gap->to.ms)
			return true;
	return false;
}

static bool find_gaps(struct candle_store *s, struct job *j, struct error *err)
{
	struct minute_range confirmed[STORE_GAPS_MAX];
	struct store_answer *a = &j->answer;
	struct candle_window w = { j->query.instrument, a->bounds.first, j->query.before };
	size_t n = 0, kept = 0;
	int64_t oldest = j->query.before.ms - j->query.scan_minutes * UTC_MINUTE_MS;

	w.from.ms = MAX_OF(w.from.ms, oldest);
	w.to.ms = MIN_OF(w.to.ms, a->bounds.last.ms);
	if (w.from.ms >= w.to.ms)
		return true;
	if (s->gaps(s, &w, a->gaps, STORE_GAPS_MAX, &a->gap_count, err) != 0 ||
	    s->confirmed_gaps(s, &w, confirmed, STORE_GAPS_MAX, &n, err) != 0)
		return false;
	for (size_t i = 0; i < a->gap_count; i++)
		if (!is_confirmed(&a->gaps[i], confirmed, n))
			a->gaps[kept++] = a->gaps[i];
	a->gap_count = kept;
	return true;
}

static void run_job(struct store_thread *t, struct job *j)
{
	struct candle_store *s = t->s.store;
	struct error err = ERROR_INIT;
	bool ok;

	if (j->kind == JOB_CONFIRM) {
		ok = s->confirm_gap(s, &j->query.instrument, &j->range, &err) == 0;
	} else {
		ok = s->bounds(s, &j->query.instrument, j->query.before, &j->answer.bounds, &err) == 0;
		if (ok && j->answer.bounds.any && j->query.scan_minutes > 0)
			ok = find_gaps(s, j, &err);
		j->answer.ok = ok;
	}
	if (!ok) {
		atomic_store(&t->healthy, false);
		log_err(LOG_LEVEL_WARN, &t->s.log, "store_query_failed", &err);
	}
}

static void finish_job(struct store_thread *t, struct job *j)
{
	if (j->kind == JOB_CONFIRM) {
		free(j);
		return;
	}
	pthread_mutex_lock(&t->lock);
	j->next = NULL;
	*t->answered_last = j;
	t->answered_last = &j->next;
	pthread_mutex_unlock(&t->lock);
	event_active(t->wake, EV_READ, 0);
}

static struct job *take_job(struct store_thread *t)
{
	struct job *j;

	pthread_mutex_lock(&t->lock);
	j = t->jobs;
	if (j != NULL) {
		t->jobs = j->next;
		if (t->jobs == NULL)
			t->jobs_last = &t->jobs;
	}
	pthread_mutex_unlock(&t->lock);
	return j;
}

/* Waits for work: rows due, a question, or the end. Returns true to stop. */
static bool wait_for_work(struct store_thread *t, int64_t ms, bool may_hurry)
{
	struct timespec until = deadline_in(ms);
	bool stopping;

	pthread_mutex_lock(&t->lock);
	while (!t->stopping && t->jobs == NULL && !(may_hurry && (int64_t)t->n >= t->s.max_rows))
		if (pthread_cond_timedwait(&t->changed, &t->lock, &until) != 0)
			break;
	stopping = t->stopping;
	pthread_mutex_unlock(&t->lock);
	return stopping;
}

static void *run(void *arg)
{
	struct store_thread *t = arg;
	struct candle *batch = malloc(BATCH_MAX * sizeof(*batch));
	int64_t retry_ms = 0;
	bool stopping = batch == NULL;

	while (!stopping) {
		struct job *j;
		size_t left;

		stopping = wait_for_work(t, retry_ms > 0 ? retry_ms : t->s.flush_interval_ms, retry_ms == 0);
		if (flush(t, batch, &left))
			retry_ms = 0;
		else
			retry_ms = MIN_OF(MAX_OF(retry_ms * 2, (int64_t)RETRY_MIN_MS), (int64_t)RETRY_MAX_MS);
		while (!stopping && (j = take_job(t)) != NULL) {
			run_job(t, j);
			finish_job(t, j);
		}
		if (t->lost_count > 0)
			event_active(t->wake, EV_READ, 0);
	}
	/* The last rows, as long as there is time. */
	for (size_t left = 1; batch != NULL && t->n > 0 && mono_elapsed_us(mono_now(), t->stop_by) > 0;)
		if (!flush(t, batch, &left))
			nanosleep(&(struct timespec){ 0, 250000000 }, NULL);
	free(batch);
	return NULL;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

struct store_thread *store_thread_start(const struct store_settings *s, struct error *err)
{
	struct store_thread *t = calloc(1, sizeof(*t));
	pthread_condattr_t attr;

	if (t != NULL) {
		t->s = *s;
		t->rows = calloc(STORE_BUFFER_MAX, sizeof(*t->rows));
		t->wake = event_new(s->loop, -1, EV_READ | EV_PERSIST, on_wake, t);
	}
	if (t == NULL || t->rows == NULL || t->wake == NULL) {
		if (t != NULL)
			free(t->rows);
		free(t);
		error_set(err, ERR_UNAVAILABLE, "no memory for the candle buffer");
		return NULL;
	}
	t->jobs_last = &t->jobs;
	t->answered_last = &t->answered;
	atomic_store(&t->healthy, true);
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&t->thread, NULL, run, t) != 0) {
		event_free(t->wake);
		free(t->rows);
		free(t);
		error_set(err, ERR_UNAVAILABLE, "the candle store's thread could not be started");
		return NULL;
	}
	return t;
}

void store_thread_stop(struct store_thread *t, int64_t wait_ms)
{
	struct job *j;

	if (t == NULL)
		return;
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	t->stop_by = mono_after_ms(mono_now(), wait_ms);
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	if (t->n > 0)
		log_error(&t->s.log, "rows_not_written", LOG_INT("rows", t->n));
	while ((j = take_job(t)) != NULL)
		free(j);
	for (j = t->answered; j != NULL;) {
		struct job *next = j->next;

		free(j);
		j = next;
	}
	t->s.store->close(t->s.store);
	event_free(t->wake);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t->lost);
	free(t->rows);
	free(t);
}
