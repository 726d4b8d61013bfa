/*
 * evhttp parses and writes on the loop thread; everything a handler sees is copied into the exchange's arena, so handler
 * threads never touch libevent. While a request is with a handler, evhttp reads nothing from its connection.
 *
 * evhttp's own time-out counts silence, which a peer that drips a byte now and then never reaches, and its own error
 * pages are HTML. Each connection therefore has a deadline of its own, armed by the first byte of a request and disarmed
 * by its last, and the head of a request is checked as it arrives, before evhttp sees it: what is too large, too slow or
 * ambiguous is refused here, in our words.
 */
#include "runtime/http_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/uuid.h"
#include "runtime/http_content.h"
#include "runtime/http_request.h"

#define ARENA_MAX    (8u << 20)
#define RESPONSE_MAX (64u << 20)
#define HEADERS_MAX  128
#define CONN_BUCKETS 4096
#define HEAD_BUFFER  65536 /* ceiling of http_limits.header_max */
/* A refused connection is given this long to take the answer. */
static const struct timeval linger = { 0, 200000 };

/* One request on its way: loop -> queue -> handler -> done list -> loop. */
struct exchange {
	struct exchange *next;
	struct http_server *server;
	struct evhttp_request *ev;
	struct arena arena;
	struct http_request req;
	struct http_response res;
	mono_t started;
};

/* One socket, beside what evhttp keeps of it. */
struct conn {
	struct conn *next_in_bucket;
	struct http_server *server;
	struct bufferevent *bev;
	struct evhttp_connection *evcon;
	struct event *deadline;
	struct event *adopt; /* runs right after the accept, when evhttp has made its connection */
	bool armed, line_checked, head_checked, with_handler, refused;
};

struct http_server {
	struct event_base *loop;
	struct http_server_config cfg;
	struct evhttp *http;
	struct evhttp_bound_socket *bound;
	struct conn *conns[CONN_BUCKETS];
	int conn_count, in_flight;
	bool draining;

	pthread_mutex_t lock; /* guards both lists and `stopping` */
	pthread_cond_t more;
	struct exchange *waiting, **waiting_last;
	int waiting_count;
	struct exchange *done, **done_last;
	bool stopping;
	struct event *wake;
	pthread_t *threads;
	void **workers;
	int thread_count;

	struct {
		struct metric *requests, *seconds, *in_flight, *connections, *refused;
	} m;
};

struct handler_arg {
	struct http_server *server;
	void *worker;
};

/* ---- connections --------------------------------------------------------------------------------------------------- */

static struct conn **bucket_of(struct http_server *s, const struct bufferevent *bev)
{
	return &s->conns[((uintptr_t)bev >> 6) % CONN_BUCKETS];
}

static struct conn *conn_of(struct http_server *s, struct evhttp_request *ev)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(ev);
	struct bufferevent *bev = evcon != NULL ? evhttp_connection_get_bufferevent(evcon) : NULL;
	struct conn *c = *bucket_of(s, bev);

	while (c != NULL && c->bev != bev)
		c = c->next_in_bucket;
	return c;
}

static void conn_free(struct conn *c)
{
	struct conn **at = bucket_of(c->server, c->bev);

	while (*at != c)
		at = &(*at)->next_in_bucket;
	*at = c->next_in_bucket;
	c->server->conn_count--;
	if (c->server->m.connections != NULL)
		metric_set(c->server->m.connections, c->server->conn_count);
	event_free(c->deadline);
	event_free(c->adopt);
	free(c);
}

static void on_conn_closed(struct evhttp_connection *evcon, void *arg)
{
	(void)evcon;
	conn_free(arg);
}

/* Answers past evhttp and closes: for requests that never became one. */
static void refuse(struct conn *c, int status, const char *reason, const char *code, const char *message)
{
	struct strbuf body = STRBUF_INIT(1024);
	struct evbuffer *out = bufferevent_get_output(c->bev);

	http_error_body(&body, code, message, STR_NULL);
	c->refused = true;
	bufferevent_disable(c->bev, EV_READ);
	bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
	evbuffer_add_printf(out,
			    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
			    "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n%s",
			    status, reason, body.n, strbuf_cstr(&body));
	bufferevent_enable(c->bev, EV_WRITE);
	strbuf_release(&body);
	event_add(c->deadline, &linger);
	if (c->server->m.refused != NULL) {
		char text[8];

		snprintf(text, sizeof(text), "%d", status);
		metric_add_with(c->server->m.refused, (const char *const[]){ text }, 1);
	}
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (c->refused)
		evhttp_connection_free(c->evcon); /* frees c through on_conn_closed */
	else if (!c->with_handler)
		refuse(c, 408, "Request Timeout", "request_timeout", "The request did not arrive in time");
}

