/* The roll-up of minutes into bars against the worked example and against a direct computation; the ring. */
#include "support/stack.h"

#include <math.h>

#include "base/random.h"
#include "domain/market/rollup.h"

static utc_t at(const char *text)
{
	utc_t t;

	assert_true(utc_parse(str_from(text), &t));
	return t;
}

static struct bar minute_bar(utc_t t, double price)
{
	return (struct bar){ t, price, price + 2, price - 2, price + 1, 10 };
}

static void five_minutes_close_on_the_fifth(void **state)
{
	utc_t t = at("2026-02-17T14:00:00.000Z");
	struct derived_bar closed;
	struct rollup r;

	(void)state;
	rollup_init(&r, TIMEFRAME_5M);
	for (int i = 0; i < 5; i++, t.ms += UTC_MINUTE_MS) {
		struct bar b = minute_bar(t, 100 + i);

		assert_int_equal(rollup_push(&r, &b, 7, &closed), i == 4 ? ROLLUP_CLOSED : ROLLUP_OPEN);
		assert_int_equal(r.count, (i + 1) % 5);
	}
	assert_true(utc_is_none(r.bucket_open));
	assert_int_equal(closed.bar.ts_open.ms, at("2026-02-17T14:00:00Z").ms);
	assert_true(closed.bar.open == 100 && closed.bar.high == 106 && closed.bar.low == 98 &&
		    closed.bar.close == 105);
	assert_true(closed.bar.volume == 50 && closed.volume_quote == 35);
}

static void one_minute_closes_at_once(void **state)
{
	struct bar b = minute_bar(utc_from_ms(60000), 5);
	struct derived_bar closed;
	struct rollup r;

	(void)state;
	rollup_init(&r, TIMEFRAME_1M);
	assert_int_equal(rollup_push(&r, &b, NAN, &closed), ROLLUP_CLOSED);
	assert_memory_equal(&closed.bar, &b, sizeof(b));
	assert_true(isnan(closed.volume_quote));
	assert_int_equal(r.count, 0);
}

static void entered_in_the_middle_never_closes(void **state)
{
	utc_t t = at("2026-02-17T14:02:00Z");
	struct derived_bar closed;
	struct rollup r;
	int closes = 0;

	(void)state;
	rollup_init(&r, TIMEFRAME_5M);
	for (int i = 0; i < 8; i++, t.ms += UTC_MINUTE_MS) {
		struct bar b = minute_bar(t, 1);

		closes += rollup_push(&r, &b, 1, &closed) == ROLLUP_CLOSED;
	}
	assert_int_equal(closes, 1);
	assert_int_equal(closed.bar.ts_open.ms, at("2026-02-17T14:05:00Z").ms);
}

static void a_skipped_minute_makes_a_nan_bar(void **state)
{
	struct derived_bar closed;
	struct rollup r;

	(void)state;
	for (int hole = 0; hole < 5; hole++) {
		utc_t t = at("2026-02-17T14:00:00Z");

		rollup_init(&r, TIMEFRAME_5M);
		for (int i = 0; i < 10; i++, t.ms += UTC_MINUTE_MS) {
			struct bar b = minute_bar(t, 1 + i);
			enum rollup_result got =
				i == hole ? rollup_skip(&r, t, &closed) : rollup_push(&r, &b, 1, &closed);

			assert_int_equal(got, i % 5 == 4 ? ROLLUP_CLOSED : ROLLUP_OPEN);
			if (i == 4) {
				assert_true(isnan(closed.bar.open) && isnan(closed.bar.high) && isnan(closed.bar.low));
				assert_true(isnan(closed.bar.close) && isnan(closed.bar.volume) &&
					    isnan(closed.volume_quote));
				assert_int_equal(closed.bar.ts_open.ms, at("2026-02-17T14:00:00Z").ms);
			}
		}
		assert_true(closed.bar.open == 6 && closed.bar.close == 11 && closed.bar.volume == 50);
	}
}

