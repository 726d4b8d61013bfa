/* Digests and encodings against published vectors; decoders that accept one spelling only; secrets that are wiped. */
#include "support/stack.h"

#include "base/crypto.h"
#include "base/log.h"

static struct str bytes(const uint8_t *p, size_t n) { return (struct str){ (const char *)p, n }; }

static const char *hex_of(const uint8_t *p, size_t n)
{
	static struct strbuf sb = STRBUF_INIT(4096);

	strbuf_reset(&sb);
	hex_encode(&sb, bytes(p, n));
	return strbuf_cstr(&sb);
}

/* FIPS 180-4, examples of the NIST. */
static void sha256_vectors(void **state)
{
	static const struct {
		const char *text, *digest;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t digest[SHA256_BYTES];
		char hex[SHA256_HEX_MAX];

		assert_string_equal(sha256_hex(str_from(rows[i].text), hex), rows[i].digest);
		sha256(str_from(rows[i].text), digest);
		assert_string_equal(hex_of(digest, sizeof(digest)), rows[i].digest);
	}
	sha256(STR_NULL, (uint8_t[SHA256_BYTES]){ 0 });
}

/* RFC 4231, test cases 1, 2, 6 and 7; the empty message from an independent implementation. */
static void hmac_vectors(void **state)
{
	char key1[20], key6[131];
	const struct {
		struct str key, data;
		const char *mac;
	} rows[] = {
		{ { key1, sizeof(key1) },
		  STR("Hi There"),
		  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ STR("Jefe"), STR("what do ya want for nothing?"),
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ { key6, sizeof(key6) },
		  STR("Test Using Larger Than Block-Size Key - Hash Key First"),
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ { key6, sizeof(key6) },
		  STR("This is a test using a larger than block-size key and a larger than block-size data. "
		      "The key needs to be hashed before being used by the HMAC algorithm."),
		  "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
		{ STR_NULL, STR_NULL, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
	};

	(void)state;
	memset(key1, 0x0b, sizeof(key1));
	memset(key6, 0xaa, sizeof(key6));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t mac[SHA256_BYTES];

		hmac_sha256(rows[i].key, rows[i].data, mac);
		assert_string_equal(hex_of(mac, sizeof(mac)), rows[i].mac);
	}
}

static void hex_is_read_in_both_cases(void **state)
{
	static const char *const bad[] = { "0", "0g", "zz", "0 ", "00112233445566778" };
	uint8_t out[8];
	size_t n = 42;

	(void)state;
	assert_true(hex_decode(STR("00fFAb"), out, sizeof(out), &n));
	assert_int_equal(n, 3);
	assert_string_equal(hex_of(out, n), "00ffab");
	assert_true(hex_decode(STR(""), out, sizeof(out), &n));
	assert_int_equal(n, 0);
	assert_false(hex_decode(STR("001122334455667788"), out, sizeof(out), &n)); /* nine bytes */
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(hex_decode(str_from(bad[i]), out, sizeof(out), &n));
}

/* RFC 4648, section 10, and the two letters in which the alphabets differ. */
static void base64_vectors(void **state)
{
	static const struct {
		const char *data, *std, *url;
	} rows[] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xbf", "+/+/", "-_-_" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct strbuf sb = STRBUF_INIT(100);
		uint8_t out[16];
		size_t n = 99;

		base64_encode(&sb, str_from(rows[i].data));
		assert_string_equal(strbuf_cstr(&sb), rows[i].std);
		assert_true(base64_decode(str_from(rows[i].std), out, sizeof(out), &n));
		assert_true(str_eq_c(bytes(out, n), rows[i].data));
		strbuf_reset(&sb);
		base64url_encode(&sb, str_from(rows[i].data));
		assert_string_equal(strbuf_cstr(&sb), rows[i].url);
		assert_true(base64url_decode(str_from(rows[i].url), out, sizeof(out), &n));
		assert_true(str_eq_c(bytes(out, n), rows[i].data));
		strbuf_release(&sb);
	}
}

