/* Runs: transitions against the table of the specification, tolerant metadata, the checkpoint rule. */
#include "support/stack.h"

#include "domain/strategy/run.h"

static void transitions(void **state)
{
	/* rows and columns in the order of the enum */
	static const char table[RUN_STATE_COUNT][RUN_STATE_COUNT + 1] = { ".y.y.y", "..yy.y", "...y.y",
									  "....yy", "......", "......" };
	struct error err = ERROR_INIT;

	(void)state;
	for (int from = 0; from < RUN_STATE_COUNT; from++)
		for (int to = 0; to < RUN_STATE_COUNT; to++)
			assert_int_equal(run_transition_allowed((enum run_state)from, (enum run_state)to),
					 table[from][to] == 'y');
	assert_int_equal(run_transition_check(RUN_STARTING, RUN_RUNNING, &err), -1);
	assert_string_equal(err.message, "StrategyRun invalid transition 'starting' -> 'running'");
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_int_equal(run_transition_check(RUN_STOPPING, RUN_STOPPED, &err), 0);
}

static void texts_round_trip(void **state)
{
	enum run_state s;
	enum signal g;

	(void)state;
	for (int i = 0; i < RUN_STATE_COUNT; i++) {
		assert_true(run_state_parse(str_from(run_state_text((enum run_state)i)), &s));
		assert_int_equal(s, i);
		assert_int_equal(run_state_active(s), i < RUN_STOPPED);
	}
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		assert_true(signal_parse(str_from(signal_text((enum signal)i)), &g));
		assert_int_equal(g, i);
	}
	assert_false(run_state_parse(STR("paused"), &s));
	assert_false(signal_parse(STR("long"), &g));
}

static struct run_progress read_text(const char *text, enum timeframe tf)
{
	struct run_progress p;
	cJSON *json = json_parse(str_from(text), NULL, NULL, NULL);

	run_progress_read(json, tf, 50, "numeric_max_param_v1", &p);
	json_free(json);
	return p;
}

#define STORED                                                                                                         \
	"{\"evaluation\":{\"bucket_ts\":\"2026-02-17T13:55:00.000Z\",\"origin_ts\":\"2026-02-17T10:00:00.000Z\","      \
	"\"signal\":\"LONG\"},\"note\":{\"kept\":[1,2.5]},\"rollup\":{\"bucket_count_1m\":3,\"bucket_open_ts\":"       \
	"\"2026-02-17T14:00:00.000Z\",\"timeframe\":\"5m\"},\"warmup\":{\"algorithm\":\"numeric_max_param_v1\","       \
	"\"bars\":50,\"processed_bars\":10,\"satisfied\":false}}"

static void metadata_round_trips(void **state)
{
	struct run_progress p = read_text(STORED, TIMEFRAME_5M);
	cJSON *previous = json_parse(str_from(STORED), NULL, NULL, NULL);
	struct strbuf sb = STRBUF_INIT(4096);

	(void)state;
	assert_int_equal(p.processed_bars, 10);
	assert_int_equal(p.bucket_count_1m, 3);
	assert_int_equal(p.signal, SIGNAL_LONG);
	assert_false(run_warmed_up(&p));
	run_progress_write(&p, TIMEFRAME_5M, previous, &sb);
	assert_string_equal(strbuf_cstr(&sb), STORED);
	json_free(previous);
	strbuf_release(&sb);
}

static void a_new_run_has_plain_metadata(void **state)
{
	struct run_progress p = read_text("{}", TIMEFRAME_5M);
	struct strbuf sb = STRBUF_INIT(4096);

	(void)state;
	p.processed_bars = 50;
	run_progress_write(&p, TIMEFRAME_5M, NULL, &sb);
	assert_string_equal(
		strbuf_cstr(&sb),
		"{\"rollup\":{\"bucket_count_1m\":0,\"bucket_open_ts\":null,\"timeframe\":\"5m\"},\"warmup\":{"
		"\"algorithm\":\"numeric_max_param_v1\",\"bars\":50,\"processed_bars\":50,\"satisfied\":true}}");
	strbuf_release(&sb);
}

