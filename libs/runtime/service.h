/* service.h - one skeleton for every process: options, signals, start, readiness, stop, exit codes.
 *
 *   exit 0  clean stop on SIGINT/SIGTERM, disabled by a toggle, or --help/--version
 *   exit 1  start-up or run-time failure, after one clear line
 *   exit 2  bad command line, after a usage line
 *
 * start() wires the program and returns SERVICE_RUN, SERVICE_DISABLED (it logged why) or SERVICE_FAILED with err.
 * What the environment holds of secrets (names with SECRET, TOKEN, PASSWORD, _KEK, _DSN) is wiped after start(): keep copies.
 * A program that waits on sockets only lives on service_run.loop. A worker with a straight loop sets work(): it runs on
 * its own thread, polls service_stopping() and returns; the loop goes on serving metrics and signals meanwhile.
 * On SIGTERM: drain() once, then until drained() is true or 10 s have passed, then stop(). A second signal exits at once
 * with 1. stop() undoes start() in reverse order and must cope with a start that failed half-way.
 * NOTIFY_SOCKET: READY=1 after start, WATCHDOG=1 at half of WATCHDOG_USEC while healthy, STOPPING=1.
 */
#ifndef ROEHUB_RUNTIME_SERVICE_H
#define ROEHUB_RUNTIME_SERVICE_H

#include <event2/event.h>

#include "base/error.h"
#include "base/log.h"
#include "runtime/http_server.h"
#include "runtime/metrics.h"

enum service_result { SERVICE_RUN, SERVICE_DISABLED, SERVICE_FAILED };

struct service_option {
	const char *name; /* "metrics-port": --metrics-port N and --metrics-port=N */
	const char *arg;  /* "N", or NULL for a flag */
	const char *help;
};

#define SERVICE_OPTIONS_MAX 24

struct service_run {
	const struct service *service;
	struct event_base *loop; /* thread-safe notification is on (evthread_use_pthreads) */
	struct metrics *metrics; /* with the process metrics in it */
	struct log_ctx log;	 /* component = service name */
	const char *option_values[SERVICE_OPTIONS_MAX];
	void *state;	       /* the program's own */
	volatile int stopping; /* read with service_stopping() */
	void *internal;
};

#define SERVICE_CHECKS_MAX 8

struct service_health {
	struct {
		const char *name; /* "postgres" */
		bool ok;
		bool disabled;
	} checks[SERVICE_CHECKS_MAX];
	size_t count;
};

struct service {
	const char *name;
	const char *about; /* one sentence for --help */
	const struct service_option *options;
	size_t option_count;
	enum service_result (*start)(struct service_run *run, struct error *err);
	int (*work)(struct service_run *run, struct error *err); /* may be NULL */
	void (*drain)(struct service_run *run);			 /* may be NULL */
	bool (*drained)(struct service_run *run);		 /* may be NULL: at once (work: when it has returned) */
	void (*stop)(struct service_run *run);
	/* Fills one line per dependency: {"name", ok}. May be NULL. Called on the loop thread, must not block. */
	void (*health)(struct service_run *run, struct service_health *out);
};

int service_main(const struct service *service, int argc, char **argv);

/* Value of an option, NULL when it was not given ("" for a flag that was). */
const char *service_option(const struct service_run *run, const char *name);
bool service_stopping(const struct service_run *run);
/* Sleeps, but returns at once (true) when the process is to stop. For work() threads. */
bool service_sleep_ms(struct service_run *run, int64_t ms);
/* Ends the process from inside: exit code 1 and the error as its last line. Thread-safe. */
void service_fail(struct service_run *run, const struct error *err);
/* Asks for a clean stop as SIGTERM does. Thread-safe. */
void service_stop(struct service_run *run);

/* Writes "name=port" lines to path (temporary file, then rename), for scripts that asked for port 0. NULL path: nothing. */
struct service_port {
	const char *name;
	int port;
};
int service_write_ports(const char *path, const struct service_port *ports, size_t n, struct error *err);

/* /health, /ready and /metrics on host:port (0: any free one); the port that it got, or -1. Programs with routes of
 * their own put these rows into their table instead. */
int service_listen_metrics(struct service_run *run, const char *host, int port, struct error *err);
void service_route_health(struct http_request *req, struct http_response *res);
void service_route_ready(struct http_request *req, struct http_response *res);
void service_route_metrics(struct http_request *req, struct http_response *res);
/* The three handlers find their service here; set before the server starts. One service a process. */
void service_bind_routes(struct service_run *run);

#endif