/* METHOD SP target SP HTTP/1.x, checked before evhttp answers it with a page of its own. */
static bool check_line(struct conn *c, struct str line)
{
	struct str rest = line, method = STR(""), target = STR(""), version = STR("");
	bool bad;

	if (str_ends(line, STR("\r")))
		rest.n--;
	str_split(&rest, ' ', &method);
	str_split(&rest, ' ', &target);
	str_split(&rest, ' ', &version);
	bad = method.n == 0 || target.n == 0 || rest.p != NULL || !str_starts(version, STR("HTTP/"));
	for (size_t i = 0; i < line.n - str_ends(line, STR("\r")); i++)
		bad = bad || (unsigned char)line.p[i] < 0x20 || line.p[i] == 0x7f;
	if (bad)
		refuse(c, 400, "Bad Request", "bad_request", "The request line is malformed");
	else if (!str_eq(version, STR("HTTP/1.1")) && !str_eq(version, STR("HTTP/1.0")))
		refuse(c, 505, "HTTP Version Not Supported", "bad_request", "Only HTTP/1.1 and HTTP/1.0 are spoken");
	else if (!http_method_known(method))
		refuse(c, 501, "Not Implemented", "bad_request", "The request method is not known");
	return !c->refused;
}

/* What evhttp would accept but should not: several lengths, a length beside chunks, a length beyond the limit. */
static bool check_head(struct conn *c, struct str head)
{
	size_t body_max = c->server->cfg.limits.body_max;
	int lengths = 0, encodings = 0;
	bool bad = false, large = false, malformed = false;
	struct str line;

	str_split(&head, '\n', &line); /* the request line */
	while (str_split(&head, '\n', &line)) {
		size_t colon = str_find_byte(line, ':');
		struct str name = str_slice(line, 0, colon), value = STR("");

		malformed = malformed || colon == SIZE_MAX || colon == 0 || name.p[name.n - 1] == ' ' ||
			    name.p[0] == ' ' || name.p[0] == '\t';
		if (colon != SIZE_MAX)
			value = str_trim(str_slice(line, colon + 1, line.n));
		if (str_eq_nocase(name, STR("content-length"))) {
			uint64_t length = 0;

			lengths++;
			bad = bad || !str_to_u64(value, &length);
			large = large || length > body_max;
		} else if (str_eq_nocase(name, STR("transfer-encoding"))) {
			encodings++;
			bad = bad || !str_eq_nocase(value, STR("chunked"));
		}
	}
	if (malformed)
		refuse(c, 400, "Bad Request", "bad_request", "A request header is malformed");
	else if (bad || lengths > 1 || encodings > 1 || lengths + encodings > 1)
		refuse(c, 400, "Bad Request", "bad_request", "The length of the request body is ambiguous");
	else if (large)
		refuse(c, 413, "Payload Too Large", "payload_too_large", "The request body is too large");
	return !c->refused;
}

/* Looks at what has arrived of a request that evhttp has not seen whole. */
static void inspect(struct conn *c, struct evbuffer *buffer)
{
	size_t max = MIN_OF(c->server->cfg.limits.header_max, (size_t)HEAD_BUFFER), n, line;
	struct evbuffer_ptr end;
	char head[HEAD_BUFFER];

	if (!c->armed) {
		event_add(c->deadline, &(struct timeval){ c->server->cfg.limits.request_timeout_s, 0 });
		c->armed = true;
	}
	if (c->head_checked)
		return;
	end = evbuffer_search(buffer, "\r\n\r\n", 4, NULL);
	n = end.pos >= 0 ? (size_t)end.pos : evbuffer_get_length(buffer);
	if (n > max) {
		refuse(c, 431, "Request Header Fields Too Large", "bad_request", "The request head is too large");
		return;
	}
	evbuffer_copyout(buffer, head, n);
	line = str_find_byte((struct str){ head, n }, '\n');
	if (line == SIZE_MAX && end.pos >= 0)
		line = n;
	if (!c->line_checked && line != SIZE_MAX && !check_line(c, (struct str){ head, line }))
		return;
	c->line_checked = line != SIZE_MAX;
	if (end.pos >= 0)
		c->head_checked = check_head(c, (struct str){ head, n });
}

