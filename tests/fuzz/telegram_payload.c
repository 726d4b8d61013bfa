/* No login payload that was not signed by the bot token is genuine. */
#include <assert.h>

#include "domain/identity/telegram_login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *json = json_parse((struct str){ (const char *)data, size }, NULL, NULL, NULL);
	struct login_refusal refusal = { "", "" };
	struct telegram_login who;

	if (cJSON_IsObject(json))
		assert(!telegram_login_check(json, STR("unknown"), utc_from_ms(1771070400000LL), &who, &refusal));
	json_free(json);
	return 0;
}
