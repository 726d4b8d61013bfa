/* crypto.h - digests, MACs, encodings and randomness (OpenSSL underneath), and the type of a secret.
 *
 * Compare digests and tokens with crypto_equal() only. A struct secret is never passed to a log call: there is no
 * LOG_SECRET, and secret_release() wipes.
 */
#ifndef ROEHUB_BASE_CRYPTO_H
#define ROEHUB_BASE_CRYPTO_H

#include "base/strbuf.h"

#define SHA256_BYTES   32
#define SHA256_HEX_MAX 65
#define SHA1_BYTES     20
#define AES_GCM_NONCE  12
#define AES_GCM_TAG    16

void sha256(struct str data, uint8_t out[SHA256_BYTES]);
const char *sha256_hex(struct str data, char out[SHA256_HEX_MAX]); /* lower case */
void hmac_sha256(struct str key, struct str data, uint8_t out[SHA256_BYTES]);
void hmac_sha1(struct str key, struct str data, uint8_t out[SHA1_BYTES]); /* for RFC 4226 codes only */
bool crypto_equal(struct str a, struct str b); /* constant time for equal lengths */
void crypto_random(void *out, size_t n);       /* aborts when there is none */

void hex_encode(struct strbuf *sb, struct str data); /* lower case */
bool hex_decode(struct str text, uint8_t *out, size_t size, size_t *n);
void base64url_encode(struct strbuf *sb, struct str data);		      /* no padding */
bool base64url_decode(struct str text, uint8_t *out, size_t size, size_t *n); /* strict alphabet, no padding */
void base64_encode(struct strbuf *sb, struct str data);
bool base64_decode(struct str text, uint8_t *out, size_t size, size_t *n); /* strict, padding required */

void base32_encode(struct strbuf *sb, struct str data);			   /* RFC 4648, upper case, no padding */
bool base32_decode(struct str text, uint8_t *out, size_t size, size_t *n); /* upper case, no padding, no spare bits */

/* AES-GCM; key of 16, 24 or 32 bytes selects the cipher. out has room for text.n + AES_GCM_TAG: ciphertext, then tag. */
void aes_gcm_seal(struct str key, const uint8_t nonce[AES_GCM_NONCE], struct str aad, struct str text, uint8_t *out);
/* out has room for sealed.n - AES_GCM_TAG; false: shorter than a tag, or the tag does not verify (out is wiped). */
bool aes_gcm_open(struct str key, const uint8_t nonce[AES_GCM_NONCE], struct str aad, struct str sealed, uint8_t *out);

struct secret {
	char *p; /* NUL behind the n bytes */
	size_t n;
};

#define SECRET_NONE                                                                                                    \
	{                                                                                                              \
		NULL, 0                                                                                                \
	}

/* Copies and registers the text with the log's redaction. false: out of memory. */
bool secret_set(struct secret *s, struct str text);
struct str secret_str(const struct secret *s);
void secret_release(struct secret *s);
/* The trimmed value of an environment variable; an unset or blank one leaves an empty secret. */
bool secret_from_env(struct secret *s, const char *variable);

#endif
