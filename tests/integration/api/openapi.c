/* Requests made from the OpenAPI document, most of them wrong in some way: no answer may be a 5xx, undocumented, of another
 * shape than documented, or missing. OPENAPI_REQUESTS (20000) and OPENAPI_SEED choose how many and which. */
#include "support/api.h"

#include <time.h>

#include "base/base.h"
#include "base/json.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "support/openapi.h"

#define LOGIN_EVERY 50

static struct api a;
static struct person who;
static struct rng rng;
static char own_strategy[40];

static unsigned pick(unsigned n) { return (unsigned)(rng_u64(&rng) % n); }
static bool chance(unsigned percent) { return pick(100) < percent; }

static int up(void **state)
{
	static const char *const limits[] = { "CLIENT", "READ", "WRITE", "LOGIN", "TWO_FACTOR", "EXCHANGE_KEYS" };

	(void)state;
	api_prepare(&a, 0);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		char name[64];

		snprintf(name, sizeof(name), "ROEHUB_API_LIMIT_%s", limits[i]);
		proc_env(&a.proc, name, "0");
	}
	api_start(&a);
	return 0;
}

static int down(void **state)
{
	(void)state;
	api_down(&a);
	return 0;
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static cJSON *any_text(void)
{
	static const char *const texts[] = { "",
					     " ",
					     "x",
					     "BTCUSDT",
					     "binance:spot:BTCUSDT",
					     "spot",
					     "1m",
					     "0",
					     "-1",
					     "NaN",
					     "null",
					     "'; DROP TABLE identity_users;--",
					     "\xe2\x80\xae\xf0\x9f\x9a\x80",
					     "../../etc/passwd",
					     "%s%n%x",
					     "\x01\x1f\t",
					     "MA",
					     "123456",
					     "00000000-0000-4000-8000-000000000000" };
	char big[3000];

	if (chance(8)) {
		size_t n = pick(sizeof(big) - 1);

		memset(big, 'a' + (int)pick(26), n);
		big[n] = '\0';
		return cJSON_CreateString(big);
	}
	return cJSON_CreateString(texts[pick(ARRAY_LEN(texts))]);
}

static cJSON *any_number(void)
{
	static const double numbers[] = { 0,	1,    -1,	  2,	       20,	 50,	 65535, 65536, 1.5,
					  -0.0, 1e15, 9007199254740993.0, 9.3e18, -9.3e18, 1e300, 1e-300, 771070400 };

	return cJSON_CreateNumber(numbers[pick(ARRAY_LEN(numbers))]);
}

static cJSON *any_value(int depth)
{
	cJSON *list;

	switch (pick(depth > 6 ? 5 : 7)) {
	case 0:
		return cJSON_CreateNull();
	case 1:
		return cJSON_CreateBool(chance(50));
	case 2:
		return any_number();
	case 3:
	case 4:
		return any_text();
	case 5:
		list = cJSON_CreateArray();
		for (unsigned n = pick(4); n > 0; n--)
			cJSON_AddItemToArray(list, any_value(depth + 1));
		return list;
	default:
		list = cJSON_CreateObject();
		for (unsigned n = pick(4); n > 0; n--) {
			char key[2] = { (char)('a' + pick(26)), '\0' };

			cJSON_AddItemToObject(list, key, any_value(depth + 1));
		}
		return list;
	}
}

static const cJSON *member(const cJSON *schema, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(schema, key);
}

static cJSON *value_of(const cJSON *schema, int depth);

static cJSON *object_of(const cJSON *schema, int depth)
{
	cJSON *out = cJSON_CreateObject();
	const cJSON *property, *name;

	cJSON_ArrayForEach(property, member(schema, "properties"))
	{
		bool required = false;

		cJSON_ArrayForEach(name, member(schema, "required")) required =
			required || strcmp(name->valuestring, property->string) == 0;
		if (required ? chance(97) : chance(50))
			cJSON_AddItemToObject(out, property->string,
					      chance(94) ? value_of(property, depth + 1) : any_value(depth + 1));
	}
	if (chance(5))
		cJSON_AddItemToObject(out, "surprise", any_value(depth + 1));
	return out;
}

static cJSON *value_of(const cJSON *schema, int depth)
{
	const cJSON *type, *choice;
	const char *name;
	cJSON *list;

	schema = openapi_resolve(schema);
	type = member(schema, "type");
	choice = member(schema, "enum");
	if (member(schema, "const") != NULL)
		return cJSON_Duplicate(member(schema, "const"), true);
	if (choice != NULL)
		return cJSON_Duplicate(cJSON_GetArrayItem(choice, (int)pick((unsigned)cJSON_GetArraySize(choice))), true);
	if (cJSON_IsArray(type))
		type = cJSON_GetArrayItem(type, (int)pick((unsigned)cJSON_GetArraySize(type)));
	name = cJSON_GetStringValue(type);
	if (name == NULL)
		return any_value(depth);
	if (strcmp(name, "object") == 0)
		return object_of(schema, depth);
	if (strcmp(name, "array") == 0) {
		list = cJSON_CreateArray();
		for (unsigned n = 1 + pick(3); n > 0; n--)
			cJSON_AddItemToArray(list, value_of(member(schema, "items"), depth + 1));
		return list;
	}
	if (strcmp(name, "integer") == 0)
		return chance(70) ? cJSON_CreateNumber(1 + pick(60)) : any_number();
	if (strcmp(name, "boolean") == 0)
		return cJSON_CreateBool(chance(50));
	return strcmp(name, "null") == 0 ? cJSON_CreateNull() : any_text();
}

/* ---- requests ------------------------------------------------------------------------------------------------------ */

/* Escapes everything but letters and digits. */
static void add_escaped(struct strbuf *sb, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '-')
			strbuf_addch(sb, (char)*p);
		else
			strbuf_addf(sb, "%%%02X", *p);
	}
}

