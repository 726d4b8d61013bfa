#include "adapters/postgres/pg.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/postgres/migrations.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/number.h"

#define DSN_MAX		 2048
#define STATEMENTS_MAX	 128
#define RECONNECT_MIN_MS 100
#define RECONNECT_MAX_MS 2000

struct pg {
	char *dsn;
	char application[64];
	struct pg_options options;
	PGconn *conn;			      /* NULL while there is none */
	const char *prepared[STATEMENTS_MAX]; /* names prepared on this connection, by identity */
	size_t prepared_count;
	int depth; /* 0: no transaction; above 1: savepoints. A lost connection keeps it until the outermost end */
	mono_t retry_at;
	int retry_ms;
	char sqlstate[6];
	char constraint[64];
};

/* ---- DSN ----------------------------------------------------------------------------------------------------------- */

static struct str normalise_scheme(struct str dsn, char *buf, size_t size)
{
	size_t scheme_end = str_find_byte(dsn, ':');
	struct str scheme = str_slice(dsn, 0, scheme_end);

	/* postgresql+driver:// means the same to us */
	if (scheme_end != SIZE_MAX && str_starts(scheme, STR("postgresql+")) &&
	    str_starts(str_slice(dsn, scheme_end, dsn.n), STR("://"))) {
		int n = snprintf(buf, size, "postgresql%.*s", (int)(dsn.n - scheme_end), dsn.p + scheme_end);

		if (n > 0 && (size_t)n < size)
			return (struct str){ buf, (size_t)n };
	}
	return dsn;
}

static void redact_password(const PQconninfoOption *options)
{
	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
		if (strcmp(o->keyword, "password") == 0 && o->val != NULL)
			log_redact(str_from(o->val));
}

int pg_dsn_normalise(struct str dsn, char *out, size_t size, struct error *err)
{
	char buf[DSN_MAX], text[DSN_MAX];
	PQconninfoOption *options;
	char *message = NULL;
	bool known = false;

	dsn = str_trim(dsn);
	if (dsn.n == 0)
		return error_set(err, ERR_INVALID, "Postgres DSN cannot be empty");
	dsn = normalise_scheme(dsn, buf, sizeof(buf));
	if (!str_copy(text, sizeof(text), dsn) || !str_copy(out, size, dsn) || memchr(dsn.p, '\0', dsn.n) != NULL)
		return error_set(err, ERR_INVALID, "Postgres DSN must be URL or libpq conninfo format");
	/* A bare word would be taken for a database name, and another scheme for the same. */
	known = str_starts(dsn, STR("postgresql://")) || str_starts(dsn, STR("postgres://")) ||
		(str_find_byte(dsn, '=') != SIZE_MAX && strstr(text, "://") == NULL);
	options = known ? PQconninfoParse(text, &message) : NULL;
	if (options == NULL) {
		PQfreemem(message); /* may quote the password: never shown */
		out[0] = '\0';
		return error_set(err, ERR_INVALID, "Postgres DSN must be URL or libpq conninfo format");
	}
	redact_password(options);
	PQconninfoFree(options);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(buf, sizeof(buf));
	return 0;
}

/* ---- connection ---------------------------------------------------------------------------------------------------- */

static void on_notice(void *arg, const PGresult *res)
{
	static const struct log_ctx log = LOG_CTX("postgres");

	(void)arg;
	if (log_enabled(LOG_LEVEL_DEBUG))
		log_debug(&log, "notice", LOG_CSTR("text", PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)));
}

static void disconnect(struct pg *pg)
{
	if (pg->conn != NULL)
		PQfinish(pg->conn);
	pg->conn = NULL;
	pg->prepared_count = 0;
}

/* The first line of libpq's message, without the address book behind it. */
static void connection_detail(const PGconn *conn, struct error *err)
{
	const char *text = conn != NULL ? PQerrorMessage(conn) : "out of memory";

	error_detail(err, "%.*s", (int)strcspn(text, "\n"), text);
	if (err != NULL)
		log_redact_text(err->detail);
}

