#include "domain/identity/secret_envelope.h"

#include <string.h>

#define SEALED_DEK  (32 + AES_GCM_TAG)
#define LENGTHS	    4 /* two nonce lengths and the length of the sealed DEK */
#define KEY_ID	    4
#define VERSION_NOW 2

static struct str span(const uint8_t *p, size_t n) { return (struct str){ (const char *)p, n }; }

/* ---- keys ---------------------------------------------------------------------------------------------------------- */

static void name_key(struct envelope_key *k)
{
	static const char label[] = "roehub.kek.id";
	uint8_t input[sizeof(label) - 1 + sizeof(k->key)], digest[SHA256_BYTES];

	memcpy(input, label, sizeof(label) - 1);
	memcpy(input + sizeof(label) - 1, k->key, k->n);
	sha256(span(input, sizeof(label) - 1 + k->n), digest);
	memcpy(k->id, digest, sizeof(k->id));
	explicit_bzero(input, sizeof(input));
}

int envelope_keys_add(struct envelope_keys *keys, struct str base64, const char *name, struct error *err)
{
	struct envelope_key *k = &keys->keys[keys->count];
	uint8_t raw[64];
	size_t n = 0;

	if (keys->count == ENVELOPE_KEYS_MAX)
		return error_set(err, ERR_INVALID, "%s holds too many keys, %d at most", name, ENVELOPE_KEYS_MAX - 1);
	if (!base64_decode(base64, raw, sizeof(raw), &n))
		return error_set(err, ERR_INVALID, "%s must be valid base64", name);
	if (n == 16 || n == 24 || n == 32) {
		memcpy(k->key, raw, n);
		k->n = n;
		name_key(k);
		keys->count++;
	}
	explicit_bzero(raw, sizeof(raw));
	return n == 16 || n == 24 || n == 32 ? 0
					     : error_set(err, ERR_INVALID,
							 "%s must decode to 16, 24, or 32 bytes for AES-GCM", name);
}

void envelope_keys_wipe(struct envelope_keys *keys) { explicit_bzero(keys->keys, sizeof(keys->keys)); }

/* ---- seal ---------------------------------------------------------------------------------------------------------- */

size_t envelope_seal(const struct envelope_keys *keys, int version, struct str aad, struct str secret,
		     struct envelope_entropy *entropy, uint8_t *out)
{
	const struct envelope_key *kek = &keys->keys[0];
	uint8_t *p = out;

	*p++ = (uint8_t)version;
	if (version != 1) {
		memcpy(p, kek->id, KEY_ID);
		p += KEY_ID;
	}
	memcpy(p, (const uint8_t[]){ AES_GCM_NONCE, AES_GCM_NONCE, 0, SEALED_DEK }, LENGTHS);
	p += LENGTHS;
	memcpy(p, entropy->dek_nonce, AES_GCM_NONCE);
	p += AES_GCM_NONCE;
	aes_gcm_seal(span(kek->key, kek->n), entropy->dek_nonce, aad, span(entropy->dek, sizeof(entropy->dek)), p);
	p += SEALED_DEK;
	memcpy(p, entropy->secret_nonce, AES_GCM_NONCE);
	p += AES_GCM_NONCE;
	aes_gcm_seal(span(entropy->dek, sizeof(entropy->dek)), entropy->secret_nonce, aad, secret, p);
	p += secret.n + AES_GCM_TAG;
	explicit_bzero(entropy, sizeof(*entropy));
	return (size_t)(p - out);
}

/* ---- open ---------------------------------------------------------------------------------------------------------- */

/* The parts of a blob, borrowed from it. */
struct parts {
	int version;
	const uint8_t *key_id; /* NULL in version 1 */
	const uint8_t *dek_nonce, *secret_nonce;
	struct str dek, secret;
};

static int refuse(const struct envelope_keys *keys, const char *text, struct error *err)
{
	return error_set(err, ERR_INTERNAL, "Encrypted %s %s", keys->what, text);
}

static int take_apart(const struct envelope_keys *keys, struct str blob, struct parts *out, struct error *err)
{
	const uint8_t *p = (const uint8_t *)blob.p;
	size_t head = blob.n > 0 && p[0] == 2 ? 1 + KEY_ID + LENGTHS : 1 + LENGTHS, dek_length;

	if (blob.n < head)
		return refuse(keys, "blob is too short", err);
	out->version = p[0];
	out->key_id = p[0] == 2 ? p + 1 : NULL;
	p += head - LENGTHS;
	dek_length = (size_t)p[2] << 8 | p[3];
	if (blob.n - head < (size_t)p[0] + p[1] + dek_length + AES_GCM_TAG + 1)
		return refuse(keys, "blob payload is truncated", err);
	if (out->version != 1 && out->version != 2)
		return error_set(err, ERR_INTERNAL, "Unsupported encrypted %s blob version", keys->what);
	if (p[0] != AES_GCM_NONCE)
		return refuse(keys, "blob contains invalid DEK nonce length", err);
	if (p[1] != AES_GCM_NONCE)
		return refuse(keys, "blob contains invalid secret nonce length", err);
	if (dek_length <= AES_GCM_TAG)
		return refuse(keys, "blob contains invalid encrypted DEK length", err);
	out->dek_nonce = p + LENGTHS;
	out->dek = span(out->dek_nonce + AES_GCM_NONCE, dek_length);
	out->secret_nonce = out->dek_nonce + AES_GCM_NONCE + dek_length;
	out->secret =
		span(out->secret_nonce + AES_GCM_NONCE, blob.n - head - (size_t)2 * AES_GCM_NONCE - dek_length);
	return 0;
}

static bool open_with(const struct envelope_key *kek, struct str aad, const struct parts *parts, char *out)
{
	uint8_t dek[32];
	bool ok = parts->dek.n == SEALED_DEK &&
		  aes_gcm_open(span(kek->key, kek->n), parts->dek_nonce, aad, parts->dek, dek) &&
		  aes_gcm_open(span(dek, sizeof(dek)), parts->secret_nonce, aad, parts->secret, (uint8_t *)out);

	explicit_bzero(dek, sizeof(dek));
	return ok;
}

int envelope_open(const struct envelope_keys *keys, struct str aad, struct str blob, char *out, size_t *n,
		  struct error *err)
{
	struct parts parts = { 0 };
	bool known = false, opened = false;

	if (take_apart(keys, blob, &parts, err) != 0)
		return -1;
	for (size_t i = 0; i < keys->count && !opened; i++)
		if (parts.key_id == NULL || memcmp(parts.key_id, keys->keys[i].id, KEY_ID) == 0) {
			known = true;
			opened = open_with(&keys->keys[i], aad, &parts, out);
		}
	if (!known)
		return refuse(keys, "blob is sealed with a key that is not configured", err);
	if (!opened)
		return refuse(keys, "blob authentication failed", err);
	*n = parts.secret.n - AES_GCM_TAG;
	out[*n] = '\0';
	if (*n == 0)
		return refuse(keys, "plaintext is empty", err);
	if (!str_is_utf8((struct str){ out, *n })) {
		explicit_bzero(out, *n);
		return refuse(keys, "plaintext is not valid UTF-8", err);
	}
	return 0;
}

bool envelope_is_current(const struct envelope_keys *keys, struct str blob)
{
	return blob.n > 1 + KEY_ID && (uint8_t)blob.p[0] == VERSION_NOW && keys->count > 0 &&
	       memcmp(blob.p + 1, keys->keys[0].id, KEY_ID) == 0;
}
