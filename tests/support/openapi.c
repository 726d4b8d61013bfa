#include "support/openapi.h"

#include <math.h>
#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>

#include "adapters/config/yaml_json.h"
#include "base/json.h"

static cJSON *document;
static int watched[64];
static atomic_int watched_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char violation[2048];
static atomic_long checked;

const cJSON *openapi_document(void)
{
	struct strbuf text = STRBUF_INIT(8u << 20);
	struct error err = ERROR_INIT;
	char path[600];

	if (document != NULL)
		return document;
	snprintf(path, sizeof(path), "%s/docs/api/openapi.yaml", test_root());
	if (yaml_json_file(path, &text, &err) != 0)
		fail_msg("%s", err.message);
	document = json_parse(strbuf_str(&text), &(struct json_limits){ 8u << 20, 64, 1000000 }, NULL, &err);
	if (document == NULL)
		fail_msg("openapi.yaml: %s", err.message);
	strbuf_release(&text);
	return document;
}

const cJSON *openapi_resolve(const cJSON *node)
{
	for (int hops = 0; hops < 10; hops++) {
		const char *ref = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "$ref"));
		const cJSON *at = document;
		char part[128];

		if (ref == NULL)
			return node;
		for (ref += 2; at != NULL && *ref != '\0'; ref += *ref == '/') {
			size_t n = strcspn(ref, "/");

			snprintf(part, sizeof(part), "%.*s", (int)n, ref);
			at = cJSON_GetObjectItemCaseSensitive(at, part);
			ref += n;
		}
		if (at == NULL)
			fail_msg("openapi.yaml: dangling %s",
				 cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "$ref")));
		node = at;
	}
	return node;
}

/* ---- schemas ------------------------------------------------------------------------------------------------------- */

static bool is_type(const cJSON *v, const char *type)
{
	if (strcmp(type, "object") == 0)
		return cJSON_IsObject(v);
	if (strcmp(type, "array") == 0)
		return cJSON_IsArray(v);
	if (strcmp(type, "string") == 0)
		return cJSON_IsString(v);
	if (strcmp(type, "boolean") == 0)
		return cJSON_IsBool(v);
	if (strcmp(type, "null") == 0)
		return cJSON_IsNull(v);
	if (strcmp(type, "integer") == 0)
		return cJSON_IsNumber(v) && v->valuedouble == floor(v->valuedouble);
	return strcmp(type, "number") == 0 && cJSON_IsNumber(v);
}

static bool type_fits(const cJSON *types, const cJSON *v)
{
	const cJSON *t;

	if (types == NULL)
		return true;
	if (cJSON_IsString(types))
		return is_type(v, types->valuestring);
	cJSON_ArrayForEach(t, types) if (is_type(v, t->valuestring)) return true;
	return false;
}

static bool matches(const char *pattern, const char *text)
{
	regex_t re;
	bool ok;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	ok = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return ok;
}

static bool format_fits(const char *format, const char *text)
{
	if (strcmp(format, "uuid") == 0)
		return matches("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", text);
	if (strcmp(format, "date-time") == 0)
		return matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{6})?Z$", text);
	return true;
}

static const cJSON *member(const cJSON *schema, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(schema, key);
}

static double bound(const cJSON *schema, const char *key, double dflt)
{
	const cJSON *n = member(schema, key);

	return cJSON_IsNumber(n) ? n->valuedouble : dflt;
}

static const char *string_fault(const cJSON *schema, const cJSON *v)
{
	double n = (double)utf8_length(str_from(v->valuestring));
	const char *pattern = cJSON_GetStringValue(member(schema, "pattern"));
	const char *format = cJSON_GetStringValue(member(schema, "format"));

	if (n < bound(schema, "minLength", 0) || n > bound(schema, "maxLength", INFINITY))
		return "length out of bounds";
	if (pattern != NULL && !matches(pattern, v->valuestring))
		return "does not match the pattern";
	return format != NULL && !format_fits(format, v->valuestring) ? "is not of the format" : NULL;
}

static const char *value_fault(const cJSON *schema, const cJSON *v)
{
	const cJSON *constant = member(schema, "const"), *choice = member(schema, "enum"), *c;
	bool found = choice == NULL;

	if (!type_fits(member(schema, "type"), v))
		return "has another type";
	if (constant != NULL && !cJSON_Compare(constant, v, true))
		return "is not the constant";
	cJSON_ArrayForEach(c, choice) found = found || cJSON_Compare(c, v, true);
	if (!found)
		return "is none of the enum";
	if (cJSON_IsString(v))
		return string_fault(schema, v);
	if (cJSON_IsNumber(v) && (v->valuedouble < bound(schema, "minimum", -INFINITY) ||
				  v->valuedouble > bound(schema, "maximum", INFINITY)))
		return "is out of bounds";
	if (cJSON_IsArray(v) && (cJSON_GetArraySize(v) < bound(schema, "minItems", 0) ||
				 cJSON_GetArraySize(v) > bound(schema, "maxItems", INFINITY)))
		return "has too few or too many items";
	return NULL;
}

static int check(const cJSON *schema, const cJSON *v, char *path, size_t path_max, char *why, size_t size);

static int check_member(const cJSON *schema, const cJSON *v, const char *name, char *path, size_t path_max, char *why,
			size_t size)
{
	size_t n = strlen(path);
	int rc;

	snprintf(path + n, path_max - n, ".%s", name);
	rc = check(schema, v, path, path_max, why, size);
	path[n] = '\0';
	return rc;
}

