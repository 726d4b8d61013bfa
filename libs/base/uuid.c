#include "base/uuid.h"

#include <string.h>

#include "base/crypto.h"

struct uuid uuid_v4(void)
{
	struct uuid u;

	crypto_random(u.b, sizeof(u.b));
	u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40);
	u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
	return u;
}

bool uuid_parse(struct str text, struct uuid *out)
{
	bool hyphens = text.n == 36;
	struct uuid u;
	size_t at = 0;

	if (!hyphens && text.n != 32)
		return false;
	for (size_t i = 0; i < sizeof(u.b); i++) {
		int high, low;

		if (hyphens && (i == 4 || i == 6 || i == 8 || i == 10) && text.p[at++] != '-')
			return false;
		high = str_hex_digit(text.p[at]);
		low = str_hex_digit(text.p[at + 1]);
		if (high < 0 || low < 0)
			return false;
		u.b[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	*out = u;
	return true;
}

const char *uuid_format(struct uuid u, char text[UUID_TEXT_MAX])
{
	static const char hex[] = "0123456789abcdef";
	char *p = text;

	for (size_t i = 0; i < sizeof(u.b); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[u.b[i] >> 4];
		*p++ = hex[u.b[i] & 15];
	}
	*p = '\0';
	return text;
}

int uuid_cmp(struct uuid a, struct uuid b) { return memcmp(a.b, b.b, sizeof(a.b)); }

bool uuid_is_nil(struct uuid u) { return uuid_eq(u, (struct uuid){ { 0 } }); }
