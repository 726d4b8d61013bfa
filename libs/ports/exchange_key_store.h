/* exchange_key_store.h - exchange API keys of users in Postgres (defined in adapters/postgres/exchange_key_store.c).
 * Secrets come and go as blobs of the secret envelope; nothing here can open them. */
#ifndef ROEHUB_PORTS_EXCHANGE_KEY_STORE_H
#define ROEHUB_PORTS_EXCHANGE_KEY_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/utc.h"
#include "base/uuid.h"

struct pg;

struct exchange_key_row {
	struct uuid key_id;
	struct str exchange_name, market_type, permissions, last4;
	struct str label; /* STR_NULL: none */
	utc_t created_at, updated_at;
};

struct exchange_key_insert {
	struct exchange_key_row row;
	struct uuid user_id;
	struct str api_key_hash; /* 32 bytes */
	struct str api_key_enc, api_secret_enc, passphrase_enc; /* passphrase_enc STR_NULL: none */
};

/* *stored false: the user has an active key with this exchange, market type and api key. */
int exchange_key_store_insert(struct pg *pg, const struct exchange_key_insert *key, bool *stored, struct error *err);
/* Active keys by created_at, key_id; rows and texts in the arena. A row that breaks an invariant is ERR_INTERNAL with its
 * key_id in the detail. */
int exchange_key_store_list(struct pg *pg, struct arena *a, struct uuid user_id, struct exchange_key_row **rows,
			    size_t *n, struct error *err);
/* ERR_NOT_FOUND for a key that is unknown, foreign or deleted. */
int exchange_key_store_delete(struct pg *pg, struct uuid user_id, struct uuid key_id, utc_t now, struct error *err);

#endif