static int connect_now(struct pg *pg, struct error *err)
{
	char timeout[16], session[128];
	const char *keys[] = { "dbname", "application_name", "connect_timeout", "options", "client_encoding", NULL };
	const char *values[] = { pg->dsn, pg->application, timeout, session, "UTF8", NULL };

	if (pg->retry_ms > 0 && mono_elapsed_us(mono_now(), pg->retry_at) > 0)
		return error_set(err, ERR_UNAVAILABLE, "Postgres is not reachable");
	snprintf(timeout, sizeof(timeout), "%d", pg->options.connect_timeout_s);
	snprintf(session, sizeof(session), "-c TimeZone=UTC -c statement_timeout=%d -c client_min_messages=warning",
		 pg->options.statement_timeout_ms);
	pg->conn = PQconnectdbParams(keys, values, 1);
	if (pg->conn == NULL || PQstatus(pg->conn) != CONNECTION_OK) {
		error_set(err, ERR_UNAVAILABLE, "Postgres is not reachable");
		connection_detail(pg->conn, err);
		disconnect(pg);
		pg->retry_ms = MIN_OF(MAX_OF(pg->retry_ms * 2, RECONNECT_MIN_MS), RECONNECT_MAX_MS);
		pg->retry_at = mono_after_ms(mono_now(), pg->retry_ms);
		return -1;
	}
	pg->retry_ms = 0;
	PQsetNoticeReceiver(pg->conn, on_notice, NULL);
	return 0;
}

/* A live connection, re-opened when it was lost; inside a transaction a lost one is an error. */
static int need_connection(struct pg *pg, struct error *err)
{
	if (pg->conn != NULL && PQstatus(pg->conn) == CONNECTION_OK)
		return 0;
	if (pg->depth > 0) {
		disconnect(pg);
		return error_set(err, ERR_UNAVAILABLE, "Postgres went away inside a transaction");
	}
	disconnect(pg);
	return connect_now(pg, err);
}

struct pg *pg_open(const char *dsn, const struct pg_options *options, struct error *err)
{
	struct pg *pg = calloc(1, sizeof(*pg));
	char text[DSN_MAX];

	if (pg == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory for a Postgres session");
		return NULL;
	}
	if (options != NULL)
		pg->options = *options;
	if (pg->options.statement_timeout_ms == 0)
		pg->options.statement_timeout_ms = 30000;
	if (pg->options.connect_timeout_s == 0)
		pg->options.connect_timeout_s = 5;
	snprintf(pg->application, sizeof(pg->application), "%s",
		 pg->options.application_name != NULL ? pg->options.application_name : "roehub");
	if (pg_dsn_normalise(str_from(dsn), text, sizeof(text), err) != 0 || (pg->dsn = strdup(text)) == NULL ||
	    connect_now(pg, err) != 0) {
		explicit_bzero(text, sizeof(text));
		pg_close(pg);
		return NULL;
	}
	explicit_bzero(text, sizeof(text));
	return pg;
}

void pg_close(struct pg *pg)
{
	if (pg == NULL)
		return;
	disconnect(pg);
	if (pg->dsn != NULL)
		explicit_bzero(pg->dsn, strlen(pg->dsn));
	free(pg->dsn);
	free(pg);
}

PGconn *pg_conn(struct pg *pg) { return need_connection(pg, NULL) == 0 ? pg->conn : NULL; }

/* ---- parameters ---------------------------------------------------------------------------------------------------- */

void pg_args_init(struct pg_args *a, struct arena *arena)
{
	a->n = 0;
	a->arena = arena;
}

static void push(struct pg_args *a, const char *value, int length, int format)
{
	if (a->n == PG_PARAMS_MAX)
		abort(); /* a programming error: the statement has more parameters than we support */
	a->values[a->n] = value;
	a->lengths[a->n] = length;
	a->formats[a->n] = format;
	a->n++;
}

void pg_arg_null(struct pg_args *a) { push(a, NULL, 0, 0); }

void pg_arg_str(struct pg_args *a, struct str s)
{
	if (s.p == NULL)
		pg_arg_null(a);
	else if (a->arena != NULL)
		push(a, arena_cstr(a->arena, s), 0, 0);
	else
		push(a, s.p, 0, 0);
}

void pg_arg_cstr(struct pg_args *a, const char *s) { push(a, s, 0, 0); }

