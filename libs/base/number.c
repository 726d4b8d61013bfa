#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Adds one unit in the last place of "d.ddde+XX". false when that carries into a new digit. */
static bool bump_last_digit(char *text)
{
	for (char *p = strchr(text, 'e'); p-- > text;) {
		if (*p >= '0' && *p < '9') {
			++*p;
			return true;
		}
		if (*p == '9')
			*p = '0';
	}
	return false;
}

/* Puts v with so many digits into text; false when they do not read back. snprintf and strtod meet in one locale, so
 * its decimal point does not matter here. */
static bool reads_back(double v, int precision, char *text, size_t size)
{
	int exponent;

	snprintf(text, size, "%.*e", precision - 1, v);
	if (precision == 17 || strtod(text, NULL) == v)
		return true;
	/* Below a power of two the doubles lie twice as dense as above: the nearest decimal may fall among the wrong ones
	 * on that side while its upper neighbour, though farther away, still reads back (2^-44 is such a case). */
	return precision == 16 && frexp(v, &exponent) == 0.5 && bump_last_digit(text) && strtod(text, NULL) == v;
}

/* Shortest digits that read back to v (finite, > 0), without trailing zeros; *exponent is that of the first digit.
 * A decimal of up to 15 digits survives the way through a normal double, so nothing shorter than 15 need be tried (the
 * zeros behind it are cut off); subnormals hold fewer digits. 17 are always enough to read back. */
static size_t shortest_digits(double v, char digits[20], int *exponent)
{
	int precision = v < DBL_MIN ? 1 : 15;
	char text[40];
	size_t n = 0;

	while (!reads_back(v, precision, text, sizeof(text)))
		precision++;
	for (const char *p = text; *p != 'e'; p++)
		if (*p >= '0' && *p <= '9')
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
	n = shortest_digits(fabs(v), digits, &exponent);
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
