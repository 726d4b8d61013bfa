#include "support/stack.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t test_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void test_sleep_ms(int ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

const char *test_root(void)
{
	const char *root = getenv("ROEHUB_ROOT");

	return root != NULL ? root : ".";
}

const char *test_shared(const char *relative)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/../shared/%s", test_root(), relative);
	return access(path, R_OK) == 0 ? path : NULL;
}

int test_free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

/* Runs a command of ours to its end; output goes to dir/commands.log. */
static int run_command(struct stack *s, char *const argv[], const char *extra_env)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		char log[512];
		FILE *f;

		snprintf(log, sizeof(log), "%s/commands.log", s->dir);
		f = fopen(log, "a");
		if (f == NULL || chdir(test_root()) != 0)
			_exit(126);
		dup2(fileno(f), 1);
		dup2(fileno(f), 2);
		if (extra_env != NULL)
			putenv((char *)extra_env);
		execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void must_run(struct stack *s, char *const argv[], const char *extra_env)
{
	int rc = run_command(s, argv, extra_env);

	if (rc != 0)
		fail_msg("%s %s: exit %d, see %s/commands.log", argv[0], argv[1] ? argv[1] : "", rc, s->dir);
}

void stack_service(struct stack *s, const char *verb, const char *name)
{
	must_run(s, (char *const[]){ "scripts/services", (char *)verb, s->servers, (char *)name, NULL }, NULL);
	if (strcmp(name, "redis") == 0 && s->redis != NULL) {
		redisFree(s->redis);
		s->redis = NULL;
	}
	if (strcmp(name, "postgres") == 0 && s->sql != NULL) {
		PQfinish(s->sql);
		s->sql = NULL;
	}
}

/* Takes NAME=value out of the env file that scripts/services wrote. */
static void own_server(struct stack *s, const char *service, const char *variable, char *out, size_t size)
{
	char path[512], line[512];
	FILE *f;

	must_run(s, (char *const[]){ "scripts/services", "up", s->servers, (char *)service, NULL }, NULL);
	snprintf(path, sizeof(path), "%s/env", s->servers);
	f = fopen(path, "r");
	assert_non_null(f);
	out[0] = '\0';
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, variable, strlen(variable)) == 0 && line[strlen(variable)] == '=') {
			snprintf(out, size, "%s", line + strlen(variable) + 1);
			out[strcspn(out, "\n")] = '\0';
		}
	fclose(f);
	if (out[0] == '\0')
		fail_msg("scripts/services gave no %s", variable);
}

static void admin_sql(struct stack *s, const char *sql)
{
	PGconn *c = PQconnectdb(s->server_dsn);
	PGresult *r;

	if (PQstatus(c) != CONNECTION_OK)
		fail_msg("test server: %s", PQerrorMessage(c));
	r = PQexec(c, sql);
	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
}

static void make_database(struct stack *s)
{
	static int counter;
	char sql[160], tail[64], *dbname;

	if (s->parts & STACK_OWN_POSTGRES)
		own_server(s, "postgres", "ROEHUB_TEST_PG", s->server_dsn, sizeof(s->server_dsn));
	else if (getenv("ROEHUB_TEST_PG") != NULL)
		snprintf(s->server_dsn, sizeof(s->server_dsn), "%s", getenv("ROEHUB_TEST_PG"));
	else
		fail_msg("ROEHUB_TEST_PG is not set: run through scripts/run-tests");
	snprintf(s->database, sizeof(s->database), "roehub_test_%d_%d", (int)getpid(), counter++);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s", s->database);
	admin_sql(s, sql);
	/* The server's conninfo ends in dbname=postgres: ours replaces it. */
	snprintf(s->dsn, sizeof(s->dsn), "%s", s->server_dsn);
	dbname = strstr(s->dsn, "dbname=");
	assert_non_null(dbname);
	snprintf(tail, sizeof(tail), "dbname=%s", s->database);
	snprintf(dbname, sizeof(s->dsn) - (size_t)(dbname - s->dsn), "%s", tail);
	if (s->parts & STACK_DATABASE) {
		char program[512];

		snprintf(program, sizeof(program), "%s/bin/migrations",
			 getenv("ROEHUB_BUILD") ? getenv("ROEHUB_BUILD") : "build/release");
		must_run(s,
			 (char *const[]){ program, "bootstrap", "--identity-dsn", s->dsn, "--postgres-dsn", s->dsn,
					  NULL },
			 NULL);
	}
}

