#include "limits.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/redis/rate_limit.h"

#define WINDOW_MS    60000
#define BATCHES	     60 /* of a window's permits, for what is fetched in batches */
#define LEASES	     4096
#define LEASE_MS     1000
#define SUBJECT_MAX  64
#define KEY_MAX	     128
#define MESSAGE_MANY "Too many requests. Try again later."

/* Permits fetched and not spent yet. */
struct lease {
	char subject[SUBJECT_MAX];
	enum api_limit limit;
	int64_t permits;
	mono_t expires;
};

struct limits {
	int64_t per_minute[API_LIMITS];
	struct metric *refused, *unavailable;
	pthread_mutex_t lock; /* guards the leases */
	struct lease leases[LEASES];
};

static const struct {
	bool batched;	  /* spent from leases */
	bool fail_closed; /* without Redis: refused */
} policies[API_LIMITS] = {
	[API_LIMIT_CLIENT] = { .batched = true },
	[API_LIMIT_READ] = { .batched = true },
	[API_LIMIT_WRITE] = { .batched = false },
	[API_LIMIT_LOGIN] = { .fail_closed = true },
	[API_LIMIT_TWO_FACTOR] = { .fail_closed = true },
	[API_LIMIT_EXCHANGE_KEYS] = { .fail_closed = true },
};

struct limits *limits_new(const struct api_config *config, struct metrics *metrics)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	for (int i = 0; i < API_LIMITS; i++)
		l->per_minute[i] = config->limits[i];
	l->refused = metrics_add(metrics, &(struct metric_def){ .kind = METRIC_COUNTER,
								.name = "roehub_api_rate_limited_total",
								.help = "Requests refused by a rate limit",
								.labels = { "limit" } });
	l->unavailable = metrics_add(metrics, &(struct metric_def){ .kind = METRIC_COUNTER,
								    .name = "roehub_api_rate_limit_unavailable_total",
								    .help = "Requests whose rate limit could not be asked",
								    .labels = { "limit" } });
	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void limits_free(struct limits *l)
{
	if (l == NULL)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* ---- leases -------------------------------------------------------------------------------------------------------- */

static struct lease *lease_slot(struct limits *l, enum api_limit limit, const char *subject)
{
	uint64_t hash = 1469598103934665603u ^ (uint64_t)limit; /* FNV-1a */

	for (const char *p = subject; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211u;
	return &l->leases[hash % LEASES];
}

static bool lease_is_of(const struct lease *s, enum api_limit limit, const char *subject)
{
	return s->limit == limit && str_eq_c(str_from(subject), s->subject);
}

static bool lease_spend(struct limits *l, enum api_limit limit, const char *subject)
{
	struct lease *s = lease_slot(l, limit, subject);
	bool spent;

	pthread_mutex_lock(&l->lock);
	spent = s->permits > 0 && lease_is_of(s, limit, subject) && mono_elapsed_us(mono_now(), s->expires) > 0;
	if (spent)
		s->permits--;
	pthread_mutex_unlock(&l->lock);
	return spent;
}

/* Two subjects on one slot take turns: the permits of the other are lost, never used by the wrong one. */
static void lease_keep(struct limits *l, enum api_limit limit, const char *subject, int64_t permits)
{
	struct lease *s = lease_slot(l, limit, subject);

	pthread_mutex_lock(&l->lock);
	if (!lease_is_of(s, limit, subject) || mono_elapsed_us(mono_now(), s->expires) <= 0)
		s->permits = 0;
	str_copy(s->subject, sizeof(s->subject), str_from(subject));
	s->limit = limit;
	s->permits += permits;
	s->expires = mono_after_ms(mono_now(), LEASE_MS);
	pthread_mutex_unlock(&l->lock);
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */

static int ask(struct http_request *req, enum api_limit limit, const char *subject, int64_t cost, int64_t *wait_ms,
	       struct error *err)
{
	struct app *app = app_of(req);
	char key[KEY_MAX];
	int rc;

	snprintf(key, sizeof(key), "api.limit.%s.%s", api_limit_text(limit), subject);
	rc = rate_limit_take(worker_of(req)->redis, str_from(key), app->limits->per_minute[limit], WINDOW_MS, cost,
			     wait_ms, err);
	atomic_store(&app->redis_ok, rc == 0);
	return rc;
}

static bool unavailable(struct http_request *req, struct http_response *res, enum api_limit limit,
			const struct error *err)
{
	struct app *app = app_of(req);

	metric_add_with(app->limits->unavailable, (const char *const[]){ api_limit_text(limit) }, 1);
	if (!policies[limit].fail_closed)
		return true;
	log_warn(&app->service->log, "rate_limit_unavailable", LOG_CSTR("limit", api_limit_text(limit)),
		 LOG_CSTR("msg", err->message));
	http_error(res, 503, "service_unavailable", "Service temporarily unavailable");
	http_set_header(res, "Retry-After", STR("1"));
	return false;
}

static bool refuse(struct http_request *req, struct http_response *res, enum api_limit limit, int64_t wait_ms)
{
	char seconds[24];

	metric_add_with(app_of(req)->limits->refused, (const char *const[]){ api_limit_text(limit) }, 1);
	snprintf(seconds, sizeof(seconds), "%lld", (long long)(wait_ms + 999) / 1000);
	http_error(res, 429, "too_many_requests", MESSAGE_MANY);
	http_set_header(res, "Retry-After", str_from(seconds));
	return false;
}

bool limits_take(struct http_request *req, struct http_response *res, enum api_limit limit, const char *subject)
{
	struct limits *l = app_of(req)->limits;
	int64_t batch = policies[limit].batched ? MAX_OF(l->per_minute[limit] / BATCHES, (int64_t)1) : 1, wait_ms;
	struct error err = ERROR_INIT;

	if (l->per_minute[limit] == 0 || (policies[limit].batched && lease_spend(l, limit, subject)))
		return true;
	if (ask(req, limit, subject, batch, &wait_ms, &err) != 0)
		return unavailable(req, res, limit, &err);
	if (wait_ms == 0) {
		if (batch > 1)
			lease_keep(l, limit, subject, batch - 1);
		return true;
	}
	/* not enough for a batch may still be enough for one */
	if (batch > 1 && ask(req, limit, subject, 1, &wait_ms, &err) != 0)
		return unavailable(req, res, limit, &err);
	return wait_ms == 0 || refuse(req, res, limit, wait_ms);
}

void limits_give_back(struct http_request *req, enum api_limit limit, const char *subject)
{
	int64_t ignored;

	if (app_of(req)->limits->per_minute[limit] > 0)
		ask(req, limit, subject, -1, &ignored, NULL);
}
