#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/config.h"

/* Public on purpose: development works without any set-up, and prod refuses them. */
#define DEV_BOT_TOKEN  "dev-telegram-bot-token"
#define DEV_JWT_SECRET "dev-identity-jwt-secret"
#define DEV_2FA_KEK    "cm9laHViLWRldi1pZGVudGl0eS0yZmEta2V5LTAwMDE="
#define DEV_KEYS_KEK   "cm9laHViLWRldi1leGNoYW5nZS1rZXkta2VrLTAwMDE="

static int flag(const char *name, bool dflt, bool *out, struct error *err)
{
	const char *raw = config_env(name);

	*out = dflt;
	if (raw != NULL && !str_to_bool(str_from(raw), out))
		return error_set(err, ERR_INVALID,
				 "%s must be a boolean literal (1/0/true/false/yes/no/on/off), got '%.64s'", name, raw);
	return 0;
}

struct secret_row {
	const char *name, *fallback;
	struct secret *out;
	struct envelope_keys *keys; /* it is a key of this ring; NULL: it is none */
	const char *old_keys;	    /* the variable with keys that only open */
	size_t bytes_min;	    /* in prod */
	const char *advice;
};

static int load_old_keys(const struct secret_row *row, struct error *err)
{
	struct secret list = SECRET_NONE;
	struct str rest, one;
	int rc = 0;

	if (!secret_from_env(&list, row->old_keys))
		return error_set(err, ERR_UNAVAILABLE, "no memory");
	rest = secret_str(&list);
	while (rc == 0 && str_split(&rest, ',', &one))
		if (!str_is_blank(one))
			rc = envelope_keys_add(row->keys, str_trim(one), row->old_keys, err);
	secret_release(&list);
	return rc;
}

/* A secret that everybody can look up or guess protects nothing. */
static int refuse_weak(const struct secret_row *row, struct error *err)
{
	if (str_eq_c(secret_str(row->out), row->fallback))
		return error_set(err, ERR_INVALID, "%s is the public development value: set one of your own, %s", row->name,
				 row->advice);
	if (row->out->n < row->bytes_min)
		return error_set(err, ERR_INVALID, "%s is too short, at least %zu bytes: set a longer one, %s", row->name,
				 row->bytes_min, row->advice);
	return 0;
}

static int load_secrets(struct settings *s, struct secret kek[2], const struct log_ctx *log, struct error *err)
{
	const struct secret_row rows[] = {
		{ "TELEGRAM_BOT_TOKEN", DEV_BOT_TOKEN, &s->bot_token, NULL, NULL, 1, "as given by @BotFather" },
		{ "IDENTITY_JWT_SECRET", DEV_JWT_SECRET, &s->jwt_key, NULL, NULL, 32, "e.g. openssl rand -hex 32" },
		{ "IDENTITY_2FA_KEK_B64", DEV_2FA_KEK, &kek[0], &s->two_factor_keys, "IDENTITY_2FA_KEKS_OLD_B64", 1,
		  "e.g. openssl rand -base64 32" },
		{ "IDENTITY_EXCHANGE_KEYS_KEK_B64", DEV_KEYS_KEK, &kek[1], &s->exchange_keys_keys,
		  "IDENTITY_EXCHANGE_KEYS_KEKS_OLD_B64", 1, "e.g. openssl rand -base64 32" },
	};
	bool prod = strcmp(s->env, "prod") == 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!secret_from_env(rows[i].out, rows[i].name))
			return error_set(err, ERR_UNAVAILABLE, "no memory");
		if (rows[i].out->n == 0 && s->fail_fast)
			return error_set(err, ERR_INVALID, "%s must be set when IDENTITY_FAIL_FAST=true", rows[i].name);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (prod && refuse_weak(&rows[i], err) != 0)
			return -1;
		if (rows[i].out->n == 0) {
			log_warn(log, "development_secret", LOG_CSTR("variable", rows[i].name));
			if (!secret_set(rows[i].out, str_from(rows[i].fallback)))
				return error_set(err, ERR_UNAVAILABLE, "no memory");
		}
		if (rows[i].keys != NULL &&
		    (envelope_keys_add(rows[i].keys, secret_str(rows[i].out), rows[i].name, err) != 0 ||
		     load_old_keys(&rows[i], err) != 0))
			return -1;
	}
	return secret_from_env(&s->jwt_key_previous, "IDENTITY_JWT_SECRET_PREVIOUS")
		       ? 0
		       : error_set(err, ERR_UNAVAILABLE, "no memory");
}