static void on_input(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
	struct conn *c = arg;

	if (info->n_added > 0 && !c->with_handler && !c->refused)
		inspect(c, buffer);
}

static void on_adopt(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	void *evcon = NULL;

	(void)fd;
	(void)what;
	bufferevent_getcb(c->bev, NULL, NULL, NULL, &evcon);
	c->evcon = evcon;
	evhttp_connection_set_closecb(c->evcon, on_conn_closed, c);
	if (c->server->conn_count > c->server->cfg.limits.connections_max || c->server->draining)
		evhttp_connection_free(c->evcon);
}

static struct bufferevent *on_accept(struct event_base *loop, void *arg)
{
	struct http_server *s = arg;
	struct conn *c = calloc(1, sizeof(*c)), **bucket;

	if (c == NULL)
		return NULL;
	c->server = s;
	c->bev = bufferevent_socket_new(loop, -1, BEV_OPT_CLOSE_ON_FREE);
	c->deadline = event_new(loop, -1, 0, on_deadline, c);
	c->adopt = event_new(loop, -1, 0, on_adopt, c);
	if (c->bev == NULL || c->deadline == NULL || c->adopt == NULL) {
		if (c->bev != NULL)
			bufferevent_free(c->bev);
		if (c->deadline != NULL)
			event_free(c->deadline);
		if (c->adopt != NULL)
			event_free(c->adopt);
		free(c);
		return NULL;
	}
	evbuffer_add_cb(bufferevent_get_input(c->bev), on_input, c);
	bucket = bucket_of(s, c->bev);
	c->next_in_bucket = *bucket;
	*bucket = c;
	s->conn_count++;
	if (s->m.connections != NULL)
		metric_set(s->m.connections, s->conn_count);
	event_active(c->adopt, EV_TIMEOUT, 0);
	return c->bev;
}

/* ---- exchanges ----------------------------------------------------------------------------------------------------- */

static void exchange_free(struct exchange *x)
{
	/* What must not be compressed must not be left lying about either. */
	if (x->req.route != NULL && (x->req.route->flags & HTTP_PLAIN) != 0) {
		explicit_bzero((char *)(uintptr_t)x->req.body.p, x->req.body.n);
		if (x->res.body.p != NULL)
			explicit_bzero(x->res.body.p, x->res.body.n);
	}
	strbuf_release(&x->res.body);
	arena_release(&x->arena);
	free(x);
}

static void count_answer(const struct exchange *x)
{
	const struct http_server *s = x->server;
	const char *method = http_method_text(x->req.method);
	const char *route = x->req.route != NULL ? x->req.route->path : "unmatched";
	int64_t took_us = mono_elapsed_us(x->started, mono_now());
	char status[8];

	snprintf(status, sizeof(status), "%d", x->res.status);
	if (s->m.requests != NULL) {
		metric_add_with(s->m.requests, (const char *const[]){ method, route, status }, 1);
		metric_observe_with(s->m.seconds, (const char *const[]){ method, route }, (double)took_us / 1e6);
	}
	if (s->cfg.access_log)
		log_info(&s->cfg.log, "request", LOG_CSTR("method", method), LOG_STR("path", x->req.path),
			 LOG_CSTR("route", route), LOG_INT("status", x->res.status),
			 LOG_DOUBLE("took_ms", (double)took_us / 1e3),
			 LOG_STR("peer", x->req.client[0] != '\0' ? str_from(x->req.client) : x->req.peer),
			 LOG_CSTR("user_id", x->req.subject), LOG_CSTR("request_id", x->req.request_id));
}

static bool response_has(const struct http_response *res, struct str name)
{
	for (size_t i = 0; i < res->header_count; i++)
		if (str_eq_nocase(res->headers[i].name, name))
			return true;
	return false;
}

