/* Log lines: one event a line whatever the bytes, secrets nowhere, lines of several threads whole. */
#include "support/stack.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"

/* What is logged lands in a memory file. */
struct capture {
	int fd;
	char *text;
};

static void capture_start(struct capture *c)
{
	c->fd = memfd_create("log", 0);
	assert_true(c->fd >= 0);
	assert_int_equal(fcntl(c->fd, F_SETFL, O_APPEND), 0);
	c->text = NULL;
	log_set_fd(c->fd);
}

static const char *capture_text(struct capture *c)
{
	off_t n = lseek(c->fd, 0, SEEK_END);

	free(c->text);
	c->text = calloc(1, (size_t)n + 1);
	assert_non_null(c->text);
	assert_int_equal(pread(c->fd, c->text, (size_t)n, 0), n);
	return c->text;
}

static void capture_end(struct capture *c)
{
	log_set_fd(2);
	close(c->fd);
	free(c->text);
}

/* The only line, without its time stamp, whose form is checked here. */
static const char *only_line(struct capture *c)
{
	const char *text = capture_text(c);
	utc_t t;

	assert_true(str_starts(str_from(text), STR("ts=")));
	assert_true(utc_parse((struct str){ text + 3, 24 }, &t));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	return text + 28;
}

static void a_line_has_context_and_typed_fields(void **state)
{
	struct log_ctx ctx = LOG_CTX("api");
	struct capture c;

	(void)state;
	ctx.fields[ctx.field_count++] = (struct log_field)LOG_CSTR("run", "r1");
	capture_start(&c);
	log_info(&ctx, "order.sent", LOG_INT("n", -5), LOG_DOUBLE("price", 0.1), LOG_UTC("at", utc_from_ms(0)),
		 LOG_UTC("never", UTC_NONE), LOG_BOOL("ok", true), LOG_STR("s", STR("two words")),
		 LOG_STR("none", STR_NULL));
	assert_string_equal(only_line(&c),
			    "level=info component=api event=order.sent run=r1 n=-5 price=0.1 "
			    "at=1970-01-01T00:00:00.000Z never=none ok=true s=\"two words\" none=\"\"\n");
	capture_end(&c);
}

static void a_line_needs_no_fields_and_no_context(void **state)
{
	struct capture c;

	(void)state;
	capture_start(&c);
	log_error(NULL, "lost");
	assert_string_equal(only_line(&c), "level=error component=- event=lost\n");
	capture_end(&c);
}

static void foreign_bytes_forge_nothing(void **state)
{
	static const struct {
		struct str value;
		const char *want;
	} rows[] = {
		{ { "plain-1.5:x/y", 13 }, "plain-1.5:x/y" },
		{ { "a=b", 3 }, "\"a=b\"" },
		{ { "say \"hi\"", 8 }, "\"say \\\"hi\\\"\"" },
		{ { "back\\slash", 10 }, "\"back\\\\slash\"" },
		{ { "x\nts=2026 level=info", 20 }, "\"x\\nts=2026 level=info\"" },
		{ { "\r\t\0\x1b[2J\x7f", 8 }, "\"\\r\\t\\x00\\x1b[2J\\x7f\"" },
		{ { "Привет", 12 }, "\"Привет\"" },
		{ { "\xff\xd0", 2 }, "\"\\xff\\xd0\"" },
		{ { "caf\xc3\xa9 \xc2\x9b"
		    "2J",
		    10 },
		  "\"caf\xc3\xa9 \\xc2\\x9b2J\"" }, /* U+009B starts a terminal command */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct capture c;
		char want[200];

		capture_start(&c);
		log_warn(NULL, "e", LOG_STR("v", rows[i].value));
		snprintf(want, sizeof(want), "level=warn component=- event=e v=%s\n", rows[i].want);
		assert_string_equal(only_line(&c), want);
		capture_end(&c);
	}
}

static void levels_are_filtered(void **state)
{
	enum log_level level = LOG_LEVEL_INFO;
	struct capture c;

	(void)state;
	assert_true(log_level_parse(STR(" Warn "), &level));
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_false(log_level_parse(STR("verbose"), &level));
	capture_start(&c);
	log_debug(NULL, "hidden");
	assert_string_equal(capture_text(&c), "");
	log_set_level(LOG_LEVEL_WARN);
	log_info(NULL, "hidden");
	assert_string_equal(capture_text(&c), "");
	assert_true(log_enabled(LOG_LEVEL_ERROR));
	assert_false(log_enabled(LOG_LEVEL_INFO));
	log_warn(NULL, "seen");
	only_line(&c);
	log_set_level(LOG_LEVEL_INFO);
	capture_end(&c);
}

static void errors_bring_message_and_detail(void **state)
{
	struct error err = ERROR_INIT;
	struct capture c;

	(void)state;
	error_set(&err, ERR_CONFLICT, "taken by %s", "x");
	error_detail(&err, "SQLSTATE 23505");
	capture_start(&c);
	log_err(LOG_LEVEL_ERROR, NULL, "e", &err);
	assert_string_equal(only_line(&c),
			    "level=error component=- event=e msg=\"taken by x\" detail=\"SQLSTATE 23505\"\n");
	capture_end(&c);
}

