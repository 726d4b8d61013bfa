#include "support/api.h"

#include <time.h>
#include <unistd.h>

#include "base/crypto.h"
#include "domain/identity/totp.h"
#include "support/openapi.h"

const char *json_member(const char *body, const char *key)
{
	static __thread char out[2048];
	char pattern[96];
	const char *at;

	snprintf(pattern, sizeof(pattern), "\"%s\":\"", key);
	at = strstr(body, pattern);
	if (at == NULL)
		return "";
	at += strlen(pattern);
	snprintf(out, sizeof(out), "%.*s", (int)strcspn(at, "\""), at);
	return out;
}

static const char *ports_of(const struct api *a)
{
	static char path[640];

	snprintf(path, sizeof(path), "%s.ports", a->proc.log);
	return path;
}

static void program(struct api *a, const char *name)
{
	struct proc *p = &a->proc;

	proc_init(p, "api", a->stack.dir);
	snprintf(p->log, sizeof(p->log), "%s/%s.log", a->stack.dir, name);
	proc_env(p, "ROEHUB_ENV", "test");
	proc_env(p, "ROEHUB_LOG_LEVEL", "debug");
	proc_env(p, "STRATEGY_PG_DSN", "%s", stack_role_dsn(&a->stack, "roehub_api"));
	proc_env(p, "IDENTITY_PG_DSN", "%s", stack_role_dsn(&a->stack, "roehub_api"));
	proc_env(p, "ROEHUB_REDIS_HOST", "%s", a->stack.redis_host);
	proc_env(p, "ROEHUB_REDIS_PORT", "%d", a->stack.redis_port);
	proc_env(p, "TELEGRAM_BOT_TOKEN", TEST_BOT_TOKEN);
	proc_env(p, "IDENTITY_JWT_SECRET", "api-test-jwt-secret-0123456789abcdef");
	proc_arg(p, "--host");
	proc_arg(p, "127.0.0.1");
	proc_arg(p, "--port");
	proc_arg(p, "0");
	proc_arg(p, "--port-file");
	proc_arg(p, "%s", ports_of(a));
}

void api_prepare(struct api *a, unsigned stack_parts)
{
	memset(a, 0, sizeof(*a));
	stack_up(&a->stack, stack_parts | STACK_DATABASE | STACK_REDIS);
	program(a, "api");
}

void api_another(struct api *other, const struct api *a, const char *name)
{
	*other = *a;
	memset(&other->proc, 0, sizeof(other->proc));
	program(other, name);
}

void api_start(struct api *a)
{
	unlink(ports_of(a));
	proc_start(&a->proc);
	a->port = proc_port(&a->proc, ports_of(a), "http", 20000);
	openapi_watch(a->port);
	if (!test_http_wait(a->port, "/ready", 15000)) {
		proc_log_tail(&a->proc);
		fail_msg("the api did not become ready");
	}
}

void api_stop(struct api *a)
{
	assert_int_equal(proc_stop(&a->proc, 12000), 0);
}

void api_down(struct api *a)
{
	proc_release(&a->proc);
	stack_down(&a->stack);
	openapi_assert_clean();
}

void test_login_body(char *out, size_t size, const char *token, int64_t telegram_id, int64_t auth_date)
{
	long long id = telegram_id, date = auth_date;
	uint8_t key[SHA256_BYTES], mac[SHA256_BYTES];
	char check[256], hex[65];

	snprintf(check, sizeof(check), "auth_date=%lld\nfirst_name=Roe\nid=%lld\nusername=roehub_test", date, id);
	sha256(str_from(token), key);
	hmac_sha256((struct str){ (const char *)key, sizeof(key) }, str_from(check), mac);
	for (size_t i = 0; i < sizeof(mac); i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	snprintf(
		out, size,
		"{\"id\":\"%lld\",\"auth_date\":\"%lld\",\"first_name\":\"Roe\",\"username\":\"roehub_test\",\"hash\":\"%s\"}",
		id, date, hex);
}

void test_sign_in(struct person *p, int port, const char *token, int64_t telegram_id, int64_t auth_date)
{
	char body[512];
	struct test_http h;

	test_login_body(body, sizeof(body), token, telegram_id, auth_date);
	test_http(&h, "POST", port, "/auth/telegram/login", NULL, body);
	if (h.status != 200)
		fail_msg("login: %d %s", h.status, h.body);
	snprintf(p->cookie, sizeof(p->cookie), "%.*s", (int)strcspn(h.set_cookie, ";"), h.set_cookie);
	snprintf(p->user_id, sizeof(p->user_id), "%s", json_member(h.body, "user_id"));
	test_http_release(&h);
}

void test_enable_two_factor(const struct person *p, int port, int64_t now, char *secret)
{
	char code[8], body[64];
	struct test_http h;
	struct str found;

	test_http(&h, "POST", port, "/2fa/setup", p->cookie, NULL);
	assert_int_equal(h.status, 200);
	assert_true(totp_uri_secret(str_from(json_member(h.body, "otpauth_uri")), &found));
	snprintf(secret, 64, "%.*s", STR_ARG(found));
	test_http_release(&h);
	assert_true(totp_code(str_from(secret), now / TOTP_PERIOD_S, code));
	snprintf(body, sizeof(body), "{\"code\":\"%s\"}", code);
	test_http(&h, "POST", port, "/2fa/verify", p->cookie, body);
	if (h.status != 200)
		fail_msg("verify: %d %s", h.status, h.body);
	test_http_release(&h);
}