/* A token that can be spelled in two ways can be replayed past a list of used ones. */
static void base64_has_one_spelling(void **state)
{
	static const char *const bad_std[] = { "Zg",   "Zg=",	   "Zg===", "====", "=",      "Zh==",	     "Zm9=",
					       "Z===", "Zg==Zg==", "-_-_",  "Zm 9", "Zm9v\n", "Zm9v\n\n\n\n" };
	static const char *const bad_url[] = { "Zg==", "Z", "Zh", "Zm9", "+/+/", "Zm9v ", "Zm9vY" };
	uint8_t out[16];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_std); i++)
		if (base64_decode(str_from(bad_std[i]), out, sizeof(out), &n))
			fail_msg("base64 accepts %s", bad_std[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad_url); i++)
		if (base64url_decode(str_from(bad_url[i]), out, sizeof(out), &n))
			fail_msg("base64url accepts %s", bad_url[i]);
	assert_true(base64url_decode(STR("Zm9v"), out, 3, &n));
	assert_false(base64url_decode(STR("Zm9v"), out, 2, &n));
	assert_true(base64_decode(STR("Zg=="), out, 1, &n));
	assert_false(base64_decode(STR("Zm8="), out, 1, &n));
}

static void random_bytes_round_trip(void **state)
{
	uint8_t data[67], other[67], back[67];
	struct strbuf sb = STRBUF_INIT(200);
	size_t n;

	(void)state;
	crypto_random(data, sizeof(data));
	crypto_random(other, sizeof(other));
	assert_memory_not_equal(data, other, sizeof(data));
	crypto_random(other, 0);
	for (size_t len = 0; len <= sizeof(data); len++) {
		strbuf_reset(&sb);
		base64url_encode(&sb, bytes(data, len));
		assert_true(base64url_decode(strbuf_str(&sb), back, len, &n) && n == len);
		assert_memory_equal(back, data, len);
		strbuf_reset(&sb);
		base64_encode(&sb, bytes(data, len));
		assert_true(base64_decode(strbuf_str(&sb), back, len, &n) && n == len);
		assert_memory_equal(back, data, len);
	}
	strbuf_release(&sb);
}

static void equal_means_all_bytes(void **state)
{
	(void)state;
	assert_true(crypto_equal(STR("abc"), STR("abc")));
	assert_true(crypto_equal(STR_NULL, STR("")));
	assert_false(crypto_equal(STR("abc"), STR("abd")));
	assert_false(crypto_equal(STR("abc"), STR("abcd")));
	assert_false(crypto_equal(STR("a\0c"), STR("a\0d")));
}

static void secrets_are_copied_and_registered(void **state)
{
	struct secret s = SECRET_NONE;
	char source[] = "first-secret", text[] = "is second-secret here, or first-secret?";

	(void)state;
	assert_int_equal(secret_str(&s).n, 0);
	assert_non_null(secret_str(&s).p);
	assert_true(secret_set(&s, str_from(source)));
	source[0] = 'X';
	assert_string_equal(s.p, "first-secret");
	assert_true(secret_set(&s, secret_str(&s))); /* from itself */
	assert_string_equal(s.p, "first-secret");
	assert_true(secret_set(&s, STR("second-secret")));
	log_redact_text(text);
	assert_string_equal(text, "is *** here, or ***?");
	secret_release(&s);
	assert_null(s.p);
	secret_release(&s);
}

static void secrets_come_from_the_environment(void **state)
{
	struct secret s;

	(void)state;
	setenv("BASE_TEST_SECRET", "  padded secret\n", 1);
	assert_true(secret_from_env(&s, "BASE_TEST_SECRET"));
	assert_true(str_eq(secret_str(&s), STR("padded secret")));
	secret_release(&s);
	setenv("BASE_TEST_SECRET", " \t", 1);
	assert_true(secret_from_env(&s, "BASE_TEST_SECRET"));
	assert_int_equal(secret_str(&s).n, 0);
	unsetenv("BASE_TEST_SECRET");
	assert_true(secret_from_env(&s, "BASE_TEST_SECRET"));
	assert_null(s.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_vectors),
		cmocka_unit_test(hmac_vectors),
		cmocka_unit_test(hex_is_read_in_both_cases),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(base64_has_one_spelling),
		cmocka_unit_test(random_bytes_round_trip),
		cmocka_unit_test(equal_means_all_bytes),
		cmocka_unit_test(secrets_are_copied_and_registered),
		cmocka_unit_test(secrets_come_from_the_environment),
	};

	return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
