/* error.h - errors are values.
 *
 * A function that can fail returns 0 or -1 and fills a caller-owned struct error. Whoever can handle an error does
 * so; everyone else cleans up and passes it on unchanged. It is logged once, at the edge (request, job, timer).
 * A NULL err is allowed everywhere: the caller then only wants the return value.
 */
#ifndef ROEHUB_BASE_ERROR_H
#define ROEHUB_BASE_ERROR_H

#define ERROR_MESSAGE_MAX 256
#define ERROR_DETAIL_MAX  320

/* What callers branch on. The text is the code of the HTTP error envelope, the number its status. */
#define ERROR_CODES(X)                                                                                                 \
	X(NONE, "none", 200)                                                                                           \
	X(INVALID, "validation_error", 422)                                                                            \
	X(BAD_REQUEST, "bad_request", 400)                                                                             \
	X(UNAUTHORIZED, "unauthorized", 401)                                                                           \
	X(FORBIDDEN, "forbidden", 403)                                                                                 \
	X(NOT_FOUND, "not_found", 404)                                                                                 \
	X(METHOD, "method_not_allowed", 405)                                                                           \
	X(TIMEOUT, "request_timeout", 408)                                                                             \
	X(CONFLICT, "conflict", 409)                                                                                   \
	X(TOO_LARGE, "payload_too_large", 413)                                                                         \
	X(RATE_LIMITED, "too_many_requests", 429)                                                                      \
	X(INTERNAL, "unexpected_error", 500)                                                                           \
	X(UNAVAILABLE, "service_unavailable", 503)

enum error_code {
#define X(id, text, status) ERR_##id,
	ERROR_CODES(X)
#undef X
		ERROR_CODE_COUNT
};

struct error {
	enum error_code code;
	char message[ERROR_MESSAGE_MAX]; /* for a person, safe to show a client */
	char detail[ERROR_DETAIL_MAX];	 /* for the log: SQLSTATE, venue code, errno text; never a secret */
};

#define ERROR_INIT                                                                                                     \
	{                                                                                                              \
		ERR_NONE, "", ""                                                                                       \
	}

/* Both set the whole error and always return -1, so that `return error_set(...)` reads well. Texts too long are cut. */
int error_set(struct error *err, enum error_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* As error_set with ERR_UNAVAILABLE and strerror(errnum) as detail. */
int error_set_errno(struct error *err, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Adds what only the log may see to an error that is already set. Returns -1. */
int error_detail(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void error_clear(struct error *err);

const char *error_code_text(enum error_code code);
int error_code_status(enum error_code code);

#endif
