#include "runtime/service.h"

#include <errno.h>
#include <event2/thread.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"

#define DRAIN_LIMIT_S	 10
#define METRICS_TEXT_MAX (16u << 20)

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* What the skeleton keeps for itself; service_run.internal points here. */
struct internal {
	struct event *sigterm, *sigint, *wake, *drain_tick, *watchdog;
	struct http_server *metrics_server;
	pthread_t work_thread;
	bool work_started;
	_Atomic bool work_done;
	mono_t drain_until;
	bool draining;

	pthread_mutex_t lock; /* guards the two below; service_sleep_ms() waits on changed */
	pthread_cond_t changed;
	_Atomic bool stopping;
	bool failed;
	struct error failure;
};

static struct service_run *bound_run; /* for the three shared routes: one service a process */

/* ---- systemd's notification protocol ------------------------------------------------------------------------------- */

static void notify_manager(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t n = path != NULL ? strlen(path) : 0;
	int fd;

	if (n == 0 || n >= sizeof(a.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(a.sun_path, path, n);
	if (path[0] == '@')
		a.sun_path[0] = '\0'; /* the abstract name space */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
}

/* ---- options ------------------------------------------------------------------------------------------------------- */

static void print_help(const struct service *s, FILE *out)
{
	fprintf(out, "%s - %s\n\nusage: %s [options]\n\n", s->name, s->about, s->name);
	for (size_t i = 0; i < s->option_count; i++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", s->options[i].name, s->options[i].arg != NULL ? " " : "",
			 s->options[i].arg != NULL ? s->options[i].arg : "");
		fprintf(out, "  %-28s %s\n", left, s->options[i].help);
	}
	fprintf(out, "  %-28s %s\n  %-28s %s\n", "--help", "this text", "--version", "the version");
}

static int usage_error(const struct service *s, const char *what, const char *which)
{
	fprintf(stderr, "%s: %s %s (see %s --help)\n", s->name, what, which, s->name);
	return EXIT_USAGE;
}

static const struct service_option *find_option(const struct service *s, struct str name, size_t *index)
{
	for (size_t i = 0; i < s->option_count && i < SERVICE_OPTIONS_MAX; i++)
		if (str_eq_c(name, s->options[i].name)) {
			*index = i;
			return &s->options[i];
		}
	return NULL;
}

/* -1: go on; otherwise the exit code. */
static int parse_options(struct service_run *run, int argc, char **argv)
{
	const struct service *s = run->service;

	for (int i = 1; i < argc; i++) {
		struct str arg = str_from(argv[i]), name;
		const struct service_option *option;
		size_t eq, index = 0;

		if (str_eq(arg, STR("--help")) || str_eq(arg, STR("-h"))) {
			print_help(s, stdout);
			return EXIT_OK;
		}
		if (str_eq(arg, STR("--version"))) {
			printf("%s %s\n", s->name, ROEHUB_VERSION);
			return EXIT_OK;
		}
		if (!str_starts(arg, STR("--")))
			return usage_error(s, "unexpected argument", argv[i]);
		eq = str_find_byte(arg, '=');
		name = str_slice(arg, 2, eq);
		option = find_option(s, name, &index);
		if (option == NULL)
			return usage_error(s, "unknown option", argv[i]);
		if (option->arg == NULL) {
			if (eq != SIZE_MAX)
				return usage_error(s, "option takes no value:", argv[i]);
			run->option_values[index] = "";
		} else if (eq != SIZE_MAX) {
			run->option_values[index] = argv[i] + eq + 1;
		} else if (i + 1 < argc) {
			run->option_values[index] = argv[++i];
		} else {
			return usage_error(s, "option needs a value:", argv[i]);
		}
	}
	return -1;
}

const char *service_option(const struct service_run *run, const char *name)
{
	size_t index = 0;

	return find_option(run->service, str_from(name), &index) != NULL ? run->option_values[index] : NULL;
}

/* ---- stopping ------------------------------------------------------------------------------------------------------ */

bool service_stopping(const struct service_run *run)
{
	const struct internal *in = run->internal;

	return atomic_load_explicit(&in->stopping, memory_order_relaxed);
}

static void wake_sleepers(struct internal *in)
{
	pthread_mutex_lock(&in->lock);
	atomic_store(&in->stopping, true);
	pthread_cond_broadcast(&in->changed);
	pthread_mutex_unlock(&in->lock);
}

bool service_sleep_ms(struct service_run *run, int64_t ms)
{
	struct internal *in = run->internal;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&in->lock);
	while (!atomic_load(&in->stopping) && pthread_cond_timedwait(&in->changed, &in->lock, &until) == 0)
		;
	pthread_mutex_unlock(&in->lock);
	return atomic_load(&in->stopping);
}

