/* A page of klines never harms, stays in its window and within the caller's room. */
#include <assert.h>

#include "adapters/binance/spot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct candle rows[16];
	size_t n = 0;
	utc_t from = { 0 }, to = { 4000000000000LL };

	if (binance_parse_klines((struct str){ (const char *)data, size }, from, to, rows, 16, &n, NULL) == 0)
		for (size_t i = 0; i < n; i++)
			assert(rows[i].ts_open.ms >= from.ms && rows[i].ts_open.ms < to.ms);
	assert(n <= 16);
	return 0;
}
