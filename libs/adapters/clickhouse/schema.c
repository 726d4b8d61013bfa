#include "adapters/clickhouse/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/clickhouse/http.h"

#define FILE_BYTES_MAX (1u << 20)

/* The file without its comment lines; what remains has no ';' inside texts. */
static void without_comments(struct str text, struct strbuf *out)
{
	struct str line;

	while (str_split(&text, '\n', &line))
		if (!str_starts(str_trim(line), STR("--"))) {
			strbuf_add(out, line);
			strbuf_addch(out, '\n');
		}
}

int ch_apply_schema(const struct ch_settings *settings, const char *path, struct error *err)
{
	FILE *f = fopen(path, "re");
	char *text = f != NULL ? malloc(FILE_BYTES_MAX) : NULL;
	struct ch_http *h = text != NULL ? ch_http_new(settings, err) : NULL;
	struct strbuf plain = STRBUF_INIT(FILE_BYTES_MAX);
	struct str rest, part;
	int rc = h != NULL ? 0 : -1;

	if (f == NULL)
		return error_set_errno(err, errno, "cannot read %s", path);
	rest = (struct str){ text, text != NULL ? fread(text, 1, FILE_BYTES_MAX, f) : 0 };
	fclose(f);
	without_comments(rest, &plain);
	rest = strbuf_str(&plain);
	while (rc == 0 && str_split(&rest, ';', &part)) {
		struct strbuf sql = STRBUF_INIT(FILE_BYTES_MAX);

		strbuf_add(&sql, part);
		if (!str_is_blank(strbuf_str(&sql)))
			rc = ch_http_run(h, strbuf_cstr(&sql), STR_NULL, NULL, err);
		strbuf_release(&sql);
	}
	ch_http_free(h);
	strbuf_release(&plain);
	free(text);
	return rc;
}
