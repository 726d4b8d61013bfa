/* ws.h - WebSocket (RFC 6455) client and server: libwslay for frames, libevent for sockets, OpenSSL for wss.
 *
 * Client: connect with deadline, SNI and host-name verification, Sec-WebSocket-Accept checked, no extensions, masked
 * frames, automatic pong with the same payload, own pings every ping_interval_ms and death after pong_timeout_ms of
 * silence. Server: plain or TLS, request target handed to the application, same limits.
 * Fragmented text is assembled up to message_max; beyond it the connection is closed with 1009. Text must be UTF-8.
 *
 * All calls on the loop thread. A callback may call ws_close() on its own connection; it is freed in a later turn.
 * Exactly one on_close per connection (also when the connect fails), after which the pointer is dead.
 */
#ifndef ROEHUB_RUNTIME_WS_H
#define ROEHUB_RUNTIME_WS_H

#include <event2/event.h>

#include "base/error.h"
#include "base/str.h"

struct ws;

enum ws_close_reason { WS_CLOSED_BY_US, WS_CLOSED_BY_PEER, WS_CONNECT_FAILED, WS_TIMED_OUT, WS_PROTOCOL, WS_LOST };

struct ws_events {
	void (*on_open)(struct ws *ws, void *arg);
	void (*on_message)(struct ws *ws, struct str text, bool binary, void *arg);
	/* code: close code of the peer (1000, 1006 when the socket just went away); err: what happened, for the log */
	void (*on_close)(struct ws *ws, enum ws_close_reason reason, int code, const struct error *err, void *arg);
};

struct ws_options {
	int connect_timeout_ms; /* TCP + TLS + upgrade; 0: 10000 */
	int ping_interval_ms;	/* 0: 20000; < 0: none */
	int pong_timeout_ms;	/* 0: 10000 */
	size_t message_max;	/* 0: 1 MiB */
	size_t send_queue_max;	/* bytes waiting to be sent; 0: 4 MiB; beyond it ws_send fails */
	const char *ca_file;	/* client: NULL is the system's store */
};

/* url: ws:// or wss://, with query. NULL with err for a bad URL or no memory; everything later comes by on_close. */
struct ws *ws_connect(struct event_base *loop, const char *url, const struct ws_options *options,
		      const struct ws_events *events, void *arg, struct error *err);
/* -1 with ERR_UNAVAILABLE when the connection is closing or the queue is full. */
int ws_send(struct ws *ws, struct str text, struct error *err);
void ws_close(struct ws *ws, int code, const char *reason);
/* Drops the socket without a close frame (fault injection, or a peer that must not be waited for). */
void ws_abort(struct ws *ws);
size_t ws_pending_bytes(const struct ws *ws); /* not yet handed to the kernel */
/* on_drained is called when pending bytes fall under low_water; for paced senders. */
void ws_on_drained(struct ws *ws, size_t low_water, void (*on_drained)(struct ws *ws, void *arg));
void ws_set_arg(struct ws *ws, void *arg);
void ws_pause_reading(struct ws *ws, bool paused); /* a peer that has stopped reading: fault injection */

struct ws_server;

struct ws_server_config {
	const char *host;
	int port;	       /* 0: any free */
	const char *cert_file; /* both NULL: plain */
	const char *key_file;
	int connections_max; /* 0: 1024 */
	struct ws_options options;
	/* Decides on the upgrade: return the events for this connection and set *arg, or NULL for HTTP 404. target is the
	 * raw request target ("/stream?streams=..."). */
	const struct ws_events *(*accept)(struct ws *ws, struct str target, void *user, void **arg);
	void *user;
};

struct ws_server *ws_server_start(struct event_base *loop, const struct ws_server_config *cfg, struct error *err);
int ws_server_port(const struct ws_server *s);
void ws_server_free(struct ws_server *s); /* drops all its connections */

#endif
