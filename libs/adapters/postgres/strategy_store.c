/* Strategies, runs and events. A change and the events that tell of it are one statement, or statements of one
 * transaction.
 *
 * Who waits for whom: a command of the api locks the strategy's row first (so run, stop and delete of one strategy go
 * one after another) and then its active run. The live worker locks run rows only, in the order of their ids, and finds
 * out by its fence (state and checkpoint it expects) that somebody was faster. Row locks are of the kind that foreign
 * key checks do not wait for. */
#include "ports/strategy_store.h"

#include <string.h>

#include "adapters/postgres/pg.h"
#include "base/json.h"

#define ACTIVE_STATES "('starting','warming_up','running','stopping')"

/* The order strategy_read() uses. */
#define STRATEGY_COLS "s.strategy_id, s.user_id, s.name, s.instrument_key, s.spec_json, s.created_at, s.is_deleted"
/* The order run_read() uses. */
#define RUN_COLS                                                                                                       \
	"r.run_id, r.user_id, r.strategy_id, r.state, r.started_at, r.stopped_at, r.checkpoint_ts_open, "              \
	"r.updated_at, r.last_error, r.metadata_json"
#define EVENT_COLS "event_id, user_id, strategy_id, run_id, ts, event_type, payload_json"

static int text_copy(struct arena *a, struct str *text, struct error *err)
{
	if (text->p == NULL)
		return 0;
	*text = arena_str(a, *text);
	return text->p != NULL ? 0 : error_set(err, ERR_UNAVAILABLE, "out of memory for a row");
}

static int strategy_read(struct pg_row *row, struct arena *a, struct strategy_row *out, struct error *err)
{
	out->strategy_id = pg_uuid(row);
	out->user_id = pg_uuid(row);
	out->name = pg_str(row);
	out->instrument_key = pg_str(row);
	out->spec_json = pg_str(row);
	out->created_at = pg_utc(row);
	out->is_deleted = pg_bool(row);
	if (pg_row_end(row, err) != 0)
		return -1;
	if (text_copy(a, &out->name, err) != 0 || text_copy(a, &out->instrument_key, err) != 0)
		return -1;
	return text_copy(a, &out->spec_json, err);
}

/* The run's part of a row; the caller ends the row. */
static int run_fields(struct pg_row *row, struct arena *a, struct run_row *out, struct error *err)
{
	struct str state;

	out->run_id = pg_uuid(row);
	out->user_id = pg_uuid(row);
	out->strategy_id = pg_uuid(row);
	state = pg_str(row);
	out->started_at = pg_utc(row);
	out->stopped_at = pg_utc_null(row);
	out->checkpoint = pg_utc_null(row);
	out->updated_at = pg_utc(row);
	out->last_error = pg_str_null(row);
	out->metadata_json = pg_str(row);
	if (pg_row_end(row, err) != 0)
		return -1;
	if (!run_state_parse(state, &out->state))
		return error_set(err, ERR_INTERNAL, "unknown run state in the database");
	if (text_copy(a, &out->last_error, err) != 0)
		return -1;
	return text_copy(a, &out->metadata_json, err);
}

static int run_first(PGresult *res, struct arena *a, struct run_row *out, struct error *err)
{
	struct pg_row row;

	pg_row_init(&row, res, 0);
	return run_fields(&row, a, out, err);
}

/* ---- strategies ---- */

static const struct pg_stmt STRATEGY_INSERT = {
	"strategy_insert",
	"WITH made AS ("
	" INSERT INTO strategy_strategies (strategy_id, user_id, name, instrument_id, instrument_key, market_type,"
	"  symbol, timeframe, indicators_json, spec_json, created_at)"
	" VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8, $9::jsonb, $10::jsonb, $11)"
	" RETURNING strategy_id, user_id, created_at)"
	"INSERT INTO strategy_events (" EVENT_COLS ")"
	" SELECT $12, user_id, strategy_id, NULL, created_at, $13, $14::jsonb FROM made",
	14
};

int strategy_store_insert(struct pg *pg, const struct strategy_insert *row, const char *event_type,
			  struct str event_payload, struct error *err)
{
	struct arena texts;
	struct pg_args args;
	int rc;

