/* Sealed secrets: the worked vectors to the byte, every refusal, every flipped bit, and keys that change. */
#include "support/stack.h"

#include "domain/identity/exchange_key.h"
#include "domain/identity/secret_envelope.h"

#define KEY_2FA	 "cm9laHViLWRldi1pZGVudGl0eS0yZmEta2V5LTAwMDE="
#define KEY_KEYS "cm9laHViLWRldi1leGNoYW5nZS1rZXkta2VrLTAwMDE="
#define AAD_KEY                                                                                                        \
	"roehub.identity.exchange_keys.v2|00000000-0000-0000-0000-000000000100|00000000-0000-0000-0000-000000000200|"
#define BLOB_2FA                                                                                                       \
	"010c0c0030a0a1a2a3a4a5a6a7a8a9aaab541947910768c233d1bb08894b1f80bef3b3192132d9c1e951748c9b4f46305c"            \
	"db8772227be3c3079bb0d3f4f478f534b0b1b2b3b4b5b6b7b8b9babbd31709fcb5feff0f02b0c7e9fe0dd0922017715ee2"            \
	"f2977c4027d194d57b405a"
#define BLOB_KEY                                                                                                       \
	"010c0c0030a0a1a2a3a4a5a6a7a8a9aaabab73059829882ac1baa6802ca76892ad7870749ceeb454062be4ba6e2cab130a"            \
	"c0b6994c4d1155390cf07d5db45d59aeb0b1b2b3b4b5b6b7b8b9babbea202ace9ee0c83a248af2d6e02be9aef15979a285"            \
	"e23d5ec9b9cb304b0a8f8d692b"

static struct envelope_keys keys_of(const char *what, const char *a, const char *b)
{
	struct envelope_keys keys = { .what = what };

	assert_int_equal(envelope_keys_add(&keys, str_from(a), "KEY", NULL), 0);
	if (b != NULL)
		assert_int_equal(envelope_keys_add(&keys, str_from(b), "KEY", NULL), 0);
	return keys;
}

static struct envelope_entropy fixed_entropy(void)
{
	struct envelope_entropy e;

	for (size_t i = 0; i < sizeof(e.dek); i++)
		e.dek[i] = (uint8_t)i;
	for (size_t i = 0; i < AES_GCM_NONCE; i++) {
		e.dek_nonce[i] = (uint8_t)(0xa0 + i);
		e.secret_nonce[i] = (uint8_t)(0xb0 + i);
	}
	return e;
}

static size_t unhex(const char *hex, uint8_t *out, size_t size)
{
	size_t n;

	assert_true(hex_decode(str_from(hex), out, size, &n));
	return n;
}

