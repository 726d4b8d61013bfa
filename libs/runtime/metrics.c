#include "runtime/metrics.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/number.h"
#include "base/utc.h"

#define LABEL_KEY_MAX 512
#define FAMILIES_MAX  256

/* One line of output (counter, gauge) or one set of buckets. Doubles live in 64-bit atomics, changed by compare and swap. */
struct series {
	struct series *next;
	char *labels;		   /* `method="GET",status="200"`, "" without labels */
	_Atomic uint64_t value;	   /* counter, gauge: the value; histogram: the sum */
	_Atomic uint64_t count;	   /* histogram: observations */
	_Atomic uint64_t *buckets; /* histogram: observations per bucket, not cumulative; the last is +Inf */
};

struct metric {
	enum metric_kind kind;
	char *name, *help;
	char *labels[METRIC_LABELS_MAX];
	size_t label_count;
	double *bounds;
	size_t bound_count;
	pthread_mutex_t lock;		 /* guards adding to the list; readers walk it without */
	_Atomic(struct series *) series; /* only ever grows */
};

struct metrics {
	pthread_mutex_t lock;
	struct metric *families[FAMILIES_MAX];
	atomic_size_t count;
	struct {
		struct metric *rss, *fds, *cpu, *start;
	} process;
};

static void *must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

struct metrics *metrics_new(void)
{
	struct metrics *m = must(calloc(1, sizeof(*m)));

	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void metric_free(struct metric *f)
{
	for (struct series *s = atomic_load(&f->series), *next; s != NULL; s = next) {
		next = s->next;
		free(s->labels);
		free(s->buckets);
		free(s);
	}
	for (size_t i = 0; i < f->label_count; i++)
		free(f->labels[i]);
	pthread_mutex_destroy(&f->lock);
	free(f->bounds);
	free(f->name);
	free(f->help);
	free(f);
}

void metrics_free(struct metrics *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < atomic_load(&m->count); i++)
		metric_free(m->families[i]);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static struct series *find(const struct metric *f, const char *labels)
{
	struct series *s = atomic_load_explicit(&f->series, memory_order_acquire);

	while (s != NULL && strcmp(s->labels, labels) != 0)
		s = s->next;
	return s;
}

static struct series *find_or_add(struct metric *f, const char *labels)
{
	struct series *s = find(f, labels);

	if (s != NULL)
		return s;
	pthread_mutex_lock(&f->lock);
	s = find(f, labels);
	if (s == NULL) {
		s = must(calloc(1, sizeof(*s)));
		s->labels = must(strdup(labels));
		if (f->kind == METRIC_HISTOGRAM)
			s->buckets = must(calloc(f->bound_count + 1, sizeof(*s->buckets)));
		s->next = atomic_load(&f->series);
		atomic_store_explicit(&f->series, s, memory_order_release);
	}
	pthread_mutex_unlock(&f->lock);
	return s;
}

struct metric *metrics_add(struct metrics *m, const struct metric_def *def)
{
	struct metric *f = must(calloc(1, sizeof(*f)));
	size_t n;