void pg_arg_i64(struct pg_args *a, int64_t v)
{
	char *text = a->text[a->n < PG_PARAMS_MAX ? a->n : 0];

	snprintf(text, sizeof(a->text[0]), "%lld", (long long)v);
	push(a, text, 0, 0);
}

void pg_arg_double(struct pg_args *a, double v)
{
	char *text = a->text[a->n < PG_PARAMS_MAX ? a->n : 0];

	if (v != v) {
		pg_arg_null(a);
		return;
	}
	push(a, number_format(v, text), 0, 0);
}

void pg_arg_bool(struct pg_args *a, bool v) { push(a, v ? "t" : "f", 0, 0); }

void pg_arg_uuid(struct pg_args *a, struct uuid u)
{
	push(a, uuid_format(u, a->text[a->n < PG_PARAMS_MAX ? a->n : 0]), 0, 0);
}

void pg_arg_utc(struct pg_args *a, utc_t t)
{
	if (utc_is_none(t))
		pg_arg_null(a);
	else
		push(a, utc_format_ms(t, a->text[a->n < PG_PARAMS_MAX ? a->n : 0]), 0, 0);
}

void pg_arg_bytes(struct pg_args *a, struct str bytes) { push(a, bytes.p, (int)bytes.n, 1); }

/* ---- statements ---------------------------------------------------------------------------------------------------- */

static int failed(struct pg *pg, const PGresult *res, const char *what, struct error *err)
{
	const char *state = res != NULL ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	const char *primary = res != NULL ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	const char *constraint = res != NULL ? PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME) : NULL;
	bool lost = PQstatus(pg->conn) != CONNECTION_OK;

	snprintf(pg->sqlstate, sizeof(pg->sqlstate), "%s", state != NULL ? state : "");
	snprintf(pg->constraint, sizeof(pg->constraint), "%s", constraint != NULL ? constraint : "");
	/* 57Pxx: the server shuts down; 08xxx: connection; 53xxx: out of resources; 57014: statement time-out */
	if (lost || state == NULL || strncmp(state, "57", 2) == 0 || strncmp(state, "08", 2) == 0 ||
	    strncmp(state, "53", 2) == 0)
		error_set(err, ERR_UNAVAILABLE, "Postgres is not available");
	else if (strncmp(state, "23", 2) == 0)
		error_set(err, ERR_CONFLICT, "the database refused a conflicting row");
	else
		error_set(err, ERR_INTERNAL, "a database statement failed");
	if (state != NULL)
		error_detail(err, "%s: SQLSTATE %s %s", what, state, primary != NULL ? primary : "");
	else
		connection_detail(pg->conn, err);
	if (err != NULL)
		log_redact_text(err->detail);
	return -1;
}

static bool is_ok(const PGresult *res)
{
	ExecStatusType s = PQresultStatus(res);

	return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK;
}

static int prepare(struct pg *pg, const struct pg_stmt *stmt, struct error *err)
{
	PGresult *res;
	int rc = 0;

	for (size_t i = 0; i < pg->prepared_count; i++)
		if (pg->prepared[i] == stmt->name || strcmp(pg->prepared[i], stmt->name) == 0)
			return 0;
	res = PQprepare(pg->conn, stmt->name, stmt->sql, stmt->params, NULL);
	if (!is_ok(res))
		rc = failed(pg, res, stmt->name, err);
	else if (pg->prepared_count < STATEMENTS_MAX)
		pg->prepared[pg->prepared_count++] = stmt->name;
	PQclear(res);
	return rc;
}

PGresult *pg_query(struct pg *pg, const struct pg_stmt *stmt, const struct pg_args *args, struct error *err)
{
	PGresult *res;

	pg->sqlstate[0] = pg->constraint[0] = '\0';
	if (args->arena != NULL && arena_failed(args->arena)) {
		error_set(err, ERR_TOO_LARGE, "no memory for the statement's parameters");
		return NULL;
	}
	if (need_connection(pg, err) != 0 || prepare(pg, stmt, err) != 0)
		return NULL;
	res = PQexecPrepared(pg->conn, stmt->name, args->n, args->values, args->lengths, args->formats, 0);
	if (!is_ok(res)) {
		failed(pg, res, stmt->name, err);
		PQclear(res);
		return NULL;
	}
	return res;
}

