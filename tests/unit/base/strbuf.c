/* A growing text with a ceiling that remembers its first failure. */
#include "support/stack.h"

#include "base/strbuf.h"

static void appends_add_up(void **state)
{
	struct strbuf sb = STRBUF_INIT(1000);

	(void)state;
	assert_string_equal(strbuf_cstr(&sb), "");
	assert_int_equal(strbuf_str(&sb).n, 0);
	strbuf_add(&sb, STR("a\0b"));
	strbuf_addc(&sb, "cd");
	strbuf_addc(&sb, NULL);
	strbuf_addch(&sb, 'e');
	strbuf_addf(&sb, "%d-%s", 7, "x");
	strbuf_addi(&sb, INT64_MIN);
	assert_true(str_eq(strbuf_str(&sb), STR("a\0bcde7-x-9223372036854775808")));
	assert_int_equal(strbuf_cstr(&sb)[sb.n], '\0');
	assert_int_equal(strbuf_error(&sb, NULL), 0);
	strbuf_release(&sb);
}

static void the_ceiling_is_exact_and_sticky(void **state)
{
	struct error err = ERROR_INIT;
	struct strbuf sb;

	(void)state;
	strbuf_init(&sb, 5);
	strbuf_addc(&sb, "12345");
	assert_int_equal(strbuf_error(&sb, &err), 0);
	strbuf_addch(&sb, '6');
	assert_string_equal(strbuf_cstr(&sb), "12345");
	strbuf_add(&sb, STR("")); /* fits, but comes after the failure */
	assert_int_equal(strbuf_error(&sb, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_null(strbuf_take(&sb, NULL));

	strbuf_addc(&sb, "123"); /* after take it is new */
	strbuf_addf(&sb, "%s", "456");
	assert_string_equal(strbuf_cstr(&sb), "123");
	assert_true(sb.failed);
	strbuf_reset(&sb);
	assert_false(sb.failed);
	strbuf_addc(&sb, "ok");
	assert_string_equal(strbuf_cstr(&sb), "ok");
	strbuf_release(&sb);
}

static void large_texts_grow(void **state)
{
	struct strbuf sb = STRBUF_INIT(SIZE_MAX); /* the largest ceiling must not wrap */

	(void)state;
	for (int i = 0; i < 100000; i++)
		strbuf_addch(&sb, (char)('a' + i % 26));
	assert_int_equal(sb.n, 100000);
	for (size_t i = 0; i < sb.n; i++)
		if (sb.p[i] != (char)('a' + i % 26))
			fail_msg("byte %zu is wrong", i);
	assert_true(sb.cap <= 4 * sb.n);
	strbuf_release(&sb);
	assert_null(sb.p);
}

static void ownership_moves_out(void **state)
{
	struct strbuf sb = STRBUF_INIT(100);
	size_t len = 0;
	char *p;

	(void)state;
	strbuf_addc(&sb, "abc");
	p = strbuf_take(&sb, &len);
	assert_string_equal(p, "abc");
	assert_int_equal(len, 3);
	assert_int_equal(sb.n, 0);
	free(p);
	p = strbuf_take(&sb, &len); /* nothing was added: an empty text, not NULL */
	assert_string_equal(p, "");
	assert_int_equal(len, 0);
	free(p);
}

static void reset_keeps_the_memory(void **state)
{
	struct strbuf sb = STRBUF_INIT(1000);
	const char *p;

	(void)state;
	strbuf_addf(&sb, "%0300d", 1);
	p = sb.p;
	strbuf_reset(&sb);
	assert_string_equal(strbuf_cstr(&sb), "");
	strbuf_addf(&sb, "%0300d", 2);
	assert_ptr_equal(sb.p, p);
	strbuf_release(&sb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_add_up),	  cmocka_unit_test(the_ceiling_is_exact_and_sticky),
		cmocka_unit_test(large_texts_grow),	  cmocka_unit_test(ownership_moves_out),
		cmocka_unit_test(reset_keeps_the_memory),
	};

	return cmocka_run_group_tests_name("strbuf", tests, NULL, NULL);
}
