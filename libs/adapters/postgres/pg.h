/* pg.h - Postgres sessions: named prepared statements, typed parameters, typed readers, transactions, reconnect.
 *
 * One struct pg belongs to one thread. Every session runs with time zone UTC, a statement time-out and
 * application_name = the program. Statements are prepared once per connection, on first use, by name. A lost connection
 * is noticed by the failing call (ERR_UNAVAILABLE) and re-opened by the next one outside a transaction, with back-off.
 * Server texts never reach error.message; SQLSTATE and the primary text go to error.detail.
 */
#ifndef ROEHUB_ADAPTERS_POSTGRES_PG_H
#define ROEHUB_ADAPTERS_POSTGRES_PG_H

#include <libpq-fe.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/utc.h"
#include "base/uuid.h"

struct pg;

struct pg_options {
	const char *application_name;
	int statement_timeout_ms; /* 0: 30000 */
	int connect_timeout_s;	  /* 0: 5 */
};

struct pg_stmt {
	const char *name; /* unique in the program */
	const char *sql;  /* $1 .. $n */
	int params;
};

/* URL (postgresql://, postgres://, postgresql+driver://) or libpq conninfo. Errors: "Postgres DSN cannot be empty",
 * "Postgres DSN must be URL or libpq conninfo format". Never echoes the DSN; registers its password for redaction. */
int pg_dsn_normalise(struct str dsn, char *out, size_t size, struct error *err);

/* pg_open() connects at once; NULL with err when it cannot. */
struct pg *pg_open(const char *dsn, const struct pg_options *options, struct error *err);
void pg_close(struct pg *pg);
PGconn *pg_conn(struct pg *pg); /* the live connection for COPY and the like; NULL while there is none */
int pg_ping(struct pg *pg, struct error *err);
/* The migration chain's head as compiled in against the database: 0, or -1 naming expected and found version. */
int pg_check_schema(struct pg *pg, struct error *err);

/* Parameters: fill in order, then run. Values are copied into the arena-free inline buffer or borrowed until the run. */
#define PG_PARAMS_MAX 24

struct pg_args {
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX];
	int formats[PG_PARAMS_MAX];
	int n;
	char text[PG_PARAMS_MAX][48]; /* numbers, instants, uuids */
	struct arena *arena;	      /* for texts without a NUL; may be NULL when all texts have one */
};

void pg_args_init(struct pg_args *a, struct arena *arena);
void pg_arg_str(struct pg_args *a, struct str s);   /* STR_NULL: NULL; copied into the arena */
void pg_arg_cstr(struct pg_args *a, const char *s); /* borrowed; NULL: NULL */
void pg_arg_i64(struct pg_args *a, int64_t v);
void pg_arg_double(struct pg_args *a, double v); /* NaN is NULL */
void pg_arg_bool(struct pg_args *a, bool v);
void pg_arg_uuid(struct pg_args *a, struct uuid u);
void pg_arg_utc(struct pg_args *a, utc_t t);		/* UTC_NONE: NULL */
void pg_arg_bytes(struct pg_args *a, struct str bytes); /* bytea, binary; borrowed */
void pg_arg_null(struct pg_args *a);

/* Text results. NULL with err on failure. Free with PQclear. */
PGresult *pg_query(struct pg *pg, const struct pg_stmt *stmt, const struct pg_args *args, struct error *err);
/* Runs and forgets; *rows (may be NULL) is the number of rows touched. */
int pg_exec(struct pg *pg, const struct pg_stmt *stmt, const struct pg_args *args, int64_t *rows, struct error *err);
/* One statement text without parameters, not prepared (BEGIN, SET, DDL). */
int pg_run(struct pg *pg, const char *sql, struct error *err);

/* Transactions nest: an inner one is a savepoint of the outer one. A failed commit has rolled back. When the connection
 * is lost inside, every call fails until the outermost level has ended. */
int pg_begin(struct pg *pg, struct error *err);
int pg_commit(struct pg *pg, struct error *err);
void pg_rollback(struct pg *pg); /* harmless without a transaction */

/* SQLSTATE of the last failure of this session ("23505"), "" when there was none, and the constraint it named. */
const char *pg_sqlstate(const struct pg *pg);
const char *pg_constraint(const struct pg *pg);

/* Row reader: fields in the order of the SELECT list; sticky, pg_row_end() names the column. */
struct pg_row {
	const PGresult *res;
	int row, col;
	bool failed;
	int failed_col;
};

void pg_row_init(struct pg_row *r, const PGresult *res, int row);
struct str pg_str(struct pg_row *r);	  /* borrowed from the result; NULL fails */
struct str pg_str_null(struct pg_row *r); /* NULL is STR_NULL */
int64_t pg_i64(struct pg_row *r);
double pg_double(struct pg_row *r);
bool pg_bool(struct pg_row *r);
struct uuid pg_uuid(struct pg_row *r);
struct uuid pg_uuid_null(struct pg_row *r); /* NULL is nil */
struct str pg_bytes(struct pg_row *r, struct arena *a); /* bytea, copied into the arena; NULL is STR_NULL */
utc_t pg_utc(struct pg_row *r);
utc_t pg_utc_null(struct pg_row *r); /* NULL is UTC_NONE */
bool pg_is_null(struct pg_row *r);   /* looks, does not advance */
void pg_skip(struct pg_row *r);
int pg_row_end(const struct pg_row *r, struct error *err); /* ERR_INTERNAL when a field did not fit */

#endif