void service_stop(struct service_run *run)
{
	struct internal *in = run->internal;

	wake_sleepers(in);
	event_active(in->wake, EV_READ, 0);
}

void service_fail(struct service_run *run, const struct error *err)
{
	struct internal *in = run->internal;

	pthread_mutex_lock(&in->lock);
	if (!in->failed) {
		in->failed = true;
		in->failure = *err;
	}
	pthread_mutex_unlock(&in->lock);
	service_stop(run);
}

static bool finished(struct service_run *run)
{
	struct internal *in = run->internal;

	if (in->work_started && !atomic_load(&in->work_done))
		return false;
	return run->service->drained == NULL || run->service->drained(run);
}

/* Loop thread: a stop was asked for, or it is time to look whether everything is handed back. */
static void on_drain_tick(evutil_socket_t fd, short what, void *arg)
{
	struct service_run *run = arg;
	struct internal *in = run->internal;

	(void)fd;
	(void)what;
	if (finished(run) || mono_elapsed_us(mono_now(), in->drain_until) <= 0) {
		event_base_loopbreak(run->loop);
		return;
	}
	event_add(in->drain_tick, &(struct timeval){ 0, 20000 });
}

static void begin_drain(struct service_run *run)
{
	struct internal *in = run->internal;

	if (in->draining)
		return;
	in->draining = true;
	run->stopping = 1;
	wake_sleepers(in);
	notify_manager("STOPPING=1");
	log_info(&run->log, "stopping");
	in->drain_until = mono_after_ms(mono_now(), DRAIN_LIMIT_S * 1000);
	if (run->service->drain != NULL)
		run->service->drain(run);
	on_drain_tick(-1, 0, run);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct service_run *run = arg;
	struct internal *in = run->internal;

	(void)fd;
	(void)what;
	if (in->draining)
		_exit(EXIT_FAILED); /* the second signal means now */
	begin_drain(run);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	begin_drain(arg);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	notify_manager("WATCHDOG=1"); /* the loop turns: that is what the watchdog asks */
}

/* ---- work ---------------------------------------------------------------------------------------------------------- */

static void *work_main(void *arg)
{
	struct service_run *run = arg;
	struct internal *in = run->internal;
	struct error err = ERROR_INIT;

	if (run->service->work(run, &err) != 0)
		service_fail(run, &err);
	atomic_store(&in->work_done, true);
	service_stop(run); /* a worker that returned by itself ends the process as well */
	return NULL;
}

/* Signals belong to the loop thread: everybody else is started with them blocked. */
static void block_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, old);
}

static int start_work(struct service_run *run, struct error *err)
{
	struct internal *in = run->internal;
	sigset_t old;
	int rc;

	if (run->service->work == NULL)
		return 0;
	block_signals(&old);
	rc = pthread_create(&in->work_thread, NULL, work_main, run);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return error_set_errno(err, rc, "the worker thread could not be started");
	in->work_started = true;
	return 0;
}

/* ---- health, readiness, metrics ------------------------------------------------------------------------------------ */

void service_bind_routes(struct service_run *run) { bound_run = run; }

void service_route_health(struct http_request *req, struct http_response *res)
{
	(void)req;
	strbuf_addc(&res->body, "{\"status\":\"ok\"}");
}

