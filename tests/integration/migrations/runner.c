/* The migrations program on a real server: alone, eight at once, killed half-way, in the runbook's order, against a
 * database that is newer, and with a file that changed. */
#include "support/stack.h"

#include <glob.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/postgres/migrations.h"
#include "base/base.h"

static struct stack stack;

static void prepare(struct proc *p, const char *name, const char *dsn)
{
	proc_init(p, "migrations", stack.dir);
	snprintf(p->log, sizeof(p->log), "%s/%s.log", stack.dir, name);
	if (dsn != NULL) {
		proc_arg(p, "--dsn");
		proc_arg(p, "%s", dsn);
	}
}

static int run(const char *name, const char *dsn, const char *want)
{
	struct proc p;
	int rc;

	prepare(&p, name, dsn);
	proc_start(&p);
	assert_true(proc_wait(&p, 60000));
	rc = p.exit_status;
	if (proc_log_count(&p, want) == 0) {
		proc_log_tail(&p);
		fail_msg("%s: the log lacks \"%s\"", name, want);
	}
	proc_release(&p);
	return rc;
}

static int files_in_folder(void)
{
	char pattern[600];
	glob_t found;
	int n;

	snprintf(pattern, sizeof(pattern), "%s/migrations/postgres/[0-9]*.sql", test_root());
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	n = (int)found.gl_pathc;
	globfree(&found);
	return n;
}

static void eight_at_once(void **state)
{
	struct proc p[8];

	(void)state;
	for (int i = 0; i < 8; i++) {
		char name[16];

		snprintf(name, sizeof(name), "eight-%d", i);
		prepare(&p[i], name, stack.dsn);
		proc_start(&p[i]);
	}
	for (int i = 0; i < 8; i++) {
		assert_true(proc_wait(&p[i], 60000));
		if (p[i].exit_status != 0)
			proc_log_tail(&p[i]);
		assert_int_equal(p[i].exit_status, 0);
		assert_int_equal(proc_log_count(&p[i], "Migration success"), 1);
		proc_release(&p[i]);
	}
	assert_string_equal(stack_sql(&stack, "SELECT version_num FROM alembic_version"), PG_SCHEMA_HEAD);
	assert_int_equal(atoi(stack_sql(&stack, "SELECT count(*) FROM roehub_schema_files")), files_in_folder());
}

static void killed_half_way_again_and_again(void **state)
{
	(void)state;
	for (int i = 0; i < 15; i++) {
		struct proc p;

		prepare(&p, "killed", stack.dsn);
		proc_start(&p);
		test_sleep_ms(3 + 4 * i);
		proc_kill9(&p);
		proc_release(&p);
	}
	assert_int_equal(run("after-kills", stack.dsn, "Migration success"), 0);
	assert_string_equal(stack_sql(&stack, "SELECT version_num FROM alembic_version"), PG_SCHEMA_HEAD);
}

static void runbook_order_before_and_after(void **state)
{
	static const char *const files[] = { "0001_identity_v1", "0002_identity_2fa_totp_v1",
					     "0004_identity_exchange_keys_v2" };

	(void)state;
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < 3; i++) {
			char command[1200];

			snprintf(command, sizeof(command),
				 "psql -q -v ON_ERROR_STOP=1 '%s' -f %s/migrations/postgres/%s.sql > %s/psql.log 2>&1",
				 stack.dsn, test_root(), files[i], stack.dir);
			assert_int_equal(system(command), 0);
		}
	assert_string_equal(
		stack_sql(
			&stack,
			"SELECT count(*) FROM information_schema.columns WHERE table_name = "
			"'identity_exchange_keys' AND column_name IN ('api_key_enc', 'api_key_hash', 'api_key_last4')"),
		"3");
	assert_int_equal(run("after-runbook", stack.dsn, "Migration success"), 0);
	assert_int_equal(run("again", stack.dsn, "Migration success"), 0);
}

