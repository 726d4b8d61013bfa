/* bench.h - one line per measurement for people, one JSON object per line for scripts (ROEHUB_BENCH_OUT). */
#ifndef ROEHUB_TESTS_SUPPORT_BENCH_H
#define ROEHUB_TESTS_SUPPORT_BENCH_H

#include <stddef.h>

/* name: "suite/candles_per_second"; input: what was measured on */
void bench_report(const char *name, double value, const char *unit, const char *input);
/* Sorts values in place. p in 0..100. */
double bench_percentile(double *values, size_t n, double p);

#endif
