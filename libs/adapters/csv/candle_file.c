#include "adapters/csv/candle_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define LINE_BYTES_MAX 512
#define ROWS_MAX       10000000

static int bad_line(struct error *err, const char *path, size_t line, const char *what)
{
	return error_set(err, ERR_INVALID, "%s line %zu: %s", path, line, what);
}

static int parse_row(struct str line, struct candle *c, struct error *err)
{
	double *const values[] = { &c->open, &c->high, &c->low, &c->close, &c->volume_base };
	static const char *const names[] = { "open", "high", "low", "close", "volume" };
	struct str cell;

	if (!str_split(&line, ',', &cell) || !str_to_i64(str_trim(cell), &c->ts_open.ms))
		return error_set(err, ERR_INVALID, "open_time_ms must be an integer");
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (!str_split(&line, ',', &cell) || !str_to_double(str_trim(cell), values[i]))
			return error_set(err, ERR_INVALID, "%s must be a number", names[i]);
	if (line.p != NULL)
		return error_set(err, ERR_INVALID, "six columns are expected");
	return candle_check(c, err);
}

static int add_row(struct str line, const char *path, size_t number, struct candles *out, size_t first,
		   struct error *err)
{
	struct candle c = { .instrument = { 1, "FILE" },
			    .volume_quote = NAN,
			    .trades_count = -1,
			    .taker_buy_volume_base = NAN,
			    .taker_buy_volume_quote = NAN };
	struct error cause = ERROR_INIT;

	if (parse_row(line, &c, &cause) != 0)
		return bad_line(err, path, number, cause.message);
	if (out->n > first && c.ts_open.ms <= out->ts_open_ms[out->n - 1])
		return bad_line(err, path, number, "rows must be ascending without repetition");
	if (out->n - first >= ROWS_MAX)
		return bad_line(err, path, number, "more than 10 000 000 rows");
	return candles_append(out, c.ts_open, c.open, c.high, c.low, c.close, c.volume_base, NAN, err);
}

int candle_file_read(const char *path, struct candles *out, struct error *err)
{
	gzFile f = gzopen(path, "rbe"); /* reads plain files as well */
	size_t first = out->n, number = 0;
	char buf[LINE_BYTES_MAX];
	int rc = 0, zerr = 0;

	if (f == NULL)
		return error_set(err, ERR_NOT_FOUND, "cannot open %s", path);
	while (rc == 0 && gzgets(f, buf, sizeof(buf)) != NULL) {
		struct str line = str_from(buf);

		number++;
		if (!str_ends(line, STR("\n")) && !gzeof(f))
			rc = bad_line(err, path, number, "the line is too long");
		else if (number == 1 && !str_eq(str_trim(line), STR("open_time_ms,open,high,low,close,volume")))
			rc = bad_line(err, path, number,
				      "the header open_time_ms,open,high,low,close,volume is expected");
		else if (number > 1 && !str_is_blank(line))
			rc = add_row(str_trim(line), path, number, out, first, err);
	}
	gzerror(f, &zerr);
	if (rc == 0 && zerr != Z_OK && zerr != Z_STREAM_END)
		rc = error_set(err, ERR_INVALID, "%s is damaged behind line %zu", path, number);
	if (rc == 0 && out->n == first)
		rc = error_set(err, ERR_INVALID, "%s has no rows", path);
	gzclose(f);
	if (rc != 0)
		out->n = first;
	return rc;
}
