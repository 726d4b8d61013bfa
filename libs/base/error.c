#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

static const struct {
	const char *text;
	int status;
} codes[] = {
#define X(id, text, status) [ERR_##id] = { text, status },
	ERROR_CODES(X)
#undef X
};

/* Formats beside the target, so that an error's own text may be among the arguments. A text too long is cut between two
 * characters: half a UTF-8 sequence would be refused by whoever reads the answer. */
static void put_text(char *out, size_t size, const char *fmt, va_list ap)
{
	char text[MAX_OF(ERROR_MESSAGE_MAX, ERROR_DETAIL_MAX)];
	int wanted = vsnprintf(text, size, fmt, ap);
	size_t n = wanted < 0 ? 0 : strlen(text);

	if (wanted >= (int)size) {
		while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
			n--;
		if (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0xc0)
			n--;
	}
	memcpy(out, text, n);
	out[n] = '\0';
}

int error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	put_text(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	err->code = code;
	err->detail[0] = '\0';
	return -1;
}

int error_set_errno(struct error *err, int errnum, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	put_text(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	err->code = ERR_UNAVAILABLE;
	text = strerrordesc_np(errnum); /* unlike strerror() it shares no buffer between threads */
	if (text != NULL)
		snprintf(err->detail, sizeof(err->detail), "%s", text);
	else
		snprintf(err->detail, sizeof(err->detail), "error %d", errnum);
	return -1;
}

int error_detail(struct error *err, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	put_text(err->detail, sizeof(err->detail), fmt, ap);
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
