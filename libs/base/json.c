#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

const struct json_limits JSON_LIMITS_DEFAULT = { 1 << 20, 32, 100000 };

/* What `valueint` says of a number node that has a text in `valuestring`; nodes made by cJSON alone have none and are
 * untyped. cJSON copies both members and looks at neither. */
enum { NUMBER_UNTYPED, NUMBER_INT, NUMBER_FLOAT };

/* Every integer below it is a double, and every double integer below it has one meaning. */
#define DOUBLE_EXACT_MAX 9007199254740992.0

/* cJSON reads no number longer than its buffer. */
#define CJSON_NUMBER_MAX 63

/* ---- the scan: grammar, depth and size before any tree is built --------------------------------------------------- */

struct token_list {
	struct str *items;
	size_t n, cap;
};

struct scan {
	struct str text;
	size_t at;
	const struct json_limits *limits;
	size_t nodes;
	uint64_t in_array; /* bit d: level d is an array */
	int depth;
	struct token_list numbers; /* in document order, which is the tree's order */
	struct error *err;
};

static int fault(struct scan *s, const char *what)
{
	return error_set(s->err, ERR_BAD_REQUEST, "JSON decode error: %s at byte %zu", what, s->at);
}

static char peek(const struct scan *s) { return s->at < s->text.n ? s->text.p[s->at] : '\0'; }

static void skip_space(struct scan *s)
{
	char c;

	while ((c = peek(s)) == ' ' || c == '\t' || c == '\r' || c == '\n')
		s->at++;
}

