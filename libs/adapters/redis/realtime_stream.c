#include "adapters/redis/realtime_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_MAX	128
#define STREAM_NAME_MAX (PREFIX_MAX + 1 + UUID_TEXT_MAX)
#define ID_MAX		48
/* Commands in flight before the replies are read: keeps the output buffer small and both sides busy. */
#define PIPELINE_MAX 2048
/* A position that was not used for this long cannot collide with a new record any more. */
#define POSITION_KEEP_MS (10 * 60 * 1000)
#define POSITIONS_MIN	 64

/* Where a stream stands: the greatest ms used, and the next seq in it. */
struct position {
	struct uuid user_id;
	enum realtime_kind kind;
	bool used;
	int64_t ms;
	uint64_t seq;
};

struct realtime_stream {
	struct redis *redis;
	char prefix[2][PREFIX_MAX];
	int64_t maxlen;
	struct position *positions; /* open addressing, capacity a power of two */
	size_t count, cap;
};

struct realtime_stream *realtime_stream_new(struct redis *redis, const char *metrics_prefix, const char *events_prefix,
					    int64_t maxlen_approx)
{
	struct realtime_stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->redis = redis;
	s->maxlen = maxlen_approx;
	s->cap = POSITIONS_MIN;
	s->positions = calloc(s->cap, sizeof(*s->positions));
	if (s->positions == NULL || !str_copy(s->prefix[REALTIME_METRIC], PREFIX_MAX, str_from(metrics_prefix)) ||
	    !str_copy(s->prefix[REALTIME_EVENT], PREFIX_MAX, str_from(events_prefix))) {
		realtime_stream_free(s);
		return NULL;
	}
	return s;
}

void realtime_stream_free(struct realtime_stream *s)
{
	if (s == NULL)
		return;
	free(s->positions);
	free(s);
}

/* ---- positions ----------------------------------------------------------------------------------------------------- */

static size_t slot_of(const struct position *table, size_t cap, struct uuid user_id, enum realtime_kind kind)
{
	uint64_t hash;
	size_t i;

	memcpy(&hash, user_id.b + 8, sizeof(hash)); /* random bits of a version 4 id */
	hash = (hash ^ (uint64_t)kind) * 0x9e3779b97f4a7c15ULL;
	for (i = (size_t)(hash >> 32) & (cap - 1); table[i].used; i = (i + 1) & (cap - 1))
		if (table[i].kind == kind && uuid_eq(table[i].user_id, user_id))
			break;
	return i;
}

/* Rebuilds the table without positions that are out of date, twice as large when it is still crowded. */
static bool positions_make_room(struct realtime_stream *s, int64_t now_ms)
{
	size_t live = 0, cap = s->cap;
	struct position *table;

	for (size_t i = 0; i < s->cap; i++)
		live += s->positions[i].used && s->positions[i].ms > now_ms - POSITION_KEEP_MS;
	while (live * 2 >= cap)
		cap *= 2;
	table = calloc(cap, sizeof(*table));
	if (table == NULL)
		return false;
	s->count = 0;
	for (size_t i = 0; i < s->cap; i++) {
		const struct position *p = &s->positions[i];

		if (!p->used || p->ms <= now_ms - POSITION_KEEP_MS)
			continue;
		table[slot_of(table, cap, p->user_id, p->kind)] = *p;
		s->count++;
	}
	free(s->positions);
	s->positions = table;
	s->cap = cap;
	return true;
}

static void stream_name(const struct realtime_stream *s, const struct realtime_record *r, char name[STREAM_NAME_MAX])
{
	char id[UUID_TEXT_MAX];

	snprintf(name, STREAM_NAME_MAX, "%s.%s", s->prefix[r->kind], uuid_format(r->user_id, id));
}

/* A stream may already hold ids of an earlier process whose clock was ahead: go on behind its last one. */
static int position_load(struct realtime_stream *s, const struct realtime_record *r, struct position *p,
			 struct error *err)
{
	char name[STREAM_NAME_MAX];
	struct str argv[] = { STR("XREVRANGE"), STR_NULL, STR("+"), STR("-"), STR("COUNT"), STR("1") };
	redisReply *reply = NULL;

