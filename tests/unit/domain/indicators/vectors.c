/* The published vectors (../shared/spec/vectors/indicators.json): every case of an indicator that is in the registry. */
#include "series_of_bits.h"

static cJSON *document;

static int load(void **state)
{
	const char *path = test_shared("spec/vectors/indicators.json");
	struct json_limits limits = { 64 << 20, 32, 10000000 };
	struct error err = ERROR_INIT;
	char *text;
	long size;
	FILE *f;

	(void)state;
	if (path == NULL)
		return 0; /* not on this machine: the cases skip themselves */
	f = fopen(path, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	text = malloc((size_t)size);
	assert_int_equal(fread(text, 1, (size_t)size, f), size);
	fclose(f);
	document = json_parse((struct str){ text, (size_t)size }, &limits, NULL, &err);
	free(text);
	if (document == NULL)
		fail_msg("%s", err.message);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	json_free(document);
	return 0;
}

static size_t numbers(const cJSON *array, double *out, size_t max)
{
	const cJSON *node;
	size_t n = 0;

	cJSON_ArrayForEach(node, array)
	{
		assert_true(n < max);
		out[n++] = cJSON_IsNumber(node) ? node->valuedouble : NAN;
	}
	return n;
}

#define T_MAX 256

static void check_case(const cJSON *c, const struct indicator *ind, const double *source, size_t n)
{
	struct indicator_request request;
	double want[T_MAX], stream[T_MAX], batch[T_MAX], prefix[T_MAX];
	bool exact = cJSON_IsTrue(json_get(c, "exact"));
	struct error err = ERROR_INIT;

	if (indicator_request_read(ind, NULL, json_get(c, "params"), &request, &err) != 0)
		fail_msg("%s: %s", ind->id, err.message);
	assert_int_equal(numbers(json_get(c, "expected"), want, T_MAX), n);
	compute_stream(ind, &request.params, source, n, stream);
	compute_batch(ind, &request.params, 1, source, n, batch, 1);
	for (size_t t = 0; t < n; t++) {
		assert_same_bits(ind->id, t, stream[t], batch[t]);
		if (isnan(want[t]) != isnan(batch[t]) ||
		    (!isnan(want[t]) && fabs(batch[t] - want[t]) > (exact ? 0 : 1e-9 * fmax(1, fabs(want[t])))))
			fail_msg("%s at %zu: %.17g instead of %.17g", ind->id, t, batch[t], want[t]);
		compute_batch(ind, &request.params, 1, source, t + 1, prefix, 1);
		assert_same_bits("prefix", t, prefix[t], batch[t]);
	}
}

static void run_section(const char *section, int at_least)
{
	const cJSON *c;
	int ran = 0;

	if (document == NULL)
		skip();
	cJSON_ArrayForEach(c, json_get(document, section))
	{
		const struct indicator *ind = indicator_find(json_get_str(json_get(c, "indicator_id")));
		const cJSON *series = json_get(c, "inputs");
		double source[T_MAX];
		char name[16] = "source";

		if (ind == NULL)
			continue;
		if (series == NULL) { /* kernel_cases name a series of the file */
			char key[16];

			assert_true(str_copy(key, sizeof(key), json_get_str(json_get(c, "series"))));
			assert_true(str_copy(name, sizeof(name), json_get_str(json_get(c, "source"))));
			series = json_get(json_get(document, "series"), key);
		}
		check_case(c, ind, source, numbers(json_get(series, name), source, T_MAX));
		ran++;
	}
	assert_true(ran >= at_least);
}

static void kernel_cases(void **state)
{
	(void)state;
	run_section("kernel_cases", 20);
}

static void small_cases(void **state)
{
	(void)state;
	run_section("small_cases", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(kernel_cases), cmocka_unit_test(small_cases) };

	return cmocka_run_group_tests_name("indicator vectors", tests, load, unload);
}
