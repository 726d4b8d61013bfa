/* The real api on a real database: sign-in, sessions, strategies and their catalogue of refusals, hostile HTTP, and a
 * database that goes away and comes back. */
#include "support/suite.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"

static struct suite s;
static char second_cookie[1024], second_user[40];

static int up(void **state)
{
	(void)state;
	suite_up(&s, &(struct suite_options){ .speed = "1", .stack_parts = STACK_OWN_POSTGRES });
	proc_kill9(&s.worker); /* runs stay where the api puts them */
	snprintf(second_cookie, sizeof(second_cookie), "%s", s.cookie);
	snprintf(second_user, sizeof(second_user), "%s", s.user_id);
	suite_login(&s, 411002);
	return 0;
}

static int down(void **state)
{
	(void)state;
	suite_down(&s);
	return 0;
}

static void expect(const char *method, const char *path, const char *cookie, const char *body, int status,
		   const char *part)
{
	struct test_http h;

	test_http(&h, method, s.api_http, path, cookie, body);
	if (h.status != status || (part != NULL && strstr(h.body, part) == NULL)) {
		proc_log_tail(&s.api);
		fail_msg("%s %s %s\n  wanted %d with %s\n  got %d %s", method, path, body != NULL ? body : "", status,
			 part != NULL ? part : "anything", h.status, h.body);
	}
	test_http_release(&h);
}

#define GOOD                                                                                                                     \
	"{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:BTCUSDT\","               \
	"\"market_type\":\"spot\",\"timeframe\":\"1m\",\"indicators\":[{\"name\":\"MA\",\"params\":{\"fast\":20,\"slow\":50}}]," \
	"\"signal_template\":\"MA(20,50)\"}"

static void create(char id[40])
{
	struct test_http h;

	test_http(&h, "POST", s.api_http, "/strategies", s.cookie, GOOD);
	assert_int_equal(h.status, 201);
	snprintf(id, 40, "%s", json_member(h.body, "strategy_id"));
	test_http_release(&h);
}

static void sessions(void **state)
{
	char forged[1100];

	(void)state;
	expect("GET", "/auth/current-user", s.cookie, NULL, 200, s.user_id);
	expect("GET", "/auth/current-user", NULL, NULL, 401,
	       "{\"error\":{\"code\":\"missing_jwt_cookie\",\"message\":\"JWT cookie is required\",\"details\":{}}}");
	expect("GET", "/auth/current-user", "roehub_identity_jwt=invalid-token", NULL, 401, "invalid_token_format");
	snprintf(forged, sizeof(forged), "%s", s.cookie);
	memcpy(forged + strlen(forged) - 3, "AAA", 3);
	expect("GET", "/auth/current-user", forged, NULL, 401, "invalid_signature");
	expect("POST", "/auth/logout", NULL, NULL, 204, NULL);
	stack_sql(&s.stack, "UPDATE identity_users SET is_deleted = TRUE WHERE user_id = '%s'", second_user);
	expect("GET", "/auth/current-user", second_cookie, NULL, 401, "deleted_user");
	stack_sql(&s.stack, "UPDATE identity_users SET is_deleted = FALSE WHERE user_id = '%s'", second_user);
}

static void logins_that_must_fail(void **state)
{
	(void)state;
	expect("POST", "/auth/telegram/login", NULL, "{\"id\":1,\"auth_date\":1,\"hash\":\"00\"}", 401,
	       "stale_auth_date");
	expect("POST", "/auth/telegram/login", NULL, "{}", 422,
	       "[{\"path\":\"body.auth_date\",\"code\":\"required\",\"message\":\"Field required\"},"
	       "{\"path\":\"body.hash\",\"code\":\"required\",\"message\":\"Field required\"},"
	       "{\"path\":\"body.id\",\"code\":\"required\",\"message\":\"Field required\"}]");
	expect("POST", "/auth/telegram/login", NULL, "{\"id\":true,\"auth_date\":\"x\",\"hash\":5}", 422,
	       "int_parsing");
	expect("POST", "/auth/telegram/login", NULL, "[1]", 422, "model_attributes_type");
	expect("POST", "/auth/telegram/login", NULL, "{\"id\":", 422, "json_invalid");
	expect("POST", "/auth/telegram/login", NULL, "", 422, "Field required");
}