	arena_init(&texts, 8 << 20);
	pg_args_init(&args, &texts);
	pg_arg_uuid(&args, row->strategy_id);
	pg_arg_uuid(&args, row->user_id);
	pg_arg_str(&args, row->name);
	pg_arg_str(&args, row->instrument_id_json);
	pg_arg_str(&args, row->instrument_key);
	pg_arg_str(&args, row->market_type);
	pg_arg_str(&args, row->symbol);
	pg_arg_str(&args, row->timeframe);
	pg_arg_str(&args, row->indicators_json);
	pg_arg_str(&args, row->spec_json);
	pg_arg_utc(&args, row->created_at);
	pg_arg_uuid(&args, uuid_v4());
	pg_arg_cstr(&args, event_type);
	pg_arg_str(&args, event_payload);
	rc = arena_failed(&texts) ? error_set(err, ERR_TOO_LARGE, "strategy is too large to store")
				  : pg_exec(pg, &STRATEGY_INSERT, &args, NULL, err);
	arena_release(&texts);
	return rc;
}

static const struct pg_stmt STRATEGY_LIST = { "strategy_list",
					      "SELECT " STRATEGY_COLS
					      " FROM strategy_strategies s WHERE s.user_id = $1 AND NOT s.is_deleted"
					      " ORDER BY s.created_at, s.strategy_id LIMIT $2",
					      2 };
static const struct pg_stmt STRATEGY_LIST_AFTER = {
	"strategy_list_after",
	"SELECT " STRATEGY_COLS " FROM strategy_strategies s WHERE s.user_id = $1 AND NOT s.is_deleted"
	" AND (s.created_at, s.strategy_id) > (SELECT p.created_at, p.strategy_id FROM strategy_strategies p"
	" WHERE p.strategy_id = $3 AND p.user_id = $1) ORDER BY s.created_at, s.strategy_id LIMIT $2",
	3
};

int strategy_store_list(struct pg *pg, struct arena *a, struct uuid user_id, struct uuid after, size_t max,
			struct strategy_row **rows, size_t *n, struct error *err)
{
	struct pg_args args;
	struct strategy_row *made;
	PGresult *res;
	int rc = 0, count;

	pg_args_init(&args, a);
	pg_arg_uuid(&args, user_id);
	pg_arg_i64(&args, (int64_t)max);
	if (!uuid_is_nil(after))
		pg_arg_uuid(&args, after);
	res = pg_query(pg, uuid_is_nil(after) ? &STRATEGY_LIST : &STRATEGY_LIST_AFTER, &args, err);
	if (res == NULL)
		return -1;
	count = PQntuples(res);
	made = ARENA_ARRAY(a, struct strategy_row, (size_t)count + 1);
	if (made == NULL)
		rc = error_set(err, ERR_UNAVAILABLE, "out of memory for %d strategies", count);
	for (int i = 0; i < count && rc == 0; i++) {
		struct pg_row row;

		pg_row_init(&row, res, i);
		rc = strategy_read(&row, a, &made[i], err);
	}
	PQclear(res);
	if (rc != 0)
		return -1;
	*rows = made;
	*n = (size_t)count;
	return 0;
}

static const struct pg_stmt STRATEGY_GET = {
	"strategy_get", "SELECT " STRATEGY_COLS " FROM strategy_strategies s WHERE s.strategy_id = $1", 1
};

int strategy_store_get(struct pg *pg, struct arena *a, struct uuid strategy_id, struct strategy_row *out,
		       struct error *err)
{
	struct pg_args args;
	struct pg_row row;
	PGresult *res;
	int rc;

	pg_args_init(&args, a);
	pg_arg_uuid(&args, strategy_id);
	res = pg_query(pg, &STRATEGY_GET, &args, err);
	if (res == NULL)
		return -1;
	pg_row_init(&row, res, 0);
	rc = PQntuples(res) == 0 ? error_set(err, ERR_NOT_FOUND, "Strategy was not found")
				 : strategy_read(&row, a, out, err);
	PQclear(res);
	return rc;
}

/* ---- commands of the api: run, stop, delete ---- */