	stream_name(s, r, name);
	argv[1] = str_from(name);
	if (redis_command(s->redis, sizeof(argv) / sizeof(argv[0]), argv, &reply, err) != 0)
		return -1;
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 && reply->element[0]->elements == 2) {
		const redisReply *id = reply->element[0]->element[0];
		struct str rest = { id->str, id->len }, ms, seq;
		uint64_t ms_value, seq_value;

		if (str_split(&rest, '-', &ms) && str_split(&rest, '-', &seq) && str_to_u64(ms, &ms_value) &&
		    str_to_u64(seq, &seq_value)) {
			p->ms = (int64_t)ms_value;
			p->seq = seq_value + 1;
		}
	}
	freeReplyObject(reply);
	return 0;
}

static int position_of(struct realtime_stream *s, const struct realtime_record *r, struct position **out,
		       struct error *err)
{
	size_t i;

	if (s->count * 2 >= s->cap && !positions_make_room(s, r->ts.ms))
		return error_set(err, ERR_UNAVAILABLE, "no memory for stream positions");
	i = slot_of(s->positions, s->cap, r->user_id, r->kind);
	if (!s->positions[i].used) {
		struct position fresh = { r->user_id, r->kind, true, INT64_MIN, 0 };

		if (position_load(s, r, &fresh, err) != 0)
			return -1;
		s->positions[i] = fresh;
		s->count++;
	}
	*out = &s->positions[i];
	return 0;
}

static void position_next(struct position *p, utc_t ts, char id[ID_MAX])
{
	if (ts.ms > p->ms) {
		p->ms = ts.ms;
		p->seq = 0;
	}
	snprintf(id, ID_MAX, "%lld-%llu", (long long)p->ms, (unsigned long long)p->seq++);
}

/* ---- publishing ---------------------------------------------------------------------------------------------------- */

int realtime_record_cmp(const void *left, const void *right)
{
	const struct realtime_record *a = left, *b = right;
	int c;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->ts.ms != b->ts.ms)
		return a->ts.ms < b->ts.ms ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind == REALTIME_EVENT ? -1 : 1;
	if ((c = uuid_cmp(a->strategy_id, b->strategy_id)) != 0 || (c = uuid_cmp(a->run_id, b->run_id)) != 0 ||
	    (c = str_cmp(a->instrument_key, b->instrument_key)) != 0 ||
	    (c = str_cmp(a->timeframe, b->timeframe)) != 0 || (c = str_cmp(a->type, b->type)) != 0)
		return c;
	return uuid_cmp(a->user_id, b->user_id);
}

static int append_record(struct realtime_stream *s, const struct realtime_record *r, const char *id, struct error *err)
{
	char name[STREAM_NAME_MAX], ts[UTC_TEXT_MAX], strategy[UUID_TEXT_MAX], run[UUID_TEXT_MAX], maxlen[24];
	bool metric = r->kind == REALTIME_METRIC;
	struct str argv[24];
	size_t n = 0;

	stream_name(s, r, name);
	argv[n++] = STR("XADD");
	argv[n++] = str_from(name);
	if (s->maxlen > 0) {
		snprintf(maxlen, sizeof(maxlen), "%lld", (long long)s->maxlen);
		argv[n++] = STR("MAXLEN");
		argv[n++] = STR("~");
		argv[n++] = str_from(maxlen);
	}
	argv[n++] = str_from(id);
	argv[n++] = STR("schema_version");
	argv[n++] = STR("1");
	argv[n++] = STR("ts");
	argv[n++] = str_from(utc_format_ms(r->ts, ts));
	argv[n++] = STR("strategy_id");
	argv[n++] = str_from(uuid_format(r->strategy_id, strategy));
	argv[n++] = STR("run_id");
	argv[n++] = str_from(uuid_format(r->run_id, run));
	argv[n++] = STR("instrument_key");
	argv[n++] = r->instrument_key;
	argv[n++] = STR("timeframe");
	argv[n++] = r->timeframe;
	argv[n++] = metric ? STR("metric_type") : STR("event_type");
	argv[n++] = r->type;
	argv[n++] = metric ? STR("value") : STR("payload_json");
	argv[n++] = r->value.p != NULL ? r->value : STR("");
	return redis_append(s->redis, n, argv, err);
}

