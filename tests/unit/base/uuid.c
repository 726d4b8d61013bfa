/* Ids: the two spellings that are read, the one that is written, and that new ones are version 4. */
#include "support/stack.h"

#include "base/uuid.h"

static void both_spellings_are_read(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{ "00112233-4455-6677-8899-aabbccddeeff", true },  { "00112233-4455-6677-8899-AABBCCDDEEFF", true },
		{ "00112233445566778899aAbBcCdDeEfF", true },	   { "", false },
		{ "00112233-4455-6677-8899-aabbccddeef", false },  { "00112233-4455-6677-8899-aabbccddeeff0", false },
		{ "00112233-4455-6677-8899aaabbccddeeff", false }, { "0011223-34455-6677-8899-aabbccddeeff", false },
		{ "00112233445566778899aabbccddeef", false },	   { "00112233445566778899aabbccddeefg", false },
		{ "0011223344556677-8899aabbccddeef", false },	   { "{00112233-4455-6677-8899-aabbccddeef", false },
		{ " 0112233-4455-6677-8899-aabbccddeeff", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct uuid u = { { 0xee } };
		char text[UUID_TEXT_MAX];

		if (uuid_parse(str_from(rows[i].text), &u) != rows[i].ok)
			fail_msg("row %zu: %s", i, rows[i].text);
		if (rows[i].ok)
			assert_string_equal(uuid_format(u, text), "00112233-4455-6677-8899-aabbccddeeff");
		else
			assert_int_equal(u.b[0], 0xee);
	}
}

static void new_ids_are_random_version_4(void **state)
{
	struct uuid last = { { 0 } };
	uint8_t seen[16] = { 0 };

	(void)state;
	assert_true(uuid_is_nil(last));
	for (int i = 0; i < 200; i++) {
		struct uuid u = uuid_v4(), back;
		char text[UUID_TEXT_MAX];

		assert_int_equal(u.b[6] >> 4, 4);
		assert_int_equal(u.b[8] >> 6, 2);
		assert_false(uuid_eq(u, last));
		assert_false(uuid_is_nil(u));
		assert_true(uuid_parse(str_from(uuid_format(u, text)), &back));
		assert_true(uuid_eq(u, back));
		for (int k = 0; k < 16; k++)
			seen[k] |= (uint8_t)(u.b[k] ^ last.b[k]);
		last = u;
	}
	for (int k = 0; k < 16; k++) /* every other bit changes now and then: 2^-199 that one of them does not */
		assert_int_equal(seen[k] | (k == 6 ? 0xf0 : k == 8 ? 0xc0 : 0), 0xff);
}

static void order_is_that_of_the_bytes(void **state)
{
	const struct uuid low = { { 0x7f } }, high = { { 0x80 } };

	(void)state;
	assert_true(uuid_cmp(low, high) < 0);
	assert_true(uuid_cmp(high, low) > 0);
	assert_int_equal(uuid_cmp(low, low), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_spellings_are_read),
		cmocka_unit_test(new_ids_are_random_version_4),
		cmocka_unit_test(order_is_that_of_the_bytes),
	};

	return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
