/* What every route of the api has in common: headers, conditional and compressed reads, idempotency keys, rate limits with
 * and without their Redis, origins, methods, request ids, and the route table against the OpenAPI document. */
#include "support/api.h"

#include <pthread.h>
#include <time.h>

#include "adapters/config/api_config.h"
#include "adapters/config/strategy_config.h"
#include "apps/api/routes.h"
#include "support/openapi.h"

#define THREADS 16
#define STRATEGY                                                                                                       \
	"{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:BTCUSDT\","     \
	"\"market_type\":\"spot\",\"timeframe\":\"1m\",\"indicators\":[{\"name\":\"MA\",\"params\":{\"fast\":20,\"slow\":50}}]}"
#define OTHER_STRATEGY                                                                                                 \
	"{\"instrument_id\":{\"market_id\":1,\"symbol\":\"ETHUSDT\"},\"instrument_key\":\"binance:spot:ETHUSDT\","     \
	"\"market_type\":\"spot\",\"timeframe\":\"5m\",\"indicators\":[{\"name\":\"MA\",\"params\":{\"fast\":5,\"slow\":9}}]}"

static struct api a;
static struct person user, second;

static int up(void **state)
{
	(void)state;
	api_prepare(&a, 0);
	proc_env(&a.proc, "ROEHUB_API_LIMIT_WRITE", "1000000");
	api_start(&a);
	test_sign_in(&user, a.port, TEST_BOT_TOKEN, 700001, (int64_t)time(NULL));
	test_sign_in(&second, a.port, TEST_BOT_TOKEN, 700002, (int64_t)time(NULL));
	return 0;
}

static int down(void **state)
{
	(void)state;
	api_down(&a);
	return 0;
}

static int status_of(int port, const char *method, const char *path, const char *cookie, const char *body,
		     const char *const *headers)
{
	struct test_http h;
	int status;

	test_http_with(&h, method, port, path, cookie, body, headers);
	status = h.status;
	test_http_release(&h);
	return status;
}

/* ---- headers ------------------------------------------------------------------------------------------------------- */

