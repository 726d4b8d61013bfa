#include "domain/market/whitelist.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

#define CELLS_MAX 64
#define CELL_ECHO 32

enum column { COL_MARKET_ID, COL_SYMBOL, COL_IS_ENABLED, COL_COUNT };
static const char *const column_names[COL_COUNT] = { "market_id", "symbol", "is_enabled" };

struct cells {
	struct str cell[CELLS_MAX]; /* borrowed from text, or from unquoted */
	size_t n;
	char *unquoted;
	size_t used;
};

struct reader {
	struct str rest;
	int line;
	int columns[COL_COUNT]; /* position of each column */
	struct cells cells;
};

/* One quoted cell, *s behind its opening quote. Writes the text into the row's buffer. */
static bool quoted_cell(struct str *s, struct cells *c, struct str *out)
{
	size_t i = 0, start = c->used;

	for (;; i++) {
		if (i >= s->n)
			return false;
		if (s->p[i] == '"') {
			if (i + 1 >= s->n || s->p[i + 1] != '"')
				break;
			i++;
		}
		c->unquoted[c->used++] = s->p[i];
	}
	*out = (struct str){ c->unquoted + start, c->used - start };
	*s = str_slice(*s, i + 1, s->n);
	return true;
}

/* Cells after the last one we have room for are extra cells, and those are ignored. */
static bool split_line(struct str line, struct cells *c)
{
	bool more = true;

	c->n = 0;
	c->used = 0;
	while (more && c->n < CELLS_MAX) {
		struct str cell;
		size_t comma;

		if (line.n > 0 && line.p[0] == '"') {
			line = str_slice(line, 1, line.n);
			if (!quoted_cell(&line, c, &cell) || (line.n > 0 && line.p[0] != ','))
				return false;
			comma = 0;
		} else {
			comma = str_find_byte(line, ',');
			cell = str_slice(line, 0, comma);
		}
		more = comma < line.n;
		line = more ? str_slice(line, comma + 1, line.n) : STR_NULL;
		c->cell[c->n++] = str_trim(cell);
	}
	return true;
}

static bool next_line(struct reader *r, struct str *line)
{
	while (str_split(&r->rest, '\n', line)) {
		r->line++;
		if (!str_is_blank(*line)) {
			if (line->n > 0 && line->p[line->n - 1] == '\r')
				line->n--;
			return true;
		}
	}
	return false;
}

static int missing_columns(const struct reader *r, struct error *err)
{
	struct strbuf missing = STRBUF_INIT(128), got = STRBUF_INIT(120);

	for (int i = 0; i < COL_COUNT; i++)
		if (r->columns[i] < 0)
			strbuf_addf(&missing, "%s'%s'", missing.n > 0 ? ", " : "", column_names[i]);
	for (size_t i = 0; i < r->cells.n; i++) {
		struct str cell = str_slice(r->cells.cell[i], 0, CELL_ECHO);

		strbuf_addf(&got, "%s'%.*s'", i > 0 ? ", " : "", STR_ARG(cell));
	}
	error_set(err, ERR_INVALID, "whitelist csv missing required columns: [%s]; got columns=[%s]",
		  strbuf_cstr(&missing), strbuf_cstr(&got));
	strbuf_release(&missing);
	strbuf_release(&got);
	return -1;
}

static int read_header(struct reader *r, struct error *err)
{
	struct str line;
	bool complete = true;

	if (!next_line(r, &line))
		return error_set(err, ERR_INVALID, "whitelist csv must have a header row");
	if (!split_line(line, &r->cells))
		return error_set(err, ERR_INVALID, "whitelist csv header has an unfinished quote");
	for (int i = 0; i < COL_COUNT; i++) {
		r->columns[i] = -1;
		for (size_t c = 0; c < r->cells.n; c++)
			if (str_eq_c(r->cells.cell[c], column_names[i]))
				r->columns[i] = (int)c;
		complete = complete && r->columns[i] >= 0;
	}
	return complete ? 0 : missing_columns(r, err);
}

static int cell_of(const struct reader *r, enum column col, struct str *out, struct error *err)
{
	if ((size_t)r->columns[col] >= r->cells.n)
		return error_set(err, ERR_INVALID, "%s is required", column_names[col]);
	*out = r->cells.cell[r->columns[col]];
	return 0;
}

