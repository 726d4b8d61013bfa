/* candle_stream.h - md.candles.1m.<instrument_key>: closed 1m candles, writer and reader in one place.
 *
 * Record id <ts_open ms>-0, so a minute enters a stream once. 15 fields, all text, schema_version 1.
 * Writer: market-data-ws. Readers: consumer groups, e.g. strategy.live_runner.v1.
 */
#ifndef ROEHUB_ADAPTERS_REDIS_CANDLE_STREAM_H
#define ROEHUB_ADAPTERS_REDIS_CANDLE_STREAM_H

#include "adapters/redis/redis.h"
#include "domain/market/candle.h"

#define CANDLE_STREAM_ID_MAX 48

enum candle_publish { CANDLE_PUBLISHED, CANDLE_PUBLISH_DUPLICATE, CANDLE_PUBLISH_FAILED };

/* Pipelines n XADDs; results[i] says what became of candle i. -1 when the connection failed (then all not yet answered
 * are CANDLE_PUBLISH_FAILED). */
int candle_stream_publish(struct redis *r, const char *prefix, int64_t maxlen_approx, const struct candle *candles,
			  size_t n, enum candle_publish *results, struct error *err);

struct candle_message {
	char id[CANDLE_STREAM_ID_MAX];
	size_t stream; /* index into the stream list of the read */
	bool valid;    /* false: the payload was refused; ack and drop */
	struct candle candle;
	struct error error; /* why it is not valid */
};

struct candle_messages {
	struct candle_message *items;
	size_t n, cap;
};

void candle_messages_release(struct candle_messages *m);

/* Strict decoding of one record; stream_key is the instrument key that the stream is named after. */
int candle_stream_decode(const redisReply *fields, struct str stream_key, struct candle *out, struct error *err);

/* XGROUP CREATE <stream> <group> $ MKSTREAM; BUSYGROUP is success. */
int candle_stream_ensure_group(struct redis *r, const char *stream, const char *group, struct error *err);
/* One XREADGROUP ... STREAMS s1..sn > > for all keys. block_ms 0: does not wait. ERR_NOT_FOUND: NOGROUP, recreate.
 * Appends to out in delivery order. */
int candle_stream_read(struct redis *r, const char *prefix, const char *group, const char *consumer,
		       const char *const *instrument_keys, size_t n, int count, int block_ms,
		       struct candle_messages *out, struct error *err);
/* XAUTOCLAIM min-idle 0-0 COUNT count on one stream: entries of dead consumers. */
int candle_stream_claim(struct redis *r, const char *prefix, const char *group, const char *consumer,
			const char *instrument_key, int64_t min_idle_ms, int count, struct candle_messages *out,
			struct error *err);
/* XACK of many ids of one stream, one command. */
int candle_stream_ack(struct redis *r, const char *prefix, const char *group, const char *instrument_key,
		      const char *const *ids, size_t n, struct error *err);

#endif