/* The four hex digits at `at`, or -1. */
static int hex4(const struct scan *s, size_t at)
{
	int v = 0;

	for (size_t i = 0; i < 4; i++) {
		int digit = at + i < s->text.n ? str_hex_digit(s->text.p[at + i]) : -1;

		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

/* Behind \u: four digits, surrogates in pairs only, and no U+0000, which a C text cannot carry. */
static int scan_unicode(struct scan *s)
{
	int code = hex4(s, s->at), low;

	if (code <= 0)
		return fault(s, "malformed \\u escape");
	s->at += 4;
	if (code < 0xd800 || code > 0xdfff)
		return 0;
	low = str_starts(str_slice(s->text, s->at, s->text.n), STR("\\u")) ? hex4(s, s->at + 2) : -1;
	if (code > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return fault(s, "lone surrogate");
	s->at += 6;
	return 0;
}

static int scan_string(struct scan *s)
{
	for (s->at++; s->at < s->text.n;) {
		unsigned char c = (unsigned char)s->text.p[s->at++];

		if (c == '"')
			return 0;
		if (c < ' ') {
			s->at--;
			return fault(s, "control character in a string");
		}
		if (c != '\\')
			continue;
		c = (unsigned char)peek(s);
		s->at++;
		if (c == 'u') {
			if (scan_unicode(s) != 0)
				return -1;
		} else if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL) {
			s->at--;
			return fault(s, "unknown escape");
		}
	}
	return fault(s, "unterminated string");
}

static size_t scan_digits(struct scan *s)
{
	size_t from = s->at;

	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return s->at - from;
}

static int keep_number(struct scan *s, struct str token)
{
	if (s->numbers.n == s->numbers.cap) {
		size_t cap = s->numbers.cap != 0 ? s->numbers.cap * 2 : 32;
		struct str *items = realloc(s->numbers.items, cap * sizeof(*items));

		if (items == NULL)
			return error_set(s->err, ERR_TOO_LARGE, "no memory for the document");
		s->numbers.items = items;
		s->numbers.cap = cap;
	}
	s->numbers.items[s->numbers.n++] = token;
	return 0;
}

static int scan_number(struct scan *s)
{
	size_t from = s->at;
	struct str token;
	double v;

	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0')
		s->at++;
	else if (scan_digits(s) == 0)
		return fault(s, "a value was expected");
	if (peek(s) == '.') {
		s->at++;
		if (scan_digits(s) == 0)
			return fault(s, "digits were expected");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (scan_digits(s) == 0)
			return fault(s, "digits were expected");
	}
	token = str_slice(s->text, from, s->at);
	if (!str_to_double(token, &v))
		return fault(s, "number out of range");
	return keep_number(s, token);
}

static int scan_word(struct scan *s, struct str word)
{
	if (!str_starts(str_slice(s->text, s->at, s->text.n), word))
		return fault(s, "a value was expected");
	s->at += word.n;
	return 0;
}

static int scan_open(struct scan *s, bool array)
{
	int depth_max = MIN_OF(s->limits->depth_max, 63); /* in_array has so many bits */

	if (s->depth >= depth_max)
		return error_set(s->err, ERR_TOO_LARGE, "JSON is nested deeper than %d levels", depth_max);
	s->depth++;
	s->in_array = array ? s->in_array | 1ULL << s->depth : s->in_array & ~(1ULL << s->depth);
	s->at++;
	return 0;
}

/* "key" : in front of a member's value. */
static int scan_key(struct scan *s)
{
	skip_space(s);
	if (peek(s) != '"')
		return fault(s, "a member name was expected");
	if (scan_string(s) != 0)
		return -1;
	skip_space(s);
	if (peek(s) != ':')
		return fault(s, "':' was expected");
	s->at++;
	return 0;
}

/* One value; for containers only the opening bracket. *opened: a container was entered and is not empty. */
static int scan_value(struct scan *s, bool *opened)
{
	*opened = false;
	skip_space(s);
	if (++s->nodes > s->limits->nodes_max)
		return error_set(s->err, ERR_TOO_LARGE, "JSON has more than %zu values", s->limits->nodes_max);
	switch (peek(s)) {
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, STR("true"));
	case 'f':
		return scan_word(s, STR("false"));
	case 'n':
		return scan_word(s, STR("null"));
	case '{':
	case '[': {
		bool array = peek(s) == '[';

		if (scan_open(s, array) != 0)
			return -1;
		skip_space(s);
		if (peek(s) == (array ? ']' : '}')) {
			s->at++;
			s->depth--;
			return 0;
		}
		*opened = true;
		return array ? 0 : scan_key(s);
	}
	default:
		return scan_number(s);
	}
}

/* Behind a value: closes containers until a comma (more values follow, *more) or the end of the document. */
static int scan_after(struct scan *s, bool *more)
{
	*more = false;
	while (s->depth > 0) {
		bool array = (s->in_array >> s->depth & 1) != 0;

		skip_space(s);
		if (peek(s) == ',') {
			s->at++;
			*more = true;
			return array ? 0 : scan_key(s);
		}
		if (peek(s) != (array ? ']' : '}') || s->at >= s->text.n)
			return fault(s, array ? "',' or ']' was expected" : "',' or '}' was expected");
		s->at++;
		s->depth--;
	}
	skip_space(s);
	return s->at == s->text.n ? 0 : fault(s, "text behind the document");
}

static int scan_document(struct scan *s)
{
	bool more = true;

	if (s->text.n > s->limits->bytes_max)
		return error_set(s->err, ERR_TOO_LARGE, "JSON is larger than %zu bytes", s->limits->bytes_max);
	if (!str_is_utf8(s->text))
		return fault(s, "not UTF-8");
	while (more) {
		bool opened;

		if (scan_value(s, &opened) != 0)
			return -1;
		if (!opened && scan_after(s, &more) != 0)
			return -1;
	}
	return 0;
}

/* ---- the tree ------------------------------------------------------------------------------------------------------ */

struct member {
	cJSON *node;
	size_t index;
};

static int by_name(const void *left, const void *right)
{
	const struct member *a = left, *b = right;
	int c = strcmp(a->node->string, b->node->string);

	return c != 0 ? c : (a->index > b->index) - (a->index < b->index);
}

/* The children in tree order, for sorting; NULL when there is no memory. */
static struct member *list_members(const cJSON *parent, size_t *count)
{
	struct member *m;
	size_t n = 0;

	for (const cJSON *c = parent->child; c != NULL; c = c->next)
		n++;
	m = malloc((n + 1) * sizeof(*m));
	if (m == NULL)
		return NULL;
	*count = n;
	n = 0;
	for (cJSON *c = parent->child; c != NULL; c = c->next, n++)
		m[n] = (struct member){ c, n };
	return m;
}

/* Links nodes[0..n) as the children of parent in that order (cJSON: the first one's prev is the last). */
static void relink(cJSON *parent, struct member *members, size_t n)
{
	parent->child = n > 0 ? members[0].node : NULL;
	for (size_t i = 0; i < n; i++) {
		members[i].node->next = i + 1 < n ? members[i + 1].node : NULL;
		members[i].node->prev = members[i > 0 ? i - 1 : n - 1].node;
	}
}

static int by_index(const void *left, const void *right)
{
	const struct member *a = left, *b = right;

	return (a->index > b->index) - (a->index < b->index);
}

/* Members sorted by name; of equal names only the last stays. keep_order: document order is restored afterwards. */
static bool settle_members(cJSON *object, bool keep_order)
{
	size_t n, kept = 0;
	struct member *m;

	if (object->child == NULL || object->child->next == NULL)
		return true;
	m = list_members(object, &n);
	if (m == NULL)
		return false;
	qsort(m, n, sizeof(*m), by_name);
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && strcmp(m[i].node->string, m[i + 1].node->string) == 0) {
			m[i].node->next = m[i].node->prev = NULL;
			cJSON_Delete(m[i].node);
		} else {
			m[kept++] = m[i];
		}
	}
	if (keep_order)
		qsort(m, kept, sizeof(*m), by_index);
	relink(object, m, kept);
	free(m);
	return true;
}

