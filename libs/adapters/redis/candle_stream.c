#include "adapters/redis/candle_stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

#define STREAM_MAX  256
#define STREAMS_MAX 200 /* keys of one XREADGROUP; further ones go into a second command */

static bool stream_name(char name[STREAM_MAX], const char *prefix, const char *key)
{
	int n = snprintf(name, STREAM_MAX, "%s.%s", prefix, key);

	return n > 0 && n < STREAM_MAX;
}

/* ---- the writer ---------------------------------------------------------------------------------------------------- */

struct publish_call {
	enum candle_publish *results;
	size_t base;
};

static void on_publish_reply(const redisReply *reply, size_t index, void *arg)
{
	struct publish_call *call = arg;
	enum candle_publish *result = &call->results[call->base + index];

	if (reply == NULL)
		*result = CANDLE_PUBLISH_FAILED;
	else if (reply->type != REDIS_REPLY_ERROR)
		*result = CANDLE_PUBLISHED;
	else if (redis_is_duplicate_id((struct str){ reply->str, reply->len }))
		*result = CANDLE_PUBLISH_DUPLICATE;
	else
		*result = CANDLE_PUBLISH_FAILED;
}

static int append_candle(struct redis *r, const char *prefix, int64_t maxlen, const struct candle *c, struct error *err)
{
	char name[STREAM_MAX], limit[24], id[32], market[12], ts_open[UTC_TEXT_MAX], ts_close[UTC_TEXT_MAX];
	char ingested[UTC_TEXT_MAX], ingest_id[UUID_TEXT_MAX], numbers[6][NUMBER_TEXT_MAX];
	struct str argv[40];
	size_t n = 0;

	if (!stream_name(name, prefix, c->instrument_key))
		return error_set(err, ERR_INVALID, "the stream name of %s is too long", c->instrument_key);
	snprintf(limit, sizeof(limit), "%lld", (long long)maxlen);
	snprintf(id, sizeof(id), "%lld-0", (long long)c->ts_open.ms);
	snprintf(market, sizeof(market), "%d", c->instrument.market_id);
	argv[n++] = STR("XADD");
	argv[n++] = str_from(name);
	if (maxlen > 0) {
		argv[n++] = STR("MAXLEN");
		argv[n++] = STR("~");
		argv[n++] = str_from(limit);
	}
	argv[n++] = str_from(id);
	const struct {
		const char *name, *value;
	} fields[] = {
		{ "schema_version", "1" },
		{ "market_id", market },
		{ "symbol", c->instrument.symbol },
		{ "instrument_key", c->instrument_key },
		{ "ts_open", utc_format_ms(c->ts_open, ts_open) },
		{ "ts_close", utc_format_ms(candle_close_time(c), ts_close) },
		{ "open", number_format(c->open, numbers[0]) },
		{ "high", number_format(c->high, numbers[1]) },
		{ "low", number_format(c->low, numbers[2]) },
		{ "close", number_format(c->close, numbers[3]) },
		{ "volume_base", number_format(c->volume_base, numbers[4]) },
		{ "volume_quote", isnan(c->volume_quote) ? "" : number_format(c->volume_quote, numbers[5]) },
		{ "source", candle_source_text(c->source) },
		{ "ingested_at", utc_format_ms(c->ingested_at, ingested) },
		{ "ingest_id", uuid_is_nil(c->ingest_id) ? "" : uuid_format(c->ingest_id, ingest_id) },
	};
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		argv[n++] = str_from(fields[i].name);
		argv[n++] = str_from(fields[i].value);
	}
	return redis_append(r, n, argv, err);
}

int candle_stream_publish(struct redis *r, const char *prefix, int64_t maxlen_approx, const struct candle *candles,
			  size_t n, enum candle_publish *results, struct error *err)
{
	struct publish_call call = { results, 0 };
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		results[i] = CANDLE_PUBLISH_FAILED;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = append_candle(r, prefix, maxlen_approx, &candles[i], err);
	return rc == 0 ? redis_flush(r, on_publish_reply, &call, err) : rc;
}