static void the_same_account_is_the_same_user(void **state)
{
	char user[40];

	(void)state;
	snprintf(user, sizeof(user), "%s", s.user_id);
	suite_login(&s, 411002);
	assert_string_equal(user, s.user_id);
	assert_string_equal(stack_sql(&s.stack, "SELECT count(*) FROM identity_users WHERE telegram_user_id = 411002"),
			    "1");
}

static void strategy_bodies(void **state)
{
	static const struct {
		const char *body, *part;
	} rows[] = {
		{ "{\"foo\":1}", "\"path\":\"body.foo\",\"code\":\"extra_forbidden\"" },
		{ "{\"foo\":1}", "\"path\":\"body.timeframe\",\"code\":\"required\"" },
		{ "{\"instrument_id\":{\"market_id\":\"1\",\"symbol\":5,\"x\":1},\"instrument_key\":1,\"market_type\":1,\"timeframe\":1,"
		  "\"indicators\":{}}",
		  "\"path\":\"body.instrument_id.market_id\",\"code\":\"int_parsing\"" },
		{ "{\"instrument_id\":{\"market_id\":1.5,\"symbol\":\"X\"},\"instrument_key\":\"a\",\"market_type\":\"b\",\"timeframe\":\"c\","
		  "\"indicators\":[1]}",
		  "\"path\":\"body.indicators.0\",\"code\":\"dict_type\"" },
		{ "{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:BTCUSDT\",\"market_type\":"
		  "\"spot\",\"timeframe\":\"2m\",\"indicators\":[{\"name\":\"MA\"}]}",
		  "Unsupported timeframe='2m'. Supported: ['15m', '1d', '1h', '1m', '4h', '5m']" },
		{ "{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:ETHUSDT\",\"market_type\":"
		  "\"spot\",\"timeframe\":\"1m\",\"indicators\":[{\"name\":\"MA\"}]}",
		  "StrategySpecV1.instrument_key symbol must match instrument_id.symbol" },
		{ "{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:BTCUSDT\",\"market_type\":"
		  "\"spot\",\"timeframe\":\"1m\",\"indicators\":[]}",
		  "StrategySpecV1 payload.signal_template is required when indicators are empty" },
		{ "{\"instrument_id\":{\"market_id\":0,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:BTCUSDT\",\"market_type\":"
		  "\"spot\",\"timeframe\":\"1m\",\"indicators\":[{\"name\":\"MA\"}]}",
		  "StrategySpecV1 instrument_id is invalid" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect("POST", "/strategies", s.cookie, rows[i].body, 422, rows[i].part);
	expect("POST", "/strategies", NULL, "{\"foo\":", 401, "missing_jwt_cookie");
	expect("POST", "/strategies", s.cookie, "{\"timeframe\":NaN}", 422, "json_invalid");
}

static void life_of_a_strategy(void **state)
{
	char id[40], path[96], run[96], stop[96];

	(void)state;
	create(id);
	snprintf(path, sizeof(path), "/strategies/%s", id);
	snprintf(run, sizeof(run), "/strategies/%s/run", id);
	snprintf(stop, sizeof(stop), "/strategies/%s/stop", id);
	expect("GET", path, s.cookie, NULL, 200, "\"name\":\"BTCUSDT spot 1m [MA(20,50)] #");
	expect("GET", "/strategies", s.cookie, NULL, 200, id);
	expect("GET", path, second_cookie, NULL, 404, "Strategy was not found");
	expect("POST", run, second_cookie, NULL, 404, "Strategy was not found");
	expect("DELETE", path, second_cookie, NULL, 404, "Strategy was not found");
	expect("POST", stop, s.cookie, NULL, 409, "Strategy has no active run");
	expect("POST", run, s.cookie, NULL, 200, "\"state\":\"starting\"");
	expect("POST", run, s.cookie, NULL, 409, "\"current_state\":\"starting\"");
	expect("DELETE", path, s.cookie, NULL, 409, "Strategy has active run");
	expect("POST", stop, s.cookie, NULL, 200, "\"state\":\"stopping\"");
	expect("POST", stop, s.cookie, NULL, 409, "Strategy run is already stopping");
	expect("POST", run, s.cookie, NULL, 200, "\"state\":\"starting\"");
	assert_string_equal(
		stack_sql(&s.stack,
			  "SELECT string_agg(event_type, ' ' ORDER BY ts, event_type) FROM strategy_events WHERE "
			  "strategy_id = '%s' AND event_type LIKE 'run_st%%' AND payload_json ? 'reason'",
			  id),
		"run_stopped");
	expect("POST", stop, s.cookie, NULL, 200, "stopping");
	stack_sql(&s.stack,
		  "UPDATE strategy_runs SET state = 'stopped', stopped_at = updated_at WHERE state = 'stopping'");
	expect("DELETE", path, s.cookie, NULL, 204, NULL);
	expect("DELETE", path, s.cookie, NULL, 404, "Strategy was not found");
	expect("GET", path, s.cookie, NULL, 404, "Strategy was not found");
	expect("GET", "/strategies/nonsense", s.cookie, NULL, 422,
	       "\"path\":\"path.strategy_id\",\"code\":\"uuid_parsing\"");
	expect("PUT", path, s.cookie, "{}", 405, "method_not_allowed");
	expect("GET", "/nowhere", s.cookie, NULL, 404, "not_found");
}

/* ---- hostile HTTP -------------------------------------------------------------------------------------------------- */

static int dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)s.api_http),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { 25, 0 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		close(fd);
		fd = -1;
	}
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void raw(const char *request, size_t n, const char *want)
{
	char answer[4096];
	size_t got = 0;
	ssize_t r;
	int fd = dial();

	assert_true(fd >= 0);
	assert_true(write(fd, request, n) == (ssize_t)n);
	while (got + 1 < sizeof(answer) && (r = read(fd, answer + got, sizeof(answer) - 1 - got)) > 0) {
		got += (size_t)r;
		answer[got] = '\0';
		if (strstr(answer, want) != NULL)
			break;
	}
	close(fd);
	answer[got] = '\0';
	if (strstr(answer, want) == NULL)
		fail_msg("wanted %s, got %s", want, answer);
}

