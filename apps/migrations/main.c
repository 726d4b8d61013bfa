/* migrations - brings Postgres and, when it is the candle store, ClickHouse to head, and exits: 0 done, 1 failed, 2 bad
 * command line. Several at once are harmless: one works, the others wait for the lock and find nothing to do. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "adapters/postgres/migrations.h"
#include "base/log.h"
#include "commands.h"
#include "runtime/config.h"

static const struct {
	const char *name; /* NULL: without a command */
	const char *success, *failure;
	int (*run)(const struct options *o, struct error *err);
} commands[] = {
	{ NULL, "Migration success", "Migration failed", migrate },
	{ "bootstrap", "Bootstrap success", "Bootstrap failed", bootstrap },
	{ "rotate-secrets", "Rotation success", "Rotation failed", rotate_secrets },
};

static int usage(FILE *out)
{
	fputs("migrations - brings the database schema to head\n\n"
	      "usage: migrations [bootstrap|rotate-secrets] [options]\n\n"
	      "  (no command)     brings the strategy database to head\n"
	      "  bootstrap        the first start: both databases to head whatever was applied by hand, roles, grants;\n"
	      "                   passwords from ROEHUB_DB_PASSWORD_{MIGRATIONS,API,WORKER,MARKET_DATA} where set\n"
	      "  rotate-secrets   seals every stored secret with IDENTITY_2FA_KEK_B64 and IDENTITY_EXCHANGE_KEYS_KEK_B64;\n"
	      "                   what opens with IDENTITY_2FA_KEKS_OLD_B64 and IDENTITY_EXCHANGE_KEYS_KEKS_OLD_B64 is\n"
	      "                   sealed anew, while the api runs\n\n"
	      "  --dsn, --postgres-dsn DSN   strategy database; default: POSTGRES_DSN\n"
	      "  --identity-dsn DSN          identity database; default: IDENTITY_PG_DSN\n"
	      "  --lock-key N                key of pg_advisory_lock; default 56329814721\n"
	      "  --dir PATH                  folder with postgres/ and clickhouse/; default: migrations\n"
	      "  --candle-store NAME         clickhouse: bring it to head as well; default: ROEHUB_CANDLE_STORE, else postgres\n"
	      "  --batch N                   rotate-secrets: rows at a time; default 500\n"
	      "  --purge-deleted-days N      rotate-secrets: remove exchange keys deleted more than N days ago\n",
	      out);
	return out == stdout ? 0 : 2;
}

static bool number(const char *name, int64_t min, int64_t *out)
{
	if (str_to_i64(str_from(optarg), out) && *out >= min)
		return true;
	fprintf(stderr, "migrations: --%s must be an integer of at least %lld, got '%.40s'\n", name, (long long)min,
		optarg);
	return false;
}

/* -1: go on; otherwise the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = { { "dsn", required_argument, NULL, 'd' },
					       { "postgres-dsn", required_argument, NULL, 'd' },
					       { "identity-dsn", required_argument, NULL, 'i' },
					       { "lock-key", required_argument, NULL, 'k' },
					       { "dir", required_argument, NULL, 'D' },
					       { "candle-store", required_argument, NULL, 'c' },
					       { "batch", required_argument, NULL, 'b' },
					       { "purge-deleted-days", required_argument, NULL, 'p' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	bool ok = true;
	int c;

	while (ok && (c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'd':
			o->dsn = optarg;
			break;
		case 'i':
			o->identity_dsn = optarg;
			break;
		case 'k':
			ok = number("lock-key", INT64_MIN, &o->lock_key);
			break;
		case 'D':
			o->dir = optarg;
			break;
		case 'c':
			o->candle_store = optarg;
			break;
		case 'b':
			ok = number("batch", 1, &o->batch);
			break;
		case 'p':
			ok = number("purge-deleted-days", 0, &o->purge_days);
			break;
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	return ok ? -1 : 2;
}

static int check(const struct options *o, struct error *err)
{
	if (o->candle_store != NULL && strcmp(o->candle_store, "clickhouse") != 0 &&
	    strcmp(o->candle_store, "postgres") != 0)
		return error_set(err, ERR_INVALID, "the candle store must be postgres or clickhouse, got '%.32s'",
				 o->candle_store);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .dsn = config_env("POSTGRES_DSN"),
			     .identity_dsn = config_env("IDENTITY_PG_DSN"),
			     .dir = "migrations",
			     .candle_store = config_env("ROEHUB_CANDLE_STORE"),
			     .lock_key = PG_MIGRATION_LOCK_KEY,
			     .batch = 500,
			     .purge_days = -1 };
	struct error err = ERROR_INIT;
	int rc = parse(argc, argv, &o);
	size_t command = 0;

	if (rc >= 0)
		return rc;
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }); /* memory holds keys */
	if (optind < argc)
		for (command = 1; command < ARRAY_LEN(commands) && strcmp(commands[command].name, argv[optind]) != 0;)
			command++;
	if (command == ARRAY_LEN(commands) || optind + 1 < argc)
		return usage(stderr);
	if (check(&o, &err) == 0 && commands[command].run(&o, &err) == 0) {
		say("%s", commands[command].success);
		return 0;
	}
	log_redact_text(err.message);
	log_redact_text(err.detail);
	fprintf(stderr, "%s: %s%s%s\n", commands[command].failure, err.message, err.detail[0] != '\0' ? ": " : "",
		err.detail);
	return 1;
}
