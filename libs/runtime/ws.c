/*
 * One struct ws for both ends. It lives through CONNECTING -> HANDSHAKE -> OPEN -> CLOSING -> DEAD; every way into DEAD
 * goes through die(), which tells the application once and frees the connection in a later turn of the loop, so that no
 * callback ever stands on freed memory. libwslay sees only bytes: recv takes them from the bufferevent's input, send puts
 * them into its output.
 */
#include "runtime/ws.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#include "base/crypto.h"
#include "base/utc.h"
#include "runtime/ws_handshake.h"

/* A chatty peer is read in bites, so that it starves nobody. */
#define INPUT_PER_TURN (256u << 10)
#define CLOSE_WAIT_MS  2000

enum state { WS_CONNECTING, WS_HANDSHAKE, WS_OPEN, WS_CLOSING, WS_DEAD };

struct ws {
	struct event_base *loop;
	struct ws_server *server; /* NULL: client */
	struct ws *next, **link;  /* in the server's list */
	struct bufferevent *bev;
	struct evdns_base *dns;
	SSL_CTX *tls; /* client's own */
	wslay_event_context_ptr frames;
	struct event *timer; /* deadline of connecting and closing, then pings */
	struct event *reaper;
	struct ws_options options;
	struct ws_events events;
	void *arg;
	struct ws_url url;
	char key[WS_KEY_TEXT];
	enum state state;
	enum ws_close_reason reason;
	int close_code;
	struct error error;
	mono_t heard; /* last byte of the peer */
	bool ping_out;
	size_t low_water;
	void (*on_drained)(struct ws *ws, void *arg);
};

struct ws_server {
	struct event_base *loop;
	struct ws_server_config cfg;
	struct evconnlistener *listener;
	SSL_CTX *tls;
	struct ws *connections;
	int count;
};

static void arm(struct ws *ws, int64_t ms)
{
	event_add(ws->timer, &(struct timeval){ (time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000 });
}

/* ---- the end ------------------------------------------------------------------------------------------------------- */

static void release(struct ws *ws)
{
	if (ws->link != NULL) {
		*ws->link = ws->next;
		if (ws->next != NULL)
			ws->next->link = ws->link;
		ws->server->count--;
	}
	if (ws->frames != NULL)
		wslay_event_context_free(ws->frames);
	if (ws->bev != NULL)
		bufferevent_free(ws->bev);
	if (ws->dns != NULL)
		evdns_base_free(ws->dns, 0);
	if (ws->tls != NULL)
		SSL_CTX_free(ws->tls);
	if (ws->timer != NULL)
		event_free(ws->timer);
	if (ws->reaper != NULL)
		event_free(ws->reaper);
	free(ws);
}

static void on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct ws *ws = arg;

	(void)fd;
	(void)what;
	if (ws->events.on_close != NULL)
		ws->events.on_close(ws, ws->reason, ws->close_code, &ws->error, ws->arg);
	release(ws);
}

/* The connection is over. err NULL: nothing to add. */
static void die(struct ws *ws, enum ws_close_reason reason, int code, const struct error *err)
{
	if (ws->state == WS_DEAD)
		return;
	ws->state = WS_DEAD;
	ws->reason = reason;
	ws->close_code = code;
	if (err != NULL)
		ws->error = *err;
	event_del(ws->timer);
	if (ws->bev != NULL) {
		bufferevent_disable(ws->bev, EV_READ | EV_WRITE);
		bufferevent_setcb(ws->bev, NULL, NULL, NULL, NULL);
	}
	event_active(ws->reaper, EV_TIMEOUT, 0);
}

static void die_saying(struct ws *ws, enum ws_close_reason reason, int code, enum error_code error, const char *text)
{
	struct error err = ERROR_INIT;

	error_set(&err, error, "%s", text);
	die(ws, reason, code, &err);
}

/* ---- frames -------------------------------------------------------------------------------------------------------- */

static ssize_t frames_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags, void *arg)
{
	struct ws *ws = arg;
	int n = evbuffer_remove(bufferevent_get_input(ws->bev), buf, len);

	(void)flags;
	if (n > 0)
		return n;
	wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
	return -1;
}

