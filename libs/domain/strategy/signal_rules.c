#include "domain/strategy/signal_rules.h"

#include <math.h>
#include <string.h>

static const struct signal_rule RULES[] = {
	{ "ma.ema", SIGNAL_COMPARE_PRICE, { 0, 0 } },
	{ "ma.sma", SIGNAL_COMPARE_PRICE, { 0, 0 } },
	{ "momentum.rsi", SIGNAL_THRESHOLD_BAND, { 30, 70 } },
};

const struct signal_rule *signal_rule_find(const char *indicator_id)
{
	for (size_t i = 0; i < ARRAY_LEN(RULES); i++)
		if (strcmp(RULES[i].indicator_id, indicator_id) == 0)
			return &RULES[i];
	return NULL;
}

static enum signal one_of(bool is_long, bool is_short)
{
	if (is_long == is_short)
		return SIGNAL_NEUTRAL;
	return is_long ? SIGNAL_LONG : SIGNAL_SHORT;
}

enum signal signal_compare(double a, double b)
{
	if (!isfinite(a) || !isfinite(b))
		return SIGNAL_NEUTRAL;
	return one_of(a > b, a < b);
}

static enum signal in_band(const struct signal_thresholds *t, double x)
{
	if (!isfinite(x))
		return SIGNAL_NEUTRAL;
	if (t->long_at <= t->short_at)
		return one_of(x <= t->long_at, x >= t->short_at);
	return one_of(x >= t->long_at, x <= t->short_at);
}

enum signal signal_decide(enum signal_family family, const struct signal_thresholds *thresholds, double price,
			  double output)
{
	switch (family) {
	case SIGNAL_THRESHOLD_BAND:
		return in_band(thresholds, output);
	case SIGNAL_COMPARE_PRICE:
	default:
		return signal_compare(price, output);
	}
}

enum signal signal_common(const enum signal *votes, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (votes[i] != votes[0])
			return SIGNAL_NEUTRAL;
	return n == 0 ? SIGNAL_NEUTRAL : votes[0];
}