static const struct pg_stmt STRATEGY_LOCK = {
	"strategy_lock",
	"SELECT 1 FROM strategy_strategies WHERE strategy_id = $1 AND user_id = $2 AND NOT is_deleted"
	" FOR NO KEY UPDATE",
	2
};
static const struct pg_stmt RUN_LOCK_ACTIVE = {
	"run_lock_active",
	"SELECT " RUN_COLS " FROM strategy_runs r WHERE r.strategy_id = $1 AND r.state IN " ACTIVE_STATES
	" ORDER BY r.started_at DESC, r.run_id DESC LIMIT 1 FOR NO KEY UPDATE",
	1
};

struct command {
	struct pg *pg;
	struct arena *arena;
	struct uuid user_id, strategy_id;
	utc_t now;
	bool has_run;
	struct run_row run; /* the active one, locked; what became of it afterwards */
	enum strategy_outcome outcome;
};

typedef int (*command_act)(struct command *c, struct error *err);

static int command_lock(struct command *c, bool *found, struct error *err)
{
	struct pg_args args;
	PGresult *res;

	pg_args_init(&args, c->arena);
	pg_arg_uuid(&args, c->strategy_id);
	pg_arg_uuid(&args, c->user_id);
	res = pg_query(c->pg, &STRATEGY_LOCK, &args, err);
	if (res == NULL)
		return -1;
	*found = PQntuples(res) > 0;
	PQclear(res);
	return 0;
}

static int command_load_run(struct command *c, struct error *err)
{
	struct pg_args args;
	PGresult *res;
	int rc = 0;

	pg_args_init(&args, c->arena);
	pg_arg_uuid(&args, c->strategy_id);
	res = pg_query(c->pg, &RUN_LOCK_ACTIVE, &args, err);
	if (res == NULL)
		return -1;
	c->has_run = PQntuples(res) > 0;
	if (c->has_run)
		rc = run_first(res, c->arena, &c->run, err);
	PQclear(res);
	return rc;
}

static int command_in_transaction(struct command *c, command_act act, struct error *err)
{
	bool found;

	if (command_lock(c, &found, err) != 0)
		return -1;
	if (!found) {
		c->outcome = STRATEGY_MISSING;
		return 0;
	}
	if (command_load_run(c, err) != 0)
		return -1;
	return act(c, err);
}

/* Only STRATEGY_OK has changed anything. */
static int command_run(struct command *c, command_act act, enum strategy_outcome *outcome, struct run_row *run,
		       struct error *err)
{
	if (pg_begin(c->pg, err) != 0)
		return -1;
	if (command_in_transaction(c, act, err) != 0) {
		pg_rollback(c->pg);
		return -1;
	}
	if (c->outcome != STRATEGY_OK)
		pg_rollback(c->pg);
	else if (pg_commit(c->pg, err) != 0)
		return -1;
	*outcome = c->outcome;
	*run = c->run;
	return 0;
}

/* A transition is never before the last change of the row. */
static utc_t change_time(const struct command *c)
{
	return c->has_run && c->run.updated_at.ms > c->now.ms ? c->run.updated_at : c->now;
}

static const struct pg_stmt RUN_SUPERSEDE = {
	"run_supersede",
	"WITH old AS ("
	" UPDATE strategy_runs SET state = 'stopped', stopped_at = $2, updated_at = $2 WHERE run_id = $1"
	" RETURNING run_id, user_id, strategy_id)"
	"INSERT INTO strategy_events (" EVENT_COLS ")"
	" SELECT e.id, old.user_id, old.strategy_id, old.run_id, $2, e.type, e.payload FROM old, (VALUES"
	" ($3::uuid, 'run_state_changed', '{\"from\":\"stopping\",\"to\":\"stopped\"}'::jsonb),"
	" ($4::uuid, 'run_stopped', '{\"reason\":\"superseded_by_run\"}'::jsonb)) e (id, type, payload)",
	4
};
static const struct pg_stmt RUN_INSERT = {
	"run_insert",
	"WITH r AS ("
	" INSERT INTO strategy_runs (run_id, user_id, strategy_id, state, started_at, updated_at, metadata_json)"
	" VALUES ($1, $2, $3, 'starting', $4, $4, '{}'::jsonb) RETURNING *),"
	"told AS ("
	" INSERT INTO strategy_events (" EVENT_COLS ")"
	" SELECT $5, user_id, strategy_id, run_id, $4, 'run_started',"
	"  jsonb_build_object('run_id', run_id, 'state', state, 'strategy_id', strategy_id) FROM r)"
	"SELECT " RUN_COLS " FROM r",
	5
};