static void add_headers(struct exchange *x)
{
	const struct http_server_config *cfg = &x->server->cfg;
	struct evkeyvalq *out = evhttp_request_get_output_headers(x->ev);

	if (x->res.status != 204 && x->res.status != 304)
		evhttp_add_header(out, "Content-Type", x->res.content_type);
	evhttp_add_header(out, "X-Request-Id", x->req.request_id);
	for (size_t i = 0; i < x->res.header_count; i++)
		evhttp_add_header(out, x->res.headers[i].name.p, x->res.headers[i].value.p);
	for (size_t i = 0; i < cfg->header_count; i++)
		if (!response_has(&x->res, cfg->headers[i].name))
			evhttp_add_header(out, cfg->headers[i].name.p, cfg->headers[i].value.p);
	if (x->server->draining)
		evhttp_add_header(out, "Connection", "close");
}

/* Loop thread: hands the response to evhttp. */
static void answer(struct exchange *x)
{
	struct http_server *s = x->server;
	struct conn *c = conn_of(s, x->ev);
	struct evbuffer *body = evbuffer_new();

	if (x->res.body.failed)
		http_error(&x->res, 500, "unexpected_error", "Internal server error");
	add_headers(x);
	if (body != NULL && x->res.status != 204 && x->res.status != 304)
		evbuffer_add(body, strbuf_cstr(&x->res.body), x->res.body.n);
	if (c != NULL)
		c->with_handler = c->armed = c->line_checked = c->head_checked = false;
	count_answer(x);
	evhttp_send_reply(x->ev, x->res.status, NULL, body);
	if (body != NULL)
		evbuffer_free(body);
	/* A request that came behind this one has been waiting in the buffer. */
	if (c != NULL && !c->refused && evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
		inspect(c, bufferevent_get_input(c->bev));
	s->in_flight--;
	if (s->m.in_flight != NULL)
		metric_set(s->m.in_flight, s->in_flight);
	exchange_free(x);
}

static void run_handler(struct exchange *x, void *worker)
{
	const struct http_server_config *cfg = &x->server->cfg;
	unsigned flags = x->req.route->flags;

	x->req.worker = worker;
	if (cfg->before == NULL || cfg->before(&x->req, &x->res))
		x->req.route->handler(&x->req, &x->res);
	if (cfg->after != NULL)
		cfg->after(&x->req, &x->res);
	if ((flags & HTTP_ETAG) != 0)
		http_conditional(&x->req, &x->res);
	if ((flags & HTTP_PLAIN) == 0)
		http_compress(&x->req, &x->res);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	struct exchange *x, *next;

	(void)fd;
	(void)what;
	pthread_mutex_lock(&s->lock);
	x = s->done;
	s->done = NULL;
	s->done_last = &s->done;
	pthread_mutex_unlock(&s->lock);
	for (; x != NULL; x = next) {
		next = x->next;
		answer(x);
	}
}

static void *handler_thread(void *arg)
{
	struct handler_arg *h = arg;
	struct http_server *s = h->server;

	for (;;) {
		struct exchange *x;

		pthread_mutex_lock(&s->lock);
		while (s->waiting == NULL && !s->stopping)
			pthread_cond_wait(&s->more, &s->lock);
		x = s->waiting;
		if (x != NULL) {
			s->waiting = x->next;
			if (s->waiting == NULL)
				s->waiting_last = &s->waiting;
			s->waiting_count--;
		}
		pthread_mutex_unlock(&s->lock);
		if (x == NULL)
			break;
		run_handler(x, h->worker);
		pthread_mutex_lock(&s->lock);
		x->next = NULL;
		*s->done_last = x;
		s->done_last = &x->next;
		pthread_mutex_unlock(&s->lock);
		event_active(s->wake, EV_READ, 0);
	}
	free(h);
	return NULL;
}

/* false: the queue is full. */
static bool enqueue(struct http_server *s, struct exchange *x)
{
	bool room;

	pthread_mutex_lock(&s->lock);
	room = s->waiting_count < s->cfg.limits.queue_max;
	if (room) {
		x->next = NULL;
		*s->waiting_last = x;
		s->waiting_last = &x->next;
		s->waiting_count++;
		pthread_cond_signal(&s->more);
	}
	pthread_mutex_unlock(&s->lock);
	return room;
}

static bool method_of(enum evhttp_cmd_type type, enum http_method *out)
{
	static const struct {
		enum evhttp_cmd_type ev;
		enum http_method method;
	} map[] = { { EVHTTP_REQ_GET, HTTP_GET },	 { EVHTTP_REQ_POST, HTTP_POST },
		    { EVHTTP_REQ_PUT, HTTP_PUT },	 { EVHTTP_REQ_PATCH, HTTP_PATCH },
		    { EVHTTP_REQ_DELETE, HTTP_DELETE },	 { EVHTTP_REQ_HEAD, HTTP_HEAD },
		    { EVHTTP_REQ_OPTIONS, HTTP_OPTIONS } };

	for (size_t i = 0; i < ARRAY_LEN(map); i++)
		if (map[i].ev == type) {
			*out = map[i].method;
			return true;
		}
	return false;
}

static bool copy_headers(struct exchange *x)
{
	struct evkeyvalq *in = evhttp_request_get_input_headers(x->ev);
	struct http_header *out;
	size_t n = 0;

	for (struct evkeyval *h = in->tqh_first; h != NULL; h = h->next.tqe_next)
		n++;
	n = MIN_OF(n, (size_t)HEADERS_MAX);
	out = ARENA_ARRAY(&x->arena, struct http_header, n + 1);
	if (out == NULL)
		return false;
	for (struct evkeyval *h = in->tqh_first; h != NULL && x->req.header_count < n; h = h->next.tqe_next)
		out[x->req.header_count++] = (struct http_header){ arena_str(&x->arena, str_from(h->key)),
								   arena_str(&x->arena, str_from(h->value)) };
	x->req.headers = out;
	return !arena_failed(&x->arena);
}

static bool copy_body(struct exchange *x)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(x->ev);
	size_t n = evbuffer_get_length(in);
	char *p = arena_alloc(&x->arena, n + 1);

	if (p == NULL || evbuffer_remove(in, p, n) != (int)n)
		return false;
	p[n] = '\0';
	x->req.body = (struct str){ p, n };
	return true;
}