/* Gives every number node its source token; depth is bounded by the scan. */
static bool attach_tokens(cJSON *node, const struct token_list *numbers, size_t *next)
{
	if (cJSON_IsNumber(node)) {
		struct str token;

		if (*next >= numbers->n)
			return false;
		token = numbers->items[(*next)++];
		node->valuestring = cJSON_malloc(token.n + 1);
		if (node->valuestring == NULL)
			return false;
		memcpy(node->valuestring, token.p, token.n);
		node->valuestring[token.n] = '\0';
		node->valueint = NUMBER_UNTYPED;
		return str_to_double(token, &node->valuedouble);
	}
	for (cJSON *c = node->child; c != NULL; c = c->next)
		if (!attach_tokens(c, numbers, next))
			return false;
	return !cJSON_IsObject(node) || settle_members(node, true);
}

/* The tree of a text that was scanned. All that cJSON does to a number is replaced by its token, so a number too long
 * for cJSON stands as 0 in a copy of the text. */
static cJSON *build_tree(struct str text, const struct token_list *numbers)
{
	char *copy = NULL;
	cJSON *json;

	for (size_t i = 0; i < numbers->n; i++) {
		struct str token = numbers->items[i];

		if (token.n <= CJSON_NUMBER_MAX)
			continue;
		if (copy == NULL) {
			copy = malloc(text.n);
			if (copy == NULL)
				return NULL;
			memcpy(copy, text.p, text.n);
		}
		memset(copy + (token.p - text.p), ' ', token.n);
		copy[token.p - text.p] = '0';
	}
	json = cJSON_ParseWithLength(copy != NULL ? copy : text.p, text.n);
	free(copy);
	return json;
}

cJSON *json_parse(struct str text, const struct json_limits *limits, size_t *offset, struct error *err)
{
	struct scan s = { .text = text, .limits = limits != NULL ? limits : &JSON_LIMITS_DEFAULT, .err = err };
	cJSON *json = NULL;
	size_t next = 0;

	if (scan_document(&s) == 0) {
		json = build_tree(text, &s.numbers);
		if (json != NULL && !attach_tokens(json, &s.numbers, &next)) {
			cJSON_Delete(json);
			json = NULL;
		}
		if (json == NULL)
			error_set(err, ERR_TOO_LARGE, "no memory for the document");
	}
	if (offset != NULL)
		*offset = s.at;
	free(s.numbers.items);
	return json;
}

