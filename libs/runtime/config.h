/* config.h - YAML files through libcyaml, with one clear line for whatever is wrong.
 *
 * A module describes its file with a cyaml schema in which every scalar is a text (CYAML_FIELD_STRING_PTR, optional
 * where the key is optional) and then reads the texts with a struct config_reader: strict types, ranges, defaults and
 * environment overrides in one place. Precedence: command line > environment > YAML > default.
 * Unknown keys are refused. Nothing is reloaded at run time.
 *
 * The reader is sticky: after the first failure the other calls do nothing, and config_reader_end() returns -1 with the
 * message of the first one. Messages: "missing required key: a.b", "expected int at key 'a.b', got text 'x'",
 * "a.b must be > 0", "<ENV> must be a boolean literal (1/0/true/false/yes/no/on/off), got 'x'".
 */
#ifndef ROEHUB_RUNTIME_CONFIG_H
#define ROEHUB_RUNTIME_CONFIG_H

#include <cyaml/cyaml.h>

#include "base/error.h"
#include "base/str.h"

/* Loads into *out (free with config_free). "<what> config not found: <path>" when the file is missing; a schema
 * violation names path, line and key. */
int config_load(const char *what, const char *path, const cyaml_schema_value_t *schema, void **out, struct error *err);
void config_free(const cyaml_schema_value_t *schema, void *data);

/* Trimmed, lower-cased ROEHUB_ENV, default "dev"; ERR_INVALID unless dev, test or prod. */
int config_env_name(const char **name, struct error *err);
/* CLI path, else the variable env_path, else configs/<ROEHUB_ENV>/<file>. Result: caller's buffer. */
int config_resolve_path(const char *cli, const char *env_path, const char *file, char *out, size_t size,
			struct error *err);
/* Trimmed value of a variable, or NULL when unset or blank. Borrowed from the environment. */
const char *config_env(const char *variable);

struct config_reader {
	const char *prefix; /* put before every key in messages, e.g. "strategy." */
	struct error err;   /* first failure */
	bool failed;
};

enum config_bound { BOUND_NONE, BOUND_POSITIVE, BOUND_NOT_NEGATIVE };

void config_reader_init(struct config_reader *r, const char *prefix);
int config_reader_end(const struct config_reader *r, struct error *err);
/* Records a failure of the caller's own checks. */
void config_fail(struct config_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* raw: text from YAML or NULL when absent. dflt NULL: the key is required. env NULL: no override. */
void config_int(struct config_reader *r, const char *key, const char *env, const char *raw, const int64_t *dflt,
		int64_t min, int64_t max, int64_t *out);
void config_double(struct config_reader *r, const char *key, const char *env, const char *raw, const double *dflt,
		   enum config_bound bound, double *out);
void config_bool(struct config_reader *r, const char *key, const char *env, const char *raw, const bool *dflt,
		 bool *out); /* YAML: only true and false */
/* out: borrowed from raw, the environment or dflt; trimmed copies are written into buf. Blank is an error. */
void config_text(struct config_reader *r, const char *key, const char *env, const char *raw, const char *dflt,
		 char *buf, size_t size);

#define CONFIG_DEFAULT_INT(v)	 (&(const int64_t){ (v) })
#define CONFIG_DEFAULT_DOUBLE(v) (&(const double){ (v) })
#define CONFIG_DEFAULT_BOOL(v)	 (&(const bool){ (v) })

#endif
