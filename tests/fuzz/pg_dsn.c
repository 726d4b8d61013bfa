/* DSNs of any shape: refused, or normalised into the caller's buffer. */
#include <assert.h>
#include <string.h>

#include "adapters/postgres/pg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[512];

	if (pg_dsn_normalise((struct str){ (const char *)data, size }, out, sizeof(out), NULL) == 0)
		assert(strlen(out) < sizeof(out));
	return 0;
}