static int load_cookie(struct settings *s, struct error *err)
{
	const char *days = config_env("JWT_TTL_DAYS");
	struct config_reader r;
	bool prod = strcmp(s->env, "prod") == 0;

	s->session_days = 7;
	if (days != NULL && !str_to_i64(str_trim(str_from(days)), &s->session_days))
		return error_set(err, ERR_INVALID, "JWT_TTL_DAYS must be integer, got '%.64s'", days);
	if (s->session_days <= 0 || s->session_days > 36500)
		return error_set(err, ERR_INVALID, "JWT_TTL_DAYS must be > 0, got %lld", (long long)s->session_days);
	config_reader_init(&r, "");
	config_text(&r, "IDENTITY_COOKIE_NAME", "IDENTITY_COOKIE_NAME", NULL, "roehub_identity_jwt", s->cookie_name,
		    sizeof(s->cookie_name));
	config_text(&r, "IDENTITY_COOKIE_PATH", "IDENTITY_COOKIE_PATH", NULL, "/", s->cookie_path,
		    sizeof(s->cookie_path));
	config_text(&r, "IDENTITY_COOKIE_SAMESITE", "IDENTITY_COOKIE_SAMESITE", NULL, "lax", s->cookie_samesite,
		    sizeof(s->cookie_samesite));
	str_lower_ascii(s->cookie_samesite);
	if (!r.failed && strcmp(s->cookie_samesite, "lax") != 0 && strcmp(s->cookie_samesite, "strict") != 0 &&
	    strcmp(s->cookie_samesite, "none") != 0)
		config_fail(&r, "IDENTITY_COOKIE_SAMESITE must be lax, strict or none, got '%s'", s->cookie_samesite);
	if (config_reader_end(&r, err) != 0)
		return -1;
	return flag("IDENTITY_COOKIE_SECURE", prod, &s->cookie_secure, err);
}

static int load_databases(struct settings *s, struct error *err)
{
	const char *identity = config_env("IDENTITY_PG_DSN"), *strategy = config_env("STRATEGY_PG_DSN");

	if (identity == NULL && strategy == NULL)
		return error_set(err, ERR_INVALID,
				 "IDENTITY_PG_DSN must be set: there is no storage without a database");
	if (!str_copy(s->identity_dsn, sizeof(s->identity_dsn), str_from(identity != NULL ? identity : strategy)) ||
	    !str_copy(s->strategy_dsn, sizeof(s->strategy_dsn), str_from(strategy != NULL ? strategy : identity)))
		return error_set(err, ERR_INVALID, "the Postgres DSN is too long");
	return 0;
}

static int load_test_clock(struct settings *s, const struct log_ctx *log, struct error *err)
{
	const char *raw = config_env("ROEHUB_TEST_NOW_UNIX");
	int64_t seconds;

	s->frozen_now = UTC_NONE;
	if (raw == NULL)
		return 0;
	if (strcmp(s->env, "test") != 0) {
		log_warn(log, "test_clock_ignored", LOG_CSTR("variable", "ROEHUB_TEST_NOW_UNIX"));
		return 0;
	}
	if (!str_to_i64(str_trim(str_from(raw)), &seconds))
		return error_set(err, ERR_INVALID, "ROEHUB_TEST_NOW_UNIX must be integer, got '%.64s'", raw);
	s->frozen_now = utc_from_ms(seconds * 1000);
	return 0;
}

int settings_load(struct settings *out, const struct log_ctx *log, struct error *err)
{
	struct secret kek[2] = { SECRET_NONE, SECRET_NONE };
	bool prod;
	int rc;

	memset(out, 0, sizeof(*out));
	out->two_factor_keys.what = "2FA secret";
	out->exchange_keys_keys.what = "exchange key";
	if (config_env_name(&out->env, err) != 0)
		return -1;
	prod = strcmp(out->env, "prod") == 0;
	if (flag("IDENTITY_FAIL_FAST", prod, &out->fail_fast, err) != 0)
		return -1;
	if (prod && !out->fail_fast) {
		log_warn(log, "fail_fast_stays_on", LOG_CSTR("variable", "IDENTITY_FAIL_FAST"));
		out->fail_fast = true;
	}
	rc = load_secrets(out, kek, log, err);
	secret_release(&kek[0]);
	secret_release(&kek[1]);
	if (rc != 0 || load_databases(out, err) != 0 || load_cookie(out, err) != 0 ||
	    load_test_clock(out, log, err) != 0)
		return -1;
	return flag("ROEHUB_LOGIN_REPLAY_GUARD", prod, &out->replay_guard, err);
}

void settings_release(struct settings *s)
{
	secret_release(&s->bot_token);
	secret_release(&s->jwt_key);
	secret_release(&s->jwt_key_previous);
	envelope_keys_wipe(&s->two_factor_keys);
	envelope_keys_wipe(&s->exchange_keys_keys);
}

utc_t settings_now(const struct settings *s) { return utc_is_none(s->frozen_now) ? utc_now() : s->frozen_now; }