static void add_any(struct strbuf *sb)
{
	cJSON *text = any_text();

	add_escaped(sb, text->valuestring[0] != '\0' ? text->valuestring : "x");
	cJSON_Delete(text);
}

static void make_path(struct strbuf *sb, const char *template, const cJSON *operation)
{
	const cJSON *parameter;
	char sep = '?';

	while (*template != '\0') {
		if (*template != '{') {
			strbuf_addch(sb, *template++);
			continue;
		}
		template += strcspn(template, "}") + 1;
		if (chance(50))
			strbuf_addc(sb, own_strategy);
		else if (chance(50))
			strbuf_addc(sb, "00000000-0000-4000-8000-000000000000");
		else
			add_any(sb);
	}
	cJSON_ArrayForEach(parameter, member(operation, "parameters"))
	{
		const cJSON *p = openapi_resolve(parameter);

		if (strcmp(member(p, "in")->valuestring, "query") != 0 || chance(50))
			continue;
		strbuf_addf(sb, "%c%s=", sep, member(p, "name")->valuestring);
		sep = '&';
		if (chance(40))
			strbuf_addi(sb, pick(3000));
		else
			add_any(sb);
	}
}

/* NULL: none. Sometimes cut, sometimes not UTF-8. */
static char *make_body(const cJSON *operation, struct strbuf *sb)
{
	const cJSON *schema =
		member(member(member(member(operation, "requestBody"), "content"), "application/json"), "schema");
	cJSON *value;

	if (schema == NULL)
		return chance(5) ? strcpy(malloc(8), "{\"a\":1}") : NULL;
	if (chance(3))
		return NULL;
	value = chance(95) ? value_of(schema, 0) : any_value(0);
	json_compact(sb, value);
	cJSON_Delete(value);
	if (sb->n > 2 && chance(4))
		sb->p[pick((unsigned)sb->n)] = '\0';
	if (sb->n > 2 && chance(4))
		sb->p[pick((unsigned)sb->n)] = (char)(0x80 + pick(128));
	return strdup(strbuf_cstr(sb));
}

static const char *make_cookie(char out[1200])
{
	if (chance(85))
		return who.cookie;
	if (chance(30))
		return NULL;
	snprintf(out, 1200, "%s", chance(50) ? "roehub_identity_jwt=a.b.c" : who.cookie);
	out[strlen(out) - 1 - pick(20)] = "A.\"%="[pick(5)];
	return out;
}

