/* api.h - the api alone on a database and a Redis of its own, and people who sign in. */
#ifndef ROEHUB_TESTS_SUPPORT_API_H
#define ROEHUB_TESTS_SUPPORT_API_H

#include "support/stack.h"

#define TEST_BOT_TOKEN "123456:TEST"

struct api {
	struct stack stack;
	struct proc proc;
	int port;
};

struct person {
	char cookie[1024]; /* "name=value" */
	char user_id[40];
};

/* stack_parts on top of a database and a Redis. Prepares the program; api_start() starts it, so that the test may add
 * environment with proc_env(). Every answer is held against the OpenAPI document. */
void api_prepare(struct api *a, unsigned stack_parts);
void api_start(struct api *a);
void api_stop(struct api *a); /* a clean stop with exit code 0 */
/* Stops, takes the servers down, fails on an answer that was not as documented. */
void api_down(struct api *a);

/* A second process on the same stores; the caller adds its environment and starts it. */
void api_another(struct api *other, const struct api *a, const char *name);

/* A widget payload for this account, signed with the token. */
void test_login_body(char *out, size_t size, const char *token, int64_t telegram_id, int64_t auth_date);
void test_sign_in(struct person *p, int port, const char *token, int64_t telegram_id, int64_t auth_date);
/* Enables two-factor by setup and verify, with the clock at `now`; secret gets the base32 text (at least 64 bytes). */
void test_enable_two_factor(const struct person *p, int port, int64_t now, char *secret);
/* Value of a text member of a flat JSON answer; "" when absent. Static buffer. */
const char *json_member(const char *body, const char *key);

#endif
