/* log.h - logfmt to stderr: one event name, typed fields, context attached once.
 *
 *   ts=2026-02-17T12:00:00.000Z level=info component=api event=started port=8000
 *
 * Values are quoted and escaped when they need it, so a foreign byte cannot forge a line. Every registered secret is
 * replaced by *** wherever it would appear. Thread-safe: one write(2) a line. error: a person must look.
 */
#ifndef ROEHUB_BASE_LOG_H
#define ROEHUB_BASE_LOG_H

#include "base/error.h"
#include "base/str.h"
#include "base/utc.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_field {
	const char *key;
	enum { LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_DOUBLE, LOG_KIND_UTC, LOG_KIND_BOOL } kind;
	union {
		struct str s;
		int64_t i;
		double d;
		utc_t t;
		bool b;
	} v;
};

#define LOG_STR(k, value)                                                                                              \
	{                                                                                                              \
		(k), LOG_KIND_STR, { .s = (value) }                                                                    \
	}
#define LOG_CSTR(k, value)                                                                                             \
	{                                                                                                              \
		(k), LOG_KIND_STR, { .s = str_from(value) }                                                            \
	}
#define LOG_INT(k, value)                                                                                              \
	{                                                                                                              \
		(k), LOG_KIND_INT, { .i = (int64_t)(value) }                                                           \
	}
#define LOG_DOUBLE(k, value)                                                                                           \
	{                                                                                                              \
		(k), LOG_KIND_DOUBLE, { .d = (value) }                                                                 \
	}
#define LOG_UTC(k, value)                                                                                              \
	{                                                                                                              \
		(k), LOG_KIND_UTC, { .t = (value) }                                                                    \
	}
#define LOG_BOOL(k, value)                                                                                             \
	{                                                                                                              \
		(k), LOG_KIND_BOOL, { .b = (value) }                                                                   \
	}

#define LOG_CTX_FIELDS_MAX 6

struct log_ctx {
	const char *component;
	struct log_field fields[LOG_CTX_FIELDS_MAX];
	size_t field_count;
};

#define LOG_CTX(name)                                                                                                  \
	{                                                                                                              \
		(name), { { 0 } }, 0                                                                                   \
	}

void log_set_level(enum log_level level);
bool log_level_parse(struct str text, enum log_level *out);
bool log_enabled(enum log_level level);
void log_set_fd(int fd); /* tests; default 2 */
/* Texts under 6 bytes are not registered: they would eat honest text. At most 64 secrets. */
void log_redact(struct str secret);
/* Replaces registered secrets in place (same or shorter length); for texts that leave by another door. */
void log_redact_text(char *text);

void log_write(enum log_level level, const struct log_ctx *ctx, const char *event, const struct log_field *fields,
	       size_t count);
/* message and detail of the error as fields msg and detail */
void log_err(enum log_level level, const struct log_ctx *ctx, const char *event, const struct error *err);

#define LOG_WRITE(level, ctx, event, ...)                                                                              \
	log_write((level), (ctx), (event), (const struct log_field[]){ { 0 }, ##__VA_ARGS__ } + 1,                     \
		  sizeof((const struct log_field[]){ { 0 }, ##__VA_ARGS__ }) / sizeof(struct log_field) - 1)
#define log_debug(ctx, event, ...) LOG_WRITE(LOG_LEVEL_DEBUG, ctx, event, ##__VA_ARGS__)
#define log_info(ctx, event, ...)  LOG_WRITE(LOG_LEVEL_INFO, ctx, event, ##__VA_ARGS__)
#define log_warn(ctx, event, ...)  LOG_WRITE(LOG_LEVEL_WARN, ctx, event, ##__VA_ARGS__)
#define log_error(ctx, event, ...) LOG_WRITE(LOG_LEVEL_ERROR, ctx, event, ##__VA_ARGS__)

#endif
