/* Errors as values: what each setter leaves behind, and texts that are too long. */
#include "support/stack.h"

#include <errno.h>

#include "base/error.h"
#include "base/str.h"

static void setters_fill_the_whole_error(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(error_set(&err, ERR_NOT_FOUND, "run %d", 7), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.message, "run 7");
	assert_string_equal(err.detail, "");
	assert_int_equal(error_detail(&err, "SQLSTATE %s", "23505"), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.message, "run 7");
	assert_string_equal(err.detail, "SQLSTATE 23505");
	error_set(&err, ERR_CONFLICT, "other");
	assert_string_equal(err.detail, ""); /* no detail of an older error */
	assert_int_equal(error_set_errno(&err, ENOENT, "open %s", "x"), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_string_equal(err.message, "open x");
	assert_string_equal(err.detail, "No such file or directory");
	error_set_errno(&err, 99999, "x");
	assert_string_equal(err.detail, "error 99999");
	error_clear(&err);
	assert_int_equal(err.code, ERR_NONE);
	assert_string_equal(err.message, "");
	assert_string_equal(err.detail, "");
}

static void nobody_has_to_listen(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, ERR_INVALID, "x"), -1);
	assert_int_equal(error_set_errno(NULL, ENOENT, "x"), -1);
	assert_int_equal(error_detail(NULL, "x"), -1);
	error_clear(NULL);
}

static void an_error_may_quote_itself(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	error_set(&err, ERR_INVALID, "inner");
	error_set(&err, ERR_CONFLICT, "outer: %s", err.message);
	assert_string_equal(err.message, "outer: inner");
	error_detail(&err, "d");
	error_detail(&err, "%s%s", err.detail, err.detail);
	assert_string_equal(err.detail, "dd");
}

static void long_texts_are_cut_between_characters(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	error_set(&err, ERR_INVALID, "%0500d", 1);
	assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
	for (int shift = 0; shift < 4; shift++) {
		char text[600] = "xxxx";

		text[shift] = '\0';
		for (int i = 0; i < 100; i++)
			strcat(text, "\xf0\x9f\x98\x80");
		error_set(&err, ERR_INVALID, "%s", text);
		error_detail(&err, "%s", text);
		assert_true(str_is_utf8(str_from(err.message)));
		assert_true(str_is_utf8(str_from(err.detail)));
		assert_true(strlen(err.message) > ERROR_MESSAGE_MAX - 9);
		assert_true(strlen(err.detail) > ERROR_DETAIL_MAX - 9);
	}
}

static void codes_have_text_and_status(void **state)
{
	(void)state;
	for (int i = 0; i < ERROR_CODE_COUNT; i++) {
		int status = error_code_status((enum error_code)i);

		assert_true(error_code_text((enum error_code)i)[0] != '\0');
		assert_true(status == 200 ? i == ERR_NONE : status >= 400 && status < 600);
	}
	assert_string_equal(error_code_text(ERR_INVALID), "validation_error");
	assert_int_equal(error_code_status(ERR_RATE_LIMITED), 429);
	assert_int_equal(error_code_status((enum error_code)999), 500);
	assert_string_equal(error_code_text((enum error_code) - 1), "unexpected_error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(setters_fill_the_whole_error), cmocka_unit_test(nobody_has_to_listen),
		cmocka_unit_test(an_error_may_quote_itself),	cmocka_unit_test(long_texts_are_cut_between_characters),
		cmocka_unit_test(codes_have_text_and_status),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
