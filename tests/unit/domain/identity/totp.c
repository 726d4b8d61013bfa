/* Time codes: the worked vectors, RFC 6238's own, the window, replays, and URIs as a hostile peer would send them. */
#include "support/stack.h"

#include "base/crypto.h"
#include "domain/identity/totp.h"

#define RFC_SECRET "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

static void codes(void **state)
{
	static const struct {
		const char *secret;
		int64_t unix_s;
		const char *code;
	} rows[] = {
		{ RFC_SECRET, 59, "287082" },
		{ RFC_SECRET, 1111111109, "081804" },
		{ RFC_SECRET, 1111111111, "050471" },
		{ RFC_SECRET, 1234567890, "005924" },
		{ RFC_SECRET, 2000000000, "279037" },
		{ RFC_SECRET, 20000000000, "353130" },
		{ "JBSWY3DPEHPK3PXP", 1771086600, "264662" },
	};
	char code[TOTP_CODE_DIGITS + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(totp_code(str_from(rows[i].secret), rows[i].unix_s / 30, code));
		assert_string_equal(code, rows[i].code);
	}
	assert_false(totp_code(STR("jbswy3dp"), 1, code));
	assert_false(totp_code(STR(""), 1, code));
	assert_false(totp_code(STR("JBSWY3D1"), 1, code));
	assert_false(totp_code(STR("A"), 1, code));
}

static void window(void **state)
{
	static const struct {
		const char *code;
		int64_t after;
		bool ok;
		int64_t step;
	} rows[] = {
		{ "595830", -1, false, 0 },
		{ "405307", -1, true, 59036219 },
		{ "264662", -1, true, 59036220 },
		{ "214330", -1, true, 59036221 },
		{ "194360", -1, false, 0 },
		{ "264662", 59036220, false, 0 }, /* used before */
		{ "405307", 59036220, false, 0 }, /* older than the one used before */
		{ "214330", 59036220, true, 59036221 },
		{ "26466", -1, false, 0 },
		{ "2646622", -1, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t step = 0;
		bool ok = totp_match(STR("JBSWY3DPEHPK3PXP"), str_from(rows[i].code), utc_from_ms(1771086600000),
				     rows[i].after, &step);

		if (ok != rows[i].ok || (ok && step != rows[i].step))
			fail_msg("row %zu: %d, step %lld", i, ok, (long long)step);
	}
}

static void what_is_a_code(void **state)
{
	(void)state;
	assert_true(totp_code_valid(STR("000000")));
	assert_false(totp_code_valid(STR("00000")));
	assert_false(totp_code_valid(STR("0000000")));
	assert_false(totp_code_valid(STR("12345a")));
	assert_false(totp_code_valid(STR(" 12345")));
	assert_false(totp_code_valid(STR("\xd9\xa1\xd9\xa2\xd9\xa3"))); /* Arabic digits, six bytes */
}

static void uris(void **state)
{
	static const struct {
		const char *uri, *secret; /* NULL: refused */
	} rows[] = {
		{ "otpauth://totp/Roehub:x?secret=JBSWY3DPEHPK3PXP&issuer=Roehub", "JBSWY3DPEHPK3PXP" },
		{ "otpauth://totp/Roehub:x?issuer=Roehub&secret=JBSWY3DPEHPK3PXP", "JBSWY3DPEHPK3PXP" },
		{ "otpauth://totp/Roehub:x?secret=JBSWY3DPEHPK3PXP#secret=AAAA", "JBSWY3DPEHPK3PXP" },
		{ "otpauth://totp/Roehub:x?secret=JBSWY3DP&secret=JBSWY3DP", NULL },
		{ "otpauth://totp/Roehub:x?issuer=Roehub", NULL },
		{ "otpauth://totp/Roehub:x?secret=", NULL },
		{ "otpauth://totp/Roehub:x?secret=jbswy3dp", NULL },
		{ "otpauth://hotp/Roehub:x?secret=JBSWY3DP", NULL },
		{ "otpauth://totp/Roehub:x#?secret=JBSWY3DP", NULL },
		{ "", NULL },
	};
	struct strbuf sb = STRBUF_INIT(TOTP_URI_MAX);
	struct uuid user;
	struct str secret;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool ok = totp_uri_secret(str_from(rows[i].uri), &secret);

		if (ok != (rows[i].secret != NULL) || (ok && !str_eq_c(secret, rows[i].secret)))
			fail_msg("row %zu: %s", i, rows[i].uri);
	}
	assert_true(uuid_parse(STR("00000000-0000-0000-0000-000000000101"), &user));
	totp_uri(user, STR("JBSWY3DPEHPK3PXP"), &sb);
	assert_string_equal(
		strbuf_cstr(&sb),
		"otpauth://totp/Roehub:00000000-0000-0000-0000-000000000101?secret=JBSWY3DPEHPK3PXP&issuer=Roehub");
	strbuf_release(&sb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes),
		cmocka_unit_test(window),
		cmocka_unit_test(what_is_a_code),
		cmocka_unit_test(uris),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
