#include "adapters/postgres/candle_store.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/postgres/pg.h"
#include "base/number.h"
#include "base/strbuf.h"

/* COPY data is handed over in pieces of about this size. */
#define COPY_CHUNK (256u << 10)
/* Seconds between 1970 and 2000, where Postgres' binary timestamps begin. */
#define PG_EPOCH_MS  946684800000LL
#define GAP_ROWS_MAX 100000

/* Later ingest wins; at the same instant the source order, then the greater ingest id. */
#define NEWER(a, b)                                                                                                    \
	"(" a ".ingested_at, " SOURCE_RANK(                                                                            \
		a) ", coalesce(" a ".ingest_id, '00000000-0000-0000-0000-000000000000')) > "                           \
		   "(" b ".ingested_at, " SOURCE_RANK(b) ", coalesce(" b                                               \
							 ".ingest_id, '00000000-0000-0000-0000-000000000000'))"
#define SOURCE_RANK(t) "array_position(ARRAY['ws', 'rest', 'file'], " t ".source)"
#define COLUMNS                                                                                                        \
	"market_id, symbol, ts_open, open, high, low, close, volume_base, volume_quote, trades_count, "                \
	"taker_buy_volume_base, taker_buy_volume_quote, source, instrument_key, ingested_at, ingest_id"

static const char stage_table[] =
	"CREATE TEMP TABLE IF NOT EXISTS candle_stage (LIKE market_data.candles_1m INCLUDING DEFAULTS) ON COMMIT DELETE ROWS";
static const char copy_in[] = "COPY candle_stage (" COLUMNS ") FROM STDIN";
/* Rows are taken in key order, so that two writers never wait for each other crosswise. */
static const char merge[] =
	"INSERT INTO market_data.candles_1m AS c (" COLUMNS ") "
	"SELECT DISTINCT ON (market_id, symbol, ts_open) " COLUMNS " FROM candle_stage s "
	"ORDER BY market_id, symbol, ts_open, ingested_at DESC, " SOURCE_RANK(
		"s") " DESC, ingest_id DESC NULLS LAST "
		     "ON CONFLICT (market_id, symbol, ts_open) DO UPDATE SET "
		     "open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close, "
		     "volume_base = EXCLUDED.volume_base, volume_quote = EXCLUDED.volume_quote, trades_count = EXCLUDED.trades_count, "
		     "taker_buy_volume_base = EXCLUDED.taker_buy_volume_base, "
		     "taker_buy_volume_quote = EXCLUDED.taker_buy_volume_quote, source = EXCLUDED.source, "
		     "instrument_key = EXCLUDED.instrument_key, ingested_at = EXCLUDED.ingested_at, ingest_id = EXCLUDED.ingest_id "
		     "WHERE " NEWER("EXCLUDED", "c");

static const char read_sql[] =
	"SELECT ts_open, open, high, low, close, volume_base, volume_quote FROM market_data.candles_1m "
	"WHERE market_id = $1 AND symbol = $2 AND ts_open >= $3 AND ts_open < $4 ORDER BY ts_open";
static const struct pg_stmt BOUNDS = {
	"candle_bounds",
	"SELECT min(ts_open), max(ts_open) FROM market_data.candles_1m WHERE market_id = $1 AND "
	"symbol = $2 AND ts_open < coalesce($3::timestamptz, 'infinity')",
	3
};
/* A gap lies between two neighbours more than a minute apart; the window's ends stand in for missing neighbours. */
static const struct pg_stmt GAPS = {
	"candle_gaps",
	"WITH marks AS (SELECT $3::timestamptz - interval '1 minute' AS t UNION ALL "
	"SELECT ts_open FROM market_data.candles_1m WHERE market_id = $1 AND symbol = $2 AND ts_open >= $3 AND ts_open < $4 "
	"UNION ALL SELECT $4::timestamptz), pairs AS (SELECT t, lead(t) OVER (ORDER BY t) AS next FROM marks) "
	"SELECT t + interval '1 minute', next FROM pairs WHERE next > t + interval '1 minute' ORDER BY t LIMIT $5",
	5
};
static const struct pg_stmt CONFIRM = {
	"gap_confirm",
	"INSERT INTO market_data.confirmed_gaps (market_id, symbol, ts_from, ts_to) VALUES "
	"($1, $2, $3, $4) ON CONFLICT DO NOTHING",
	4
};
static const struct pg_stmt CONFIRMED = {
	"gap_list",
	"SELECT greatest(ts_from, $3::timestamptz), least(ts_to, $4::timestamptz) FROM market_data.confirmed_gaps "
	"WHERE market_id = $1 AND symbol = $2 AND ts_from < $4 AND ts_to > $3 ORDER BY 1, 2",
	4
};