static void on_reply(const redisReply *reply, size_t index, void *arg)
{
	struct realtime_counts *counts = arg;

	(void)index;
	if (reply == NULL) {
		counts->errors++;
	} else if (reply->type != REDIS_REPLY_ERROR) {
		counts->published++;
	} else {
		if (redis_is_duplicate_id((struct str){ reply->str, reply->len }))
			counts->duplicates++;
		else
			counts->errors++;
	}
}

/* One pipeline of at most PIPELINE_MAX records. Positions are looked up first: they may need a command of their own. */
static int publish_some(struct realtime_stream *s, const struct realtime_record *records, size_t n,
			struct realtime_counts *counts, struct error *err)
{
	char(*ids)[ID_MAX] = malloc(n * sizeof(*ids));
	int rc = 0;

	if (ids == NULL) {
		counts->errors += n;
		return error_set(err, ERR_UNAVAILABLE, "no memory for a pipeline of %zu records", n);
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct position *p = NULL;

		rc = position_of(s, &records[i], &p, err);
		if (p != NULL)
			position_next(p, records[i].ts, ids[i]);
	}
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = append_record(s, &records[i], ids[i], err);
	if (rc == 0)
		rc = redis_flush(s->redis, on_reply, counts, err);
	else
		counts->errors += n;
	free(ids);
	return rc;
}

int realtime_stream_publish(struct realtime_stream *s, struct realtime_record *records, size_t n,
			    struct realtime_counts *counts, struct error *err)
{
	int rc = 0;

	qsort(records, n, sizeof(*records), realtime_record_cmp);
	for (size_t from = 0; from < n; from += PIPELINE_MAX) {
		size_t some = MIN_OF(n - from, (size_t)PIPELINE_MAX);

		if (rc == 0)
			rc = publish_some(s, records + from, some, counts, err);
		else
			counts->errors += some; /* the connection is gone: the rest is lost too */
	}
	return rc;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static struct str field(const redisReply *fields, const char *name)
{
	for (size_t i = 0; i + 1 < fields->elements; i += 2)
		if (str_eq_c((struct str){ fields->element[i]->str, fields->element[i]->len }, name))
			return (struct str){ fields->element[i + 1]->str, fields->element[i + 1]->len };
	return STR_NULL;
}

int realtime_stream_decode(const redisReply *fields, enum realtime_kind kind, struct realtime_record *out,
			   struct error *err)
{
	bool metric = kind == REALTIME_METRIC;
	struct realtime_record r = { .kind = kind };

	if (fields == NULL || fields->type != REDIS_REPLY_ARRAY)
		return error_set(err, ERR_INVALID, "realtime record is no list of fields");
	if (!str_eq(field(fields, "schema_version"), STR("1")))
		return error_set(err, ERR_INVALID, "realtime record has no schema_version 1");
	r.instrument_key = field(fields, "instrument_key");
	r.timeframe = field(fields, "timeframe");
	r.type = field(fields, metric ? "metric_type" : "event_type");
	r.value = field(fields, metric ? "value" : "payload_json");
	if (!utc_parse(field(fields, "ts"), &r.ts) || !uuid_parse(field(fields, "strategy_id"), &r.strategy_id) ||
	    !uuid_parse(field(fields, "run_id"), &r.run_id) || r.type.n == 0 || r.value.p == NULL)
		return error_set(err, ERR_INVALID, "realtime record lacks a field or has a malformed one");
	*out = r;
	return 0;
}
