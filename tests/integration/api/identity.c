/* Accounts on the real api, with its clock held still: login, sessions and their keys, two-factor, exchange keys, and what
 * must never be found anywhere. Several processes share the stores, each with a clock or keys of its own. */
#include "support/api.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/crypto.h"
#include "domain/identity/totp.h"

#define NOW	1771070400LL /* 2026-02-14T12:00:00Z */
#define KEK	"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define NEW_KEK "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
#define THREADS 16

#define API_KEY	   "LIVEKEY-7f3c9a51d2e84b60"
#define API_SECRET "LIVESECRET-0c4be1a97d5f4f2e8a"
#define PASSPHRASE "LIVEPASS-93ab17cc"
#define KEY_BODY                                                                                                       \
	"{\"exchange_name\":\"binance\",\"market_type\":\"spot\",\"label\":\"main\",\"permissions\":\"trade\","        \
	"\"api_key\":\"" API_KEY "\",\"api_secret\":\"" API_SECRET "\",\"passphrase\":\"" PASSPHRASE "\"}"

static struct api a;
static int64_t next_account = 500001;

static void variant(struct api *other, const char *name, int64_t now)
{
	api_another(other, &a, name);
	proc_env(&other->proc, "ROEHUB_TEST_NOW_UNIX", "%lld", (long long)now);
	proc_env(&other->proc, "IDENTITY_2FA_KEK_B64", KEK);
	proc_env(&other->proc, "IDENTITY_EXCHANGE_KEYS_KEK_B64", KEK);
}

static int up(void **state)
{
	(void)state;
	api_prepare(&a, STACK_OWN_POSTGRES);
	proc_env(&a.proc, "ROEHUB_TEST_NOW_UNIX", "%lld", NOW);
	proc_env(&a.proc, "IDENTITY_2FA_KEK_B64", KEK);
	proc_env(&a.proc, "IDENTITY_EXCHANGE_KEYS_KEK_B64", KEK);
	for (const char *const *l = (const char *const[]){ "LOGIN", "TWO_FACTOR", "EXCHANGE_KEYS", "WRITE", NULL };
	     *l != NULL; l++) {
		char name[64];

		snprintf(name, sizeof(name), "ROEHUB_API_LIMIT_%s", *l);
		proc_env(&a.proc, name, "1000000");
	}
	api_start(&a);
	return 0;
}