struct store {
	struct candle_store base;
	struct pg *pg;
};

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static void add_double(struct strbuf *sb, double v)
{
	char text[NUMBER_TEXT_MAX];

	strbuf_addch(sb, '\t');
	strbuf_addc(sb, isnan(v) ? "\\N" : number_format(v, text));
}

/* COPY's text format: tab between columns, backslash escapes. */
static void add_text(struct strbuf *sb, const char *text)
{
	strbuf_addch(sb, '\t');
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '\\':
			strbuf_addc(sb, "\\\\");
			break;
		case '\t':
			strbuf_addc(sb, "\\t");
			break;
		case '\n':
			strbuf_addc(sb, "\\n");
			break;
		case '\r':
			strbuf_addc(sb, "\\r");
			break;
		default:
			strbuf_addch(sb, *text);
		}
	}
}

static void add_row(struct strbuf *sb, const struct candle *c)
{
	char text[UUID_TEXT_MAX];

	strbuf_addi(sb, c->instrument.market_id);
	add_text(sb, c->instrument.symbol);
	add_text(sb, utc_format_ms(c->ts_open, text));
	add_double(sb, c->open);
	add_double(sb, c->high);
	add_double(sb, c->low);
	add_double(sb, c->close);
	add_double(sb, c->volume_base);
	add_double(sb, c->volume_quote);
	strbuf_addch(sb, '\t');
	if (c->trades_count < 0)
		strbuf_addc(sb, "\\N");
	else
		strbuf_addi(sb, c->trades_count);
	add_double(sb, c->taker_buy_volume_base);
	add_double(sb, c->taker_buy_volume_quote);
	add_text(sb, candle_source_text(c->source));
	add_text(sb, c->instrument_key);
	add_text(sb, utc_format_ms(c->ingested_at, text));
	strbuf_addch(sb, '\t');
	strbuf_addc(sb, uuid_is_nil(c->ingest_id) ? "\\N" : uuid_format(c->ingest_id, text));
	strbuf_addch(sb, '\n');
}

static int copy_failed(PGconn *conn, struct error *err)
{
	error_set(err, PQstatus(conn) == CONNECTION_OK ? ERR_INTERNAL : ERR_UNAVAILABLE, "writing candles failed");
	return error_detail(err, "%.*s", (int)strcspn(PQerrorMessage(conn), "\n"), PQerrorMessage(conn));
}

static int send_rows(PGconn *conn, const struct candle *rows, size_t n, struct error *err)
{
	struct strbuf sb = STRBUF_INIT(4 * COPY_CHUNK);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		add_row(&sb, &rows[i]);
		if (sb.n >= COPY_CHUNK || i + 1 == n) {
			if (strbuf_error(&sb, err) != 0)
				rc = -1;
			else if (PQputCopyData(conn, sb.p, (int)sb.n) != 1)
				rc = copy_failed(conn, err);
			strbuf_reset(&sb);
		}
	}
	strbuf_release(&sb);
	return rc;
}

static int copy_rows(PGconn *conn, const struct candle *rows, size_t n, struct error *err)
{
	PGresult *res = PQexec(conn, copy_in);
	int rc = PQresultStatus(res) == PGRES_COPY_IN ? 0 : copy_failed(conn, err);

	PQclear(res);
	if (rc != 0)
		return rc;
	rc = send_rows(conn, rows, n, err);
	if (PQputCopyEnd(conn, rc != 0 ? "given up" : NULL) != 1 && rc == 0)
		rc = copy_failed(conn, err);
	while ((res = PQgetResult(conn)) != NULL) {
		if (PQresultStatus(res) != PGRES_COMMAND_OK && rc == 0)
			rc = copy_failed(conn, err);
		PQclear(res);
	}
	return rc;
}

