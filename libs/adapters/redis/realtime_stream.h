/* realtime_stream.h - strategy.metrics.v1.user.<id> and strategy.events.v1.user.<id>: writer and reader in one place.
 *
 * Every record has the same eight text fields: schema_version, ts, strategy_id, run_id, instrument_key, timeframe, then
 * metric_type and value, or event_type and payload_json. Readers tail with XREAD; there are no groups.
 * Record ids are <ms>-<seq>: ms is the record's ts, but never below the last one used on that stream, and seq counts
 * from 0 per (stream, ms) whether or not the write succeeds. Publishing is best effort and never repeated.
 */
#ifndef ROEHUB_ADAPTERS_REDIS_REALTIME_STREAM_H
#define ROEHUB_ADAPTERS_REDIS_REALTIME_STREAM_H

#include "adapters/redis/redis.h"
#include "base/utc.h"
#include "base/uuid.h"

enum realtime_kind { REALTIME_EVENT, REALTIME_METRIC };

/* Texts are borrowed until the publish call returns. */
struct realtime_record {
	enum realtime_kind kind;
	uint32_t group; /* records of one publish occasion; groups keep their order, a group is sorted */
	utc_t ts;
	struct uuid user_id, strategy_id, run_id;
	struct str instrument_key, timeframe;
	struct str type;  /* metric_type or event_type */
	struct str value; /* value or payload_json */
};

struct realtime_counts {
	uint64_t published, duplicates, errors;
};

struct realtime_stream;

/* maxlen_approx 0: unlimited. Prefixes are copied, the connection is borrowed. NULL: out of memory. */
struct realtime_stream *realtime_stream_new(struct redis *redis, const char *metrics_prefix, const char *events_prefix,
					    int64_t maxlen_approx);
void realtime_stream_free(struct realtime_stream *s);

/* Sorts the records in place and writes them in pipelines. counts are added to; -1 when the connection failed (what was
 * not answered counts as error). */
int realtime_stream_publish(struct realtime_stream *s, struct realtime_record *records, size_t n,
			    struct realtime_counts *counts, struct error *err);

/* Order inside one publish call: group, ts, event before metric, strategy, run, instrument, timeframe, type, user. */
int realtime_record_cmp(const void *a, const void *b);
/* Reads one stream record back; texts are borrowed from the reply. */
int realtime_stream_decode(const redisReply *fields, enum realtime_kind kind, struct realtime_record *out,
			   struct error *err);

#endif
