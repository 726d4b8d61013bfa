#include "ports/identity_store.h"

#include <string.h>

#include "adapters/postgres/pg.h"

#define USER_COLS                                                                                                      \
	"user_id, telegram_user_id, paid_level, created_at, last_login_at, is_deleted, sessions_valid_from" /* user_read() */

static const struct pg_stmt LOGIN = {
	"identity_login",
	"INSERT INTO identity_users (user_id, telegram_user_id, paid_level, created_at, last_login_at, is_deleted) "
	"VALUES ($1, $2, 'free', $3, $3, FALSE) ON CONFLICT (telegram_user_id) DO UPDATE SET "
	"last_login_at = greatest(EXCLUDED.last_login_at, identity_users.created_at), is_deleted = FALSE RETURNING " USER_COLS,
	3
};
static const struct pg_stmt BY_ID = { "identity_by_id", "SELECT " USER_COLS " FROM identity_users WHERE user_id = $1",
				      1 };
static const struct pg_stmt END_SESSIONS = {
	"identity_end_sessions",
	"UPDATE identity_users SET sessions_valid_from = greatest(sessions_valid_from, $2::timestamptz) WHERE user_id = $1", 2
};
/* The first use stays; old hashes make room as new ones come. */
static const struct pg_stmt LOGIN_SEEN = {
	"identity_login_seen",
	"WITH old AS (DELETE FROM identity_login_replays WHERE expires_at < $2 AND hash <> $1) "
	"INSERT INTO identity_login_replays AS r (hash, first_seen, expires_at) VALUES ($1, $2, $3) "
	"ON CONFLICT (hash) DO UPDATE SET expires_at = r.expires_at RETURNING first_seen",
	3
};
static const struct pg_stmt CHAT = {
	"identity_chat",
	"SELECT chat_id FROM identity_telegram_channels WHERE user_id = $1 AND is_confirmed = TRUE "
	"ORDER BY confirmed_at DESC NULLS LAST, chat_id ASC LIMIT 1",
	1
};

static int user_read(PGresult *res, struct user_row *out, struct error *err)
{
	struct pg_row r;
	int rc;

	if (res == NULL)
		return -1;
	pg_row_init(&r, res, 0);
	memset(out, 0, sizeof(*out));
	out->user_id = pg_uuid(&r);
	out->telegram_user_id = pg_i64(&r);
	str_copy(out->paid_level, sizeof(out->paid_level), pg_str(&r));
	out->created_at = pg_utc(&r);
	out->last_login_at = pg_utc_null(&r);
	out->is_deleted = pg_bool(&r);
	out->sessions_valid_from = pg_utc_null(&r);
	rc = pg_row_end(&r, err);
	PQclear(res);
	return rc;
}

int identity_store_login(struct pg *pg, int64_t telegram_user_id, utc_t now, struct user_row *out, struct error *err)
{
	struct pg_args a;

	pg_args_init(&a, NULL);
	pg_arg_uuid(&a, uuid_v4());
	pg_arg_i64(&a, telegram_user_id);
	pg_arg_utc(&a, now);
	return user_read(pg_query(pg, &LOGIN, &a, err), out, err);
}

int identity_store_get(struct pg *pg, struct uuid user_id, struct user_row *out, struct error *err)
{
	struct pg_args a;

	pg_args_init(&a, NULL);
	pg_arg_uuid(&a, user_id);
	return user_read(pg_query(pg, &BY_ID, &a, err), out, err);
}

int identity_store_end_sessions(struct pg *pg, struct uuid user_id, utc_t from, struct error *err)
{
	struct pg_args a;

	pg_args_init(&a, NULL);
	pg_arg_uuid(&a, user_id);
	pg_arg_utc(&a, from);
	return pg_exec(pg, &END_SESSIONS, &a, NULL, err);
}

int identity_store_login_seen(struct pg *pg, const uint8_t hash[32], utc_t now, utc_t until, utc_t *first,
			      struct error *err)
{
	struct pg_args a;
	struct pg_row r;
	PGresult *res;
	int rc;

	pg_args_init(&a, NULL);
	pg_arg_bytes(&a, (struct str){ (const char *)hash, 32 });
	pg_arg_utc(&a, now);
	pg_arg_utc(&a, until);
	res = pg_query(pg, &LOGIN_SEEN, &a, err);
	if (res == NULL)
		return -1;
	pg_row_init(&r, res, 0);
	*first = pg_utc(&r);
	rc = pg_row_end(&r, err);
	PQclear(res);
	return rc;
}

int identity_store_chat(struct pg *pg, struct uuid user_id, int64_t *chat_id, struct error *err)
{
	struct pg_args a;
	struct pg_row r;
	PGresult *res;
	int rc;

	pg_args_init(&a, NULL);
	pg_arg_uuid(&a, user_id);
	res = pg_query(pg, &CHAT, &a, err);
	if (res == NULL)
		return -1;
	pg_row_init(&r, res, 0);
	*chat_id = pg_i64(&r);
	rc = pg_row_end(&r, err);
	PQclear(res);
	if (rc == 0 && *chat_id == 0)
		rc = error_set(err, ERR_INTERNAL, "a confirmed chat has the id 0");
	return rc;
}