/* ---- decoding ------------------------------------------------------------------------------------------------------ */

#define CANDLE_FIELDS(X)                                                                                               \
	X(schema_version)                                                                                              \
	X(market_id) X(symbol) X(instrument_key) X(ts_open) X(ts_close) X(open) X(high) X(low) X(close) X(volume_base) \
		X(volume_quote) X(source) X(ingested_at) X(ingest_id)

struct raw_candle {
#define X(name) struct str name;
	CANDLE_FIELDS(X)
#undef X
};

static int collect_fields(const redisReply *fields, struct raw_candle *out, struct error *err)
{
	const struct {
		const char *name;
		struct str *value;
	} wanted[] = {
#define X(name) { #name, &out->name },
		CANDLE_FIELDS(X)
#undef X
	};

	if (fields == NULL || fields->type != REDIS_REPLY_ARRAY || fields->elements % 2 != 0)
		return error_set(err, ERR_INVALID, "the record is no list of fields");
	for (size_t i = 0; i < fields->elements; i += 2) {
		struct str name = { fields->element[i]->str, fields->element[i]->len };
		struct str value = { fields->element[i + 1]->str, fields->element[i + 1]->len };

		for (size_t k = 0; k < ARRAY_LEN(wanted); k++)
			if (str_eq_c(name, wanted[k].name))
				*wanted[k].value = value;
	}
	for (size_t k = 0; k < ARRAY_LEN(wanted); k++)
		if (wanted[k].value->p == NULL)
			return error_set(err, ERR_INVALID, "field %s is missing", wanted[k].name);
	return 0;
}

static int need_number(struct str text, const char *name, double *out, struct error *err)
{
	if (!str_to_double(text, out))
		return error_set(err, ERR_INVALID, "field %s is no number", name);
	return 0;
}

static int need_utc(struct str text, const char *name, utc_t *out, struct error *err)
{
	if (!utc_parse(text, out))
		return error_set(err, ERR_INVALID, "field %s is no instant with a zone", name);
	return 0;
}

static int decode_identity(const struct raw_candle *raw, struct str stream_key, struct candle *c, struct error *err)
{
	int64_t market_id;

	if (!str_eq(raw->schema_version, STR("1")))
		return error_set(err, ERR_INVALID, "schema_version must be 1");
	if (!str_to_i64(raw->market_id, &market_id))
		return error_set(err, ERR_INVALID, "field market_id is no integer");
	if (instrument_init(&c->instrument, market_id, raw->symbol, err) != 0)
		return -1;
	if (!str_eq(raw->instrument_key, stream_key) ||
	    !str_copy(c->instrument_key, sizeof(c->instrument_key), stream_key))
		return error_set(err, ERR_INVALID, "field instrument_key is not that of the stream");
	if (!candle_source_parse(raw->source, &c->source))
		return error_set(err, ERR_INVALID, "field source must be ws, rest or file");
	return 0;
}

int candle_stream_decode(const redisReply *fields, struct str stream_key, struct candle *out, struct error *err)
{
	struct candle c = { .trades_count = -1, .taker_buy_volume_base = NAN, .taker_buy_volume_quote = NAN };
	struct raw_candle raw = { 0 };
	utc_t ts_close;

	if (collect_fields(fields, &raw, err) != 0 || decode_identity(&raw, stream_key, &c, err) != 0 ||
	    need_utc(raw.ts_open, "ts_open", &c.ts_open, err) != 0 ||
	    need_utc(raw.ts_close, "ts_close", &ts_close, err) != 0 ||
	    need_utc(raw.ingested_at, "ingested_at", &c.ingested_at, err) != 0 ||
	    need_number(raw.open, "open", &c.open, err) != 0 || need_number(raw.high, "high", &c.high, err) != 0 ||
	    need_number(raw.low, "low", &c.low, err) != 0 || need_number(raw.close, "close", &c.close, err) != 0 ||
	    need_number(raw.volume_base, "volume_base", &c.volume_base, err) != 0)
		return -1;
	c.volume_quote = NAN;
	if (raw.volume_quote.n > 0 && need_number(raw.volume_quote, "volume_quote", &c.volume_quote, err) != 0)
		return -1;
	if (raw.ingest_id.n > 0 && !uuid_parse(raw.ingest_id, &c.ingest_id))
		return error_set(err, ERR_INVALID, "field ingest_id is no UUID");
	if (ts_close.ms != c.ts_open.ms + UTC_MINUTE_MS)
		return error_set(err, ERR_INVALID, "ts_close must be one minute after ts_open");
	if (candle_check(&c, err) != 0)
		return -1;
	*out = c;
	return 0;
}

