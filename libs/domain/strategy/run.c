#include "domain/strategy/run.h"

static const char *const STATE_TEXTS[RUN_STATE_COUNT] = {
#define X(id, text) [RUN_##id] = text,
	RUN_STATES(X)
#undef X
};

static const char *const SIGNAL_TEXTS[SIGNAL_COUNT] = {
#define X(id, text) [SIGNAL_##id] = text,
	SIGNALS(X)
#undef X
};

/* Row: from. A pair that is not here is an error, self transitions too. */
static const bool ALLOWED[RUN_STATE_COUNT][RUN_STATE_COUNT] = {
	[RUN_STARTING] = { [RUN_WARMING_UP] = true, [RUN_STOPPING] = true, [RUN_FAILED] = true },
	[RUN_WARMING_UP] = { [RUN_RUNNING] = true, [RUN_STOPPING] = true, [RUN_FAILED] = true },
	[RUN_RUNNING] = { [RUN_STOPPING] = true, [RUN_FAILED] = true },
	[RUN_STOPPING] = { [RUN_STOPPED] = true, [RUN_FAILED] = true },
};

static bool text_find(const char *const *texts, int count, struct str text, int *out)
{
	for (int i = 0; i < count; i++) {
		if (str_eq_c(text, texts[i])) {
			*out = i;
			return true;
		}
	}
	return false;
}

const char *run_state_text(enum run_state s) { return STATE_TEXTS[s]; }

bool run_state_parse(struct str text, enum run_state *out)
{
	int i;

	if (!text_find(STATE_TEXTS, RUN_STATE_COUNT, text, &i))
		return false;
	*out = (enum run_state)i;
	return true;
}

bool run_state_active(enum run_state s) { return s < RUN_STOPPED; }

bool run_transition_allowed(enum run_state from, enum run_state to) { return ALLOWED[from][to]; }

int run_transition_check(enum run_state from, enum run_state to, struct error *err)
{
	if (run_transition_allowed(from, to))
		return 0;
	return error_set(err, ERR_CONFLICT, "StrategyRun invalid transition '%s' -> '%s'", run_state_text(from),
			 run_state_text(to));
}

const char *signal_text(enum signal s) { return SIGNAL_TEXTS[s]; }

bool signal_parse(struct str text, enum signal *out)
{
	int i;

	if (!text_find(SIGNAL_TEXTS, SIGNAL_COUNT, text, &i))
		return false;
	*out = (enum signal)i;
	return true;
}

/* ---- metadata_json ---- */

/* Integers and integer texts; booleans, negatives and everything else count as 0. */
static int64_t tolerant_count(const cJSON *node)
{
	int64_t v = 0;

	if (!json_get_i64(node, &v) && !str_to_i64(str_trim(json_get_str(node)), &v))
		return 0;
	return v < 0 ? 0 : v;
}

static utc_t tolerant_minute(const cJSON *node)
{
	utc_t t;

	if (!utc_parse(str_trim(json_get_str(node)), &t) || t.ms % UTC_MINUTE_MS != 0)
		return UTC_NONE;
	return t;
}

/* A bucket of another timeframe, a count that no open bucket can have, a time that is no bucket of ours: start over. */
static void read_rollup(const cJSON *rollup, enum timeframe tf, struct run_progress *p)
{
	int64_t count = tolerant_count(json_get(rollup, "bucket_count_1m"));
	utc_t open = tolerant_minute(json_get(rollup, "bucket_open_ts"));

	p->bucket_open = UTC_NONE;
	p->bucket_count_1m = 0;
	if (!str_eq_c(json_get_str(json_get(rollup, "timeframe")), timeframe_text(tf)))
		return;
	if (utc_is_none(open) || timeframe_bucket(tf, open).ms != open.ms || count == 0 ||
	    count >= timeframe_minutes(tf))
		return;
	p->bucket_open = open;
	p->bucket_count_1m = (int)count;
}

static void read_evaluation(const cJSON *evaluation, struct run_progress *p)
{
	p->signal = SIGNAL_NEUTRAL;
	signal_parse(json_get_str(json_get(evaluation, "signal")), &p->signal);
	p->signal_bucket = tolerant_minute(json_get(evaluation, "bucket_ts"));
	p->origin = tolerant_minute(json_get(evaluation, "origin_ts"));
}

void run_progress_read(const cJSON *metadata, enum timeframe tf, int warmup_bars, const char *algorithm,
		       struct run_progress *out)
{
	out->warmup_bars = warmup_bars;
	out->warmup_algorithm = algorithm;
	out->processed_bars = tolerant_count(json_get(json_get(metadata, "warmup"), "processed_bars"));
	read_rollup(json_get(metadata, "rollup"), tf, out);
	read_evaluation(json_get(metadata, "evaluation"), out);
}

static cJSON *minute_node(utc_t t)
{
	char text[UTC_TEXT_MAX];

	return utc_is_none(t) ? cJSON_CreateNull() : cJSON_CreateString(utc_format_ms(t, text));
}

/* Replaces or adds a member; the tree owns the node. A node that could not be made is noticed by nobody: the member is
 * then missing, which the tolerant reader takes for its start value. */
static void put(cJSON *object, const char *key, cJSON *node)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	cJSON_AddItemToObject(object, key, node);
}

/* The member as an object, made anew when it is missing or something else. */
static cJSON *section(cJSON *root, const char *key)
{
	cJSON *found = cJSON_GetObjectItemCaseSensitive(root, key);

	if (cJSON_IsObject(found))
		return found;
	put(root, key, cJSON_CreateObject());
	return cJSON_GetObjectItemCaseSensitive(root, key);
}

/* A run that has seen nothing yet has no such section. */
static void write_evaluation(const struct run_progress *p, cJSON *root)
{
	cJSON *evaluation;

	if (utc_is_none(p->origin) && utc_is_none(p->signal_bucket) && json_get(root, "evaluation") == NULL)
		return;
	evaluation = section(root, "evaluation");
	put(evaluation, "signal", cJSON_CreateString(signal_text(p->signal)));
	put(evaluation, "bucket_ts", minute_node(p->signal_bucket));
	put(evaluation, "origin_ts", minute_node(p->origin));
}

void run_progress_write(const struct run_progress *p, enum timeframe tf, const cJSON *previous, struct strbuf *out)
{
	cJSON *root = cJSON_IsObject(previous) ? cJSON_Duplicate(previous, true) : cJSON_CreateObject();
	cJSON *rollup = section(root, "rollup"), *warmup = section(root, "warmup");

	put(rollup, "timeframe", cJSON_CreateString(timeframe_text(tf)));
	put(rollup, "bucket_count_1m", json_new_int(p->bucket_count_1m));
	put(rollup, "bucket_open_ts", minute_node(p->bucket_open));
	put(warmup, "algorithm", cJSON_CreateString(p->warmup_algorithm));
	put(warmup, "bars", json_new_int(p->warmup_bars));
	put(warmup, "processed_bars", json_new_int(p->processed_bars));
	put(warmup, "satisfied", cJSON_CreateBool(run_warmed_up(p)));
	write_evaluation(p, root);
	json_canonical(out, root);
	json_free(root);
}

/* ---- the checkpoint rule ---- */

enum checkpoint_verdict checkpoint_decide(utc_t checkpoint, utc_t ts_open)
{
	if (utc_is_none(checkpoint))
		return CHECKPOINT_APPLY;
	if (ts_open.ms <= checkpoint.ms)
		return CHECKPOINT_IGNORE;
	return ts_open.ms == checkpoint.ms + UTC_MINUTE_MS ? CHECKPOINT_APPLY : CHECKPOINT_GAP;
}