const char *stack_role_dsn(const struct stack *s, const char *role)
{
	static char dsn[4][360];
	static int turn;
	const char *user = strstr(s->dsn, "user="), *rest;
	char *out = dsn[turn++ % 4];

	assert_non_null(user);
	rest = user + strcspn(user, " ");
	snprintf(out, sizeof(dsn[0]), "%.*suser=%s%s", (int)(user - s->dsn), s->dsn, role, rest);
	return out;
}

void stack_up(struct stack *s, unsigned parts)
{
	static int counter;
	const char *base = getenv("ROEHUB_TEST_DIR");
	char redis[128];

	memset(s, 0, sizeof(*s));
	s->parts = parts;
	snprintf(s->dir, sizeof(s->dir), "%s/stack-%d-%d", base ? base : "/tmp", (int)getpid(), counter++);
	assert_int_equal(mkdir(s->dir, 0755), 0);
	snprintf(s->servers, sizeof(s->servers), "%s/servers", s->dir);
	if (parts & (STACK_DATABASE | STACK_DATABASE_EMPTY))
		make_database(s);
	if (parts & STACK_REDIS) {
		own_server(s, "redis", "ROEHUB_TEST_REDIS", redis, sizeof(redis));
		*strchr(redis, ':') = '\0';
		snprintf(s->redis_host, sizeof(s->redis_host), "%s", redis);
		s->redis_port = (int)strtol(redis + strlen(redis) + 1, NULL, 10);
	}
}

void stack_down(struct stack *s)
{
	if (s->sql != NULL)
		PQfinish(s->sql);
	if (s->redis != NULL)
		redisFree(s->redis);
	s->sql = NULL;
	s->redis = NULL;
	if (s->database[0] != '\0' && !(s->parts & STACK_OWN_POSTGRES)) {
		char sql[160];

		snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s WITH (FORCE)", s->database);
		admin_sql(s, sql);
	}
	if (s->parts & (STACK_REDIS | STACK_OWN_POSTGRES))
		run_command(s, (char *const[]){ "scripts/services", "down", s->servers, NULL }, NULL);
}

const char *stack_sql(struct stack *s, const char *fmt, ...)
{
	static char out[8192];
	char *sql = NULL;
	PGresult *r;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&sql, fmt, ap) >= 0);
	va_end(ap);
	if (s->sql == NULL || PQstatus(s->sql) != CONNECTION_OK) {
		PQfinish(s->sql);
		s->sql = PQconnectdb(s->dsn);
		PQclear(PQexec(s->sql, "SET client_min_messages = warning; SET TIME ZONE 'UTC'"));
	}
	r = PQexec(s->sql, sql);
	if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(s->sql));
	out[0] = '\0';
	if (PQntuples(r) > 0 && PQnfields(r) > 0)
		snprintf(out, sizeof(out), "%s", PQgetvalue(r, 0, 0));
	PQclear(r);
	free(sql);
	return out;
}

bool stack_sql_wait(struct stack *s, const char *want, int timeout_ms, const char *sql)
{
	for (int64_t end = test_now_ms() + timeout_ms; strcmp(stack_sql(s, "%s", sql), want) != 0; test_sleep_ms(50))
		if (test_now_ms() > end) {
			print_error("%s\n  wanted %s, is %s\n", sql, want, stack_sql(s, "%s", sql));
			return false;
		}
	return true;
}

static redisReply *redis_va(struct stack *s, const char *fmt, va_list ap)
{
	redisReply *reply;

	if (s->redis != NULL && s->redis->err != 0) {
		redisFree(s->redis);
		s->redis = NULL;
	}
	if (s->redis == NULL)
		s->redis = redisConnectWithTimeout(s->redis_host, s->redis_port, (struct timeval){ 2, 0 });
	if (s->redis == NULL || s->redis->err != 0) {
		if (s->redis != NULL)
			redisFree(s->redis);
		s->redis = NULL;
		return NULL;
	}
	reply = redisvCommand(s->redis, fmt, ap);
	return reply;
}

redisReply *stack_redis(struct stack *s, const char *fmt, ...)
{
	redisReply *reply;
	va_list ap;

	va_start(ap, fmt);
	reply = redis_va(s, fmt, ap);
	va_end(ap);
	return reply;
}

