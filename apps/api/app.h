/* app.h - the api as a whole, for its handlers. */
#ifndef ROEHUB_API_APP_H
#define ROEHUB_API_APP_H

#include <stdatomic.h>

#include "adapters/config/api_config.h"
#include "adapters/config/strategy_config.h"
#include "adapters/postgres/pg.h"
#include "adapters/redis/redis.h"
#include "ports/identity_store.h"
#include "runtime/client_address.h"
#include "runtime/service.h"
#include "settings.h"

struct docs;
struct limits;

struct app {
	struct service_run *service;
	struct settings settings;
	struct api_config config;
	struct strategy_config strategy;
	struct client_networks trusted_proxies;
	struct limits *limits;
	struct docs *docs; /* NULL: switched off */
	struct http_server *server;
	atomic_bool postgres_ok, redis_ok;
	struct {
		struct metric *logins, *session_rejections, *two_factor, *exchange_keys;
	} metrics;
};

/* What each handler thread has of its own; the lower half is about the request in hand. */
struct api_worker {
	struct app *app;
	struct pg *identity, *strategy; /* the same session when both live in one database */
	struct redis *redis;

	struct user_row user;	/* of a route with ROUTE_SESSION */
	struct pg *idempotency; /* the session whose transaction holds the claim; NULL: none */
	struct str idempotency_key;
};

static inline struct app *app_of(const struct http_request *req) { return req->user; }
static inline struct api_worker *worker_of(const struct http_request *req) { return req->worker; }
static inline struct pg *identity_pg(const struct http_request *req) { return worker_of(req)->identity; }
static inline struct pg *strategy_pg(const struct http_request *req) { return worker_of(req)->strategy; }
/* Who asks; only for routes with ROUTE_SESSION. */
static inline const struct user_row *current_user(const struct http_request *req) { return &worker_of(req)->user; }

/* Answers from an error, logs what the client may not see, and notes whether the database is reachable. */
void app_fail(struct http_request *req, struct http_response *res, const struct error *err);

#endif
