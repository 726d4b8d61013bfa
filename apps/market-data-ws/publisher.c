#include "publisher.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 500

struct publisher {
	struct publisher_settings s;
	pthread_t thread;
	pthread_mutex_t lock; /* guards the ring and `stopping` */
	pthread_cond_t more;
	struct candle *ring;
	size_t first, n;
	bool stopping;
	mono_t stop_by;
	atomic_bool healthy;
	struct candle batch[BATCH_MAX];
	enum candle_publish results[BATCH_MAX];
};

void publisher_offer(struct publisher *p, const struct candle *c)
{
	bool full;

	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	full = p->n == PUBLISHER_QUEUE_MAX;
	if (!full) {
		p->ring[(p->first + p->n++) % PUBLISHER_QUEUE_MAX] = *c;
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	if (full)
		metric_inc(p->s.metrics->redis_errors);
}

bool publisher_healthy(struct publisher *p) { return p == NULL || atomic_load(&p->healthy); }

/* 0: the end. */
static size_t take_batch(struct publisher *p)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	while (p->n == 0 && !p->stopping)
		pthread_cond_wait(&p->more, &p->lock);
	if (p->stopping && mono_elapsed_us(mono_now(), p->stop_by) <= 0)
		p->n = 0;
	n = MIN_OF(p->n, (size_t)BATCH_MAX);
	for (size_t i = 0; i < n; i++)
		p->batch[i] = p->ring[(p->first + i) % PUBLISHER_QUEUE_MAX];
	p->first = (p->first + n) % PUBLISHER_QUEUE_MAX;
	p->n -= n;
	pthread_mutex_unlock(&p->lock);
	return n;
}

static void publish(struct publisher *p, size_t n)
{
	struct md_metrics *m = p->s.metrics;
	struct error err = ERROR_INIT;
	mono_t start = mono_now();
	bool was_healthy = atomic_load(&p->healthy);
	int rc = candle_stream_publish(p->s.redis, p->s.prefix, p->s.maxlen_approx, p->batch, n, p->results, &err);
	double each = (double)mono_elapsed_us(start, mono_now()) / 1e6;
	size_t failed = 0;

	for (size_t i = 0; i < n; i++) {
		metric_observe(m->redis_seconds, each);
		if (p->results[i] == CANDLE_PUBLISHED)
			metric_inc(m->redis_publish);
		else if (p->results[i] == CANDLE_PUBLISH_DUPLICATE)
			metric_inc(m->redis_duplicates);
		else
			failed++;
	}
	metric_add(m->redis_errors, (double)failed);
	atomic_store(&p->healthy, rc == 0);
	/* Once per outage: the counter tells the rest. */
	if (failed > 0 && was_healthy)
		log_error(&p->s.log, "redis_publish_failed", LOG_INT("candles", failed),
			  LOG_CSTR("instrument_key", p->batch[0].instrument_key), LOG_CSTR("msg", err.message),
			  LOG_CSTR("detail", err.detail));
}

static void *run(void *arg)
{
	struct publisher *p = arg;
	size_t n;

	while ((n = take_batch(p)) > 0)
		publish(p, n);
	return NULL;
}

struct publisher *publisher_start(const struct publisher_settings *s, struct error *err)
{
	struct publisher *p = calloc(1, sizeof(*p));

	if (p != NULL) {
		p->s = *s;
		p->ring = calloc(PUBLISHER_QUEUE_MAX, sizeof(*p->ring));
	}
	if (p == NULL || p->ring == NULL) {
		free(p);
		error_set(err, ERR_UNAVAILABLE, "no memory for the publish queue");
		return NULL;
	}
	atomic_store(&p->healthy, true);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	if (pthread_create(&p->thread, NULL, run, p) != 0) {
		free(p->ring);
		free(p);
		error_set(err, ERR_UNAVAILABLE, "the publisher's thread could not be started");
		return NULL;
	}
	return p;
}

void publisher_stop(struct publisher *p, int64_t wait_ms)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	p->stop_by = mono_after_ms(mono_now(), wait_ms);
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	redis_free(p->s.redis);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p->ring);
	free(p);
}
