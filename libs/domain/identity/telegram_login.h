/* telegram_login.h - is this Telegram Login Widget payload genuine and fresh? Pure: time and token are arguments.
 * Source: Telegram's page "Telegram Login Widget", section "Checking authorization". Two data-check strings are tried:
 * every received scalar member as it came, and the known members trimmed; either match accepts. */
#ifndef ROEHUB_DOMAIN_IDENTITY_TELEGRAM_LOGIN_H
#define ROEHUB_DOMAIN_IDENTITY_TELEGRAM_LOGIN_H

#include "base/json.h"

#define TELEGRAM_MAX_AGE_S 86400
#define TELEGRAM_SKEW_S	   60

struct login_refusal {
	const char *code; /* "stale_auth_date" */
	const char *message;
};

struct telegram_login {
	int64_t telegram_user_id;
	int64_t auth_date;
	uint8_t hash[32];
};

/* payload: the body, whose id and auth_date are integers or digit texts and whose hash is text (checked before).
 * true: genuine; false: refusal says which check failed first. */
bool telegram_login_check(const cJSON *payload, struct str bot_token, utc_t now, struct telegram_login *out,
			  struct login_refusal *refusal);
/* An integer, an integral number, or digits as text: what id and auth_date may be. */
bool telegram_login_int(const cJSON *node, int64_t *out);

#endif
