#include "telegram.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"

#define MESSAGES_MAX	    100000
#define UPDATES_MAX	    10000
#define TEXT_CHARACTERS_MAX 4096
#define LONG_POLL_MAX_S	    50

struct sent {
	struct sent *next;
	int64_t message_id, chat_id;
	utc_t at;
	char *text;
};

struct telegram {
	pthread_mutex_t lock;
	struct secret token;
	struct faults faults;
	struct sent *first, **last;
	size_t count;
	int64_t next_message_id, next_update_id;
	cJSON *updates; /* array of updates, each with its update_id */
};

struct telegram *telegram_new(const char *token, struct error *err)
{
	struct telegram *t = calloc(1, sizeof(*t));

	if (t == NULL || !secret_set(&t->token, str_from(token)) || (t->updates = cJSON_CreateArray()) == NULL) {
		if (t != NULL)
			secret_release(&t->token);
		free(t);
		error_set(err, ERR_UNAVAILABLE, "no memory for the Bot API");
		return NULL;
	}
	pthread_mutex_init(&t->lock, NULL);
	t->last = &t->first;
	t->next_message_id = t->next_update_id = 1;
	return t;
}

/* with the lock, and at least one message kept */
static void drop_oldest(struct telegram *t)
{
	struct sent *s = t->first;

	t->first = s->next;
	if (t->first == NULL)
		t->last = &t->first;
	t->count--;
	free(s->text);
	free(s);
}

void telegram_clear_sent(struct telegram *t)
{
	pthread_mutex_lock(&t->lock);
	while (t->first != NULL)
		drop_oldest(t);
	pthread_mutex_unlock(&t->lock);
}

