/* identity_store.h - users and chat bindings in Postgres (defined in adapters/postgres/identity_store.c). */
#ifndef ROEHUB_PORTS_IDENTITY_STORE_H
#define ROEHUB_PORTS_IDENTITY_STORE_H

#include "base/error.h"
#include "base/utc.h"
#include "base/uuid.h"

struct pg;

struct user_row {
	struct uuid user_id;
	int64_t telegram_user_id;
	char paid_level[8]; /* base, free, pro, ultra */
	utc_t created_at, last_login_at;
	bool is_deleted;
	utc_t sessions_valid_from; /* sessions issued before are over; UTC_NONE: all are good */
};

/* One statement: new user, or last_login_at = now and reactivated. */
int identity_store_login(struct pg *pg, int64_t telegram_user_id, utc_t now, struct user_row *out, struct error *err);
int identity_store_get(struct pg *pg, struct uuid user_id, struct user_row *out, struct error *err); /* ERR_NOT_FOUND */
/* Ends every session issued before `from`; never moves the instant back. */
int identity_store_end_sessions(struct pg *pg, struct uuid user_id, utc_t from, struct error *err);
/* Remembers a login hash until `until`; *first is the instant of its first use (== now when this is the first). */
int identity_store_login_seen(struct pg *pg, const uint8_t hash[32], utc_t now, utc_t until, utc_t *first,
			      struct error *err);
/* The confirmed chat of a user: confirmed_at DESC NULLS LAST, chat_id ASC. ERR_NOT_FOUND when there is none. */
int identity_store_chat(struct pg *pg, struct uuid user_id, int64_t *chat_id, struct error *err);

#endif
