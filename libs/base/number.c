#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shortest digits that read back to v (v finite, not 0), without trailing zeros; *exponent is that of the first digit.
 * A decimal of up to 15 digits survives the way through a normal double, so nothing shorter than 15 need be tried (the
 * zeros behind it are cut off); subnormals hold fewer digits. 17 are always enough to read back. */
static size_t shortest_digits(double v, char digits[20], int *exponent)
{
	char text[40];
	size_t n = 0;

	for (int precision = fabs(v) < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision - 1, fabs(v));
		if (precision == 17 || strtod(text, NULL) == fabs(v))
			break;
	}
	for (const char *p = text; *p != 'e'; p++)
		if (*p != '.')
			digits[n++] = *p;
	*exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	while (n > 1 && digits[n - 1] == '0')
		n--;
	digits[n] = '\0';
	return n;
}

static void put_positional(char *p, const char *digits, size_t n, int exponent)
{
	if (exponent < 0) {
		*p++ = '0';
		*p++ = '.';
		for (int i = exponent + 1; i < 0; i++)
			*p++ = '0';
		memcpy(p, digits, n);
		p[n] = '\0';
		return;
	}
	for (int i = 0; i <= exponent; i++)
		*p++ = (size_t)i < n ? digits[i] : '0';
	*p++ = '.';
	if ((size_t)exponent + 1 < n) {
		size_t rest = n - (size_t)exponent - 1;

		memcpy(p, digits + exponent + 1, rest);
		p += rest;
	} else {
		*p++ = '0';
	}
	*p = '\0';
}

const char *number_format(double v, char text[NUMBER_TEXT_MAX])
{
	char digits[20], *p = text;
	int exponent;
	size_t n;

	if (isnan(v))
		return memcpy(text, "nan", 4);
	if (signbit(v))
		*p++ = '-';
	if (isinf(v)) {
		memcpy(p, "inf", 4);
		return text;
	}
	if (v == 0) {
		memcpy(p, "0.0", 4);
		return text;
	}
	n = shortest_digits(v, digits, &exponent);
	if (exponent >= -4 && exponent < 16) {
		put_positional(p, digits, n, exponent);
		return text;
	}
	*p++ = digits[0];
	if (n > 1) {
		*p++ = '.';
		memcpy(p, digits + 1, n - 1);
		p += n - 1;
	}
	snprintf(p, (size_t)(text + NUMBER_TEXT_MAX - p), "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
	return text;
}

const char *number_format_untyped(double v, char text[NUMBER_TEXT_MAX])
{
	if (isfinite(v) && v == floor(v) && fabs(v) < 9007199254740992.0) {
		snprintf(text, NUMBER_TEXT_MAX, "%.0f", v == 0 ? 0.0 : v);
		return text;
	}
	return number_format(v, text);
}
