/* metrics.h - Prometheus counters, gauges and histograms, declared in one list per program.
 *
 * Series without labels exist with value 0 from the start. Labelled series appear when first touched (or when
 * pre-created with a zero add); label values come from closed sets, never from ids. Counting is thread-safe: one atomic
 * operation for a series that is known, a short lock to find it by its labels.
 */
#ifndef ROEHUB_RUNTIME_METRICS_H
#define ROEHUB_RUNTIME_METRICS_H

#include "base/strbuf.h"

#define METRIC_LABELS_MAX 4

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_def {
	enum metric_kind kind;
	const char *name;
	const char *help;
	const char *labels[METRIC_LABELS_MAX]; /* NULL-terminated when shorter */
	const double *buckets;		       /* histogram: ascending upper bounds, without +Inf */
	size_t bucket_count;
};

struct metrics;
struct metric;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);
/* Never fails (aborts without memory); a repeated name is a programming error and aborts. Borrowed from m. */
struct metric *metrics_add(struct metrics *m, const struct metric_def *def);

void metric_add(struct metric *c, double v);
static inline void metric_inc(struct metric *c) { metric_add(c, 1.0); }
void metric_set(struct metric *g, double v);
void metric_observe(struct metric *h, double v);
/* values: as many as the definition has labels */
void metric_add_with(struct metric *c, const char *const *values, double v);
void metric_set_with(struct metric *g, const char *const *values, double v);
void metric_observe_with(struct metric *h, const char *const *values, double v);
/* Current value of a counter or gauge (labels NULL for none), for tests and decisions. */
double metric_value(struct metric *c, const char *const *values);

/* Text format 0.0.4, families in the order of registration, series in order of their labels. */
void metrics_render(struct metrics *m, struct strbuf *out);
/* Adds process_resident_memory_bytes, process_open_fds, process_cpu_seconds_total, process_start_time_seconds. */
void metrics_add_process(struct metrics *m);

#endif
