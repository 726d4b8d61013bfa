#include "runtime/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utc.h"

#define BODY_MAX_DEFAULT (16u << 20)

/* One call under way, for both forms. */
struct exchange {
	CURL *easy;
	struct curl_slist *headers;
	struct http_result result;
	mono_t started;
	char label[80];
};

struct http_client {
	CURL *easy;
};

static void init_curl(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

static void init_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init_curl);
}

void http_result_release(struct http_result *r) { strbuf_release(&r->body); }

/* ---- setting up a call --------------------------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	size_t n = size * count;

	strbuf_add(&x->result.body, (struct str){ data, n });
	return x->result.body.failed ? 0 : n; /* anything but n ends the transfer */
}

static bool header_value(struct str line, struct str name, struct str *value)
{
	if (line.n <= name.n || line.p[name.n] != ':' || !str_eq_nocase(str_slice(line, 0, name.n), name))
		return false;
	*value = str_trim(str_slice(line, name.n + 1, line.n));
	return true;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	struct str line = { data, size * count }, value;
	int64_t v;

	if (header_value(line, STR("retry-after"), &value)) {
		char text[64];
		time_t when;

		if (str_to_i64(value, &v) && v >= 0)
			x->result.retry_after_s = v;
		else if (str_copy(text, sizeof(text), value) && (when = curl_getdate(text, NULL)) >= 0)
			x->result.retry_after_s = MAX_OF((int64_t)when - utc_now().ms / 1000, (int64_t)0);
	} else if (header_value(line, STR("x-mbx-used-weight-1m"), &value) && str_to_i64(value, &v) && v >= 0) {
		x->result.used_weight = v;
	}
	return size * count;
}

static int set_headers(struct exchange *x, const struct http_call *call)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	for (size_t i = 0; list != NULL && call->headers != NULL && call->headers[i] != NULL; i++) {
		struct curl_slist *longer = curl_slist_append(list, call->headers[i]);

		if (longer == NULL) {
			curl_slist_free_all(list);
			return -1;
		}
		list = longer;
	}
	x->headers = list;
	return list != NULL ? 0 : -1;
}

static int set_up(struct exchange *x, const struct http_call *call, struct error *err)
{
	CURL *e = x->easy;

	snprintf(x->label, sizeof(x->label), "%s", call->label != NULL ? call->label : "http call");
	strbuf_init(&x->result.body, call->body_max != 0 ? call->body_max : BODY_MAX_DEFAULT);
	x->result.retry_after_s = x->result.used_weight = -1;
	x->started = mono_now();
	curl_easy_reset(e);
	if (set_headers(x, call) != 0)
		return error_set(err, ERR_UNAVAILABLE, "%s: no memory", x->label);
	curl_easy_setopt(e, CURLOPT_URL, call->url);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, x->headers);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "roehub/" ROEHUB_VERSION);
	curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	if (call->ca_file != NULL)
		curl_easy_setopt(e, CURLOPT_CAINFO, call->ca_file);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)(call->connect_timeout_ms != 0 ? call->connect_timeout_ms : 5000));
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(call->timeout_ms != 0 ? call->timeout_ms : 30000));
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(e, CURLOPT_PRIVATE, x);
	if (call->body.p != NULL) {
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, call->body.p);
	}
	if (call->method != NULL)
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, call->method);
	return 0;
}

/* Fills in what came of it. curl's own texts may quote the URL's host but never its path; still only the fixed ones of
 * curl_easy_strerror() are used. */
static void conclude(struct exchange *x, CURLcode rc)
{
	struct http_result *r = &x->result;
	long status = 0;

	r->took_us = mono_elapsed_us(x->started, mono_now());
	if (rc == CURLE_OK) {
		curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
		r->status = (int)status;
		return;
	}
	if (r->body.failed)
		error_set(&r->error, ERR_TOO_LARGE, "%s: the answer is larger than %zu bytes", x->label, r->body.max);
	else if (rc == CURLE_OPERATION_TIMEDOUT)
		error_set(&r->error, ERR_TIMEOUT, "%s: timed out", x->label);
	else
		error_set(&r->error, ERR_UNAVAILABLE, "%s: %s", x->label, curl_easy_strerror(rc));
}

/* ---- blocking ------------------------------------------------------------------------------------------------------ */

struct http_client *http_client_new(void)
{
	struct http_client *c = calloc(1, sizeof(*c));

	init_once();
	if (c != NULL && (c->easy = curl_easy_init()) == NULL) {
		free(c);
		c = NULL;
	}
	return c;
}

void http_client_free(struct http_client *c)
{
	if (c == NULL)
		return;
	curl_easy_cleanup(c->easy);
	free(c);
}

int http_client_do(struct http_client *c, const struct http_call *call, struct http_result *out, struct error *err)
{
	struct exchange x = { .easy = c->easy };
	int rc = set_up(&x, call, &x.result.error);

	if (rc == 0)
		conclude(&x, curl_easy_perform(c->easy));
	curl_slist_free_all(x.headers);
	*out = x.result;
	if (out->status != 0)
		return 0;
	if (err != NULL)
		*err = out->error;
	return -1;
}

/* ---- on a loop ----------------------------------------------------------------------------------------------------- */

struct http_transfer {
	struct http_transfer *next, **link; /* in the loop's list */
	struct http_loop *loop;
	struct exchange x;
	char *body; /* copy: the caller's may be gone before curl is */
	http_done done;
	void *arg;
	bool added, finished;
};

struct http_loop {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;  /* curl's own */
	struct event *settle; /* calls done() of finished and cancelled transfers from a clean stack */
	struct http_transfer *transfers;
	bool freeing;
};

/* A socket that curl wants watched. */
struct watch {
	struct event *event;
	struct http_loop *loop;
};