static void every_answer_has_its_headers(void **state)
{
	static const struct {
		const char *method, *path, *body;
		int status;
	} rows[] = {
		{ "GET", "/health", NULL, 200 },
		{ "GET", "/nowhere", NULL, 404 },
		{ "PUT", "/strategies", NULL, 405 },
		{ "GET", "/auth/current-user", NULL, 401 },
		{ "POST", "/auth/telegram/login", "{}", 422 },
		{ "POST", "/auth/logout", NULL, 204 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct test_http h;

		test_http(&h, rows[i].method, a.port, rows[i].path, NULL, rows[i].body);
		assert_int_equal(h.status, rows[i].status);
		assert_string_equal(test_http_header(&h, "x-content-type-options"), "nosniff");
		assert_string_equal(test_http_header(&h, "x-frame-options"), "DENY");
		assert_string_equal(test_http_header(&h, "referrer-policy"), "no-referrer");
		assert_string_equal(test_http_header(&h, "content-security-policy"),
				    "default-src 'none'; frame-ancestors 'none'");
		assert_int_equal(strlen(test_http_header(&h, "x-request-id")), 36);
		assert_string_equal(test_http_header(&h, "strict-transport-security"), "");
		assert_string_equal(test_http_header(&h, "access-control-allow-origin"), "");
		if (rows[i].status == 405)
			assert_string_equal(test_http_header(&h, "allow"), "POST, GET");
		test_http_release(&h);
	}
	assert_int_equal(status_of(a.port, "OPTIONS", "/strategies", NULL, NULL,
				   (const char *const[]){ "Origin: https://evil.example", NULL }),
			 405);
	assert_int_equal(status_of(a.port, "HEAD", "/health", NULL, NULL, NULL), 405);
}

static void request_ids(void **state)
{
	static const struct {
		const char *sent;
		bool kept;
	} rows[] = { { "trace-42", true },
		     { "x", true },
		     { "with space", false },
		     { "0123456789012345678901234567890123456", false },
		     { "a\tb", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char header[128];
		struct test_http h;

		snprintf(header, sizeof(header), "X-Request-Id: %s", rows[i].sent);
		test_http_with(&h, "GET", a.port, "/ready", NULL, NULL, (const char *const[]){ header, NULL });
		assert_int_equal(strcmp(test_http_header(&h, "x-request-id"), rows[i].sent) == 0, rows[i].kept);
		test_http_release(&h);
	}
	assert_true(proc_log_wait(&a.proc, "request_id=trace-42", 2000));
	assert_int_equal(status_of(a.port, "GET", "/auth/current-user", user.cookie, NULL, NULL), 200);
	char logged[80];

	snprintf(logged, sizeof(logged), "user_id=%s", user.user_id);
	assert_true(proc_log_wait(&a.proc, logged, 2000));
}

static void other_sites_change_nothing(void **state)
{
	static const struct {
		const char *method, *path, *origin, *forwarded;
		int status;
	} rows[] = {
		{ "POST", "/auth/logout", "https://evil.example", NULL, 403 },
		{ "POST", "/strategies", "null", NULL, 403 },
		{ "DELETE", "/exchange-keys/00000000-0000-4000-8000-000000000000", "https://evil.example", NULL, 403 },
		{ "POST", "/auth/logout", "https://desk.example", "desk.example", 204 },
		{ "POST", "/auth/logout", "https://desk.example:8443", "desk.example", 403 },
		{ "GET", "/auth/current-user", "https://evil.example", NULL, 200 }, /* reading is the browser's affair */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char origin[96], forwarded[96];
		const char *headers[3] = { origin, rows[i].forwarded != NULL ? forwarded : NULL, NULL };
		int status;

		snprintf(origin, sizeof(origin), "Origin: %s", rows[i].origin);
		snprintf(forwarded, sizeof(forwarded), "X-Forwarded-Host: %s", rows[i].forwarded);
		status = status_of(a.port, rows[i].method, rows[i].path, user.cookie, NULL, headers);
		if (status != rows[i].status)
			fail_msg("row %zu: %d", i, status);
	}
}

static void deep_or_huge_json_is_refused_before_it_is_built(void **state)
{
	size_t n = 60000;
	char *body = malloc(1 << 21);

	(void)state;
	assert_non_null(body);
	memset(body, '[', n);
	body[n] = '\0';
	assert_int_equal(status_of(a.port, "POST", "/strategies", user.cookie, body, NULL), 413);
	for (size_t i = 0; i < n; i += 5)
		memcpy(body + i, "{\"a\":", 5);
	assert_int_equal(status_of(a.port, "POST", "/auth/telegram/login", NULL, body, NULL), 413);
	memset(body, ' ', (1 << 21) - 1);
	body[(1 << 21) - 1] = '\0';
	assert_int_equal(status_of(a.port, "POST", "/auth/telegram/login", NULL, body, NULL), 413);
	/* the log has the refusals, and the api its memory */
	assert_true(proc_rss(&a.proc) < (int64_t)100 << 20);
	free(body);
}

/* ---- reads --------------------------------------------------------------------------------------------------------- */

static void reads_are_conditional_and_compressed(void **state)
{
	struct test_http h;
	char header[96], tag[64];

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(status_of(a.port, "POST", "/strategies", user.cookie, STRATEGY, NULL), 201);
	test_http(&h, "GET", a.port, "/strategies", user.cookie, NULL);
	assert_int_equal(h.status, 200);
	snprintf(tag, sizeof(tag), "%s", test_http_header(&h, "etag"));
	assert_int_equal(strncmp(tag, "W/\"", 3), 0);
	size_t plain = h.body_len;
	test_http_release(&h);

	snprintf(header, sizeof(header), "If-None-Match: %s", tag);
	test_http_with(&h, "GET", a.port, "/strategies", user.cookie, NULL, (const char *const[]){ header, NULL });
	assert_int_equal(h.status, 304);
	assert_int_equal(h.body_len, 0);
	test_http_release(&h);
	/* somebody else's list is another one */
	assert_int_equal(
		status_of(a.port, "GET", "/strategies", second.cookie, NULL, (const char *const[]){ header, NULL }), 200);

	test_http_with(&h, "GET", a.port, "/strategies", user.cookie, NULL,
		       (const char *const[]){ "Accept-Encoding: gzip", NULL });
	assert_string_equal(test_http_header(&h, "content-encoding"), "gzip");
	assert_true(h.body_len < plain / 2);
	test_http_release(&h);

	assert_int_equal(status_of(a.port, "POST", "/strategies", user.cookie, STRATEGY, NULL), 201);
	assert_int_equal(
		status_of(a.port, "GET", "/strategies", user.cookie, NULL, (const char *const[]){ header, NULL }), 200);
}

static void lists_come_in_pages(void **state)
{
	struct person p;
	char path[256] = "/strategies?limit=2", seen[7][40], next[256];
	int n = 0, pages = 0;

	(void)state;
	test_sign_in(&p, a.port, TEST_BOT_TOKEN, 700003, (int64_t)time(NULL));
	for (int i = 0; i < 7; i++)
		assert_int_equal(status_of(a.port, "POST", "/strategies", p.cookie, STRATEGY, NULL), 201);
	do {
		struct test_http h;
		const char *at;

		test_http(&h, "GET", a.port, path, p.cookie, NULL);
		assert_int_equal(h.status, 200);
		for (at = h.body; (at = strstr(at, "{\"strategy_id\":\"")) != NULL; at += 16, n++) {
			assert_true(n < 7);
			snprintf(seen[n], sizeof(seen[n]), "%.36s", at + 16);
			for (int k = 0; k < n; k++)
				assert_string_not_equal(seen[k], seen[n]);
		}
		snprintf(next, sizeof(next), "%s", test_http_header(&h, "link"));
		snprintf(path, sizeof(path), "/%.*s", (int)strcspn(next, ">") - 1, next[0] == '<' ? next + 1 : "x");
		test_http_release(&h);
		pages++;
	} while (next[0] != '\0');
	assert_int_equal(n, 7);
	assert_int_equal(pages, 4);
	assert_int_equal(status_of(a.port, "GET", "/strategies?limit=0", p.cookie, NULL, NULL), 422);
	assert_int_equal(status_of(a.port, "GET", "/strategies?limit=1001", p.cookie, NULL, NULL), 422);
	assert_int_equal(status_of(a.port, "GET", "/strategies?limit=x", p.cookie, NULL, NULL), 422);
	assert_int_equal(status_of(a.port, "GET", "/strategies?cursor=x", p.cookie, NULL, NULL), 422);
	/* a cursor of somebody else's strategy leads nowhere */
	snprintf(path, sizeof(path), "/strategies?cursor=%s", seen[0]);
	struct test_http h;

	test_http(&h, "GET", a.port, path, second.cookie, NULL);
	assert_string_equal(h.body, "[]");
	test_http_release(&h);
}

/* ---- idempotency ---------------------------------------------------------------------------------------------------- */

static long strategies_of(const struct person *p)
{
	return atol(stack_sql(&a.stack, "SELECT count(*) FROM strategy_strategies WHERE user_id = '%s'", p->user_id));
}

static void a_repeated_change_is_done_once(void **state)
{
	static const char *const key[] = { "Idempotency-Key: order-1", NULL };
	long before = strategies_of(&second);
	struct test_http first, again;

	(void)state;
	test_http_with(&first, "POST", a.port, "/strategies", second.cookie, STRATEGY, key);
	test_http_with(&again, "POST", a.port, "/strategies", second.cookie, STRATEGY, key);
	assert_int_equal(first.status, 201);
	assert_int_equal(again.status, 201);
	assert_string_equal(first.body, again.body);
	assert_string_equal(test_http_header(&first, "idempotency-replayed"), "");
	assert_string_equal(test_http_header(&again, "idempotency-replayed"), "true");
	assert_int_equal(strategies_of(&second), before + 1);
	test_http_release(&first);
	test_http_release(&again);

	/* the key belongs to that request ... */
	test_http_with(&again, "POST", a.port, "/strategies", second.cookie, OTHER_STRATEGY, key);
	assert_int_equal(again.status, 422);
	assert_non_null(strstr(again.body, "\"path\":\"header.idempotency-key\",\"code\":\"idempotency_key_reused\""));
	test_http_release(&again);
	/* ... and to that user */
	assert_int_equal(status_of(a.port, "POST", "/strategies", user.cookie, OTHER_STRATEGY, key), 201);

	/* refusals are answers too */
	for (int i = 0; i < 2; i++) {
		test_http_with(&again, "POST", a.port, "/strategies", second.cookie, "{}",
			       (const char *const[]){ "Idempotency-Key: refused", NULL });
		assert_int_equal(again.status, 422);
		assert_string_equal(test_http_header(&again, "idempotency-replayed"), i == 0 ? "" : "true");
		test_http_release(&again);
	}
	assert_int_equal(status_of(a.port, "POST", "/strategies", second.cookie, STRATEGY,
				   (const char *const[]){ "Idempotency-Key: \xc3\xa4", NULL }),
			 422);
	assert_int_equal(strategies_of(&second), before + 1);
	/* after a day the key is free again */
	stack_sql(&a.stack, "UPDATE api_idempotency_keys SET created_at = created_at - interval '25 hours'");
	assert_int_equal(status_of(a.port, "POST", "/strategies", second.cookie, STRATEGY, key), 201);
	assert_int_equal(strategies_of(&second), before + 2);
}

struct shot {
	const char *path;
	const char *key[2];
	pthread_barrier_t *start;
	int status;
	char body[2048];
};

static void *fire(void *arg)
{
	struct shot *s = arg;
	struct test_http h;

	pthread_barrier_wait(s->start);
	test_http_with(&h, "POST", a.port, s->path, second.cookie, strcmp(s->path, "/strategies") == 0 ? STRATEGY : NULL,
		       s->key);
	s->status = h.status;
	snprintf(s->body, sizeof(s->body), "%s", h.body);
	test_http_release(&h);
	return NULL;
}

static void parallel_repeats_are_done_once(void **state)
{
	struct shot s[THREADS];
	pthread_t threads[THREADS];
	pthread_barrier_t start;
	char id[40], run[96];

	(void)state;
	for (int round = 0; round < 10; round++) {
		long before = strategies_of(&second);
		char key[64];

		snprintf(key, sizeof(key), "Idempotency-Key: parallel-%d", round);
		for (int phase = 0; phase < 2; phase++) { /* create, then run what was created */
			pthread_barrier_init(&start, NULL, THREADS);
			for (int i = 0; i < THREADS; i++) {
				s[i] = (struct shot){ phase == 0 ? "/strategies" : run, { key, NULL }, &start, 0, "" };
				assert_int_equal(pthread_create(&threads[i], NULL, fire, &s[i]), 0);
			}
			for (int i = 0; i < THREADS; i++)
				pthread_join(threads[i], NULL);
			pthread_barrier_destroy(&start);
			for (int i = 0; i < THREADS; i++) {
				assert_int_equal(s[i].status, phase == 0 ? 201 : 200);
				assert_string_equal(s[i].body, s[0].body);
			}
			snprintf(id, sizeof(id), "%s", json_member(s[0].body, "strategy_id"));
			snprintf(run, sizeof(run), "/strategies/%s/run", id);
			snprintf(key, sizeof(key), "Idempotency-Key: parallel-run-%d", round);
		}
		assert_int_equal(strategies_of(&second), before + 1);
		assert_string_equal(
			stack_sql(&a.stack, "SELECT count(*) FROM strategy_runs WHERE strategy_id = '%s'", id), "1");
	}
}

/* ---- limits -------------------------------------------------------------------------------------------------------- */

static int login_from(int port, const char *client, const char *body)
{
	char header[96];

	snprintf(header, sizeof(header), "X-Forwarded-For: %s", client);
	return status_of(port, "POST", "/auth/telegram/login", NULL, body, (const char *const[]){ header, NULL });
}

static void failed_logins_of_a_client_are_limited(void **state)
{
	char bad[512], good[512];
	struct test_http h;

	(void)state;
	test_login_body(bad, sizeof(bad), "1:wrong", 700001, (int64_t)time(NULL));
	test_login_body(good, sizeof(good), TEST_BOT_TOKEN, 700001, (int64_t)time(NULL));
	for (int i = 0; i < 40; i++) /* those that succeed do not count */
		assert_int_equal(login_from(a.port, "198.51.100.7", good), 200);
	int refused = 0;

	for (int i = 0; i < 33; i++)
		refused += login_from(a.port, "198.51.100.7", bad) == 429;
	assert_in_range(refused, 1, 3); /* 30 a minute; one may come back while this runs */
	test_http_with(&h, "POST", a.port, "/auth/telegram/login", NULL, good,
		       (const char *const[]){ "X-Forwarded-For: 198.51.100.7", NULL });
	if (h.status == 429) {
		assert_non_null(strstr(h.body, "\"code\":\"too_many_requests\""));
		assert_in_range(atoi(test_http_header(&h, "retry-after")), 1, 60);
	}
	test_http_release(&h);
	assert_int_equal(login_from(a.port, "198.51.100.8", bad), 401); /* others are not touched */
	assert_int_equal(login_from(a.port, "198.51.100.8", good), 200);
}

static void limits_are_shared_and_each_its_own(void **state)
{
	struct api one, two;
	struct person p;
	int ok = 0, refused = 0;

	(void)state;
	api_another(&one, &a, "limited-1");
	api_another(&two, &a, "limited-2");
	for (struct api *const *x = (struct api *const[]){ &one, &two, NULL }; *x != NULL; x++) {
		proc_env(&(*x)->proc, "ROEHUB_API_LIMIT_READ", "600");
		proc_env(&(*x)->proc, "ROEHUB_API_LIMIT_WRITE", "10");
		proc_env(&(*x)->proc, "ROEHUB_API_LIMIT_TWO_FACTOR", "3");
		api_start(*x);
	}
	test_sign_in(&p, one.port, TEST_BOT_TOKEN, 700010, (int64_t)time(NULL));
	for (int i = 0; i < 16; i++) {
		int status = status_of(i % 2 ? one.port : two.port, "POST", "/strategies", p.cookie, STRATEGY, NULL);

		ok += status == 201;
		refused += status == 429;
	}
	assert_int_equal(ok + refused, 16);
	assert_in_range(ok, 10, 12); /* ten together, and what came back meanwhile */
	/* reads have their own allowance, spent in batches: never more than the limit and what came back */
	ok = refused = 0;
	for (int i = 0; i < 700; i++) {
		int status = status_of(i % 2 ? one.port : two.port, "GET", "/auth/current-user", p.cookie, NULL, NULL);

		ok += status == 200;
		refused += status == 429;
	}
	assert_int_equal(ok + refused, 700);
	assert_in_range(ok, 500, 660);
	assert_true(refused > 0);
	ok = 0;
	for (int i = 0; i < 6; i++)
		ok += status_of(one.port, "GET", "/2fa", p.cookie, NULL, NULL) == 200;
	assert_in_range(ok, 3, 4);
	assert_int_equal(status_of(one.port, "GET", "/auth/current-user", second.cookie, NULL, NULL), 200);
	proc_release(&one.proc);
	proc_release(&two.proc);
}

static void without_redis_reads_go_on_and_sign_in_waits(void **state)
{
	char good[512];
	struct test_http h;

	(void)state;
	test_login_body(good, sizeof(good), TEST_BOT_TOKEN, 700001, (int64_t)time(NULL));
	stack_service(&a.stack, "kill", "redis");
	test_sleep_ms(1100); /* what was fetched in advance is spent or stale */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(status_of(a.port, "GET", "/auth/current-user", user.cookie, NULL, NULL), 200);
		assert_int_equal(status_of(a.port, "GET", "/strategies", user.cookie, NULL, NULL), 200);
	}
	assert_int_equal(status_of(a.port, "POST", "/strategies", user.cookie, STRATEGY, NULL), 201);
	assert_int_equal(login_from(a.port, "198.51.100.99", good), 503);
	assert_int_equal(status_of(a.port, "GET", "/2fa", user.cookie, NULL, NULL), 503);
	assert_int_equal(status_of(a.port, "GET", "/exchange-keys", user.cookie, NULL, NULL), 503);
	assert_int_equal(status_of(a.port, "GET", "/ready", NULL, NULL, NULL), 503);
	test_http(&h, "GET", a.port, "/metrics", NULL, NULL);
	assert_non_null(strstr(h.body, "roehub_api_rate_limit_unavailable_total{limit=\"read\"}"));
	assert_non_null(strstr(h.body, "roehub_api_rate_limit_unavailable_total{limit=\"login\"}"));
	test_http_release(&h);
	stack_service(&a.stack, "start", "redis");
	assert_true(test_http_wait(a.port, "/ready", 10000));
	assert_int_equal(login_from(a.port, "198.51.100.99", good), 200);
	assert_int_equal(status_of(a.port, "GET", "/2fa", user.cookie, NULL, NULL), 200);
}

/* ---- the document -------------------------------------------------------------------------------------------------- */

static void routes_and_document_are_the_same(void **state)
{
	static const struct api_config all_on = { .docs = true };
	static const struct strategy_config strategies_on = { .api_enabled = true };
	struct http_route routes[API_ROUTES_MAX];
	size_t n = api_routes(&all_on, &strategies_on, routes), documented = 0;
	const cJSON *paths = cJSON_GetObjectItem(openapi_document(), "paths"), *path, *operation;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		char method[16];

		snprintf(method, sizeof(method), "%s", http_method_text(routes[i].method));
		str_lower_ascii(method);
		operation = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(paths, routes[i].path), method);
		if (operation == NULL)
			fail_msg("%s %s is not in openapi.yaml", method, routes[i].path);
		assert_non_null(cJSON_GetObjectItem(operation, "operationId"));
		assert_non_null(cJSON_GetObjectItem(operation, "summary"));
	}
	cJSON_ArrayForEach(path, paths) cJSON_ArrayForEach(operation, path)
	{
		static const char *const methods[] = { "get", "post", "put", "patch", "delete" };

		for (size_t m = 0; m < ARRAY_LEN(methods); m++)
			documented += strcmp(operation->string, methods[m]) == 0;
	}
	assert_int_equal(documented, n);
}

