#include "adapters/postgres/migrations.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/postgres/pg.h"
#include "base/crypto.h"

#define FILES_MAX      512
#define FILE_BYTES_MAX (1u << 20)
#define NAME_MAX_LEN   128
#define VERSION_MAX    33

struct file {
	char name[NAME_MAX_LEN];
	char version[VERSION_MAX]; /* "" for the baseline */
	char digest[SHA256_HEX_MAX];
	char *sql;
};

struct files {
	struct file *items;
	size_t n;
};

static const struct pg_stmt KNOWN_FILE = { "schema_file_known",
					   "SELECT sha256 FROM roehub_schema_files WHERE file = $1", 1 };
static const struct pg_stmt RECORD_FILE = {
	"schema_file_record",
	"INSERT INTO roehub_schema_files (file, version, sha256, applied_at) VALUES ($1, $2, $3, now())", 3
};
static const struct pg_stmt READ_VERSION = { "alembic_read", "SELECT version_num FROM alembic_version", 0 };
static const struct pg_stmt LOCK = { "migration_lock", "SELECT pg_advisory_lock($1)", 1 };
static const struct pg_stmt UNLOCK = { "migration_unlock", "SELECT pg_advisory_unlock($1)", 1 };

static const char bookkeeping[] =
	"CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32) PRIMARY KEY);"
	"CREATE TABLE IF NOT EXISTS roehub_schema_files (file text PRIMARY KEY, version text, sha256 text NOT NULL,"
	" applied_at timestamptz NOT NULL)";

/* ---- files --------------------------------------------------------------------------------------------------------- */

static int read_text(const char *path, char **out, struct error *err)
{
	FILE *f = fopen(path, "re");
	char *text = malloc(FILE_BYTES_MAX + 1);
	size_t n;

	if (f == NULL || text == NULL) {
		if (f != NULL)
			fclose(f);
		free(text);
		return error_set_errno(err, errno, "cannot read %s", path);
	}
	n = fread(text, 1, FILE_BYTES_MAX + 1, f);
	fclose(f);
	if (n > FILE_BYTES_MAX || memchr(text, '\0', n) != NULL) {
		free(text);
		return error_set(err, ERR_INVALID, "%s is too large or no text", path);
	}
	text[n] = '\0';
	*out = text;
	return 0;
}

static void read_version(struct file *f)
{
	struct str line = str_slice(str_from(f->sql), 0, strcspn(f->sql, "\n")), mark = STR("-- roehub:version ");

	if (str_starts(line, mark))
		str_copy(f->version, sizeof(f->version), str_trim(str_slice(line, mark.n, line.n)));
}

static bool is_migration(const char *name)
{
	struct str s = str_from(name);

	return s.n > 5 && s.n < NAME_MAX_LEN && strspn(name, "0123456789") == 4 && name[4] == '_' &&
	       str_ends(s, STR(".sql"));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static void files_release(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->items[i].sql);
	free(f->items);
}

static int files_load(const char *dir, struct files *out, struct error *err)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	int rc = 0;

	if (d == NULL)
		return error_set_errno(err, errno, "cannot open the migrations folder %s", dir);
	out->items = calloc(FILES_MAX, sizeof(*out->items));
	while (out->items != NULL && rc == 0 && out->n < FILES_MAX && (entry = readdir(d)) != NULL) {
		struct file *f = &out->items[out->n];
		char path[1024];

		if (!is_migration(entry->d_name))
			continue;
		snprintf(f->name, sizeof(f->name), "%s", entry->d_name);
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		rc = read_text(path, &f->sql, err);
		if (rc == 0) {
			read_version(f);
			sha256_hex(str_from(f->sql), f->digest);
			out->n++;
		}
	}
	closedir(d);
	if (rc == 0 && out->n == 0)
		rc = error_set(err, ERR_NOT_FOUND, "no migrations in %s", dir);
	if (rc == 0)
		qsort(out->items, out->n, sizeof(*out->items), by_name);
	return rc;
}

/* ---- applying ------------------------------------------------------------------------------------------------------ */

/* *known: the file was applied before; -1 when it has changed since. */
static int file_known(struct pg *pg, const struct file *f, bool *known, struct error *err)
{
	struct pg_args args;
	PGresult *res;
	int rc = 0;

	pg_args_init(&args, NULL);
	pg_arg_cstr(&args, f->name);
	res = pg_query(pg, &KNOWN_FILE, &args, err);
	if (res == NULL)
		return -1;
	*known = PQntuples(res) == 1;
	if (*known && strcmp(PQgetvalue(res, 0, 0), f->digest) != 0)
		rc = error_set(err, ERR_CONFLICT, "%s was changed after it was applied (checksum differs)", f->name);
	PQclear(res);
	return rc;
}

static int record(struct pg *pg, const struct file *f, struct error *err)
{
	struct pg_args args;
	char sql[128];

	pg_args_init(&args, NULL);
	pg_arg_cstr(&args, f->name);
	pg_arg_cstr(&args, f->version[0] != '\0' ? f->version : NULL);
	pg_arg_cstr(&args, f->digest);
	if (pg_exec(pg, &RECORD_FILE, &args, NULL, err) != 0)
		return -1;
	if (f->version[0] == '\0')
		return 0;
	/* The version text is ours (a file of this build), checked to be a plain word by chain_position(). */
	snprintf(sql, sizeof(sql), "DELETE FROM alembic_version; INSERT INTO alembic_version VALUES ('%s')",
		 f->version);
	return pg_run(pg, sql, err);
}

