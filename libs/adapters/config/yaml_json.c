#include "adapters/config/yaml_json.h"

#include <errno.h>
#include <stdio.h>
#include <yaml.h>

#include "base/json.h"

#define DEPTH_MAX 64

struct reader {
	yaml_parser_t parser;
	const char *path;
	struct json_writer w;
};

static int refuse(struct reader *r, const yaml_mark_t *at, const char *text, struct error *err)
{
	return error_set(err, ERR_INVALID, "%s line %zu: %s", r->path, at->line + 1, text);
}

static int next(struct reader *r, yaml_event_t *event, struct error *err)
{
	if (yaml_parser_parse(&r->parser, event))
		return 0;
	return refuse(r, &r->parser.problem_mark, r->parser.problem != NULL ? r->parser.problem : "cannot be read", err);
}

static bool is_json_number(struct str s)
{
	cJSON *json = s.n < 32 ? json_parse(s, NULL, NULL, NULL) : NULL;
	bool number = cJSON_IsNumber(json);

	json_free(json);
	return number;
}

static void write_scalar(struct reader *r, const yaml_event_t *e)
{
	struct str text = { (const char *)e->data.scalar.value, e->data.scalar.length };
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (plain && (text.n == 0 || str_eq(text, STR("null")) || str_eq(text, STR("~"))))
		jw_raw(&r->w, STR("null"));
	else if (plain && (str_eq(text, STR("true")) || str_eq(text, STR("false")) || is_json_number(text)))
		jw_raw(&r->w, text);
	else
		jw_str(&r->w, text);
}

static int write_node(struct reader *r, const yaml_event_t *e, int depth, struct error *err);

static int write_items(struct reader *r, bool mapping, int depth, struct error *err)
{
	for (;;) {
		yaml_event_t e;
		int rc = next(r, &e, err);

		if (rc != 0)
			return rc;
		if (e.type == YAML_SEQUENCE_END_EVENT || e.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&e);
			jw_end(&r->w);
			return 0;
		}
		if (mapping && e.type == YAML_SCALAR_EVENT) {
			jw_key(&r->w, (const char *)e.data.scalar.value);
			yaml_event_delete(&e);
			rc = next(r, &e, err);
		} else if (mapping) {
			rc = refuse(r, &e.start_mark, "a key must be a text", err);
		}
		if (rc == 0)
			rc = write_node(r, &e, depth + 1, err);
		yaml_event_delete(&e);
		if (rc != 0)
			return rc;
	}
}

static int write_node(struct reader *r, const yaml_event_t *e, int depth, struct error *err)
{
	if (depth > DEPTH_MAX)
		return refuse(r, &e->start_mark, "nested too deeply", err);
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		write_scalar(r, e);
		return 0;
	case YAML_SEQUENCE_START_EVENT:
		jw_arr(&r->w);
		return write_items(r, false, depth, err);
	case YAML_MAPPING_START_EVENT:
		jw_obj(&r->w);
		return write_items(r, true, depth, err);
	default:
		return refuse(r, &e->start_mark, "anchors and aliases are not used here", err);
	}
}

static int write_document(struct reader *r, struct error *err)
{
	yaml_event_t e;
	int rc;

	do {
		rc = next(r, &e, err);
		if (rc != 0)
			return rc;
		if (e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_START_EVENT)
			break;
		yaml_event_delete(&e);
	} while (true);
	rc = e.type == YAML_STREAM_END_EVENT ? refuse(r, &e.start_mark, "the file is empty", err)
					     : write_node(r, &e, 0, err);
	yaml_event_delete(&e);
	return rc;
}

int yaml_json_file(const char *path, struct strbuf *out, struct error *err)
{
	struct reader r = { .path = path };
	FILE *f = fopen(path, "re");
	int rc;

	if (f == NULL)
		return error_set_errno(err, errno, "cannot read %s", path);
	if (!yaml_parser_initialize(&r.parser)) {
		fclose(f);
		return error_set(err, ERR_UNAVAILABLE, "no memory for %s", path);
	}
	yaml_parser_set_input_file(&r.parser, f);
	jw_init(&r.w, out);
	rc = write_document(&r, err);
	yaml_parser_delete(&r.parser);
	fclose(f);
	return rc == 0 ? strbuf_error(out, err) : rc;
}
