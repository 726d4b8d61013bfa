#include "support/bench.h"

#include <stdio.h>
#include <stdlib.h>

void bench_report(const char *name, double value, const char *unit, const char *input)
{
	const char *path = getenv("ROEHUB_BENCH_OUT");
	FILE *out = path != NULL ? fopen(path, "a") : NULL;

	printf("%-40s %14.3f %-12s %s\n", name, value, unit, input);
	fflush(stdout);
	if (out != NULL) {
		fprintf(out, "{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"input\":\"%s\"}\n", name, value, unit,
			input);
		fclose(out);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_percentile(double *values, size_t n, double p)
{
	if (n == 0)
		return 0;
	qsort(values, n, sizeof(*values), by_value);
	return values[(size_t)(p / 100.0 * (double)(n - 1) + 0.5)];
}
