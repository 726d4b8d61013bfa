/* settings.h - what the api takes from its environment, checked once at start. */
#ifndef ROEHUB_API_SETTINGS_H
#define ROEHUB_API_SETTINGS_H

#include "base/crypto.h"
#include "base/log.h"
#include "base/utc.h"
#include "domain/identity/secret_envelope.h"

struct settings {
	const char *env; /* dev, test or prod */
	bool fail_fast;
	char identity_dsn[2048], strategy_dsn[2048];
	struct secret bot_token;
	struct secret jwt_key, jwt_key_previous; /* the previous one still verifies */
	struct envelope_keys two_factor_keys, exchange_keys_keys;
	int64_t session_days;
	char cookie_name[128], cookie_path[256], cookie_samesite[8];
	bool cookie_secure;
	bool replay_guard;
	utc_t frozen_now; /* ROEHUB_ENV=test only; UTC_NONE: the real clock */
};

int settings_load(struct settings *out, const struct log_ctx *log, struct error *err);
void settings_release(struct settings *s);
utc_t settings_now(const struct settings *s);

#endif
