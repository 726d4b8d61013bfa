/* fill_range.h - minutes that have to be fetched from the exchange's REST interface, and why. */
#ifndef ROEHUB_DOMAIN_MARKET_FILL_RANGE_H
#define ROEHUB_DOMAIN_MARKET_FILL_RANGE_H

#include "base/utc.h"

/* The texts are part of the de-duplication key and of log lines. */
#define FILL_REASONS(X)                                                                                                \
	X(GAP, "gap")                                                                                                  \
	X(RECONNECT_TAIL, "reconnect_tail")                                                                            \
	X(BOOTSTRAP, "bootstrap")

enum fill_reason {
#define X(id, text) FILL_##id,
	FILL_REASONS(X)
#undef X
		FILL_REASON_COUNT
};

const char *fill_reason_text(enum fill_reason r);

struct fill_range {
	utc_t from, to; /* whole minutes, half-open, from < to */
	enum fill_reason reason;
};

#endif