static int supersede(struct command *c, utc_t at, struct error *err)
{
	struct pg_args args;

	pg_args_init(&args, c->arena);
	pg_arg_uuid(&args, c->run.run_id);
	pg_arg_utc(&args, at);
	pg_arg_uuid(&args, uuid_v4());
	pg_arg_uuid(&args, uuid_v4());
	return pg_exec(c->pg, &RUN_SUPERSEDE, &args, NULL, err);
}

static bool is_second_active_run(const struct pg *pg)
{
	return strcmp(pg_sqlstate(pg), "23505") == 0 && strcmp(pg_constraint(pg), "strategy_runs_one_active") == 0;
}

static int insert_run(struct command *c, utc_t at, struct error *err)
{
	struct pg_args args;
	PGresult *res;
	int rc;

	pg_args_init(&args, c->arena);
	pg_arg_uuid(&args, uuid_v4());
	pg_arg_uuid(&args, c->user_id);
	pg_arg_uuid(&args, c->strategy_id);
	pg_arg_utc(&args, at);
	pg_arg_uuid(&args, uuid_v4());
	res = pg_query(c->pg, &RUN_INSERT, &args, err);
	if (res == NULL && is_second_active_run(c->pg)) {
		error_clear(err);
		c->run = (struct run_row){ 0 };
		c->outcome = STRATEGY_ACTIVE_RUN;
		return 0;
	}
	if (res == NULL)
		return -1;
	rc = run_first(res, c->arena, &c->run, err);
	PQclear(res);
	return rc;
}

static int act_run(struct command *c, struct error *err)
{
	utc_t at = change_time(c);

	if (c->has_run && c->run.state != RUN_STOPPING) {
		c->outcome = STRATEGY_ACTIVE_RUN;
		return 0;
	}
	if (c->has_run && supersede(c, at, err) != 0)
		return -1;
	return insert_run(c, at, err);
}

int strategy_store_run(struct pg *pg, struct arena *a, struct uuid user_id, struct uuid strategy_id, utc_t now,
		       enum strategy_outcome *outcome, struct run_row *run, struct error *err)
{
	struct command c = { .pg = pg, .arena = a, .user_id = user_id, .strategy_id = strategy_id, .now = now };

	return command_run(&c, act_run, outcome, run, err);
}

static const struct pg_stmt RUN_STOP = {
	"run_stop",
	"WITH r AS ("
	" UPDATE strategy_runs SET state = 'stopping', updated_at = $2 WHERE run_id = $1 RETURNING *),"
	"told AS ("
	" INSERT INTO strategy_events (" EVENT_COLS ")"
	" SELECT $3, user_id, strategy_id, run_id, $2, 'run_stop_requested',"
	"  jsonb_build_object('run_id', run_id, 'state', state, 'strategy_id', strategy_id) FROM r)"
	"SELECT " RUN_COLS " FROM r",
	3
};

static int act_stop(struct command *c, struct error *err)
{
	struct pg_args args;
	PGresult *res;
	int rc;

	if (!c->has_run || c->run.state == RUN_STOPPING) {
		c->outcome = c->has_run ? STRATEGY_STOPPING : STRATEGY_NO_RUN;
		return 0;
	}
	pg_args_init(&args, c->arena);
	pg_arg_uuid(&args, c->run.run_id);
	pg_arg_utc(&args, change_time(c));
	pg_arg_uuid(&args, uuid_v4());
	res = pg_query(c->pg, &RUN_STOP, &args, err);
	if (res == NULL)
		return -1;
	rc = run_first(res, c->arena, &c->run, err);
	PQclear(res);
	return rc;
}