static void set_request_id(struct exchange *x)
{
	struct str given = http_header(&x->req, "x-request-id");
	char text[UUID_TEXT_MAX];

	if (!http_request_id_ok(given))
		given = str_from(uuid_format(uuid_v4(), text));
	str_copy(x->req.request_id, sizeof(x->req.request_id), given);
}

/* Fills x->req from evhttp's request; false with the answer made when it is malformed. */
static bool read_request(struct exchange *x)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(x->ev);
	struct str target = str_from(evhttp_request_get_uri(x->ev)), path = target;
	size_t mark = str_find_byte(target, '?');
	char *peer = NULL;
	ev_uint16_t port;

	evhttp_connection_get_peer(evcon, &peer, &port);
	x->req.peer = arena_str(&x->arena, str_from(peer));
	if (!copy_headers(x) || !copy_body(x)) {
		http_error(&x->res, 413, "payload_too_large", "The request is too large");
		return false;
	}
	set_request_id(x);
	if (mark != SIZE_MAX) {
		path = str_slice(target, 0, mark);
		x->req.query = arena_str(&x->arena, str_slice(target, mark + 1, target.n));
	}
	x->req.path = http_decode(&x->arena, path, false);
	if (x->req.path.p == NULL || x->req.path.n == 0 || x->req.path.p[0] != '/' ||
	    !method_of(evhttp_request_get_command(x->ev), &x->req.method)) {
		x->req.path = STR("-");
		http_error(&x->res, 400, "bad_request", "The request target is malformed");
		return false;
	}
	return true;
}

static bool route_request(struct exchange *x)
{
	const struct http_server_config *cfg = &x->server->cfg;
	char allow[64];

	switch (http_match_route(cfg->routes, cfg->route_count, &x->req, allow)) {
	case HTTP_NO_PATH:
		http_error(&x->res, 404, "not_found", "Not found");
		return false;
	case HTTP_NO_METHOD:
		http_error(&x->res, 405, "method_not_allowed", "Method not allowed");
		http_set_header(&x->res, "Allow", str_from(allow));
		return false;
	case HTTP_MATCHED:
		break;
	}
	if (x->req.body.n > (x->req.route->body_max != 0 ? x->req.route->body_max : cfg->limits.body_max)) {
		http_error(&x->res, 413, "payload_too_large", "The request body is too large");
		return false;
	}
	return true;
}

