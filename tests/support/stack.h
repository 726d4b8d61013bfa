/* stack.h - what a test program needs around it: a folder, a private database at head, a private Redis.
 *
 * Servers come from scripts/run-tests (ROEHUB_TEST_PG, ROEHUB_TEST_REDIS, ROEHUB_TEST_CH). A test that kills servers asks
 * for servers of its own (STACK_OWN_*), started through scripts/services in its folder.
 */
#ifndef ROEHUB_TESTS_SUPPORT_STACK_H
#define ROEHUB_TESTS_SUPPORT_STACK_H

#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/proc.h"

enum stack_part {
	STACK_DATABASE = 1,	  /* private database on the shared server, bootstrapped: at head, with its roles */
	STACK_DATABASE_EMPTY = 2, /* private database, nothing in it */
	STACK_REDIS = 4,	  /* private Redis process */
	STACK_OWN_POSTGRES = 8,	  /* private Postgres server (with STACK_DATABASE or _EMPTY), can be killed */
};

struct stack {
	unsigned parts;
	char dir[400];	      /* private, removed by stack_down unless a test failed */
	char servers[440];    /* folder for scripts/services */
	char server_dsn[256]; /* superuser, database postgres */
	char dsn[300];	      /* superuser, the private database */
	char database[64];
	char redis_host[64];
	int redis_port;
	PGconn *sql;	     /* opened on demand by stack_sql */
	redisContext *redis; /* opened on demand by stack_redis */
};

void stack_up(struct stack *s, unsigned parts);
/* The private database as one of the suite's own roles ("roehub_api"); one of four static buffers. */
const char *stack_role_dsn(const struct stack *s, const char *role);
void stack_down(struct stack *s);
/* scripts/services kill|start|stop for "postgres" or "redis" of this stack's own servers */
void stack_service(struct stack *s, const char *verb, const char *name);

/* First column of the first row as text ("" for no row or NULL) in a static buffer; fails the test on an SQL error. */
const char *stack_sql(struct stack *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Waits until the query gives the text. */
bool stack_sql_wait(struct stack *s, const char *want, int timeout_ms, const char *sql);
/* One Redis command by format; the reply is the caller's. Reconnects when needed; NULL when the server is down. */
redisReply *stack_redis(struct stack *s, const char *fmt, ...);
long long stack_redis_int(struct stack *s, const char *fmt, ...); /* integer replies such as XLEN; -1 when down */

int test_free_port(void);
void test_sleep_ms(int ms);
int64_t test_now_ms(void);
/* Writes a file below the stack's folder and returns its path (static buffer). */
const char *stack_file(struct stack *s, const char *name, const char *content);
const char *test_root(void); /* the project folder */
/* Path of a file in ../shared, or NULL when it is not there. Static buffer. */
const char *test_shared(const char *relative);

/* ---- HTTP as a client of the programs ---- */
struct test_http {
	int status; /* 0: no answer */
	char *body; /* NUL-terminated; test_http_release */
	size_t body_len;
	char set_cookie[1024];
	char headers[4096];
};
/* cookie, body: NULL for none. path is appended to http://127.0.0.1:port */
void test_http(struct test_http *out, const char *method, int port, const char *path, const char *cookie,
	       const char *body);
/* The same with header lines of the caller's own ("Name: value"), NULL at the end. */
void test_http_with(struct test_http *out, const char *method, int port, const char *path, const char *cookie,
		    const char *body, const char *const *headers);
/* Sees every answer that these calls get; NULL: nobody. Must be safe to call from any thread. */
extern void (*test_http_observer)(int port, const char *method, const char *path, const struct test_http *h);
/* Value of a response header, "" when absent. Static buffer of the thread. */
const char *test_http_header(const struct test_http *h, const char *name);
void test_http_release(struct test_http *h);
/* GET answers 200 within the time. */
bool test_http_wait(int port, const char *path, int timeout_ms);
/* Value of a metric without labels, NAN when absent. */
double test_metric(int port, const char *name);

#endif
