/* number.h - the one text form of a binary64.
 *
 * Shortest decimal that reads back to the same double. With e the decimal exponent of the first digit:
 * -4 <= e < 16 positional with at least one fraction digit ("100.0", "0.0001"), else d[.ddd]e[+-]XX with at least two
 * exponent digits ("1e-05", "1.5e+300"). NaN and infinities print as "nan", "inf", "-inf" and never enter JSON.
 */
#ifndef ROEHUB_BASE_NUMBER_H
#define ROEHUB_BASE_NUMBER_H

#include "base/str.h"

#define NUMBER_TEXT_MAX 32

const char *number_format(double v, char text[NUMBER_TEXT_MAX]);
/* Integer text when v is integral and |v| < 2^53, else number_format(). */
const char *number_format_untyped(double v, char text[NUMBER_TEXT_MAX]);

#endif
