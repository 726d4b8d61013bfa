/* secret_envelope.h - a secret at rest: sealed with a fresh data key (DEK), which is sealed with a key-encryption key
 * (KEK); AES-GCM twice, both layers bound to the same associated data. Pure: randomness is an argument.
 *
 * Blob, integers big-endian:
 *   version 1   01 | 0c | 0c | len | DEK nonce 12 | sealed DEK 48 | secret nonce 12 | sealed secret n + 16
 *   version 2   02 | key id 4 | 0c | 0c | len | ...the same
 * The key id is the first four bytes of SHA-256("roehub.kek.id" || KEK): it tells which key opens a blob, so that several
 * may be in use while they are rotated. Version 2 is written; version 1 is read with every key.
 */
#ifndef ROEHUB_DOMAIN_IDENTITY_SECRET_ENVELOPE_H
#define ROEHUB_DOMAIN_IDENTITY_SECRET_ENVELOPE_H

#include "base/crypto.h"
#include "base/error.h"

#define ENVELOPE_KEYS_MAX     8
#define ENVELOPE_OVERHEAD_MAX 97
#define ENVELOPE_AAD_2FA      "roehub.identity.2fa.totp.v1"
#define ENVELOPE_AAD_KEYS     "roehub.identity.exchange_keys.v2|"

struct envelope_key {
	uint8_t id[4];
	uint8_t key[32];
	size_t n; /* 16, 24 or 32 */
};

/* The first key seals; all of them open. */
struct envelope_keys {
	struct envelope_key keys[ENVELOPE_KEYS_MAX];
	size_t count;
	const char *what; /* "2FA secret" or "exchange key", for the errors */
};

/* Fresh random bytes for one blob, made by the caller and wiped by envelope_seal(). */
struct envelope_entropy {
	uint8_t dek[32], dek_nonce[AES_GCM_NONCE], secret_nonce[AES_GCM_NONCE];
};

/* Adds a key given as strict base64. Errors name the variable: "<name> must be valid base64", "<name> must decode to 16,
 * 24, or 32 bytes for AES-GCM". */
int envelope_keys_add(struct envelope_keys *keys, struct str base64, const char *name, struct error *err);
void envelope_keys_wipe(struct envelope_keys *keys);

/* version: 2, or 1 for stores that older programs read. out has room for secret.n + ENVELOPE_OVERHEAD_MAX. */
size_t envelope_seal(const struct envelope_keys *keys, int version, struct str aad, struct str secret,
		     struct envelope_entropy *entropy, uint8_t *out);
/* out has room for blob.n; the text gets a NUL behind it. -1 with ERR_INTERNAL and the first check that failed; the
 * texts never contain bytes of the blob. */
int envelope_open(const struct envelope_keys *keys, struct str aad, struct str blob, char *out, size_t *n,
		  struct error *err);
/* Sealed with the first key in the version that is written today? */
bool envelope_is_current(const struct envelope_keys *keys, struct str blob);

#endif
