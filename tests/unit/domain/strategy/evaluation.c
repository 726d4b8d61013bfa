/* Signal rules and evaluation: the worked examples, agreement, missing bars, the MA template, what is unsupported. */
#include "support/stack.h"

#include <math.h>

#include "base/random.h"
#include "domain/strategy/evaluation.h"

#define L SIGNAL_LONG
#define S SIGNAL_SHORT
#define N SIGNAL_NEUTRAL

static void rule_families(void **state)
{
	static const struct {
		enum signal_family family;
		struct signal_thresholds thresholds;
		double price[4], output[4];
		enum signal want[4];
	} rows[] = {
		{ SIGNAL_COMPARE_PRICE, { 0, 0 }, { 20, 20, 20, 20 }, { 7, 25, NAN, 5 }, { L, S, N, L } },
		{ SIGNAL_COMPARE_PRICE, { 0, 0 }, { 20, NAN, INFINITY, 5 }, { 20, 1, 1, INFINITY }, { N, N, N, N } },
		{ SIGNAL_THRESHOLD_BAND, { 30, 70 }, { 1, 1, 1, 1 }, { 20, 50, 80, NAN }, { L, N, S, N } },
		{ SIGNAL_THRESHOLD_BAND, { 70, 30 }, { 1, 1, 1, 1 }, { 20, 50, 80, NAN }, { S, N, L, N } },
		{ SIGNAL_THRESHOLD_BAND, { 30, 70 }, { 1, 1, 1, 1 }, { 30, 70, 30.1, 69.9 }, { L, S, N, N } },
		{ SIGNAL_THRESHOLD_BAND, { 50, 50 }, { 1, 1, 1, 1 }, { 50, 49, 51, 50 }, { N, L, S, N } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t t = 0; t < 4; t++)
			if (signal_decide(rows[i].family, &rows[i].thresholds, rows[i].price[t], rows[i].output[t]) !=
			    rows[i].want[t])
				fail_msg("row %zu bar %zu", i, t);
}

static void all_must_agree(void **state)
{
	static const enum signal a[4] = { L, S, L, L }, b[4] = { L, S, N, L }, want[4] = { L, S, N, L };

	(void)state;
	for (size_t t = 0; t < 4; t++)
		assert_int_equal(signal_common((enum signal[]){ a[t], b[t] }, 2), want[t]);
	assert_int_equal(signal_common(NULL, 0), N);
	assert_int_equal(signal_common((enum signal[]){ L, S }, 2), N);
}

static void every_indicator_has_a_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < INDICATOR_COUNT; i++)
		assert_non_null(signal_rule_find(indicator_registry[i].id));
	assert_null(signal_rule_find("structure.candle_body"));
}

static struct evaluation *open_for(const char *indicators, struct error *err)
{
	char body[2048];
	struct strategy_spec spec;
	struct spec_fault fault;
	struct evaluation *e;
	cJSON *json;

	snprintf(
		body, sizeof(body),
		"{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:BTCUSDT\","
		"\"market_type\":\"spot\",\"timeframe\":\"5m\",\"indicators\":%s}",
		indicators);
	json = json_parse(str_from(body), NULL, NULL, NULL);
	if (strategy_spec_parse(json, &spec, &fault, err) != 0)
		fail_msg("%s", err->message);
	json_free(json);
	e = evaluation_new(&spec, err);
	strategy_spec_release(&spec);
	return e;
}

static void pushes(const char *indicators, const double *close, const enum signal *want, size_t n)
{
	struct error err = ERROR_INIT;
	struct evaluation *e = open_for(indicators, &err);

	if (e == NULL)
		fail_msg("%s", err.message);
	for (size_t t = 0; t < n; t++) {
		struct bar bar = { { (int64_t)t * 300000 }, close[t], close[t], close[t], close[t], 1 };

		if (evaluation_push(e, &bar) != want[t])
			fail_msg("%s: bar %zu", indicators, t);
	}
	evaluation_free(e);
}

static void the_ma_template_crosses(void **state)
{
	static const double close[] = { 1, 2, 3, 4, 4, 4, 4, 3, 2, 1, NAN, 5, 6, 7, 8 };
	/*  sma2:                       -  1.5 2.5 3.5 4 4 4 3.5 2.5 1.5 - - 5.5 6.5 7.5
	 *  sma4:                       -  -   -   2.5 3.25 3.75 4 3.75 3.25 2.5 - - - - 6.5 */
	static const enum signal want[] = { N, N, N, L, L, L, N, S, S, S, N, N, N, N, L };

	(void)state;
	pushes("[{\"name\":\"Ma\",\"params\":{\"fast\":2,\"slow\":4}}]", close, want, ARRAY_LEN(close));
	/* fast 1 is the close itself */
	pushes("[{\"name\":\"MA\",\"params\":{\"fast\":1,\"slow\":2.0}}]", close,
	       (enum signal[]){ N, L, L, L, N, N, N, S, S, S, N, N, L, L, L }, ARRAY_LEN(close));
}

