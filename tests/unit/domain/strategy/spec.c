/* Strategy specs: rows of the validation in order, the canonical form, templates, names, warm-up. */
#include "support/stack.h"

#include "domain/strategy/spec.h"

static cJSON *parse(const char *text)
{
	struct error err = ERROR_INIT;
	cJSON *json = json_parse(str_from(text), NULL, NULL, &err);

	if (json == NULL)
		fail_msg("%s: %s", text, err.message);
	return json;
}

static void spec_of(const char *text, struct strategy_spec *out)
{
	struct spec_fault fault;
	struct error err = ERROR_INIT;
	cJSON *json = parse(text);

	if (strategy_spec_parse(json, out, &fault, &err) != 0)
		fail_msg("%s: %s at %s", text, err.message, fault.path);
	json_free(json);
}

#define BODY(indicators, more)                                                                                         \
	"{\"instrument_id\":{\"market_id\":1,\"symbol\":\"btcusdt\"},\"instrument_key\":\"binance:spot:BTCUSDT\","     \
	"\"market_type\":\"spot\",\"timeframe\":\"1m\",\"indicators\":" indicators more "}"
#define MA_20_50 "[{\"name\":\"MA\",\"params\":{\"fast\":20,\"slow\":50}}]"
#define CANONICAL                                                                                                      \
	"{\"indicators\":[{\"name\":\"MA\",\"params\":{\"fast\":20,\"slow\":50}}],\"instrument_id\":{\"market_id\":1," \
	"\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:BTCUSDT\",\"market_type\":\"spot\","                \
	"\"schema_version\":1,\"signal_template\":\"MA(20,50)\",\"spec_kind\":\"roehub.strategy.v1\","                 \
	"\"symbol\":\"BTCUSDT\",\"tags\":{\"market_type\":\"spot\",\"symbol\":\"BTCUSDT\",\"timeframe\":\"1m\"},"      \
	"\"timeframe\":\"1m\"}"

static void the_stored_form_is_canonical(void **state)
{
	struct strategy_spec spec, again;
	struct strbuf sb = STRBUF_INIT(4096), sb2 = STRBUF_INIT(4096);

	(void)state;
	spec_of(BODY("[{\"params\":{\"slow\":50,\"fast\":20.0},\"name\":\"MA\"}]", ""), &spec);
	strategy_spec_canonical(&spec, &sb);
	assert_string_equal(strbuf_cstr(&sb), CANONICAL);
	spec_of(strbuf_cstr(&sb), &again); /* a stored spec reads back to itself */
	strategy_spec_canonical(&again, &sb2);
	assert_string_equal(strbuf_cstr(&sb2), CANONICAL);
	strategy_spec_release(&spec);
	strategy_spec_release(&again);
	strbuf_release(&sb);
	strbuf_release(&sb2);
}

static void answers_have_the_documented_order(void **state)
{
	struct strategy_spec spec;
	struct strbuf sb = STRBUF_INIT(4096);
	struct json_writer w;

	(void)state;
	spec_of(BODY(MA_20_50, ",\"warmup_bars\":7"), &spec);
	jw_init(&w, &sb);
	strategy_spec_write(&spec, &w);
	assert_string_equal(
		strbuf_cstr(&sb),
		"{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:"
		"BTCUSDT\",\"market_type\":\"spot\",\"timeframe\":\"1m\",\"indicators\":[{\"name\":\"MA\","
		"\"params\":{\"fast\":20,\"slow\":50}}],\"signal_template\":\"MA(20,50)\",\"warmup_bars\":7,"
		"\"schema_version\":1,\"spec_kind\":\"roehub.strategy.v1\"}");
	strategy_spec_release(&spec);
	strbuf_release(&sb);
}

