/* redis.h - one Redis connection of one thread: deadlines on connect and command, reconnect, pipelines.
 *
 * Redis is a wake-up and a fan-out, never the truth: callers count failures and go on. After ERR_UNAVAILABLE the next
 * call reconnects (not more often than every 250 ms; calls in between fail at once).
 */
#ifndef ROEHUB_ADAPTERS_REDIS_REDIS_H
#define ROEHUB_ADAPTERS_REDIS_REDIS_H

#include <hiredis/hiredis.h>

#include "base/crypto.h"
#include "base/error.h"

struct redis_settings {
	char host[256];
	int port;
	int db;
	struct secret password; /* empty: no AUTH */
	int connect_timeout_ms;
	int socket_timeout_ms;
};

struct redis;

struct redis *redis_new(const struct redis_settings *settings); /* does not connect; settings are copied */
void redis_free(struct redis *r);
int redis_ping(struct redis *r, struct error *err);

/* One command, binary-safe. The reply is the caller's (freeReplyObject). A server error reply is -1 with ERR_INVALID,
 * its text in err->message; a lost connection ERR_UNAVAILABLE. */
int redis_command(struct redis *r, size_t argc, const struct str *argv, redisReply **reply, struct error *err);

/* Pipeline: append, then flush; on_reply sees every reply in order (NULL when it was lost with the connection). */
int redis_append(struct redis *r, size_t argc, const struct str *argv, struct error *err);
typedef void (*redis_on_reply)(const redisReply *reply, size_t index, void *arg);
int redis_flush(struct redis *r, redis_on_reply on_reply, void *arg, struct error *err);

/* Does the text of a refused XADD say that this id, or a later one, is there already? */
bool redis_is_duplicate_id(struct str message);

#endif
