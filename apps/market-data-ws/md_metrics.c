#include "md_metrics.h"

#include <string.h>

void md_metrics_init(struct md_metrics *m, struct metrics *registry)
{
	static const double insert[] = { .01, .05, .1, .25, .5, 1, 2, 5 };
	static const double to_start[] = { .01, .05, .1, .2, .35, .5, .75, 1, 2 };
	static const double to_done[] = { .05, .1, .2, .35, .5, .75, 1, 2, 5 };
	static const double redis[] = { .001, .005, .01, .025, .05, .1, .25, .5, 1, 2 };
	static const double fill[] = { .1, .25, .5, 1, 2, 5, 10, 30, 60 };
#define H(b) (b), ARRAY_LEN(b)
	const struct {
		struct metric **out;
		enum metric_kind kind;
		const char *name, *help;
		const double *buckets;
		size_t bucket_count;
		const char *labels[METRIC_LABELS_MAX];
	} rows[] = {
		{ &m->ws_connected, METRIC_GAUGE, "ws_connected", "Open WebSocket connections", NULL, 0, { 0 } },
		{ &m->ws_reconnects, METRIC_COUNTER, "ws_reconnects_total", "Successful re-connections", NULL, 0, { 0 } },
		{ &m->ws_messages, METRIC_COUNTER, "ws_messages_total", "Frames received", NULL, 0, { 0 } },
		{ &m->ws_errors, METRIC_COUNTER, "ws_errors_total", "Connection and frame failures", NULL, 0, { 0 } },
		{ &m->ignored_non_closed, METRIC_COUNTER, "ignored_non_closed_total", "Frames of forming bars", NULL, 0, { 0 } },
		{ &m->insert_rows, METRIC_COUNTER, "insert_rows_total", "Rows written to the candle store", NULL, 0, { 0 } },
		{ &m->insert_batches, METRIC_COUNTER, "insert_batches_total", "Batches written", NULL, 0, { 0 } },
		{ &m->insert_seconds, METRIC_HISTOGRAM, "insert_duration_seconds", "Duration of one write", H(insert), { 0 } },
		{ &m->insert_errors, METRIC_COUNTER, "insert_errors_total", "Failed writes", NULL, 0, { 0 } },
		{ &m->closed_to_start, METRIC_HISTOGRAM, "ws_closed_to_insert_start_seconds", "Frame to start of its write",
		  H(to_start), { 0 } },
		{ &m->closed_to_done, METRIC_HISTOGRAM, "ws_closed_to_insert_done_seconds", "Frame to end of its write",
		  H(to_done), { 0 } },
		{ &m->out_of_order, METRIC_COUNTER, "ws_out_of_order_total", "Closed bars older than the last one", NULL, 0, { 0 } },
		{ &m->duplicates, METRIC_COUNTER, "ws_duplicates_total", "Closed bars seen twice", NULL, 0, { 0 } },
		{ &m->buffer_rows, METRIC_GAUGE, "insert_buffer_rows", "Rows waiting for the candle store", NULL, 0, { 0 } },
		{ &m->buffer_dropped, METRIC_COUNTER, "insert_buffer_dropped_total",
		  "Rows dropped from a full buffer; fetched again by REST", NULL, 0, { 0 } },
		{ &m->redis_publish, METRIC_COUNTER, "redis_publish_total", "Candles appended to their streams", NULL, 0, { 0 } },
		{ &m->redis_errors, METRIC_COUNTER, "redis_publish_errors_total", "Candles that could not be published", NULL, 0,
		  { 0 } },
		{ &m->redis_duplicates, METRIC_COUNTER, "redis_publish_duplicates_total", "Candles the stream had already", NULL,
		  0, { 0 } },
		{ &m->redis_seconds, METRIC_HISTOGRAM, "redis_publish_duration_seconds", "Duration of one publish", H(redis),
		  { 0 } },
		{ &m->fill_tasks, METRIC_COUNTER, "rest_fill_tasks_total", "REST fills accepted", NULL, 0, { 0 } },
		{ &m->fill_active, METRIC_GAUGE, "rest_fill_active", "REST fills running", NULL, 0, { 0 } },
		{ &m->fill_errors, METRIC_COUNTER, "rest_fill_errors_total", "REST fills that failed", NULL, 0, { 0 } },
		{ &m->fill_seconds, METRIC_HISTOGRAM, "rest_fill_duration_seconds", "Duration of a REST fill", H(fill), { 0 } },
		{ &m->rest_errors, METRIC_COUNTER, "rest_errors_total", "Failed REST calls", NULL, 0,
		  { "exchange", "market_type", "status_code" } },
		{ &m->rest_retries, METRIC_COUNTER, "rest_retries_total", "REST calls repeated", NULL, 0,
		  { "exchange", "market_type" } },
		{ &m->rest_sleeps, METRIC_COUNTER, "rest_rate_limit_sleeps_total", "Waits for the request budget", NULL, 0,
		  { "exchange", "market_type" } },
		{ &m->gaps, METRIC_COUNTER, "gap_minutes_total", "Minutes queued for repair by REST", NULL, 0, { 0 } },
		{ &m->gaps_confirmed, METRIC_COUNTER, "gap_minutes_confirmed_total", "Minutes the exchange never had", NULL, 0,
		  { 0 } },
	};
#undef H

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct metric_def def = { .kind = rows[i].kind,
					  .name = rows[i].name,
					  .help = rows[i].help,
					  .buckets = rows[i].buckets,
					  .bucket_count = rows[i].bucket_count };

		memcpy(def.labels, rows[i].labels, sizeof(def.labels));
		*rows[i].out = metrics_add(registry, &def);
	}
}