void json_free(cJSON *json) { cJSON_Delete(json); }

const cJSON *json_get(const cJSON *obj, const char *key)
{
	return cJSON_IsObject(obj) ? cJSON_GetObjectItemCaseSensitive(obj, key) : NULL;
}

bool json_is_int(const cJSON *node)
{
	return cJSON_IsNumber(node) && isfinite(node->valuedouble) && node->valuedouble == floor(node->valuedouble);
}

bool json_get_i64(const cJSON *node, int64_t *out)
{
	int64_t v;

	if (!json_is_int(node))
		return false;
	/* A token that no longer belongs to its double was overtaken by cJSON_SetNumberValue(). */
	if (str_to_i64(str_from(node->valuestring), &v) && (double)v == node->valuedouble) {
		*out = v;
		return true;
	}
	if (fabs(node->valuedouble) >= DOUBLE_EXACT_MAX)
		return false; /* "1e17", or an integer beyond 64 bits: not exact */
	*out = (int64_t)node->valuedouble;
	return true;
}

bool json_get_double(const cJSON *node, double *out)
{
	if (!cJSON_IsNumber(node))
		return false;
	*out = node->valuedouble;
	return true;
}

struct str json_get_str(const cJSON *node) { return cJSON_IsString(node) ? str_from(node->valuestring) : STR_NULL; }

int json_need_str(const cJSON *obj, const char *key, struct str *out, struct error *err)
{
	struct str s = json_get_str(json_get(obj, key));

	if (s.p == NULL)
		return error_set(err, ERR_INVALID, "member %s: text expected", key);
	*out = s;
	return 0;
}

int json_need_i64(const cJSON *obj, const char *key, int64_t min, int64_t max, int64_t *out, struct error *err)
{
	int64_t v;

	if (!json_get_i64(json_get(obj, key), &v))
		return error_set(err, ERR_INVALID, "member %s: integer expected", key);
	if (v < min || v > max)
		return error_set(err, ERR_INVALID, "member %s: integer from %lld to %lld expected", key, (long long)min,
				 (long long)max);
	*out = v;
	return 0;
}

int json_need_double(const cJSON *obj, const char *key, double *out, struct error *err)
{
	const cJSON *node = json_get(obj, key);

	if (json_get_double(node, out) || (cJSON_IsString(node) && str_to_double(str_from(node->valuestring), out)))
		return 0;
	return error_set(err, ERR_INVALID, "member %s: number expected", key);
}

int json_need_bool(const cJSON *obj, const char *key, bool *out, struct error *err)
{
	const cJSON *node = json_get(obj, key);

	if (!cJSON_IsBool(node))
		return error_set(err, ERR_INVALID, "member %s: true or false expected", key);
	*out = cJSON_IsTrue(node);
	return 0;
}

static cJSON *new_number(double v, int kind, const char *text)
{
	cJSON *node = cJSON_CreateNumber(v);
	size_t size = strlen(text) + 1;

	if (node == NULL)
		return NULL;
	node->valueint = kind;
	node->valuestring = cJSON_malloc(size);
	if (node->valuestring == NULL) {
		cJSON_Delete(node);
		return NULL;
	}
	memcpy(node->valuestring, text, size);
	return node;
}

cJSON *json_new_int(int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)v);
	return new_number((double)v, NUMBER_INT, text);
}

cJSON *json_new_float(double v)
{
	char text[NUMBER_TEXT_MAX];

	return new_number(v, NUMBER_FLOAT, number_format(v, text));
}

