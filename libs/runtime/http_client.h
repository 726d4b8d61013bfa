/* http_client.h - outgoing HTTP through libcurl, in two forms: blocking (workers, writer threads) and on a libevent loop.
 *
 * TLS certificates and host names are verified always; there is no switch but a CA file for the sandbox's certificate.
 * Redirects are not followed. Answers are cut at body_max (ERR_TOO_LARGE). A URL that carries a token is never put
 * into an error or a log: say what the call is in `label`.
 */
#ifndef ROEHUB_RUNTIME_HTTP_CLIENT_H
#define ROEHUB_RUNTIME_HTTP_CLIENT_H

#include <event2/event.h>

#include "base/error.h"
#include "base/strbuf.h"

struct http_call {
	const char *label;  /* "binance klines": stands for the call in messages */
	const char *method; /* NULL: GET, or POST when there is a body */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
	struct str body;	    /* borrowed until the call ends */
	int connect_timeout_ms;	    /* 0: 5000 */
	int timeout_ms;		    /* 0: 30000; for the whole call */
	size_t body_max;	    /* 0: 16 MiB */
	const char *ca_file;	    /* NULL: the system's */
};

struct http_result {
	int status; /* 0 when no answer came; then error is set */
	struct strbuf body;
	int64_t retry_after_s; /* Retry-After in seconds, -1 when absent */
	int64_t used_weight;   /* X-MBX-USED-WEIGHT-1M, -1 when absent */
	int64_t took_us;
	struct error error; /* transport: ERR_TIMEOUT, ERR_UNAVAILABLE, ERR_TOO_LARGE */
};

void http_result_release(struct http_result *r);

/* Blocking, one connection kept per client; use from one thread at a time. */
struct http_client;
struct http_client *http_client_new(void);
void http_client_free(struct http_client *c);
/* 0 when an answer of any status came, -1 with err (and out->error) when none did. */
int http_client_do(struct http_client *c, const struct http_call *call, struct http_result *out, struct error *err);

/* On a loop. done() is called exactly once, on the loop, never before http_loop_start() returned, also after cancel
 * (status 0, ERR_UNAVAILABLE "cancelled"); the result is the callback's only while it runs. */
struct http_loop;
struct http_transfer;
typedef void (*http_done)(struct http_result *result, void *arg);

struct http_loop *http_loop_new(struct event_base *loop, struct error *err);
void http_loop_free(struct http_loop *l); /* cancels what is under way */
struct http_transfer *http_loop_start(struct http_loop *l, const struct http_call *call, http_done done, void *arg,
				      struct error *err);
void http_transfer_cancel(struct http_transfer *t);

/* Percent-encodes everything but unreserved characters. */
void http_urlencode(struct strbuf *sb, struct str s);

#endif
