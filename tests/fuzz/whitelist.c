/* Whatever an operator's file contains: accepted rows are normalised instruments. */
#include <assert.h>

#include "domain/market/whitelist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct whitelist w = { 0 };

	if (whitelist_parse((struct str){ (const char *)data, size }, &w, NULL, NULL, NULL) == 0)
		for (size_t i = 0; i < w.n; i++)
			assert(w.rows[i].instrument.market_id > 0 && w.rows[i].instrument.symbol[0] != '\0');
	whitelist_release(&w);
	return 0;
}