static void transfer_free(struct http_transfer *t)
{
	*t->link = t->next;
	if (t->next != NULL)
		t->next->link = t->link;
	if (t->added)
		curl_multi_remove_handle(t->loop->multi, t->x.easy);
	curl_easy_cleanup(t->x.easy);
	curl_slist_free_all(t->x.headers);
	http_result_release(&t->x.result);
	free(t->body);
	free(t);
}

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
	struct http_loop *l = arg;
	bool again = true;

	(void)fd;
	(void)what;
	/* A callback may start or cancel others: look from the front after each. */
	while (again) {
		again = false;
		for (struct http_transfer *t = l->transfers; t != NULL; t = t->next) {
			if (!t->finished)
				continue;
			t->done(&t->x.result, t->arg);
			transfer_free(t);
			again = true;
			break;
		}
	}
}

static void check_finished(struct http_loop *l)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(l->multi, &left)) != NULL) {
		struct exchange *x = NULL;
		struct http_transfer *t;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
		t = (struct http_transfer *)((char *)x - offsetof(struct http_transfer, x));
		if (!t->finished) {
			conclude(&t->x, m->data.result);
			t->finished = true;
			event_active(l->settle, EV_TIMEOUT, 0);
		}
	}
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	struct http_loop *l = w->loop;
	int running, mask = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);

	curl_multi_socket_action(l->multi, fd, mask, &running); /* may free w */
	check_finished(l);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_loop *l = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	check_finished(l);
}

static int curl_wants_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http_loop *l = arg;
	struct watch *w = socket_arg;
	short events =
		(short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));

	(void)easy;
	if (w != NULL && w->event != NULL)
		event_free(w->event);
	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(l->multi, fd, NULL);
		free(w);
		return 0;
	}
	if (w == NULL) {
		w = calloc(1, sizeof(*w));
		if (w == NULL)
			return -1;
		w->loop = l;
		curl_multi_assign(l->multi, fd, w);
	}
	w->event = event_new(l->base, fd, events, on_socket, w);
	return w->event != NULL && event_add(w->event, NULL) == 0 ? 0 : -1;
}

static int curl_wants_timer(CURLM *multi, long ms, void *arg)
{
	struct http_loop *l = arg;

	(void)multi;
	if (ms < 0)
		return event_del(l->timer);
	return event_add(l->timer, &(struct timeval){ ms / 1000, (suseconds_t)(ms % 1000) * 1000 });
}

struct http_loop *http_loop_new(struct event_base *base, struct error *err)
{
	struct http_loop *l = calloc(1, sizeof(*l));

	init_once();
	if (l != NULL) {
		l->base = base;
		l->multi = curl_multi_init();
		l->timer = event_new(base, -1, 0, on_timer, l);
		l->settle = event_new(base, -1, 0, on_settle, l);
	}
	if (l == NULL || l->multi == NULL || l->timer == NULL || l->settle == NULL) {
		http_loop_free(l);
		error_set(err, ERR_UNAVAILABLE, "no memory for the HTTP client");
		return NULL;
	}
	curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, curl_wants_socket);
	curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
	curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, curl_wants_timer);
	curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
	return l;
}

void http_loop_free(struct http_loop *l)
{
	if (l == NULL)
		return;
	l->freeing = true;
	for (struct http_transfer *t = l->transfers; t != NULL; t = t->next)
		http_transfer_cancel(t);
	if (l->settle != NULL)
		on_settle(-1, 0, l);
	if (l->multi != NULL)
		curl_multi_cleanup(l->multi);
	if (l->timer != NULL)
		event_free(l->timer);
	if (l->settle != NULL)
		event_free(l->settle);
	free(l);
}

struct http_transfer *http_loop_start(struct http_loop *l, const struct http_call *call, http_done done, void *arg,
				      struct error *err)
{
	struct http_transfer *t = l->freeing ? NULL : calloc(1, sizeof(*t));
	struct http_call copy = *call;

	if (t == NULL || (t->x.easy = curl_easy_init()) == NULL) {
		free(t);
		error_set(err, ERR_UNAVAILABLE, "no memory for an HTTP call");
		return NULL;
	}
	t->loop = l;
	t->done = done;
	t->arg = arg;
	t->link = &l->transfers;
	t->next = l->transfers;
	if (t->next != NULL)
		t->next->link = &t->next;
	l->transfers = t;
	if (call->body.p != NULL) {
		t->body = malloc(call->body.n + 1);
		if (t->body != NULL)
			memcpy(t->body, call->body.p, call->body.n);
		copy.body.p = t->body;
	}
	if ((call->body.p != NULL && t->body == NULL) || set_up(&t->x, &copy, err) != 0 ||
	    curl_multi_add_handle(l->multi, t->x.easy) != CURLM_OK) {
		transfer_free(t);
		error_set(err, ERR_UNAVAILABLE, "no memory for an HTTP call");
		return NULL;
	}
	t->added = true;
	return t;
}

void http_transfer_cancel(struct http_transfer *t)
{
	if (t->finished)
		return;
	error_set(&t->x.result.error, ERR_UNAVAILABLE, "cancelled");
	t->finished = true;
	if (t->added)
		curl_multi_remove_handle(t->loop->multi, t->x.easy);
	t->added = false;
	event_active(t->loop->settle, EV_TIMEOUT, 0);
}

void http_urlencode(struct strbuf *sb, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
		    c == '_' || c == '.' || c == '~') {
			strbuf_addch(sb, (char)c);
		} else {
			strbuf_addch(sb, '%');
			strbuf_addch(sb, hex[c >> 4]);
			strbuf_addch(sb, hex[c & 15]);
		}
	}
}
