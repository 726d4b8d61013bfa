/* live_run.h - one active run in memory: what a candle does to it. No I/O and no clock: time comes in, effects (state,
 * event rows, realtime records, notifications) are collected in the run and handed over by the loop after the commit.
 *
 * A run is a function of its row and of the candles from its origin to its checkpoint. When its row turns out to have
 * moved on, the object is thrown away and built again.
 */
#ifndef ROEHUB_WORKER_LIVE_RUN_H
#define ROEHUB_WORKER_LIVE_RUN_H

#include "adapters/redis/realtime_stream.h"
#include "base/arena.h"
#include "domain/market/rollup.h"
#include "domain/strategy/evaluation.h"
#include "ports/strategy_store.h"

#define HELD_MAX	     4096
#define REPAIR_CHUNK_MINUTES 1440

/* What a run reads from the candle store, a piece at a time, while its messages wait. */
enum run_job {
	RUN_JOB_NONE,
	RUN_JOB_SEED,	/* starting: history up to now */
	RUN_JOB_REFILL, /* after a restart: from the origin to the checkpoint, in silence */
	RUN_JOB_REPAIR, /* minutes between the checkpoint and the next message */
};

struct minute {
	struct bar bar;
	double volume_quote;
};

struct live_run {
	struct live_run *next;
	struct uuid run_id, user_id, strategy_id;
	struct instrument instrument;
	char key[INSTRUMENT_KEY_MAX];
	enum timeframe timeframe;
	utc_t started_at;

	/* the row as we know it: the fence of the next step */
	enum run_state stored_state;
	utc_t stored_checkpoint;
	utc_t updated_at;

	enum run_state state;
	utc_t checkpoint;
	struct run_progress progress;
	cJSON *metadata; /* as stored, for members that are not ours */
	struct rollup rollup;
	struct strategy_spec spec;
	struct evaluation *evaluation; /* NULL: the spec cannot be evaluated */
	struct error unsupported;      /* why, to be logged once */
	int64_t candles_processed, dropped;

	enum run_job job;
	utc_t cursor, target; /* next minute to read, first one not to read */
	mono_t job_at;
	int attempts, rounds;
	int64_t missing; /* minutes of the gap when it was found */
	struct minute *held;
	size_t held_count, held_cap;
	mono_t last_candle, last_publish;

	/* effects of this turn, in the turn's arena */
	bool dirty, moved; /* moved: a transition was made this turn */
	struct str last_error;
	struct run_event *events;
	size_t event_count, event_cap;
	struct realtime_record *records;
	size_t record_count, record_cap;
	bool seen; /* in the last poll */
};

/* One pass of the loop: the instant it happens at, memory for its texts, and the numbering of publish occasions. */
struct turn {
	utc_t now;
	mono_t mono;
	struct arena *arena;
	uint32_t group;
	int64_t signals, held_dropped;
};

/* NULL with ERR_INVALID: the spec is damaged, the run must fail with this text. */
struct live_run *live_run_new(const struct active_run *row, mono_t now, struct error *err);
void live_run_free(struct live_run *r);
/* Forgets the effects of the last turn. */
void live_run_clear_effects(struct live_run *r);

enum run_feed { RUN_FED, RUN_WAITS };
/* A minute from the stream. RUN_WAITS: a job must read first; the minute is held. */
enum run_feed live_run_feed(struct live_run *r, struct turn *t, const struct minute *m);
/* Applies the minute after the checkpoint (or the first one). silent: rebuild only, nothing is told. */
void live_run_apply(struct live_run *r, struct turn *t, const struct minute *m, bool silent);
/* Steps over a minute that the exchange never had. */
void live_run_skip(struct live_run *r, struct turn *t, utc_t ts_open, bool silent);
/* A minute of history before the run is live: it counts for the warm-up and nothing is told of it. */
void live_run_seed(struct live_run *r, struct turn *t, const struct minute *m);
/* Starts the roll-up and evaluation anew at a minute: seeding found a hole behind it. */
void live_run_restart_at(struct live_run *r, utc_t ts_open);
void live_run_gap_skipped(struct live_run *r, struct turn *t, utc_t from, utc_t to);

void live_run_change_state(struct live_run *r, struct turn *t, enum run_state to);
void live_run_fail(struct live_run *r, struct turn *t, const char *reason);
/* warming_up -> running when it is time and no other transition was made this turn. */
void live_run_check_warmup(struct live_run *r, struct turn *t);
void live_run_snapshot(struct live_run *r, struct turn *t);
void live_run_repair_snapshot(struct live_run *r, struct turn *t, int attempts, bool continuous);
/* After a repair: the minutes that waited, in order; false when a new gap began. */
bool live_run_release_held(struct live_run *r, struct turn *t);

#endif
