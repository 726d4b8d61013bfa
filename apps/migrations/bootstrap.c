#include <string.h>

#include "adapters/postgres/pg.h"
#include "base/crypto.h"
#include "commands.h"

#define SHAPE_TEXT_MAX 128

/* ---- exchange keys: which layout has the table? ------------------------------------------------------------------- */

struct shape {
	bool exists, v1, v2, rows;
};

static const struct pg_stmt SHAPE = {
	"exchange_keys_shape",
	"SELECT count(*) > 0, coalesce(bool_or(column_name = 'api_key'), FALSE), "
	"count(*) FILTER (WHERE column_name IN ('api_key_enc', 'api_key_hash', 'api_key_last4')) = 3 "
	"FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'identity_exchange_keys'",
	0
};
static const struct pg_stmt ROWS = { "exchange_keys_rows", "SELECT EXISTS (SELECT 1 FROM public.identity_exchange_keys)",
				     0 };

static int read_bools(struct pg *pg, const struct pg_stmt *stmt, bool **out, size_t n, struct error *err)
{
	struct pg_args args;
	struct pg_row r;
	PGresult *res;
	int rc;

	pg_args_init(&args, NULL);
	res = pg_query(pg, stmt, &args, err);
	if (res == NULL)
		return -1;
	pg_row_init(&r, res, 0);
	for (size_t i = 0; i < n; i++)
		*out[i] = pg_bool(&r);
	rc = pg_row_end(&r, err);
	PQclear(res);
	return rc;
}

static int inspect(struct pg *pg, struct shape *s, struct error *err)
{
	*s = (struct shape){ 0 };
	if (read_bools(pg, &SHAPE, (bool *[]){ &s->exists, &s->v1, &s->v2 }, 3, err) != 0)
		return -1;
	return s->exists ? read_bools(pg, &ROWS, (bool *[]){ &s->rows }, 1, err) : 0;
}

/* May the files that make the final layout run? They leave it alone where it is there. */
static int decide(const struct shape *s, struct error *err)
{
	if (s->v2) {
		say("identity_exchange_keys already has v2 columns: nothing to convert");
		return 0;
	}
	if (!s->exists) {
		say("identity_exchange_keys does not exist yet: it is made in its final form");
		return 0;
	}
	if (s->v1 && !s->rows) {
		say("identity_exchange_keys has the v1 schema and no rows: safe to apply");
		return 0;
	}
	if (s->v1)
		return error_set(err, ERR_CONFLICT,
				 "unsafe: v1 schema with non-empty identity_exchange_keys; "
				 "run an explicit re-encryption migration of the existing rows first");
	return error_set(err, ERR_CONFLICT, "identity_exchange_keys schema shape is unknown");
}

/* ---- roles --------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *role, *variable;
} roles[] = {
	{ "roehub_migrations", "ROEHUB_DB_PASSWORD_MIGRATIONS" },
	{ "roehub_api", "ROEHUB_DB_PASSWORD_API" },
	{ "roehub_worker", "ROEHUB_DB_PASSWORD_WORKER" },
	{ "roehub_market_data", "ROEHUB_DB_PASSWORD_MARKET_DATA" },
};

/* The server gets a SCRAM verifier, so that the password is neither in its log nor on the wire. */
static int set_password(struct pg *pg, const char *role, const char *variable, struct error *err)
{
	struct secret password;
	struct strbuf sql = STRBUF_INIT(1024);
	char *verifier, *literal = NULL;
	int rc = -1;

	if (!secret_from_env(&password, variable))
		return error_set(err, ERR_UNAVAILABLE, "no memory");
	if (password.n == 0)
		return 0;
	verifier = PQencryptPasswordConn(pg_conn(pg), password.p, role, "scram-sha-256");
	if (verifier != NULL)
		literal = PQescapeLiteral(pg_conn(pg), verifier, strlen(verifier));
	if (literal != NULL) {
		strbuf_addf(&sql, "ALTER ROLE %s PASSWORD %s", role, literal);
		rc = pg_run(pg, strbuf_cstr(&sql), err);
		say("Password of %s set from %s", role, variable);
	} else {
		error_set(err, ERR_INTERNAL, "the password of %s could not be prepared", role);
	}
	PQfreemem(literal);
	PQfreemem(verifier);
	strbuf_release(&sql);
	secret_release(&password);
	return rc;
}

static int make_roles(struct pg *pg, const struct options *o, struct error *err)
{
	say("Applying roles.sql");
	if (run_script(pg, o, "roles.sql", err) != 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (set_password(pg, roles[i].role, roles[i].variable, err) != 0)
			return -1;
	say("Applying grants.sql");
	return run_script(pg, o, "grants.sql", err);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

static int bootstrap_database(const char *what, const char *dsn, const struct options *o, struct error *err)
{
	static const struct pg_options session = { .application_name = "migrations" };
	struct pg *pg = pg_open(dsn, &session, err);
	struct shape shape;
	int rc;

	if (pg == NULL)
		return -1;
	say("Bootstrapping the %s database", what);
	rc = inspect(pg, &shape, err);
	if (rc == 0)
		rc = decide(&shape, err);
	if (rc == 0)
		rc = migrate_database(pg, o, err);
	if (rc == 0)
		rc = make_roles(pg, o, err);
	pg_close(pg);
	return rc;
}

int bootstrap(const struct options *o, struct error *err)
{
	if (o->identity_dsn == NULL || str_is_blank(str_from(o->identity_dsn)))
		return error_set(err, ERR_INVALID, "identity DSN is required via --identity-dsn or IDENTITY_PG_DSN");
	if (o->dsn == NULL || str_is_blank(str_from(o->dsn)))
		return error_set(err, ERR_INVALID, "strategy DSN is required via --postgres-dsn or POSTGRES_DSN");
	if (bootstrap_database("identity", o->identity_dsn, o, err) != 0)
		return -1;
	return strcmp(o->identity_dsn, o->dsn) == 0 ? 0 : bootstrap_database("strategy", o->dsn, o, err);
}
