/* commands.h - what the migrations program can be told to do. Each returns 0, or -1 with err. */
#ifndef ROEHUB_MIGRATIONS_COMMANDS_H
#define ROEHUB_MIGRATIONS_COMMANDS_H

#include "base/error.h"

struct options {
	const char *dsn;	  /* the strategy database */
	const char *identity_dsn; /* often the same */
	const char *dir, *candle_store;
	int64_t lock_key;
	int64_t batch, purge_days; /* of rotate-secrets */
};

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Brings the strategy database, and ClickHouse when it is the candle store, to head. */
int migrate(const struct options *o, struct error *err);
/* Brings both databases to head whatever was applied to them by hand, makes the roles and sets their passwords. */
int bootstrap(const struct options *o, struct error *err);
/* Seals every stored secret with the current keys, batch by batch, while the api runs. */
int rotate_secrets(const struct options *o, struct error *err);

struct pg;
/* Files, then the grants when the roles exist. */
int migrate_database(struct pg *pg, const struct options *o, struct error *err);
/* Runs one of our own SQL files; the server's words are in err->message. */
int run_script(struct pg *pg, const struct options *o, const char *name, struct error *err);

#endif