int strategy_store_stop(struct pg *pg, struct arena *a, struct uuid user_id, struct uuid strategy_id, utc_t now,
			enum strategy_outcome *outcome, struct run_row *run, struct error *err)
{
	struct command c = { .pg = pg, .arena = a, .user_id = user_id, .strategy_id = strategy_id, .now = now };

	return command_run(&c, act_stop, outcome, run, err);
}

static const struct pg_stmt STRATEGY_DELETE = {
	"strategy_delete",
	"WITH gone AS ("
	" UPDATE strategy_strategies SET is_deleted = TRUE WHERE strategy_id = $1 AND user_id = $2 AND NOT is_deleted"
	" RETURNING strategy_id, user_id)"
	"INSERT INTO strategy_events (" EVENT_COLS ")"
	" SELECT $3, user_id, strategy_id, NULL, $4, 'strategy_deleted', jsonb_build_object('strategy_id', strategy_id)"
	" FROM gone",
	4
};

static int act_delete(struct command *c, struct error *err)
{
	struct pg_args args;

	if (c->has_run) {
		c->outcome = STRATEGY_ACTIVE_RUN;
		return 0;
	}
	pg_args_init(&args, c->arena);
	pg_arg_uuid(&args, c->strategy_id);
	pg_arg_uuid(&args, c->user_id);
	pg_arg_uuid(&args, uuid_v4());
	pg_arg_utc(&args, c->now);
	return pg_exec(c->pg, &STRATEGY_DELETE, &args, NULL, err);
}

int strategy_store_delete(struct pg *pg, struct arena *a, struct uuid user_id, struct uuid strategy_id, utc_t now,
			  enum strategy_outcome *outcome, struct run_row *run, struct error *err)
{
	struct command c = { .pg = pg, .arena = a, .user_id = user_id, .strategy_id = strategy_id, .now = now };

	return command_run(&c, act_delete, outcome, run, err);
}

/* ---- the live worker's side ---- */

static const struct pg_stmt RUNS_ACTIVE = {
	"runs_active",
	"SELECT s.instrument_key, s.spec_json, " RUN_COLS " FROM strategy_runs r"
	" LEFT JOIN strategy_strategies s ON s.strategy_id = r.strategy_id AND NOT s.is_deleted"
	" WHERE r.state IN " ACTIVE_STATES " ORDER BY r.started_at, r.run_id",
	0
};

static int active_read(struct pg_row *row, struct arena *a, struct active_run *out, struct error *err)
{
	out->instrument_key = pg_str_null(row);
	out->spec_json = pg_str_null(row);
	out->strategy_found = out->spec_json.p != NULL;
	if (run_fields(row, a, &out->run, err) != 0)
		return -1;
	if (text_copy(a, &out->instrument_key, err) != 0)
		return -1;
	return text_copy(a, &out->spec_json, err);
}

int strategy_store_active_runs(struct pg *pg, struct arena *a, struct active_run **rows, size_t *n, struct error *err)
{
	struct pg_args args;
	struct active_run *made;
	PGresult *res;
	int rc = 0, count;

	pg_args_init(&args, a);
	res = pg_query(pg, &RUNS_ACTIVE, &args, err);
	if (res == NULL)
		return -1;
	count = PQntuples(res);
	made = ARENA_ARRAY(a, struct active_run, (size_t)count + 1);
	if (made == NULL)
		rc = error_set(err, ERR_UNAVAILABLE, "out of memory for %d runs", count);
	for (int i = 0; i < count && rc == 0; i++) {
		struct pg_row row;

		pg_row_init(&row, res, i);
		rc = active_read(&row, a, &made[i], err);
	}
	PQclear(res);
	if (rc != 0)
		return -1;
	*rows = made;
	*n = (size_t)count;
	return 0;
}

static const struct pg_stmt RUN_GET = { "run_get", "SELECT " RUN_COLS " FROM strategy_runs r WHERE r.run_id = $1", 1 };

int strategy_store_get_run(struct pg *pg, struct arena *a, struct uuid run_id, struct run_row *out, struct error *err)
{
	struct pg_args args;
	PGresult *res;
	int rc;

	pg_args_init(&args, a);
	pg_arg_uuid(&args, run_id);
	res = pg_query(pg, &RUN_GET, &args, err);
	if (res == NULL)
		return -1;
	rc = PQntuples(res) == 0 ? error_set(err, ERR_NOT_FOUND, "Run was not found") : run_first(res, a, out, err);
	PQclear(res);
	return rc;
}

