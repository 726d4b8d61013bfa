#include "ports/two_factor_store.h"

#include <string.h>

#include "adapters/postgres/pg.h"

static const struct pg_stmt GET = {
	"two_factor_get",
	"SELECT enabled, totp_secret_enc, coalesce(last_step, -1), attempts, attempts_since FROM identity_2fa WHERE user_id = $1",
	1
};
static const struct pg_stmt SETUP = {
	"two_factor_setup",
	"INSERT INTO identity_2fa AS f (user_id, totp_secret_enc, enabled, enabled_at, updated_at) "
	"VALUES ($1, $2, FALSE, NULL, $3) ON CONFLICT (user_id) DO UPDATE SET "
	"totp_secret_enc = EXCLUDED.totp_secret_enc, last_step = NULL, updated_at = EXCLUDED.updated_at WHERE NOT f.enabled",
	3
};
/* A guess opens a new window when the old one is over. */
static const struct pg_stmt ATTEMPT = {
	"two_factor_attempt",
	"UPDATE identity_2fa SET attempts = CASE WHEN attempts_since > $3 THEN attempts + 1 ELSE 1 END, "
	"attempts_since = CASE WHEN attempts_since > $3 THEN attempts_since ELSE $2 END "
	"WHERE user_id = $1 AND NOT (coalesce(attempts_since > $3, FALSE) AND attempts >= $4)",
	4
};
static const struct pg_stmt ENABLE = {
	"two_factor_enable",
	"UPDATE identity_2fa SET enabled = TRUE, enabled_at = $4, updated_at = $4, last_step = $3, attempts = 0, "
	"attempts_since = NULL WHERE user_id = $1 AND NOT enabled AND totp_secret_enc = $2 AND coalesce(last_step, -1) < $3",
	4
};
static const struct pg_stmt USE_STEP = {
	"two_factor_use_step",
	"UPDATE identity_2fa SET last_step = $2, attempts = 0, attempts_since = NULL "
	"WHERE user_id = $1 AND enabled AND coalesce(last_step, -1) < $2",
	2
};

int two_factor_store_get(struct pg *pg, struct arena *a, struct uuid user_id, struct two_factor_row *out,
			 struct error *err)
{
	struct pg_args args;
	struct pg_row r;
	PGresult *res;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	pg_args_init(&args, a);
	pg_arg_uuid(&args, user_id);
	res = pg_query(pg, &GET, &args, err);
	if (res == NULL)
		return -1;
	if (PQntuples(res) > 0) {
		pg_row_init(&r, res, 0);
		out->state = pg_bool(&r) ? TWO_FACTOR_ENABLED : TWO_FACTOR_PENDING;
		out->secret_enc = pg_bytes(&r, a);
		out->last_step = pg_i64(&r);
		out->attempts = (int)pg_i64(&r);
		out->attempts_since = pg_utc_null(&r);
		rc = pg_row_end(&r, err);
	}
	PQclear(res);
	return rc;
}

/* Runs a statement that touches one row or none. */
static int touch(struct pg *pg, const struct pg_stmt *stmt, const struct pg_args *args, bool *touched, struct error *err)
{
	int64_t rows = 0;
	int rc = pg_exec(pg, stmt, args, &rows, err);

	*touched = rows > 0;
	return rc;
}

int two_factor_store_setup(struct pg *pg, struct uuid user_id, struct str secret_enc, utc_t now, bool *stored,
			   struct error *err)
{
	struct pg_args a;

	pg_args_init(&a, NULL);
	pg_arg_uuid(&a, user_id);
	pg_arg_bytes(&a, secret_enc);
	pg_arg_utc(&a, now);
	return touch(pg, &SETUP, &a, stored, err);
}

int two_factor_store_attempt(struct pg *pg, struct uuid user_id, utc_t now, bool *allowed, struct error *err)
{
	struct pg_args a;

	pg_args_init(&a, NULL);
	pg_arg_uuid(&a, user_id);
	pg_arg_utc(&a, now);
	pg_arg_utc(&a, utc_from_ms(now.ms - (int64_t)TWO_FACTOR_ATTEMPTS_WINDOW_S * 1000));
	pg_arg_i64(&a, TWO_FACTOR_ATTEMPTS_MAX);
	return touch(pg, &ATTEMPT, &a, allowed, err);
}

int two_factor_store_enable(struct pg *pg, struct uuid user_id, struct str secret_enc, int64_t step, utc_t now,
			    bool *enabled, struct error *err)
{
	struct pg_args a;

	pg_args_init(&a, NULL);
	pg_arg_uuid(&a, user_id);
	pg_arg_bytes(&a, secret_enc);
	pg_arg_i64(&a, step);
	pg_arg_utc(&a, now);
	return touch(pg, &ENABLE, &a, enabled, err);
}

int two_factor_store_use_step(struct pg *pg, struct uuid user_id, int64_t step, bool *accepted, struct error *err)
{
	struct pg_args a;

	pg_args_init(&a, NULL);
	pg_arg_uuid(&a, user_id);
	pg_arg_i64(&a, step);
	return touch(pg, &USE_STEP, &a, accepted, err);
}
