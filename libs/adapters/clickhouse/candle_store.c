#include "adapters/clickhouse/candle_store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clickhouse/http.h"
#include "adapters/clickhouse/schema.h"

#define SQL_MAX		8192
#define BATCH_BYTES_MAX (256u << 20)

struct store {
	struct candle_store base;
	struct ch_http *http;
	char table[128], gaps[128], version[128];
};

/* ---- RowBinary: little endian, texts with a LEB128 length, nullable values behind a flag ---------------------------- */

static void put(struct strbuf *sb, const void *p, size_t n) { strbuf_add(sb, (struct str){ p, n }); }

static void put_text(struct strbuf *sb, struct str s)
{
	size_t n = s.n;

	do {
		unsigned char byte = (unsigned char)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));

		put(sb, &byte, 1);
		n >>= 7;
	} while (n > 0);
	strbuf_add(sb, s);
}

static void put_double_or_null(struct strbuf *sb, double v)
{
	unsigned char null = isnan(v);

	put(sb, &null, 1);
	if (!null)
		put(sb, &v, sizeof(v));
}

static void put_row(struct strbuf *sb, const struct candle *c)
{
	uint16_t market = (uint16_t)c->instrument.market_id;
	uint32_t ts = (uint32_t)(c->ts_open.ms / 1000);
	uint64_t ingested = (uint64_t)c->ingested_at.ms;
	unsigned char source = (unsigned char)c->source, no_trades = c->trades_count < 0;
	char id[UUID_TEXT_MAX];

	put(sb, &market, sizeof(market));
	put_text(sb, str_from(c->instrument.symbol));
	put_text(sb, str_from(c->instrument_key));
	put(sb, &ts, sizeof(ts));
	for (const double *v = (const double[]){ c->open, c->high, c->low, c->close, c->volume_base }, *end = v + 5;
	     v < end; v++)
		put(sb, v, sizeof(*v));
	put_double_or_null(sb, c->volume_quote);
	put(sb, &no_trades, 1);
	if (!no_trades)
		put(sb, &c->trades_count, sizeof(c->trades_count));
	put_double_or_null(sb, c->taker_buy_volume_base);
	put_double_or_null(sb, c->taker_buy_volume_quote);
	put(sb, &source, 1);
	put(sb, &ingested, sizeof(ingested));
	put_text(sb, uuid_is_nil(c->ingest_id) ? STR("") : str_from(uuid_format(c->ingest_id, id)));
}

/* Takes n bytes off the answer; false: it ends too early. */
static bool take(struct str *in, void *out, size_t n)
{
	if (in->n < n)
		return false;
	memcpy(out, in->p, n);
	*in = str_slice(*in, n, in->n);
	return true;
}

/* ---- statements ---------------------------------------------------------------------------------------------------- */

static void add_where(struct strbuf *sql, const struct instrument *i)
{
	strbuf_addf(sql, " WHERE market_id = %d AND symbol = ", i->market_id);
	ch_quote(sql, str_from(i->symbol));
}

static void add_window(struct strbuf *sql, const struct candle_window *w)
{
	add_where(sql, &w->instrument);
	strbuf_addf(sql, " AND ts_open >= toDateTime(%lld, 'UTC') AND ts_open < toDateTime(%lld, 'UTC')",
		    (long long)((w->from.ms + 999) / 1000), (long long)((w->to.ms + 999) / 1000));
}

static int run(struct store *s, struct strbuf *sql, struct strbuf *out, struct error *err)
{
	int rc = strbuf_error(sql, err);

	if (rc == 0)
		rc = ch_http_run(s->http, strbuf_cstr(sql), STR_NULL, out, err);
	strbuf_release(sql);
	return rc;
}

static int malformed(struct error *err) { return error_set(err, ERR_INTERNAL, "ClickHouse's answer ends too early"); }

static int store_write(struct candle_store *base, const struct candle *rows, size_t n, struct error *err)
{
	struct store *s = (struct store *)base;
	struct strbuf data = STRBUF_INIT(BATCH_BYTES_MAX);
	char sql[512];
	int rc;

	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		put_row(&data, &rows[i]);
	snprintf(
		sql, sizeof(sql),
		"INSERT INTO %s (market_id, symbol, instrument_key, ts_open, open, high, low, close, volume_base, volume_quote, "
		"trades_count, taker_buy_volume_base, taker_buy_volume_quote, source, ingested_at, ingest_id) FORMAT RowBinary",
		s->table);
	rc = strbuf_error(&data, err);
	if (rc == 0)
		rc = ch_http_run(s->http, sql, strbuf_str(&data), NULL, err);
	strbuf_release(&data);
	return rc;
}

