/* Strict reading, exact integers, the canonical form and its check value. */
#include "support/stack.h"

#include "base/crypto.h"
#include "base/json.h"

static void good_documents(void **state)
{
	static const char *const texts[] = { "{}", "[]", " [1,2.5,-0,1e-7,true,false,null,\"x\"] ", "{\"a\":{\"b\":[[]]}}",
					     "\"\\ud83d\\ude00\"", "0", "-1E+2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct error err = ERROR_INIT;
		cJSON *json = json_parse(str_from(texts[i]), NULL, NULL, &err);

		if (json == NULL)
			fail_msg("%s: %s", texts[i], err.message);
		json_free(json);
	}
}

static void bad_documents(void **state)
{
	static const char *const texts[] = { "", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "01", "1.", ".5", "+1", "1e", "NaN",
					     "Infinity", "1e400", "\"\\x\"", "\"\\ud800\"", "\"\\u0000\"", "\"a", "[1] 2", "tru",
					     "\"\x01\"", "\xff", "\"\xc0\xaf\"", "{\"a\" 1}", "[1 2]", "]", "{]", "[}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct error err = ERROR_INIT;
		cJSON *json = json_parse(str_from(texts[i]), NULL, NULL, &err);

		if (json != NULL)
			fail_msg("row %zu was accepted: %s", i, texts[i]);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

static void limits_hold(void **state)
{
	const struct json_limits limits = { 64, 3, 8 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_null(json_parse(STR("[[[[1]]]]"), &limits, NULL, &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_null(json_parse(STR("[1,2,3,4,5,6,7,8,9]"), &limits, NULL, &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_null(json_parse(STR("\"0123456789012345678901234567890123456789012345678901234567890123456789\""), &limits, NULL,
			       &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void integers_are_exact(void **state)
{
	cJSON *json = json_parse(STR("{\"a\":9007199254740993,\"b\":5.0,\"c\":5.5,\"d\":\"5\",\"e\":true,\"f\":9223372036854775808}"),
				 NULL, NULL, NULL);
	int64_t v = 0;

	(void)state;
	assert_non_null(json);
	assert_true(json_get_i64(json_get(json, "a"), &v));
	assert_true(v == 9007199254740993LL);
	assert_true(json_get_i64(json_get(json, "b"), &v));
	assert_int_equal(v, 5);
	assert_false(json_get_i64(json_get(json, "c"), &v));
	assert_false(json_get_i64(json_get(json, "d"), &v));
	assert_false(json_get_i64(json_get(json, "e"), &v));
	assert_false(json_get_i64(json_get(json, "f"), &v));
	json_free(json);
}

static void last_duplicate_wins(void **state)
{
	cJSON *json = json_parse(STR("{\"b\":1,\"a\":1,\"b\":2,\"a\":3,\"b\":4}"), NULL, NULL, NULL);
	struct strbuf sb = STRBUF_INIT(1000);

	(void)state;
	json_compact(&sb, json);
	assert_string_equal(strbuf_cstr(&sb), "{\"a\":3,\"b\":4}");
	strbuf_release(&sb);
	json_free(json);
}

static void canonical_check_value(void **state)
{
	cJSON *json = cJSON_CreateObject(), *a = cJSON_CreateArray();
	struct strbuf sb = STRBUF_INIT(1000);
	char hex[SHA256_HEX_MAX];

	(void)state;
	cJSON_AddStringToObject(json, "k", "Привет €😀\"\\/\n\x7f");
	cJSON_AddItemToObject(json, "a", a);
	cJSON_AddItemToArray(a, json_new_int(1));
	cJSON_AddItemToArray(a, json_new_float(2.0));
	cJSON_AddItemToArray(a, cJSON_CreateTrue());
	cJSON_AddItemToArray(a, cJSON_CreateNull());
	cJSON_AddItemToArray(a, json_new_float(-0.0));
	cJSON_AddItemToArray(a, json_new_float(1e-7));
	json_canonical(&sb, json);
	assert_string_equal(strbuf_cstr(&sb),
			    "{\"a\":[1,2.0,true,null,-0.0,1e-07],\"k\":\"\\u041f\\u0440\\u0438\\u0432\\u0435\\u0442 "
			    "\\u20ac\\ud83d\\ude00\\\"\\\\/\\n\\u007f\"}");
	assert_string_equal(sha256_hex(strbuf_str(&sb), hex),
			    "2339e3ca96af1ac36b8ffb6a8c6a3d46a89c6f3e2ab60aaa925dd9ff6e38de97");
	strbuf_release(&sb);
	json_free(json);
}

static void untyped_integrals_print_as_integers(void **state)
{
	cJSON *json = json_parse(STR("{\"b\":20.0,\"a\":2e1,\"c\":2.50,\"d\":-0.0,\"e\":1e16}"), NULL, NULL, NULL);
	struct strbuf sb = STRBUF_INIT(1000);

	(void)state;
	json_canonical(&sb, json);
	assert_string_equal(strbuf_cstr(&sb), "{\"a\":20,\"b\":20,\"c\":2.5,\"d\":0,\"e\":1e+16}");
	strbuf_release(&sb);
	json_free(json);
}

static void writer_places_commas(void **state)
{
	struct strbuf sb = STRBUF_INIT(1000);
	struct json_writer w;

	(void)state;
	jw_init(&w, &sb);
	jw_obj(&w);
	jw_key(&w, "a");
	jw_arr(&w);
	jw_int(&w, 1);
	jw_obj(&w);
	jw_end(&w);
	jw_str(&w, STR_NULL);
	jw_end(&w);
	jw_key(&w, "b");
	jw_cstr(&w, "x\"y");
	jw_end(&w);
	assert_string_equal(strbuf_cstr(&sb), "{\"a\":[1,{},null],\"b\":\"x\\\"y\"}");
	strbuf_release(&sb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_documents),
		cmocka_unit_test(bad_documents),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(integers_are_exact),
		cmocka_unit_test(last_duplicate_wins),
		cmocka_unit_test(canonical_check_value),
		cmocka_unit_test(untyped_integrals_print_as_integers),
		cmocka_unit_test(writer_places_commas),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
