/* store_thread.h - the candle store's own thread: everything that waits for it happens here, never on the loop.
 *
 * Rows are buffered and written in batches: when max_rows are there or every flush_interval_ms. A failed batch goes back
 * to the front and is tried again with growing pauses. The buffer holds at most STORE_BUFFER_MAX rows; beyond it the
 * oldest are dropped and reported as lost minutes, which the caller fetches again by REST. Queries are answered between
 * two batches, after the rows submitted before them were written; their answers arrive on the loop.
 */
#ifndef ROEHUB_MD_STORE_THREAD_H
#define ROEHUB_MD_STORE_THREAD_H

#include <event2/event.h>

#include "base/log.h"
#include "md_metrics.h"
#include "ports/candle_store.h"

#define STORE_BUFFER_MAX 100000
#define STORE_GAPS_MAX	 512

struct store_thread;

struct store_settings {
	struct event_base *loop;
	struct candle_store *store; /* owned from here on */
	struct md_metrics *metrics;
	struct log_ctx log;
	int64_t flush_interval_ms, max_rows;
	/* On the loop: this candle was dropped from a full buffer. */
	void (*on_lost)(const struct instrument *i, utc_t minute, void *arg);
	void *arg;
};

/* What is stored of an instrument before a point in time, and the holes of the last `scan` minutes. */
struct store_query {
	struct instrument instrument;
	utc_t before;
	int64_t scan_minutes; /* 0: no search for holes */
	void *arg;
};

struct store_answer {
	bool ok;
	struct candle_bounds bounds;
	struct minute_range gaps[STORE_GAPS_MAX]; /* without the confirmed ones */
	size_t gap_count;
};

typedef void (*store_answered)(const struct store_query *q, const struct store_answer *a, void *arg);

struct store_thread *store_thread_start(const struct store_settings *s, struct error *err);
void store_submit(struct store_thread *t, const struct candle *rows, size_t n);
/* done(arg = query.arg) on the loop; a store that is down answers ok = false. */
void store_ask(struct store_thread *t, const struct store_query *q, store_answered done);
void store_confirm_gap(struct store_thread *t, const struct instrument *i, struct minute_range range);
bool store_healthy(struct store_thread *t);
/* Writes what is buffered for at most wait_ms and ends the thread; the rows that remain are counted in the log. */
void store_thread_stop(struct store_thread *t, int64_t wait_ms);

#endif
