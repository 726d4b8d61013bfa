/* md_metrics.h - every metric of market-data-ws, declared once. */
#ifndef ROEHUB_MD_METRICS_H
#define ROEHUB_MD_METRICS_H

#include "runtime/metrics.h"

struct md_metrics {
	struct metric *ws_connected, *ws_reconnects, *ws_messages, *ws_errors, *ignored_non_closed;
	struct metric *insert_rows, *insert_batches, *insert_seconds, *insert_errors, *closed_to_start, *closed_to_done;
	struct metric *out_of_order, *duplicates, *buffer_dropped, *buffer_rows;
	struct metric *redis_publish, *redis_errors, *redis_duplicates, *redis_seconds;
	struct metric *fill_tasks, *fill_active, *fill_errors, *fill_seconds;
	struct metric *rest_errors, *rest_retries, *rest_sleeps, *gaps, *gaps_confirmed;
};

void md_metrics_init(struct md_metrics *m, struct metrics *registry);

#endif
