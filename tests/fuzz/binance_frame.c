/* A frame of the exchange never harms, and a closed bar that is accepted is a valid candle. */
#include <assert.h>

#include "adapters/binance/spot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct binance_frame f;
	struct error err = ERROR_INIT;

	if (binance_parse_frame((struct str){ (const char *)data, size }, &f, &err) == BINANCE_FRAME_CLOSED)
		assert(candle_check(&f.candle, NULL) == 0 && f.candle.ts_open.ms % 60000 == 0);
	return 0;
}
