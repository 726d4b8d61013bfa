#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "base/strbuf.h"

/* A line that is longer is cut: logs must not be a way to fill a disk with one request. */
#define LINE_MAX_BYTES 8192
#define SECRETS_MAX 64
#define SECRET_MIN 6

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static atomic_int level_min = LOG_LEVEL_INFO;
static atomic_int out_fd = 2;

/* Secrets are registered at start and read by every line: a lock for writers, a count published last for readers. */
static pthread_mutex_t secrets_lock = PTHREAD_MUTEX_INITIALIZER;
static struct str secrets[SECRETS_MAX];
static atomic_size_t secret_count;

void log_set_level(enum log_level level)
{
	atomic_store(&level_min, (int)level);
}

bool log_level_parse(struct str text, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
		if (str_eq_nocase(str_trim(text), str_from(level_names[i]))) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

bool log_enabled(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&level_min, memory_order_relaxed);
}

void log_set_fd(int fd)
{
	atomic_store(&out_fd, fd);
}

void log_redact(struct str secret)
{
	size_t n;
	char *copy;

	if (secret.n < SECRET_MIN)
		return;
	pthread_mutex_lock(&secrets_lock);
	n = atomic_load(&secret_count);
	for (size_t i = 0; i < n; i++)
		if (str_eq(secrets[i], secret))
			goto out;
	copy = n < SECRETS_MAX ? malloc(secret.n) : NULL;
	if (copy == NULL)
		goto out;
	memcpy(copy, secret.p, secret.n);
	secrets[n] = (struct str){ copy, secret.n };
	atomic_store(&secret_count, n + 1);
out:
	pthread_mutex_unlock(&secrets_lock);
}

/* Replaces every registered secret in text[0..n) by ***, returns the new length. */
static size_t redact(char *text, size_t n)
{
	size_t count = atomic_load(&secret_count);

	for (size_t i = 0; i < count; i++) {
		struct str secret = secrets[i];
		char *at = text;

		while (n >= secret.n && (at = memmem(at, n - (size_t)(at - text), secret.p, secret.n)) != NULL) {
			size_t tail = n - (size_t)(at - text) - secret.n;

			memcpy(at, "***", 3);
			memmove(at + 3, at + secret.n, tail);
			n -= secret.n - 3;
			at += 3;
		}
	}
	return n;
}

void log_redact_text(char *text)
{
	text[redact(text, strlen(text))] = '\0';
}

static bool is_plain(struct str s)
{
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
			return false;
	}
	return true;
}

static void add_quoted(struct strbuf *sb, struct str s)
{
	bool utf8 = str_is_utf8(s);

	strbuf_addch(sb, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\') {
			strbuf_addch(sb, '\\');
			strbuf_addch(sb, (char)c);
		} else if (c == '\n') {
			strbuf_addc(sb, "\\n");
		} else if (c < ' ' || c == 0x7f || (c > 0x7f && !utf8)) {
			strbuf_addf(sb, "\\x%02x", c);
		} else {
			strbuf_addch(sb, (char)c);
		}
	}
	strbuf_addch(sb, '"');
}

static void add_field(struct strbuf *sb, const struct log_field *f)
{
	char text[48];

	strbuf_addch(sb, ' ');
	strbuf_addc(sb, f->key);
	strbuf_addch(sb, '=');
	switch (f->kind) {
	case LOG_KIND_STR:
		if (is_plain(f->v.s))
			strbuf_add(sb, f->v.s);
		else
			add_quoted(sb, f->v.s);
		break;
	case LOG_KIND_INT:
		strbuf_addi(sb, f->v.i);
		break;
	case LOG_KIND_DOUBLE:
		strbuf_addc(sb, number_format(f->v.d, text));
		break;
	case LOG_KIND_UTC:
		strbuf_addc(sb, utc_is_none(f->v.t) ? "none" : utc_format_ms(f->v.t, text));
		break;
	case LOG_KIND_BOOL:
		strbuf_addc(sb, f->v.b ? "true" : "false");
		break;
	}
}

static void write_line(char *line, size_t n)
{
	int fd = atomic_load(&out_fd);

	n = redact(line, n);
	line[n++] = '\n'; /* the buffer's NUL made room for it */
	while (n > 0) {
		ssize_t wrote = write(fd, line, n);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return; /* nobody left to tell */
		line += wrote;
		n -= (size_t)wrote;
	}
}

void log_write(enum log_level level, const struct log_ctx *ctx, const char *event, const struct log_field *fields,
	       size_t count)
{
	struct strbuf sb = STRBUF_INIT(LINE_MAX_BYTES);
	char ts[UTC_TEXT_MAX];

	if (!log_enabled(level))
		return;
	strbuf_addf(&sb, "ts=%s level=%s component=%s event=%s", utc_format_ms(utc_now(), ts), level_names[level],
		    ctx != NULL ? ctx->component : "-", event);
	for (size_t i = 0; ctx != NULL && i < ctx->field_count; i++)
		add_field(&sb, &ctx->fields[i]);
	for (size_t i = 0; i < count; i++)
		add_field(&sb, &fields[i]);
	if (sb.p != NULL)
		write_line(sb.p, sb.n);
	strbuf_release(&sb);
}

void log_err(enum log_level level, const struct log_ctx *ctx, const char *event, const struct error *err)
{
	const struct log_field fields[] = { LOG_CSTR("msg", err->message), LOG_CSTR("detail", err->detail) };

	log_write(level, ctx, event, fields, err->detail[0] != '\0' ? 2 : 1);
}
