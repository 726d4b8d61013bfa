#include "support/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void proc_init(struct proc *p, const char *program, const char *dir)
{
	const char *build = getenv("ROEHUB_BUILD");

	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", strrchr(program, '/') ? strrchr(program, '/') + 1 : program);
	if (program[0] == '/')
		snprintf(p->path, sizeof(p->path), "%s", program);
	else
		snprintf(p->path, sizeof(p->path), "%s/bin/%s", build ? build : "build/release", program);
	snprintf(p->log, sizeof(p->log), "%s/%s.log", dir, p->name);
	p->args[0] = strdup(p->name);
	proc_env(p, "PATH", "%s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	proc_env(p, "HOME", "%s", dir);
	for (const char *const *keep =
		     (const char *const[]){ "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS", NULL };
	     *keep != NULL; keep++)
		if (getenv(*keep) != NULL)
			proc_env(p, *keep, "%s", getenv(*keep));
}

static char *format_text(const char *fmt, va_list ap)
{
	char *text = NULL;

	assert_true(vasprintf(&text, fmt, ap) >= 0);
	return text;
}

void proc_arg(struct proc *p, const char *fmt, ...)
{
	va_list ap;
	size_t n = 0;

	while (p->args[n] != NULL)
		n++;
	assert_true(n < PROC_ARGS_MAX);
	va_start(ap, fmt);
	p->args[n] = format_text(fmt, ap);
	va_end(ap);
}

void proc_env(struct proc *p, const char *name, const char *fmt, ...)
{
	va_list ap;
	size_t n, len = strlen(name);
	char *value, *entry = NULL;

	va_start(ap, fmt);
	value = format_text(fmt, ap);
	va_end(ap);
	assert_true(asprintf(&entry, "%s=%s", name, value) >= 0);
	free(value);
	for (n = 0; p->env[n] != NULL; n++)
		if (strncmp(p->env[n], name, len) == 0 && p->env[n][len] == '=')
			break;
	assert_true(n < PROC_ENV_MAX);
	free(p->env[n]);
	p->env[n] = entry;
}

void proc_start(struct proc *p)
{
	pid_t parent = getpid();

	assert_int_equal(p->pid, 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		int log = open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || log < 0 || null < 0)
			_exit(126);
		dup2(null, 0);
		dup2(log, 1);
		dup2(log, 2);
		if (chdir(test_root()) != 0)
			_exit(126);
		execve(p->path, p->args, p->env);
		dprintf(2, "cannot run %s: %s\n", p->path, strerror(errno));
		_exit(127);
	}
}

static bool reap(struct proc *p, int flags)
{
	int status;
	pid_t got;

	if (p->pid == 0)
		return true;
	got = waitpid(p->pid, &status, flags);
	if (got == 0 || (got < 0 && errno == EINTR))
		return false;
	p->pid = 0;
	p->exit_status = got < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return true;
}

bool proc_running(struct proc *p) { return !reap(p, WNOHANG); }

bool proc_wait(struct proc *p, int timeout_ms)
{
	for (int64_t end = test_now_ms() + timeout_ms; !reap(p, WNOHANG); test_sleep_ms(10))
		if (test_now_ms() > end)
			return false;
	return true;
}

int proc_stop(struct proc *p, int timeout_ms)
{
	if (p->pid != 0)
		kill(p->pid, SIGTERM);
	if (!proc_wait(p, timeout_ms)) {
		proc_log_tail(p);
		proc_kill9(p);
		fail_msg("%s did not stop within %d ms", p->name, timeout_ms);
	}
	return p->exit_status;
}

void proc_kill9(struct proc *p)
{
	if (p->pid != 0) {
		kill(p->pid, SIGKILL);
		while (!reap(p, 0))
			;
	}
}

void proc_signal(struct proc *p, int sig)
{
	if (p->pid != 0)
		kill(p->pid, sig);
}

void proc_release(struct proc *p)
{
	proc_kill9(p);
	for (size_t i = 0; p->args[i] != NULL; i++)
		free(p->args[i]);
	for (size_t i = 0; p->env[i] != NULL; i++)
		free(p->env[i]);
	memset(p, 0, sizeof(*p));
}

static char *log_text(struct proc *p)
{
	FILE *f = fopen(p->log, "r");
	char *text = NULL;
	size_t size = 0;

	if (f == NULL)
		return strdup("");
	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(f);
	return text;
}

int proc_log_count(struct proc *p, const char *text)
{
	char *log = log_text(p);
	int n = 0;

	for (const char *at = strstr(log, text); at != NULL; at = strstr(at + 1, text))
		n++;
	free(log);
	return n;
}

bool proc_log_wait(struct proc *p, const char *text, int timeout_ms)
{
	for (int64_t end = test_now_ms() + timeout_ms; proc_log_count(p, text) == 0; test_sleep_ms(20))
		if (test_now_ms() > end)
			return false;
	return true;
}

void proc_log_tail(struct proc *p)
{
	char *log = log_text(p);
	size_t len = strlen(log);

	print_error("--- tail of %s\n%s\n---\n", p->log, len > 6000 ? log + len - 6000 : log);
	free(log);
}

int proc_port(struct proc *p, const char *port_file, const char *key, int timeout_ms)
{
	size_t len = strlen(key);

	for (int64_t end = test_now_ms() + timeout_ms; test_now_ms() <= end; test_sleep_ms(10)) {
		FILE *f = fopen(port_file, "r");
		char line[128];

		while (f != NULL && fgets(line, sizeof(line), f) != NULL)
			if (strncmp(line, key, len) == 0 && line[len] == '=') {
				fclose(f);
				return (int)strtol(line + len + 1, NULL, 10);
			}
		if (f != NULL)
			fclose(f);
		if (!proc_running(p))
			break;
	}
	proc_log_tail(p);
	fail_msg("%s gave no port %s in %s", p->name, key, port_file);
	return 0;
}

int64_t proc_rss(struct proc *p)
{
	char path[64];
	long size = 0, resident = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)p->pid);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return (int64_t)resident * sysconf(_SC_PAGESIZE);
}