static void names_match_the_vectors(void **state)
{
	static const struct {
		const char *user, *body, *name, *signal_template;
	} rows[] = {
		{ "00000000-0000-0000-0000-000000000123", BODY(MA_20_50, ",\"signal_template\":\"MA(20,50)\""),
		  "BTCUSDT spot 1m [MA(20,50)] #B60E7C53", "MA(20,50)" },
		{ "00000000-0000-0000-0000-000000001111", BODY(MA_20_50, ",\"signal_template\":null"),
		  "BTCUSDT spot 1m [MA(20,50)] #048A5652", "MA(20,50)" },
		{ "00000000-0000-0000-0000-000000000123",
		  "{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\" BINANCE:Spot:btcusdt\","
		  "\"market_type\":\" SPOT\",\"timeframe\":\"15M\",\"indicators\":[{\"id\":\"ma.sma\",\"inputs\":{\"source\":"
		  "\"close\"},\"params\":{\"window\":20}},{\"id\":\"momentum.rsi\",\"params\":{\"window\":14}}]}",
		  "BTCUSDT spot 15m [MA.SMA(20), MOMENTUM.RSI(14)] #A5E36B57", "MA.SMA(20)" },
		{ "a1b2c3d4-0000-4000-8000-00000000beef",
		  "{\"instrument_id\":{\"market_id\":4,\"symbol\":\"solusdt\"},\"instrument_key\":\"bybit:futures:SOLUSDT\","
		  "\"market_type\":\"futures\",\"timeframe\":\"4h\",\"indicators\":[{\"kind\":\"bb\",\"params\":{\"mult\":2.5,"
		  "\"window\":20}},{\"name\":\"vwap\"}]}",
		  "SOLUSDT futures 4h [BB(2.5,20), VWAP] #A124457E", "BB(2.5,20)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct strbuf name = STRBUF_INIT(STRATEGY_NAME_MAX);
		struct strategy_spec spec;
		struct uuid user;

		spec_of(rows[i].body, &spec);
		assert_true(uuid_parse(str_from(rows[i].user), &user));
		assert_int_equal(strategy_name(&spec, user, &name, NULL), 0);
		assert_string_equal(strbuf_cstr(&name), rows[i].name);
		assert_string_equal(spec.signal_template, rows[i].signal_template);
		strategy_spec_release(&spec);
		strbuf_release(&name);
	}
}

static void templates_render_every_kind(void **state)
{
	static const struct {
		const char *indicators, *want;
	} rows[] = {
		{ "[{\"id\":\"ma.ema\"}]", "MA.EMA" },
		{ "[{\"id\":\" ma.ema \",\"params\":{}}]", "MA.EMA" },
		{ "[{\"kind\":\"bb\",\"params\":{\"window\":20,\"mult\":2.5}}]", "BB(2.5,20)" },
		{ "[{\"id\":\"x\",\"params\":{\"a\":true,\"b\":null,\"c\":[1,2.5],\"d\":\"raw text\",\"e\":20.0}}]",
		  "X(true,null,[1,2.5],raw text,20)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char body[1024];
		struct strategy_spec spec;

		snprintf(body, sizeof(body), BODY("%s", ",\"signal_template\":\" \""), rows[i].indicators);
		spec_of(body, &spec);
		assert_string_equal(spec.signal_template, rows[i].want);
		strategy_spec_release(&spec);
	}
}

/* Each row changes members of a good body; null removes one. */
static void validation_rows(void **state)
{
	static const struct {
		const char *patch, *path, *message;
	} rows[] = {
		{ "{\"instrument_id\":5}", "instrument_id", "StrategySpecV1 payload.instrument_id must be object" },
		{ "{\"instrument_id\":{\"market_id\":\"1\",\"symbol\":\"BTCUSDT\"}}", "instrument_id.market_id",
		  "StrategySpecV1 instrument_id.market_id must be integer" },
		{ "{\"instrument_id\":{\"market_id\":1,\"symbol\":7}}", "instrument_id.symbol",
		  "StrategySpecV1 instrument_id.symbol must be string" },
		{ "{\"instrument_id\":{\"market_id\":true,\"symbol\":\"X\"}}", "instrument_id",
		  "StrategySpecV1 instrument_id is invalid" },
		{ "{\"instrument_id\":{\"market_id\":1,\"symbol\":\" \"}}", "instrument_id",
		  "StrategySpecV1 instrument_id is invalid" },
		{ "{\"timeframe\":1}", "timeframe", "StrategySpecV1 payload.timeframe must be string" },
		{ "{\"market_type\":null}", "market_type", "StrategySpecV1 payload.market_type must be string" },
		{ "{\"instrument_key\":[]}", "instrument_key", "StrategySpecV1 payload.instrument_key must be string" },
		{ "{\"indicators\":{}}", "indicators", "StrategySpecV1 payload.indicators must be array" },
		{ "{\"indicators\":[5]}", "indicators.0", "StrategySpecV1 indicator entry must be object" },
		{ "{\"indicators\":[{\"id\":\"a\"},{\"name\":\" \",\"id\":\"x\"}]}", "indicators.1",
		  "StrategySpecV1 indicator must define non-empty `name`, `kind`, or `id`" },
		{ "{\"indicators\":[{\"name\":5,\"id\":\"x\"}]}", "indicators.0",
		  "StrategySpecV1 indicator must define non-empty `name`, `kind`, or `id`" },
		{ "{\"indicators\":[{\"indicator_id\":\"x\"}]}", "indicators.0",
		  "StrategySpecV1 indicator must define non-empty `name`, `kind`, or `id`" },
		{ "{\"indicators\":[{\"id\":\"x\",\"params\":[]}]}", "indicators.0",
		  "StrategySpecV1 indicator.params must be object" },
		{ "{\"indicators\":[]}", "signal_template",
		  "StrategySpecV1 payload.signal_template is required when indicators are empty" },
		{ "{\"schema_version\":\"1\"}", "schema_version",
		  "StrategySpecV1 payload.schema_version must be integer" },
		{ "{\"spec_kind\":1}", "spec_kind", "StrategySpecV1 payload.spec_kind must be string" },
		{ "{\"timeframe\":\"2m\",\"schema_version\":2}", "timeframe",
		  "Unsupported timeframe='2m'. Supported: ['15m', '1d', '1h', '1m', '4h', '5m']" },
		{ "{\"schema_version\":2}", "schema_version", "StrategySpecV1.schema_version must be 1, got 2" },
		{ "{\"spec_kind\":\"x\"}", "spec_kind", "StrategySpecV1.spec_kind must be 'roehub.strategy.v1'" },
		{ "{\"instrument_key\":\" \"}", "instrument_key", "StrategySpecV1.instrument_key must be non-empty" },
		{ "{\"instrument_key\":\"binance:spot\"}", "instrument_key",
		  "StrategySpecV1.instrument_key must follow '{exchange}:{market_type}:{symbol}'" },
		{ "{\"instrument_key\":\"binance:spot:ETHUSDT\"}", "instrument_key",
		  "StrategySpecV1.instrument_key symbol must match instrument_id.symbol" },
		{ "{\"market_type\":\"margin\"}", "market_type",
		  "StrategySpecV1.market_type must be one of: futures, spot" },
		{ "{\"market_type\":\"futures\"}", "market_type",
		  "StrategySpecV1.market_type must match market_type part of instrument_key" },
		{ "{\"instrument_key\":\" :spot:BTCUSDT\"}", "instrument_key",
		  "StrategySpecV1.instrument_key exchange must be non-empty" },
		{ "{\"indicators\":[],\"signal_template\":\"T\"}", "indicators",
		  "Strategy name requires at least one indicator for deterministic human-part" },
		{ "{\"warmup_bars\":0}", "warmup_bars", "StrategySpecV1.warmup_bars must be >= 1" },
		{ "{\"warmup_bars\":5001}", "warmup_bars", "StrategySpecV1 warmup bars must be <= 5000" },
		{ "{\"indicators\":[{\"id\":\"x\",\"params\":{\"threshold\":1000000}}]}", "indicators",
		  "StrategySpecV1 warmup bars must be <= 5000" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cJSON *body = parse(BODY(MA_20_50, "")), *patch = parse(rows[i].patch), *node, *next;
		struct strategy_spec spec = { .warmup_bars = 42 };
		struct spec_fault fault;
		struct error err = ERROR_INIT;

		for (node = patch->child; node != NULL; node = next) {
			next = node->next;
			cJSON_DeleteItemFromObjectCaseSensitive(body, node->string);
			if (!cJSON_IsNull(node))
				cJSON_AddItemToObject(body, node->string, cJSON_Duplicate(node, true));
		}
		if (strategy_spec_parse(body, &spec, &fault, &err) == 0)
			fail_msg("row %zu was accepted: %s", i, rows[i].patch);
		assert_string_equal(err.message, rows[i].message);
		assert_string_equal(fault.path, rows[i].path);
		assert_int_equal(err.code, ERR_INVALID);
		assert_int_equal(spec.warmup_bars, 42); /* the output is left alone */
		json_free(body);
		json_free(patch);
	}
}

static void too_many_indicators(void **state)
{
	struct strbuf sb = STRBUF_INIT(1 << 16);
	struct strategy_spec spec;
	struct spec_fault fault;
	struct error err = ERROR_INIT;
	cJSON *json;

	(void)state;
	strbuf_addc(&sb, "{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":"
			 "\"binance:spot:BTCUSDT\",\"market_type\":\"spot\",\"timeframe\":\"1m\",\"indicators\":[");
	for (int i = 0; i <= STRATEGY_INDICATORS_MAX; i++)
		strbuf_addf(&sb, "%s{\"id\":\"ma.sma\"}", i == 0 ? "" : ",");
	strbuf_addc(&sb, "]}");
	json = parse(strbuf_cstr(&sb));
	assert_int_equal(strategy_spec_parse(json, &spec, &fault, &err), -1);
	assert_string_equal(fault.path, "indicators");
	json_free(json);
	strbuf_release(&sb);
}

static void warmup_examples(void **state)
{
	static const struct {
		const char *indicators, *more;
		int bars;
		const char *algorithm;
	} rows[] = {
		{ MA_20_50, "", 50, "numeric_max_param_v1" },
		{ "[{\"id\":\"a\",\"params\":{\"w\":14,\"k\":3.0,\"mult\":2.5}}]", "", 14, "numeric_max_param_v1" },
		{ "[{\"id\":\"a\",\"params\":{\"a\":2.1}}]", "", 3, "numeric_max_param_v1" },
		{ "[{\"id\":\"a\",\"params\":{\"w\":\"200\",\"x\":true,\"y\":null,\"z\":-9}}]", "", 1,
		  "numeric_max_param_v1" },
		{ "[{\"id\":\"a\",\"params\":{\"w\":10}},{\"id\":\"b\",\"params\":{\"w\":99.5}}]", "", 100,
		  "numeric_max_param_v1" },
		{ "[{\"id\":\"a\",\"params\":{\"deep\":{\"list\":[1,[7]]}},\"inputs\":{\"n\":900}}]", "", 7,
		  "numeric_max_param_v1" },
		{ "[{\"id\":\"a\"}]", "", 1, "numeric_max_param_v1" },
		{ MA_20_50, ",\"warmup_bars\":8", 8, "spec_warmup_bars_v1" },
		{ "[{\"id\":\"a\",\"params\":{\"w\":5000}}]", "", 5000, "numeric_max_param_v1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char body[1024];
		struct strategy_spec spec;
		const char *algorithm;

		snprintf(body, sizeof(body), BODY("%s", "%s"), rows[i].indicators, rows[i].more);
		spec_of(body, &spec);
		assert_int_equal(strategy_warmup_bars(&spec, &algorithm), rows[i].bars);
		assert_string_equal(algorithm, rows[i].algorithm);
		strategy_spec_release(&spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stored_form_is_canonical),
		cmocka_unit_test(answers_have_the_documented_order),
		cmocka_unit_test(names_match_the_vectors),
		cmocka_unit_test(templates_render_every_kind),
		cmocka_unit_test(validation_rows),
		cmocka_unit_test(too_many_indicators),
		cmocka_unit_test(warmup_examples),
	};

	return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
