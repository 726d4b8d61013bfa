/* strbuf.h - a growing text whose ceiling is chosen by us and that remembers its first failure.
 *
 * Append freely and check once with strbuf_error(). After a failure the content is what was there before the
 * append that failed. strbuf_str() is always NUL-terminated behind its length.
 */
#ifndef ROEHUB_BASE_STRBUF_H
#define ROEHUB_BASE_STRBUF_H

#include "base/error.h"
#include "base/str.h"

struct strbuf {
	char *p;
	size_t n;
	size_t cap;
	size_t max;  /* bytes of text, without the NUL */
	bool failed; /* too long or out of memory */
};

#define STRBUF_INIT(bytes_max)                                                                                         \
	{                                                                                                              \
		NULL, 0, 0, (bytes_max), false                                                                         \
	}

void strbuf_init(struct strbuf *sb, size_t bytes_max);
void strbuf_release(struct strbuf *sb);
void strbuf_reset(struct strbuf *sb); /* empty and unfailed, keeps the memory */

void strbuf_add(struct strbuf *sb, struct str s);
void strbuf_addc(struct strbuf *sb, const char *cstr);
void strbuf_addch(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_addi(struct strbuf *sb, int64_t v);

struct str strbuf_str(const struct strbuf *sb);
const char *strbuf_cstr(const struct strbuf *sb); /* "" when nothing was added */
/* 0, or -1 with ERR_TOO_LARGE. */
int strbuf_error(const struct strbuf *sb, struct error *err);
/* Ownership of the NUL-terminated text moves out; the buffer is empty again. NULL after a failure. */
char *strbuf_take(struct strbuf *sb, size_t *len);

#endif