/* ---- the reader ---------------------------------------------------------------------------------------------------- */

void candle_messages_release(struct candle_messages *m)
{
	free(m->items);
	*m = (struct candle_messages){ NULL, 0, 0 };
}

static int add_message(struct candle_messages *out, const redisReply *entry, size_t stream, const char *key,
		       struct error *err)
{
	struct candle_message *m;

	if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 || entry->element[0]->type != REDIS_REPLY_STRING)
		return 0; /* an entry that was deleted while it was pending comes as nil */
	if (out->n == out->cap) {
		size_t cap = out->cap != 0 ? out->cap * 2 : 64;
		struct candle_message *items = realloc(out->items, cap * sizeof(*items));

		if (items == NULL)
			return error_set(err, ERR_UNAVAILABLE, "no memory for %zu messages", cap);
		out->items = items;
		out->cap = cap;
	}
	m = &out->items[out->n++];
	memset(m, 0, sizeof(*m));
	snprintf(m->id, sizeof(m->id), "%s", entry->element[0]->str);
	m->stream = stream;
	m->valid = candle_stream_decode(entry->element[1], str_from(key), &m->candle, &m->error) == 0;
	return 0;
}

static int add_entries(struct candle_messages *out, const redisReply *entries, size_t stream, const char *key,
		       struct error *err)
{
	for (size_t i = 0; entries->type == REDIS_REPLY_ARRAY && i < entries->elements; i++)
		if (add_message(out, entries->element[i], stream, key, err) != 0)
			return -1;
	return 0;
}

int candle_stream_ensure_group(struct redis *r, const char *stream, const char *group, struct error *err)
{
	const struct str argv[] = { STR("XGROUP"),   STR("CREATE"), str_from(stream),
				    str_from(group), STR("$"),	    STR("MKSTREAM") };
	struct error local = ERROR_INIT;

	if (redis_command(r, ARRAY_LEN(argv), argv, NULL, &local) == 0 || strncmp(local.message, "BUSYGROUP", 9) == 0)
		return 0;
	if (err != NULL)
		*err = local;
	return -1;
}

/* NOGROUP gets a code of its own: the caller makes the group again. */
static int group_command(struct redis *r, size_t argc, const struct str *argv, redisReply **reply, struct error *err)
{
	struct error local = ERROR_INIT;

	if (redis_command(r, argc, argv, reply, &local) == 0)
		return 0;
	/* UNBLOCKED: the stream was deleted under a waiting read, and the group with it */
	if (strncmp(local.message, "NOGROUP", 7) == 0 || strncmp(local.message, "UNBLOCKED", 9) == 0)
		local.code = ERR_NOT_FOUND;
	if (err != NULL)
		*err = local;
	return -1;
}

static int read_some(struct redis *r, const char *prefix, const char *group, const char *consumer,
		     const char *const *keys, size_t first, size_t n, int count, int block_ms,
		     struct candle_messages *out, struct error *err)
{
	char(*names)[STREAM_MAX] = malloc(n * sizeof(*names));
	struct str argv[12 + 2 * STREAMS_MAX];
	char count_text[12], block_text[12];
	redisReply *reply = NULL;
	size_t argc = 0;
	int rc;

