/* worker.h - the live worker's parts, wired by main.c and driven by loop.c on one thread. */
#ifndef ROEHUB_WORKER_WORKER_H
#define ROEHUB_WORKER_WORKER_H

#include <stdatomic.h>

#include "adapters/config/strategy_config.h"
#include "adapters/postgres/pg.h"
#include "adapters/redis/candle_stream.h"
#include "domain/strategy/notification.h"
#include "live_run.h"
#include "notify.h"
#include "ownership.h"
#include "ports/candle_store.h"
#include "runtime/service.h"

struct group_key { /* a stream whose consumer group is known to exist */
	struct group_key *next;
	char key[INSTRUMENT_KEY_MAX];
};

struct worker {
	struct service_run *service;
	struct strategy_config config;
	struct worker_metrics metrics;
	struct pg *pg;
	struct ownership *ownership;
	struct candle_store *candles;
	struct redis *input, *output_redis;
	struct realtime_stream *output; /* NULL: switched off */
	struct notify *notify;		/* NULL: switched off */
	struct notification_debounce *debounce;
	char consumer[160];

	struct live_run *runs; /* in (started_at, run_id) order */
	struct group_key *groups;
	struct arena arena; /* of the turn */
	struct candles columns;
	mono_t poll_at, owner_at, claim_at;
	bool owner, standby_logged, poll_now;
	atomic_bool postgres_ok, redis_ok, candles_ok;
};

/* The straight loop: returns when the process is to stop. */
int worker_loop(struct worker *w, struct error *err);
/* Gives a run its next piece of history; false: not due or nothing to do. */
bool worker_run_job(struct worker *w, struct live_run *r, struct turn *t);
/* Asks the candle store for minutes behind the checkpoint: the stream has been silent. */
void worker_catch_up(struct worker *w, struct live_run *r, struct turn *t);
void worker_forget_run(struct worker *w, struct live_run *r);

#endif
