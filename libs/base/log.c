#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"

/* A line that is longer is cut: logs must not be a way to fill a disk with one request. Lines are built on the stack, so
 * that the line about lack of memory needs none. */
#define LINE_BYTES_MAX 8192
/* Kept back for the end of a cut value: an escape, the mark, the quote, the line feed. */
#define LINE_RESERVE 16
#define SECRETS_MAX  64
#define SECRET_MIN   6

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static atomic_int level_min = LOG_LEVEL_INFO;
static atomic_int out_fd = 2;

/* Secrets are registered at start and read by every line: a lock for writers, a count published last for readers. */
static pthread_mutex_t secrets_lock = PTHREAD_MUTEX_INITIALIZER;
static struct str secrets[SECRETS_MAX];
static atomic_size_t secret_count;

void log_set_level(enum log_level level) { atomic_store(&level_min, (int)level); }

bool log_level_parse(struct str text, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
		if (str_eq_nocase(str_trim(text), str_from(level_names[i]))) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

bool log_enabled(enum log_level level) { return (int)level >= atomic_load_explicit(&level_min, memory_order_relaxed); }

void log_set_fd(int fd) { atomic_store(&out_fd, fd); }

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

/* The first registered secret in s, the longest when several start there: a secret that begins like another must not
 * leave its tail behind. false: none. */
static bool find_secret(struct str s, size_t *at, size_t *len)
{
	size_t count = atomic_load(&secret_count);
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		const char *p = s.n > 0 ? memmem(s.p, s.n, secrets[i].p, secrets[i].n) : NULL;
		size_t from = p != NULL ? (size_t)(p - s.p) : 0;

		if (p == NULL || (found && (from > *at || (from == *at && secrets[i].n <= *len))))
			continue;
		*at = from;
		*len = secrets[i].n;
		found = true;
	}
	return found;
}

/* Replaces every registered secret in text[0..n) by ***, returns the new length. */
static size_t redact(char *text, size_t n)
{
	size_t from = 0, to = 0, at, len;

	while (find_secret((struct str){ text + from, n - from }, &at, &len)) {
		memmove(text + to, text + from, at);
		memset(text + to + at, '*', 3);
		to += at + 3;
		from += at + len;
	}
	memmove(text + to, text + from, n - from);
	return to + n - from;
}

void log_redact_text(char *text) { text[redact(text, strlen(text))] = '\0'; }

/* ---- one line ------------------------------------------------------------------------------------------------------ */

struct line {
	char p[LINE_BYTES_MAX];
	size_t n;
	bool full; /* something did not fit; nothing is added any more */
};

