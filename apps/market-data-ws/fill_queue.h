/* fill_queue.h - minutes fetched by REST: a queue on the loop, a few tasks at a time, one per instrument, paged, paced by
 * the request budget, repeated on failure. Rows go to the candle store only; minutes that the exchange answered around
 * are recorded as confirmed gaps. */
#ifndef ROEHUB_MD_FILL_QUEUE_H
#define ROEHUB_MD_FILL_QUEUE_H

#include "adapters/config/market_data_config.h"
#include "domain/market/fill_range.h"
#include "runtime/http_client.h"
#include "store_thread.h"

struct fill_queue;

struct fill_settings {
	struct event_base *loop;
	struct http_loop *http;
	struct store_thread *store;
	const struct market_config *market; /* borrowed */
	int concurrency;
	struct md_metrics *metrics;
	struct log_ctx log;
	struct uuid ingest_id;
	utc_t (*exchange_now)(void *arg); /* newest instant the exchange has told; UTC_NONE: none yet */
	void *arg;
};

struct fill_queue *fill_queue_new(const struct fill_settings *s, struct error *err);
void fill_queue_free(struct fill_queue *q); /* abandons what is queued and running */
/* false: the same range is queued or running already. delay_ms: not before. */
bool fill_queue_add(struct fill_queue *q, const struct instrument *i, const struct fill_range *range, int64_t delay_ms);

/* One call outside the queue's order, with the same budget: the exchange's clock. */
typedef void (*fill_time_done)(bool ok, utc_t now, void *arg);
bool fill_queue_ask_time(struct fill_queue *q, fill_time_done done, void *arg);

#endif