static int store_read(struct candle_store *base, const struct candle_window *w, struct candles *out, struct error *err)
{
	struct store *s = (struct store *)base;
	struct strbuf sql = STRBUF_INIT(SQL_MAX), answer = STRBUF_INIT(0);
	size_t before = out->n;
	struct str in;
	int rc;

	strbuf_addf(&sql, "SELECT ts_open, open, high, low, close, volume_base, volume_quote FROM %s", s->table);
	add_window(&sql, w);
	/* The newest version of each minute first, then one row a minute. */
	strbuf_addc(
		&sql,
		" ORDER BY ts_open, ingested_at DESC, source DESC, ingest_id DESC LIMIT 1 BY ts_open FORMAT RowBinary");
	rc = run(s, &sql, &answer, err);
	in = strbuf_str(&answer);
	while (rc == 0 && in.n > 0) {
		double v[5], quote = NAN;
		unsigned char null;
		uint32_t ts;

		if (!take(&in, &ts, sizeof(ts)) || !take(&in, v, sizeof(v)) || !take(&in, &null, 1) ||
		    (null == 0 && !take(&in, &quote, sizeof(quote))))
			rc = malformed(err);
		else
			rc = candles_append(out, utc_from_ms((int64_t)ts * 1000), v[0], v[1], v[2], v[3], v[4], quote,
					    err);
	}
	if (rc != 0)
		out->n = before;
	strbuf_release(&answer);
	return rc;
}

static int store_bounds(struct candle_store *base, const struct instrument *i, utc_t before, struct candle_bounds *out,
			struct error *err)
{
	struct store *s = (struct store *)base;
	struct strbuf sql = STRBUF_INIT(SQL_MAX), answer = STRBUF_INIT(0);
	uint32_t first = 0, last = 0;
	uint64_t count = 0;
	struct str in;
	int rc;

	/* min() of nothing is 1970: the count tells. */
	strbuf_addf(&sql, "SELECT count(), min(ts_open), max(ts_open) FROM %s", s->table);
	add_where(&sql, i);
	if (!utc_is_none(before))
		strbuf_addf(&sql, " AND ts_open < toDateTime(%lld, 'UTC')", (long long)((before.ms + 999) / 1000));
	strbuf_addc(&sql, " FORMAT RowBinary");
	rc = run(s, &sql, &answer, err);
	in = strbuf_str(&answer);
	if (rc == 0 &&
	    (!take(&in, &count, sizeof(count)) || !take(&in, &first, sizeof(first)) || !take(&in, &last, sizeof(last))))
		rc = malformed(err);
	if (rc == 0) {
		out->any = count > 0;
		out->first = count > 0 ? utc_from_ms((int64_t)first * 1000) : UTC_NONE;
		out->last = count > 0 ? utc_from_ms((int64_t)last * 1000) : UTC_NONE;
	}
	strbuf_release(&answer);
	return rc;
}

/* Walks the stored minutes in order and notes where they jump. */
static int store_gaps(struct candle_store *base, const struct candle_window *w, struct minute_range *out, size_t max,
		      size_t *n, struct error *err)
{
	struct store *s = (struct store *)base;
	struct strbuf sql = STRBUF_INIT(SQL_MAX), answer = STRBUF_INIT(0);
	utc_t expected = w->from;
	struct str in;
	int rc;

	*n = 0;
	if (w->from.ms >= w->to.ms)
		return 0;
	strbuf_addf(&sql, "SELECT DISTINCT ts_open FROM %s", s->table);
	add_window(&sql, w);
	strbuf_addc(&sql, " ORDER BY ts_open FORMAT RowBinary");
	rc = run(s, &sql, &answer, err);
	in = strbuf_str(&answer);
	while (rc == 0 && *n < max && expected.ms < w->to.ms) {
		utc_t next = w->to;
		uint32_t ts;

		if (in.n > 0) {
			if (!take(&in, &ts, sizeof(ts))) {
				rc = malformed(err);
				break;
			}
			next = utc_from_ms((int64_t)ts * 1000);
		}
		if (next.ms > expected.ms)
			out[(*n)++] = (struct minute_range){ expected, next };
		expected = utc_from_ms(next.ms + UTC_MINUTE_MS);
	}
	strbuf_release(&answer);
	return rc;
}