static void an_absent_quote_volume_stays_absent(void **state)
{
	struct derived_bar closed;
	struct rollup r;

	(void)state;
	rollup_init(&r, TIMEFRAME_5M);
	for (int i = 0; i < 5; i++) {
		struct bar b = minute_bar(utc_from_ms(i * 60000LL), 3);

		rollup_push(&r, &b, i == 1 ? NAN : 4, &closed);
	}
	assert_true(isnan(closed.volume_quote));
	assert_true(closed.bar.volume == 50);
}

static void disorder_changes_nothing(void **state)
{
	struct bar b = minute_bar(utc_from_ms(0), 3);
	struct derived_bar closed;
	struct rollup r, before;

	(void)state;
	rollup_init(&r, TIMEFRAME_15M);
	rollup_push(&r, &b, 1, &closed);
	before = r;
	assert_int_equal(rollup_push(&r, &b, 1, &closed), ROLLUP_DISORDER);
	b.ts_open.ms = 120000;
	assert_int_equal(rollup_push(&r, &b, 1, &closed), ROLLUP_DISORDER);
	assert_int_equal(rollup_skip(&r, utc_from_ms(0), &closed), ROLLUP_DISORDER);
	assert_memory_equal(&r, &before, sizeof(r));
}

/* Random prices over two days for every timeframe: the same bars as from columns. */
static void equals_the_direct_computation(void **state)
{
	enum { MINUTES = 2880 };
	static struct bar minutes[MINUTES];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 5);
	for (int i = 0; i < MINUTES; i++) {
		double o = 100 + rng_unit(&rng), c = 100 + rng_unit(&rng);

		minutes[i] = (struct bar){ utc_from_ms(i * 60000LL),	o, fmax(o, c) + rng_unit(&rng),
					   fmin(o, c) - rng_unit(&rng), c, rng_unit(&rng) };
	}
	for (int tf = 0; tf < TIMEFRAME_COUNT; tf++) {
		int need = timeframe_minutes((enum timeframe)tf), closes = 0;
		struct derived_bar closed;
		struct rollup r;

		rollup_init(&r, (enum timeframe)tf);
		for (int i = 0; i < MINUTES; i++) {
			struct bar want = minutes[i - i % need];

			if (rollup_push(&r, &minutes[i], 1, &closed) != ROLLUP_CLOSED)
				continue;
			for (int k = i - i % need + 1; k <= i; k++) {
				want.high = fmax(want.high, minutes[k].high);
				want.low = fmin(want.low, minutes[k].low);
				want.close = minutes[k].close;
				want.volume += minutes[k].volume;
			}
			assert_memory_equal(&closed.bar, &want, sizeof(want));
			closes++;
		}
		assert_int_equal(closes, MINUTES / need);
	}
}

static void the_ring_keeps_the_last(void **state)
{
	struct bars_ring ring;

	(void)state;
	assert_int_equal(bars_ring_init(&ring, 3, NULL), 0);
	assert_null(bars_ring_at(&ring, 0));
	for (int i = 0; i < 8; i++) {
		struct derived_bar bar = derived_bar_missing(utc_from_ms(i));

		bars_ring_push(&ring, &bar);
		assert_int_equal(ring.n, i < 3 ? i + 1 : 3);
		assert_int_equal(bars_ring_at(&ring, ring.n - 1)->bar.ts_open.ms, i);
		assert_int_equal(bars_ring_at(&ring, 0)->bar.ts_open.ms, i < 3 ? 0 : i - 2);
		assert_null(bars_ring_at(&ring, ring.n));
	}
	bars_ring_clear(&ring);
	assert_null(bars_ring_at(&ring, 0));
	bars_ring_release(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_minutes_close_on_the_fifth),
		cmocka_unit_test(one_minute_closes_at_once),
		cmocka_unit_test(entered_in_the_middle_never_closes),
		cmocka_unit_test(a_skipped_minute_makes_a_nan_bar),
		cmocka_unit_test(an_absent_quote_volume_stays_absent),
		cmocka_unit_test(disorder_changes_nothing),
		cmocka_unit_test(equals_the_direct_computation),
		cmocka_unit_test(the_ring_keeps_the_last),
	};

	return cmocka_run_group_tests_name("rollup", tests, NULL, NULL);
}