static void vectors(void **state)
{
	static const struct {
		const char *key, *aad, *secret, *blob;
		size_t bytes;
	} rows[] = {
		{ KEY_2FA, ENVELOPE_AAD_2FA, "JBSWY3DPEHPK3PXP", BLOB_2FA, 109 },
		{ KEY_KEYS, AAD_KEY "api_key", "super-secret-value", BLOB_KEY, 111 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct envelope_keys keys = keys_of("2FA secret", rows[i].key, NULL);
		struct envelope_entropy entropy = fixed_entropy();
		struct strbuf hex = STRBUF_INIT(1024);
		uint8_t blob[256];
		char text[256];
		size_t n = envelope_seal(&keys, 1, str_from(rows[i].aad), str_from(rows[i].secret), &entropy, blob), m;

		assert_int_equal(n, rows[i].bytes);
		hex_encode(&hex, (struct str){ (char *)blob, n });
		assert_string_equal(strbuf_cstr(&hex), rows[i].blob);
		strbuf_release(&hex);
		assert_int_equal(envelope_open(&keys, str_from(rows[i].aad), (struct str){ (char *)blob, n }, text, &m,
					       NULL),
				 0);
		assert_string_equal(text, rows[i].secret);
		for (size_t b = 0; b < sizeof(entropy); b++) /* used once, and gone */
			assert_int_equal(((uint8_t *)&entropy)[b], 0);
	}
}

static void refusals(void **state)
{
	static const struct {
		const char *name, *hex, *text;
	} rows[] = {
		{ "nothing", "", "Encrypted exchange key blob is too short" },
		{ "four bytes", "010c0c00", "Encrypted exchange key blob is too short" },
		{ "header of version 2 cut", "02aabbccdd0c0c00", "Encrypted exchange key blob is too short" },
		{ "header only", "010c0c0030", "Encrypted exchange key blob payload is truncated" },
		{ "other version", "07" "0c0c0030" BLOB_KEY, "Unsupported encrypted exchange key blob version" },
		{ "DEK nonce", "010d0c0030" BLOB_KEY, "Encrypted exchange key blob contains invalid DEK nonce length" },
		{ "secret nonce", "010c0b0030" BLOB_KEY,
		  "Encrypted exchange key blob contains invalid secret nonce length" },
		{ "DEK of a tag only", "010c0c0010" BLOB_KEY,
		  "Encrypted exchange key blob contains invalid encrypted DEK length" },
		{ "DEK of another length", "010c0c0031" BLOB_KEY, "Encrypted exchange key blob authentication failed" },
		{ "length beyond the end", "010c0cffff" BLOB_KEY, "Encrypted exchange key blob payload is truncated" },
		{ "unknown key id", "02000000000c0c0030" BLOB_KEY,
		  "Encrypted exchange key blob is sealed with a key that is not configured" },
	};
	struct envelope_keys keys = keys_of("exchange key", KEY_KEYS, NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t blob[512];
		char text[512];
		struct error err = ERROR_INIT;
		size_t n = unhex(rows[i].hex, blob, sizeof(blob)), m;

		assert_int_equal(
			envelope_open(&keys, STR(AAD_KEY "api_key"), (struct str){ (char *)blob, n }, text, &m, &err), -1);
		if (strcmp(err.message, rows[i].text) != 0)
			fail_msg("%s: %s", rows[i].name, err.message);
		assert_int_equal(err.code, ERR_INTERNAL);
	}
}

static void another_place_or_a_flipped_bit_is_refused(void **state)
{
	struct envelope_keys keys = keys_of("exchange key", KEY_KEYS, NULL);
	struct error err = ERROR_INIT;
	uint8_t blob[256];
	char text[256];
	size_t n = unhex(BLOB_KEY, blob, sizeof(blob)), m;

	(void)state;
	assert_int_equal(
		envelope_open(&keys, STR(AAD_KEY "api_secret"), (struct str){ (char *)blob, n }, text, &m, &err), -1);
	assert_string_equal(err.message, "Encrypted exchange key blob authentication failed");
	for (size_t bit = 0; bit < n * 8; bit++) {
		blob[bit / 8] ^= (uint8_t)(1 << (bit % 8));
		assert_int_equal(
			envelope_open(&keys, STR(AAD_KEY "api_key"), (struct str){ (char *)blob, n }, text, &m, NULL), -1);
		blob[bit / 8] ^= (uint8_t)(1 << (bit % 8));
	}
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(
			envelope_open(&keys, STR(AAD_KEY "api_key"), (struct str){ (char *)blob, cut }, text, &m, NULL),
			-1);
}

static void keys_change(void **state)
{
	struct envelope_keys old = keys_of("2FA secret", KEY_2FA, NULL), fresh = keys_of("2FA secret", KEY_KEYS, NULL);
	struct envelope_keys both = keys_of("2FA secret", KEY_KEYS, KEY_2FA);
	struct envelope_entropy entropy = fixed_entropy();
	uint8_t v1[256], v2[256];
	char text[256];
	size_t n1 = unhex(BLOB_2FA, v1, sizeof(v1)), n2, m;

	(void)state;
	n2 = envelope_seal(&old, 2, STR(ENVELOPE_AAD_2FA), STR("JBSWY3DPEHPK3PXP"), &entropy, v2);
	assert_int_equal(n2, n1 + 4);
	for (int version = 1; version <= 2; version++) {
		struct str blob = version == 1 ? (struct str){ (char *)v1, n1 } : (struct str){ (char *)v2, n2 };

		assert_int_equal(envelope_open(&both, STR(ENVELOPE_AAD_2FA), blob, text, &m, NULL), 0);
		assert_string_equal(text, "JBSWY3DPEHPK3PXP");
		assert_int_equal(envelope_open(&fresh, STR(ENVELOPE_AAD_2FA), blob, text, &m, NULL), -1);
		assert_false(envelope_is_current(&both, blob));
	}
	assert_false(envelope_is_current(&old, (struct str){ (char *)v1, n1 }));
	assert_true(envelope_is_current(&old, (struct str){ (char *)v2, n2 }));
}

static void keys_are_checked(void **state)
{
	static const struct {
		const char *base64, *text;
	} rows[] = {
		{ "not-base64", "X must be valid base64" },
		{ "AAAA", "X must decode to 16, 24, or 32 bytes for AES-GCM" },
		{ "", "X must decode to 16, 24, or 32 bytes for AES-GCM" },
	};
	struct envelope_keys keys = { .what = "2FA secret" };
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(envelope_keys_add(&keys, str_from(rows[i].base64), "X", &err), -1);
		assert_string_equal(err.message, rows[i].text);
	}
	for (int i = 0; i < ENVELOPE_KEYS_MAX; i++)
		assert_int_equal(envelope_keys_add(&keys, STR("AAAAAAAAAAAAAAAAAAAAAA=="), "X", &err), 0);
	assert_int_equal(envelope_keys_add(&keys, STR("AAAAAAAAAAAAAAAAAAAAAA=="), "X", &err), -1);
}

static void what_an_exchange_key_shows(void **state)
{
	static const struct {
		const char *key, *last4;
	} rows[] = { { "ABCD12345678", "5678" },
		     { "abc", "abc" },
		     { "x", "x" },
		     { "\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87\xf0\x9f\x94\x91", "\xd0\xbb\xd1\x8e\xd1\x87\xf0\x9f\x94\x91" } };
	char last4[EXCHANGE_KEY_LAST4_MAX], aad[EXCHANGE_KEY_AAD_MAX];
	struct uuid user, key;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		exchange_key_last4(str_from(rows[i].key), last4);
		assert_string_equal(last4, rows[i].last4);
	}
	assert_true(uuid_parse(STR("00000000-0000-0000-0000-000000000100"), &user));
	assert_true(uuid_parse(STR("00000000-0000-0000-0000-000000000200"), &key));
	assert_true(str_eq_c(exchange_key_aad(user, key, EXCHANGE_KEY_PASSPHRASE, aad), AAD_KEY "passphrase"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(refusals),
		cmocka_unit_test(another_place_or_a_flipped_bit_is_refused),
		cmocka_unit_test(keys_change),
		cmocka_unit_test(keys_are_checked),
		cmocka_unit_test(what_an_exchange_key_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
