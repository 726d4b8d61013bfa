#include "base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void sha256(struct str data, uint8_t out[SHA256_BYTES])
{
	if (EVP_Digest(data.p, data.n, out, NULL, EVP_sha256(), NULL) != 1)
		abort(); /* no memory, or a library without SHA-256: nothing sensible can follow */
}

static const char hex_digits[] = "0123456789abcdef";

const char *sha256_hex(struct str data, char out[SHA256_HEX_MAX])
{
	uint8_t digest[SHA256_BYTES];

	sha256(data, digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		out[2 * i] = hex_digits[digest[i] >> 4];
		out[2 * i + 1] = hex_digits[digest[i] & 15];
	}
	out[2 * SHA256_BYTES] = '\0';
	return out;
}

static void hmac(const EVP_MD *digest, struct str key, struct str data, uint8_t *out)
{
	unsigned len = 0;

	if (HMAC(digest, key.n > 0 ? key.p : "", (int)key.n, (const unsigned char *)data.p, data.n, out, &len) == NULL)
		abort();
}

void hmac_sha256(struct str key, struct str data, uint8_t out[SHA256_BYTES]) { hmac(EVP_sha256(), key, data, out); }
void hmac_sha1(struct str key, struct str data, uint8_t out[SHA1_BYTES]) { hmac(EVP_sha1(), key, data, out); }

bool crypto_equal(struct str a, struct str b) { return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0); }

void crypto_random(void *out, size_t n)
{
	if (RAND_bytes(out, (int)n) != 1)
		abort();
}

void hex_encode(struct strbuf *sb, struct str data)
{
	for (size_t i = 0; i < data.n; i++) {
		unsigned char c = (unsigned char)data.p[i];

		strbuf_addch(sb, hex_digits[c >> 4]);
		strbuf_addch(sb, hex_digits[c & 15]);
	}
}

bool hex_decode(struct str text, uint8_t *out, size_t size, size_t *n)
{
	if (text.n % 2 != 0 || text.n / 2 > size)
		return false;
	for (size_t i = 0; i < text.n; i += 2) {
		int high = str_hex_digit(text.p[i]), low = str_hex_digit(text.p[i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	*n = text.n / 2;
	return true;
}

/* ---- base64: one codec, two alphabets --------------------------------------------------------------------------- */

static const char alphabet_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode64(struct strbuf *sb, struct str data, const char *alphabet, bool padding)
{
	const unsigned char *p = (const unsigned char *)data.p;

	for (size_t i = 0; i < data.n; i += 3) {
		size_t left = data.n - i;
		uint32_t v =
			(uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);

		strbuf_addch(sb, alphabet[v >> 18]);
		strbuf_addch(sb, alphabet[v >> 12 & 63]);
		if (left > 1)
			strbuf_addch(sb, alphabet[v >> 6 & 63]);
		if (left > 2)
			strbuf_addch(sb, alphabet[v & 63]);
		for (size_t pad = left; padding && pad < 3; pad++)
			strbuf_addch(sb, '=');
	}
}

static int value64(char c, const char *alphabet)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == alphabet[62] ? 62 : c == alphabet[63] ? 63 : -1;
}

/* text without padding; bits beyond the last byte must be zero, so that a text has one meaning and a meaning one text */
static bool decode64(struct str text, const char *alphabet, uint8_t *out, size_t size, size_t *n)
{
	uint32_t bits = 0;
	size_t written = 0;
	int have = 0;

	if (text.n % 4 == 1 || text.n / 4 * 3 + (text.n % 4 != 0 ? text.n % 4 - 1 : 0) > size)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		int v = value64(text.p[i], alphabet);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[written++] = (uint8_t)(bits >> have);
		}
	}
	if ((bits & ((1u << have) - 1)) != 0)
		return false;
	*n = written;
	return true;
}

void base64url_encode(struct strbuf *sb, struct str data) { encode64(sb, data, alphabet_url, false); }

bool base64url_decode(struct str text, uint8_t *out, size_t size, size_t *n)
{
	return decode64(text, alphabet_url, out, size, n);
}

void base64_encode(struct strbuf *sb, struct str data) { encode64(sb, data, alphabet_std, true); }

bool base64_decode(struct str text, uint8_t *out, size_t size, size_t *n)
{
	if (text.n % 4 != 0)
		return false;
	for (int pad = 0; pad < 2 && str_ends(text, STR("=")); pad++)
		text.n--;
	return decode64(text, alphabet_std, out, size, n);
}