static int store_confirm_gap(struct candle_store *base, const struct instrument *i, const struct minute_range *range,
			     struct error *err)
{
	struct store *s = (struct store *)base;
	struct strbuf sql = STRBUF_INIT(SQL_MAX);

	strbuf_addf(&sql, "INSERT INTO %s (market_id, symbol, ts_from, ts_to, confirmed_at) VALUES (%d, ", s->gaps,
		    i->market_id);
	ch_quote(&sql, str_from(i->symbol));
	strbuf_addf(&sql, ", toDateTime(%lld, 'UTC'), toDateTime(%lld, 'UTC'), %lld)",
		    (long long)(range->from.ms / 1000), (long long)(range->to.ms / 1000), (long long)utc_now().ms);
	return run(s, &sql, NULL, err);
}

static int store_confirmed_gaps(struct candle_store *base, const struct candle_window *w, struct minute_range *out,
				size_t max, size_t *n, struct error *err)
{
	struct store *s = (struct store *)base;
	struct strbuf sql = STRBUF_INIT(SQL_MAX), answer = STRBUF_INIT(0);
	struct str in;
	int rc;

	*n = 0;
	strbuf_addf(&sql, "SELECT DISTINCT ts_from, ts_to FROM %s", s->gaps);
	add_where(&sql, &w->instrument);
	strbuf_addf(&sql,
		    " AND ts_from < toDateTime(%lld, 'UTC') AND ts_to > toDateTime(%lld, 'UTC') ORDER BY ts_from, ts_to"
		    " FORMAT RowBinary",
		    (long long)((w->to.ms + 999) / 1000), (long long)(w->from.ms / 1000));
	rc = run(s, &sql, &answer, err);
	in = strbuf_str(&answer);
	while (rc == 0 && in.n > 0) {
		uint32_t ts[2];
		struct minute_range r;

		if (!take(&in, ts, sizeof(ts))) {
			rc = malformed(err);
			break;
		}
		r.from = utc_from_ms(MAX_OF((int64_t)ts[0] * 1000, w->from.ms));
		r.to = utc_from_ms(MIN_OF((int64_t)ts[1] * 1000, w->to.ms));
		if (*n > 0 && r.from.ms <= out[*n - 1].to.ms)
			out[*n - 1].to.ms = MAX_OF(out[*n - 1].to.ms, r.to.ms);
		else if (*n < max)
			out[(*n)++] = r;
		else
			break;
	}
	strbuf_release(&answer);
	return rc;
}

static int store_ping(struct candle_store *base, struct error *err)
{
	struct store *s = (struct store *)base;
	struct strbuf sql = STRBUF_INIT(SQL_MAX), answer = STRBUF_INIT(0);
	int rc;

	strbuf_addf(&sql, "SELECT count() > 0 FROM %s WHERE version = '" CH_SCHEMA_HEAD "' FORMAT TabSeparated",
		    s->version);
	rc = run(s, &sql, &answer, err);
	if (rc == 0 && !str_eq(str_trim(strbuf_str(&answer)), STR("1")))
		rc = error_set(err, ERR_CONFLICT,
			       "the candle store's schema is not at " CH_SCHEMA_HEAD ": run migrations");
	else if (rc != 0 && err != NULL && err->code == ERR_INTERNAL)
		error_set(err, ERR_CONFLICT, "the candle store's tables are missing: run migrations");
	strbuf_release(&answer);
	return rc;
}

static void store_close(struct candle_store *base)
{
	ch_http_free(((struct store *)base)->http);
	free(base);
}

struct candle_store *ch_candle_store_open(const struct ch_settings *settings, struct error *err)
{
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->http = ch_http_new(settings, err)) == NULL) {
		free(s);
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
					 .name = "clickhouse" };
	snprintf(s->table, sizeof(s->table), "%s.canonical_candles_1m", settings->database);
	snprintf(s->gaps, sizeof(s->gaps), "%s.confirmed_gaps", settings->database);
	snprintf(s->version, sizeof(s->version), "%s.schema_version", settings->database);
	return &s->base;
}