long long stack_redis_int(struct stack *s, const char *fmt, ...)
{
	redisReply *reply;
	long long v;
	va_list ap;

	va_start(ap, fmt);
	reply = redis_va(s, fmt, ap);
	va_end(ap);
	v = reply != NULL && reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
	if (reply != NULL)
		freeReplyObject(reply);
	return v;
}

const char *stack_file(struct stack *s, const char *name, const char *content)
{
	static char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(content, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return path;
}

/* ---- HTTP ------------------------------------------------------------------------------------------------------- */

struct collect {
	char *p;
	size_t n;
};

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct collect *c = arg;
	size_t n = size * count;

	c->p = realloc(c->p, c->n + n + 1);
	assert_non_null(c->p);
	memcpy(c->p + c->n, data, n);
	c->n += n;
	c->p[c->n] = '\0';
	return n;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct test_http *h = arg;
	size_t n = size * count, used = strlen(h->headers);

	if (used + n < sizeof(h->headers))
		memcpy(h->headers + used, data, n);
	if (n > 12 && strncasecmp(data, "set-cookie: ", 12) == 0)
		snprintf(h->set_cookie, sizeof(h->set_cookie), "%.*s", (int)strcspn(data + 12, "\r\n"), data + 12);
	return n;
}

void (*test_http_observer)(int port, const char *method, const char *path, const struct test_http *h);

/* One handle a thread: connections are kept. */
static CURL *http_handle(void)
{
	static __thread CURL *c;

	if (c == NULL)
		c = curl_easy_init();
	else
		curl_easy_reset(c);
	assert_non_null(c);
	return c;
}

void test_http_with(struct test_http *out, const char *method, int port, const char *path, const char *cookie,
		    const char *body, const char *const *extra)
{
	char url[4096];
	struct collect text = { NULL, 0 };
	struct curl_slist *headers = NULL;
	CURL *c = http_handle();
	long status = 0;

	memset(out, 0, sizeof(*out));
	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 30L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &text);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, out);
	if (cookie != NULL)
		curl_easy_setopt(c, CURLOPT_COOKIE, cookie);
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	for (size_t i = 0; extra != NULL && extra[i] != NULL; i++)
		headers = curl_slist_append(headers, extra[i]);
	if (body != NULL) {
		if (extra == NULL || extra[0] == NULL || strncasecmp(extra[0], "content-type", 12) != 0)
			headers = curl_slist_append(headers, "Content-Type: application/json");
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
	} else if (strcmp(method, "POST") == 0) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, 0L);
	}
	headers = curl_slist_append(headers, "Expect:");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	if (curl_easy_perform(c) == CURLE_OK)
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	out->status = (int)status;
	out->body = text.p != NULL ? text.p : strdup("");
	out->body_len = text.n;
	curl_slist_free_all(headers);
	if (test_http_observer != NULL)
		test_http_observer(port, method, path, out);
}

void test_http(struct test_http *out, const char *method, int port, const char *path, const char *cookie,
	       const char *body)
{
	test_http_with(out, method, port, path, cookie, body, NULL);
}

const char *test_http_header(const struct test_http *h, const char *name)
{
	static __thread char value[1024];
	size_t len = strlen(name);

	for (const char *line = h->headers; *line != '\0';) {
		size_t n = strcspn(line, "\r\n");

		if (n > len && strncasecmp(line, name, len) == 0 && line[len] == ':') {
			const char *from = line + len + 1 + strspn(line + len + 1, " ");

			snprintf(value, sizeof(value), "%.*s", (int)(line + n - from), from);
			return value;
		}
		line += n + strspn(line + n, "\r\n");
	}
	return "";
}

void test_http_release(struct test_http *h)
{
	free(h->body);
	h->body = NULL;
}

bool test_http_wait(int port, const char *path, int timeout_ms)
{
	for (int64_t end = test_now_ms() + timeout_ms; test_now_ms() <= end; test_sleep_ms(30)) {
		struct test_http h;
		bool ok;

		test_http(&h, "GET", port, path, NULL, NULL);
		ok = h.status == 200;
		test_http_release(&h);
		if (ok)
			return true;
	}
	return false;
}

double test_metric(int port, const char *name)
{
	struct test_http h;
	size_t len = strlen(name);
	double v = NAN;

	test_http(&h, "GET", port, "/metrics", NULL, NULL);
	for (const char *line = h.body; line != NULL && *line != '\0';
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, name, len) == 0 && line[len] == ' ')
			v = strtod(line + len + 1, NULL);
	test_http_release(&h);
	return v;
}
