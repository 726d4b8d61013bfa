/* The registry keeps its own rules; requests are read with bounds and written canonically. */
#include "support/stack.h"

#include "domain/indicators/registry.h"

static void the_table_is_sound(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	if (indicator_registry_check(indicator_registry, INDICATOR_COUNT, &err) != 0)
		fail_msg("%s", err.message);
	assert_ptr_equal(indicator_find(STR(" MA.Sma ")), indicator_find(STR("ma.sma")));
	assert_null(indicator_find(STR("ma.smma")));
	assert_true(str_eq_c(indicator_group(indicator_find(STR("momentum.rsi"))), "momentum"));
}

static void broken_rows_are_found(void **state)
{
	struct indicator rows[2];
	struct error err = ERROR_INIT;

	(void)state;
#define BROKEN(change)                                                                                                 \
	rows[0] = indicator_registry[0];                                                                               \
	rows[1] = indicator_registry[1];                                                                               \
	change;                                                                                                        \
	assert_int_equal(indicator_registry_check(rows, ARRAY_LEN(rows), &err), -1)
	BROKEN(rows[1].id = rows[0].id);
	BROKEN(rows[0].id = "zz");
	BROKEN(rows[0].title = " ");
	BROKEN(rows[0].sources = 0);
	BROKEN(rows[0].outputs[0] = NULL);
	BROKEN(rows[0].outputs[1] = rows[0].outputs[0]);
	BROKEN(rows[0].primary = 1);
	BROKEN(rows[0].params[0].step = 0);
	BROKEN(rows[0].params[0].recommended = 1);
	BROKEN(rows[0].params[0].min = 5000);
	BROKEN(rows[0].axes[1] = "mult");
	BROKEN(rows[0].axes[1] = "source");
	BROKEN(rows[0].axes[1] = NULL);
	BROKEN(rows[0].kernel = NULL);
#undef BROKEN
}

static void requests(void **state)
{
	static const struct {
		const char *id, *entry, *want; /* want: canonical text or message */
	} rows[] = {
		{ "ma.sma", "{}", "{\"id\":\"ma.sma\",\"inputs\":{\"source\":\"close\"},\"params\":{\"window\":20}}" },
		{ "momentum.rsi", "{\"inputs\":{\"source\":\" OHLC4 \"},\"params\":{\"window\":7.0}}",
		  "{\"id\":\"momentum.rsi\",\"inputs\":{\"source\":\"ohlc4\"},\"params\":{\"window\":7}}" },
		{ "momentum.rsi", "{\"inputs\":{\"source\":\"hl2\"}}", "unsupported source axis value: 'hl2'" },
		{ "ma.sma", "{\"inputs\":{\"source\":\"volume\"}}", "unsupported source axis value: 'volume'" },
		{ "ma.sma", "{\"inputs\":{\"source\":5}}", "source axis values must be strings" },
		{ "ma.sma", "{\"inputs\":{\"source\":\" \"}}", "source axis values must be non-empty" },
		{ "ma.sma", "{\"params\":{\"window\":1}}", "axis 'window' value 1.0 is below hard_min=2" },
		{ "ma.sma", "{\"params\":{\"window\":2001}}", "axis 'window' value 2001.0 is above hard_max=2000" },
		{ "ma.sma", "{\"params\":{\"window\":2.5}}", "axis 'window' expects integer values" },
		{ "ma.sma", "{\"params\":{\"window\":\"20\"}}", "axis 'window' expects integer values" },
		{ "ma.sma", "{\"params\":{\"period\":20}}", "unexpected param: indicator_id=ma.sma, param='period'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cJSON *entry = json_parse(str_from(rows[i].entry), NULL, NULL, NULL);
		struct strbuf sb = STRBUF_INIT(INDICATOR_KEY_MAX);
		struct indicator_request r;
		struct error err = ERROR_INIT;

		if (indicator_request_read(indicator_find(str_from(rows[i].id)), json_get(entry, "inputs"),
					   json_get(entry, "params"), &r, &err) == 0)
			indicator_request_write(&r, &sb);
		else
			strbuf_addc(&sb, err.message);
		assert_string_equal(strbuf_cstr(&sb), rows[i].want);
		strbuf_release(&sb);
		json_free(entry);
	}
}

static void first_bars(void **state)
{
	static const struct {
		const char *id;
		int64_t want;
	} rows[] = { { "ma.ema", 0 }, { "ma.sma", 19 }, { "momentum.rsi", 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct kernel_params params = { { { .i = 20 } } };

		assert_int_equal(indicator_find(str_from(rows[i].id))->first_bar(&params), rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_sound),
		cmocka_unit_test(broken_rows_are_found),
		cmocka_unit_test(requests),
		cmocka_unit_test(first_bars),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