static void reading_is_tolerant(void **state)
{
	static const struct {
		const char *text;
		int64_t processed;
		int count;
	} rows[] = {
		{ "null", 0, 0 },
		{ "{\"warmup\":5,\"rollup\":[]}", 0, 0 },
		{ "{\"warmup\":{\"processed_bars\":true}}", 0, 0 },
		{ "{\"warmup\":{\"processed_bars\":-4}}", 0, 0 },
		{ "{\"warmup\":{\"processed_bars\":\"12\"}}", 12, 0 },
		{ "{\"warmup\":{\"processed_bars\":\"x\"}}", 0, 0 },
		{ "{\"warmup\":{\"processed_bars\":7,\"bars\":900}}", 7, 0 },
		{ "{\"rollup\":{\"bucket_count_1m\":3,\"bucket_open_ts\":\"2026-02-17T14:00:00Z\",\"timeframe\":\"5m\"}}",
		  0, 3 },
		{ "{\"rollup\":{\"bucket_count_1m\":3,\"bucket_open_ts\":\"2026-02-17T14:00:00Z\",\"timeframe\":\"1h\"}}",
		  0, 0 },
		{ "{\"rollup\":{\"bucket_count_1m\":3,\"bucket_open_ts\":\"\",\"timeframe\":\"5m\"}}", 0, 0 },
		{ "{\"rollup\":{\"bucket_count_1m\":3,\"bucket_open_ts\":\"tomorrow\",\"timeframe\":\"5m\"}}", 0, 0 },
		{ "{\"rollup\":{\"bucket_count_1m\":3,\"bucket_open_ts\":\"2026-02-17T14:01:00Z\",\"timeframe\":\"5m\"}}",
		  0, 0 },
		{ "{\"rollup\":{\"bucket_count_1m\":5,\"bucket_open_ts\":\"2026-02-17T14:00:00Z\",\"timeframe\":\"5m\"}}",
		  0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run_progress p = read_text(rows[i].text, TIMEFRAME_5M);

		if (p.processed_bars != rows[i].processed || p.bucket_count_1m != rows[i].count)
			fail_msg("row %zu: %lld, %d", i, (long long)p.processed_bars, p.bucket_count_1m);
		assert_int_equal(utc_is_none(p.bucket_open), rows[i].count == 0);
		assert_int_equal(p.warmup_bars, 50);
		assert_int_equal(p.signal, SIGNAL_NEUTRAL);
	}
}

/* Checkpoint 10:00; 09:59, 10:00, 10:01, 10:01, 10:02: three are dropped and the checkpoint ends at 10:02. */
static void checkpoint_example(void **state)
{
	static const int minutes[] = { -1, 0, 1, 1, 2 };
	utc_t base = utc_from_ms(36000000), checkpoint = base;
	int dropped = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(minutes); i++) {
		utc_t t = utc_from_ms(base.ms + minutes[i] * UTC_MINUTE_MS);

		switch (checkpoint_decide(checkpoint, t)) {
		case CHECKPOINT_APPLY:
			checkpoint = t;
			break;
		case CHECKPOINT_IGNORE:
			dropped++;
			break;
		case CHECKPOINT_GAP:
			fail_msg("a gap at %zu", i);
		}
	}
	assert_int_equal(dropped, 3);
	assert_int_equal(checkpoint.ms, base.ms + 2 * UTC_MINUTE_MS);
	assert_int_equal(checkpoint_decide(UTC_NONE, base), CHECKPOINT_APPLY);
	assert_int_equal(checkpoint_decide(base, utc_from_ms(base.ms + 3 * UTC_MINUTE_MS)), CHECKPOINT_GAP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transitions),		cmocka_unit_test(texts_round_trip),
		cmocka_unit_test(metadata_round_trips), cmocka_unit_test(a_new_run_has_plain_metadata),
		cmocka_unit_test(reading_is_tolerant),	cmocka_unit_test(checkpoint_example),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
