#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "adapters/clickhouse/candle_store.h"
#include "adapters/clickhouse/schema.h"
#include "adapters/postgres/migrations.h"
#include "adapters/postgres/pg.h"
#include "base/strbuf.h"
#include "commands.h"

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static void say_line(const char *line) { say("%s", line); }

int run_script(struct pg *pg, const struct options *o, const char *name, struct error *err)
{
	struct strbuf sql = STRBUF_INIT(1 << 20);
	struct error cause = ERROR_INIT;
	char path[1024], chunk[4096];
	FILE *f;
	size_t n;
	int rc;

	snprintf(path, sizeof(path), "%s/postgres/%s", o->dir, name);
	f = fopen(path, "re");
	if (f == NULL)
		return error_set_errno(err, errno, "cannot read %s", path);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		strbuf_add(&sql, (struct str){ chunk, n });
	fclose(f);
	rc = strbuf_error(&sql, &cause);
	if (rc == 0)
		rc = pg_run(pg, strbuf_cstr(&sql), &cause);
	strbuf_release(&sql);
	if (rc != 0)
		error_set(err, cause.code, "%s: %s", name, cause.detail[0] != '\0' ? cause.detail : cause.message);
	return rc;
}

/* The number of our roles on the server. */
static int count_roles(struct pg *pg, int64_t *n, struct error *err)
{
	static const struct pg_stmt ROLES = {
		"count_roles",
		"SELECT count(*) FROM pg_roles WHERE rolname IN ('roehub_api', 'roehub_worker', 'roehub_market_data')", 0
	};
	struct pg_args args;
	struct pg_row r;
	PGresult *res;
	int rc;

	pg_args_init(&args, NULL);
	res = pg_query(pg, &ROLES, &args, err);
	if (res == NULL)
		return -1;
	pg_row_init(&r, res, 0);
	*n = pg_i64(&r);
	rc = pg_row_end(&r, err);
	PQclear(res);
	return rc;
}

int migrate_database(struct pg *pg, const struct options *o, struct error *err)
{
	char dir[1024];
	size_t applied = 0;
	int64_t roles = 0;

	snprintf(dir, sizeof(dir), "%s/postgres", o->dir);
	if (pg_migrate(pg, dir, o->lock_key, say_line, &applied, err) != 0 || count_roles(pg, &roles, err) != 0)
		return -1;
	/* Grants are about tables: only new ones change them, and re-granting under load would block readers for nothing. */
	return applied > 0 && roles == 3 ? run_script(pg, o, "grants.sql", err) : 0;
}

static int migrate_clickhouse(const struct options *o, struct error *err)
{
	struct ch_settings settings;
	char path[1024];

	snprintf(path, sizeof(path), "%s/clickhouse/market_data_ddl.sql", o->dir);
	say("Applying market_data_ddl.sql to ClickHouse");
	if (ch_settings_from_env(&settings, err) != 0)
		return -1;
	return ch_apply_schema(&settings, path, err);
}

int migrate(const struct options *o, struct error *err)
{
	static const struct pg_options session = { .application_name = "migrations" };
	struct pg *pg;
	int rc;

	if (o->dsn == NULL || str_is_blank(str_from(o->dsn)))
		return error_set(err, ERR_INVALID, "Migration DSN is required via --dsn or POSTGRES_DSN");
	pg = pg_open(o->dsn, &session, err);
	if (pg == NULL)
		return -1;
	rc = migrate_database(pg, o, err);
	pg_close(pg);
	if (rc == 0 && o->candle_store != NULL && strcmp(o->candle_store, "clickhouse") == 0)
		rc = migrate_clickhouse(o, err);
	return rc;
}
