/* migrations.h - brings a database to head: plain SQL files, in the order of their names, each applied once.
 *
 * A file whose first line is `-- roehub:version V` is a link of the version chain that alembic_version points to; files
 * before the chain (identity) are the baseline. roehub_schema_files remembers every applied file with its SHA-256: a file
 * that changed afterwards is refused. All files are idempotent, so a runner that was killed half-way is simply run again.
 */
#ifndef ROEHUB_ADAPTERS_POSTGRES_MIGRATIONS_H
#define ROEHUB_ADAPTERS_POSTGRES_MIGRATIONS_H

#include "base/base.h"
#include "base/error.h"

struct pg;

/* The version that this build needs; tests hold it against the files. */
#define PG_SCHEMA_HEAD	      "20260301_0007"
#define PG_MIGRATION_LOCK_KEY 56329814721LL

/* Applies what is missing under pg_advisory_lock(lock_key); say() gets each progress line. *applied counts files. */
int pg_migrate(struct pg *pg, const char *dir, int64_t lock_key, void (*say)(const char *line), size_t *applied,
	       struct error *err);

#endif