int pg_exec(struct pg *pg, const struct pg_stmt *stmt, const struct pg_args *args, int64_t *rows, struct error *err)
{
	PGresult *res = pg_query(pg, stmt, args, err);
	int64_t n = 0;

	if (res == NULL)
		return -1;
	str_to_i64(str_from(PQcmdTuples(res)), &n);
	if (rows != NULL)
		*rows = n;
	PQclear(res);
	return 0;
}

int pg_run(struct pg *pg, const char *sql, struct error *err)
{
	PGresult *res;
	int rc = 0;

	pg->sqlstate[0] = pg->constraint[0] = '\0';
	if (need_connection(pg, err) != 0)
		return -1;
	res = PQexec(pg->conn, sql);
	if (!is_ok(res))
		rc = failed(pg, res, "statement", err);
	PQclear(res);
	return rc;
}

int pg_ping(struct pg *pg, struct error *err) { return pg_run(pg, "SELECT 1", err); }

/* COMMIT of a failed transaction answers ROLLBACK with success. */
static int end_outermost(struct pg *pg, struct error *err)
{
	PGresult *res = PQexec(pg->conn, "COMMIT");
	int rc = 0;

	if (!is_ok(res))
		rc = failed(pg, res, "commit", err);
	else if (strcmp(PQcmdStatus(res), "COMMIT") != 0)
		rc = error_set(err, ERR_INTERNAL, "the transaction was rolled back");
	PQclear(res);
	return rc;
}

static const char *savepoint(const char *verb, int depth, char sql[64])
{
	snprintf(sql, 64, verb, depth);
	return sql;
}

int pg_begin(struct pg *pg, struct error *err)
{
	char sql[64];

	if (pg_run(pg, pg->depth == 0 ? "BEGIN" : savepoint("SAVEPOINT level_%d", pg->depth, sql), err) != 0)
		return -1;
	pg->depth++;
	return 0;
}

int pg_commit(struct pg *pg, struct error *err)
{
	char sql[64];
	int rc = need_connection(pg, err);

	if (rc == 0 && pg->depth > 1)
		rc = pg_run(pg, savepoint("RELEASE SAVEPOINT level_%d", pg->depth - 1, sql), err);
	else if (rc == 0)
		rc = end_outermost(pg, err);
	if (rc != 0 && pg->depth > 1)
		pg_rollback(pg);
	else if (pg->depth > 0)
		pg->depth--;
	return rc;
}

void pg_rollback(struct pg *pg)
{
	char sql[128];

	if (pg->depth == 0)
		return;
	pg->depth--;
	if (pg->conn == NULL || PQstatus(pg->conn) != CONNECTION_OK)
		return;
	snprintf(sql, sizeof(sql), pg->depth == 0 ? "ROLLBACK" : "ROLLBACK TO SAVEPOINT level_%d; RELEASE SAVEPOINT level_%d",
		 pg->depth, pg->depth);
	PQclear(PQexec(pg->conn, sql));
}

const char *pg_sqlstate(const struct pg *pg) { return pg->sqlstate; }

const char *pg_constraint(const struct pg *pg) { return pg->constraint; }

/* ---- schema -------------------------------------------------------------------------------------------------------- */