void telegram_free(struct telegram *t)
{
	if (t == NULL)
		return;
	telegram_clear_sent(t);
	cJSON_Delete(t->updates);
	secret_release(&t->token);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

struct faults *telegram_faults(struct telegram *t) { return &t->faults; }

void telegram_lock(struct telegram *t) { pthread_mutex_lock(&t->lock); }

void telegram_unlock(struct telegram *t) { pthread_mutex_unlock(&t->lock); }

/* ---- answers ------------------------------------------------------------------------------------------------------- */

static void refuse(struct http_response *res, int code, const char *description, int64_t retry_after_s)
{
	struct json_writer w;

	res->status = code;
	strbuf_reset(&res->body);
	jw_init(&w, &res->body);
	jw_obj(&w);
	jw_key(&w, "ok");
	jw_bool(&w, false);
	jw_key(&w, "error_code");
	jw_int(&w, code);
	jw_key(&w, "description");
	jw_cstr(&w, description);
	if (retry_after_s > 0) {
		jw_key(&w, "parameters");
		jw_obj(&w);
		jw_key(&w, "retry_after");
		jw_int(&w, retry_after_s);
		jw_end(&w);
	}
	jw_end(&w);
}

static void pause_ms(int64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* true: the answer is made, or the call was held up long enough. */
static bool faulted(struct telegram *t, struct http_response *res)
{
	int64_t hang_ms = 0, retry_after_s = 0;
	int code = 0;

	telegram_lock(t);
	if (fault_fires(&t->faults, FAULT_TELEGRAM_429)) {
		code = 429;
		retry_after_s = t->faults.kinds[FAULT_TELEGRAM_429].retry_after_s;
	} else if (fault_fires(&t->faults, FAULT_TELEGRAM_500)) {
		code = 500;
	} else if (fault_fires(&t->faults, FAULT_TELEGRAM_TIMEOUT)) {
		hang_ms = t->faults.kinds[FAULT_TELEGRAM_TIMEOUT].duration_ms;
	}
	telegram_unlock(t);
	if (hang_ms > 0) {
		pause_ms(hang_ms);
		code = 504;
	}
	if (code == 429)
		refuse(res, 429, "Too Many Requests: retry later", MAX_OF(retry_after_s, (int64_t)1));
	else if (code != 0)
		refuse(res, code, code == 504 ? "Gateway Timeout" : "Internal Server Error", 0);
	return code != 0;
}

/* A parameter from the JSON body, a form body or the query, as text. */
static struct str parameter(struct http_request *req, const cJSON *body, const char *name)
{
	const cJSON *node = json_get(body, name);
	struct http_request form = *req;
	struct str value = STR_NULL;

	if (node != NULL)
		return cJSON_IsNumber(node) ? str_from(node->valuestring) : json_get_str(node);
	if (http_query(req, name, &value))
		return value;
	form.query = req->body;
	return body == NULL && http_query(&form, name, &value) ? value : STR_NULL;
}

static void send_message(struct telegram *t, struct http_request *req, const cJSON *body, struct http_response *res)
{
	struct str text = parameter(req, body, "text"), chat = parameter(req, body, "chat_id");
	struct sent *s, kept;
	struct json_writer w;
	int64_t chat_id = 0;

	if (chat.p == NULL || !str_to_i64(chat, &chat_id) || chat_id == 0) {
		refuse(res, 400, "Bad Request: chat not found", 0);
		return;
	}
	if (text.p == NULL || str_is_blank(text)) {
		refuse(res, 400, "Bad Request: message text is empty", 0);
		return;
	}
	if (utf8_length(text) > TEXT_CHARACTERS_MAX) {
		refuse(res, 400, "Bad Request: message is too long", 0);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL || (s->text = strndup(text.p, text.n)) == NULL) {
		free(s);
		refuse(res, 500, "Internal Server Error", 0);
		return;
	}
	s->chat_id = chat_id;
	s->at = utc_now();
	telegram_lock(t);
	s->message_id = t->next_message_id++;
	kept = *s;
	*t->last = s;
	t->last = &s->next;
	if (++t->count > MESSAGES_MAX)
		drop_oldest(t);
	telegram_unlock(t);
	jw_init(&w, &res->body);
	jw_obj(&w);
	jw_key(&w, "ok");
	jw_bool(&w, true);
	jw_key(&w, "result");
	jw_obj(&w);
	jw_key(&w, "message_id");
	jw_int(&w, kept.message_id);
	jw_key(&w, "date");
	jw_int(&w, kept.at.ms / 1000);
	jw_key(&w, "chat");
	jw_obj(&w);
	jw_key(&w, "id");
	jw_int(&w, chat_id);
	jw_key(&w, "type");
	jw_cstr(&w, chat_id < 0 ? "group" : "private");
	jw_end(&w);
	jw_key(&w, "text");
	jw_str(&w, text);
	jw_end(&w);
	jw_end(&w);
}

/* Drops what the caller confirmed by its offset, then copies what is left; true when there is something. */
static bool take_updates(struct telegram *t, int64_t offset, int64_t limit, struct strbuf *out)
{
	struct json_writer w;
	int64_t n = 0;

	telegram_lock(t);
	for (cJSON *u = t->updates->child, *next; u != NULL && offset > 0; u = next) {
		int64_t id = 0;

		next = u->next;
		json_get_i64(json_get(u, "update_id"), &id);
		if (id < offset)
			cJSON_Delete(cJSON_DetachItemViaPointer(t->updates, u));
	}
	strbuf_reset(out);
	jw_init(&w, out);
	jw_obj(&w);
	jw_key(&w, "ok");
	jw_bool(&w, true);
	jw_key(&w, "result");
	jw_arr(&w);
	for (const cJSON *u = t->updates->child; u != NULL && n < limit; u = u->next, n++)
		jw_node(&w, u);
	jw_end(&w);
	jw_end(&w);
	telegram_unlock(t);
	return n > 0;
}

static void get_updates(struct telegram *t, struct http_request *req, const cJSON *body, struct http_response *res)
{
	int64_t offset = 0, limit = 100, timeout = 0;
	mono_t until;

	str_to_i64(parameter(req, body, "offset"), &offset);
	str_to_i64(parameter(req, body, "limit"), &limit);
	str_to_i64(parameter(req, body, "timeout"), &timeout);
	limit = MIN_OF(MAX_OF(limit, (int64_t)1), (int64_t)100);
	timeout = MIN_OF(MAX_OF(timeout, (int64_t)0), (int64_t)LONG_POLL_MAX_S);
	until = mono_after_ms(mono_now(), timeout * 1000);
	while (!take_updates(t, offset, limit, &res->body) && mono_elapsed_us(mono_now(), until) > 0)
		pause_ms(50);
}

void telegram_call(struct telegram *t, struct http_request *req, struct http_response *res)
{
	struct str token = req->params[0], method = req->params[1];
	cJSON *body = NULL;

	if (!str_starts(token, STR("bot")) || !crypto_equal(str_slice(token, 3, token.n), secret_str(&t->token))) {
		refuse(res, 401, "Unauthorized", 0);
		return;
	}
	if (faulted(t, res))
		return;
	if (req->body.n > 0 && req->body.p[0] == '{') {
		body = json_parse(req->body, NULL, NULL, NULL);
		if (body == NULL) {
			refuse(res, 400, "Bad Request: can't parse JSON object", 0);
			return;
		}
	}
	if (str_eq_nocase(method, STR("sendMessage")))
		send_message(t, req, body, res);
	else if (str_eq_nocase(method, STR("getUpdates")))
		get_updates(t, req, body, res);
	else if (str_eq_nocase(method, STR("getMe")))
		strbuf_addc(&res->body,
			    "{\"ok\":true,\"result\":{\"id\":123456,\"is_bot\":true,\"first_name\":\"Roehub\","
			    "\"username\":\"RoehubAuth_bot\"}}");
	else
		refuse(res, 404, "Not Found", 0);
	json_free(body);
}

/* ---- control ------------------------------------------------------------------------------------------------------- */

void telegram_write_sent(struct telegram *t, struct strbuf *out)
{
	struct json_writer w;

	jw_init(&w, out);
	jw_obj(&w);
	jw_key(&w, "messages");
	jw_arr(&w);
	telegram_lock(t);
	for (const struct sent *s = t->first; s != NULL; s = s->next) {
		jw_obj(&w);
		jw_key(&w, "message_id");
		jw_int(&w, s->message_id);
		jw_key(&w, "chat_id");
		jw_int(&w, s->chat_id);
		jw_key(&w, "text");
		jw_cstr(&w, s->text);
		jw_key(&w, "date_ms");
		jw_int(&w, s->at.ms);
		jw_end(&w);
	}
	telegram_unlock(t);
	jw_end(&w);
	jw_end(&w);
}

int telegram_inject(struct telegram *t, const cJSON *update, struct error *err)
{
	cJSON *copy = cJSON_IsObject(update) ? cJSON_Duplicate(update, true) : NULL;
	int rc = 0;

	if (copy == NULL)
		return error_set(err, ERR_INVALID, "an update must be an object");
	cJSON_DeleteItemFromObjectCaseSensitive(copy, "update_id");
	telegram_lock(t);
	if (cJSON_GetArraySize(t->updates) >= UPDATES_MAX) {
		cJSON_Delete(copy);
		rc = error_set(err, ERR_UNAVAILABLE, "%d updates are waiting already", UPDATES_MAX);
	} else {
		cJSON_AddItemToObject(copy, "update_id", json_new_int(t->next_update_id++));
		cJSON_AddItemToArray(t->updates, copy);
	}
	telegram_unlock(t);
	return rc;
}
