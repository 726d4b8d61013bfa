/* whitelist.h - the operator's list of instruments: CSV text with the columns market_id, symbol, is_enabled.
 *
 * Columns in any order, others ignored; cells may be quoted ("" is a quote); blank lines are skipped; a byte order mark
 * is accepted. Of rows with the same (market_id, symbol) the last one counts, in its place. The whole text is refused at
 * the first bad row: "invalid whitelist row at line 3: is_enabled must be '0' or '1', got 'true'". The header is line 1.
 */
#ifndef ROEHUB_DOMAIN_MARKET_WHITELIST_H
#define ROEHUB_DOMAIN_MARKET_WHITELIST_H

#include "domain/market/instrument.h"

#define WHITELIST_BYTES_MAX (4u << 20)
#define WHITELIST_ROWS_MAX  20000

struct whitelist_row {
	struct instrument instrument;
	bool enabled;
	int line;
};

struct whitelist {
	struct whitelist_row *rows;
	size_t n, cap;
};

/* Told of every row that a later one replaced; line is the later one's. */
typedef void (*whitelist_on_duplicate)(const struct instrument *i, int line, void *arg);

/* out: whitelist_release; empty after a failure. on_duplicate may be NULL. */
int whitelist_parse(struct str text, struct whitelist *out, whitelist_on_duplicate on_duplicate, void *arg,
		    struct error *err);
void whitelist_release(struct whitelist *w);

#endif