static int store_write(struct candle_store *s, const struct candle *rows, size_t n, struct error *err)
{
	struct pg *pg = ((struct store *)s)->pg;
	PGconn *conn;
	int rc;

	if (n == 0)
		return 0;
	if (pg_begin(pg, err) != 0)
		return -1;
	rc = pg_run(pg, stage_table, err);
	conn = rc == 0 ? pg_conn(pg) : NULL;
	if (rc == 0 && conn == NULL)
		rc = error_set(err, ERR_UNAVAILABLE, "Postgres is not available");
	if (rc == 0)
		rc = copy_rows(conn, rows, n, err);
	if (rc == 0)
		rc = pg_run(pg, merge, err);
	if (rc == 0)
		return pg_commit(pg, err);
	pg_rollback(pg);
	return rc;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static double binary_double(const PGresult *res, int row, int col)
{
	uint64_t bits;
	double v;

	if (PQgetisnull(res, row, col))
		return NAN;
	memcpy(&bits, PQgetvalue(res, row, col), sizeof(bits));
	bits = be64toh(bits);
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static utc_t binary_utc(const PGresult *res, int row, int col)
{
	uint64_t us;

	memcpy(&us, PQgetvalue(res, row, col), sizeof(us));
	return utc_from_ms((int64_t)be64toh(us) / 1000 + PG_EPOCH_MS);
}

static int append_row(const PGresult *res, struct candles *out, struct error *err)
{
	for (int c = 0; c < 7; c++)
		if (!PQgetisnull(res, 0, c) && PQgetlength(res, 0, c) != 8)
			return error_set(err, ERR_INTERNAL, "a candle row has an unexpected width in column %d", c);
	return candles_append(out, binary_utc(res, 0, 0), binary_double(res, 0, 1), binary_double(res, 0, 2),
			      binary_double(res, 0, 3), binary_double(res, 0, 4), binary_double(res, 0, 5),
			      binary_double(res, 0, 6), err);
}

/* Single-row mode: the rows go straight into the caller's columns, libpq never holds more than one. */
static int collect_rows(PGconn *conn, struct candles *out, struct error *err)
{
	PGresult *res;
	int rc = 0;

	while ((res = PQgetResult(conn)) != NULL) {
		ExecStatusType status = PQresultStatus(res);

		if (rc == 0 && status == PGRES_SINGLE_TUPLE)
			rc = append_row(res, out, err);
		else if (rc == 0 && status != PGRES_TUPLES_OK) {
			rc = error_set(err, ERR_UNAVAILABLE, "reading candles failed");
			error_detail(err, "%.*s", (int)strcspn(PQerrorMessage(conn), "\n"), PQerrorMessage(conn));
		}
		PQclear(res);
	}
	return rc;
}

static void window_args(struct pg_args *args, const struct instrument *i, utc_t from, utc_t to)
{
	pg_args_init(args, NULL);
	pg_arg_i64(args, i->market_id);
	pg_arg_cstr(args, i->symbol);
	pg_arg_utc(args, from);
	pg_arg_utc(args, to);
}

static int store_read(struct candle_store *s, const struct candle_window *w, struct candles *out, struct error *err)
{
	struct pg *pg = ((struct store *)s)->pg;
	size_t before = out->n;
	struct pg_args args;
	PGconn *conn;
	int rc;

	if (pg_ping(pg, err) != 0)
		return -1;
	conn = pg_conn(pg);
	window_args(&args, &w->instrument, w->from, w->to);
	if (conn == NULL ||
	    PQsendQueryParams(conn, read_sql, args.n, NULL, args.values, args.lengths, args.formats, 1) != 1 ||
	    PQsetSingleRowMode(conn) != 1)
		return error_set(err, ERR_UNAVAILABLE, "reading candles failed");
	rc = collect_rows(conn, out, err);
	if (rc != 0)
		out->n = before;
	return rc;
}

static int store_bounds(struct candle_store *s, const struct instrument *i, utc_t before, struct candle_bounds *out,
			struct error *err)
{
	struct pg_args args;
	struct pg_row row;
	PGresult *res;
	int rc;

	pg_args_init(&args, NULL);
	pg_arg_i64(&args, i->market_id);
	pg_arg_cstr(&args, i->symbol);
	pg_arg_utc(&args, before);
	res = pg_query(((struct store *)s)->pg, &BOUNDS, &args, err);
	if (res == NULL)
		return -1;
	pg_row_init(&row, res, 0);
	out->first = pg_utc_null(&row);
	out->last = pg_utc_null(&row);
	out->any = !utc_is_none(out->first);
	rc = pg_row_end(&row, err);
	PQclear(res);
	return rc;
}

static int read_ranges(PGresult *res, struct minute_range *out, size_t max, size_t *n, bool merge_touching,
		       struct error *err)
{
	int rc = 0;

	*n = 0;
	for (int i = 0; i < PQntuples(res) && rc == 0; i++) {
		struct minute_range r;
		struct pg_row row;

		pg_row_init(&row, res, i);
		r.from = pg_utc(&row);
		r.to = pg_utc(&row);
		rc = pg_row_end(&row, err);
		if (rc != 0)
			break;
		if (merge_touching && *n > 0 && r.from.ms <= out[*n - 1].to.ms) {
			out[*n - 1].to.ms = MAX_OF(out[*n - 1].to.ms, r.to.ms);
			continue;
		}
		if (*n == max)
			break;
		out[(*n)++] = r;
	}
	PQclear(res);
	return rc;
}

static int store_gaps(struct candle_store *s, const struct candle_window *w, struct minute_range *out, size_t max,
		      size_t *n, struct error *err)
{
	struct pg_args args;
	PGresult *res;

	*n = 0;
	if (w->from.ms >= w->to.ms)
		return 0;
	window_args(&args, &w->instrument, w->from, w->to);
	pg_arg_i64(&args, (int64_t)MIN_OF(max, (size_t)GAP_ROWS_MAX));
	res = pg_query(((struct store *)s)->pg, &GAPS, &args, err);
	return res != NULL ? read_ranges(res, out, max, n, false, err) : -1;
}

static int store_confirm_gap(struct candle_store *s, const struct instrument *i, const struct minute_range *range,
			     struct error *err)
{
	struct pg_args args;

	window_args(&args, i, range->from, range->to);
	return pg_exec(((struct store *)s)->pg, &CONFIRM, &args, NULL, err);
}

static int store_confirmed_gaps(struct candle_store *s, const struct candle_window *w, struct minute_range *out,
				size_t max, size_t *n, struct error *err)
{
	struct pg_args args;
	PGresult *res;

	window_args(&args, &w->instrument, w->from, w->to);
	res = pg_query(((struct store *)s)->pg, &CONFIRMED, &args, err);
	return res != NULL ? read_ranges(res, out, max, n, true, err) : -1;
}

static int store_ping(struct candle_store *s, struct error *err)
{
	return pg_check_schema(((struct store *)s)->pg, err);
}

static void store_close(struct candle_store *s)
{
	pg_close(((struct store *)s)->pg);
	free(s);
}

struct candle_store *pg_candle_store_open(const char *dsn, const char *application_name, struct error *err)
{
	const struct pg_options options = { .application_name = application_name };
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory for the candle store");
		return NULL;
	}
	s->base = (struct candle_store){ .write = store_write,
					 .read = store_read,
					 .bounds = store_bounds,
					 .gaps = store_gaps,
					 .confirm_gap = store_confirm_gap,
					 .confirmed_gaps = store_confirmed_gaps,
					 .ping = store_ping,
					 .close = store_close,
					 .name = "postgres" };
	s->pg = pg_open(dsn, &options, err);
	if (s->pg == NULL) {
		free(s);
		return NULL;
	}
	return &s->base;
}
