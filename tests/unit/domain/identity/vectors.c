/* The worked vectors of the login check and of the session token. */
#include "support/stack.h"

#include "base/crypto.h"
#include "domain/identity/session_token.h"
#include "domain/identity/telegram_login.h"

#define NOW 1771070400LL /* 2026-02-14T12:00:00Z */

static void login_vectors(void **state)
{
	static const struct {
		const char *payload, *code; /* NULL: accepted */
	} rows[] = {
		{ "{\"id\":900001,\"auth_date\":1771070400,\"first_name\":\"Roe\",\"username\":\"roehub_user\",\"hash\":"
		  "\"90c11c807268467cbbfc6d29268501f7cd9305bca1db24ea586fbcd4c7dd709d\"}",
		  NULL },
		{ "{\"id\":\"900001\",\"auth_date\":\"1771070400\",\"first_name\":\"Roe\",\"username\":\"roehub_user\",\"hash\":"
		  "\"  90C11C807268467CBBFC6D29268501F7CD9305BCA1DB24EA586FBCD4C7DD709D \"}",
		  NULL },
		{ "{\"id\":900001,\"auth_date\":1770984000,\"first_name\":\"Roe\",\"username\":\"roehub_user\",\"hash\":"
		  "\"3a3b65d13ee08669130ba703d543e127fed8194b290a5ad5a630dd8af012cc9e\"}",
		  NULL },
		{ "{\"id\":900001,\"auth_date\":1770983999,\"first_name\":\"Roe\",\"username\":\"roehub_user\",\"hash\":"
		  "\"198ab05ef96d27fa39aa6e1b82c319351304e85bb019e9edbfc7326f0267d5c7\"}",
		  "stale_auth_date" },
		{ "{\"id\":0,\"auth_date\":1771070400,\"first_name\":\"Roe\",\"username\":\"roehub_user\",\"hash\":"
		  "\"f48f4fd8543c0044725bf83e5fbabf8741acf6b6b2a7944bbea4d9c02214f7db\"}",
		  "invalid_telegram_user_id" },
		{ "{\"id\":900004,\"auth_date\":1771070400,\"first_name\":\"Roe\",\"username\":\"roehub_user\",\"language_code\":\"ru\","
		  "\"hash\":\"707ff2cf71d6f914f7c051e1eee642f3f3d2ba31cccb6216b193b0009d2e05eb\"}",
		  NULL },
		{ "{\"id\":900001,\"auth_date\":1771070400,\"first_name\":\"Roe\",\"username\":\"other\",\"hash\":"
		  "\"90c11c807268467cbbfc6d29268501f7cd9305bca1db24ea586fbcd4c7dd709d\"}",
		  "invalid_hash" },
		{ "{\"id\":1,\"auth_date\":1771070461,\"hash\":\"00\"}", "future_auth_date" },
		{ "{\"id\":1,\"auth_date\":1771070460,\"hash\":\"00\"}", "invalid_hash" },
		{ "{\"id\":1,\"auth_date\":1771070460,\"hash\":\" \"}", "missing_hash" },
		{ "{\"id\":9223372036854775808,\"auth_date\":1771070460,\"hash\":\"00\"}", "invalid_telegram_user_id" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cJSON *json = json_parse(str_from(rows[i].payload), NULL, NULL, NULL);
		struct login_refusal refusal = { "", "" };
		struct telegram_login who;
		bool ok;

		assert_non_null(json);
		ok = telegram_login_check(json, STR(" test-telegram-bot-token "), utc_from_ms(NOW * 1000), &who,
					  &refusal);
		if (ok != (rows[i].code == NULL) || (!ok && strcmp(refusal.code, rows[i].code) != 0))
			fail_msg("row %zu: %s", i, ok ? "accepted" : refusal.code);
		json_free(json);
	}
}

static const char vector[] =
	"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3NzE2NzUyMDAsImlhdCI6MTc3MTA3MDQwMCwicGFpZF9sZXZlbCI6"
	"ImZyZWUiLCJzdWIiOiIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDExMTEifQ."
	"V4Pt4PCGCiTYlGqOOgH5K6q0wqmJ0zye8bSqZp3_GtI";

static void token_is_written_to_the_byte(void **state)
{
	struct session_claims c = { .paid_level = "free", .issued_at = NOW, .expires_at = NOW + 604800 };
	struct strbuf sb = STRBUF_INIT(SESSION_TOKEN_MAX);

	(void)state;
	assert_true(uuid_parse(STR("00000000-0000-0000-0000-000000001111"), &c.user_id));
	session_token_write(&c, STR("identity-routes-secret"), &sb);
	assert_string_equal(strbuf_cstr(&sb), vector);
	strbuf_release(&sb);
}

/* A token with this header and payload, signed with the key. */
static void make(const char *header, const char *payload, struct strbuf *out)
{
	uint8_t mac[SHA256_BYTES];

	base64url_encode(out, str_from(header));
	strbuf_addch(out, '.');
	base64url_encode(out, str_from(payload));
	hmac_sha256(STR("k"), strbuf_str(out), mac);
	strbuf_addch(out, '.');
	base64url_encode(out, (struct str){ (const char *)mac, sizeof(mac) });
}

static void verification_order(void **state)
{
	static const char h[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	static const struct {
		const char *header, *payload, *code;
	} rows[] = {
		{ h,
		  "{\"sub\":\"00000000-0000-0000-0000-000000001111\",\"paid_level\":\"PRO\",\"iat\":1,\"exp\":1771070401}",
		  NULL },
		{ h,
		  "{\"sub\":\"00000000-0000-0000-0000-000000001111\",\"paid_level\":\"pro\",\"iat\":1,\"exp\":1771070400}",
		  "expired_token" },
		{ h, "{\"sub\":\"x\",\"paid_level\":\"pro\",\"iat\":1,\"exp\":1771070401}", "invalid_claims" },
		{ h,
		  "{\"sub\":\"00000000-0000-0000-0000-000000001111\",\"paid_level\":\"gold\",\"iat\":1,\"exp\":1771070401}",
		  "invalid_claims" },
		{ h, "{\"sub\":\"00000000-0000-0000-0000-000000001111\",\"paid_level\":\"pro\",\"iat\":5,\"exp\":5}",
		  "invalid_claims" },
		{ h, "{\"paid_level\":\"pro\",\"iat\":5,\"exp\":5}", "invalid_claims" },
		{ h, "[1]", "invalid_token_format" },
		{ "{\"alg\":\"none\",\"typ\":\"JWT\"}", "{}", "invalid_header" },
		{ "{\"alg\":\"HS512\",\"typ\":\"JWT\"}", "{}", "invalid_header" },
		{ "nonsense", "{}", "invalid_token_format" },
	};
	const struct str keys[] = { STR("other"), STR("k") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct strbuf token = STRBUF_INIT(SESSION_TOKEN_MAX);
		struct session_refusal refusal = { "", "" };
		struct session_claims c;
		bool ok;

		make(rows[i].header, rows[i].payload, &token);
		ok = session_token_verify(strbuf_str(&token), keys, 2, utc_from_ms(NOW * 1000), &c, &refusal);
		if (ok != (rows[i].code == NULL) || (!ok && strcmp(refusal.code, rows[i].code) != 0))
			fail_msg("row %zu: %s", i, ok ? "accepted" : refusal.code);
		strbuf_release(&token);
	}
}

static void malformed_tokens(void **state)
{
	static const struct {
		const char *token, *code;
	} rows[] = { { "", "missing_jwt_cookie" },
		     { "  ", "missing_jwt_cookie" },
		     { "invalid-token", "invalid_token_format" },
		     { "a.b", "invalid_token_format" },
		     { "a.b.c.d", "invalid_token_format" },
		     { "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.\xc3\xa9", "invalid_token_format" },
		     { "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.AAAA", "invalid_signature" } };
	const struct str key = STR("identity-routes-secret");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session_refusal refusal = { "", "" };
		struct session_claims c;

		assert_false(
			session_token_verify(str_from(rows[i].token), &key, 1, utc_from_ms(NOW * 1000), &c, &refusal));
		if (strcmp(refusal.code, rows[i].code) != 0)
			fail_msg("row %zu: %s", i, refusal.code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_vectors),
		cmocka_unit_test(token_is_written_to_the_byte),
		cmocka_unit_test(verification_order),
		cmocka_unit_test(malformed_tokens),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
