#include "validation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct json_limits body_limits = { 1 << 20, 16, 20000 };

void validation_add(struct validation *v, const char *code, const char *message, const char *fmt, ...)
{
	struct validation_item *item = &v->items[v->n];
	va_list ap;

	if (v->n == FAULTS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(item->path, sizeof(item->path), fmt, ap);
	va_end(ap);
	item->code = code;
	str_copy(item->message, sizeof(item->message), str_from(message));
	v->n++;
}

static int by_text(const void *left, const void *right)
{
	const struct validation_item *a = left, *b = right;
	int c = strcmp(a->path, b->path);

	if (c == 0)
		c = strcmp(a->code, b->code);
	return c != 0 ? c : strcmp(a->message, b->message);
}

void validation_answer(struct validation *v, struct http_response *res, const char *message)
{
	struct strbuf details = STRBUF_INIT(1 << 20);
	struct json_writer w;

	qsort(v->items, v->n, sizeof(v->items[0]), by_text);
	jw_init(&w, &details);
	jw_obj(&w);
	jw_key(&w, "errors");
	jw_arr(&w);
	for (size_t i = 0; i < v->n; i++) {
		jw_obj(&w);
		jw_key(&w, "path");
		jw_cstr(&w, v->items[i].path);
		jw_key(&w, "code");
		jw_cstr(&w, v->items[i].code);
		jw_key(&w, "message");
		jw_cstr(&w, v->items[i].message);
		jw_end(&w);
	}
	jw_end(&w);
	jw_end(&w);
	http_error_details(res, 422, "validation_error", message, strbuf_str(&details));
	strbuf_release(&details);
}

static void one(struct http_response *res, const char *code, const char *message, const char *path)
{
	struct validation *v = arena_calloc(res->arena, 1, sizeof(*v));

	if (v == NULL) {
		http_error(res, 413, "payload_too_large", "The request is too large");
		return;
	}
	validation_add(v, code, message, "%s", path);
	validation_answer(v, res, "Validation failed");
}

/* Absent, application/json or application/<anything>+json; parameters do not matter. */
static bool is_json_type(struct str type)
{
	type = str_trim(str_slice(type, 0, str_find_byte(type, ';')));
	return type.n == 0 || str_eq_nocase(type, STR("application/json")) ||
	       (type.n > 17 && str_eq_nocase(str_slice(type, 0, 12), STR("application/")) &&
		str_eq_nocase(str_slice(type, type.n - 5, type.n), STR("+json")));
}

cJSON *validation_body(struct http_request *req, struct http_response *res)
{
	static const char not_object[] = "Input should be a valid dictionary or object to extract fields from";
	struct error err = ERROR_INIT;
	size_t offset = 0;
	cJSON *json;
	char path[48];

	if (req->body.n == 0) {
		one(res, "required", "Field required", "body");
		return NULL;
	}
	if (!is_json_type(http_header(req, "content-type"))) {
		one(res, "model_attributes_type", not_object, "body");
		return NULL;
	}
	if (!str_is_utf8(req->body)) {
		http_error(res, 400, "bad_request", "There was an error parsing the body");
		return NULL;
	}
	json = json_parse(req->body, &body_limits, &offset, &err);
	if (json == NULL && err.code == ERR_TOO_LARGE) {
		http_error(res, 413, "payload_too_large", "The request body is too large or nested too deeply");
	} else if (json == NULL) {
		snprintf(path, sizeof(path), "body.%zu", offset);
		one(res, "json_invalid", "JSON decode error", path);
	} else if (!cJSON_IsObject(json)) {
		json_free(json);
		json = NULL;
		one(res, "model_attributes_type", not_object, "body");
	}
	return json;
}

bool validation_uuid(struct validation *v, struct str text, const char *path, struct uuid *out)
{
	if (uuid_parse(text, out))
		return true;
	validation_add(v, "uuid_parsing", "Input should be a valid UUID, 32 hexadecimal digits with or without hyphens",
		       "%s", path);
	return false;
}

void validation_int(struct validation *v, struct str text, const char *path, int64_t min, int64_t max, int64_t *out)
{
	char message[96];
	int64_t n;

	if (!str_to_i64(str_trim(text), &n)) {
		validation_add(v, "int_parsing", "Input should be a valid integer, unable to parse string as an integer",
			       "%s", path);
	} else if (n < min || n > max) {
		snprintf(message, sizeof(message), "Input should be %s than or equal to %lld",
			 n < min ? "greater" : "less", (long long)(n < min ? min : max));
		validation_add(v, n < min ? "greater_than_equal" : "less_than_equal", message, "%s", path);
	} else {
		*out = n;
	}
}

void validation_need_text(struct validation *v, const cJSON *obj, const char *key, const char *prefix)
{
	const cJSON *node = json_get(obj, key);

	if (node == NULL)
		validation_add(v, "required", "Field required", "%s.%s", prefix, key);
	else if (!cJSON_IsString(node))
		validation_add(v, "string_type", "Input should be a valid string", "%s.%s", prefix, key);
}

void validation_text_or_null(struct validation *v, const cJSON *obj, const char *key, const char *prefix)
{
	const cJSON *node = json_get(obj, key);

	if (node != NULL && !cJSON_IsString(node) && !cJSON_IsNull(node))
		validation_add(v, "string_type", "Input should be a valid string", "%s.%s", prefix, key);
}

void validation_length(struct validation *v, const cJSON *obj, const char *key, const char *prefix, size_t max)
{
	struct str text = json_get_str(json_get(obj, key));
	char message[64];

	if (text.p == NULL || utf8_length(text) <= max)
		return;
	snprintf(message, sizeof(message), "String should have at most %zu character%s", max, max == 1 ? "" : "s");
	validation_add(v, "string_too_long", message, "%s.%s", prefix, key);
}

void validation_need_literal(struct validation *v, const cJSON *obj, const char *key, const char *prefix,
			     const char *const *allowed)
{
	const cJSON *node = json_get(obj, key);
	struct strbuf message = STRBUF_INIT(127);

	for (size_t i = 0; allowed[i] != NULL; i++) {
		const char *before = i == 0 ? "Input should be " : allowed[i + 1] == NULL ? " or " : ", ";

		if (str_eq_c(json_get_str(node), allowed[i])) {
			strbuf_release(&message);
			return;
		}
		strbuf_addf(&message, "%s'%s'", before, allowed[i]);
	}
	validation_add(v, node == NULL ? "required" : "literal_error",
		       node == NULL ? "Field required" : strbuf_cstr(&message), "%s.%s", prefix, key);
	strbuf_release(&message);
}

void validation_forbid_extra(struct validation *v, const cJSON *obj, const char *const *known, const char *prefix)
{
	for (const cJSON *c = obj->child; c != NULL; c = c->next) {
		size_t i = 0;

		while (known[i] != NULL && strcmp(known[i], c->string) != 0)
			i++;
		if (known[i] == NULL)
			validation_add(v, "extra_forbidden", "Extra inputs are not permitted", "%s.%.60s", prefix,
				       c->string);
	}
}
