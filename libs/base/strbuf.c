#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 128

void strbuf_init(struct strbuf *sb, size_t bytes_max) { *sb = (struct strbuf)STRBUF_INIT(bytes_max); }

void strbuf_release(struct strbuf *sb)
{
	free(sb->p);
	strbuf_init(sb, sb->max);
}

void strbuf_reset(struct strbuf *sb)
{
	sb->n = 0;
	sb->failed = false;
	if (sb->p != NULL)
		sb->p[0] = '\0';
}

/* Makes room for n more bytes and the NUL. */
static bool reserve(struct strbuf *sb, size_t n)
{
	size_t cap = sb->cap != 0 ? sb->cap : FIRST_CAP;
	char *p;

	if (sb->failed || n > sb->max - sb->n) {
		sb->failed = true;
		return false;
	}
	if (sb->n + n < sb->cap)
		return true;
	while (cap <= sb->n + n && cap <= SIZE_MAX / 2)
		cap *= 2;
	if (cap > sb->max)
		cap = sb->max + 1;
	p = cap > sb->n + n ? realloc(sb->p, cap) : NULL; /* not so only for texts near SIZE_MAX */
	if (p == NULL) {
		sb->failed = true;
		return false;
	}
	sb->p = p;
	sb->cap = cap;
	return true;
}

void strbuf_add(struct strbuf *sb, struct str s)
{
	if (!reserve(sb, s.n))
		return;
	if (s.n > 0)
		memcpy(sb->p + sb->n, s.p, s.n);
	sb->n += s.n;
	sb->p[sb->n] = '\0';
}

void strbuf_addc(struct strbuf *sb, const char *cstr) { strbuf_add(sb, str_from(cstr)); }

void strbuf_addch(struct strbuf *sb, char c) { strbuf_add(sb, (struct str){ &c, 1 }); }

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		sb->failed = true;
		return;
	}
	if (!reserve(sb, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(sb->p + sb->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	sb->n += (size_t)n;
}

void strbuf_addi(struct strbuf *sb, int64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)v);

	strbuf_add(sb, (struct str){ text, (size_t)n });
}

struct str strbuf_str(const struct strbuf *sb) { return (struct str){ strbuf_cstr(sb), sb->n }; }

const char *strbuf_cstr(const struct strbuf *sb) { return sb->p != NULL ? sb->p : ""; }

int strbuf_error(const struct strbuf *sb, struct error *err)
{
	return sb->failed ? error_set(err, ERR_TOO_LARGE, "text exceeds %zu bytes", sb->max) : 0;
}

char *strbuf_take(struct strbuf *sb, size_t *len)
{
	char *p = sb->p;

	if (sb->failed) {
		strbuf_release(sb);
		return NULL;
	}
	if (len != NULL)
		*len = sb->n;
	if (p == NULL)
		p = strdup("");
	*sb = (struct strbuf)STRBUF_INIT(sb->max);
	return p;
}
