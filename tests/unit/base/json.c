/* Strict reading, exact integers, the canonical form and its check value. */
#include "support/stack.h"

#include <math.h>

#include "base/crypto.h"
#include "base/json.h"

static void good_documents(void **state)
{
	static const char *const texts[] = {
		"{}", "[]",   " [1,2.5,-0,1e-7,true,false,null,\"x\"] ", "{\"a\":{\"b\":[[]]}}", "\"\\ud83d\\ude00\"",
		"0",  "-1E+2"
	};

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
	static const char *const texts[] = {
		"",	    " ",     "{",	 "[1,]",	"{\"a\":1,}",	"{a:1}",
		"01",	    "1.",    ".5",	 "+1",		"1e",		"NaN",
		"Infinity", "1e400", "\"\\x\"",	 "\"\\ud800\"", "\"\\u0000\"",	"\"a",
		"[1] 2",    "tru",   "\"\x01\"", "\xff",	"\"\xc0\xaf\"", "{\"a\" 1}",
		"[1 2]",    "]",     "{]",	 "[}"
	};

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
	assert_null(json_parse(STR("\"0123456789012345678901234567890123456789012345678901234567890123456789\""),
			       &limits, NULL, &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void integers_are_exact(void **state)
{
	cJSON *json = json_parse(
		STR("{\"a\":9007199254740993,\"b\":5.0,\"c\":5.5,\"d\":\"5\",\"e\":true,\"f\":9223372036854775808}"),
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

static char *canonical_of(const char *text)
{
	cJSON *json = json_parse(str_from(text), NULL, NULL, NULL);
	struct strbuf sb = STRBUF_INIT(1 << 20);

	if (json == NULL)
		fail_msg("refused: %s", text);
	json_canonical(&sb, json);
	json_free(json);
	return strbuf_take(&sb, NULL);
}

/* The two worked hashes of spec backtest 2.5. */
static void worked_hashes(void **state)
{
	static const char *const floats[] = { "fee_pct", "fixed_quote", "init_cash_quote", "safe_profit_percent",
					      "slippage_pct" };
	static const double values[] = { 0.075, 100, 10000, 30, 0.01 };
	cJSON *json = cJSON_CreateObject(), *execution = cJSON_AddObjectToObject(json, "execution");
	struct strbuf sb = STRBUF_INIT(10000);
	char hex[SHA256_HEX_MAX], *text;

	(void)state;
	cJSON_AddStringToObject(json, "sizing_mode", "all_in");
	cJSON_AddStringToObject(json, "direction_mode", "long-short");
	for (size_t i = 0; i < ARRAY_LEN(floats); i++)
		cJSON_AddItemToObject(execution, floats[i], json_new_float(values[i]));
	json_canonical(&sb, json);
	assert_string_equal(sha256_hex(strbuf_str(&sb), hex),
			    "9d8e08177356427c4373e49eca58836a19f3d06cb73da3b9dfc2026a5fbe0ccb");
	strbuf_release(&sb);
	json_free(json);

	text = canonical_of(
		"{\"tags\":{\"symbol\":\"BTCUSDT\",\"market_type\":\"spot\",\"timeframe\":\"1m\"},"
		"\"spec_kind\":\"roehub.strategy.v1\",\"schema_version\":1,"
		"\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},"
		"\"instrument_key\":\"binance:spot:BTCUSDT\",\"market_type\":\"spot\",\"symbol\":\"BTCUSDT\","
		"\"timeframe\":\"1m\",\"signal_template\":\"MA(20)\",\"indicators\":[{\"id\":\"ma.sma\","
		"\"inputs\":{\"source\":\"close\"},\"params\":{\"window\":20.0}}]}");
	assert_string_equal(sha256_hex(str_from(text), hex),
			    "86deee16a4d7ac80ef6ebdb11b12327bcdb51ef38564e1bbee176e0959213e95");
	free(text);
}

static void canonical_text_goes_by_value(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ " [ 1 , 2.0 , 0.5 ] ", "[1,2,0.5]" },
		{ "[9007199254740991,9007199254740992,9007199254740993.0]",
		  "[9007199254740991,9007199254740992.0,9007199254740992.0]" },
		{ "[520359,1,2]", "[520359,1,2]" },
		{ "{\"\xd0\xb0\":1,\"b\":{\"z\":[],\"a\":{}},\"\xf0\x9f\x98\x80\":2,\"\xef\xbf\xbf\":3,\"B\":4}",
		  "{\"B\":4,\"b\":{\"a\":{},\"z\":[]},\"\\u0430\":1,\"\\uffff\":3,\"\\ud83d\\ude00\":2}" },
		{ "\"\\u0041\\/\\u001f\\b\\f\\n\\r\\t\\u007f~\"", "\"A/\\u001f\\b\\f\\n\\r\\t\\u007f~\"" },
		{ "{\"\":{\"\":1}}", "{\"\":{\"\":1}}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *once = canonical_of(rows[i].in), *twice = canonical_of(once);

		assert_string_equal(once, rows[i].out);
		assert_string_equal(twice, once);
		free(once);
		free(twice);
	}
}

/* Kinds of nodes made by us survive a copy; nodes made by cJSON alone never look like them. */
static void numbers_keep_their_kind(void **state)
{
	cJSON *json = cJSON_CreateArray(), *copy;
	struct strbuf sb = STRBUF_INIT(1000);

	(void)state;
	cJSON_AddItemToArray(json, json_new_float(20));
	cJSON_AddItemToArray(json, json_new_int(INT64_MAX));
	cJSON_AddItemToArray(json, json_new_int(INT64_MIN));
	for (int i = 0; i < 4; i++)
		cJSON_AddItemToArray(json, cJSON_CreateNumber(i));
	cJSON_AddItemToArray(json, cJSON_CreateNumber(2.5));
	cJSON_AddItemToArray(json, cJSON_CreateNumber(NAN));
	copy = cJSON_Duplicate(json, true);
	json_canonical(&sb, copy);
	assert_string_equal(strbuf_cstr(&sb), "[20.0,9223372036854775807,-9223372036854775808,0,1,2,3,2.5,null]");
	strbuf_release(&sb);
	json_free(copy);
	json_free(json);
}

static void a_changed_number_forgets_its_token(void **state)
{
	cJSON *json = json_parse(STR("{\"a\":5}"), NULL, NULL, NULL);
	int64_t v = 0;

	(void)state;
	cJSON_SetNumberValue(cJSON_GetObjectItem(json, "a"), 7);
	assert_true(json_get_i64(json_get(json, "a"), &v));
	assert_int_equal(v, 7);
	json_free(json);
}

static void answers_give_back_what_was_read(void **state)
{
	static const char text[] =
		"{\"z\":9007199254740993,\"a\":[-9223372036854775808,1.5,1e+16],\"\xd0\x96\":\"\xf0\x9f\x98\x80\"}";
	cJSON *json = json_parse(str_from(text), NULL, NULL, NULL);
	struct strbuf sb = STRBUF_INIT(1000);

	(void)state;
	json_compact(&sb, json);
	assert_string_equal(strbuf_cstr(&sb), text);
	strbuf_reset(&sb);
	json_sort(json);
	json_compact(&sb, json);
	assert_string_equal(
		strbuf_cstr(&sb),
		"{\"a\":[-9223372036854775808,1.5,1e+16],\"z\":9007199254740993,\"\xd0\x96\":\"\xf0\x9f\x98\x80\"}");
	strbuf_release(&sb);
	json_free(json);
}

/* Longer than the buffer in which cJSON reads a number. */
static void long_numbers_are_read(void **state)
{
	char text[700], digits[600];
	cJSON *json;
	double v;

	(void)state;
	memset(digits, '0', sizeof(digits));
	digits[300] = '\0';
	snprintf(text, sizeof(text),
		 "[1,0.%s1,{\"a\":12345678901234567890123456789012345678901234567890123456789012345678901234567890,"
		 "\"b\":\"x\"},2]",
		 digits);
	json = json_parse(str_from(text), NULL, NULL, NULL);
	assert_non_null(json);
	assert_int_equal(cJSON_GetArraySize(json), 4);
	assert_true(json_get_double(cJSON_GetArrayItem(json, 1), &v) && v == 1e-301);
	assert_true(json_get_double(json_get(cJSON_GetArrayItem(json, 2), "a"), &v) && v == 1.2345678901234568e79);
	assert_true(str_eq(json_get_str(json_get(cJSON_GetArrayItem(json, 2), "b")), STR("x")));
	json_free(json);
}

static void faults_name_their_place(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
	} rows[] = {
		{ "", 0 },	    { "  ", 2 },	{ "{\"a\": tru}", 6 }, { "[1, 2", 5 }, { "[1] x", 4 },
		{ "{\"a\" 1}", 5 }, { "\"a\x01\"", 2 }, { "\"a\\x\"", 3 },     { "[01]", 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = ERROR_INIT;
		size_t offset = 99;

		assert_null(json_parse(str_from(rows[i].text), NULL, &offset, &err));
		if (offset != rows[i].offset)
			fail_msg("%s: byte %zu instead of %zu", rows[i].text, offset, rows[i].offset);
	}
	assert_null(json_parse(STR("[\0]"), NULL, NULL, NULL)); /* a NUL is a byte like others, and no JSON */
	assert_null(json_parse(STR("[1]\0"), NULL, NULL, NULL));
	assert_null(json_parse(STR("\xef\xbb\xbf[]"), NULL, NULL, NULL));
	assert_null(json_parse(STR("\"\\ud800\\u0041\""), NULL, NULL, NULL));
	assert_null(json_parse(STR("\"\\udc00\\ud800\""), NULL, NULL, NULL));
	assert_null(json_parse(STR("\"\\u12"), NULL, NULL, NULL));
	assert_null(json_parse(STR_NULL, NULL, NULL, NULL));
}

/* 1 MiB of what would be slow or deep in a parser that is not bounded. */
static void hostile_documents_cost_their_length(void **state)
{
	struct strbuf sb = STRBUF_INIT(1 << 21);
	struct json_limits deep = JSON_LIMITS_DEFAULT;
	struct error err = ERROR_INIT;
	cJSON *json;

	(void)state;
	strbuf_addch(&sb, '{');
	for (int i = 0; i < 90000; i++)
		strbuf_addf(&sb, "%s\"a%d\":%d", i > 0 ? "," : "", i % 30000, i);
	strbuf_addch(&sb, '}');
	deep.bytes_max = 1 << 21;
	json = json_parse(strbuf_str(&sb), &deep, NULL, &err);
	assert_non_null(json);
	assert_int_equal(cJSON_GetArraySize(json), 30000);
	assert_string_equal(json->child->string, "a0");
	assert_int_equal((int)json->child->valuedouble, 60000);
	json_free(json);

	strbuf_reset(&sb);
	for (int i = 0; i < 500000; i++)
		strbuf_addch(&sb, '[');
	deep.depth_max = 1000000; /* the caller's wish ends where our stack does */
	assert_null(json_parse(strbuf_str(&sb), &deep, NULL, &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
	strbuf_release(&sb);
}

static void needs_are_named(void **state)
{
	cJSON *json = json_parse(STR("{\"s\":\"text\",\"i\":5.0,\"d\":\"0.25\",\"b\":false,\"n\":null,\"A\":1}"), NULL,
				 NULL, NULL);
	struct error err = ERROR_INIT;
	struct str s;
	int64_t i;
	double d;
	bool b = true;

	(void)state;
	assert_int_equal(json_need_str(json, "s", &s, &err), 0);
	assert_true(str_eq(s, STR("text")));
	assert_int_equal(json_need_i64(json, "i", 1, 5, &i, &err), 0);
	assert_int_equal(i, 5);
	assert_int_equal(json_need_double(json, "d", &d, &err), 0);
	assert_true(d == 0.25);
	assert_int_equal(json_need_double(json, "i", &d, &err), 0);
	assert_int_equal(json_need_bool(json, "b", &b, &err), 0);
	assert_false(b);
	assert_int_equal(json_need_i64(json, "i", 6, 9, &i, &err), -1);
	assert_string_equal(err.message, "member i: integer from 6 to 9 expected");
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(json_need_i64(json, "s", 0, 9, &i, &err), -1);
	assert_int_equal(json_need_i64(json, "a", 0, 9, &i, &err), -1); /* names are exact */
	assert_int_equal(json_need_str(json, "i", &s, &err), -1);
	assert_int_equal(json_need_str(json, "n", &s, &err), -1);
	assert_int_equal(json_need_double(json, "s", &d, &err), -1);
	assert_int_equal(json_need_double(json, "b", &d, &err), -1);
	assert_int_equal(json_need_bool(json, "A", &b, &err), -1);
	assert_int_equal(json_need_bool(NULL, "A", &b, &err), -1);
	assert_null(json_get(json_get(json, "s"), "x"));
	json_free(json);
	json_free(NULL);
}

static void texts_are_quoted(void **state)
{
	static const struct {
		struct str in;
		const char *utf8, *ascii;
	} rows[] = {
		{ { "", 0 }, "\"\"", "\"\"" },
		{ { "a\"b\\c/", 6 }, "\"a\\\"b\\\\c/\"", "\"a\\\"b\\\\c/\"" },
		{ { "\0\x1f\x7f", 3 }, "\"\\u0000\\u001f\x7f\"", "\"\\u0000\\u001f\\u007f\"" },
		{ { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9 },
		  "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
		  "\"\\u00e9\\u20ac\\ud83d\\ude00\"" },
		{ { "x\xff\xe2\x82y\xc3", 6 },
		  "\"x\\ufffd\\ufffd\\ufffdy\\ufffd\"",
		  "\"x\\ufffd\\ufffd\\ufffdy\\ufffd\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct strbuf sb = STRBUF_INIT(200);

		json_quote(&sb, rows[i].in);
		assert_string_equal(strbuf_cstr(&sb), rows[i].utf8);
		strbuf_reset(&sb);
		json_quote_ascii(&sb, rows[i].in);
		assert_string_equal(strbuf_cstr(&sb), rows[i].ascii);
		strbuf_release(&sb);
	}
}

static void the_writer_knows_every_kind(void **state)
{
	const struct uuid nil = { { 0 } };
	struct strbuf sb = STRBUF_INIT(1000);
	cJSON *node = json_parse(STR("{\"k\":[1]}"), NULL, NULL, NULL);
	struct json_writer w;

	(void)state;
	jw_init(&w, &sb);
	jw_arr(&w);
	jw_double(&w, 0.1);
	jw_double(&w, 2);
	jw_double(&w, NAN);
	jw_bool(&w, true);
	jw_null(&w);
	jw_int(&w, INT64_MIN);
	jw_cstr(&w, NULL);
	jw_uuid(&w, nil);
	jw_utc_api(&w, UTC_NONE);
	jw_utc_api(&w, utc_from_ms(1));
	jw_raw(&w, STR("{}"));
	jw_node(&w, node);
	jw_end(&w);
	assert_string_equal(
		strbuf_cstr(&sb),
		"[0.1,2.0,null,true,null,-9223372036854775808,null,\"00000000-0000-0000-0000-000000000000\","
		"null,\"1970-01-01T00:00:00.001000Z\",{},{\"k\":[1]}]");
	strbuf_reset(&sb);
	jw_init(&w, &sb);
	for (int i = 0; i < 70; i++) /* deeper than the writer counts: a failure, no wild shift */
		jw_arr(&w);
	for (int i = 0; i < 70; i++)
		jw_end(&w);
	assert_int_equal(strbuf_error(&sb, NULL), -1);
	strbuf_release(&sb);
	json_free(node);
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
		cmocka_unit_test(worked_hashes),
		cmocka_unit_test(canonical_text_goes_by_value),
		cmocka_unit_test(numbers_keep_their_kind),
		cmocka_unit_test(a_changed_number_forgets_its_token),
		cmocka_unit_test(answers_give_back_what_was_read),
		cmocka_unit_test(long_numbers_are_read),
		cmocka_unit_test(faults_name_their_place),
		cmocka_unit_test(hostile_documents_cost_their_length),
		cmocka_unit_test(needs_are_named),
		cmocka_unit_test(texts_are_quoted),
		cmocka_unit_test(writer_places_commas),
		cmocka_unit_test(the_writer_knows_every_kind),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
