#include "ownership.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/postgres/pg.h"

/* "strategy.live_runner.v1" has one owner in a database; the number is only a name. */
#define OWNERSHIP_LOCK_SQL "SELECT pg_try_advisory_lock(7203010001)"

static const struct pg_stmt TRY_LOCK = { "worker_try_lock", OWNERSHIP_LOCK_SQL, 0 };
static const struct pg_stmt STILL_HERE = { "worker_still_here", "SELECT 1", 0 };

struct ownership {
	char *dsn;
	struct pg *pg;
	bool held;
};

struct ownership *ownership_new(const char *dsn)
{
	struct ownership *o = calloc(1, sizeof(*o));

	if (o != NULL && (o->dsn = strdup(dsn)) == NULL) {
		free(o);
		o = NULL;
	}
	return o;
}

void ownership_free(struct ownership *o)
{
	if (o == NULL)
		return;
	pg_close(o->pg);
	free(o->dsn);
	free(o);
}

static int query(struct ownership *o, const struct pg_stmt *stmt, bool *yes, struct error *err)
{
	struct pg_args args;
	struct pg_row row;
	PGresult *res;
	int rc;

	pg_args_init(&args, NULL);
	res = pg_query(o->pg, stmt, &args, err);
	if (res == NULL)
		return -1;
	pg_row_init(&row, res, 0);
	if (yes != NULL)
		*yes = pg_bool(&row);
	rc = pg_row_end(&row, err);
	PQclear(res);
	return rc;
}

/* A session that failed may have been replaced under our hands: only a fresh one knows whether it holds the lock. */
static void drop_session(struct ownership *o)
{
	pg_close(o->pg);
	o->pg = NULL;
	o->held = false;
}

int ownership_check(struct ownership *o, bool *owner, struct error *err)
{
	static const struct pg_options options = { .application_name = "strategy-live-worker/owner",
						   .statement_timeout_ms = 5000 };
	int rc;

	*owner = false;
	if (o->pg == NULL && (o->pg = pg_open(o->dsn, &options, err)) == NULL)
		return -1;
	rc = query(o, o->held ? &STILL_HERE : &TRY_LOCK, o->held ? NULL : &o->held, err);
	if (rc != 0)
		drop_session(o);
	*owner = o->held;
	return rc;
}
