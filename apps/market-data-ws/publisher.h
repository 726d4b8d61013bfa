/* publisher.h - closed candles to their Redis streams, from a thread of its own. Best effort: a full queue or a dead Redis
 * costs the publish and is counted; the candle store has the candle anyway. */
#ifndef ROEHUB_MD_PUBLISHER_H
#define ROEHUB_MD_PUBLISHER_H

#include "adapters/redis/candle_stream.h"
#include "base/log.h"
#include "md_metrics.h"

#define PUBLISHER_QUEUE_MAX 20000

struct publisher;

struct publisher_settings {
	struct redis *redis; /* owned from here on */
	const char *prefix;  /* borrowed */
	int64_t maxlen_approx;
	struct md_metrics *metrics;
	struct log_ctx log;
};

struct publisher *publisher_start(const struct publisher_settings *s, struct error *err);
void publisher_offer(struct publisher *p, const struct candle *c); /* never blocks; NULL publisher: nothing */
bool publisher_healthy(struct publisher *p);
void publisher_stop(struct publisher *p, int64_t wait_ms);

#endif
