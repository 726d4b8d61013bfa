#include "runtime/config.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- loading ------------------------------------------------------------------------------------------------------- */

/* libcyaml explains a failure in several log lines; the first error says what, the backtrace says where. */
struct explanation {
	char what[160];
	char where[160];
};

static void strip_prefix(char *text)
{
	char *p = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;

	memmove(text, p, strlen(p) + 1);
	text[strcspn(text, "\n")] = '\0';
}

static void on_cyaml_log(cyaml_log_t level, void *arg, const char *fmt, va_list args)
{
	struct explanation *e = arg;
	char line[160];
	const char *in_field;

	if (level < CYAML_LOG_ERROR)
		return;
	vsnprintf(line, sizeof(line), fmt, args);
	strip_prefix(line);
	in_field = strstr(line, "in mapping field '");
	if (in_field != NULL && strlen(e->where) + 64 < sizeof(e->where)) {
		/* The backtrace climbs from the inside out: put the new part in front. */
		char key[64], rest[sizeof(e->where)];

		snprintf(key, sizeof(key), "%.*s", (int)strcspn(in_field + 18, "'"), in_field + 18);
		snprintf(rest, sizeof(rest), "%s", e->where);
		snprintf(e->where, sizeof(e->where), "%s%s%s", key, rest[0] != '\0' ? "." : "", rest);
	} else if (e->what[0] == '\0' && strstr(line, "Backtrace") == NULL) {
		snprintf(e->what, sizeof(e->what), "%s", line);
	}
}

int config_load(const char *what, const char *path, const cyaml_schema_value_t *schema, void **out, struct error *err)
{
	struct explanation e = { "", "" };
	const cyaml_config_t config = {
		.log_fn = on_cyaml_log,
		.log_ctx = &e,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
	};
	cyaml_err_t rc;

	*out = NULL;
	if (access(path, R_OK) != 0)
		return error_set(err, ERR_NOT_FOUND, "%s config not found: %s", what, path);
	rc = cyaml_load_file(path, &config, schema, (cyaml_data_t **)out, NULL);
	if (rc == CYAML_OK && *out == NULL)
		return error_set(err, ERR_INVALID, "%s config %s is empty", what, path);
	if (rc != CYAML_OK)
		return error_set(err, ERR_INVALID, "%s config %s: %s%s%s", what, path,
				 e.what[0] != '\0' ? e.what : cyaml_strerror(rc), e.where[0] != '\0' ? " in " : "",
				 e.where);
	return 0;
}

void config_free(const cyaml_schema_value_t *schema, void *data)
{
	static const cyaml_config_t config = { .mem_fn = cyaml_mem };

	if (data != NULL)
		cyaml_free(&config, schema, data, 0);
}

const char *config_env(const char *variable)
{
	const char *value = variable != NULL ? getenv(variable) : NULL;

	return value != NULL && !str_is_blank(str_from(value)) ? value : NULL;
}

int config_env_name(const char **name, struct error *err)
{
	static const char *const names[] = { "dev", "prod", "test" };
	const char *raw = config_env("ROEHUB_ENV");
	struct str want = raw != NULL ? str_trim(str_from(raw)) : STR("dev");

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq_nocase(want, str_from(names[i]))) {
			*name = names[i];
			return 0;
		}
	return error_set(err, ERR_INVALID, "ROEHUB_ENV must be one of ('dev', 'prod', 'test'), got '%.*s'",
			 (int)MIN_OF(want.n, (size_t)32), want.p);
}

int config_resolve_path(const char *cli, const char *env_path, const char *file, char *out, size_t size,
			struct error *err)
{
	const char *given = cli != NULL && !str_is_blank(str_from(cli)) ? cli : config_env(env_path), *env;
	int n;

	if (given != NULL) {
		struct str trimmed = str_trim(str_from(given));

		n = snprintf(out, size, "%.*s", STR_ARG(trimmed));
	} else {
		if (config_env_name(&env, err) != 0)
			return -1;
		n = snprintf(out, size, "configs/%s/%s", env, file);
	}
	return n >= 0 && (size_t)n < size ? 0 : error_set(err, ERR_INVALID, "the path of %s is too long", file);
}

/* ---- reading scalars ----------------------------------------------------------------------------------------------- */

void config_reader_init(struct config_reader *r, const char *prefix)
{
	*r = (struct config_reader){ .prefix = prefix };
}

