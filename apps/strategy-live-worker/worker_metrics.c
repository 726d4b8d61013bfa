#include "worker_metrics.h"

#include "domain/strategy/run.h"

static struct metric *counter(struct metrics *r, const char *name, const char *help)
{
	return metrics_add(r, &(struct metric_def){ .kind = METRIC_COUNTER, .name = name, .help = help });
}

void worker_metrics_init(struct worker_metrics *m, struct metrics *r)
{
	static const double seconds[] = { 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60 };

	m->iterations = counter(r, "strategy_live_runner_iterations_total", "Successful iterations");
	m->iteration_errors = counter(r, "strategy_live_runner_iteration_errors_total", "Iterations ended by an error");
	m->messages_read = counter(r, "strategy_live_runner_messages_read_total", "Valid candle messages read");
	m->messages_acked =
		counter(r, "strategy_live_runner_messages_acked_total", "Messages acknowledged after processing");
	m->failed_runs = counter(r, "strategy_live_runner_failed_runs_total", "Runs moved to failed");
	m->iteration_seconds =
		metrics_add(r, &(struct metric_def){ .kind = METRIC_HISTOGRAM,
						     .name = "strategy_live_runner_iteration_duration_seconds",
						     .help = "Duration of successful iterations",
						     .buckets = seconds,
						     .bucket_count = ARRAY_LEN(seconds) });
	m->publish = counter(r, "strategy_realtime_output_publish_total", "Accepted realtime records");
	m->publish_errors = counter(r, "strategy_realtime_output_publish_errors_total", "Realtime records that failed");
	m->publish_duplicates = counter(r, "strategy_realtime_output_publish_duplicates_total",
					"Realtime records with a used or older id");
	m->notify = counter(r, "strategy_telegram_notify_total", "Notifications sent, or logged in log_only mode");
	m->notify_errors = counter(r, "strategy_telegram_notify_errors_total", "Notifications that failed");
	m->notify_skipped =
		counter(r, "strategy_telegram_notify_skipped_total", "Notifications of users without a confirmed chat");
	m->notify_debounced =
		counter(r, "strategy_telegram_notify_debounced_total", "Repeated failures not offered again");
	m->active_runs = metrics_add(r, &(struct metric_def){ .kind = METRIC_GAUGE,
							      .name = "strategy_live_runner_active_runs",
							      .help = "Active runs by state",
							      .labels = { "state" } });
	for (int s = 0; s < RUN_STATE_COUNT; s++)
		if (run_state_active((enum run_state)s))
			metric_set_with(m->active_runs, (const char *const[]){ run_state_text((enum run_state)s) }, 0);
	m->invalid_messages =
		counter(r, "strategy_live_runner_invalid_messages_total", "Stream messages acknowledged and dropped");
	m->repairs = metrics_add(r, &(struct metric_def){ .kind = METRIC_COUNTER,
							  .name = "strategy_live_runner_repairs_total",
							  .help = "Gap repairs by result",
							  .labels = { "result" } });
	metric_add_with(m->repairs, (const char *const[]){ "continuous" }, 0);
	metric_add_with(m->repairs, (const char *const[]){ "incomplete" }, 0);
	m->max_lag = metrics_add(r, &(struct metric_def){ .kind = METRIC_GAUGE,
							  .name = "strategy_live_runner_max_lag_seconds",
							  .help = "Oldest checkpoint of a running run, in seconds" });
	m->signals = counter(r, "strategy_live_runner_signals_total", "Signal events stored");
	m->held_dropped = counter(r, "strategy_live_runner_held_candles_dropped_total",
				  "Candles that a run under repair did not hold; it reads them from the store");
}