static void filled_v1_keys_are_refused(void **state)
{
	char command[1200];

	(void)state;
	for (int i = 0; i < 2; i++) {
		snprintf(command, sizeof(command),
			 "psql -q -v ON_ERROR_STOP=1 '%s' -f %s/migrations/postgres/%s > %s/psql.log 2>&1", stack.dsn,
			 test_root(), i == 0 ? "0001_identity_v1.sql" : "0003_identity_exchange_keys_v1.sql",
			 stack.dir);
		assert_int_equal(system(command), 0);
	}
	stack_sql(
		&stack,
		"INSERT INTO identity_users VALUES ('00000000-0000-0000-0000-000000000001', 1, 'free', now(), now(), false)");
	stack_sql(
		&stack,
		"INSERT INTO identity_exchange_keys VALUES ('00000000-0000-0000-0000-000000000002', "
		"'00000000-0000-0000-0000-000000000001', 'binance', 'spot', NULL, 'read', 'KEY', '\\x01', NULL, now(), now(), "
		"false, NULL)");
	assert_int_equal(run("refused", stack.dsn,
			     "0004_identity_exchange_keys_v2.sql requires empty identity_exchange_keys table"),
			 1);
	assert_string_equal(stack_sql(&stack, "SELECT count(*) FROM identity_exchange_keys WHERE api_key = 'KEY'"),
			    "1");
}

static void newer_database_is_refused(void **state)
{
	(void)state;
	assert_int_equal(run("head", stack.dsn, "Migration success"), 0);
	stack_sql(&stack, "UPDATE alembic_version SET version_num = '20991231_9999'");
	assert_int_equal(run("newer", stack.dsn, "newer than this program"), 1);
}

static void changed_file_is_named(void **state)
{
	(void)state;
	assert_int_equal(run("head2", stack.dsn, "Migration success"), 0);
	stack_sql(&stack, "UPDATE roehub_schema_files SET sha256 = 'x' WHERE file = '0005_strategy_v1.sql'");
	assert_int_equal(run("changed", stack.dsn, "0005_strategy_v1.sql was changed after it was applied"), 1);
}

static void bad_input_is_one_line(void **state)
{
	(void)state;
	assert_int_equal(run("no-dsn", NULL, "Migration DSN is required via --dsn or POSTGRES_DSN"), 1);
	assert_int_equal(run("bad-dsn", "mysql://x", "Postgres DSN must be URL or libpq conninfo format"), 1);
	assert_int_equal(run("down", "postgresql://u:Secr3tPass@127.0.0.1:1/x", "Postgres is not reachable"), 1);
}

static void triggers_hold(void **state)
{
	PGresult *r;

	(void)state;
	assert_int_equal(run("triggers", stack.dsn, "Migration success"), 0);
	stack_sql(
		&stack,
		"INSERT INTO identity_users VALUES ('00000000-0000-0000-0000-000000000001', 1, 'free', now(), now(), false)");
	stack_sql(
		&stack,
		"INSERT INTO strategy_strategies VALUES ('00000000-0000-0000-0000-00000000000a', "
		"'00000000-0000-0000-0000-000000000001', 'n', '{\"market_id\":1,\"symbol\":\"X\"}', 'binance:spot:X', 'spot', 'X', '1m', "
		"'[]', '{\"schema_version\":1,\"spec_kind\":\"roehub.strategy.v1\"}', now(), false)");
	stack_sql(
		&stack,
		"INSERT INTO strategy_runs VALUES ('00000000-0000-0000-0000-00000000000b', "
		"'00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000a', 'starting', now(), NULL, NULL, "
		"NULL, now())");
	static const char *const refused[] = {
		"UPDATE strategy_strategies SET name = 'other'",
		"DELETE FROM strategy_strategies",
		"UPDATE strategy_runs SET state = 'running'",
		"INSERT INTO strategy_runs SELECT gen_random_uuid(), user_id, strategy_id, 'starting', now(), NULL, NULL, NULL, now() "
		"FROM strategy_runs",
	};

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		r = PQexec(stack.sql, refused[i]);
		if (PQresultStatus(r) != PGRES_FATAL_ERROR)
			fail_msg("was accepted: %s", refused[i]);
		PQclear(r);
	}
	stack_sql(&stack, "UPDATE strategy_runs SET state = 'warming_up'");
	stack_sql(&stack, "UPDATE strategy_strategies SET is_deleted = TRUE");
}

static int up(void **state)
{
	(void)state;
	stack_up(&stack, STACK_DATABASE_EMPTY);
	return 0;
}

static int down(void **state)
{
	(void)state;
	stack_down(&stack);
	return 0;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(eight_at_once),
		T(killed_half_way_again_and_again),
		T(runbook_order_before_and_after),
		T(filled_v1_keys_are_refused),
		T(newer_database_is_refused),
		T(changed_file_is_named),
		T(bad_input_is_one_line),
		T(triggers_hold),
	};

	return cmocka_run_group_tests_name("migrations", tests, NULL, NULL);
}
