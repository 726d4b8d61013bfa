/* json.h - strict reading and canonical writing of JSON on cJSON trees.
 *
 * Reading: json_parse() checks the whole text before a tree is built (grammar of RFC 8259, UTF-8, depth, node count),
 * so a hostile document costs its length once and nothing more. Of duplicate members the last one wins.
 * cJSON holds numbers as double only; therefore every number node keeps its source token in `valuestring`, and
 * json_get_i64() reads integers of up to 64 bits exactly from there.
 *
 * Writing: json_canonical() is the one form that is hashed or named: keys sorted by code point at every level, no
 * spaces, ASCII escapes, an integral number below 2^53 as integer, other numbers as number_format(). Nodes made with
 * json_new_float() print as float always ("20.0"), json_new_int() exactly. json_compact() in addition gives back every
 * 64-bit integer that was read.
 */
#ifndef ROEHUB_BASE_JSON_H
#define ROEHUB_BASE_JSON_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/utc.h"
#include "base/uuid.h"

struct json_limits {
	size_t bytes_max;
	int depth_max;
	size_t nodes_max;
};

extern const struct json_limits JSON_LIMITS_DEFAULT; /* 1 MiB, depth 32, 100 000 nodes */

/* The tree is the caller's: json_free(). On failure NULL, ERR_BAD_REQUEST and *offset (may be NULL) the byte position;
 * too large or too deep is ERR_TOO_LARGE. Non-finite numbers and "1e400" are refused. */
cJSON *json_parse(struct str text, const struct json_limits *limits, size_t *offset, struct error *err);
void json_free(cJSON *json); /* accepts NULL */

/* NULL when obj is no object or has no such member (exact, case-sensitive). */
const cJSON *json_get(const cJSON *obj, const char *key);
bool json_is_int(const cJSON *node); /* an integral number: 5, 5.0, 5e0; not true, not "5" */
bool json_get_i64(const cJSON *node, int64_t *out);
bool json_get_double(const cJSON *node, double *out);
struct str json_get_str(const cJSON *node); /* STR_NULL when no text */

/* Need-readers: member present and of the kind, else -1 and ERR_INVALID naming the member. */
int json_need_str(const cJSON *obj, const char *key, struct str *out, struct error *err);
int json_need_i64(const cJSON *obj, const char *key, int64_t min, int64_t max, int64_t *out, struct error *err);
int json_need_double(const cJSON *obj, const char *key, double *out, struct error *err); /* number or numeric text */
int json_need_bool(const cJSON *obj, const char *key, bool *out, struct error *err);

cJSON *json_new_int(int64_t v);	 /* keeps all 64 bits */
cJSON *json_new_float(double v); /* prints "2.0", never "2"; v finite */

/* Escaped text with the quotes. json_quote(): UTF-8 as it is (HTTP answers); json_quote_ascii(): \uXXXX (canonical). */
void json_quote(struct strbuf *sb, struct str s);
void json_quote_ascii(struct strbuf *sb, struct str s);
void json_canonical(struct strbuf *sb, const cJSON *node);
/* Compact, members in tree order, UTF-8 unescaped: bodies of HTTP answers. */
void json_compact(struct strbuf *sb, const cJSON *node);
/* Sorts object members by code point at every level, in place. */
void json_sort(cJSON *node);

/* A writer for answers and payloads that need no tree: commas and nesting are its business.
 *   jw_obj(&w); jw_key(&w, "id"); jw_uuid(&w, id); jw_end(&w);  */
struct json_writer {
	struct strbuf *sb;
	uint64_t comma; /* one bit a level: a value was written */
	uint64_t array; /* one bit a level: this level is an array */
	int depth;
	bool after_key;
};

void jw_init(struct json_writer *w, struct strbuf *sb);
void jw_obj(struct json_writer *w);
void jw_arr(struct json_writer *w);
void jw_end(struct json_writer *w);
void jw_key(struct json_writer *w, const char *key);
void jw_str(struct json_writer *w, struct str s); /* STR_NULL writes null */
void jw_cstr(struct json_writer *w, const char *s);
void jw_int(struct json_writer *w, int64_t v);
void jw_double(struct json_writer *w, double v); /* number_format(); not finite writes null */
void jw_bool(struct json_writer *w, bool v);
void jw_null(struct json_writer *w);
void jw_uuid(struct json_writer *w, struct uuid u);
void jw_utc_api(struct json_writer *w, utc_t t);	/* utc_format_api(); UTC_NONE writes null */
void jw_raw(struct json_writer *w, struct str json);	/* text that already is JSON */
void jw_node(struct json_writer *w, const cJSON *node); /* json_compact() */

#endif