static void sign_in_again(void)
{
	struct test_http h;

	test_sign_in(&who, a.port, TEST_BOT_TOKEN, 800001 + pick(20), (int64_t)time(NULL));
	test_http(&h, "POST", a.port, "/strategies", who.cookie,
		  "{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:BTCUSDT\","
		  "\"market_type\":\"spot\",\"timeframe\":\"1m\",\"indicators\":[{\"name\":\"MA\",\"params\":{\"fast\":20,\"slow\":50}}]}");
	assert_int_equal(h.status, 201);
	snprintf(own_strategy, sizeof(own_strategy), "%s", json_member(h.body, "strategy_id"));
	test_http_release(&h);
	if (chance(50)) { /* half of them may reach the exchange keys */
		stack_sql(&a.stack,
			  "INSERT INTO identity_2fa (user_id, totp_secret_enc, enabled, enabled_at, updated_at) "
			  "VALUES ('%s', '\\x00', TRUE, now(), now()) ON CONFLICT DO NOTHING",
			  who.user_id);
	}
}

static int request(const char *method, const char *template, const cJSON *operation)
{
	static const char *const types[] = { "Content-Type: application/json", "Content-Type: text/plain",
					     "Content-Type: application/problem+json; charset=utf-8", "Content-Type:" };
	struct strbuf path = STRBUF_INIT(1 << 16), text = STRBUF_INIT(1 << 20);
	char cookie[1200], key[64], *body = make_body(operation, &text);
	const char *headers[4] = { types[chance(92) ? 0 : pick(4)], NULL, NULL, NULL };
	struct test_http h;
	int status;

	make_path(&path, template, operation);
	if (chance(20)) {
		snprintf(key, sizeof(key), "Idempotency-Key: %u", pick(200));
		headers[1] = key;
	}
	test_http_with(&h, method, a.port, strbuf_cstr(&path), make_cookie(cookie), body, headers);
	status = h.status;
	if (status == 0 || status >= 500)
		fail_msg("%s %s %s\n%s\nanswered %d %s", method, strbuf_cstr(&path), headers[0],
			 body != NULL ? body : "without a body", status, h.body);
	test_http_release(&h);
	strbuf_release(&path);
	strbuf_release(&text);
	free(body);
	return status;
}

static void no_request_breaks_it(void **state)
{
	static const char *const methods[] = { "get", "post", "put", "patch", "delete" };
	long wanted = getenv("OPENAPI_REQUESTS") != NULL ? atol(getenv("OPENAPI_REQUESTS")) : 20000, done = 0;
	long statuses[600] = { 0 };
	bool signed_out = false;
	const cJSON *path, *operation;

	(void)state;
	rng_seed(&rng, getenv("OPENAPI_SEED") != NULL ? (uint64_t)atoll(getenv("OPENAPI_SEED")) : 20261124);
	while (done < wanted)
		cJSON_ArrayForEach(path, member(openapi_document(), "paths")) cJSON_ArrayForEach(operation, path)
		{
			char method[16];
			bool known = false;

			for (size_t i = 0; i < ARRAY_LEN(methods); i++)
				known = known || strcmp(methods[i], operation->string) == 0;
			if (!known || strcmp(path->string, "/docs/{file}") == 0)
				continue;
			if (done % LOGIN_EVERY == 0 || signed_out)
				sign_in_again();
			signed_out = strcmp(path->string, "/auth/logout-everywhere") == 0;
			snprintf(method, sizeof(method), "%s", operation->string);
			str_upper_ascii(method);
			statuses[request(method, path->string, operation)]++;
			done++;
		}
	printf("%ld requests, %ld answers held against their schemas:", done, openapi_checked());
	for (int i = 0; i < 600; i++)
		if (statuses[i] > 0)
			printf(" %d x%ld", i, statuses[i]);
	printf("\n");
	/* the run is worth something only when it got through every door */
	assert_true(statuses[200] > 0 && statuses[201] > 0 && statuses[204] > 0 && statuses[404] > 0 &&
		    statuses[409] > 0 && statuses[422] > 0 && statuses[401] > 0 && statuses[403] > 0);
	assert_true(openapi_checked() >= wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(no_request_breaks_it) };

	return cmocka_run_group_tests_name("openapi", tests, up, down);
}