int pg_check_schema(struct pg *pg, struct error *err)
{
	static const struct pg_stmt VERSION_TABLE = { "schema_version_table",
						      "SELECT to_regclass('alembic_version') IS NOT NULL", 0 };
	static const struct pg_stmt VERSION = { "schema_version", "SELECT version_num FROM alembic_version", 0 };
	char found[40] = "nothing";
	struct pg_args args;
	PGresult *res;
	bool there;

	pg_args_init(&args, NULL);
	res = pg_query(pg, &VERSION_TABLE, &args, err);
	if (res == NULL)
		return -1;
	there = PQntuples(res) == 1 && strcmp(PQgetvalue(res, 0, 0), "t") == 0;
	PQclear(res);
	if (there) {
		res = pg_query(pg, &VERSION, &args, err);
		if (res == NULL)
			return -1;
		if (PQntuples(res) == 1)
			snprintf(found, sizeof(found), "%s", PQgetvalue(res, 0, 0));
		PQclear(res);
	}
	if (strcmp(found, PG_SCHEMA_HEAD) == 0)
		return 0;
	return error_set(err, ERR_CONFLICT, "database schema is at %s, this program needs %s: run migrations", found,
			 PG_SCHEMA_HEAD);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

void pg_row_init(struct pg_row *r, const PGresult *res, int row)
{
	*r = (struct pg_row){ .res = res, .row = row, .failed_col = -1 };
	if (row >= PQntuples(res))
		r->failed = true;
}

static void bad_field(struct pg_row *r)
{
	if (!r->failed) {
		r->failed = true;
		r->failed_col = r->col;
	}
}

bool pg_is_null(struct pg_row *r)
{
	return !r->failed && r->col < PQnfields(r->res) && PQgetisnull(r->res, r->row, r->col);
}

void pg_skip(struct pg_row *r) { r->col++; }

/* The field's text, STR_NULL for NULL; beyond the last column the row fails. */
static struct str take(struct pg_row *r, bool null_ok)
{
	struct str s = STR_NULL;

	if (r->failed)
		return s;
	if (r->col >= PQnfields(r->res)) {
		bad_field(r);
		return s;
	}
	if (!PQgetisnull(r->res, r->row, r->col))
		s = (struct str){ PQgetvalue(r->res, r->row, r->col), (size_t)PQgetlength(r->res, r->row, r->col) };
	else if (!null_ok)
		bad_field(r);
	r->col++;
	return s;
}

struct str pg_str(struct pg_row *r) { return take(r, false); }

struct str pg_str_null(struct pg_row *r) { return take(r, true); }

static void bad_last_field(struct pg_row *r)
{
	if (!r->failed) {
		r->col--;
		bad_field(r);
	}
}

int64_t pg_i64(struct pg_row *r)
{
	int64_t v = 0;

	if (!str_to_i64(take(r, false), &v))
		bad_last_field(r);
	return v;
}

double pg_double(struct pg_row *r)
{
	double v = 0;

	if (!str_to_double(take(r, false), &v))
		bad_last_field(r);
	return v;
}

bool pg_bool(struct pg_row *r)
{
	struct str s = take(r, false);

	if (!str_eq(s, STR("t")) && !str_eq(s, STR("f")))
		bad_last_field(r);
	return str_eq(s, STR("t"));
}

static struct uuid uuid_field(struct pg_row *r, bool null_ok)
{
	struct str s = take(r, null_ok);
	struct uuid u = { { 0 } };

	if (s.p != NULL && !uuid_parse(s, &u))
		bad_last_field(r);
	return u;
}

struct uuid pg_uuid(struct pg_row *r) { return uuid_field(r, false); }

struct uuid pg_uuid_null(struct pg_row *r) { return uuid_field(r, true); }

static utc_t utc_field(struct pg_row *r, bool null_ok)
{
	struct str s = take(r, null_ok);
	utc_t t = UTC_NONE;

	if (s.p != NULL && !utc_parse(s, &t))
		bad_last_field(r);
	return t;
}

struct str pg_bytes(struct pg_row *r, struct arena *a)
{
	struct str s = take(r, true);
	uint8_t *out;
	size_t n = 0;

	if (s.p == NULL)
		return s;
	out = arena_alloc(a, s.n / 2 + 1);
	if (out == NULL || !str_starts(s, STR("\\x")) || !hex_decode(str_slice(s, 2, s.n), out, s.n / 2, &n)) {
		bad_last_field(r);
		return STR_NULL;
	}
	return (struct str){ (const char *)out, n };
}

utc_t pg_utc(struct pg_row *r) { return utc_field(r, false); }

utc_t pg_utc_null(struct pg_row *r) { return utc_field(r, true); }

int pg_row_end(const struct pg_row *r, struct error *err)
{
	if (!r->failed)
		return 0;
	if (r->failed_col < 0)
		return error_set(err, ERR_NOT_FOUND, "no row");
	error_set(err, ERR_INTERNAL, "a database row could not be read");
	return error_detail(err, "column %s",
			    PQfname(r->res, r->failed_col) != NULL ? PQfname(r->res, r->failed_col) : "?");
}
