#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct str str_from(const char *cstr) { return cstr != NULL ? (struct str){ cstr, strlen(cstr) } : STR_NULL; }

struct str str_slice(struct str s, size_t from, size_t to)
{
	if (s.p == NULL)
		return STR_NULL; /* no arithmetic on a null pointer, not even + 0 */
	to = MIN_OF(to, s.n);
	from = MIN_OF(from, to);
	return (struct str){ s.p + from, to - from };
}

bool str_eq(struct str a, struct str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool str_eq_c(struct str a, const char *b) { return str_eq(a, str_from(b)); }

int str_cmp(struct str a, struct str b)
{
	size_t n = MIN_OF(a.n, b.n);
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct str str_trim(struct str s)
{
	while (s.n > 0 && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool str_is_blank(struct str s) { return str_trim(s).n == 0; }

size_t str_find_byte(struct str s, char c)
{
	const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

	return at != NULL ? (size_t)(at - s.p) : SIZE_MAX;
}

bool str_split(struct str *rest, char sep, struct str *part)
{
	size_t at;

	if (rest->p == NULL)
		return false;
	at = str_find_byte(*rest, sep);
	if (at == SIZE_MAX) {
		*part = *rest;
		*rest = STR_NULL;
	} else {
		*part = (struct str){ rest->p, at };
		*rest = (struct str){ rest->p + at + 1, rest->n - at - 1 };
	}
	return true;
}

/* Length of the well-formed sequence at p, 0 when there is none (table 3-7 of the Unicode Standard). */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
	size_t len;
	unsigned char lo = 0x80, hi = 0xbf;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (n < len || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool str_is_utf8(struct str s)
{
	for (size_t i = 0; i < s.n;) {
		size_t len = utf8_sequence((const unsigned char *)s.p + i, s.n - i);

		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

size_t utf8_length(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

int str_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool str_to_u64(struct str s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*out = v;
	return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	uint64_t v;

	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
		s = str_slice(s, 1, s.n);
	if (!str_to_u64(s, &v) || v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return false;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

static size_t digits_at(struct str s, size_t i)
{
	size_t n = 0;

	while (i + n < s.n && s.p[i + n] >= '0' && s.p[i + n] <= '9')
		n++;
	return n;
}

/* [+-]? (0 | [1-9][0-9]*) (. digits)? ([eE] [+-]? digits)? */
static bool is_decimal_number(struct str s)
{
	size_t i = 0, n;

	if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
		i++;
	n = digits_at(s, i);
	if (n == 0 || (n > 1 && s.p[i] == '0'))
		return false;
	i += n;
	if (i < s.n && s.p[i] == '.') {
		n = digits_at(s, ++i);
		if (n == 0)
			return false;
		i += n;
	}
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		i++;
		if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
			i++;
		n = digits_at(s, i);
		if (n == 0)
			return false;
		i += n;
	}
	return i == s.n;
}

bool str_to_double(struct str s, double *out)
{
	char text[512];
	double v;
	char *end;

	/* 511 characters are more than any number somebody means. The "C" locale is a constant object of libc: asking for
	 * it neither allocates nor fails. */
	if (s.n >= sizeof(text) || !is_decimal_number(s))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	v = strtod_l(text, &end, newlocale(LC_ALL_MASK, "C", (locale_t)0));
	if (end != text + s.n || !isfinite(v))
		return false;
	*out = v;
	return true;
}

bool str_to_bool(struct str s, bool *out)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = { { "1", true },  { "true", true },	  { "yes", true }, { "on", true },
		      { "0", false }, { "false", false }, { "no", false }, { "off", false } };

	s = str_trim(s);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq_nocase(s, str_from(words[i].text))) {
			*out = words[i].value;
			return true;
		}
	return false;
}

bool str_copy(char *dst, size_t size, struct str s)
{
	if (s.n >= size) {
		if (size > 0)
			dst[0] = '\0';
		return false;
	}
	if (s.n > 0)
		memcpy(dst, s.p, s.n);
	dst[s.n] = '\0';
	return true;
}

void str_upper_ascii(char *text)
{
	for (; *text != '\0'; text++)
		if (*text >= 'a' && *text <= 'z')
			*text = (char)(*text - 32);
}

void str_lower_ascii(char *text)
{
	for (; *text != '\0'; text++)
		*text = lower(*text);
}