static int check_object(const cJSON *schema, const cJSON *v, char *path, size_t path_max, char *why, size_t size)
{
	const cJSON *properties = member(schema, "properties"), *more = member(schema, "additionalProperties"), *m;

	cJSON_ArrayForEach(m, member(schema, "required")) if (member(v, m->valuestring) == NULL)
	{
		snprintf(why, size, "%s lacks %s", path, m->valuestring);
		return -1;
	}
	cJSON_ArrayForEach(m, v)
	{
		const cJSON *s = member(properties, m->string);

		if (s == NULL && cJSON_IsFalse(more)) {
			snprintf(why, size, "%s has the undocumented member %s", path, m->string);
			return -1;
		}
		if (s == NULL && cJSON_IsObject(more))
			s = more;
		if (s != NULL && check_member(s, m, m->string, path, path_max, why, size) != 0)
			return -1;
	}
	return 0;
}

static int check(const cJSON *schema, const cJSON *v, char *path, size_t path_max, char *why, size_t size)
{
	const char *fault;
	const cJSON *item;
	int i = 0;

	schema = openapi_resolve(schema);
	fault = value_fault(schema, v);
	if (fault != NULL) {
		snprintf(why, size, "%s %s", path, fault);
		return -1;
	}
	if (cJSON_IsObject(v))
		return check_object(schema, v, path, path_max, why, size);
	if (cJSON_IsArray(v) && member(schema, "items") != NULL)
		cJSON_ArrayForEach(item, v)
		{
			char name[16];

			snprintf(name, sizeof(name), "%d", i++);
			if (check_member(member(schema, "items"), item, name, path, path_max, why, size) != 0)
				return -1;
		}
	return 0;
}

int openapi_validate(const cJSON *schema, const cJSON *value, char *why, size_t size)
{
	char path[512] = "$";

	openapi_document();
	return check(schema, value, path, sizeof(path), why, size);
}

/* ---- answers ------------------------------------------------------------------------------------------------------- */

static bool path_fits(const char *template, const char *path)
{
	size_t path_len = strcspn(path, "?");
	const char *end = path + path_len;

	while (*template != '\0' && path < end) {
		if (*template == '{') {
			size_t n = 0;

			while (path + n < end && path[n] != '/')
				n++;
			if (n == 0)
				return false;
			path += n;
			template += strcspn(template, "}") + 1;
		} else if (*template++ != *path++) {
			return false;
		}
	}
	return *template == '\0' && path == end;
}

static const cJSON *find_path(const char *path)
{
	const cJSON *p;

	cJSON_ArrayForEach(p, member(document, "paths")) if (path_fits(p->string, path)) return p;
	return NULL;
}

/* NULL: the answer is as the document says. */
static const char *answer_fault(const char *method, const char *path, const struct test_http *h, char *why, size_t size)
{
	const cJSON *item = find_path(path), *operation, *response, *content, *media, *body;
	char lower[16], status[8], type[64];

	snprintf(type, sizeof(type), "%.*s", (int)strcspn(test_http_header(h, "content-type"), ";"),
		 test_http_header(h, "content-type"));
	snprintf(lower, sizeof(lower), "%s", method);
	str_lower_ascii(lower);
	operation = member(item, lower);
	if (operation == NULL) { /* nothing that the document describes: the one envelope */
		if (h->status < 400)
			return "an undocumented route answered";
		body = NULL;
		media = member(member(member(document, "components"), "schemas"), "Error");
	} else {
		snprintf(status, sizeof(status), "%d", h->status);
		response = member(member(operation, "responses"), status);
		if (response == NULL)
			return "the status is not documented";
		content = member(openapi_resolve(response), "content");
		if (content == NULL)
			return h->body_len == 0 ? NULL : "a body where none is documented";
		media = member(content, type);
		if (media == NULL)
			return "the content type is not documented";
		media = member(media, "schema");
	}
	if (strcmp(type, "application/json") != 0 || strcmp(method, "HEAD") == 0)
		return NULL;
	body = json_parse((struct str){ h->body, h->body_len }, &(struct json_limits){ 64u << 20, 64, 10000000 }, NULL,
			  NULL);
	if (body == NULL)
		return "the body is no JSON";
	if (openapi_validate(media, body, why, size) == 0)
		why[0] = '\0';
	json_free((cJSON *)(uintptr_t)body);
	return why[0] == '\0' ? NULL : why;
}

static void observe(int port, const char *method, const char *path, const struct test_http *h)
{
	char why[1024] = "";
	const char *fault;

	bool mine = false;

	for (int i = 0; i < atomic_load(&watched_count); i++)
		mine = mine || watched[i] == port;
	if (!mine || h->status == 0)
		return;
	/* a compressed body is looked at by its own test */
	if (test_http_header(h, "content-encoding")[0] != '\0')
		return;
	fault = answer_fault(method, path, h, why, sizeof(why));
	atomic_fetch_add(&checked, 1);
	if (fault == NULL)
		return;
	pthread_mutex_lock(&lock);
	if (violation[0] == '\0')
		snprintf(violation, sizeof(violation), "%s %s answered %d: %s\n%.600s", method, path, h->status, fault,
			 h->body);
	pthread_mutex_unlock(&lock);
}

void openapi_watch(int port)
{
	openapi_document();
	assert_true(atomic_load(&watched_count) < 64);
	watched[atomic_fetch_add(&watched_count, 1)] = port;
	test_http_observer = observe;
}

void openapi_assert_clean(void)
{
	if (violation[0] == '\0')
		return;
	/* cmocka does not count a failure of a group's teardown */
	fprintf(stderr, "error: not as openapi.yaml says: %s\n", violation);
	exit(1);
}

long openapi_checked(void) { return atomic_load(&checked); }
