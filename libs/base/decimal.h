/* decimal.h - exact decimal numbers for money and order sizes.
 *
 * A value is an integer count of 1e-12 units in 128 bits: 1.5 is 1500000000000. The type is a struct so that + and <
 * do not compile by accident. Indicators and candles are binary64 and do not come here.
 * Range: |value| < 1e26. Every operation that can leave the range returns false and leaves its output alone.
 */
#ifndef ROEHUB_BASE_DECIMAL_H
#define ROEHUB_BASE_DECIMAL_H

#include "base/str.h"

struct decimal {
	__int128 e12;
};

enum decimal_round {
	ROUND_DOWN,
	ROUND_UP,
	ROUND_HALF_EVEN,
	ROUND_FLOOR,
	ROUND_CEIL
}; /* DOWN: to zero, UP: from zero */

#define DECIMAL_TEXT_MAX 48
#define DECIMAL_ZERO	 ((struct decimal){ 0 })

/* [+-]?digits[.digits], at most 12 fraction digits that are not zero; an exponent is refused. */
bool decimal_parse(struct str text, struct decimal *out);
/* Shortest plain form: "1.5", "-0.000001", "100". */
const char *decimal_format(struct decimal d, char text[DECIMAL_TEXT_MAX]);
bool decimal_from_i64(int64_t v, struct decimal *out);
double decimal_to_double(struct decimal d);

int decimal_cmp(struct decimal a, struct decimal b);
bool decimal_add(struct decimal a, struct decimal b, struct decimal *out);
bool decimal_sub(struct decimal a, struct decimal b, struct decimal *out);
bool decimal_mul(struct decimal a, struct decimal b, enum decimal_round r, struct decimal *out);
bool decimal_div(struct decimal a, struct decimal b, enum decimal_round r, struct decimal *out); /* b == 0: false */
/* a * num / den with one rounding; den > 0 */
bool decimal_mul_div(struct decimal a, int64_t num, int64_t den, enum decimal_round r, struct decimal *out);
/* The multiple of step (> 0) next to a in the direction of r. */
bool decimal_quantize(struct decimal a, struct decimal step, enum decimal_round r, struct decimal *out);

#endif
