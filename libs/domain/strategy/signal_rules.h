/* signal_rules.h - how the value of an indicator becomes LONG, SHORT or NEUTRAL: one row for each indicator id.
 *
 * A rule looks at one closed bar. Anything that is not a finite number gives NEUTRAL, and so does a bar on which both
 * directions hold. Live evaluation and backtests use this table.
 */
#ifndef ROEHUB_DOMAIN_STRATEGY_SIGNAL_RULES_H
#define ROEHUB_DOMAIN_STRATEGY_SIGNAL_RULES_H

#include "base/str.h"
#include "domain/strategy/run.h"

enum signal_family {
	SIGNAL_COMPARE_PRICE,  /* price above the output: LONG, below: SHORT */
	SIGNAL_THRESHOLD_BAND, /* long <= short: LONG at or below long, SHORT at or above short (mean reversion);
				  long > short: LONG at or above long, SHORT at or below short (trend) */
};

struct signal_thresholds {
	double long_at, short_at;
};

struct signal_rule {
	const char *indicator_id;
	enum signal_family family;
	struct signal_thresholds defaults; /* THRESHOLD_BAND only */
};

/* NULL: the indicator makes no signals. id as in the registry. */
const struct signal_rule *signal_rule_find(const char *indicator_id);
/* price: the node's source series on this bar; output: the primary output on it. */
enum signal signal_decide(enum signal_family family, const struct signal_thresholds *thresholds, double price,
			  double output);
/* a above b: LONG, below: SHORT, else NEUTRAL. */
enum signal signal_compare(double a, double b);
/* What all say, else NEUTRAL; also NEUTRAL when nobody says anything. */
enum signal signal_common(const enum signal *votes, size_t n);

#endif
