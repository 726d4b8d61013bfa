/* No text that was not signed by us is a session. */
#include <assert.h>

#include "domain/identity/session_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str key = STR("a key that the input does not know");
	struct session_refusal refusal = { "", "" };
	struct session_claims claims;

	assert(!session_token_verify((struct str){ (const char *)data, size }, &key, 1, utc_from_ms(1771070400000LL),
				     &claims, &refusal));
	assert(refusal.code[0] != '\0');
	return 0;
}
