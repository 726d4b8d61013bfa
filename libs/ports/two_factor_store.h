/* two_factor_store.h - TOTP state, one row a user, in Postgres (defined in adapters/postgres/two_factor_store.c).
 *
 * States: no row, pending (a secret that nobody has confirmed), enabled (final; an operator resets it by deleting the
 * row). Guesses are counted before they are compared, in the row itself, so that parallel ones cannot outrun the limit. */
#ifndef ROEHUB_PORTS_TWO_FACTOR_STORE_H
#define ROEHUB_PORTS_TWO_FACTOR_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/utc.h"
#include "base/uuid.h"

struct pg;

#define TWO_FACTOR_ATTEMPTS_MAX	     5
#define TWO_FACTOR_ATTEMPTS_WINDOW_S 900

enum two_factor_state { TWO_FACTOR_NONE, TWO_FACTOR_PENDING, TWO_FACTOR_ENABLED };

struct two_factor_row {
	enum two_factor_state state;
	struct str secret_enc; /* blob of the secret envelope */
	int64_t last_step;     /* of the last accepted code, -1 when none was */
	int attempts;	       /* since attempts_since */
	utc_t attempts_since;  /* UTC_NONE: none */
};

/* No row is state TWO_FACTOR_NONE, not an error. */
int two_factor_store_get(struct pg *pg, struct arena *a, struct uuid user_id, struct two_factor_row *out,
			 struct error *err);
/* Stores or replaces a pending secret; *stored false: two-factor is enabled, nothing changed. */
int two_factor_store_setup(struct pg *pg, struct uuid user_id, struct str secret_enc, utc_t now, bool *stored,
			   struct error *err);
/* Takes one of the user's guesses; *allowed false: they are used up, or there is no row. */
int two_factor_store_attempt(struct pg *pg, struct uuid user_id, utc_t now, bool *allowed, struct error *err);
/* Pending becomes enabled, if the stored secret is still the one whose code was checked; *enabled tells. */
int two_factor_store_enable(struct pg *pg, struct uuid user_id, struct str secret_enc, int64_t step, utc_t now,
			    bool *enabled, struct error *err);
/* Uses up a code's step of an enabled row; *accepted false: this step, or a later one, was used before. */
int two_factor_store_use_step(struct pg *pg, struct uuid user_id, int64_t step, bool *accepted, struct error *err);

#endif
