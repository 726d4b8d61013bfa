#include "base/decimal.h"

#include <stdio.h>
#include <string.h>

#define SCALE_DIGITS 12
#define SCALE	     ((__int128)1000000000000LL)
/* |value| < 1e26, in units of 1e-12. */
#define LIMIT (SCALE * SCALE * SCALE * 100)

typedef unsigned __int128 u128;

static u128 magnitude(__int128 v) { return v < 0 ? (u128)0 - (u128)v : (u128)v; }

static bool store(__int128 v, struct decimal *out)
{
	if (v <= -LIMIT || v >= LIMIT)
		return false;
	out->e12 = v;
	return true;
}

bool decimal_parse(struct str text, struct decimal *out)
{
	bool negative = false, point = false, any = false;
	int fraction = 0;
	__int128 v = 0;

	if (text.n > 0 && (text.p[0] == '-' || text.p[0] == '+')) {
		negative = text.p[0] == '-';
		text = str_slice(text, 1, text.n);
	}
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '.' && !point && any) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			return false;
		any = true;
		if (point && fraction == SCALE_DIGITS) {
			if (c != '0')
				return false;
			continue;
		}
		fraction += point;
		if (v >= LIMIT / 10)
			return false;
		v = v * 10 + (c - '0');
	}
	if (!any || (point && text.p[text.n - 1] == '.'))
		return false;
	for (; fraction < SCALE_DIGITS; fraction++) {
		if (v >= LIMIT / 10)
			return false;
		v *= 10;
	}
	return store(negative ? -v : v, out);
}

const char *decimal_format(struct decimal d, char text[DECIMAL_TEXT_MAX])
{
	u128 v = magnitude(d.e12);
	unsigned long long fraction = (unsigned long long)(v % (u128)SCALE);
	char digits[40], *p = digits + sizeof(digits) - 1;
	u128 whole = v / (u128)SCALE;
	int n;

	*p = '\0';
	do {
		*--p = (char)('0' + (int)(whole % 10));
		whole /= 10;
	} while (whole != 0);
	n = snprintf(text, DECIMAL_TEXT_MAX, "%s%s.%012llu", d.e12 < 0 ? "-" : "", p, fraction);
	while (text[n - 1] == '0')
		n--;
	if (text[n - 1] == '.')
		n--;
	text[n] = '\0';
	return text;
}

bool decimal_from_i64(int64_t v, struct decimal *out) { return store((__int128)v * SCALE, out); }

double decimal_to_double(struct decimal d)
{
	char text[DECIMAL_TEXT_MAX];
	double v = 0;

	str_to_double(str_from(decimal_format(d, text)), &v); /* correctly rounded, unlike a division */
	return v;
}

int decimal_cmp(struct decimal a, struct decimal b) { return (a.e12 > b.e12) - (a.e12 < b.e12); }

bool decimal_add(struct decimal a, struct decimal b, struct decimal *out)
{
	__int128 v;

	return !__builtin_add_overflow(a.e12, b.e12, &v) && store(v, out);
}

bool decimal_sub(struct decimal a, struct decimal b, struct decimal *out)
{
	__int128 v;

	return !__builtin_sub_overflow(a.e12, b.e12, &v) && store(v, out);
}

/* ---- a * b / c with one rounding, over a product of 256 bits ------------------------------------------------------- */

struct u256 {
	u128 high, low;
};

static struct u256 multiply(u128 a, u128 b)
{
	u128 a0 = (uint64_t)a, a1 = a >> 64, b0 = (uint64_t)b, b1 = b >> 64;
	u128 low = a0 * b0, mid = a1 * b0 + (low >> 64), mid2 = a0 * b1 + (uint64_t)mid;

	return (struct u256){ a1 * b1 + (mid >> 64) + (mid2 >> 64), mid2 << 64 | (uint64_t)low };
}

/* c < 2^127. false when the quotient needs more than 128 bits. */
static bool divide(struct u256 n, u128 c, u128 *quotient, u128 *remainder)
{
	u128 r = n.high, q = 0;

	if (n.high >= c)
		return false;
	if (n.high == 0) { /* nearly every price times quantity */
		*quotient = n.low / c;
		*remainder = n.low % c;
		return true;
	}
	/* schoolbook, bit by bit */
	for (int bit = 127; bit >= 0; bit--) {
		r = r << 1 | (n.low >> bit & 1);
		q <<= 1;
		if (r >= c) {
			r -= c;
			q |= 1;
		}
	}
	*quotient = q;
	*remainder = r;
	return true;
}

static bool rounds_away(enum decimal_round how, bool negative, u128 q, u128 r, u128 c)
{
	switch (how) {
	case ROUND_DOWN:
		return false;
	case ROUND_UP:
		return r != 0;
	case ROUND_FLOOR:
		return negative && r != 0;
	case ROUND_CEIL:
		return !negative && r != 0;
	case ROUND_HALF_EVEN:
		return r > c - r || (r == c - r && (q & 1) != 0);
	}
	return false;
}

static bool mul_div(__int128 a, __int128 b, __int128 c, enum decimal_round how, __int128 *out)
{
	bool negative = (a < 0) ^ (b < 0) ^ (c < 0);
	u128 q, r, divisor = magnitude(c);

	if (c == 0 || !divide(multiply(magnitude(a), magnitude(b)), divisor, &q, &r))
		return false;
	if (q >= (u128)LIMIT)
		return false; /* before the rounding, which would wrap the largest q to 0 */
	if (rounds_away(how, negative, q, r, divisor))
		q++;
	*out = negative ? -(__int128)q : (__int128)q;
	return true;
}

static bool mul_div_store(__int128 a, __int128 b, __int128 c, enum decimal_round how, struct decimal *out)
{
	__int128 v;

	return mul_div(a, b, c, how, &v) && store(v, out);
}

bool decimal_mul(struct decimal a, struct decimal b, enum decimal_round r, struct decimal *out)
{
	return mul_div_store(a.e12, b.e12, SCALE, r, out);
}

bool decimal_div(struct decimal a, struct decimal b, enum decimal_round r, struct decimal *out)
{
	return mul_div_store(a.e12, SCALE, b.e12, r, out);
}

bool decimal_mul_div(struct decimal a, int64_t num, int64_t den, enum decimal_round r, struct decimal *out)
{
	return den > 0 && mul_div_store(a.e12, num, den, r, out);
}

bool decimal_quantize(struct decimal a, struct decimal step, enum decimal_round r, struct decimal *out)
{
	__int128 count, v;

	if (step.e12 <= 0 || !mul_div(a.e12, 1, step.e12, r, &count) || __builtin_mul_overflow(count, step.e12, &v))
		return false;
	return store(v, out);
}