static void registry_ids_follow_their_rules(void **state)
{
	static const double close[] = { 10, 11, 12, 11, 5, 5, 20 };
	/* ema(3):                      10 10.5 11.25 11.125 8.06 6.53 13.27
	 * rsi(2): - 100 100 50 ~7 ~7 ~77 */

	(void)state;
	pushes("[{\"id\":\"ma.ema\",\"params\":{\"window\":3}}]", close, (enum signal[]){ N, L, L, S, S, S, L }, 7);
	pushes("[{\"id\":\"momentum.rsi\",\"params\":{\"window\":2}}]", close, (enum signal[]){ N, S, S, N, L, L, S },
	       7);
	/* both: a rising average is LONG where the index is overbought, so they never agree here but on no bar */
	pushes("[{\"id\":\"ma.ema\",\"params\":{\"window\":3}},{\"id\":\"momentum.rsi\",\"params\":{\"window\":2}}]",
	       close, (enum signal[]){ N, N, N, N, N, N, N }, 7);
	pushes("[{\"id\":\"ma.ema\",\"params\":{\"window\":3}},{\"id\":\"MA.SMA\",\"params\":{\"window\":2}}]", close,
	       (enum signal[]){ N, L, L, S, S, N, L }, 7);
}

static void unsupported_specs_say_why(void **state)
{
	static const struct {
		const char *indicators, *reason;
	} rows[] = {
		{ "[{\"name\":\"vwap\"}]", "unknown indicator 'vwap'" },
		{ "[{\"id\":\"ma.sma\"},{\"id\":\"ma.smma\"}]", "unknown indicator 'ma.smma'" },
		{ "[{\"name\":\"MA\"}]", "MA requires fast to be a window of 1 to 5000 bars" },
		{ "[{\"name\":\"MA\",\"params\":{\"fast\":\"20\",\"slow\":50}}]",
		  "MA requires fast to be a window of 1 to 5000 bars" },
		{ "[{\"name\":\"MA\",\"params\":{\"fast\":20,\"slow\":0}}]",
		  "MA requires slow to be a window of 1 to 5000 bars" },
		{ "[{\"id\":\"ma.sma\",\"params\":{\"window\":1}}]", "axis 'window' value 1.0 is below hard_min=2" },
		{ "[{\"id\":\"ma.sma\",\"inputs\":{\"source\":\"volume\"}}]",
		  "unsupported source axis value: 'volume'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = ERROR_INIT;

		assert_null(open_for(rows[i].indicators, &err));
		assert_int_equal(err.code, ERR_INVALID);
		assert_string_equal(err.message, rows[i].reason);
	}
}

static void nodes_are_shared_and_named(void **state)
{
	struct error err = ERROR_INIT;
	struct evaluation *e =
		open_for("[{\"id\":\"ma.sma\",\"params\":{\"window\":20}},{\"name\":\"MA\",\"params\":"
			 "{\"fast\":20,\"slow\":50}},{\"id\":\"MA.SMA\",\"inputs\":{\"source\":\"hlc3\"}}]",
			 &err);

	(void)state;
	assert_non_null(e);
	assert_int_equal(evaluation_node_count(e), 3);
	assert_string_equal(evaluation_node_key(e, 0),
			    "5m {\"id\":\"ma.sma\",\"inputs\":{\"source\":\"close\"},\"params\":{\"window\":20}}");
	assert_string_equal(evaluation_node_key(e, 1),
			    "5m {\"id\":\"ma.sma\",\"inputs\":{\"source\":\"close\"},\"params\":{\"window\":50}}");
	assert_string_equal(evaluation_node_key(e, 2),
			    "5m {\"id\":\"ma.sma\",\"inputs\":{\"source\":\"hlc3\"},\"params\":{\"window\":20}}");
	assert_null(evaluation_node_key(e, 3));
	evaluation_free(e);
}

/* A restart replays from the same first bar and ends in the same place. */
static void a_replay_gives_the_same_signals(void **state)
{
	static enum signal first[2000];
	struct error err = ERROR_INIT;
	struct rng rng;

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct evaluation *e =
			open_for("[{\"id\":\"ma.ema\",\"params\":{\"window\":21}},{\"name\":\"MA\",\"params\":"
				 "{\"fast\":20,\"slow\":50}}]",
				 &err);
		double price = 100;
		int changes = 0;

		rng_seed(&rng, 4);
		for (size_t t = 0; t < 2000; t++) {
			struct bar bar;
			enum signal got;

			price *= 1 + 0.01 * rng_normal(&rng);
			bar = (struct bar){ { (int64_t)t * 300000 },	  price, price, price,
					    t % 300 == 299 ? NAN : price, 1 };
			got = evaluation_push(e, &bar);
			changes += t > 0 && got != first[t - 1];
			if (round == 0)
				first[t] = got;
			assert_int_equal(got, first[t]);
			if (t % 300 == 299)
				assert_int_equal(got, N);
		}
		assert_true(changes > 10);
		evaluation_free(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_families),
		cmocka_unit_test(all_must_agree),
		cmocka_unit_test(every_indicator_has_a_rule),
		cmocka_unit_test(the_ma_template_crosses),
		cmocka_unit_test(registry_ids_follow_their_rules),
		cmocka_unit_test(unsupported_specs_say_why),
		cmocka_unit_test(nodes_are_shared_and_named),
		cmocka_unit_test(a_replay_gives_the_same_signals),
	};

	return cmocka_run_group_tests_name("evaluation", tests, NULL, NULL);
}
