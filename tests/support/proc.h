/* proc.h - programs under test: spawned with their own environment and log file, watched, stopped or killed.
 * Every failure prints the tail of the program's log. A test that dies takes its children with it (PDEATHSIG). */
#ifndef ROEHUB_TESTS_SUPPORT_PROC_H
#define ROEHUB_TESTS_SUPPORT_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_ENV_MAX  64
#define PROC_ARGS_MAX 48

struct proc {
	char name[64];
	char log[512]; /* stdout and stderr of the program, appended over restarts */
	char path[512];
	char *args[PROC_ARGS_MAX + 1];
	char *env[PROC_ENV_MAX + 1]; /* NAME=value on top of PATH and HOME only */
	pid_t pid;		     /* 0: not running */
	int exit_status;	     /* of the last wait: exit code, or 128 + signal */
};

/* program: a name in $ROEHUB_BUILD/bin or an absolute path. dir: where the log goes. */
void proc_init(struct proc *p, const char *program, const char *dir);
void proc_arg(struct proc *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void proc_env(struct proc *p, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void proc_start(struct proc *p);
bool proc_running(struct proc *p);
/* Waits for the end by itself; false after the time-out. */
bool proc_wait(struct proc *p, int timeout_ms);
/* SIGTERM and wait; returns the exit status (fails the test when it does not end in time). */
int proc_stop(struct proc *p, int timeout_ms);
void proc_kill9(struct proc *p);
void proc_signal(struct proc *p, int sig);
void proc_release(struct proc *p); /* kills when still running */

/* true when the log contains text (from the start of the file) within the time. */
bool proc_log_wait(struct proc *p, const char *text, int timeout_ms);
int proc_log_count(struct proc *p, const char *text);
void proc_log_tail(struct proc *p); /* prints the last lines: call before failing */
/* Reads "key=NUMBER" from a port file that the program writes. Fails the test after the time-out. */
int proc_port(struct proc *p, const char *port_file, const char *key, int timeout_ms);
/* Resident memory in bytes, 0 when not running. */
int64_t proc_rss(struct proc *p);

#endif