static void examples_fit_their_schemas(void **state)
{
	const cJSON *paths = cJSON_GetObjectItem(openapi_document(), "paths"), *path, *operation, *response;
	int examples = 0;

	(void)state;
	cJSON_ArrayForEach(path, paths) cJSON_ArrayForEach(operation, path)
	{
		const cJSON *body = cJSON_GetObjectItem(cJSON_GetObjectItem(operation, "requestBody"), "content");
		const cJSON *contents[32] = { body };
		size_t n = 1;

		cJSON_ArrayForEach(response, cJSON_GetObjectItem(operation, "responses")) if (n < 32) contents[n++] =
			cJSON_GetObjectItem(openapi_resolve(response), "content");
		for (size_t i = 0; i < n; i++) {
			const cJSON *media = cJSON_GetObjectItem(contents[i], "application/json");
			const cJSON *example = cJSON_GetObjectItem(media, "example");
			char why[512];

			if (example == NULL)
				continue;
			examples++;
			if (openapi_validate(cJSON_GetObjectItem(media, "schema"), example, why, sizeof(why)) != 0)
				fail_msg("%s %s: %s", operation->string, path->string, why);
		}
	}
	assert_true(examples > 50);
}

static void the_document_is_served(void **state)
{
	struct test_http h;

	(void)state;
	test_http(&h, "GET", a.port, "/openapi.json", NULL, NULL);
	assert_int_equal(h.status, 200);
	assert_ptr_equal(strstr(h.body, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Roehub API\",\"version\":\"1.0.0\""),
			 h.body);
	test_http_release(&h);
	test_http(&h, "GET", a.port, "/docs/../../../etc/passwd", NULL, NULL);
	assert_int_equal(h.status, 404);
	test_http_release(&h);
	test_http(&h, "GET", a.port, "/docs/%2e%2e%2fopenapi.yaml", NULL, NULL);
	assert_int_equal(h.status, 404);
	test_http_release(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_has_its_headers),
		cmocka_unit_test(request_ids),
		cmocka_unit_test(other_sites_change_nothing),
		cmocka_unit_test(deep_or_huge_json_is_refused_before_it_is_built),
		cmocka_unit_test(reads_are_conditional_and_compressed),
		cmocka_unit_test(lists_come_in_pages),
		cmocka_unit_test(a_repeated_change_is_done_once),
		cmocka_unit_test(parallel_repeats_are_done_once),
		cmocka_unit_test(failed_logins_of_a_client_are_limited),
		cmocka_unit_test(limits_are_shared_and_each_its_own),
		cmocka_unit_test(without_redis_reads_go_on_and_sign_in_waits),
		cmocka_unit_test(routes_and_document_are_the_same),
		cmocka_unit_test(examples_fit_their_schemas),
		cmocka_unit_test(the_document_is_served),
	};

	return cmocka_run_group_tests_name("platform", tests, up, down);
}
