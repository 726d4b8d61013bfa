/* Memory that is freed at once: alignment, ceiling, the sticky failure, what a reset keeps. */
#include "support/stack.h"

#include "base/arena.h"

static void pieces_are_aligned_and_apart(void **state)
{
	struct arena a;
	unsigned char *p[200];

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		p[i] = arena_alloc(&a, i * 7 % 97);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		memset(p[i], (int)i, i * 7 % 97);
	}
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		for (size_t k = 0; k < i * 7 % 97; k++)
			assert_int_equal(p[i][k], i & 0xff);
	assert_ptr_not_equal(arena_alloc(&a, 0), arena_alloc(&a, 0));
	arena_release(&a);
}

static void the_ceiling_holds(void **state)
{
	struct arena a;
	size_t total = 0;

	(void)state;
	arena_init(&a, 10000);
	while (arena_alloc(&a, 100) != NULL)
		total += 100;
	assert_true(arena_failed(&a));
	assert_true(total <= 10000 && total >= 8000);
	arena_reset(&a);
	assert_false(arena_failed(&a));
	assert_non_null(arena_alloc(&a, 9000));
	assert_null(arena_alloc(&a, 9000));
	assert_true(arena_failed(&a));
	arena_release(&a);
	arena_init(&a, 1000); /* empty pieces meet the ceiling too */
	for (size_t i = 0; i < 1000 && !arena_failed(&a); i++)
		arena_alloc(&a, 0);
	assert_true(arena_failed(&a));
	arena_release(&a);
}

static void absurd_sizes_fail(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, SIZE_MAX);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 20));
	assert_true(arena_failed(&a));
	arena_reset(&a);
	assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
	assert_true(arena_failed(&a));
	arena_reset(&a);
	assert_null(ARENA_ARRAY(&a, double, SIZE_MAX / 4));
	arena_release(&a);
}

static void reset_keeps_the_largest_block(void **state)
{
	struct arena a;
	char *big, *again;

	(void)state;
	arena_init(&a, 1 << 20);
	arena_alloc(&a, 10);
	big = arena_alloc(&a, 700000); /* the next block is smaller: growth by doubling stops at the ceiling */
	arena_alloc(&a, 100000);
	arena_reset(&a);
	again = arena_alloc(&a, 700000);
	assert_ptr_equal(again, big);
	arena_release(&a);
}

static void texts_are_copied(void **state)
{
	char source[] = "text";
	struct arena a;
	struct str s;

	(void)state;
	arena_init(&a, 4096);
	s = arena_str(&a, str_from(source));
	source[0] = 'X';
	assert_true(str_eq(s, STR("text")));
	assert_int_equal(s.p[s.n], '\0');
	assert_string_equal(arena_cstr(&a, STR("cstr")), "cstr");
	assert_string_equal(arena_cstr(&a, STR_NULL), "");
	assert_string_equal(arena_printf(&a, "%s=%d", "n", 7), "n=7");
	assert_null(arena_printf(&a, "%5000d", 1));
	assert_true(arena_failed(&a));
	assert_null(arena_str(&a, (struct str){ source, 4090 }).p);
	arena_release(&a);
}

static void calloc_is_zeroed(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	for (int round = 0; round < 3; round++) {
		unsigned char *p = arena_calloc(&a, 100, 7);

		for (int i = 0; i < 700; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xee, 700); /* what the next round would see */
		arena_reset(&a);
	}
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_and_apart),
		cmocka_unit_test(the_ceiling_holds),
		cmocka_unit_test(absurd_sizes_fail),
		cmocka_unit_test(reset_keeps_the_largest_block),
		cmocka_unit_test(texts_are_copied),
		cmocka_unit_test(calloc_is_zeroed),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
