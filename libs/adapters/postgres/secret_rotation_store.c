#include "ports/secret_rotation_store.h"

#include "adapters/postgres/pg.h"

static const struct pg_stmt PAGE[] = {
	[SEALED_TWO_FACTOR] = { "rotation_page_2fa",
				"SELECT user_id, user_id, totp_secret_enc, NULL::bytea, NULL::bytea FROM identity_2fa "
				"WHERE user_id > $1 ORDER BY user_id LIMIT $2",
				2 },
	[SEALED_EXCHANGE_KEY] = { "rotation_page_keys",
				  "SELECT key_id, user_id, api_key_enc, api_secret_enc, passphrase_enc "
				  "FROM identity_exchange_keys WHERE key_id > $1 ORDER BY key_id LIMIT $2",
				  2 },
};
static const struct pg_stmt REPLACE_2FA = {
	"rotation_replace_2fa", "UPDATE identity_2fa SET totp_secret_enc = $3 WHERE user_id = $1 AND totp_secret_enc = $2", 3
};
static const struct pg_stmt REPLACE_KEY = {
	"rotation_replace_key",
	"UPDATE identity_exchange_keys SET api_key_enc = $5, api_secret_enc = $6, passphrase_enc = $7 WHERE key_id = $1 "
	"AND api_key_enc = $2 AND api_secret_enc = $3 AND passphrase_enc IS NOT DISTINCT FROM $4",
	7
};
static const struct pg_stmt PURGE = {
	"rotation_purge", "DELETE FROM identity_exchange_keys WHERE is_deleted AND deleted_at < $1", 1
};

int secret_rotation_page(struct pg *pg, struct arena *a, enum sealed_kind kind, struct uuid after, int64_t limit,
			 struct sealed_row **rows, size_t *n, struct error *err)
{
	struct pg_args args;
	PGresult *res;
	int rc = 0;

	pg_args_init(&args, a);
	pg_arg_uuid(&args, after);
	pg_arg_i64(&args, limit);
	res = pg_query(pg, &PAGE[kind], &args, err);
	if (res == NULL)
		return -1;
	*n = (size_t)PQntuples(res);
	*rows = ARENA_ARRAY(a, struct sealed_row, *n + 1);
	if (*rows == NULL)
		rc = error_set(err, ERR_UNAVAILABLE, "no memory for %zu sealed secrets", *n);
	for (size_t i = 0; rc == 0 && i < *n; i++) {
		struct pg_row r;

		pg_row_init(&r, res, (int)i);
		(*rows)[i].id = pg_uuid(&r);
		(*rows)[i].user_id = pg_uuid(&r);
		for (int s = 0; s < SEALED_SECRETS_MAX; s++)
			(*rows)[i].secrets[s] = pg_bytes(&r, a);
		rc = pg_row_end(&r, err);
	}
	PQclear(res);
	return rc;
}

static void blob(struct pg_args *args, struct str bytes)
{
	if (bytes.p != NULL)
		pg_arg_bytes(args, bytes);
	else
		pg_arg_null(args);
}

int secret_rotation_replace(struct pg *pg, enum sealed_kind kind, const struct sealed_row *from,
			    const struct sealed_row *to, bool *replaced, struct error *err)
{
	int secrets = kind == SEALED_TWO_FACTOR ? 1 : SEALED_SECRETS_MAX;
	struct pg_args args;
	int64_t rows = 0;
	int rc;

	pg_args_init(&args, NULL);
	pg_arg_uuid(&args, from->id);
	for (int i = 0; i < secrets; i++)
		blob(&args, from->secrets[i]);
	for (int i = 0; i < secrets; i++)
		blob(&args, to->secrets[i]);
	rc = pg_exec(pg, kind == SEALED_TWO_FACTOR ? &REPLACE_2FA : &REPLACE_KEY, &args, &rows, err);
	*replaced = rows > 0;
	return rc;
}

int secret_rotation_purge(struct pg *pg, utc_t before, int64_t *removed, struct error *err)
{
	struct pg_args args;

	pg_args_init(&args, NULL);
	pg_arg_utc(&args, before);
	return pg_exec(pg, &PURGE, &args, removed, err);
}