static void secrets_are_replaced(void **state)
{
	static const struct {
		const char *value, *want;
	} rows[] = {
		{ "hunter2-hunter2", "\"***\"" },	{ "x hunter2-hunter2hunter2-hunter2 y", "\"x ****** y\"" },
		{ "quo\"te\\and\nline", "\"***\"" },   /* its escaped form must not slip through */
		{ "prefix-secret-longer", "\"***\"" }, /* not "***-longer" */
		{ "prefix-secret", "\"***\"" },		{ "12345", "12345" }, /* too short to be registered */
		{ "hunter2-hunter", "hunter2-hunter" },
	};

	(void)state;
	log_redact(STR("hunter2-hunter2"));
	log_redact(STR("hunter2-hunter2"));
	log_redact(STR("quo\"te\\and\nline"));
	log_redact(STR("prefix-secret"));
	log_redact(STR("prefix-secret-longer"));
	log_redact(STR("12345"));
	log_redact(STR("987654321"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct capture c;
		char want[200];

		capture_start(&c);
		log_warn(NULL, "e", LOG_CSTR("v", rows[i].value));
		snprintf(want, sizeof(want), "level=warn component=- event=e v=%s\n", rows[i].want);
		assert_string_equal(only_line(&c), want);
		capture_end(&c);
	}
}

static void secrets_hide_in_numbers_too(void **state)
{
	struct capture c;

	(void)state;
	log_redact(STR("987654321"));
	capture_start(&c);
	log_warn(NULL, "e", LOG_INT("chat", 987654321));
	assert_string_equal(only_line(&c), "level=warn component=- event=e chat=***\n");
	capture_end(&c);
}

static void texts_that_leave_by_another_door(void **state)
{
	char text[] = "a hunter2-hunter2 b prefix-secret-longer", plain[] = "nothing here", empty[] = "";

	(void)state;
	log_redact(STR("hunter2-hunter2"));
	log_redact(STR("prefix-secret"));
	log_redact(STR("prefix-secret-longer"));
	log_redact_text(text);
	assert_string_equal(text, "a *** b ***");
	log_redact_text(plain);
	assert_string_equal(plain, "nothing here");
	log_redact_text(empty);
	assert_string_equal(empty, "");
}

/* A secret at every place around the cut: never a part of it in the line, and the line stays one line of UTF-8. */
static void a_cut_line_is_a_whole_line(void **state)
{
	static char value[20000];

	(void)state;
	log_redact(STR("hunter2-hunter2"));
	for (size_t pad = 8050; pad < 8250; pad++) {
		struct capture c;
		const char *line;
		size_t n;

		memset(value, 'x', pad);
		snprintf(value + pad, sizeof(value) - pad, " \"\xf0\x9f\x98\x80 hunter2-hunter2 %0300d", 1);
		capture_start(&c);
		log_warn(NULL, "e", LOG_CSTR("v", value), LOG_INT("dropped", 1));
		line = only_line(&c);
		n = strlen(line);
		assert_true(n < 8192 && str_is_utf8(str_from(line)));
		assert_null(strstr(line, "hunter"));
		assert_true(str_ends(str_from(line), STR("...\"\n")));
		capture_end(&c);
	}
}

static void many_fields_are_dropped_whole(void **state)
{
	struct log_field fields[400];
	struct capture c;
	const char *line, *last;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		fields[i] = i % 2 ? (struct log_field)LOG_INT("number", 1234567890123LL)
				  : (struct log_field)LOG_CSTR("t", "a b");
	capture_start(&c);
	log_write(LOG_LEVEL_INFO, NULL, "e", fields, ARRAY_LEN(fields));
	line = only_line(&c);
	assert_true(strlen(line) > 4000 && strlen(line) < 8192);
	last = strrchr(line, '=');
	assert_true(strcmp(last, "=1234567890123\n") == 0 || strcmp(last, "=\"a b\"\n") == 0);
	capture_end(&c);
}

#define THREADS 4
#define LINES	300

static void *write_lines(void *arg)
{
	char text[3000];

	memset(text, *(const char *)arg, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < LINES; i++)
		log_info(NULL, "e", LOG_CSTR("v", text));
	return NULL;
}

static void threads_do_not_mix_lines(void **state)
{
	static const char letters[THREADS] = { 'a', 'b', 'c', 'd' };
	pthread_t threads[THREADS];
	struct str rest, line;
	struct capture c;
	int n = 0;

	(void)state;
	capture_start(&c);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, (void *)&letters[i]), 0);
	for (int i = 0; i < 20; i++) { /* registering goes on meanwhile */
		char text[32];

		snprintf(text, sizeof(text), "registered-%d", i);
		log_redact(str_from(text));
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	rest = str_from(capture_text(&c));
	while (str_split(&rest, '\n', &line) && line.n > 0) {
		struct str value = str_slice(line, line.n - 2999, line.n);

		assert_true(str_starts(line, STR("ts=")));
		for (size_t i = 0; i < value.n; i++)
			assert_true(value.p[i] == value.p[0]);
		n++;
	}
	assert_int_equal(n, THREADS * LINES);
	capture_end(&c);
}

static void more_secrets_than_places(void **state)
{
	char text[32];

	(void)state;
	for (int i = 0; i < 200; i++) { /* the surplus is not kept, and nothing breaks */
		snprintf(text, sizeof(text), "surplus-%03d", i);
		log_redact(str_from(text));
	}
	log_redact_text(text);
	assert_string_equal(text, "surplus-199");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_context_and_typed_fields),
		cmocka_unit_test(a_line_needs_no_fields_and_no_context),
		cmocka_unit_test(foreign_bytes_forge_nothing),
		cmocka_unit_test(levels_are_filtered),
		cmocka_unit_test(errors_bring_message_and_detail),
		cmocka_unit_test(secrets_are_replaced),
		cmocka_unit_test(secrets_hide_in_numbers_too),
		cmocka_unit_test(texts_that_leave_by_another_door),
		cmocka_unit_test(a_cut_line_is_a_whole_line),
		cmocka_unit_test(many_fields_are_dropped_whole),
		cmocka_unit_test(threads_do_not_mix_lines),
		cmocka_unit_test(more_secrets_than_places),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
