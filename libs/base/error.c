#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *text;
	int status;
} codes[] = {
#define X(id, text, status) [ERR_##id] = { text, status },
	ERROR_CODES(X)
#undef X
};

int error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	err->code = code;
	err->detail[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	return -1;
}

int error_set_errno(struct error *err, int errnum, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	err->code = ERR_UNAVAILABLE;
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	snprintf(err->detail, sizeof(err->detail), "%s", strerrordesc_np(errnum) != NULL ? strerrordesc_np(errnum) : "?");
	return -1;
}

int error_detail(struct error *err, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(err->detail, sizeof(err->detail), fmt, ap);
	va_end(ap);
	return -1;
}

void error_clear(struct error *err)
{
	if (err != NULL)
		*err = (struct error)ERROR_INIT;
}

const char *error_code_text(enum error_code code)
{
	return (unsigned)code < ERROR_CODE_COUNT ? codes[code].text : codes[ERR_INTERNAL].text;
}

int error_code_status(enum error_code code)
{
	return (unsigned)code < ERROR_CODE_COUNT ? codes[code].status : codes[ERR_INTERNAL].status;
}