/* The statement text of the failure, which the operator must see here: a migration's errors are its own. */
static int run_file(struct pg *pg, const struct file *f, struct error *err)
{
	bool own_transaction = strstr(f->sql, "\nBEGIN;\n") != NULL;
	struct error cause = ERROR_INIT;
	int rc;

	/* A file with BEGIN and COMMIT of its own is recorded after it: killed in between, it runs again, harmlessly. */
	rc = own_transaction ? pg_run(pg, f->sql, &cause) : 0;
	if (rc != 0)
		(void)pg_run(pg, "ROLLBACK", NULL);
	if (rc == 0 && pg_begin(pg, &cause) != 0)
		rc = -1;
	if (rc == 0 && !own_transaction)
		rc = pg_run(pg, f->sql, &cause);
	if (rc == 0)
		rc = record(pg, f, &cause);
	if (rc == 0)
		rc = pg_commit(pg, &cause);
	if (rc != 0) {
		pg_rollback(pg);
		error_set(err, cause.code, "%s: %s", f->name, cause.detail[0] != '\0' ? cause.detail : cause.message);
	}
	return rc;
}

/* Index of a version in the chain, -1 when no file carries it. */
static int chain_position(const struct files *files, const char *version)
{
	for (size_t i = 0; i < files->n; i++)
		if (files->items[i].version[0] != '\0' && strcmp(files->items[i].version, version) == 0)
			return (int)i;
	return -1;
}

static int check_found_version(struct pg *pg, const struct files *files, struct error *err)
{
	struct pg_args args;
	PGresult *res;
	int rc = 0;

	pg_args_init(&args, NULL);
	res = pg_query(pg, &READ_VERSION, &args, err);
	if (res == NULL)
		return -1;
	if (PQntuples(res) > 1)
		rc = error_set(err, ERR_CONFLICT, "alembic_version has %d rows, one was expected", PQntuples(res));
	else if (PQntuples(res) == 1 && chain_position(files, PQgetvalue(res, 0, 0)) < 0)
		rc = error_set(
			err, ERR_CONFLICT,
			"the database is at version %s, which these migrations do not know: it is newer than this program",
			PQgetvalue(res, 0, 0));
	PQclear(res);
	return rc;
}

static int check_versions(const struct files *files, struct error *err)
{
	for (size_t i = 0; i < files->n; i++) {
		const char *v = files->items[i].version;

		if (v[strspn(v, "0123456789_")] != '\0')
			return error_set(err, ERR_INVALID, "%s: malformed version '%s'", files->items[i].name, v);
		if (v[0] != '\0' && chain_position(files, v) != (int)i)
			return error_set(err, ERR_INVALID, "%s: version %s is used twice", files->items[i].name, v);
	}
	return 0;
}

static int apply_all(struct pg *pg, const struct files *files, void (*say)(const char *line), size_t *applied,
		     struct error *err)
{
	if (pg_run(pg, bookkeeping, err) != 0 || check_found_version(pg, files, err) != 0)
		return -1;
	for (size_t i = 0; i < files->n; i++) {
		const struct file *f = &files->items[i];
		char line[256];
		bool known = false;

		if (file_known(pg, f, &known, err) != 0)
			return -1;
		if (known)
			continue;
		snprintf(line, sizeof(line), "Applying %s", f->name);
		say(line);
		if (run_file(pg, f, err) != 0)
			return -1;
		++*applied;
	}
	return 0;
}

static int lock_call(struct pg *pg, const struct pg_stmt *stmt, int64_t key, struct error *err)
{
	struct pg_args args;
	PGresult *res;

	pg_args_init(&args, NULL);
	pg_arg_i64(&args, key);
	res = pg_query(pg, stmt, &args, err);
	PQclear(res);
	return res != NULL ? 0 : -1;
}

int pg_migrate(struct pg *pg, const char *dir, int64_t lock_key, void (*say)(const char *line), size_t *applied,
	       struct error *err)
{
	struct files files = { NULL, 0 };
	char line[96];
	int rc;

	*applied = 0;
	rc = files_load(dir, &files, err);
	if (rc == 0)
		rc = check_versions(&files, err);
	if (rc == 0)
		rc = pg_run(pg, "SET statement_timeout = 0", err);
	if (rc == 0) {
		snprintf(line, sizeof(line), "Acquiring pg_advisory_lock(%lld)", (long long)lock_key);
		say(line);
		rc = lock_call(pg, &LOCK, lock_key, err);
		if (rc == 0) {
			rc = apply_all(pg, &files, say, applied, err);
			snprintf(line, sizeof(line), "Releasing pg_advisory_lock(%lld)", (long long)lock_key);
			say(line);
			(void)lock_call(pg, &UNLOCK, lock_key, NULL);
		}
	}
	files_release(&files);
	return rc;
}
