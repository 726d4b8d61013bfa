#include "domain/identity/totp.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"

#define SCHEME "otpauth://totp/"
#define ISSUER "Roehub"

bool totp_code_valid(struct str code)
{
	if (code.n != TOTP_CODE_DIGITS)
		return false;
	for (size_t i = 0; i < code.n; i++)
		if (code.p[i] < '0' || code.p[i] > '9')
			return false;
	return true;
}

int64_t totp_step(utc_t now) { return utc_floor(now, TOTP_PERIOD_S * 1000).ms / (TOTP_PERIOD_S * 1000); }

static void code_of(struct str key, int64_t step, char code[TOTP_CODE_DIGITS + 1])
{
	uint8_t counter[8], digest[SHA1_BYTES];
	uint32_t value;
	int at;

	for (int i = 0; i < 8; i++)
		counter[i] = (uint8_t)((uint64_t)step >> (8 * (7 - i)));
	hmac_sha1(key, (struct str){ (const char *)counter, sizeof(counter) }, digest);
	at = digest[SHA1_BYTES - 1] & 15;
	value = (uint32_t)(digest[at] & 0x7f) << 24 | (uint32_t)digest[at + 1] << 16 | (uint32_t)digest[at + 2] << 8 |
		digest[at + 3];
	snprintf(code, TOTP_CODE_DIGITS + 1, "%06u", value % 1000000);
}

bool totp_code(struct str secret, int64_t step, char code[TOTP_CODE_DIGITS + 1])
{
	uint8_t key[TOTP_SECRET_MAX];
	size_t n;

	if (secret.n == 0 || secret.n > TOTP_SECRET_MAX || !base32_decode(secret, key, sizeof(key), &n))
		return false;
	code_of((struct str){ (const char *)key, n }, step, code);
	explicit_bzero(key, sizeof(key));
	return true;
}

bool totp_match(struct str secret, struct str code, utc_t now, int64_t after_step, int64_t *step)
{
	int64_t current = totp_step(now);
	bool found = false;

	for (int64_t s = current - 1; s <= current + 1; s++) {
		char expected[TOTP_CODE_DIGITS + 1];

		if (!totp_code(secret, s, expected))
			return false;
		if (crypto_equal(code, str_from(expected)) && s > after_step) {
			*step = s;
			found = true;
		}
	}
	return found;
}

void totp_uri(struct uuid user_id, struct str secret, struct strbuf *out)
{
	char id[UUID_TEXT_MAX];

	strbuf_addf(out, SCHEME ISSUER ":%s?secret=%.*s&issuer=" ISSUER, uuid_format(user_id, id), STR_ARG(secret));
}

bool totp_uri_secret(struct str uri, struct str *secret)
{
	size_t mark = str_find_byte(uri, '?'), end = str_find_byte(uri, '#');
	struct str rest, pair;
	uint8_t key[TOTP_SECRET_MAX];
	size_t n, found = 0;

	if (!str_starts(uri, STR(SCHEME)) || mark == SIZE_MAX || end < mark)
		return false;
	rest = str_slice(uri, mark + 1, MIN_OF(end, uri.n));
	while (str_split(&rest, '&', &pair))
		if (str_starts(pair, STR("secret="))) {
			*secret = str_slice(pair, 7, pair.n);
			found++;
		}
	if (found != 1 || secret->n == 0 || secret->n > TOTP_SECRET_MAX ||
	    !base32_decode(*secret, key, sizeof(key), &n))
		return false;
	explicit_bzero(key, sizeof(key));
	return true;
}