static int down(void **state)
{
	(void)state;
	api_down(&a);
	return 0;
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */

static void ask(int port, const char *method, const char *path, const struct person *p, const char *body, int status,
		const char *part)
{
	struct test_http h;

	test_http(&h, method, port, path, p != NULL ? p->cookie : NULL, body);
	if (h.status != status || (part != NULL && strstr(h.body, part) == NULL)) {
		proc_log_tail(&a.proc);
		fail_msg("%s %s %s\n  wanted %d with %s\n  got %d %s", method, path, body != NULL ? body : "", status,
			 part != NULL ? part : "anything", h.status, h.body);
	}
	test_http_release(&h);
}

static struct person somebody(void)
{
	struct person p;

	test_sign_in(&p, a.port, TEST_BOT_TOKEN, next_account++, NOW);
	return p;
}

static struct person somebody_with_two_factor(void)
{
	struct person p = somebody();
	char secret[64];

	test_enable_two_factor(&p, a.port, NOW, secret);
	return p;
}

/* The same request from many threads at once. */
struct volley {
	const char *method, *path, *cookie;
	const char *body;
	pthread_barrier_t *start;
	int status;
	char answer[512];
};

static void *fire(void *arg)
{
	struct volley *v = arg;
	struct test_http h;

	pthread_barrier_wait(v->start);
	test_http(&h, v->method, a.port, v->path, v->cookie, v->body);
	v->status = h.status;
	snprintf(v->answer, sizeof(v->answer), "%s", h.body);
	test_http_release(&h);
	return NULL;
}

static void volley(struct volley v[THREADS], const char *method, const char *path, const char *cookie, const char *body)
{
	pthread_t threads[THREADS];
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		v[i] = (struct volley){ method, path, cookie, body, &start, 0, "" };
		assert_int_equal(pthread_create(&threads[i], NULL, fire, &v[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
}

static int count_status(const struct volley v[THREADS], int status)
{
	int n = 0;

	for (int i = 0; i < THREADS; i++)
		n += v[i].status == status;
	return n;
}

/* ---- login --------------------------------------------------------------------------------------------------------- */

static void login_catalogue(void **state)
{
	static const struct {
		const char *name, *body;
		int status;
		const char *part;
	} rows[] = {
		{ "blank hash before all else", "{\"id\":1,\"auth_date\":1,\"hash\":\"  \"}", 401, "\"missing_hash\"" },
		{ "a day and a second old", "{\"id\":1,\"auth_date\":1770983999,\"hash\":\"00\"}", 401,
		  "{\"error\":{\"code\":\"stale_auth_date\",\"message\":\"Telegram payload auth_date is stale\",\"details\":{}}}" },
		{ "a day old", "{\"id\":1,\"auth_date\":1770984000,\"hash\":\"00\"}", 401, "\"invalid_hash\"" },
		{ "a minute ahead", "{\"id\":1,\"auth_date\":1771070460,\"hash\":\"00\"}", 401, "\"invalid_hash\"" },
		{ "61 s ahead", "{\"id\":1,\"auth_date\":1771070461,\"hash\":\"00\"}", 401, "\"future_auth_date\"" },
		{ "id 0", "{\"id\":0,\"auth_date\":1771070400,\"hash\":\"00\"}", 401, "\"invalid_telegram_user_id\"" },
		{ "id beyond 64 bits", "{\"id\":9223372036854775808,\"auth_date\":1771070400,\"hash\":\"00\"}", 401,
		  "\"invalid_telegram_user_id\"" },
		{ "all missing", "{}", 422,
		  "{\"path\":\"body.auth_date\",\"code\":\"required\",\"message\":\"Field required\"},"
		  "{\"path\":\"body.hash\",\"code\":\"required\",\"message\":\"Field required\"},"
		  "{\"path\":\"body.id\",\"code\":\"required\",\"message\":\"Field required\"}" },
		{ "id true", "{\"id\":true,\"auth_date\":1,\"hash\":\"x\"}", 422, "\"body.id\",\"code\":\"int_type\"" },
		{ "id text", "{\"id\":\"1x\",\"auth_date\":1,\"hash\":\"x\"}", 422, "\"body.id\",\"code\":\"int_parsing\"" },
		{ "id 1.5", "{\"id\":1.5,\"auth_date\":1,\"hash\":\"x\"}", 422, "\"body.id\",\"code\":\"int_from_float\"" },
		{ "hash number", "{\"id\":1,\"auth_date\":1,\"hash\":5}", 422, "\"body.hash\",\"code\":\"string_type\"" },
		{ "username number", "{\"id\":1,\"auth_date\":1,\"hash\":\"x\",\"username\":5}", 422,
		  "\"body.username\",\"code\":\"string_type\"" },
		{ "empty body", "", 422, "\"path\":\"body\",\"code\":\"required\"" },
		{ "an array", "[]", 422, "\"path\":\"body\",\"code\":\"model_attributes_type\"" },
		{ "cut JSON", "{\"id\":", 422, "\"code\":\"json_invalid\",\"message\":\"JSON decode error\"" },
		{ "no UTF-8", "{\"id\":\"\xff\"}", 400, "There was an error parsing the body" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ask(a.port, "POST", "/auth/telegram/login", NULL, rows[i].body, rows[i].status, rows[i].part);
	ask(a.port, "POST", "/auth/telegram/login", NULL,
	    "{\"id\":\"411001\",\"auth_date\":\"1771070400\",\"first_name\":\"Roe\",\"username\":\"roehub_test\","
	    "\"hash\":\"742ecfb64aa3999ae0b45d33162c1537cb257c47465633621de6bf2af74de36f\"}",
	    200, "\"paid_level\":\"free\"}");
}

static void parallel_first_logins_make_one_user(void **state)
{
	struct volley v[THREADS];
	char body[512];

	(void)state;
	for (int round = 0; round < 5; round++) {
		test_login_body(body, sizeof(body), TEST_BOT_TOKEN, 600001 + round, NOW);
		volley(v, "POST", "/auth/telegram/login", NULL, body);
		assert_int_equal(count_status(v, 200), THREADS);
		for (int i = 1; i < THREADS; i++)
			assert_string_equal(v[i].answer, v[0].answer);
		assert_string_equal(
			stack_sql(&a.stack, "SELECT count(*) FROM identity_users WHERE telegram_user_id = %d", 600001 + round),
			"1");
	}
}

static void deleted_users_come_back_as_themselves(void **state)
{
	struct person p = somebody(), again;

	(void)state;
	stack_sql(&a.stack, "UPDATE identity_users SET is_deleted = TRUE, paid_level = 'pro' WHERE user_id = '%s'", p.user_id);
	ask(a.port, "GET", "/auth/current-user", &p, NULL, 401,
	    "{\"error\":{\"code\":\"deleted_user\",\"message\":\"User account is deleted\",\"details\":{}}}");
	test_sign_in(&again, a.port, TEST_BOT_TOKEN, next_account - 1, NOW);
	assert_string_equal(again.user_id, p.user_id);
	ask(a.port, "GET", "/auth/current-user", &again, NULL, 200, "\"paid_level\":\"pro\"}");
	stack_sql(&a.stack, "DELETE FROM identity_users WHERE user_id = '%s'", p.user_id);
	ask(a.port, "GET", "/auth/current-user", &p, NULL, 401, "\"unknown_user\"");
}

static void a_login_payload_is_used_once(void **state)
{
	struct api first, grace, late;
	char body[512];

	(void)state;
	variant(&first, "replay-first", NOW);
	variant(&grace, "replay-grace", NOW + 60);
	variant(&late, "replay-late", NOW + 61);
	test_login_body(body, sizeof(body), TEST_BOT_TOKEN, 610001, NOW);
	for (struct api *const *x = (struct api *const[]){ &first, &grace, &late, NULL }; *x != NULL; x++) {
		proc_env(&(*x)->proc, "ROEHUB_LOGIN_REPLAY_GUARD", "on");
		api_start(*x);
	}
	ask(first.port, "POST", "/auth/telegram/login", NULL, body, 200, NULL);
	ask(grace.port, "POST", "/auth/telegram/login", NULL, body, 200, NULL);
	ask(late.port, "POST", "/auth/telegram/login", NULL, body, 401, "\"invalid_hash\"");
	/* off: as often as one likes within the day */
	ask(a.port, "POST", "/auth/telegram/login", NULL, body, 200, NULL);
	proc_release(&first.proc);
	proc_release(&grace.proc);
	proc_release(&late.proc);
}

/* ---- sessions ------------------------------------------------------------------------------------------------------ */

static void cookie_to_the_byte(void **state)
{
	struct test_http h;
	char body[512];
	const char *tail = "; expires=Sat, 21 Feb 2026 12:00:00 GMT; HttpOnly; Max-Age=604800; Path=/; SameSite=lax";

	(void)state;
	test_login_body(body, sizeof(body), TEST_BOT_TOKEN, 620001, NOW);
	test_http(&h, "POST", a.port, "/auth/telegram/login", NULL, body);
	assert_int_equal(strncmp(h.set_cookie, "roehub_identity_jwt=ey", 22), 0);
	assert_string_equal(strchr(h.set_cookie, ';'), tail);
	assert_string_equal(test_http_header(&h, "cache-control"), "no-store");
	test_http_release(&h);
	test_http(&h, "POST", a.port, "/auth/logout", NULL, NULL);
	assert_int_equal(h.status, 204);
	assert_string_equal(h.set_cookie, "roehub_identity_jwt=\"\"; expires=Sat, 14 Feb 2026 12:00:00 GMT; HttpOnly; "
					  "Max-Age=0; Path=/; SameSite=lax");
	test_http_release(&h);
}

static void signing_keys_rotate_and_nobody_is_logged_out(void **state)
{
	struct person old_session = somebody(), new_session;
	struct api rotated, finished;

	(void)state;
	variant(&rotated, "rotated", NOW);
	proc_env(&rotated.proc, "IDENTITY_JWT_SECRET", "a-new-signing-key-0123456789abcdefghij");
	proc_env(&rotated.proc, "IDENTITY_JWT_SECRET_PREVIOUS", "api-test-jwt-secret-0123456789abcdef");
	api_start(&rotated);
	test_sign_in(&new_session, rotated.port, TEST_BOT_TOKEN, next_account++, NOW);
	ask(rotated.port, "GET", "/auth/current-user", &old_session, NULL, 200, old_session.user_id);
	ask(rotated.port, "GET", "/auth/current-user", &new_session, NULL, 200, new_session.user_id);
	proc_release(&rotated.proc);

	variant(&finished, "rotation-finished", NOW);
	proc_env(&finished.proc, "IDENTITY_JWT_SECRET", "a-new-signing-key-0123456789abcdefghij");
	api_start(&finished);
	ask(finished.port, "GET", "/auth/current-user", &old_session, NULL, 401, "\"invalid_signature\"");
	ask(finished.port, "GET", "/auth/current-user", &new_session, NULL, 200, new_session.user_id);
	proc_release(&finished.proc);
}

static void sessions_end_at_their_time_or_everywhere(void **state)
{
	struct person one = somebody(), two, other = somebody();
	struct api before_end, at_end;

	(void)state;
	variant(&before_end, "before-end", NOW + 604799);
	variant(&at_end, "at-end", NOW + 604800);
	api_start(&before_end);
	api_start(&at_end);
	ask(before_end.port, "GET", "/auth/current-user", &one, NULL, 200, NULL);
	ask(at_end.port, "GET", "/auth/current-user", &one, NULL, 401, "\"expired_token\"");
	proc_release(&before_end.proc);
	proc_release(&at_end.proc);

	test_sign_in(&two, a.port, TEST_BOT_TOKEN, next_account - 2, NOW);
	assert_string_equal(two.user_id, one.user_id);
	ask(a.port, "POST", "/auth/logout-everywhere", NULL, NULL, 401, "\"missing_jwt_cookie\"");
	ask(a.port, "POST", "/auth/logout-everywhere", &one, NULL, 204, NULL);
	ask(a.port, "GET", "/auth/current-user", &one, NULL, 401, "\"expired_token\"");
	ask(a.port, "GET", "/auth/current-user", &two, NULL, 401, "\"expired_token\"");
	ask(a.port, "GET", "/auth/current-user", &other, NULL, 200, NULL);
	/* within the very same second a new session is good */
	test_sign_in(&one, a.port, TEST_BOT_TOKEN, next_account - 2, NOW);
	ask(a.port, "GET", "/auth/current-user", &one, NULL, 200, NULL);
}

/* ---- two-factor ---------------------------------------------------------------------------------------------------- */

static void code_for(const char *secret, int64_t now, char body[64])
{
	char code[8];

	assert_true(totp_code(str_from(secret), now / TOTP_PERIOD_S, code));
	snprintf(body, 64, "{\"code\":\"%s\"}", code);
}

static void set_up(const struct person *p, char secret[64])
{
	struct test_http h;
	struct str found;

	test_http(&h, "POST", a.port, "/2fa/setup", p->cookie, NULL);
	assert_int_equal(h.status, 200);
	assert_true(totp_uri_secret(str_from(json_member(h.body, "otpauth_uri")), &found));
	assert_int_equal(found.n, 32);
	snprintf(secret, 64, "%.*s", STR_ARG(found));
	assert_string_equal(test_http_header(&h, "cache-control"), "no-store");
	test_http_release(&h);
}

static void two_factor_states(void **state)
{
	struct person p = somebody();
	char first[64], second[64], body[64];

	(void)state;
	ask(a.port, "GET", "/2fa", &p, NULL, 200, "{\"enabled\":false,\"pending\":false}");
	ask(a.port, "POST", "/2fa/verify", &p, "{\"code\":\"123456\"}", 422, "\"two_factor_setup_required\"");
	ask(a.port, "POST", "/2fa/verify", &p, "{\"code\":\"12345\"}", 422, "\"invalid_two_factor_code\"");
	ask(a.port, "POST", "/2fa/verify", &p, "{\"code\":123456}", 422, "\"body.code\",\"code\":\"string_type\"");
	ask(a.port, "POST", "/2fa/verify", &p, "{}", 422, "\"body.code\",\"code\":\"required\"");
	ask(a.port, "GET", "/exchange-keys", &p, NULL, 403,
	    "{\"error\":{\"code\":\"two_factor_required\",\"message\":\"Two-factor authentication must be enabled.\",\"details\":{}}}");
	set_up(&p, first);
	set_up(&p, second);
	ask(a.port, "GET", "/2fa", &p, NULL, 200, "{\"enabled\":false,\"pending\":true}");
	ask(a.port, "GET", "/exchange-keys", &p, NULL, 403, "\"two_factor_required\"");
	code_for(first, NOW, body);
	ask(a.port, "POST", "/2fa/verify", &p, body, 422, "\"invalid_two_factor_code\""); /* its URI is dead */
	code_for(second, NOW - 60, body);
	ask(a.port, "POST", "/2fa/verify", &p, body, 422, "\"invalid_two_factor_code\"");
	code_for(second, NOW + 30, body);
	ask(a.port, "POST", "/2fa/verify", &p, body, 200, "{\"enabled\":true}");
	ask(a.port, "GET", "/2fa", &p, NULL, 200, "{\"enabled\":true,\"pending\":false}");
	ask(a.port, "POST", "/2fa/verify", &p, body, 409, "\"two_factor_already_enabled\"");
	ask(a.port, "POST", "/2fa/setup", &p, NULL, 409, "\"two_factor_already_enabled\"");
	ask(a.port, "GET", "/exchange-keys", &p, NULL, 200, "[]");
}

static void qr_codes_hold_the_uri(void **state)
{
	struct person p = somebody();
	struct test_http h;

	(void)state;
	test_http(&h, "POST", a.port, "/2fa/setup?qr=svg,png", p.cookie, NULL);
	assert_int_equal(h.status, 200);
	assert_non_null(strstr(h.body, "\"qr_svg\":\"<svg xmlns="));
	assert_non_null(strstr(h.body, "\"qr_png\":\"data:image/png;base64,iVBORw0KGgo"));
	test_http_release(&h);
	ask(a.port, "POST", "/2fa/setup?qr=gif", &p, NULL, 422, "\"path\":\"query.qr\"");
}

static void racing_confirmations_enable_one_secret(void **state)
{
	struct person p = somebody();
	struct volley v[THREADS];
	char secret[64], body[64];

	(void)state;
	set_up(&p, secret);
	code_for(secret, NOW, body);
	volley(v, "POST", "/2fa/verify", p.cookie, body);
	assert_int_equal(count_status(v, 200), 1);
	/* the others come too late, or find the user's guesses taken by their rivals */
	assert_int_equal(count_status(v, 409) + count_status(v, 429), THREADS - 1);
	assert_string_equal(stack_sql(&a.stack, "SELECT enabled FROM identity_2fa WHERE user_id = '%s'", p.user_id), "t");
}

/* A confirmation in flight must not enable a secret that was put there after its code was checked. */
static void *keep_setting_up(void *arg)
{
	struct volley *v = arg;

	for (int i = 0; i < 40; i++) {
		struct test_http h;

		test_http(&h, "POST", a.port, "/2fa/setup", v->cookie, NULL);
		if (h.status == 200)
			snprintf(v->answer, sizeof(v->answer), "%s", json_member(h.body, "otpauth_uri"));
		v->status = h.status;
		test_http_release(&h);
	}
	return NULL;
}

static void set_up_and_confirmation_race(void **state)
{
	(void)state;
	for (int round = 0; round < 5; round++) {
		struct person p = somebody();
		struct volley other = { .cookie = p.cookie };
		char secret[64], body[64];
		struct test_http h;
		pthread_t thread;
		int status;

		set_up(&p, secret);
		code_for(secret, NOW, body);
		assert_int_equal(pthread_create(&thread, NULL, keep_setting_up, &other), 0);
		test_http(&h, "POST", a.port, "/2fa/verify", p.cookie, body);
		status = h.status;
		test_http_release(&h);
		pthread_join(thread, NULL);
		if (status == 200) { /* enabled with the confirmed secret: no later set-up replaced it */
			assert_int_equal(other.status, 409);
		} else {
			assert_int_equal(status, 422);
			assert_int_equal(other.status, 200);
			ask(a.port, "GET", "/2fa", &p, NULL, 200, "{\"enabled\":false,\"pending\":true}");
		}
	}
}

static void guesses_are_counted(void **state)
{
	struct person p = somebody(), other = somebody();
	struct volley v[THREADS];
	struct api later;
	struct test_http h;
	char secret[64], body[64];

	(void)state;
	set_up(&p, secret);
	volley(v, "POST", "/2fa/verify", p.cookie, "{\"code\":\"000000\"}");
	assert_int_equal(count_status(v, 422), 5); /* in parallel, and still no more than five */
	assert_int_equal(count_status(v, 429), THREADS - 5);
	code_for(secret, NOW, body);
	test_http(&h, "POST", a.port, "/2fa/verify", p.cookie, body);
	assert_int_equal(h.status, 429); /* even the right one now */
	assert_non_null(strstr(h.body, "\"code\":\"too_many_attempts\",\"message\":\"Too many attempts. Try again later.\""));
	assert_string_equal(test_http_header(&h, "retry-after"), "900");
	test_http_release(&h);
	set_up(&p, secret); /* a new secret does not open the lock */
	code_for(secret, NOW, body);
	ask(a.port, "POST", "/2fa/verify", &p, body, 429, NULL);
	ask(a.port, "POST", "/2fa/verify", &other, body, 422, "\"two_factor_setup_required\"");
	variant(&later, "later", NOW + 901);
	api_start(&later);
	code_for(secret, NOW + 901, body);
	ask(later.port, "POST", "/2fa/verify", &p, body, 200, NULL);
	proc_release(&later.proc);
}

static void an_unreadable_secret_is_our_fault(void **state)
{
	struct person p = somebody();
	char secret[64], body[64];

	(void)state;
	set_up(&p, secret);
	code_for(secret, NOW, body);
	stack_sql(&a.stack, "UPDATE identity_2fa SET totp_secret_enc = '\\x010203' WHERE user_id = '%s'", p.user_id);
	ask(a.port, "POST", "/2fa/verify", &p, body, 500,
	    "{\"error\":{\"code\":\"unexpected_error\",\"message\":\"Internal server error\",\"details\":{}}}");
	assert_true(proc_log_wait(&a.proc, "2fa secret cannot be decrypted", 2000));
}

/* ---- exchange keys ------------------------------------------------------------------------------------------------- */

static void exchange_key_catalogue(void **state)
{
	static const struct {
		const char *name, *body;
		int status;
		const char *part;
	} rows[] = {
		{ "only a wrong label", "{\"label\":5}", 422,
		  "{\"error\":{\"code\":\"validation_error\",\"message\":\"Validation failed\",\"details\":{\"errors\":["
		  "{\"path\":\"body.api_key\",\"code\":\"required\",\"message\":\"Field required\"},"
		  "{\"path\":\"body.api_secret\",\"code\":\"required\",\"message\":\"Field required\"},"
		  "{\"path\":\"body.exchange_name\",\"code\":\"required\",\"message\":\"Field required\"},"
		  "{\"path\":\"body.label\",\"code\":\"string_type\",\"message\":\"Input should be a valid string\"},"
		  "{\"path\":\"body.market_type\",\"code\":\"required\",\"message\":\"Field required\"},"
		  "{\"path\":\"body.permissions\",\"code\":\"required\",\"message\":\"Field required\"}]}}}" },
		{ "other exchange",
		  "{\"exchange_name\":\"Binance\",\"market_type\":\"margin\",\"permissions\":1,\"api_key\":\"k\",\"api_secret\":\"s\"}",
		  422, "Input should be 'binance' or 'bybit'" },
		{ "blank key",
		  "{\"exchange_name\":\"binance\",\"market_type\":\"spot\",\"permissions\":\"read\",\"api_key\":\"  \",\"api_secret\":\" \"}",
		  422,
		  "{\"error\":{\"code\":\"invalid_exchange_key_payload\",\"message\":\"Exchange API key must be non-empty.\",\"details\":{}}}" },
		{ "blank secret",
		  "{\"exchange_name\":\"binance\",\"market_type\":\"spot\",\"permissions\":\"read\",\"api_key\":\"k\",\"api_secret\":\" \"}",
		  422, "Exchange API secret must be non-empty." },
		{ "unknown members are ignored, blank optional ones are none",
		  "{\"exchange_name\":\"bybit\",\"market_type\":\"futures\",\"permissions\":\"read\",\"api_key\":\" abc \",\"api_secret\":\"s\","
		  "\"label\":\"  \",\"passphrase\":null,\"extra\":[1]}",
		  201,
		  "\"exchange_name\":\"bybit\",\"market_type\":\"futures\",\"label\":null,\"permissions\":\"read\",\"api_key\":\"****abc\","
		  "\"created_at\":\"2026-02-14T12:00:00Z\",\"updated_at\":\"2026-02-14T12:00:00Z\"}" },
		{ "names are data: markup, direction marks and quotes stay",
		  "{\"exchange_name\":\"bybit\",\"market_type\":\"spot\",\"permissions\":\"read\",\"api_key\":\"unicode-1\",\"api_secret\":\"s\","
		  "\"label\":\"<b>\\u202e\\u0416'; DROP TABLE x;-- \\\"\\ud83d\\ude80\"}",
		  201, "\"label\":\"<b>\xe2\x80\xae\xd0\x96'; DROP TABLE x;-- \\\"\xf0\x9f\x9a\x80\"" },
	};
	struct person p = somebody_with_two_factor();
	char body[8192], *at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ask(a.port, "POST", "/exchange-keys", &p, rows[i].body, rows[i].status, rows[i].part);
	at = body + sprintf(body, "{\"exchange_name\":\"binance\",\"market_type\":\"spot\",\"permissions\":\"read\",\"api_key\":\"k\","
				  "\"api_secret\":\"s\",\"label\":\"");
	memset(at, 'x', 129);
	strcpy(at + 129, "\"}");
	ask(a.port, "POST", "/exchange-keys", &p, body, 422,
	    "{\"path\":\"body.label\",\"code\":\"string_too_long\",\"message\":\"String should have at most 128 characters\"}");
}

static void exchange_key_life(void **state)
{
	struct person p = somebody_with_two_factor(), other = somebody_with_two_factor();
	struct test_http h;
	char id[40], path[64];

	(void)state;
	test_http(&h, "POST", a.port, "/exchange-keys", p.cookie, KEY_BODY);
	assert_int_equal(h.status, 201);
	snprintf(id, sizeof(id), "%s", json_member(h.body, "key_id"));
	assert_null(strstr(h.body, "secret"));
	assert_null(strstr(h.body, API_KEY));
	test_http_release(&h);
	snprintf(path, sizeof(path), "/exchange-keys/%s", id);
	ask(a.port, "POST", "/exchange-keys", &p, KEY_BODY, 409,
	    "{\"error\":{\"code\":\"exchange_key_already_exists\",\"message\":\"Exchange API key already exists.\",\"details\":{}}}");
	ask(a.port, "POST", "/exchange-keys", &other, KEY_BODY, 201, NULL); /* another user may have it */
	ask(a.port, "DELETE", path, &other, NULL, 404,
	    "{\"error\":{\"code\":\"exchange_key_not_found\",\"message\":\"Exchange API key was not found.\",\"details\":{}}}");
	ask(a.port, "DELETE", "/exchange-keys/x", &p, NULL, 422, "\"path\":\"path.key_id\",\"code\":\"uuid_parsing\"");
	ask(a.port, "GET", "/exchange-keys", &p, NULL, 200, id);
	ask(a.port, "DELETE", path, &p, NULL, 204, NULL);
	ask(a.port, "DELETE", path, &p, NULL, 404, NULL);
	ask(a.port, "GET", "/exchange-keys", &p, NULL, 200, "[]");
	ask(a.port, "POST", "/exchange-keys", &p, KEY_BODY, 201, NULL); /* and again after the deletion */
	assert_string_equal(stack_sql(&a.stack,
				      "SELECT encode(api_key_hash, 'hex') = encode(sha256('" API_KEY "'), 'hex') "
				      "AND length(api_secret_enc) = %d AND api_key_last4 = '4b60' "
				      "FROM identity_exchange_keys WHERE key_id = '%s'",
				      97 + (int)strlen(API_SECRET), id),
			    "t");
}

static void parallel_creates_and_deletes(void **state)
{
	struct person p = somebody_with_two_factor();
	struct volley v[THREADS];
	char path[64];

	(void)state;
	volley(v, "POST", "/exchange-keys", p.cookie, KEY_BODY);
	assert_int_equal(count_status(v, 201), 1);
	assert_int_equal(count_status(v, 409), THREADS - 1);
	snprintf(path, sizeof(path), "/exchange-keys/%s",
		 stack_sql(&a.stack, "SELECT key_id FROM identity_exchange_keys WHERE user_id = '%s'", p.user_id));
	volley(v, "DELETE", path, p.cookie, NULL);
	assert_int_equal(count_status(v, 204), 1);
	assert_int_equal(count_status(v, 404), THREADS - 1);
}

static void a_broken_row_is_our_fault(void **state)
{
	struct person p = somebody_with_two_factor();

	(void)state;
	ask(a.port, "POST", "/exchange-keys", &p, KEY_BODY, 201, NULL);
	stack_sql(&a.stack, "UPDATE identity_exchange_keys SET updated_at = created_at - interval '1 day' WHERE user_id = '%s'",
		  p.user_id);
	ask(a.port, "GET", "/exchange-keys", &p, NULL, 500, "\"unexpected_error\"");
	assert_true(proc_log_wait(&a.proc, "key_id", 2000));
}

/* ---- scenarios ----------------------------------------------------------------------------------------------------- */

static bool file_holds(const char *path, const char *secret)
{
	char command[1024];

	snprintf(command, sizeof(command), "grep -qaF -- '%s' %s 2>/dev/null", secret, path);
	return system(command) == 0;
}

/* Secrets are found in no dump, no log, no /proc; a step is used once; guessing locks; keys rotate while the api runs. */
static void scenario_37_keys_at_rest_and_codes(void **state)
{
	const char *const secrets[] = { API_KEY,    API_SECRET, PASSPHRASE, KEK, "api-test-jwt-secret-0123456789abcdef",
					TEST_BOT_TOKEN };
	struct person p = somebody();
	struct api rotated;
	struct proc rotate;
	char secret[64], body[64], dump[600], command[2048], environment[64], cmdline[64];
	struct stat core;

	(void)state;
	set_up(&p, secret);
	code_for(secret, NOW, body);
	ask(a.port, "POST", "/2fa/verify", &p, body, 200, NULL);
	ask(a.port, "POST", "/2fa/verify", &p, body, 409, NULL); /* the same step again */
	ask(a.port, "POST", "/exchange-keys", &p, KEY_BODY, 201, NULL);

	snprintf(dump, sizeof(dump), "%s/dump.sql", a.stack.dir);
	snprintf(command, sizeof(command), "pg_dump '%s' > '%s'", a.stack.dsn, dump);
	assert_int_equal(system(command), 0);
	assert_true(file_holds(dump, p.user_id)); /* the dump is one */
	snprintf(environment, sizeof(environment), "/proc/%d/environ", (int)a.proc.pid);
	snprintf(cmdline, sizeof(cmdline), "/proc/%d/cmdline", (int)a.proc.pid);
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		if (file_holds(dump, secrets[i]) || file_holds(environment, secrets[i]) ||
		    file_holds(cmdline, secrets[i]) || file_holds(a.proc.log, secrets[i]))
			fail_msg("secret %zu lies about", i);
	}
	assert_false(file_holds(dump, secret));
	assert_false(file_holds(a.proc.log, secret));
	assert_false(file_holds(a.proc.log, strchr(p.cookie, '=') + 1));
	assert_false(file_holds(a.proc.log, "otpauth:"));

	/* KEK rotation: the api knows both keys, the command seals anew, then the old key goes */
	variant(&rotated, "kek-rotated", NOW);
	proc_env(&rotated.proc, "IDENTITY_2FA_KEK_B64", NEW_KEK);
	proc_env(&rotated.proc, "IDENTITY_2FA_KEKS_OLD_B64", KEK);
	proc_env(&rotated.proc, "IDENTITY_EXCHANGE_KEYS_KEK_B64", NEW_KEK);
	proc_env(&rotated.proc, "IDENTITY_EXCHANGE_KEYS_KEKS_OLD_B64", KEK);
	api_start(&rotated);
	struct person q;
	char pending[64];

	test_sign_in(&q, rotated.port, TEST_BOT_TOKEN, next_account++, NOW);
	a.port ^= rotated.port, rotated.port ^= a.port, a.port ^= rotated.port; /* helpers speak to the rotated one */
	set_up(&q, pending);
	a.port ^= rotated.port, rotated.port ^= a.port, a.port ^= rotated.port;
	stack_sql(&a.stack, "DELETE FROM identity_2fa WHERE length(totp_secret_enc) < 90"); /* the broken one of a test */
	proc_init(&rotate, "migrations", a.stack.dir);
	proc_arg(&rotate, "rotate-secrets");
	proc_arg(&rotate, "--identity-dsn");
	proc_arg(&rotate, "%s", stack_role_dsn(&a.stack, "roehub_migrations"));
	proc_arg(&rotate, "--batch");
	proc_arg(&rotate, "2");
	proc_env(&rotate, "IDENTITY_2FA_KEK_B64", NEW_KEK);
	proc_env(&rotate, "IDENTITY_2FA_KEKS_OLD_B64", KEK);
	proc_env(&rotate, "IDENTITY_EXCHANGE_KEYS_KEK_B64", NEW_KEK);
	proc_env(&rotate, "IDENTITY_EXCHANGE_KEYS_KEKS_OLD_B64", KEK);
	proc_start(&rotate);
	assert_true(proc_wait(&rotate, 30000));
	if (rotate.exit_status != 0)
		proc_log_tail(&rotate);
	assert_int_equal(rotate.exit_status, 0);
	assert_int_equal(proc_log_count(&rotate, "Rotation success"), 1);
	proc_release(&rotate);
	code_for(pending, NOW, body);
	ask(rotated.port, "POST", "/2fa/verify", &q, body, 200, NULL);
	proc_release(&rotated.proc);
	/* without the old key a second run has nothing to do and can read everything */
	proc_init(&rotate, "migrations", a.stack.dir);
	snprintf(rotate.log, sizeof(rotate.log), "%s/rotate-again.log", a.stack.dir);
	proc_arg(&rotate, "rotate-secrets");
	proc_arg(&rotate, "--identity-dsn");
	proc_arg(&rotate, "%s", stack_role_dsn(&a.stack, "roehub_migrations"));
	proc_env(&rotate, "IDENTITY_2FA_KEK_B64", NEW_KEK);
	proc_env(&rotate, "IDENTITY_EXCHANGE_KEYS_KEK_B64", NEW_KEK);
	proc_start(&rotate);
	assert_true(proc_wait(&rotate, 30000));
	assert_int_equal(rotate.exit_status, 0);
	assert_int_equal(proc_log_count(&rotate, "identity_2fa: ") + proc_log_count(&rotate, " 0 sealed anew"), 3);
	proc_release(&rotate);

	/* a crash leaves no core behind */
	variant(&rotated, "crashed", NOW);
	api_start(&rotated);
	proc_signal(&rotated.proc, SIGSEGV);
	assert_true(proc_wait(&rotated.proc, 5000));
	assert_int_equal(rotated.proc.exit_status, 128 + SIGSEGV);
	assert_int_not_equal(stat("core", &core), 0);
	proc_release(&rotated.proc);
}

/* Weak and public secrets do not start; what one user has is 404 to another on every route that names a thing. */
static void scenario_38_secrets_and_tenants(void **state)
{
	static const struct {
		const char *name, *value, *part;
	} rows[] = {
		{ "IDENTITY_JWT_SECRET", "dev-identity-jwt-secret", "e.g. openssl rand -hex 32" },
		{ "IDENTITY_JWT_SECRET", "short", "IDENTITY_JWT_SECRET is too short" },
		{ "IDENTITY_JWT_SECRET", "", "IDENTITY_JWT_SECRET must be set when IDENTITY_FAIL_FAST=true" },
		{ "TELEGRAM_BOT_TOKEN", "dev-telegram-bot-token", "TELEGRAM_BOT_TOKEN is the public development value" },
		{ "IDENTITY_2FA_KEK_B64", "cm9laHViLWRldi1pZGVudGl0eS0yZmEta2V5LTAwMDE=", "IDENTITY_2FA_KEK_B64" },
		{ "IDENTITY_2FA_KEK_B64", "not-base64", "IDENTITY_2FA_KEK_B64 must be valid base64" },
		{ "IDENTITY_EXCHANGE_KEYS_KEK_B64", "AAAA",
		  "IDENTITY_EXCHANGE_KEYS_KEK_B64 must decode to 16, 24, or 32 bytes for AES-GCM" },
		{ "IDENTITY_2FA_KEKS_OLD_B64", "AAAA", "IDENTITY_2FA_KEKS_OLD_B64 must decode to" },
	};
	struct person owner = somebody_with_two_factor(), stranger = somebody_with_two_factor();
	struct test_http h;
	char strategy[40], key[40], path[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct api weak;
		char name[32];

		snprintf(name, sizeof(name), "weak-%zu", i);
		variant(&weak, name, NOW);
		proc_env(&weak.proc, "ROEHUB_ENV", "prod");
		proc_env(&weak.proc, rows[i].name, "%s", rows[i].value);
		proc_start(&weak.proc);
		assert_true(proc_wait(&weak.proc, 10000));
		assert_int_equal(weak.proc.exit_status, 1);
		if (proc_log_count(&weak.proc, rows[i].part) != 1) {
			proc_log_tail(&weak.proc);
			fail_msg("row %zu lacks %s", i, rows[i].part);
		}
		proc_release(&weak.proc);
	}

	test_http(&h, "POST", a.port, "/exchange-keys", owner.cookie, KEY_BODY);
	snprintf(key, sizeof(key), "%s", json_member(h.body, "key_id"));
	test_http_release(&h);
	test_http(&h, "POST", a.port, "/strategies", owner.cookie,
		  "{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:BTCUSDT\","
		  "\"market_type\":\"spot\",\"timeframe\":\"1m\",\"indicators\":[{\"name\":\"MA\",\"params\":{\"fast\":20,\"slow\":50}}]}");
	snprintf(strategy, sizeof(strategy), "%s", json_member(h.body, "strategy_id"));
	test_http_release(&h);
	const struct {
		const char *method, *format, *id;
	} things[] = {
		{ "DELETE", "/exchange-keys/%s", key },	     { "GET", "/strategies/%s", strategy },
		{ "DELETE", "/strategies/%s", strategy },    { "POST", "/strategies/%s/run", strategy },
		{ "POST", "/strategies/%s/stop", strategy },
	};

	for (size_t i = 0; i < ARRAY_LEN(things); i++) {
		char foreign[512], unknown[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(path, sizeof(path), things[i].format, things[i].id);
#pragma GCC diagnostic pop
		test_http(&h, things[i].method, a.port, path, stranger.cookie, NULL);
		assert_int_equal(h.status, 404);
		snprintf(foreign, sizeof(foreign), "%s", h.body);
		test_http_release(&h);
		/* and nothing tells it from a thing that is nowhere */
		memcpy(strstr(path, things[i].id), "00000000-0000-4000-8000-00000000", 32);
		test_http(&h, things[i].method, a.port, path, stranger.cookie, NULL);
		assert_int_equal(h.status, 404);
		snprintf(unknown, sizeof(unknown), "%s", h.body);
		test_http_release(&h);
		assert_int_equal(strlen(foreign), strlen(unknown));
	}
	ask(a.port, "GET", "/strategies", &stranger, NULL, 200, "[]");
	ask(a.port, "GET", "/exchange-keys", &stranger, NULL, 200, "[]");
	snprintf(path, sizeof(path), "/strategies/%s", strategy);
	ask(a.port, "GET", path, &owner, NULL, 200, strategy);
	ask(a.port, "GET", path, NULL, NULL, 401, "\"missing_jwt_cookie\"");
}

static void an_outage_is_503_and_never_401(void **state)
{
	struct person p = somebody_with_two_factor();
	const struct {
		const char *method, *path, *body;
	} rows[] = {
		{ "GET", "/auth/current-user", NULL },	      { "GET", "/2fa", NULL },
		{ "POST", "/2fa/setup", NULL },		      { "POST", "/2fa/verify", "{\"code\":\"123456\"}" },
		{ "GET", "/exchange-keys", NULL },	      { "POST", "/exchange-keys", KEY_BODY },
		{ "POST", "/auth/logout-everywhere", NULL },  { "GET", "/strategies", NULL },
	};
	char body[512];

	(void)state;
	test_login_body(body, sizeof(body), TEST_BOT_TOKEN, 630001, NOW);
	stack_service(&a.stack, "kill", "postgres");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ask(a.port, rows[i].method, rows[i].path, &p, rows[i].body, 503,
		    "{\"error\":{\"code\":\"service_unavailable\",\"message\":\"Service temporarily unavailable\",\"details\":{}}}");
	ask(a.port, "POST", "/auth/telegram/login", NULL, body, 503, "\"service_unavailable\"");
	ask(a.port, "GET", "/ready", NULL, NULL, 503, "\"postgres\":\"error\"");
	ask(a.port, "GET", "/health", NULL, NULL, 200, NULL);
	stack_service(&a.stack, "start", "postgres");
	assert_true(test_http_wait(a.port, "/ready", 15000));
	ask(a.port, "GET", "/auth/current-user", &p, NULL, 200, p.user_id);
	api_stop(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_catalogue),
		cmocka_unit_test(parallel_first_logins_make_one_user),
		cmocka_unit_test(deleted_users_come_back_as_themselves),
		cmocka_unit_test(a_login_payload_is_used_once),
		cmocka_unit_test(cookie_to_the_byte),
		cmocka_unit_test(signing_keys_rotate_and_nobody_is_logged_out),
		cmocka_unit_test(sessions_end_at_their_time_or_everywhere),
		cmocka_unit_test(two_factor_states),
		cmocka_unit_test(qr_codes_hold_the_uri),
		cmocka_unit_test(racing_confirmations_enable_one_secret),
		cmocka_unit_test(set_up_and_confirmation_race),
		cmocka_unit_test(guesses_are_counted),
		cmocka_unit_test(an_unreadable_secret_is_our_fault),
		cmocka_unit_test(exchange_key_catalogue),
		cmocka_unit_test(exchange_key_life),
		cmocka_unit_test(parallel_creates_and_deletes),
		cmocka_unit_test(a_broken_row_is_our_fault),
		cmocka_unit_test(scenario_37_keys_at_rest_and_codes),
		cmocka_unit_test(scenario_38_secrets_and_tenants),
		cmocka_unit_test(an_outage_is_503_and_never_401),
	};

	return cmocka_run_group_tests_name("identity", tests, up, down);
}