int config_reader_end(const struct config_reader *r, struct error *err)
{
	if (!r->failed)
		return 0;
	if (err != NULL)
		*err = r->err;
	return -1;
}

void config_fail(struct config_reader *r, const char *fmt, ...)
{
	char text[ERROR_MESSAGE_MAX];
	va_list ap;

	if (r->failed)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->failed = true;
	error_set(&r->err, ERR_INVALID, "%s", text);
}

/* The text to read: environment first, then YAML. *from_env tells which; NULL: neither is set. */
static const char *pick(const char *env, const char *raw, bool *from_env)
{
	const char *value = config_env(env);

	*from_env = value != NULL;
	return value != NULL ? value : raw;
}

static void missing(struct config_reader *r, const char *key)
{
	config_fail(r, "missing required key: %s%s", r->prefix, key);
}

static void wrong_type(struct config_reader *r, const char *key, const char *env, bool from_env, const char *type,
		       const char *value)
{
	if (from_env)
		config_fail(r, "%s must be %s, got '%.64s'", env, type, value);
	else
		config_fail(r, "expected %s at key '%s%s', got '%.64s'", type, r->prefix, key, value);
}

void config_int(struct config_reader *r, const char *key, const char *env, const char *raw, const int64_t *dflt,
		int64_t min, int64_t max, int64_t *out)
{
	bool from_env;
	const char *text = pick(env, raw, &from_env);
	char name[160];
	int64_t v;

	if (text == NULL) {
		if (dflt == NULL)
			missing(r, key);
		else
			*out = *dflt;
		return;
	}
	if (!str_to_i64(str_trim(str_from(text)), &v)) {
		wrong_type(r, key, env, from_env, "int", text);
		return;
	}
	snprintf(name, sizeof(name), "%s%s", from_env ? "" : r->prefix, from_env ? env : key);
	if (v < min && (min == 0 || min == 1))
		config_fail(r, from_env ? "%s must be %s 0, got %lld" : "%s must be %s 0", name,
			    min == 1 ? ">" : ">=", (long long)v);
	else if (v < min || v > max)
		config_fail(r, "%s must be from %lld to %lld, got %lld", name, (long long)min, (long long)max,
			    (long long)v);
	else
		*out = v;
}

void config_double(struct config_reader *r, const char *key, const char *env, const char *raw, const double *dflt,
		   enum config_bound bound, double *out)
{
	bool from_env;
	const char *text = pick(env, raw, &from_env);
	double v;

	if (text == NULL) {
		if (dflt == NULL)
			missing(r, key);
		else
			*out = *dflt;
		return;
	}
	if (!str_to_double(str_trim(str_from(text)), &v))
		wrong_type(r, key, env, from_env, "float", text);
	else if ((bound == BOUND_POSITIVE && v <= 0) || (bound == BOUND_NOT_NEGATIVE && v < 0))
		config_fail(r, "%s%s must be %s 0", r->prefix, key, bound == BOUND_POSITIVE ? ">" : ">=");
	else
		*out = v;
}

void config_bool(struct config_reader *r, const char *key, const char *env, const char *raw, const bool *dflt,
		 bool *out)
{
	bool from_env;
	const char *text = pick(env, raw, &from_env);
	struct str trimmed;

	if (text == NULL) {
		if (dflt == NULL)
			missing(r, key);
		else
			*out = *dflt;
		return;
	}
	trimmed = str_trim(str_from(text));
	if (from_env && !str_to_bool(trimmed, out))
		config_fail(r, "%s must be a boolean literal (1/0/true/false/yes/no/on/off), got '%.64s'", env, text);
	else if (!from_env && str_eq(trimmed, STR("true")))
		*out = true;
	else if (!from_env && str_eq(trimmed, STR("false")))
		*out = false;
	else if (!from_env)
		wrong_type(r, key, env, from_env, "bool", text);
}

void config_text(struct config_reader *r, const char *key, const char *env, const char *raw, const char *dflt,
		 char *buf, size_t size)
{
	bool from_env;
	const char *text = pick(env, raw, &from_env);
	struct str trimmed;

	if (text == NULL)
		text = dflt;
	if (text == NULL) {
		missing(r, key);
		return;
	}
	trimmed = str_trim(str_from(text));
	if (trimmed.n == 0)
		config_fail(r, "%s%s must be non-empty", r->prefix, key);
	else if (!str_copy(buf, size, trimmed))
		config_fail(r, "%s%s is longer than %zu characters", r->prefix, key, size - 1);
}