/* ---- a batch of steps ----
 *
 * The whole batch travels as two JSON documents and is one statement, so a thousand runs cost one round trip. Steps of
 * one run must be applied one after another, and one UPDATE touches a row once: such a batch is cut into waves (the
 * first step of every run, the second ...), which are then statements of one transaction. */

#define APPLY_BYTES_MAX (64 << 20)

static const struct pg_stmt RUNS_APPLY = {
	"runs_apply",
	"WITH step AS MATERIALIZED ("
	" SELECT * FROM jsonb_to_recordset($1::jsonb) AS j (n int, run_id uuid, expected text,"
	"  expected_checkpoint timestamptz, state text, checkpoint timestamptz, metadata jsonb, last_error text,"
	"  at timestamptz)),"
	"locked AS MATERIALIZED ("
	" SELECT r.run_id FROM strategy_runs r JOIN step USING (run_id) ORDER BY r.run_id FOR NO KEY UPDATE OF r),"
	"moved AS ("
	" UPDATE strategy_runs r SET state = step.state, checkpoint_ts_open = step.checkpoint,"
	"  metadata_json = step.metadata, last_error = step.last_error, updated_at = greatest(step.at, r.updated_at),"
	"  stopped_at = CASE WHEN step.state IN ('stopped','failed') THEN greatest(step.at, r.updated_at) END"
	" FROM step JOIN locked USING (run_id)"
	" WHERE r.run_id = step.run_id AND r.state = step.expected"
	"  AND r.checkpoint_ts_open IS NOT DISTINCT FROM step.expected_checkpoint"
	" RETURNING step.n, r.run_id, r.user_id, r.strategy_id),"
	"told AS ("
	" INSERT INTO strategy_events (" EVENT_COLS ")"
	" SELECT e.id, moved.user_id, moved.strategy_id, moved.run_id, e.ts, e.type, e.payload FROM moved"
	" JOIN jsonb_to_recordset($2::jsonb) AS e (n int, id uuid, ts timestamptz, type text, payload jsonb) USING (n))"
	"SELECT n FROM moved",
	2
};

static void write_instant(struct json_writer *w, const char *key, utc_t t)
{
	char text[UTC_TEXT_MAX];

	jw_key(w, key);
	if (utc_is_none(t))
		jw_null(w);
	else
		jw_cstr(w, utc_format_ms(t, text));
}

static void write_step(struct json_writer *w, size_t n, const struct run_step *s)
{
	jw_obj(w);
	jw_key(w, "n");
	jw_int(w, (int64_t)n);
	jw_key(w, "run_id");
	jw_uuid(w, s->run_id);
	jw_key(w, "expected");
	jw_cstr(w, run_state_text(s->expected));
	write_instant(w, "expected_checkpoint", s->expected_checkpoint);
	jw_key(w, "state");
	jw_cstr(w, run_state_text(s->state));
	write_instant(w, "checkpoint", s->checkpoint);
	jw_key(w, "metadata");
	jw_raw(w, s->metadata_json);
	jw_key(w, "last_error");
	jw_str(w, s->last_error);
	write_instant(w, "at", s->updated_at);
	jw_end(w);
}

static void write_events(struct json_writer *w, size_t n, const struct run_step *s)
{
	for (size_t i = 0; i < s->event_count; i++) {
		const struct run_event *e = &s->events[i];

		jw_obj(w);
		jw_key(w, "n");
		jw_int(w, (int64_t)n);
		jw_key(w, "id");
		jw_uuid(w, e->event_id);
		write_instant(w, "ts", e->ts);
		jw_key(w, "type");
		jw_str(w, e->event_type);
		jw_key(w, "payload");
		jw_raw(w, e->payload_json);
		jw_end(w);
	}
}

static void mark_applied(const PGresult *res, struct run_step *steps, size_t n)
{
	for (int i = 0; i < PQntuples(res); i++) {
		struct pg_row row;
		int64_t index;

		pg_row_init(&row, res, i);
		index = pg_i64(&row);
		if (index >= 0 && (size_t)index < n)
			steps[index].applied = true;
	}
}