	if (names == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory for stream names");
	snprintf(count_text, sizeof(count_text), "%d", count);
	snprintf(block_text, sizeof(block_text), "%d", block_ms);
	for (const char *const *word =
		     (const char *const[]){ "XREADGROUP", "GROUP", group, consumer, "COUNT", count_text, NULL };
	     *word != NULL; word++)
		argv[argc++] = str_from(*word);
	if (block_ms > 0) { /* BLOCK 0 would wait for ever */
		argv[argc++] = STR("BLOCK");
		argv[argc++] = str_from(block_text);
	}
	argv[argc++] = STR("STREAMS");
	for (size_t i = 0; i < n; i++) {
		if (!stream_name(names[i], prefix, keys[first + i]))
			names[i][0] = '\0';
		argv[argc++] = str_from(names[i]);
	}
	for (size_t i = 0; i < n; i++)
		argv[argc++] = STR(">");
	rc = group_command(r, argc, argv, &reply, err);
	for (size_t i = 0; rc == 0 && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
		const redisReply *stream = reply->element[i];

		for (size_t k = 0; k < n && rc == 0; k++)
			if (stream->elements == 2 && strcmp(stream->element[0]->str, names[k]) == 0)
				rc = add_entries(out, stream->element[1], first + k, keys[first + k], err);
	}
	if (reply != NULL)
		freeReplyObject(reply);
	free(names);
	return rc;
}

int candle_stream_read(struct redis *r, const char *prefix, const char *group, const char *consumer,
		       const char *const *instrument_keys, size_t n, int count, int block_ms,
		       struct candle_messages *out, struct error *err)
{
	for (size_t first = 0; first < n; first += STREAMS_MAX) {
		size_t some = MIN_OF(n - first, (size_t)STREAMS_MAX);
		/* Only a read of everything may wait: a wait for the first part would delay the others. */
		int wait = n <= STREAMS_MAX ? block_ms : 0;

		if (read_some(r, prefix, group, consumer, instrument_keys, first, some, count, wait, out, err) != 0)
			return -1;
	}
	return 0;
}

int candle_stream_claim(struct redis *r, const char *prefix, const char *group, const char *consumer,
			const char *instrument_key, int64_t min_idle_ms, int count, struct candle_messages *out,
			struct error *err)
{
	char name[STREAM_MAX], idle[24], count_text[12];
	redisReply *reply = NULL;
	int rc;

	if (!stream_name(name, prefix, instrument_key))
		return error_set(err, ERR_INVALID, "the stream name of %s is too long", instrument_key);
	snprintf(idle, sizeof(idle), "%lld", (long long)min_idle_ms);
	snprintf(count_text, sizeof(count_text), "%d", count);
	const struct str argv[] = { STR("XAUTOCLAIM"), str_from(name), str_from(group), str_from(consumer),
				    str_from(idle),    STR("0-0"),     STR("COUNT"),	str_from(count_text) };

	rc = group_command(r, ARRAY_LEN(argv), argv, &reply, err);
	if (rc == 0 && reply->type == REDIS_REPLY_ARRAY && reply->elements >= 2)
		rc = add_entries(out, reply->element[1], 0, instrument_key, err);
	if (reply != NULL)
		freeReplyObject(reply);
	return rc;
}

int candle_stream_ack(struct redis *r, const char *prefix, const char *group, const char *instrument_key,
		      const char *const *ids, size_t n, struct error *err)
{
	enum { IDS_PER_COMMAND = 400 };
	char name[STREAM_MAX];

	if (!stream_name(name, prefix, instrument_key))
		return error_set(err, ERR_INVALID, "the stream name of %s is too long", instrument_key);
	for (size_t first = 0; first < n; first += IDS_PER_COMMAND) {
		struct str argv[3 + IDS_PER_COMMAND] = { STR("XACK"), str_from(name), str_from(group) };
		size_t argc = 3;

		for (size_t i = first; i < n && argc < ARRAY_LEN(argv); i++)
			argv[argc++] = str_from(ids[i]);
		if (redis_command(r, argc, argv, NULL, err) != 0)
			return -1;
	}
	return 0;
}
