/* migrations - brings Postgres and, when it is the candle store, ClickHouse to head, and exits: 0 done, 1 failed, 2 bad
 * command line. Several at once are harmless: one works, the others wait for the lock and find nothing to do. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "adapters/clickhouse/candle_store.h"
#include "adapters/clickhouse/schema.h"
#include "adapters/postgres/migrations.h"
#include "adapters/postgres/pg.h"
#include "base/log.h"
#include "runtime/config.h"

struct options {
	const char *dsn, *dir, *candle_store;
	int64_t lock_key;
};

static void say(const char *line)
{
	puts(line);
	fflush(stdout);
}

static int usage(FILE *out)
{
	fputs("migrations - brings the database schema to head\n\n"
	      "usage: migrations [--dsn DSN] [--lock-key N] [--dir PATH] [--candle-store postgres|clickhouse]\n\n"
	      "  --dsn DSN            Postgres; default: POSTGRES_DSN\n"
	      "  --lock-key N         key of pg_advisory_lock; default 56329814721\n"
	      "  --dir PATH           folder with postgres/ and clickhouse/; default: migrations\n"
	      "  --candle-store NAME  clickhouse: bring it to head as well; default: ROEHUB_CANDLE_STORE, else postgres\n",
	      out);
	return out == stdout ? 0 : 2;
}

/* -1: go on; otherwise the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "dsn", required_argument, NULL, 'd' }, { "lock-key", required_argument, NULL, 'k' },
		{ "dir", required_argument, NULL, 'D' }, { "candle-store", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },	 { NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'd':
			o->dsn = optarg;
			break;
		case 'k':
			if (!str_to_i64(str_from(optarg), &o->lock_key)) {
				fprintf(stderr, "migrations: --lock-key must be an integer, got '%s'\n", optarg);
				return 2;
			}
			break;
		case 'D':
			o->dir = optarg;
			break;
		case 'c':
			o->candle_store = optarg;
			break;
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	return optind == argc ? -1 : usage(stderr);
}

static int migrate_postgres(const struct options *o, struct error *err)
{
	static const struct pg_options session = { .application_name = "migrations" };
	char dir[1024];
	struct pg *pg;
	size_t applied = 0;
	int rc;

	if (o->dsn == NULL || str_is_blank(str_from(o->dsn)))
		return error_set(err, ERR_INVALID, "Migration DSN is required via --dsn or POSTGRES_DSN");
	snprintf(dir, sizeof(dir), "%s/postgres", o->dir);
	pg = pg_open(o->dsn, &session, err);
	if (pg == NULL)
		return -1;
	rc = pg_migrate(pg, dir, o->lock_key, say, &applied, err);
	pg_close(pg);
	return rc;
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

int main(int argc, char **argv)
{
	struct options o = { .dsn = config_env("POSTGRES_DSN"),
			     .dir = "migrations",
			     .candle_store = config_env("ROEHUB_CANDLE_STORE"),
			     .lock_key = PG_MIGRATION_LOCK_KEY };
	struct error err = ERROR_INIT;
	int rc = parse(argc, argv, &o);
	bool clickhouse;

	if (rc >= 0)
		return rc;
	clickhouse = o.candle_store != NULL && strcmp(o.candle_store, "clickhouse") == 0;
	if (o.candle_store != NULL && !clickhouse && strcmp(o.candle_store, "postgres") != 0)
		rc = error_set(&err, ERR_INVALID, "the candle store must be postgres or clickhouse, got '%.32s'",
			       o.candle_store);
	else
		rc = migrate_postgres(&o, &err);
	if (rc == 0 && clickhouse)
		rc = migrate_clickhouse(&o, &err);
	if (rc != 0) {
		log_redact_text(err.message);
		log_redact_text(err.detail);
		fprintf(stderr, "Migration failed: %s%s%s\n", err.message, err.detail[0] != '\0' ? ": " : "",
			err.detail);
		return 1;
	}
	say("Migration success");
	return 0;
}
