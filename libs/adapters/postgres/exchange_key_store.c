#include "ports/exchange_key_store.h"

#include <string.h>

#include "adapters/postgres/pg.h"

static const struct pg_stmt INSERT = {
	"exchange_key_insert",
	"INSERT INTO identity_exchange_keys (key_id, user_id, exchange_name, market_type, label, permissions, api_key_enc, "
	"api_secret_enc, passphrase_enc, api_key_hash, api_key_last4, created_at, updated_at) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) "
	"ON CONFLICT (user_id, exchange_name, market_type, api_key_hash) WHERE is_deleted = false DO NOTHING",
	12
};
/* sound: what the table promises, checked again because a row may have been put there by hand */
static const struct pg_stmt LIST = {
	"exchange_key_list",
	"SELECT key_id, exchange_name, market_type, permissions, api_key_last4, label, created_at, updated_at, "
	"octet_length(api_key_hash) = 32 AND btrim(api_key_last4) <> '' AND char_length(api_key_last4) <= 4 "
	"AND octet_length(api_key_enc) > 0 AND octet_length(api_secret_enc) > 0 "
	"AND coalesce(octet_length(passphrase_enc) > 0, TRUE) AND updated_at >= created_at AND deleted_at IS NULL "
	"FROM identity_exchange_keys WHERE user_id = $1 AND is_deleted = false ORDER BY created_at, key_id",
	1
};
static const struct pg_stmt DELETE = {
	"exchange_key_delete",
	"UPDATE identity_exchange_keys SET is_deleted = TRUE, deleted_at = greatest($3, updated_at), "
	"updated_at = greatest($3, updated_at) WHERE key_id = $2 AND user_id = $1 AND is_deleted = false",
	3
};

int exchange_key_store_insert(struct pg *pg, const struct exchange_key_insert *key, bool *stored, struct error *err)
{
	char text[4][256];
	const struct str texts[4] = { key->row.exchange_name, key->row.market_type, key->row.permissions,
				      key->row.last4 };
	struct arena arena;
	struct pg_args a;
	int64_t rows = 0;
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		str_copy(text[i], sizeof(text[i]), texts[i]);
	arena_init(&arena, 4096);
	pg_args_init(&a, &arena);
	pg_arg_uuid(&a, key->row.key_id);
	pg_arg_uuid(&a, key->user_id);
	pg_arg_cstr(&a, text[0]);
	pg_arg_cstr(&a, text[1]);
	pg_arg_str(&a, key->row.label);
	pg_arg_cstr(&a, text[2]);
	pg_arg_bytes(&a, key->api_key_enc);
	pg_arg_bytes(&a, key->api_secret_enc);
	if (key->passphrase_enc.p != NULL)
		pg_arg_bytes(&a, key->passphrase_enc);
	else
		pg_arg_null(&a);
	pg_arg_bytes(&a, key->api_key_hash);
	pg_arg_cstr(&a, text[3]);
	pg_arg_utc(&a, key->row.created_at);
	rc = pg_exec(pg, &INSERT, &a, &rows, err);
	*stored = rows > 0;
	arena_release(&arena);
	return rc;
}

static int read_key(PGresult *res, int row, struct arena *a, struct exchange_key_row *out, struct error *err)
{
	struct pg_row r;
	char id[UUID_TEXT_MAX];
	bool sound;

	pg_row_init(&r, res, row);
	out->key_id = pg_uuid(&r);
	out->exchange_name = arena_str(a, pg_str(&r));
	out->market_type = arena_str(a, pg_str(&r));
	out->permissions = arena_str(a, pg_str(&r));
	out->last4 = arena_str(a, pg_str(&r));
	out->label = pg_is_null(&r) ? (pg_skip(&r), STR_NULL) : arena_str(a, pg_str(&r));
	out->created_at = pg_utc(&r);
	out->updated_at = pg_utc(&r);
	sound = pg_bool(&r);
	if (pg_row_end(&r, err) != 0)
		return -1;
	if (sound)
		return 0;
	error_set(err, ERR_INTERNAL, "a stored exchange key breaks its rules");
	return error_detail(err, "key_id %s", uuid_format(out->key_id, id));
}

int exchange_key_store_list(struct pg *pg, struct arena *a, struct uuid user_id, struct exchange_key_row **rows,
			    size_t *n, struct error *err)
{
	struct pg_args args;
	PGresult *res;
	int rc = 0;

	pg_args_init(&args, a);
	pg_arg_uuid(&args, user_id);
	res = pg_query(pg, &LIST, &args, err);
	if (res == NULL)
		return -1;
	*n = (size_t)PQntuples(res);
	*rows = ARENA_ARRAY(a, struct exchange_key_row, *n + 1);
	if (*rows == NULL)
		rc = error_set(err, ERR_UNAVAILABLE, "no memory for %zu exchange keys", *n);
	for (size_t i = 0; rc == 0 && i < *n; i++)
		rc = read_key(res, (int)i, a, &(*rows)[i], err);
	PQclear(res);
	return rc;
}

int exchange_key_store_delete(struct pg *pg, struct uuid user_id, struct uuid key_id, utc_t now, struct error *err)
{
	struct pg_args a;
	int64_t rows = 0;

	pg_args_init(&a, NULL);
	pg_arg_uuid(&a, user_id);
	pg_arg_uuid(&a, key_id);
	pg_arg_utc(&a, now);
	if (pg_exec(pg, &DELETE, &a, &rows, err) != 0)
		return -1;
	return rows > 0 ? 0 : error_set(err, ERR_NOT_FOUND, "Exchange API key was not found.");
}
