#include "adapters/redis/rate_limit.h"

#include <stdio.h>

/* KEYS[1] holds the theoretical arrival time in microseconds: how far the permits taken reach into the future. */
static const char script[] =
	"local t = redis.call('TIME') local now = t[1] * 1000000 + t[2] "
	"local step, window, cost = ARGV[2] / ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]) "
	"local at = tonumber(redis.call('GET', KEYS[1]) or '0') if at < now then at = now end "
	"at = at + step * cost "
	"if cost > 0 and at - now > window then return math.ceil((at - now - window) / 1000) end "
	"if at <= now then redis.call('DEL', KEYS[1]) return 0 end "
	"redis.call('SET', KEYS[1], string.format('%.0f', at), 'PX', math.ceil((at - now) / 1000)) return 0";

int rate_limit_take(struct redis *r, struct str key, int64_t limit, int64_t window_ms, int64_t cost, int64_t *wait_ms,
		    struct error *err)
{
	char args[3][24];
	redisReply *reply;
	int rc = 0;

	snprintf(args[0], sizeof(args[0]), "%lld", (long long)limit);
	snprintf(args[1], sizeof(args[1]), "%lld", (long long)window_ms * 1000);
	snprintf(args[2], sizeof(args[2]), "%lld", (long long)cost);
	const struct str argv[] = { STR("EVAL"),       { script, sizeof(script) - 1 },	  STR("1"),	    key,
				    str_from(args[0]), str_from(args[1]), str_from(args[2]) };

	if (redis_command(r, ARRAY_LEN(argv), argv, &reply, err) != 0)
		return -1;
	if (reply->type == REDIS_REPLY_INTEGER)
		*wait_ms = reply->integer;
	else
		rc = error_set(err, ERR_INTERNAL, "the rate limit gave no number");
	freeReplyObject(reply);
	return rc;
}
