#include "domain/identity/exchange_key.h"

#include <stdio.h>

#include "domain/identity/secret_envelope.h"

const char *const EXCHANGE_KEY_EXCHANGES[] = { "binance", "bybit", NULL };
const char *const EXCHANGE_KEY_MARKETS[] = { "spot", "futures", NULL };
const char *const EXCHANGE_KEY_PERMISSIONS[] = { "read", "trade", NULL };

static bool starts_character(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

void exchange_key_last4(struct str api_key, char out[EXCHANGE_KEY_LAST4_MAX])
{
	size_t from = api_key.n;

	for (int characters = 0; from > 0 && characters < 4;)
		characters += starts_character(api_key.p[--from]);
	str_copy(out, EXCHANGE_KEY_LAST4_MAX, str_slice(api_key, from, api_key.n));
}

struct str exchange_key_aad(struct uuid user_id, struct uuid key_id, enum exchange_key_field field,
			    char out[EXCHANGE_KEY_AAD_MAX])
{
	static const char *const names[EXCHANGE_KEY_FIELDS] = { "api_key", "api_secret", "passphrase" };
	char user[UUID_TEXT_MAX], key[UUID_TEXT_MAX];

	snprintf(out, EXCHANGE_KEY_AAD_MAX, ENVELOPE_AAD_KEYS "%s|%s|%s", uuid_format(user_id, user),
		 uuid_format(key_id, key), names[field]);
	return str_from(out);
}
