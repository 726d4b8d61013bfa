/* run.h - one execution attempt of one strategy: states, transitions, progress metadata, and the checkpoint rule. */
#ifndef ROEHUB_DOMAIN_STRATEGY_RUN_H
#define ROEHUB_DOMAIN_STRATEGY_RUN_H

#include "base/json.h"
#include "domain/market/timeframe.h"

#define RUN_STATES(X)                                                                                                  \
	X(STARTING, "starting")                                                                                        \
	X(WARMING_UP, "warming_up")                                                                                    \
	X(RUNNING, "running")                                                                                          \
	X(STOPPING, "stopping")                                                                                        \
	X(STOPPED, "stopped")                                                                                          \
	X(FAILED, "failed")

enum run_state {
#define X(id, text) RUN_##id,
	RUN_STATES(X)
#undef X
		RUN_STATE_COUNT
};

const char *run_state_text(enum run_state s);
bool run_state_parse(struct str text, enum run_state *out);
bool run_state_active(enum run_state s); /* starting, warming_up, running, stopping */
bool run_transition_allowed(enum run_state from, enum run_state to);
/* "StrategyRun invalid transition 'starting' -> 'running'" as ERR_CONFLICT */
int run_transition_check(enum run_state from, enum run_state to, struct error *err);

#define SIGNALS(X) X(NEUTRAL, "NEUTRAL") X(LONG, "LONG") X(SHORT, "SHORT")

enum signal {
#define X(id, text) SIGNAL_##id,
	SIGNALS(X)
#undef X
		SIGNAL_COUNT
};

const char *signal_text(enum signal s);
bool signal_parse(struct str text, enum signal *out);

/* metadata_json of a run. Reading is tolerant (spec strategy 3.4), unknown members are kept in `rest`. */
struct run_progress {
	int warmup_bars; /* W, recomputed from the spec */
	const char *warmup_algorithm;
	int64_t processed_bars;
	utc_t bucket_open; /* UTC_NONE: no open bucket */
	int bucket_count_1m;
	utc_t origin;	     /* open time of the first minute ever fed: evaluation replays from here; or none */
	enum signal signal;  /* last final signal, NEUTRAL at the start */
	utc_t signal_bucket; /* bucket of the last evaluation, UTC_NONE before the first */
};

void run_progress_read(const cJSON *metadata, enum timeframe tf, int warmup_bars, const char *algorithm,
		       struct run_progress *out);
/* Canonical JSON; unknown members of `previous` (may be NULL) are kept. */
void run_progress_write(const struct run_progress *p, enum timeframe tf, const cJSON *previous, struct strbuf *out);
static inline bool run_warmed_up(const struct run_progress *p) { return p->processed_bars >= p->warmup_bars; }

/* The checkpoint rule: what to do with a minute. */
enum checkpoint_verdict { CHECKPOINT_APPLY, CHECKPOINT_IGNORE, CHECKPOINT_GAP };
enum checkpoint_verdict checkpoint_decide(utc_t checkpoint, utc_t ts_open); /* checkpoint UTC_NONE: apply */

#endif
