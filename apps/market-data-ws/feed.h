/* feed.h - one WebSocket connection of Binance spot with its fixed set of instruments: connect, read, notice what is
 * missing, reconnect with growing pauses, and fetch by REST what went by meanwhile. */
#ifndef ROEHUB_MD_FEED_H
#define ROEHUB_MD_FEED_H

#include "fill_queue.h"
#include "publisher.h"
#include "runtime/ws.h"

struct feed;

struct feed_settings {
	struct event_base *loop;
	const struct market_config *market;   /* borrowed */
	const struct instrument *instruments; /* copied */
	size_t count;
	struct store_thread *store;
	struct publisher *publisher; /* may be NULL */
	struct fill_queue *fills;
	struct md_metrics *metrics;
	struct log_ctx log;
	struct uuid ingest_id;
	int64_t bootstrap_max_minutes, gap_scan_minutes;
	int64_t start_delay_ms;			      /* connections of a start are staggered */
	void (*on_exchange_time)(utc_t t, void *arg); /* each frame tells it */
	void *arg;
};

struct feed *feed_start(const struct feed_settings *s, struct error *err);
void feed_drain(struct feed *f); /* closes the socket and connects no more */
bool feed_drained(const struct feed *f);
bool feed_connected(const struct feed *f);
void feed_free(struct feed *f);
/* A minute of one of this feed's instruments was lost on its way to the store. false: not ours. */
bool feed_refetch(struct feed *f, const struct instrument *i, utc_t minute);

#endif