static int parse_row(const struct reader *r, struct whitelist_row *row, struct error *err)
{
	struct str market, symbol, enabled;
	int64_t id;

	if (cell_of(r, COL_MARKET_ID, &market, err) != 0 || cell_of(r, COL_SYMBOL, &symbol, err) != 0 ||
	    cell_of(r, COL_IS_ENABLED, &enabled, err) != 0)
		return -1;
	if (!str_to_i64(market, &id)) {
		market = str_slice(market, 0, CELL_ECHO);
		return error_set(err, ERR_INVALID, "market_id must be an int, got '%.*s'", STR_ARG(market));
	}
	if (str_is_blank(symbol))
		return error_set(err, ERR_INVALID, "symbol must be non-empty");
	if (!str_is_utf8(symbol))
		return error_set(err, ERR_INVALID, "symbol must be UTF-8");
	if (instrument_init(&row->instrument, id, symbol, err) != 0)
		return -1;
	if (!str_eq_c(enabled, "0") && !str_eq_c(enabled, "1")) {
		enabled = str_slice(enabled, 0, CELL_ECHO);
		return error_set(err, ERR_INVALID, "is_enabled must be '0' or '1', got '%.*s'", STR_ARG(enabled));
	}
	row->enabled = enabled.p[0] == '1';
	row->line = r->line;
	return 0;
}

static int append(struct whitelist *w, const struct whitelist_row *row, struct error *err)
{
	if (w->n == WHITELIST_ROWS_MAX)
		return error_set(err, ERR_TOO_LARGE, "more than %d rows", WHITELIST_ROWS_MAX);
	if (w->n == w->cap) {
		size_t cap = w->cap > 0 ? w->cap * 2 : 64;
		struct whitelist_row *rows = realloc(w->rows, cap * sizeof(*rows));

		if (rows == NULL)
			return error_set(err, ERR_UNAVAILABLE, "out of memory");
		w->rows = rows;
		w->cap = cap;
	}
	w->rows[w->n++] = *row;
	return 0;
}

static int row_cmp(const void *a, const void *b)
{
	const struct whitelist_row *x = *(const struct whitelist_row *const *)a;
	const struct whitelist_row *y = *(const struct whitelist_row *const *)b;
	int by_symbol;

	if (x->instrument.market_id != y->instrument.market_id)
		return x->instrument.market_id < y->instrument.market_id ? -1 : 1;
	by_symbol = strcmp(x->instrument.symbol, y->instrument.symbol);
	return by_symbol != 0 ? by_symbol : (x->line > y->line) - (x->line < y->line);
}

/* Marks (line 0) and squeezes out the rows that a later one replaces. */
static int drop_replaced(struct whitelist *w, whitelist_on_duplicate on_duplicate, void *arg, struct error *err)
{
	struct whitelist_row **sorted;
	size_t kept = 0;

	if (w->n == 0)
		return 0;
	sorted = malloc(w->n * sizeof(*sorted));
	if (sorted == NULL)
		return error_set(err, ERR_UNAVAILABLE, "out of memory");
	for (size_t i = 0; i < w->n; i++)
		sorted[i] = &w->rows[i];
	qsort(sorted, w->n, sizeof(struct whitelist_row *), row_cmp);
	for (size_t i = 1; i < w->n; i++) {
		if (!instrument_eq(&sorted[i - 1]->instrument, &sorted[i]->instrument))
			continue;
		sorted[i - 1]->line = 0;
		if (on_duplicate != NULL)
			on_duplicate(&sorted[i]->instrument, sorted[i]->line, arg);
	}
	free(sorted);
	for (size_t i = 0; i < w->n; i++)
		if (w->rows[i].line != 0)
			w->rows[kept++] = w->rows[i];
	w->n = kept;
	return 0;
}

static int read_rows(struct reader *r, struct whitelist *w, struct error *err)
{
	struct str line;

	while (next_line(r, &line)) {
		struct whitelist_row row;
		struct error why = ERROR_INIT;
		int rc = split_line(line, &r->cells) ? parse_row(r, &row, &why)
						     : error_set(&why, ERR_INVALID, "unfinished quote");

		if (rc != 0 || append(w, &row, &why) != 0)
			return error_set(err, why.code, "invalid whitelist row at line %d: %s", r->line, why.message);
	}
	return 0;
}

int whitelist_parse(struct str text, struct whitelist *out, whitelist_on_duplicate on_duplicate, void *arg,
		    struct error *err)
{
	struct whitelist w = { NULL, 0, 0 };
	struct reader r = { .rest = text };
	int rc = -1;

	*out = w;
	if (text.n > WHITELIST_BYTES_MAX)
		return error_set(err, ERR_TOO_LARGE, "whitelist csv is larger than %u bytes", WHITELIST_BYTES_MAX);
	if (str_starts(text, STR("\xEF\xBB\xBF")))
		r.rest = str_slice(text, 3, text.n);
	r.cells.unquoted = malloc(text.n + 1);
	if (r.cells.unquoted == NULL)
		return error_set(err, ERR_UNAVAILABLE, "out of memory");
	if (read_header(&r, err) == 0 && read_rows(&r, &w, err) == 0)
		rc = drop_replaced(&w, on_duplicate, arg, err);
	free(r.cells.unquoted);
	if (rc == 0)
		*out = w;
	else
		whitelist_release(&w);
	return rc;
}

void whitelist_release(struct whitelist *w)
{
	free(w->rows);
	*w = (struct whitelist){ NULL, 0, 0 };
}