static int by_check_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void service_route_ready(struct http_request *req, struct http_response *res)
{
	struct service_health h = { 0 };
	struct json_writer w;
	bool ready = !service_stopping(bound_run);

	(void)req;
	if (bound_run->service->health != NULL)
		bound_run->service->health(bound_run, &h);
	qsort(h.checks, h.count, sizeof(h.checks[0]), by_check_name); /* the name is the first member */
	for (size_t i = 0; i < h.count; i++)
		ready = ready && (h.checks[i].ok || h.checks[i].disabled);
	res->status = ready ? 200 : 503;
	jw_init(&w, &res->body);
	jw_obj(&w);
	jw_key(&w, "status");
	jw_cstr(&w, ready ? "ready" : "not_ready");
	jw_key(&w, "checks");
	jw_obj(&w);
	for (size_t i = 0; i < h.count; i++) {
		jw_key(&w, h.checks[i].name);
		jw_cstr(&w, h.checks[i].disabled ? "disabled" : h.checks[i].ok ? "ok" : "error");
	}
	jw_end(&w);
	jw_end(&w);
}

void service_route_metrics(struct http_request *req, struct http_response *res)
{
	(void)req;
	res->content_type = "text/plain; version=0.0.4; charset=utf-8";
	res->body.max = METRICS_TEXT_MAX;
	metrics_render(bound_run->metrics, &res->body);
}

int service_listen_metrics(struct service_run *run, const char *host, int port, struct error *err)
{
	static const struct http_route routes[] = {
		{ HTTP_GET, "/health", HTTP_ON_LOOP, service_route_health, 0 },
		{ HTTP_GET, "/ready", HTTP_ON_LOOP, service_route_ready, 0 },
		{ HTTP_GET, "/metrics", HTTP_ON_LOOP, service_route_metrics, 0 },
	};
	const struct http_server_config cfg = {
		.host = host,
		.port = port,
		.routes = routes,
		.route_count = ARRAY_LEN(routes),
		.threads = 1,
		.limits = { .connections_max = 256, .body_max = 1024 },
		.log = run->log,
	};
	struct internal *in = run->internal;

	service_bind_routes(run);
	in->metrics_server = http_server_start(run->loop, &cfg, err);
	return in->metrics_server != NULL ? http_server_port(in->metrics_server) : -1;
}

int service_write_ports(const char *path, const struct service_port *ports, size_t n, struct error *err)
{
	char temporary[512];
	FILE *f;
	bool ok = true;

	if (path == NULL)
		return 0;
	snprintf(temporary, sizeof(temporary), "%s.tmp", path);
	f = fopen(temporary, "we");
	if (f == NULL)
		return error_set_errno(err, errno, "cannot write the port file %s", path);
	for (size_t i = 0; i < n; i++)
		ok = fprintf(f, "%s=%d\n", ports[i].name, ports[i].port) > 0 && ok;
	if (fclose(f) != 0 || !ok || rename(temporary, path) != 0)
		return error_set_errno(err, errno, "cannot write the port file %s", path);
	return 0;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static int init_run(struct service_run *run, struct internal *in, const struct service *service)
{
	pthread_condattr_t attr;
	enum log_level level;

	evthread_use_pthreads();
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }); /* memory holds keys */
	if (getenv("ROEHUB_LOG_LEVEL") != NULL && log_level_parse(str_from(getenv("ROEHUB_LOG_LEVEL")), &level))
		log_set_level(level);
	run->service = service;
	run->internal = in;
	run->log = (struct log_ctx)LOG_CTX(service->name);
	pthread_mutex_init(&in->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&in->changed, &attr);
	pthread_condattr_destroy(&attr);
	run->metrics = metrics_new();
	metrics_add_process(run->metrics);
	run->loop = event_base_new();
	if (run->loop == NULL)
		return -1;
	in->sigterm = evsignal_new(run->loop, SIGTERM, on_signal, run);
	in->sigint = evsignal_new(run->loop, SIGINT, on_signal, run);
	in->wake = event_new(run->loop, -1, EV_READ | EV_PERSIST, on_wake, run);
	in->drain_tick = event_new(run->loop, -1, 0, on_drain_tick, run);
	in->watchdog = event_new(run->loop, -1, EV_PERSIST, on_watchdog, run);
	if (in->sigterm == NULL || in->sigint == NULL || in->wake == NULL || in->drain_tick == NULL ||
	    in->watchdog == NULL)
		return -1;
	event_add(in->sigterm, NULL);
	event_add(in->sigint, NULL);
	return 0;
}

