#include "runtime/http_request.h"

#include <string.h>

#include "base/crypto.h"
#include "base/json.h"

static const char *const method_names[HTTP_METHOD_COUNT] = {
	"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"
};

const char *http_method_text(enum http_method m) { return (unsigned)m < HTTP_METHOD_COUNT ? method_names[m] : "OTHER"; }

bool http_method_known(struct str method)
{
	for (size_t i = 0; i < ARRAY_LEN(method_names); i++)
		if (str_eq_c(method, method_names[i]))
			return true;
	return false;
}

/* ---- decoding ------------------------------------------------------------------------------------------------------ */

struct str http_decode(struct arena *a, struct str text, bool plus_is_space)
{
	char *out = arena_alloc(a, text.n + 1);
	size_t n = 0;

	if (out == NULL)
		return STR_NULL;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '%') {
			uint8_t byte;
			size_t got;

			if (!hex_decode(str_slice(text, i + 1, i + 3), &byte, 1, &got) || got != 1)
				return STR_NULL;
			c = (char)byte;
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (c == '\0')
			return STR_NULL;
		out[n++] = c;
	}
	out[n] = '\0';
	return (struct str){ out, n };
}

/* ---- routes -------------------------------------------------------------------------------------------------------- */

/* "/strategies/{id}/run" against a path, part by part. */
static bool path_matches(const char *pattern, struct str path, struct str params[HTTP_PARAMS_MAX])
{
	struct str want = str_from(pattern), have = path, want_part, have_part;
	size_t n = 0;

	for (;;) {
		bool more_want = str_split(&want, '/', &want_part), more_have = str_split(&have, '/', &have_part);

		if (!more_want || !more_have)
			return more_want == more_have;
		if (want_part.n > 0 && want_part.p[0] == '{') {
			if (have_part.n == 0 || n == HTTP_PARAMS_MAX)
				return false;
			params[n++] = have_part;
		} else if (!str_eq(want_part, have_part)) {
			return false;
		}
	}
}

enum http_match http_match_route(const struct http_route *routes, size_t n, struct http_request *req, char allow[64])
{
	struct strbuf methods = STRBUF_INIT(63);
	bool path_known = false;

	for (size_t i = 0; i < n; i++) {
		struct str params[HTTP_PARAMS_MAX] = { STR_NULL, STR_NULL, STR_NULL, STR_NULL };

		if (!path_matches(routes[i].path, req->path, params))
			continue;
		path_known = true;
		if (routes[i].method == req->method) {
			req->route = &routes[i];
			memcpy(req->params, params, sizeof(params));
			strbuf_release(&methods);
			return HTTP_MATCHED;
		}
		strbuf_addf(&methods, "%s%s", methods.n > 0 ? ", " : "", http_method_text(routes[i].method));
	}
	str_copy(allow, 64, strbuf_str(&methods));
	strbuf_release(&methods);
	return path_known ? HTTP_NO_METHOD : HTTP_NO_PATH;
}

/* ---- reading a request --------------------------------------------------------------------------------------------- */

struct str http_header(const struct http_request *req, const char *name)
{
	for (size_t i = 0; i < req->header_count; i++)
		if (str_eq_nocase(req->headers[i].name, str_from(name)))
			return req->headers[i].value;
	return STR_NULL;
}

struct str http_header_list(const struct http_request *req, const char *name)
{
	struct str all = STR_NULL;

	for (size_t i = 0; i < req->header_count; i++) {
		struct str value = req->headers[i].value;
		const char *joined;

		if (!str_eq_nocase(req->headers[i].name, str_from(name)))
			continue;
		joined = all.p == NULL ? value.p
				       : arena_printf(req->arena, "%.*s,%.*s", STR_ARG(all), STR_ARG(value));
		all = joined == value.p ? value : str_from(joined);
	}
	return all;
}

bool http_query(struct http_request *req, const char *name, struct str *value)
{
	struct str rest = req->query, pair;
	bool found = false;

	while (str_split(&rest, '&', &pair)) {
		size_t eq = str_find_byte(pair, '=');
		struct str key = str_slice(pair, 0, eq), decoded;

		if (!str_eq_c(http_decode(req->arena, key, true), name))
			continue;
		decoded = eq == SIZE_MAX ? STR("") : http_decode(req->arena, str_slice(pair, eq + 1, pair.n), true);
		if (decoded.p != NULL) {
			*value = decoded;
			found = true;
		}
	}
	return found;
}

struct str http_cookie(struct http_request *req, const char *name)
{
	struct str found = STR_NULL;

	for (size_t i = 0; i < req->header_count; i++) {
		struct str rest = req->headers[i].value, pair;

		if (!str_eq_nocase(req->headers[i].name, STR("cookie")))
			continue;
		while (str_split(&rest, ';', &pair)) {
			size_t eq = str_find_byte(pair, '=');
			struct str value;

			if (eq == SIZE_MAX || !str_eq_c(str_trim(str_slice(pair, 0, eq)), name))
				continue;
			value = str_trim(str_slice(pair, eq + 1, pair.n));
			if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
				value = str_slice(value, 1, value.n - 1);
			found = value;
		}
	}
	return found;
}

bool http_request_id_ok(struct str id)
{
	if (id.n < 1 || id.n > 36)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		char c = id.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'))
			return false;
	}
	return true;
}

/* ---- building a response ------------------------------------------------------------------------------------------- */

void http_set_header(struct http_response *res, const char *name, struct str value)
{
	struct str copy;

	if (res->header_count == HTTP_RESPONSE_HEADERS_MAX || str_find_byte(value, '\r') != SIZE_MAX ||
	    str_find_byte(value, '\n') != SIZE_MAX)
		return;
	copy = arena_str(res->arena, value);
	if (copy.p != NULL)
		res->headers[res->header_count++] = (struct http_header){ str_from(name), copy };
}

void http_error_body(struct strbuf *sb, const char *code, const char *message, struct str details_json)
{
	struct json_writer w;

	jw_init(&w, sb);
	jw_obj(&w);
	jw_key(&w, "error");
	jw_obj(&w);
	jw_key(&w, "code");
	jw_cstr(&w, code);
	jw_key(&w, "message");
	jw_cstr(&w, message);
	jw_key(&w, "details");
	jw_raw(&w, details_json.p != NULL ? details_json : STR("{}"));
	jw_end(&w);
	jw_end(&w);
}

void http_error_details(struct http_response *res, int status, const char *code, const char *message,
			struct str details_json)
{
	res->status = status;
	res->content_type = "application/json";
	strbuf_reset(&res->body);
	http_error_body(&res->body, code, message, details_json);
}

void http_error(struct http_response *res, int status, const char *code, const char *message)
{
	http_error_details(res, status, code, message, STR_NULL);
}

void http_error_from(struct http_response *res, const struct error *err)
{
	const char *message = err->message;

	if (err->code == ERR_INTERNAL || err->code == ERR_NONE)
		message = "Internal server error";
	else if (err->code == ERR_UNAVAILABLE)
		message = "Service temporarily unavailable";
	http_error(res, err->code == ERR_NONE ? 500 : error_code_status(err->code),
		   error_code_text(err->code == ERR_NONE ? ERR_INTERNAL : err->code), message);
	if (res->status == 503)
		http_set_header(res, "Retry-After", STR("1"));
}
