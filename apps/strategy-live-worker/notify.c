#include "notify.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/postgres/pg.h"
#include "ports/identity_store.h"

#define EVENT_TYPE_MAX 24

struct item {
	struct item *next;
	struct uuid user_id, strategy_id, run_id;
	char event_type[EVENT_TYPE_MAX];
	size_t text_len;
	char text[];
};

struct notify {
	struct notify_settings settings;
	char *dsn;
	pthread_t thread;
	pthread_mutex_t lock; /* guards the list and the flags */
	pthread_cond_t changed;
	struct item *first, **last;
	size_t count;
	bool stopping;
	mono_t stop_by;
	struct pg *pg; /* thread's own */
};

static struct timespec deadline_in(int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Waits until the time is over or the thread is to stop; true: stop. */
static bool pause_ms(struct notify *n, int64_t ms)
{
	struct timespec until = deadline_in(ms);
	bool stopping;

	pthread_mutex_lock(&n->lock);
	while (!n->stopping && pthread_cond_timedwait(&n->changed, &n->lock, &until) == 0)
		;
	stopping = n->stopping;
	pthread_mutex_unlock(&n->lock);
	return stopping;
}

static int find_chat(struct notify *n, const struct item *item, int64_t *chat_id, struct error *err)
{
	static const struct pg_options options = { .application_name = "strategy-live-worker/notify",
						   .statement_timeout_ms = 5000 };

	if (n->pg == NULL && (n->pg = pg_open(n->dsn, &options, err)) == NULL)
		return -1;
	return identity_store_chat(n->pg, item->user_id, chat_id, err);
}

static void deliver(struct notify *n, const struct item *item)
{
	char strategy[UUID_TEXT_MAX], run[UUID_TEXT_MAX];
	struct log_ctx log = n->settings.log;
	struct notification what = { .text = { item->text, item->text_len },
				     .event_type = str_from(item->event_type),
				     .strategy_id = str_from(uuid_format(item->strategy_id, strategy)),
				     .run_id = str_from(uuid_format(item->run_id, run)) };
	struct error err = ERROR_INIT;
	int64_t retry_after_s = 0;
	int rc = find_chat(n, item, &what.chat_id, &err);

	if (rc != 0 && err.code == ERR_NOT_FOUND) {
		metric_inc(n->settings.metrics->notify_skipped);
		log_warn(&log, "notification_skipped", LOG_CSTR("reason", "no_confirmed_chat_binding"),
			 LOG_STR("event_type", what.event_type), LOG_STR("strategy_id", what.strategy_id),
			 LOG_STR("run_id", what.run_id));
		return;
	}
	if (rc == 0)
		rc = n->settings.notifier->send(n->settings.notifier, &what, &retry_after_s, &err);
	if (rc != 0 && err.code == ERR_RATE_LIMITED && !pause_ms(n, retry_after_s * 1000))
		rc = n->settings.notifier->send(n->settings.notifier, &what, &retry_after_s, &err);
	if (rc == 0) {
		metric_inc(n->settings.metrics->notify);
		return;
	}
	metric_inc(n->settings.metrics->notify_errors);
	log_warn(&log, "notification_failed", LOG_STR("event_type", what.event_type),
		 LOG_STR("strategy_id", what.strategy_id), LOG_STR("run_id", what.run_id), LOG_CSTR("msg", err.message),
		 LOG_CSTR("detail", err.detail));
}

static struct item *take(struct notify *n)
{
	struct item *item;

	pthread_mutex_lock(&n->lock);
	while (n->first == NULL && !n->stopping)
		pthread_cond_wait(&n->changed, &n->lock);
	item = n->first;
	if (item != NULL && n->stopping && mono_elapsed_us(mono_now(), n->stop_by) <= 0)
		item = NULL; /* out of time: what is left is dropped by notify_stop() */
	if (item != NULL) {
		n->first = item->next;
		if (n->first == NULL)
			n->last = &n->first;
		n->count--;
	}
	pthread_mutex_unlock(&n->lock);
	return item;
}

static void *run(void *arg)
{
	struct notify *n = arg;
	struct item *item;

	while ((item = take(n)) != NULL) {
		deliver(n, item);
		free(item);
	}
	pg_close(n->pg);
	n->pg = NULL;
	return NULL;
}

struct notify *notify_start(const struct notify_settings *settings, struct error *err)
{
	struct notify *n = calloc(1, sizeof(*n));
	pthread_condattr_t attr;

	if (n == NULL || (n->dsn = strdup(settings->identity_dsn)) == NULL) {
		free(n);
		error_set(err, ERR_UNAVAILABLE, "no memory for the notifier queue");
		return NULL;
	}
	n->settings = *settings;
	n->last = &n->first;
	pthread_mutex_init(&n->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&n->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&n->thread, NULL, run, n) != 0) {
		pthread_cond_destroy(&n->changed);
		pthread_mutex_destroy(&n->lock);
		free(n->dsn);
		free(n);
		error_set(err, ERR_UNAVAILABLE, "the notifier thread could not be started");
		return NULL;
	}
	return n;
}

void notify_offer(struct notify *n, struct uuid user_id, struct uuid strategy_id, struct uuid run_id,
		  const char *event_type, struct str text)
{
	struct item *item = malloc(sizeof(*item) + text.n);
	bool accepted = false;

	if (item != NULL) {
		*item = (struct item){
			.user_id = user_id, .strategy_id = strategy_id, .run_id = run_id, .text_len = text.n
		};
		snprintf(item->event_type, sizeof(item->event_type), "%s", event_type);
		memcpy(item->text, text.p, text.n);
		pthread_mutex_lock(&n->lock);
		if (n->count < NOTIFY_QUEUE_MAX && !n->stopping) {
			*n->last = item;
			n->last = &item->next;
			n->count++;
			accepted = true;
			pthread_cond_signal(&n->changed);
		}
		pthread_mutex_unlock(&n->lock);
	}
	if (!accepted) {
		free(item);
		metric_inc(n->settings.metrics->notify_errors);
	}
}

void notify_stop(struct notify *n, int wait_ms)
{
	if (n == NULL)
		return;
	pthread_mutex_lock(&n->lock);
	n->stopping = true;
	n->stop_by = mono_after_ms(mono_now(), wait_ms);
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	pthread_join(n->thread, NULL);
	for (struct item *item = n->first, *next; item != NULL; item = next) {
		next = item->next;
		free(item);
		metric_inc(n->settings.metrics->notify_errors);
	}
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
	n->settings.notifier->close(n->settings.notifier);
	free(n->dsn);
	free(n);
}