static void arm_watchdog(struct internal *in)
{
	const char *usec = getenv("WATCHDOG_USEC");
	uint64_t v;

	if (usec != NULL && str_to_u64(str_from(usec), &v) && v >= 1000)
		event_add(in->watchdog, &(struct timeval){ (time_t)(v / 2 / 1000000), (suseconds_t)(v / 2 % 1000000) });
}

/* Everything has been read by now: what is secret leaves the environment, where /proc and child processes show it. */
static void wipe_environment(void)
{
	static const char *const marks[] = { "SECRET", "TOKEN", "PASSWORD", "_KEK", "_DSN" };

	for (char **entry = environ; *entry != NULL; entry++) {
		char *value = strchr(*entry, '=');

		for (size_t i = 0; value != NULL && i < ARRAY_LEN(marks); i++) {
			const char *mark = strstr(*entry, marks[i]);

			if (mark != NULL && mark < value)
				explicit_bzero(value + 1, strlen(value + 1));
		}
	}
}

static void finish_work(struct service_run *run)
{
	struct internal *in = run->internal;

	if (!in->work_started)
		return;
	if (!atomic_load(&in->work_done)) {
		log_error(&run->log, "stop_timed_out", LOG_INT("limit_s", DRAIN_LIMIT_S));
		_exit(EXIT_FAILED); /* the thread cannot be waited for; what it had not committed is repeated next time */
	}
	pthread_join(in->work_thread, NULL);
}

static void release_run(struct service_run *run)
{
	struct internal *in = run->internal;

	http_server_free(in->metrics_server);
	for (struct event **e =
		     (struct event *[]){ in->sigterm, in->sigint, in->wake, in->drain_tick, in->watchdog, NULL };
	     *e != NULL; e++)
		event_free(*e);
	event_base_free(run->loop);
	metrics_free(run->metrics);
	pthread_cond_destroy(&in->changed);
	pthread_mutex_destroy(&in->lock);
}

int service_main(const struct service *service, int argc, char **argv)
{
	struct internal in = { 0 };
	struct service_run run = { 0 };
	struct error err = ERROR_INIT;
	mono_t started = mono_now();
	enum service_result result;
	int code;

	run.service = service;
	code = parse_options(&run, argc, argv);
	if (code >= 0)
		return code;
	if (init_run(&run, &in, service) != 0) {
		fprintf(stderr, "%s: no memory\n", service->name);
		return EXIT_FAILED;
	}
	result = service->start(&run, &err);
	wipe_environment();
	if (result == SERVICE_RUN && start_work(&run, &err) != 0)
		result = SERVICE_FAILED;
	code = EXIT_OK;
	if (result == SERVICE_RUN) {
		log_info(&run.log, "started", LOG_CSTR("version", ROEHUB_VERSION),
			 LOG_INT("took_ms", mono_elapsed_us(started, mono_now()) / 1000));
		notify_manager("READY=1");
		arm_watchdog(&in);
		event_base_dispatch(run.loop);
		finish_work(&run);
		if (in.failed) {
			log_err(LOG_LEVEL_ERROR, &run.log, "failed", &in.failure);
			code = EXIT_FAILED;
		}
	} else if (result == SERVICE_FAILED) {
		log_err(LOG_LEVEL_ERROR, &run.log, "start_failed", &err);
		code = EXIT_FAILED;
	}
	service->stop(&run);
	if (result == SERVICE_RUN)
		log_info(&run.log, "stopped", LOG_INT("exit", code));
	release_run(&run);
	return code;
}
