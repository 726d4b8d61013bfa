/* idempotency_store.h - answers remembered under a client's Idempotency-Key, in Postgres (defined in
 * adapters/postgres/idempotency_store.c). Both calls belong into the transaction that does the work: the claim makes a
 * second request with the key wait for the first one's end, and the answer is stored if and only if the work is. */
#ifndef ROEHUB_PORTS_IDEMPOTENCY_STORE_H
#define ROEHUB_PORTS_IDEMPOTENCY_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/utc.h"
#include "base/uuid.h"

struct pg;

#define IDEMPOTENCY_KEY_MAX	255 /* characters */
#define IDEMPOTENCY_RETENTION_S 86400

enum idempotency_claim { IDEMPOTENCY_NEW, IDEMPOTENCY_REPLAY, IDEMPOTENCY_OTHER_REQUEST };

struct idempotency_answer {
	int status;
	struct str body;
};

int idempotency_store_claim(struct pg *pg, struct arena *a, struct uuid user_id, struct str key,
			    const uint8_t request_hash[32], utc_t now, enum idempotency_claim *claim,
			    struct idempotency_answer *answer, struct error *err);
int idempotency_store_finish(struct pg *pg, struct uuid user_id, struct str key, int status, struct str body,
			     struct error *err);

#endif