static void on_request(struct evhttp_request *ev, void *arg)
{
	struct http_server *s = arg;
	struct conn *c = conn_of(s, ev);
	struct exchange *x;

	if (c != NULL && c->refused)
		return;
	x = calloc(1, sizeof(*x));
	if (x == NULL) {
		evhttp_send_reply(ev, 503, NULL, NULL);
		return;
	}
	if (c != NULL) {
		event_del(c->deadline);
		c->with_handler = true;
		c->armed = false;
	}
	x->server = s;
	x->ev = ev;
	x->started = mono_now();
	arena_init(&x->arena, ARENA_MAX);
	strbuf_init(&x->res.body, RESPONSE_MAX);
	x->res.arena = x->req.arena = &x->arena;
	x->res.status = 200;
	x->res.content_type = "application/json";
	x->req.user = s->cfg.user;
	x->req.received_at = utc_now();
	s->in_flight++;
	if (s->m.in_flight != NULL)
		metric_set(s->m.in_flight, s->in_flight);
	if (read_request(x) && route_request(x)) {
		if ((x->req.route->flags & HTTP_ON_LOOP) != 0) {
			run_handler(x, NULL);
		} else if (enqueue(s, x)) {
			return;
		} else {
			http_error(&x->res, 503, "service_unavailable", "The server is overloaded");
			http_set_header(&x->res, "Retry-After", STR("1"));
		}
	}
	answer(x);
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static void apply_defaults(struct http_limits *l)
{
	if (l->body_max == 0)
		l->body_max = 1 << 20;
	if (l->header_max == 0)
		l->header_max = 16 << 10;
	if (l->connections_max == 0)
		l->connections_max = 16384;
	if (l->queue_max == 0)
		l->queue_max = 512;
	if (l->idle_timeout_s == 0)
		l->idle_timeout_s = 60;
	if (l->request_timeout_s == 0)
		l->request_timeout_s = 15;
}

/* As many descriptors as the hard limit lets us have: idle connections are cheap, running out is not. */
static void raise_descriptor_limit(int wanted)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < (rlim_t)wanted) {
		l.rlim_cur = MIN_OF((rlim_t)wanted, l.rlim_max);
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static void add_metrics(struct http_server *s)
{
	static const double seconds[] = {
		0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
	};
	const struct {
		struct metric **out;
		enum metric_kind kind;
		const char *suffix, *help, *labels[METRIC_LABELS_MAX];
	} rows[] = {
		{ &s->m.requests,
		  METRIC_COUNTER,
		  "requests_total",
		  "Requests answered",
		  { "method", "route", "status" } },
		{ &s->m.seconds,
		  METRIC_HISTOGRAM,
		  "request_duration_seconds",
		  "Time to answer",
		  { "method", "route" } },
		{ &s->m.in_flight, METRIC_GAUGE, "in_flight_requests", "Requests being handled", { NULL } },
		{ &s->m.connections, METRIC_GAUGE, "connections", "Open connections", { NULL } },
		{ &s->m.refused,
		  METRIC_COUNTER,
		  "refused_total",
		  "Requests refused before they were complete",
		  { "status" } },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char name[128];
		struct metric_def def = { .kind = rows[i].kind, .name = name, .help = rows[i].help };

		snprintf(name, sizeof(name), "%s_http_%s", s->cfg.metrics_prefix, rows[i].suffix);
		memcpy(def.labels, rows[i].labels, sizeof(def.labels));
		if (def.kind == METRIC_HISTOGRAM) {
			def.buckets = seconds;
			def.bucket_count = ARRAY_LEN(seconds);
		}
		*rows[i].out = metrics_add(s->cfg.metrics, &def);
	}
}

static int start_threads(struct http_server *s, struct error *err)
{
	s->threads = calloc((size_t)s->cfg.threads, sizeof(*s->threads));
	s->workers = calloc((size_t)s->cfg.threads, sizeof(*s->workers));
	if (s->threads == NULL || s->workers == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory for handler threads");
	for (int i = 0; i < s->cfg.threads; i++) {
		struct handler_arg *arg = malloc(sizeof(*arg));

		if (s->cfg.worker_open != NULL && (s->workers[i] = s->cfg.worker_open(s->cfg.user, err)) == NULL) {
			free(arg);
			return -1;
		}
		s->thread_count = i + 1; /* from here on the worker is closed by http_server_free() */
		if (arg == NULL) {
			s->threads[i] = 0;
			return error_set(err, ERR_UNAVAILABLE, "no memory for handler threads");
		}
		*arg = (struct handler_arg){ s, s->workers[i] };
		if (pthread_create(&s->threads[i], NULL, handler_thread, arg) != 0) {
			s->threads[i] = 0;
			free(arg);
			return error_set(err, ERR_UNAVAILABLE, "a handler thread could not be started");
		}
	}
	return 0;
}

struct http_server *http_server_start(struct event_base *loop, const struct http_server_config *cfg, struct error *err)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory for the HTTP server");
		return NULL;
	}
	s->loop = loop;
	s->cfg = *cfg;
	apply_defaults(&s->cfg.limits);
	if (s->cfg.threads == 0)
		s->cfg.threads = 4;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->more, NULL);
	s->waiting_last = &s->waiting;
	s->done_last = &s->done;
	raise_descriptor_limit(s->cfg.limits.connections_max + 256);
	s->wake = event_new(loop, -1, EV_READ | EV_PERSIST, on_wake, s);
	s->http = evhttp_new(loop);
	if (s->wake == NULL || s->http == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory for the HTTP server");
		goto fail;
	}
	evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH |
						    EVHTTP_REQ_DELETE | EVHTTP_REQ_HEAD | EVHTTP_REQ_OPTIONS);
	/* A little more than ours, so that our refusals come first. */
	evhttp_set_max_headers_size(s->http, (ev_ssize_t)s->cfg.limits.header_max + 1024);
	evhttp_set_max_body_size(s->http, (ev_ssize_t)s->cfg.limits.body_max + (128 << 10));
	evhttp_set_timeout(s->http, s->cfg.limits.idle_timeout_s);
	evhttp_set_bevcb(s->http, on_accept, s);
	evhttp_set_gencb(s->http, on_request, s);
	if (s->cfg.metrics != NULL)
		add_metrics(s);
	s->bound = evhttp_bind_socket_with_handle(s->http, cfg->host, (ev_uint16_t)cfg->port);
	if (s->bound == NULL) {
		error_set_errno(err, EVUTIL_SOCKET_ERROR(), "cannot listen on %s port %d", cfg->host, cfg->port);
		goto fail;
	}
	/* Accepted sockets inherit it: an answer in several writes must not wait for the peer's delayed acknowledgement. */
	setsockopt(evhttp_bound_socket_get_fd(s->bound), IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (start_threads(s, err) != 0)
		goto fail;
	return s;
fail:
	http_server_free(s);
	return NULL;
}

int http_server_port(const struct http_server *s)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	if (getsockname(evhttp_bound_socket_get_fd(s->bound), (struct sockaddr *)&a, &len) != 0)
		return 0;
	return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
					     : ((struct sockaddr_in *)&a)->sin_port);
}

void http_server_drain(struct http_server *s)
{
	if (s->draining)
		return;
	s->draining = true;
	if (s->bound != NULL)
		evhttp_del_accept_socket(s->http, s->bound);
	s->bound = NULL;
}

bool http_server_idle(const struct http_server *s) { return s->in_flight == 0; }

void http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->more);
	pthread_mutex_unlock(&s->lock);
	for (int i = 0; i < s->thread_count; i++) {
		if (s->threads[i] != 0)
			pthread_join(s->threads[i], NULL);
		if (s->cfg.worker_close != NULL)
			s->cfg.worker_close(s->workers[i]);
	}
	if (s->wake != NULL) {
		on_wake(-1, 0, s); /* what the threads finished last */
		event_free(s->wake);
	}
	if (s->http != NULL)
		evhttp_free(s->http);
	free(s->threads);
	free(s->workers);
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
