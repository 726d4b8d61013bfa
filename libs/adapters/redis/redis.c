#include "adapters/redis/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utc.h"

#define RECONNECT_EVERY_MS 250
#define ARGS_MAX	   512

struct redis {
	struct redis_settings settings;
	redisContext *c; /* NULL while there is no connection */
	mono_t retry_at;
	bool tried;
	size_t pending; /* appended commands whose replies were not read */
};

struct redis *redis_new(const struct redis_settings *settings)
{
	struct redis *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->settings = *settings;
	r->settings.password = (struct secret)SECRET_NONE;
	if (settings->password.n > 0 && !secret_set(&r->settings.password, secret_str(&settings->password))) {
		free(r);
		return NULL;
	}
	return r;
}

static void disconnect(struct redis *r)
{
	if (r->c != NULL)
		redisFree(r->c);
	r->c = NULL;
	r->pending = 0;
}

void redis_free(struct redis *r)
{
	if (r == NULL)
		return;
	disconnect(r);
	secret_release(&r->settings.password);
	free(r);
}

static int lost(struct redis *r, struct error *err)
{
	error_set(err, ERR_UNAVAILABLE, "Redis is not available");
	if (r->c != NULL && r->c->errstr[0] != '\0')
		error_detail(err, "%s", r->c->errstr);
	disconnect(r);
	return -1;
}

static struct timeval timeout_of(int ms) { return (struct timeval){ ms / 1000, (suseconds_t)(ms % 1000) * 1000 }; }

/* AUTH and SELECT of a fresh connection. */
static int greet(struct redis *r, struct error *err)
{
	redisReply *reply = NULL;
	bool ok = true;

	if (r->settings.password.n > 0) {
		reply = redisCommand(r->c, "AUTH %b", r->settings.password.p, r->settings.password.n);
		ok = reply != NULL && reply->type != REDIS_REPLY_ERROR;
		if (reply != NULL)
			freeReplyObject(reply);
		if (!ok) {
			lost(r, NULL);
			return error_set(err, ERR_UNAVAILABLE, "Redis refused the password");
		}
	}
	if (r->settings.db != 0) {
		reply = redisCommand(r->c, "SELECT %d", r->settings.db);
		ok = reply != NULL && reply->type != REDIS_REPLY_ERROR;
		if (reply != NULL)
			freeReplyObject(reply);
		if (!ok) {
			lost(r, NULL);
			return error_set(err, ERR_UNAVAILABLE, "Redis has no database %d", r->settings.db);
		}
	}
	return 0;
}

static int need_connection(struct redis *r, struct error *err)
{
	if (r->c != NULL && r->c->err == 0)
		return 0;
	disconnect(r);
	if (r->tried && mono_elapsed_us(mono_now(), r->retry_at) > 0)
		return error_set(err, ERR_UNAVAILABLE, "Redis is not available");
	r->tried = true;
	r->retry_at = mono_after_ms(mono_now(), RECONNECT_EVERY_MS);
	r->c = redisConnectWithTimeout(r->settings.host, r->settings.port, timeout_of(r->settings.connect_timeout_ms));
	if (r->c == NULL || r->c->err != 0)
		return lost(r, err);
	redisEnableKeepAlive(r->c);
	if (redisSetTimeout(r->c, timeout_of(r->settings.socket_timeout_ms)) != REDIS_OK)
		return lost(r, err);
	if (greet(r, err) != 0)
		return -1;
	r->tried = false;
	return 0;
}

static int append_raw(struct redis *r, size_t argc, const struct str *argv, struct error *err)
{
	const char *texts[ARGS_MAX];
	size_t lengths[ARGS_MAX];

	if (argc > ARGS_MAX)
		return error_set(err, ERR_TOO_LARGE, "a Redis command has %zu words, at most %d are supported", argc,
				 ARGS_MAX);
	for (size_t i = 0; i < argc; i++) {
		texts[i] = argv[i].p != NULL ? argv[i].p : "";
		lengths[i] = argv[i].n;
	}
	if (redisAppendCommandArgv(r->c, (int)argc, texts, lengths) != REDIS_OK)
		return lost(r, err);
	r->pending++;
	return 0;
}

static int read_reply(struct redis *r, redisReply **reply, struct error *err)
{
	void *p = NULL;

	if (redisGetReply(r->c, &p) != REDIS_OK || p == NULL)
		return lost(r, err);
	r->pending--;
	*reply = p;
	return 0;
}

int redis_command(struct redis *r, size_t argc, const struct str *argv, redisReply **reply, struct error *err)
{
	redisReply *got = NULL;

	if (r->pending != 0)
		return error_set(err, ERR_INTERNAL, "a Redis command inside an unfinished pipeline");
	if (need_connection(r, err) != 0 || append_raw(r, argc, argv, err) != 0 || read_reply(r, &got, err) != 0)
		return -1;
	if (got->type == REDIS_REPLY_ERROR) {
		error_set(err, ERR_INVALID, "%.*s", (int)MIN_OF(got->len, (size_t)200), got->str);
		freeReplyObject(got);
		return -1;
	}
	if (reply != NULL)
		*reply = got;
	else
		freeReplyObject(got);
	return 0;
}

int redis_ping(struct redis *r, struct error *err)
{
	return redis_command(r, 1, (const struct str[]){ STR("PING") }, NULL, err);
}

int redis_append(struct redis *r, size_t argc, const struct str *argv, struct error *err)
{
	if (r->pending == 0 && need_connection(r, err) != 0)
		return -1;
	if (r->c == NULL)
		return error_set(err, ERR_UNAVAILABLE, "Redis is not available");
	return append_raw(r, argc, argv, err);
}

int redis_flush(struct redis *r, redis_on_reply on_reply, void *arg, struct error *err)
{
	size_t n = r->pending;
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		redisReply *reply = NULL;

		if (rc == 0)
			rc = read_reply(r, &reply, err);
		if (on_reply != NULL)
			on_reply(reply, i, arg);
		if (reply != NULL)
			freeReplyObject(reply);
	}
	return rc;
}

static bool contains_nocase(struct str text, struct str what)
{
	for (size_t i = 0; i + what.n <= text.n; i++)
		if (str_eq_nocase(str_slice(text, i, i + what.n), what))
			return true;
	return false;
}

bool redis_is_duplicate_id(struct str message)
{
	return contains_nocase(message, STR("equal or smaller than the target stream top item")) ||
	       contains_nocase(message, STR("wrongid"));
}
