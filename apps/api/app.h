/* app.h - the api as a whole, for its handlers. */
#ifndef ROEHUB_API_APP_H
#define ROEHUB_API_APP_H

#include <stdatomic.h>

#include "adapters/config/strategy_config.h"
#include "adapters/postgres/pg.h"
#include "runtime/service.h"
#include "settings.h"

struct app {
	struct service_run *service;
	struct settings settings;
	struct strategy_config strategy;
	struct http_server *server;
	atomic_bool postgres_ok;
	struct metric *logins, *session_rejections;
};

/* What each handler thread has of its own. */
struct api_worker {
	struct app *app;
	struct pg *identity, *strategy; /* the same session when both live in one database */
};

static inline struct app *app_of(const struct http_request *req) { return req->user; }
static inline struct pg *identity_pg(const struct http_request *req)
{
	return ((struct api_worker *)req->worker)->identity;
}
static inline struct pg *strategy_pg(const struct http_request *req)
{
	return ((struct api_worker *)req->worker)->strategy;
}

/* Answers from an error, logs what the client may not see, and notes whether the database is reachable. */
void app_fail(struct http_request *req, struct http_response *res, const struct error *err);

#endif
