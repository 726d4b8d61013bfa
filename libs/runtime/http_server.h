/* http_server.h - HTTP/1.1 for our own processes: one loop thread owns the sockets (evhttp), a pool of handler threads
 * runs each request start to end as straight-line blocking code.
 *
 * Routes are a table. Order of checks: request line and headers (400, 414/431), path (404), method (405 with Allow),
 * body size (413), queue (503 with Retry-After), then the handler. A body or header that does not arrive in time is
 * answered 408 and the connection closed. Everything the peer can make us hold is bounded by struct http_limits.
 * Errors go out in the one envelope {"error":{"code","message","details"}}.
 */
#ifndef ROEHUB_RUNTIME_HTTP_SERVER_H
#define ROEHUB_RUNTIME_HTTP_SERVER_H

#include <event2/event.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "runtime/metrics.h"

#define HTTP_PARAMS_MAX		  4
#define HTTP_RESPONSE_HEADERS_MAX 24

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_HEAD, HTTP_OPTIONS, HTTP_METHOD_COUNT };

struct http_route;

struct http_header {
	struct str name;
	struct str value;
};

/* Lives until the response is written; everything in it is borrowed from its arena. */
struct http_request {
	struct arena *arena;
	enum http_method method;
	struct str path;  /* decoded, without the query; never contains a NUL */
	struct str query; /* raw, without '?' */
	struct str body;
	struct str peer; /* address text of the socket */
	const struct http_header *headers;
	size_t header_count;
	struct str params[HTTP_PARAMS_MAX]; /* values of the {name} parts of the route, in order */
	const struct http_route *route;
	char client[48];     /* whose address counts, for the access log: filled by before(); "" means peer */
	char subject[40];    /* who asks, for the access log: filled by before(), "" when nobody is known */
	char request_id[40]; /* from X-Request-Id when it is 1..36 of [A-Za-z0-9-], else made here; sent back */
	void *worker;	     /* what http_server_config.worker_open returned for this handler thread */
	void *user;	     /* http_server_config.user */
	utc_t received_at;
};

struct http_response {
	struct arena *arena;
	int status; /* 200 unless set */
	struct strbuf body;
	const char *content_type; /* default application/json */
	struct http_header headers[HTTP_RESPONSE_HEADERS_MAX];
	size_t header_count;
};

typedef void (*http_handler)(struct http_request *req, struct http_response *res);

struct http_route {
	enum http_method method;
	const char *path; /* "/strategies/{strategy_id}/run" */
	unsigned flags;	  /* HTTP_ON_LOOP or the application's own access bits (>= 1 << 8) */
	http_handler handler;
	size_t body_max; /* 0: http_limits.body_max */
};

/* The handler runs on the loop thread: for answers that touch nothing but memory. */
#define HTTP_ON_LOOP (1u << 0)
/* A 200 gets an ETag, and If-None-Match is answered 304. */
#define HTTP_ETAG (1u << 1)
/* Never compressed: the body holds a secret beside what the client sent. */
#define HTTP_PLAIN (1u << 2)

struct http_limits {
	size_t body_max;       /* default 1 MiB */
	size_t header_max;     /* request line and headers together, default 16 KiB */
	int connections_max;   /* default 16384; above it new ones are closed at once */
	int queue_max;	       /* requests waiting for a handler thread, default 512; above it 503 */
	int idle_timeout_s;    /* between requests on a kept connection, default 60 */
	int request_timeout_s; /* from the first byte of a request to its last, default 15; then 408 */
};

struct http_server_config {
	const char *host;
	int port; /* 0: any free one, see http_server_port() */
	const struct http_route *routes;
	size_t route_count;
	struct http_limits limits; /* zero members take the defaults */
	int threads;		   /* handler threads, default 4 */
	void *(*worker_open)(void *user,
			     struct error *err); /* per handler thread, may be NULL; NULL result fails start */
	void (*worker_close)(void *worker);
	/* Runs before every handler of a route (access check); false: the response is already made. May be NULL. */
	bool (*before)(struct http_request *req, struct http_response *res);
	/* Runs after the handler, or after a before() that refused. May be NULL. */
	void (*after)(struct http_request *req, struct http_response *res);
	/* On every answer that does not set the same name itself. */
	const struct http_header *headers;
	size_t header_count;
	void *user;
	struct metrics *metrics;    /* may be NULL; else <prefix>_http_requests_total{method,route,status}, ... */
	const char *metrics_prefix; /* "roehub_api" */
	struct log_ctx log;
	bool access_log;
};

struct http_server;

struct http_server *http_server_start(struct event_base *loop, const struct http_server_config *cfg, struct error *err);
int http_server_port(const struct http_server *s);
/* Takes no new connections; requests in flight are finished. Call on the loop thread. */
void http_server_drain(struct http_server *s);
bool http_server_idle(const struct http_server *s); /* after drain: nothing in flight */
void http_server_free(struct http_server *s);	    /* joins the handler threads */

struct str http_header(const struct http_request *req, const char *name); /* STR_NULL when absent; first wins */
/* All values of a header that may be repeated, joined by commas, in the request's arena. */
struct str http_header_list(const struct http_request *req, const char *name);
/* Decoded value of a query parameter in the request's arena; false when absent. Last one wins. */
bool http_query(struct http_request *req, const char *name, struct str *value);
/* Value of a cookie: names and values trimmed, quotes removed, last one wins. STR_NULL when absent. */
struct str http_cookie(struct http_request *req, const char *name);

void http_set_header(struct http_response *res, const char *name, struct str value); /* copied; CR and LF refused */
void http_error(struct http_response *res, int status, const char *code, const char *message);
/* details_json: text of a JSON object, or STR_NULL for {} */
void http_error_details(struct http_response *res, int status, const char *code, const char *message,
			struct str details_json);
/* Status, code and message from the error; ERR_INTERNAL and ERR_UNAVAILABLE show fixed texts, never internals. */
void http_error_from(struct http_response *res, const struct error *err);

const char *http_method_text(enum http_method m);

#endif
