/* An instant that is read is printed in three forms, and those with milliseconds give it back. */
#include <assert.h>
#include <string.h>

#include "base/utc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	utc_t t = { 42 }, back, floor;
	char text[UTC_TEXT_MAX];

	if (!utc_parse((struct str){ (const char *)data, size }, &t)) {
		assert(t.ms == 42);
		return 0;
	}
	assert(utc_parse(str_from(utc_format_ms(t, text)), &back) && back.ms == t.ms);
	assert(strlen(text) == 24);
	assert(utc_parse(str_from(utc_format_api(t, text)), &back) && back.ms == t.ms);
	assert(strlen(utc_format_http(t, text)) == 29);
	floor = utc_floor(t, UTC_MINUTE_MS);
	assert(floor.ms <= t.ms && t.ms - floor.ms < UTC_MINUTE_MS && floor.ms % UTC_MINUTE_MS == 0);
	return 0;
}
