/* Two decimals with a blank between. What is printed can be read; roundings lie around the exact value; a refused
 * operation leaves its output alone. */
#include <assert.h>

#include "base/decimal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct decimal d)
{
	char text[DECIMAL_TEXT_MAX];
	struct decimal back;

	assert(decimal_parse(str_from(decimal_format(d, text)), &back));
	assert(decimal_cmp(d, back) == 0);
}

typedef bool (*operation)(struct decimal a, struct decimal b, enum decimal_round r, struct decimal *out);

/* FLOOR <= DOWN, UP, HALF_EVEN <= CEIL, and CEIL is FLOOR or the next value, step units above. */
static void check_roundings(operation f, struct decimal a, struct decimal b, __int128 step)
{
	struct decimal out[ROUND_CEIL + 1];

	for (int r = ROUND_DOWN; r <= ROUND_CEIL; r++) {
		out[r].e12 = 42;
		if (!f(a, b, (enum decimal_round)r, &out[r])) {
			assert(out[r].e12 == 42);
			return;
		}
		check_text(out[r]);
	}
	assert(decimal_cmp(out[ROUND_FLOOR], out[ROUND_CEIL]) <= 0);
	assert(out[ROUND_CEIL].e12 - out[ROUND_FLOOR].e12 == 0 || out[ROUND_CEIL].e12 - out[ROUND_FLOOR].e12 == step);
	for (int r = ROUND_DOWN; r <= ROUND_HALF_EVEN; r++)
		assert(out[r].e12 == out[ROUND_FLOOR].e12 || out[r].e12 == out[ROUND_CEIL].e12);
}

static void check_pair(struct decimal a, struct decimal b)
{
	struct decimal sum, back;

	if (decimal_add(a, b, &sum)) {
		assert(decimal_sub(sum, b, &back));
		assert(decimal_cmp(a, back) == 0);
	}
	check_roundings(decimal_mul, a, b, 1);
	check_roundings(decimal_div, a, b, 1);
	check_roundings(decimal_quantize, a, b, b.e12);
	if (decimal_quantize(a, b, ROUND_FLOOR, &back)) {
		assert(back.e12 % b.e12 == 0);
		assert(decimal_cmp(back, a) <= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size }, first;
	struct decimal a, b;

	if (size == 0 || !str_split(&rest, ' ', &first) || !decimal_parse(first, &a))
		return 0;
	check_text(a);
	if (rest.p != NULL && decimal_parse(rest, &b))
		check_pair(a, b);
	return 0;
}
