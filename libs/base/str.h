/* str.h - text from outside is a pointer and a length; it never promises a NUL.
 *
 * A struct str borrows: it is valid as long as what it points into. Number readers accept nothing but the number
 * (no spaces, no trailing bytes) and leave the output alone on failure.
 */
#ifndef ROEHUB_BASE_STR_H
#define ROEHUB_BASE_STR_H

#include "base/base.h"

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_NULL     ((struct str){ NULL, 0 })
/* For printf: printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).n, (s).p

struct str str_from(const char *cstr);			    /* NULL gives STR_NULL */
struct str str_slice(struct str s, size_t from, size_t to); /* clamps both ends */
bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
bool str_eq_c(struct str a, const char *b);
int str_cmp(struct str a, struct str b); /* byte order, shorter first on a tie */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s); /* ASCII white space at both ends */
bool str_is_blank(struct str s);
/* Position of the first byte c, or SIZE_MAX. */
size_t str_find_byte(struct str s, char c);
/* Takes the text up to the next sep off *rest; false when *rest is used up (rest->p == NULL).
 * "a::b" yields "a", "", "b"; "" yields one empty part. */
bool str_split(struct str *rest, char sep, struct str *part);
bool str_is_utf8(struct str s); /* strict: no surrogates, no overlong forms */
size_t utf8_length(struct str s); /* code points of valid UTF-8 */
int str_hex_digit(char c);	/* 0..15, either case; -1 for anything else */

bool str_to_i64(struct str s, int64_t *out);  /* [+-]?[0-9]+, in range */
bool str_to_u64(struct str s, uint64_t *out); /* [0-9]+, in range */
/* Decimal floating text as in JSON plus an optional leading '+'; "nan", "inf" and hex are refused, overflow too. */
bool str_to_double(struct str s, double *out);
/* 1 true yes on / 0 false no off, trimmed, any case. */
bool str_to_bool(struct str s, bool *out);

/* Copies into a fixed buffer with a NUL; false (and an empty text) when it does not fit. */
bool str_copy(char *dst, size_t size, struct str s);
void str_upper_ascii(char *text); /* in place, NUL-terminated */
void str_lower_ascii(char *text);

#endif