/* The steps whose turn is in this wave. */
static int apply_wave(struct pg *pg, struct run_step *steps, const int *waves, size_t n, int wave, struct error *err)
{
	struct strbuf step_json = STRBUF_INIT(APPLY_BYTES_MAX), event_json = STRBUF_INIT(APPLY_BYTES_MAX);
	struct json_writer steps_out, events_out;
	struct pg_args args;
	PGresult *res = NULL;

	jw_init(&steps_out, &step_json);
	jw_init(&events_out, &event_json);
	jw_arr(&steps_out);
	jw_arr(&events_out);
	for (size_t i = 0; i < n; i++) {
		if (waves[i] != wave)
			continue;
		write_step(&steps_out, i, &steps[i]);
		write_events(&events_out, i, &steps[i]);
	}
	jw_end(&steps_out);
	jw_end(&events_out);
	if (strbuf_error(&step_json, err) == 0 && strbuf_error(&event_json, err) == 0) {
		pg_args_init(&args, NULL);
		pg_arg_cstr(&args, strbuf_cstr(&step_json));
		pg_arg_cstr(&args, strbuf_cstr(&event_json));
		res = pg_query(pg, &RUNS_APPLY, &args, err);
	}
	strbuf_release(&step_json);
	strbuf_release(&event_json);
	if (res == NULL)
		return -1;
	mark_applied(res, steps, n);
	PQclear(res);
	return 0;
}

/* Which wave each step goes in: how many steps of the same run come before it. Returns the number of waves, 0 when out
 * of memory. Runs are found by a small open hash table of step indices. */
static int cut_waves(const struct run_step *steps, size_t n, int *waves, struct arena *a)
{
	size_t size = 16, count = 1;
	size_t *slots; /* index + 1 of the last step of a run seen so far */

	while (size < n * 2)
		size *= 2;
	slots = ARENA_ARRAY(a, size_t, size);
	if (slots == NULL)
		return 0;
	for (size_t i = 0; i < n; i++) {
		size_t h;

		memcpy(&h, steps[i].run_id.b, sizeof(h)); /* ids are random */
		for (h &= size - 1; slots[h] != 0 && !uuid_eq(steps[slots[h] - 1].run_id, steps[i].run_id);)
			h = (h + 1) & (size - 1);
		waves[i] = slots[h] == 0 ? 0 : waves[slots[h] - 1] + 1;
		slots[h] = i + 1;
		count = MAX_OF(count, (size_t)waves[i] + 1);
	}
	return (int)count;
}

static int apply_waves(struct pg *pg, struct run_step *steps, const int *waves, size_t n, int count, struct error *err)
{
	if (count == 1)
		return apply_wave(pg, steps, waves, n, 0, err); /* one statement is a transaction */
	if (pg_begin(pg, err) != 0)
		return -1;
	for (int wave = 0; wave < count; wave++) {
		if (apply_wave(pg, steps, waves, n, wave, err) != 0) {
			pg_rollback(pg);
			return -1;
		}
	}
	return pg_commit(pg, err);
}

static int check_step(struct run_step *s, struct error *err)
{
	s->applied = false;
	if (s->state == s->expected)
		return 0;
	return run_transition_check(s->expected, s->state, err);
}

int strategy_store_apply(struct pg *pg, struct run_step *steps, size_t n, struct error *err)
{
	struct arena a;
	int *waves, count, rc;

	for (size_t i = 0; i < n; i++)
		if (check_step(&steps[i], err) != 0)
			return -1;
	if (n == 0)
		return 0;
	arena_init(&a, 1024 + n * 64);
	waves = ARENA_ARRAY(&a, int, n);
	count = waves == NULL ? 0 : cut_waves(steps, n, waves, &a);
	rc = count == 0 ? error_set(err, ERR_UNAVAILABLE, "out of memory for a batch of %zu steps", n)
			: apply_waves(pg, steps, waves, n, count, err);
	for (size_t i = 0; rc != 0 && i < n; i++)
		steps[i].applied = false;
	arena_release(&a);
	return rc;
}
