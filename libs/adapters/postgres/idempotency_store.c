#include "ports/idempotency_store.h"

#include <string.h>

#include "adapters/postgres/pg.h"

/* A key that is older than its retention is as good as new. */
static const struct pg_stmt CLAIM = {
	"idempotency_claim",
	"INSERT INTO api_idempotency_keys AS k (user_id, key, request_hash, created_at) VALUES ($1, $2, $3, $4) "
	"ON CONFLICT (user_id, key) DO UPDATE SET request_hash = EXCLUDED.request_hash, status = NULL, body = NULL, "
	"created_at = EXCLUDED.created_at WHERE k.created_at < $5",
	5
};
static const struct pg_stmt READ = { "idempotency_read",
				     "SELECT request_hash = $3, coalesce(status, 0), coalesce(body, '') "
				     "FROM api_idempotency_keys WHERE user_id = $1 AND key = $2",
				     3 };
static const struct pg_stmt FINISH = {
	"idempotency_finish", "UPDATE api_idempotency_keys SET status = $3, body = $4 WHERE user_id = $1 AND key = $2", 4
};
/* Each new key makes room of a few old ones. */
static const struct pg_stmt PRUNE = {
	"idempotency_prune",
	"DELETE FROM api_idempotency_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM api_idempotency_keys "
	"WHERE created_at < $1 ORDER BY created_at LIMIT 10 FOR UPDATE SKIP LOCKED))",
	1
};

static void key_args(struct pg_args *args, struct arena *a, struct uuid user_id, struct str key)
{
	pg_args_init(args, a);
	pg_arg_uuid(args, user_id);
	pg_arg_str(args, key);
}

static int read_answer(struct pg *pg, struct arena *a, struct uuid user_id, struct str key,
		       const uint8_t request_hash[32], enum idempotency_claim *claim, struct idempotency_answer *answer,
		       struct error *err)
{
	struct pg_args args;
	struct pg_row r;
	PGresult *res;
	int rc;

	key_args(&args, a, user_id, key);
	pg_arg_bytes(&args, (struct str){ (const char *)request_hash, 32 });
	res = pg_query(pg, &READ, &args, err);
	if (res == NULL)
		return -1;
	pg_row_init(&r, res, 0);
	*claim = pg_bool(&r) ? IDEMPOTENCY_REPLAY : IDEMPOTENCY_OTHER_REQUEST;
	answer->status = (int)pg_i64(&r);
	answer->body = arena_str(a, pg_str(&r));
	rc = pg_row_end(&r, err);
	PQclear(res);
	if (rc == 0 && *claim == IDEMPOTENCY_REPLAY && answer->status == 0)
		rc = error_set(err, ERR_INTERNAL, "an idempotency key was stored without its answer");
	return rc;
}

int idempotency_store_claim(struct pg *pg, struct arena *a, struct uuid user_id, struct str key,
			    const uint8_t request_hash[32], utc_t now, enum idempotency_claim *claim,
			    struct idempotency_answer *answer, struct error *err)
{
	utc_t expired = utc_from_ms(now.ms - (int64_t)IDEMPOTENCY_RETENTION_S * 1000);
	struct pg_args args;
	int64_t rows = 0;

	key_args(&args, a, user_id, key);
	pg_arg_bytes(&args, (struct str){ (const char *)request_hash, 32 });
	pg_arg_utc(&args, now);
	pg_arg_utc(&args, expired);
	if (pg_exec(pg, &CLAIM, &args, &rows, err) != 0)
		return -1;
	if (rows == 0)
		return read_answer(pg, a, user_id, key, request_hash, claim, answer, err);
	*claim = IDEMPOTENCY_NEW;
	pg_args_init(&args, NULL);
	pg_arg_utc(&args, expired);
	return pg_exec(pg, &PRUNE, &args, NULL, err);
}

int idempotency_store_finish(struct pg *pg, struct uuid user_id, struct str key, int status, struct str body,
			     struct error *err)
{
	struct arena a;
	struct pg_args args;
	int rc;

	arena_init(&a, body.n + key.n + 256);
	key_args(&args, &a, user_id, key);
	pg_arg_i64(&args, status);
	pg_arg_str(&args, body);
	rc = pg_exec(pg, &FINISH, &args, NULL, err);
	arena_release(&a);
	return rc;
}