static void malformed_requests(void **state)
{
	static const struct {
		const char *request, *want;
	} rows[] = {
		{ "GARBAGE\r\n\r\n", "HTTP/1.1 400" },
		{ "POST /auth/logout HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		  "HTTP/1.1 400" },
		{ "POST /auth/logout HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "HTTP/1.1 400" },
		{ "POST /auth/logout HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", "HTTP/1.1 400" },
		{ "POST /auth/logout HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 413" },
		{ "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400" },
		{ "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400" },
		{ "HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405" },
		{ "GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		  "HTTP/1.1 200" },
	};
	char *big = malloc(200000);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		raw(rows[i].request, strlen(rows[i].request), rows[i].want);
	memset(big, 'a', 200000);
	memcpy(big, "GET /health HTTP/1.1\r\nX: ", 25);
	raw(big, 60000, "HTTP/1.1 431");
	free(big);
	expect("GET", "/health", NULL, NULL, 200, "ok");
}

static void body_over_the_routes_limit(void **state)
{
	size_t n = 70000;
	char *body = malloc(n + 1);

	(void)state;
	memset(body, ' ', n);
	body[0] = '{';
	body[n - 1] = '}';
	body[n] = '\0';
	expect("POST", "/strategies", s.cookie, body, 413, "payload_too_large");
	free(body);
}

static void a_dripping_request_is_cut(void **state)
{
	static const char head[] = "POST /auth/logout HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n";
	int64_t start = test_now_ms();
	char answer[512] = "";
	int fd = dial();

	(void)state;
	assert_true(write(fd, head, sizeof(head) - 1) > 0);
	for (int i = 0; i < 30 && answer[0] == '\0'; i++) { /* one byte a second is never silence */
		(void)!write(fd, "x", 1);
		test_sleep_ms(1000);
		(void)!recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
	}
	close(fd);
	assert_non_null(strstr(answer, "HTTP/1.1 408"));
	assert_true(test_now_ms() - start < 25000);
}

static void idle_connections_cost_little(void **state)
{
	enum { N = 10000 };
	struct rlimit l = { N + 200, N + 200 }, old;
	int64_t before;
	int *fds = calloc(N, sizeof(*fds)), open_count = 0;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	l.rlim_max = old.rlim_max;
	l.rlim_cur = old.rlim_max < N + 200 ? old.rlim_max : N + 200;
	setrlimit(RLIMIT_NOFILE, &l);
	before = proc_rss(&s.api);
	for (int i = 0; i < N; i++)
		if ((fds[i] = dial()) >= 0)
			open_count++;
	expect("GET", "/auth/current-user", s.cookie, NULL, 200, s.user_id);
	print_message("%d idle connections: +%.1f MiB\n", open_count, (double)(proc_rss(&s.api) - before) / 1048576.0);
	assert_true(open_count > 1000);
	assert_true(proc_rss(&s.api) - before < 200 * 1048576LL);
	for (int i = 0; i < N; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
	expect("GET", "/health", NULL, NULL, 200, "ok");
}

/* ---- outages ------------------------------------------------------------------------------------------------------- */

static void database_outage_is_503_and_heals(void **state)
{
	(void)state;
	stack_service(&s.stack, "kill", "postgres");
	expect("GET", "/auth/current-user", s.cookie, NULL, 503, "service_unavailable");
	expect("GET", "/ready", NULL, NULL, 503, "\"postgres\":\"error\"");
	expect("GET", "/health", NULL, NULL, 200, "ok");
	stack_service(&s.stack, "start", "postgres");
	assert_true(test_http_wait(s.api_http, "/ready", 15000));
	for (int64_t end = test_now_ms() + 10000;; test_sleep_ms(100)) {
		struct test_http h;
		int status;

		test_http(&h, "GET", s.api_http, "/auth/current-user", s.cookie, NULL);
		status = h.status;
		test_http_release(&h);
		if (status == 200)
			break;
		assert_true(test_now_ms() < end);
	}
}

static void nothing_secret_in_the_log(void **state)
{
	(void)state;
	assert_int_equal(proc_log_count(&s.api, s.token), 0);
	assert_int_equal(proc_log_count(&s.api, "suite-jwt-secret"), 0);
	assert_int_equal(proc_log_count(&s.api, strchr(s.cookie, '=') + 1), 0);
	assert_int_equal(proc_stop(&s.api, 12000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions),
		cmocka_unit_test(logins_that_must_fail),
		cmocka_unit_test(the_same_account_is_the_same_user),
		cmocka_unit_test(strategy_bodies),
		cmocka_unit_test(life_of_a_strategy),
		cmocka_unit_test(malformed_requests),
		cmocka_unit_test(body_over_the_routes_limit),
		cmocka_unit_test(a_dripping_request_is_cut),
		cmocka_unit_test(idle_connections_cost_little),
		cmocka_unit_test(database_outage_is_503_and_heals),
		cmocka_unit_test(nothing_secret_in_the_log),
	};

	return cmocka_run_group_tests_name("api", tests, up, down);
}