static ssize_t frames_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags, void *arg)
{
	struct ws *ws = arg;

	(void)flags;
	if (bufferevent_write(ws->bev, data, len) == 0)
		return (ssize_t)len;
	wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static int frames_mask(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, void *arg)
{
	(void)ctx;
	(void)arg;
	crypto_random(buf, len);
	return 0;
}

static void frames_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
	struct ws *ws = arg;

	(void)ctx;
	if (m->opcode == WSLAY_PONG)
		ws->ping_out = false;
	/* Only an open connection speaks to the application; what comes behind a close is nobody's business. */
	if (ws->state != WS_OPEN || wslay_is_ctrl_frame(m->opcode) || ws->events.on_message == NULL)
		return;
	ws->events.on_message(ws, (struct str){ (const char *)m->msg, m->msg_length }, m->opcode == WSLAY_BINARY_FRAME,
			      ws->arg);
}

static void flush_frames(struct ws *ws)
{
	if (ws->state != WS_DEAD && wslay_event_want_write(ws->frames) && wslay_event_send(ws->frames) != 0)
		die_saying(ws, WS_LOST, 1006, ERR_UNAVAILABLE, "sending failed");
}

static void finish_when_closed(struct ws *ws)
{
	int code;

	if (ws->state == WS_DEAD || !wslay_event_get_close_received(ws->frames) || wslay_event_want_write(ws->frames) ||
	    evbuffer_get_length(bufferevent_get_output(ws->bev)) > 0)
		return;
	code = wslay_event_get_status_code_received(ws->frames);
	die(ws, ws->state == WS_CLOSING ? WS_CLOSED_BY_US : WS_CLOSED_BY_PEER, code == 0 ? 1005 : code, NULL);
}

static void read_frames(struct ws *ws)
{
	struct evbuffer *in = bufferevent_get_input(ws->bev);
	size_t before = evbuffer_get_length(in);

	if (before == 0)
		return;
	ws->heard = mono_now();
	if (wslay_event_recv(ws->frames) != 0) {
		die_saying(ws, WS_PROTOCOL, 1002, ERR_INVALID, "malformed frame");
		return;
	}
	flush_frames(ws); /* pongs, and the close frame wslay makes for a violation */
	if (ws->state == WS_DEAD)
		return;
	if (!wslay_event_get_read_enabled(ws->frames) && !wslay_event_get_close_received(ws->frames)) {
		int code = wslay_event_get_status_code_sent(ws->frames);

		die_saying(ws, WS_PROTOCOL, code == 0 ? 1002 : code, ERR_INVALID,
			   code == 1009	  ? "the message is too long"
			   : code == 1007 ? "the text is not UTF-8"
					  : "protocol violation");
		return;
	}
	finish_when_closed(ws);
}

static bool start_frames(struct ws *ws)
{
	static const struct wslay_event_callbacks callbacks = { .recv_callback = frames_recv,
								.send_callback = frames_send,
								.genmask_callback = frames_mask,
								.on_msg_recv_callback = frames_message };
	int rc = ws->server != NULL ? wslay_event_context_server_init(&ws->frames, &callbacks, ws)
				    : wslay_event_context_client_init(&ws->frames, &callbacks, ws);

	if (rc != 0)
		return false;
	wslay_event_config_set_max_recv_msg_length(ws->frames, ws->options.message_max);
	return true;
}

/* ---- becoming open ------------------------------------------------------------------------------------------------- */

static void became_open(struct ws *ws)
{
	if (!start_frames(ws)) {
		die_saying(ws, WS_CONNECT_FAILED, 1006, ERR_UNAVAILABLE, "no memory");
		return;
	}
	ws->state = WS_OPEN;
	ws->heard = mono_now();
	bufferevent_setwatermark(ws->bev, EV_READ, 0, INPUT_PER_TURN);
	if (ws->options.ping_interval_ms > 0)
		arm(ws, ws->options.ping_interval_ms);
	else
		event_del(ws->timer);
	if (ws->events.on_open != NULL)
		ws->events.on_open(ws, ws->arg);
}

/* Takes the head off the input when it is complete. 1: taken, 0: not yet, -1: too long. */
static int take_head(struct ws *ws, char head[WS_HEAD_MAX + 1], size_t *n)
{
	struct evbuffer *in = bufferevent_get_input(ws->bev);
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);

	if (end.pos < 0)
		return evbuffer_get_length(in) > WS_HEAD_MAX ? -1 : 0;
	if (end.pos > WS_HEAD_MAX)
		return -1;
	*n = (size_t)end.pos;
	evbuffer_remove(in, head, *n);
	head[*n] = '\0';
	evbuffer_drain(in, 4);
	return 1;
}