/* ---- base32 ------------------------------------------------------------------------------------------------------- */

static const char alphabet_32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void base32_encode(struct strbuf *sb, struct str data)
{
	uint32_t bits = 0;
	int have = 0;

	for (size_t i = 0; i < data.n; i++) {
		bits = bits << 8 | (unsigned char)data.p[i];
		for (have += 8; have >= 5; have -= 5)
			strbuf_addch(sb, alphabet_32[bits >> (have - 5) & 31]);
	}
	if (have > 0)
		strbuf_addch(sb, alphabet_32[bits << (5 - have) & 31]);
}

bool base32_decode(struct str text, uint8_t *out, size_t size, size_t *n)
{
	size_t written = 0, tail = text.n % 8;
	uint32_t bits = 0;
	int have = 0;

	if (tail == 1 || tail == 3 || tail == 6 || text.n / 8 > size || text.n * 5 / 8 > size)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7')))
			return false;
		bits = bits << 5 | (uint32_t)(c >= 'A' ? c - 'A' : c - '2' + 26);
		have += 5;
		if (have >= 8) {
			have -= 8;
			out[written++] = (uint8_t)(bits >> have);
		}
	}
	if ((bits & ((1u << have) - 1)) != 0)
		return false;
	*n = written;
	return true;
}

/* ---- AES-GCM ------------------------------------------------------------------------------------------------------ */

static const EVP_CIPHER *aes_gcm(size_t key_bytes)
{
	return key_bytes == 16 ? EVP_aes_128_gcm() : key_bytes == 24 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
}

static const unsigned char *bytes(struct str s) { return (const unsigned char *)(s.p != NULL ? s.p : ""); }

void aes_gcm_seal(struct str key, const uint8_t nonce[AES_GCM_NONCE], struct str aad, struct str text, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, tail = 0;

	if (ctx == NULL || EVP_EncryptInit_ex(ctx, aes_gcm(key.n), NULL, bytes(key), nonce) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, bytes(aad), (int)aad.n) != 1 ||
	    EVP_EncryptUpdate(ctx, out, &n, bytes(text), (int)text.n) != 1 ||
	    EVP_EncryptFinal_ex(ctx, out + n, &tail) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, AES_GCM_TAG, out + text.n) != 1)
		abort(); /* no memory, or a library without AES: a secret must not be stored in any other way */
	EVP_CIPHER_CTX_free(ctx);
}

bool aes_gcm_open(struct str key, const uint8_t nonce[AES_GCM_NONCE], struct str aad, struct str sealed, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx;
	uint8_t tag[AES_GCM_TAG];
	size_t text = sealed.n - AES_GCM_TAG;
	int n = 0, tail = 0;
	bool ok;

	if (sealed.n < AES_GCM_TAG || (ctx = EVP_CIPHER_CTX_new()) == NULL)
		return false;
	memcpy(tag, sealed.p + text, sizeof(tag));
	ok = EVP_DecryptInit_ex(ctx, aes_gcm(key.n), NULL, bytes(key), nonce) == 1 &&
	     EVP_DecryptUpdate(ctx, NULL, &n, bytes(aad), (int)aad.n) == 1 &&
	     EVP_DecryptUpdate(ctx, out, &n, bytes(sealed), (int)text) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, AES_GCM_TAG, tag) == 1 &&
	     EVP_DecryptFinal_ex(ctx, out + n, &tail) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		explicit_bzero(out, text);
	return ok;
}

/* ---- secrets ------------------------------------------------------------------------------------------------------ */

bool secret_set(struct secret *s, struct str text)
{
	char *p = malloc(text.n + 1);

	if (p == NULL)
		return false;
	if (text.n > 0)
		memcpy(p, text.p, text.n);
	p[text.n] = '\0';
	log_redact(text); /* before the release: text may be the old secret */
	secret_release(s);
	s->p = p;
	s->n = text.n;
	return true;
}

struct str secret_str(const struct secret *s) { return (struct str){ s->p != NULL ? s->p : "", s->n }; }

void secret_release(struct secret *s)
{
	if (s->p != NULL) {
		explicit_bzero(s->p, s->n);
		free(s->p);
	}
	*s = (struct secret)SECRET_NONE;
}

bool secret_from_env(struct secret *s, const char *variable)
{
	struct str value = str_trim(str_from(getenv(variable)));

	*s = (struct secret)SECRET_NONE;
	return value.n == 0 || secret_set(s, value);
}
