/* worker_metrics.h - every metric of the live worker, declared once. */
#ifndef ROEHUB_WORKER_METRICS_H
#define ROEHUB_WORKER_METRICS_H

#include "runtime/metrics.h"

struct worker_metrics {
	struct metric *iterations, *iteration_errors, *messages_read, *messages_acked, *failed_runs, *iteration_seconds;
	struct metric *publish, *publish_errors, *publish_duplicates;
	struct metric *notify, *notify_errors, *notify_skipped, *notify_debounced;
	struct metric *active_runs, *invalid_messages, *repairs, *max_lag, *signals, *held_dropped;
};

void worker_metrics_init(struct worker_metrics *m, struct metrics *registry);

#endif