	f->kind = def->kind;
	f->name = must(strdup(def->name));
	f->help = must(strdup(def->help != NULL ? def->help : ""));
	for (; f->label_count < METRIC_LABELS_MAX && def->labels[f->label_count] != NULL; f->label_count++)
		f->labels[f->label_count] = must(strdup(def->labels[f->label_count]));
	if (def->bucket_count > 0) {
		f->bounds = must(malloc(def->bucket_count * sizeof(double)));
		memcpy(f->bounds, def->buckets, def->bucket_count * sizeof(double));
		f->bound_count = def->bucket_count;
	}
	pthread_mutex_init(&f->lock, NULL);
	if (f->label_count == 0)
		find_or_add(f, "");
	pthread_mutex_lock(&m->lock);
	n = atomic_load(&m->count);
	for (size_t i = 0; i < n; i++)
		if (strcmp(m->families[i]->name, f->name) == 0)
			abort(); /* two owners of one name: a programming error */
	if (n == FAMILIES_MAX)
		abort();
	m->families[n] = f;
	atomic_store(&m->count, n + 1);
	pthread_mutex_unlock(&m->lock);
	return f;
}

/* ---- counting ------------------------------------------------------------------------------------------------------ */

static double as_double(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static uint64_t as_bits(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static void atomic_add_double(_Atomic uint64_t *at, double v)
{
	uint64_t old = atomic_load_explicit(at, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(at, &old, as_bits(as_double(old) + v), memory_order_relaxed,
						      memory_order_relaxed))
		;
}

static void add_escaped(struct strbuf *sb, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			strbuf_addch(sb, '\\');
		if (*value == '\n')
			strbuf_addc(sb, "\\n");
		else
			strbuf_addch(sb, *value);
	}
}

static struct series *series_of(struct metric *f, const char *const *values)
{
	struct strbuf key = STRBUF_INIT(LABEL_KEY_MAX);
	struct series *s;

	if (f->label_count == 0 || values == NULL)
		return find_or_add(f, "");
	for (size_t i = 0; i < f->label_count; i++) {
		strbuf_addf(&key, "%s%s=\"", i > 0 ? "," : "", f->labels[i]);
		add_escaped(&key, values[i]);
		strbuf_addch(&key, '"');
	}
	s = find_or_add(f, key.failed ? "" : strbuf_cstr(&key));
	strbuf_release(&key);
	return s;
}

void metric_add_with(struct metric *c, const char *const *values, double v)
{
	atomic_add_double(&series_of(c, values)->value, v);
}

void metric_set_with(struct metric *g, const char *const *values, double v)
{
	atomic_store_explicit(&series_of(g, values)->value, as_bits(v), memory_order_relaxed);
}

void metric_observe_with(struct metric *h, const char *const *values, double v)
{
	struct series *s = series_of(h, values);
	size_t i = 0;

	while (i < h->bound_count && v > h->bounds[i])
		i++;
	atomic_fetch_add_explicit(&s->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
	atomic_add_double(&s->value, v);
}

void metric_add(struct metric *c, double v) { metric_add_with(c, NULL, v); }

void metric_set(struct metric *g, double v) { metric_set_with(g, NULL, v); }

void metric_observe(struct metric *h, double v) { metric_observe_with(h, NULL, v); }

double metric_value(struct metric *c, const char *const *values)
{
	return as_double(atomic_load(&series_of(c, values)->value));
}

/* ---- output -------------------------------------------------------------------------------------------------------- */

static void add_value(struct strbuf *out, double v)
{
	char text[NUMBER_TEXT_MAX];

	strbuf_addc(out, number_format_untyped(v, text));
	strbuf_addch(out, '\n');
}

static void render_histogram(const struct metric *f, const struct series *s, struct strbuf *out)
{
	const char *comma = s->labels[0] != '\0' ? "," : "";
	uint64_t total = 0;

	for (size_t i = 0; i <= f->bound_count; i++) {
		char bound[NUMBER_TEXT_MAX];

		total += atomic_load(&s->buckets[i]);
		strbuf_addf(out, "%s_bucket{%s%sle=\"%s\"} %llu\n", f->name, s->labels, comma,
			    i < f->bound_count ? number_format_untyped(f->bounds[i], bound) : "+Inf",
			    (unsigned long long)total);
	}
	strbuf_addf(out, s->labels[0] != '\0' ? "%s_sum{%s} " : "%s_sum%s ", f->name, s->labels);
	add_value(out, as_double(atomic_load(&s->value)));
	/* The count is the sum of the buckets just printed, so that a scrape is consistent in itself. */
	strbuf_addf(out, s->labels[0] != '\0' ? "%s_count{%s} %llu\n" : "%s_count%s %llu\n", f->name, s->labels,
		    (unsigned long long)total);
}

static int by_labels(const void *a, const void *b)
{
	return strcmp((*(const struct series *const *)a)->labels, (*(const struct series *const *)b)->labels);
}

static void render_family(const struct metric *f, struct strbuf *out)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	struct series *head = atomic_load_explicit(&f->series, memory_order_acquire), **sorted;
	size_t n = 0, i = 0;

	strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, kinds[f->kind]);
	for (struct series *s = head; s != NULL; s = s->next)
		n++;
	if (n == 0)
		return;
	sorted = must(malloc(n * sizeof(struct series *)));
	for (struct series *s = head; s != NULL; s = s->next)
		sorted[i++] = s;
	qsort(sorted, n, sizeof(struct series *), by_labels);
	for (i = 0; i < n; i++) {
		if (f->kind == METRIC_HISTOGRAM) {
			render_histogram(f, sorted[i], out);
			continue;
		}
		strbuf_addf(out, sorted[i]->labels[0] != '\0' ? "%s{%s} " : "%s%s ", f->name, sorted[i]->labels);
		add_value(out, as_double(atomic_load(&sorted[i]->value)));
	}
	free(sorted);
}

static long read_statm_pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size = 0, resident = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident;
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = -3; /* ".", ".." and the folder's own descriptor */

	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void refresh_process(struct metrics *m)
{
	struct timespec cpu;

	metric_set(m->process.rss, (double)read_statm_pages() * (double)sysconf(_SC_PAGESIZE));
	metric_set(m->process.fds, count_fds());
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
		metric_set(m->process.cpu, (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
}

void metrics_add_process(struct metrics *m)
{
	m->process.rss = metrics_add(m, &(struct metric_def){ .kind = METRIC_GAUGE,
							      .name = "process_resident_memory_bytes",
							      .help = "Resident memory" });
	m->process.fds = metrics_add(m, &(struct metric_def){ .kind = METRIC_GAUGE,
							      .name = "process_open_fds",
							      .help = "Open file descriptors" });
	m->process.cpu = metrics_add(m, &(struct metric_def){ .kind = METRIC_COUNTER,
							      .name = "process_cpu_seconds_total",
							      .help = "User and system CPU time" });
	m->process.start = metrics_add(m, &(struct metric_def){ .kind = METRIC_GAUGE,
								.name = "process_start_time_seconds",
								.help = "Start, in seconds since 1970" });
	metric_set(m->process.start, (double)utc_now().ms / 1000.0);
}

void metrics_render(struct metrics *m, struct strbuf *out)
{
	size_t n = atomic_load(&m->count);

	if (m->process.rss != NULL)
		refresh_process(m);
	for (size_t i = 0; i < n; i++)
		render_family(m->families[i], out);
}
