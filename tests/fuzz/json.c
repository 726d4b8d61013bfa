/* A document that is read can be written in both forms, read again, and has one canonical text; any text that is UTF-8
 * survives being quoted. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define TEXT_MAX (16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct strbuf canonical(const cJSON *json)
{
	struct strbuf sb = STRBUF_INIT(TEXT_MAX);

	json_canonical(&sb, json);
	assert(strbuf_error(&sb, NULL) == 0);
	return sb;
}

static cJSON *read_back(struct str text)
{
	const struct json_limits wide = { TEXT_MAX, JSON_LIMITS_DEFAULT.depth_max, JSON_LIMITS_DEFAULT.nodes_max };
	cJSON *json = json_parse(text, &wide, NULL, NULL);

	assert(json != NULL);
	return json;
}

static void check_document(const cJSON *json)
{
	struct strbuf want = canonical(json), sb = STRBUF_INIT(TEXT_MAX), again;
	cJSON *back = read_back(strbuf_str(&want));

	again = canonical(back);
	assert(str_eq(strbuf_str(&again), strbuf_str(&want)));
	strbuf_release(&again);
	json_free(back);

	json_compact(&sb, json);
	back = read_back(strbuf_str(&sb));
	json_sort(back);
	again = canonical(back);
	assert(str_eq(strbuf_str(&again), strbuf_str(&want)));
	strbuf_release(&again);
	json_free(back);
	strbuf_release(&sb);
	strbuf_release(&want);
}

static void check_quotes(struct str text)
{
	struct strbuf sb = STRBUF_INIT(TEXT_MAX);
	bool plain = str_is_utf8(text) && str_find_byte(text, '\0') == SIZE_MAX;

	for (int ascii = 0; ascii < 2 && plain; ascii++) {
		cJSON *back;

		strbuf_reset(&sb);
		(ascii ? json_quote_ascii : json_quote)(&sb, text);
		back = read_back(strbuf_str(&sb));
		assert(str_eq(json_get_str(back), text));
		json_free(back);
	}
	strbuf_reset(&sb);
	json_quote(&sb, text); /* bytes of any kind become UTF-8 */
	assert(str_is_utf8(strbuf_str(&sb)));
	strbuf_release(&sb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct error err = ERROR_INIT;
	size_t offset;
	cJSON *json = json_parse(text, NULL, &offset, &err);

	assert(offset <= size);
	assert((json == NULL) == (err.code != ERR_NONE));
	if (json != NULL)
		check_document(json);
	json_free(json);
	check_quotes(text);
	return 0;
}