static void add(struct line *l, struct str s)
{
	if (l->full || s.n > sizeof(l->p) - LINE_RESERVE - l->n) {
		l->full = true;
		return;
	}
	if (s.n > 0)
		memcpy(l->p + l->n, s.p, s.n);
	l->n += s.n;
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

/* Bytes that a terminal would obey or that would end the value; of text that is not UTF-8 everything above ASCII. */
static bool needs_escape(struct str s, size_t i, bool utf8)
{
	unsigned char c = (unsigned char)s.p[i];

	if (c >= 0x80 && utf8) /* U+0080..U+009F are controls: c2 80 .. c2 9f */
		return c == 0xc2 ? (unsigned char)s.p[i + 1] < 0xa0
				 : i > 0 && (unsigned char)s.p[i - 1] == 0xc2 && c < 0xa0;
	return c < ' ' || c == '"' || c == '\\' || c >= 0x7f;
}

static void add_escape(struct line *l, unsigned char c)
{
	static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";
	const char *known = c != 0 ? strchr(from, c) : NULL;
	char text[8];
	int n = known != NULL ? snprintf(text, sizeof(text), "\\%c", to[known - from])
			      : snprintf(text, sizeof(text), "\\x%02x", c);

	add(l, (struct str){ text, (size_t)n });
}

/* Whole characters are added or none, so that a cut line is UTF-8 too. */
static void add_escaped(struct line *l, struct str s)
{
	bool utf8 = str_is_utf8(s);

	for (size_t i = 0; i < s.n && !l->full; i++) {
		size_t len = 1;

		if (needs_escape(s, i, utf8)) {
			add_escape(l, (unsigned char)s.p[i]);
			continue;
		}
		while (utf8 && i + len < s.n && ((unsigned char)s.p[i + len] & 0xc0) == 0x80)
			len++;
		add(l, str_slice(s, i, i + len));
		i += len - 1;
	}
}

/* Secrets are looked for before a value is escaped or cut: neither may leave a part of one to be read. */
static void add_value(struct line *l, struct str s)
{
	size_t at = 0, len = 0;

	if (is_plain(s) && s.n < sizeof(l->p) - LINE_RESERVE - l->n && !find_secret(s, &at, &len)) {
		add(l, s);
		return;
	}
	add(l, STR("\""));
	while (!l->full && find_secret(s, &at, &len)) {
		add_escaped(l, str_slice(s, 0, at));
		add(l, STR("***"));
		s = str_slice(s, at + len, s.n);
	}
	add_escaped(l, s);
	if (l->full) { /* from the reserve */
		memcpy(l->p + l->n, "...", 3);
		l->n += 3;
	}
	l->p[l->n++] = '"';
}

static void add_field(struct line *l, const struct log_field *f)
{
	char number[NUMBER_TEXT_MAX], instant[UTC_TEXT_MAX];
	size_t start = l->n;

	add(l, STR(" "));
	add(l, str_from(f->key));
	add(l, STR("="));
	if (l->full || (f->kind == LOG_KIND_STR && sizeof(l->p) - LINE_RESERVE - l->n < LINE_RESERVE)) {
		l->n = start; /* no room for the name and the beginning of a value: as if it had not been given */
		l->full = true;
		return;
	}
	switch (f->kind) {
	case LOG_KIND_STR:
		add_value(l, f->v.s);
		break;
	case LOG_KIND_INT:
		snprintf(number, sizeof(number), "%lld", (long long)f->v.i);
		add(l, str_from(number));
		break;
	case LOG_KIND_DOUBLE:
		add(l, str_from(number_format(f->v.d, number)));
		break;
	case LOG_KIND_UTC:
		add(l, str_from(utc_is_none(f->v.t) ? "none" : utc_format_ms(f->v.t, instant)));
		break;
	case LOG_KIND_BOOL:
		add(l, str_from(f->v.b ? "true" : "false"));
		break;
	}
	if (l->full && f->kind != LOG_KIND_STR)
		l->n = start; /* half a number would be another number */
}

/* The lock keeps lines whole when the kernel takes one in pieces. */
static void write_line(const char *p, size_t n)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int fd = atomic_load(&out_fd);

	pthread_mutex_lock(&lock);
	while (n > 0) {
		ssize_t wrote = write(fd, p, n);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			break; /* nobody left to tell */
		p += wrote;
		n -= (size_t)wrote;
	}
	pthread_mutex_unlock(&lock);
}

void log_write(enum log_level level, const struct log_ctx *ctx, const char *event, const struct log_field *fields,
	       size_t count)
{
	struct line l;
	char ts[UTC_TEXT_MAX];

	if (!log_enabled(level))
		return;
	l.full = false;
	l.n = (size_t)snprintf(l.p, sizeof(l.p) / 2, "ts=%s level=%s component=%s event=%s",
			       utc_format_ms(utc_now(), ts), level_names[level], ctx != NULL ? ctx->component : "-",
			       event);
	l.n = MIN_OF(l.n, sizeof(l.p) / 2 - 1);
	for (size_t i = 0; ctx != NULL && i < ctx->field_count; i++)
		add_field(&l, &ctx->fields[i]);
	for (size_t i = 0; i < count; i++)
		add_field(&l, &fields[i]);
	l.n = redact(l.p, l.n); /* numbers and times too: "wherever it would appear" */
	l.p[l.n++] = '\n';
	write_line(l.p, l.n);
}

void log_err(enum log_level level, const struct log_ctx *ctx, const char *event, const struct error *err)
{
	const struct log_field fields[] = { LOG_CSTR("msg", err->message), LOG_CSTR("detail", err->detail) };

	log_write(level, ctx, event, fields, err->detail[0] != '\0' ? 2 : 1);
}
