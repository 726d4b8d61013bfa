/* secret_rotation_store.h - the sealed secrets of the whole system, page by page, for sealing them anew (defined in
 * adapters/postgres/secret_rotation_store.c). A replacement takes place only where the old blob is still there, so that it
 * can run beside programs that write. */
#ifndef ROEHUB_PORTS_SECRET_ROTATION_STORE_H
#define ROEHUB_PORTS_SECRET_ROTATION_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/utc.h"
#include "base/uuid.h"

struct pg;

#define SEALED_SECRETS_MAX 3

/* A two-factor secret (secrets[0], id = user_id), or an exchange key (api_key, api_secret, passphrase or STR_NULL). */
struct sealed_row {
	struct uuid id, user_id;
	struct str secrets[SEALED_SECRETS_MAX];
};

enum sealed_kind { SEALED_TWO_FACTOR, SEALED_EXCHANGE_KEY };

/* At most `limit` rows with an id above `after` (nil: from the start), by id; *n below limit: the end. */
int secret_rotation_page(struct pg *pg, struct arena *a, enum sealed_kind kind, struct uuid after, int64_t limit,
			 struct sealed_row **rows, size_t *n, struct error *err);
/* *replaced false: the row changed meanwhile and is left alone. */
int secret_rotation_replace(struct pg *pg, enum sealed_kind kind, const struct sealed_row *from,
			    const struct sealed_row *to, bool *replaced, struct error *err);
/* Removes exchange keys that were deleted before `before`. */
int secret_rotation_purge(struct pg *pg, utc_t before, int64_t *removed, struct error *err);

#endif