static void refuse_upgrade(struct ws *ws, const char *status, const char *text)
{
	evbuffer_add_printf(bufferevent_get_output(ws->bev),
			    "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
	ws->state = WS_CLOSING;
	error_set(&ws->error, ERR_BAD_REQUEST, "%s", text);
	bufferevent_disable(ws->bev, EV_READ);
	arm(ws, 200);
}

static void serve_handshake(struct ws *ws, struct str head)
{
	const struct ws_server_config *cfg = &ws->server->cfg;
	const struct ws_events *events;
	struct error err = ERROR_INIT;
	struct ws_request request;
	char accept[WS_ACCEPT_TEXT];

	if (ws_parse_request(head, &request, &err) != 0) {
		refuse_upgrade(ws, "400 Bad Request", err.message);
		return;
	}
	events = cfg->accept(ws, request.target, cfg->user, &ws->arg);
	if (events == NULL) {
		refuse_upgrade(ws, "404 Not Found", "unknown target");
		return;
	}
	ws_accept_of(request.key, accept);
	evbuffer_add_printf(bufferevent_get_output(ws->bev),
			    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			    "Sec-WebSocket-Accept: %s\r\n\r\n",
			    accept);
	ws->events = *events;
	became_open(ws);
}

static void read_handshake(struct ws *ws)
{
	char head[WS_HEAD_MAX + 1];
	struct error err = ERROR_INIT;
	size_t n = 0;
	int got = take_head(ws, head, &n);

	if (got < 0) {
		die_saying(ws, WS_CONNECT_FAILED, 1006, ERR_INVALID, "the handshake is too long");
	} else if (got > 0 && ws->server != NULL) {
		serve_handshake(ws, (struct str){ head, n });
	} else if (got > 0) {
		if (ws_check_response((struct str){ head, n }, ws->key, &err) != 0)
			die(ws, WS_CONNECT_FAILED, 1006, &err);
		else
			became_open(ws);
	}
	if (ws->state == WS_OPEN)
		read_frames(ws); /* frames may have come with the head */
}

static void on_readable(struct bufferevent *bev, void *arg)
{
	struct ws *ws = arg;

	(void)bev;
	if (ws->state == WS_HANDSHAKE)
		read_handshake(ws);
	else if (ws->state == WS_OPEN || (ws->state == WS_CLOSING && ws->frames != NULL))
		read_frames(ws);
}

static void on_writable(struct bufferevent *bev, void *arg)
{
	struct ws *ws = arg;

	(void)bev;
	if (ws->state == WS_CLOSING && ws->frames == NULL &&
	    evbuffer_get_length(bufferevent_get_output(ws->bev)) == 0) {
		die(ws, WS_CONNECT_FAILED, 1006, NULL); /* the refusal is out */
		return;
	}
	if (ws->frames != NULL)
		finish_when_closed(ws);
	if (ws->state == WS_OPEN && ws->on_drained != NULL)
		ws->on_drained(ws, ws->arg);
}

static void connect_error(struct ws *ws, struct error *err)
{
	unsigned long code = ws->bev != NULL ? bufferevent_get_openssl_error(ws->bev) : 0;
	int dns = ws->bev != NULL ? bufferevent_socket_get_dns_error(ws->bev) : 0;
	SSL *ssl = ws->bev != NULL ? bufferevent_openssl_get_ssl(ws->bev) : NULL;
	long verify = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;

	error_set(err, ERR_UNAVAILABLE, "the connection failed");
	if (verify != X509_V_OK)
		error_detail(err, "TLS: %s", X509_verify_cert_error_string(verify));
	else if (code != 0)
		error_detail(err, "TLS: %s",
			     ERR_reason_error_string(code) != NULL ? ERR_reason_error_string(code) : "error");
	else if (dns != 0)
		error_detail(err, "name lookup: %s", evutil_gai_strerror(dns));
	else
		error_detail(err, "%s", evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
}

static void set_nodelay(struct ws *ws)
{
	int fd = (int)bufferevent_getfd(ws->bev), one = 1;

	if (fd >= 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct ws *ws = arg;
	struct error err = ERROR_INIT;

	(void)bev;
	if ((what & BEV_EVENT_CONNECTED) != 0) {
		struct strbuf request = STRBUF_INIT(2 * WS_HEAD_MAX);

		set_nodelay(ws);
		ws->state = WS_HANDSHAKE;
		if (ws->server == NULL) {
			ws_write_request(&request, &ws->url, ws->key);
			bufferevent_write(ws->bev, strbuf_cstr(&request), request.n);
		}
		strbuf_release(&request);
		return;
	}
	if (ws->state == WS_CONNECTING || ws->state == WS_HANDSHAKE) {
		connect_error(ws, &err);
		die(ws, WS_CONNECT_FAILED, 1006, &err);
	} else if (ws->state == WS_CLOSING) {
		die(ws, ws->frames != NULL ? WS_CLOSED_BY_US : WS_CONNECT_FAILED, 1006, NULL);
	} else {
		bool close_seen = ws->frames != NULL && wslay_event_get_close_received(ws->frames);

		die_saying(ws, close_seen ? WS_CLOSED_BY_PEER : WS_LOST,
			   close_seen ? wslay_event_get_status_code_received(ws->frames) : 1006, ERR_UNAVAILABLE,
			   (what & BEV_EVENT_EOF) != 0 ? "the peer closed the socket" : "the socket failed");
	}
}

/* ---- time ---------------------------------------------------------------------------------------------------------- */

static void ping(struct ws *ws)
{
	const struct wslay_event_msg m = { WSLAY_PING, NULL, 0 };

	ws->ping_out = true;
	if (wslay_event_queue_msg(ws->frames, &m) == 0)
		flush_frames(ws);
	if (ws->state == WS_OPEN)
		arm(ws, ws->options.pong_timeout_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ws *ws = arg;
	int64_t silent_ms = mono_elapsed_us(ws->heard, mono_now()) / 1000;

	(void)fd;
	(void)what;
	if (ws->state == WS_CONNECTING || ws->state == WS_HANDSHAKE) {
		die_saying(ws, WS_CONNECT_FAILED, 1006, ERR_TIMEOUT, "the connection was not made in time");
	} else if (ws->state == WS_CLOSING) {
		die(ws, ws->frames != NULL ? WS_CLOSED_BY_US : WS_CONNECT_FAILED, 1006, NULL);
	} else if (ws->ping_out && silent_ms >= ws->options.pong_timeout_ms) {
		die_saying(ws, WS_TIMED_OUT, 1006, ERR_TIMEOUT, "the peer is silent");
	} else if (ws->ping_out) {
		ws->ping_out = false; /* it spoke, if not with a pong: alive */
		arm(ws, ws->options.ping_interval_ms);
	} else {
		ping(ws);
	}
}

/* ---- making -------------------------------------------------------------------------------------------------------- */

static void apply_defaults(struct ws_options *o)
{
	if (o->connect_timeout_ms == 0)
		o->connect_timeout_ms = 10000;
	if (o->ping_interval_ms == 0)
		o->ping_interval_ms = 20000;
	if (o->pong_timeout_ms == 0)
		o->pong_timeout_ms = 10000;
	if (o->message_max == 0)
		o->message_max = 1 << 20;
	if (o->send_queue_max == 0)
		o->send_queue_max = 4 << 20;
}

static struct ws *ws_new(struct event_base *loop, const struct ws_options *options)
{
	struct ws *ws = calloc(1, sizeof(*ws));

	if (ws == NULL)
		return NULL;
	ws->loop = loop;
	if (options != NULL)
		ws->options = *options;
	apply_defaults(&ws->options);
	ws->timer = event_new(loop, -1, 0, on_timer, ws);
	ws->reaper = event_new(loop, -1, 0, on_reap, ws);
	if (ws->timer == NULL || ws->reaper == NULL) {
		release(ws);
		return NULL;
	}
	return ws;
}

static SSL_CTX *client_tls(const char *ca_file, struct error *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	bool ok = ctx != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1;

	if (ok)
		ok = ca_file != NULL ? SSL_CTX_load_verify_locations(ctx, ca_file, NULL) == 1
				     : SSL_CTX_set_default_verify_paths(ctx) == 1;
	if (!ok) {
		SSL_CTX_free(ctx);
		error_set(err, ERR_INVALID, "the CA certificates%s%s cannot be read", ca_file != NULL ? " of " : "",
			  ca_file != NULL ? ca_file : "");
		return NULL;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}

/* A session that proves the host: by name, or by address when the URL has one. */
static SSL *client_session(SSL_CTX *ctx, const char *host)
{
	SSL *ssl = SSL_new(ctx);
	X509_VERIFY_PARAM *param = ssl != NULL ? SSL_get0_param(ssl) : NULL;
	unsigned char address[16];
	bool is_address = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
	bool ok = ssl != NULL;

	if (ok && is_address)
		ok = X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	else if (ok)
		ok = SSL_set_tlsext_host_name(ssl, host) == 1 && X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
	if (!ok) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

static bool attach(struct ws *ws, struct bufferevent *bev)
{
	ws->bev = bev;
	if (bev == NULL)
		return false;
	bufferevent_setcb(bev, on_readable, on_writable, on_event, ws);
	bufferevent_setwatermark(bev, EV_READ, 0, 2 * WS_HEAD_MAX);
	return bufferevent_enable(bev, EV_READ | EV_WRITE) == 0;
}

struct ws *ws_connect(struct event_base *loop, const char *url, const struct ws_options *options,
		      const struct ws_events *events, void *arg, struct error *err)
{
	struct ws *ws = ws_new(loop, options);
	struct bufferevent *bev = NULL;
	unsigned char address[16];

	if (ws == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory for a WebSocket");
		return NULL;
	}
	ws->events = *events;
	ws->arg = arg;
	if (ws_url_parse(url, &ws->url, err) != 0)
		goto fail;
	ws_make_key(ws->key);
	if (ws->url.tls) {
		SSL *ssl;

		ws->tls = client_tls(ws->options.ca_file, err);
		if (ws->tls == NULL)
			goto fail;
		ssl = client_session(ws->tls, ws->url.host);
		if (ssl != NULL)
			bev = bufferevent_openssl_socket_new(loop, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
							     BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	} else {
		bev = bufferevent_socket_new(loop, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	}
	/* Addresses need no resolver; names go through evdns so that the loop never waits for one. */
	if (inet_pton(AF_INET, ws->url.host, address) != 1 && inet_pton(AF_INET6, ws->url.host, address) != 1)
		ws->dns = evdns_base_new(loop, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (!attach(ws, bev) ||
	    bufferevent_socket_connect_hostname(bev, ws->dns, AF_UNSPEC, ws->url.host, ws->url.port) != 0) {
		error_set(err, ERR_UNAVAILABLE, "the WebSocket could not be opened");
		goto fail;
	}
	arm(ws, ws->options.connect_timeout_ms);
	return ws;
fail:
	release(ws);
	return NULL;
}

/* ---- using --------------------------------------------------------------------------------------------------------- */

size_t ws_pending_bytes(const struct ws *ws)
{
	size_t n = ws->bev != NULL ? evbuffer_get_length(bufferevent_get_output(ws->bev)) : 0;

	return ws->frames != NULL ? n + wslay_event_get_queued_msg_length(ws->frames) : n;
}

int ws_send(struct ws *ws, struct str text, struct error *err)
{
	const struct wslay_event_msg m = { WSLAY_TEXT_FRAME, (const uint8_t *)text.p, text.n };

	if (ws->state != WS_OPEN || ws_pending_bytes(ws) + text.n > ws->options.send_queue_max)
		return error_set(err, ERR_UNAVAILABLE, "the WebSocket takes nothing more");
	if (wslay_event_queue_msg(ws->frames, &m) != 0)
		return error_set(err, ERR_UNAVAILABLE, "the message could not be queued");
	flush_frames(ws);
	return 0;
}

void ws_close(struct ws *ws, int code, const char *reason)
{
	struct str text = str_from(reason != NULL ? reason : "");

	if (ws->state == WS_CONNECTING || ws->state == WS_HANDSHAKE) {
		die(ws, WS_CLOSED_BY_US, 1006, NULL);
	} else if (ws->state == WS_OPEN) {
		ws->state = WS_CLOSING;
		arm(ws, CLOSE_WAIT_MS);
		text.n = MIN_OF(text.n, (size_t)123); /* a control frame holds 125 bytes */
		if (wslay_event_queue_close(ws->frames, (uint16_t)code, (const uint8_t *)text.p, text.n) == 0)
			flush_frames(ws);
	}
}

void ws_abort(struct ws *ws) { die(ws, WS_CLOSED_BY_US, 1006, NULL); }

void ws_on_drained(struct ws *ws, size_t low_water, void (*on_drained)(struct ws *ws, void *arg))
{
	ws->low_water = low_water;
	ws->on_drained = on_drained;
	bufferevent_setwatermark(ws->bev, EV_WRITE, low_water, 0);
}

void ws_set_arg(struct ws *ws, void *arg) { ws->arg = arg; }

void ws_pause_reading(struct ws *ws, bool paused)
{
	if (ws->state == WS_DEAD)
		return;
	if (paused)
		bufferevent_disable(ws->bev, EV_READ);
	else
		bufferevent_enable(ws->bev, EV_READ);
}

/* ---- the server ---------------------------------------------------------------------------------------------------- */

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int len, void *arg)
{
	struct ws_server *s = arg;
	struct bufferevent *bev = NULL;
	struct ws *ws = NULL;

	(void)listener;
	(void)peer;
	(void)len;
	if (s->count < s->cfg.connections_max)
		ws = ws_new(s->loop, &s->cfg.options);
	if (ws == NULL) {
		evutil_closesocket(fd);
		return;
	}
	ws->server = s;
	ws->link = &s->connections;
	ws->next = s->connections;
	if (ws->next != NULL)
		ws->next->link = &ws->next;
	s->connections = ws;
	s->count++;
	if (s->tls != NULL) {
		SSL *ssl = SSL_new(s->tls);

		if (ssl != NULL)
			bev = bufferevent_openssl_socket_new(s->loop, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
							     BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	} else {
		bev = bufferevent_socket_new(s->loop, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
		ws->state = WS_HANDSHAKE; /* with TLS: when it is up */
	}
	if (!attach(ws, bev)) {
		if (bev == NULL)
			evutil_closesocket(fd);
		release(ws);
		return;
	}
	set_nodelay(ws);
	arm(ws, ws->options.connect_timeout_ms);
}

static int server_tls(struct ws_server *s, struct error *err)
{
	if (s->cfg.cert_file == NULL)
		return 0;
	s->tls = SSL_CTX_new(TLS_server_method());
	if (s->tls == NULL || SSL_CTX_set_min_proto_version(s->tls, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_use_certificate_chain_file(s->tls, s->cfg.cert_file) != 1 ||
	    SSL_CTX_use_PrivateKey_file(s->tls, s->cfg.key_file, SSL_FILETYPE_PEM) != 1)
		return error_set(err, ERR_INVALID, "certificate %s or key %s cannot be used", s->cfg.cert_file,
				 s->cfg.key_file);
	return 0;
}

struct ws_server *ws_server_start(struct event_base *loop, const struct ws_server_config *cfg, struct error *err)
{
	struct ws_server *s = calloc(1, sizeof(*s));
	struct sockaddr_storage a;
	int len = sizeof(a);

	if (s == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory for a WebSocket server");
		return NULL;
	}
	s->loop = loop;
	s->cfg = *cfg;
	if (s->cfg.connections_max == 0)
		s->cfg.connections_max = 1024;
	if (server_tls(s, err) != 0)
		goto fail;
	if (evutil_parse_sockaddr_port(cfg->host, (struct sockaddr *)&a, &len) != 0) {
		error_set(err, ERR_INVALID, "cannot listen on %s: not an address", cfg->host);
		goto fail;
	}
	if (a.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&a)->sin6_port = htons((uint16_t)cfg->port);
	else
		((struct sockaddr_in *)&a)->sin_port = htons((uint16_t)cfg->port);
	s->listener = evconnlistener_new_bind(loop, on_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 512,
					      (struct sockaddr *)&a, len);
	if (s->listener == NULL) {
		error_set_errno(err, EVUTIL_SOCKET_ERROR(), "cannot listen on %s port %d", cfg->host, cfg->port);
		goto fail;
	}
	return s;
fail:
	ws_server_free(s);
	return NULL;
}

int ws_server_port(const struct ws_server *s)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	if (getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&a, &len) != 0)
		return 0;
	return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
					     : ((struct sockaddr_in *)&a)->sin_port);
}

void ws_server_free(struct ws_server *s)
{
	if (s == NULL)
		return;
	if (s->listener != NULL)
		evconnlistener_free(s->listener);
	while (s->connections != NULL) {
		struct ws *ws = s->connections;

		if (ws->events.on_close != NULL)
			ws->events.on_close(ws, WS_CLOSED_BY_US, 1006, &ws->error, ws->arg);
		release(ws);
	}
	SSL_CTX_free(s->tls);
	free(s);
}
