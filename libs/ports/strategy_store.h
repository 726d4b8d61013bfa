/* strategy_store.h - strategies, runs and events in Postgres (defined in adapters/postgres/strategy_store.c).
 *
 * Every change of state and the event rows that tell of it are one transaction. Row instants are milliseconds.
 * The functions take the session (struct pg) of the calling thread and keep no state of their own.
 */
#ifndef ROEHUB_PORTS_STRATEGY_STORE_H
#define ROEHUB_PORTS_STRATEGY_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/utc.h"
#include "base/uuid.h"
#include "domain/strategy/run.h"

struct pg;

/* Texts are borrowed from the arena of the call that returned the row. */
struct strategy_row {
	struct uuid strategy_id, user_id;
	struct str name;
	struct str instrument_key;
	struct str spec_json; /* parse with json_parse + strategy_spec_parse */
	utc_t created_at;
	bool is_deleted;
};

struct run_row {
	struct uuid run_id, user_id, strategy_id;
	enum run_state state;
	utc_t started_at, stopped_at, checkpoint, updated_at; /* UTC_NONE: null */
	struct str last_error;				      /* STR_NULL: null */
	struct str metadata_json;
};

struct strategy_insert {
	struct uuid strategy_id, user_id;
	struct str name, instrument_id_json, instrument_key, market_type, symbol, timeframe, indicators_json, spec_json;
	utc_t created_at;
};

/* Row and its event (type strategy_created, ...) in one transaction. */
int strategy_store_insert(struct pg *pg, const struct strategy_insert *row, const char *event_type,
			  struct str event_payload, struct error *err);
/* Live strategies of a user, created_at ASC, strategy_id ASC; at most max of those behind `after` (nil: from the start),
 * which is any strategy that the user has or had. */
int strategy_store_list(struct pg *pg, struct arena *a, struct uuid user_id, struct uuid after, size_t max,
			struct strategy_row **rows, size_t *n, struct error *err);
/* ERR_NOT_FOUND when there is no such row (deleted rows are found: look at is_deleted). */
int strategy_store_get(struct pg *pg, struct arena *a, struct uuid strategy_id, struct strategy_row *out,
		       struct error *err);
/* What the api may find in the way of a command. */
enum strategy_outcome {
	STRATEGY_OK,
	STRATEGY_MISSING,    /* no row, deleted, or another user's: all the same to the caller */
	STRATEGY_ACTIVE_RUN, /* run, delete: *run is the active one (run_id nil when only the index caught the race) */
	STRATEGY_NO_RUN,     /* stop: nothing active */
	STRATEGY_STOPPING,   /* stop: already on its way; *run is it */
};

int strategy_store_run(struct pg *pg, struct arena *a, struct uuid user_id, struct uuid strategy_id, utc_t now,
		       enum strategy_outcome *outcome, struct run_row *run, struct error *err);
int strategy_store_stop(struct pg *pg, struct arena *a, struct uuid user_id, struct uuid strategy_id, utc_t now,
			enum strategy_outcome *outcome, struct run_row *run, struct error *err);
int strategy_store_delete(struct pg *pg, struct arena *a, struct uuid user_id, struct uuid strategy_id, utc_t now,
			  enum strategy_outcome *outcome, struct run_row *run, struct error *err);

/* ---- the live worker's side ---- */

struct active_run {
	struct run_row run;
	bool strategy_found; /* false: missing or deleted; the strategy_* members are then empty */
	struct str instrument_key;
	struct str spec_json;
};

/* All active runs with their strategies, started_at ASC, run_id ASC: one query. */
int strategy_store_active_runs(struct pg *pg, struct arena *a, struct active_run **rows, size_t *n, struct error *err);

struct run_event {
	struct uuid event_id;
	struct str event_type;	 /* run_state_changed, run_stopped, run_failed, signal, gap_skipped */
	struct str payload_json; /* object */
	utc_t ts;
};

/* One step of one run. Applied only when the row is still in `expected` and its checkpoint is still
 * `expected_checkpoint` (the fence against a second worker); the events go in the same transaction. */
struct run_step {
	struct uuid run_id, user_id, strategy_id;
	enum run_state expected;
	utc_t expected_checkpoint;
	enum run_state state; /* == expected: progress only */
	utc_t checkpoint;
	struct str metadata_json;
	struct str last_error; /* for failed; else STR_NULL */
	utc_t updated_at;
	const struct run_event *events;
	size_t event_count;
	bool applied; /* out: false when the row had moved on */
};

/* All steps in one transaction (a batch): the steps that no longer apply are marked, the others are committed. */
int strategy_store_apply(struct pg *pg, struct run_step *steps, size_t n, struct error *err);
int strategy_store_get_run(struct pg *pg, struct arena *a, struct uuid run_id, struct run_row *out, struct error *err);

#endif