void json_sort(cJSON *node)
{
	for (cJSON *c = node->child; c != NULL; c = c->next)
		json_sort(c);
	if (cJSON_IsObject(node))
		settle_members(node, false);
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* Next code point of a UTF-8 text; a byte that is none comes out as U+FFFD. */
static uint32_t next_code_point(struct str *s)
{
	unsigned char c = (unsigned char)s->p[0];
	size_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	uint32_t code = c < 0x80 ? c : c & (0xffu >> (len + 1));

	if (len > s->n || !str_is_utf8(str_slice(*s, 0, len))) {
		*s = str_slice(*s, 1, s->n);
		return 0xfffd;
	}
	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((unsigned char)s->p[i] & 0x3f);
	*s = str_slice(*s, len, s->n);
	return code;
}

static void add_escaped(struct strbuf *sb, uint32_t c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = c != 0 && c < 0x80 ? strchr(from, (int)c) : NULL;

	if (at != NULL)
		strbuf_addf(sb, "\\%c", to[at - from]);
	else if (c >= 0x10000)
		strbuf_addf(sb, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
	else
		strbuf_addf(sb, "\\u%04x", c);
}

/* Length of the front of s that stands in JSON as it is. */
static size_t plain_ascii(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= ' ' && s.p[n] < 0x7f && s.p[n] != '"' && s.p[n] != '\\')
		n++;
	return n;
}

static void quote(struct strbuf *sb, struct str s, bool ascii)
{
	strbuf_addch(sb, '"');
	while (s.n > 0) {
		size_t plain = plain_ascii(s);
		struct str rest;
		uint32_t c;

		strbuf_add(sb, str_slice(s, 0, plain));
		s = str_slice(s, plain, s.n);
		if (s.n == 0)
			break;
		rest = s;
		c = next_code_point(&rest);
		/* U+FFFD may be a byte that is no character: it is never copied. */
		if (c > 0x7e && c != 0xfffd && !ascii)
			strbuf_add(sb, str_slice(s, 0, s.n - rest.n));
		else
			add_escaped(sb, c);
		s = rest;
	}
	strbuf_addch(sb, '"');
}

void json_quote(struct strbuf *sb, struct str s) { quote(sb, s, false); }

void json_quote_ascii(struct strbuf *sb, struct str s) { quote(sb, s, true); }

/* An answer gives back every integer that came in; the canonical form goes by value alone ("2" and "2.0" have one
 * hash), and so ends where a double does unless we made the node as an integer. */
static void add_number(struct strbuf *sb, const cJSON *node, bool canonical)
{
	int kind = node->valuestring != NULL ? node->valueint : NUMBER_UNTYPED;
	char text[NUMBER_TEXT_MAX];
	int64_t exact;

	if (!isfinite(node->valuedouble))
		strbuf_addc(sb, "null"); /* a defect of the caller must not become text that is no JSON */
	else if (kind == NUMBER_FLOAT)
		strbuf_addc(sb, number_format(node->valuedouble, text));
	else if ((kind == NUMBER_INT || !canonical) && json_get_i64(node, &exact))
		strbuf_addi(sb, exact);
	else
		strbuf_addc(sb, number_format_untyped(node->valuedouble, text));
}

static void write_node(struct strbuf *sb, const cJSON *node, bool canonical);

static void write_member(struct strbuf *sb, const cJSON *member, bool first, bool canonical)
{
	if (!first)
		strbuf_addch(sb, ',');
	quote(sb, str_from(member->string), canonical);
	strbuf_addch(sb, ':');
	write_node(sb, member, canonical);
}

static void write_sorted_members(struct strbuf *sb, const cJSON *node)
{
	size_t n;
	struct member *m = list_members(node, &n);

	if (m == NULL) {
		sb->failed = true;
		return;
	}
	qsort(m, n, sizeof(*m), by_name);
	for (size_t i = 0; i < n; i++)
		write_member(sb, m[i].node, i == 0, true);
	free(m);
}

static void write_node(struct strbuf *sb, const cJSON *node, bool canonical)
{
	if (node == NULL || cJSON_IsNull(node)) {
		strbuf_addc(sb, "null");
	} else if (cJSON_IsBool(node)) {
		strbuf_addc(sb, cJSON_IsTrue(node) ? "true" : "false");
	} else if (cJSON_IsNumber(node)) {
		add_number(sb, node, canonical);
	} else if (cJSON_IsString(node)) {
		quote(sb, str_from(node->valuestring), canonical);
	} else if (cJSON_IsArray(node)) {
		strbuf_addch(sb, '[');
		for (const cJSON *c = node->child; c != NULL; c = c->next) {
			if (c != node->child)
				strbuf_addch(sb, ',');
			write_node(sb, c, canonical);
		}
		strbuf_addch(sb, ']');
	} else {
		strbuf_addch(sb, '{');
		if (canonical)
			write_sorted_members(sb, node);
		else
			for (const cJSON *c = node->child; c != NULL; c = c->next)
				write_member(sb, c, c == node->child, false);
		strbuf_addch(sb, '}');
	}
}

void json_canonical(struct strbuf *sb, const cJSON *node) { write_node(sb, node, true); }

void json_compact(struct strbuf *sb, const cJSON *node) { write_node(sb, node, false); }

/* ---- the writer without a tree ------------------------------------------------------------------------------------- */

void jw_init(struct json_writer *w, struct strbuf *sb) { *w = (struct json_writer){ .sb = sb }; }

static void before_value(struct json_writer *w)
{
	if (w->after_key)
		w->after_key = false;
	else if ((w->comma >> w->depth & 1) != 0)
		strbuf_addch(w->sb, ',');
	w->comma |= 1ULL << w->depth;
}

static void open_level(struct json_writer *w, bool array)
{
	before_value(w);
	strbuf_addch(w->sb, array ? '[' : '{');
	if (w->depth >= 62) {
		w->sb->failed = true; /* a programming error must not become a wild shift */
		return;
	}
	w->depth++;
	w->comma &= ~(1ULL << w->depth);
	w->array = array ? w->array | 1ULL << w->depth : w->array & ~(1ULL << w->depth);
}

void jw_obj(struct json_writer *w) { open_level(w, false); }

void jw_arr(struct json_writer *w) { open_level(w, true); }

void jw_end(struct json_writer *w)
{
	strbuf_addch(w->sb, (w->array >> w->depth & 1) != 0 ? ']' : '}');
	if (w->depth > 0)
		w->depth--;
}

void jw_key(struct json_writer *w, const char *key)
{
	before_value(w);
	json_quote(w->sb, str_from(key));
	strbuf_addch(w->sb, ':');
	w->after_key = true;
}

void jw_str(struct json_writer *w, struct str s)
{
	if (s.p == NULL) {
		jw_null(w);
		return;
	}
	before_value(w);
	json_quote(w->sb, s);
}

void jw_cstr(struct json_writer *w, const char *s) { jw_str(w, str_from(s)); }

void jw_int(struct json_writer *w, int64_t v)
{
	before_value(w);
	strbuf_addi(w->sb, v);
}

void jw_double(struct json_writer *w, double v)
{
	char text[NUMBER_TEXT_MAX];

	jw_raw(w, isfinite(v) ? str_from(number_format(v, text)) : STR("null"));
}

void jw_bool(struct json_writer *w, bool v) { jw_raw(w, v ? STR("true") : STR("false")); }

void jw_null(struct json_writer *w) { jw_raw(w, STR("null")); }

void jw_uuid(struct json_writer *w, struct uuid u)
{
	char text[UUID_TEXT_MAX];

	jw_cstr(w, uuid_format(u, text));
}

void jw_utc_api(struct json_writer *w, utc_t t)
{
	char text[UTC_TEXT_MAX];

	jw_str(w, utc_is_none(t) ? STR_NULL : str_from(utc_format_api(t, text)));
}

void jw_raw(struct json_writer *w, struct str json)
{
	before_value(w);
	strbuf_add(w->sb, json);
}

void jw_node(struct json_writer *w, const cJSON *node)
{
	before_value(w);
	json_compact(w->sb, node);
}
