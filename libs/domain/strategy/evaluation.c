#include "domain/strategy/evaluation.h"

#include <stdlib.h>
#include <string.h>

#define NODES_MAX (2 * STRATEGY_INDICATORS_MAX) /* the template needs two */

struct node {
	char key[INDICATOR_KEY_MAX];
	struct indicator_stream *stream;
	double price;  /* its source series on the current bar */
	double output; /* its primary output on the current bar */
};

/* One indicator of the spec: a rule on one node, or two nodes against each other. */
struct vote {
	const struct signal_rule *rule; /* NULL: fast against slow */
	size_t node, slow;
};

struct evaluation {
	enum timeframe timeframe;
	struct node nodes[NODES_MAX];
	size_t node_count;
	struct vote votes[STRATEGY_INDICATORS_MAX];
	size_t vote_count;
};

/* ---- building ---- */

static int node_open(struct evaluation *e, const struct indicator_request *request, size_t *index, struct error *err)
{
	struct strbuf key = STRBUF_INIT(INDICATOR_KEY_MAX - 1);
	struct node *node = &e->nodes[e->node_count];
	int rc;

	strbuf_addf(&key, "%s ", timeframe_text(e->timeframe));
	indicator_request_write(request, &key);
	rc = strbuf_error(&key, err);
	if (rc == 0)
		str_copy(node->key, sizeof(node->key), strbuf_str(&key));
	strbuf_release(&key);
	if (rc != 0)
		return -1;
	for (*index = 0; *index < e->node_count; ++*index)
		if (strcmp(e->nodes[*index].key, node->key) == 0)
			return 0;
	node->stream = indicator_stream_open(request);
	if (node->stream == NULL)
		return error_set(err, ERR_UNAVAILABLE, "out of memory for indicators");
	e->node_count++;
	return 0;
}

/* The template's windows are its own: from the close itself (1) to the longest warm-up a spec may ask for. */
static int window_read(const cJSON *params, const char *name, struct indicator_request *out, struct error *err)
{
	int64_t window;

	if (!json_get_i64(json_get(params, name), &window) || window < 1 || window > STRATEGY_WARMUP_BARS_MAX)
		return error_set(err, ERR_INVALID, "MA requires %s to be a window of 1 to %d bars", name,
				 STRATEGY_WARMUP_BARS_MAX);
	*out = (struct indicator_request){ .indicator = indicator_find(STR("ma.sma")), .source = SERIES_CLOSE };
	out->params.v[0].i = window;
	return 0;
}

/* MA(fast, slow): a crossing of two simple averages of the close. */
static int vote_ma(struct evaluation *e, const cJSON *params, struct vote *vote, struct error *err)
{
	struct indicator_request fast, slow;

	vote->rule = NULL;
	if (window_read(params, "fast", &fast, err) != 0 || window_read(params, "slow", &slow, err) != 0)
		return -1;
	if (node_open(e, &fast, &vote->node, err) != 0)
		return -1;
	return node_open(e, &slow, &vote->slow, err);
}

static int vote_indicator(struct evaluation *e, const cJSON *entry, struct vote *vote, struct error *err)
{
	struct str identifier = strategy_indicator_identifier(entry);
	const struct indicator *ind = indicator_find(identifier);
	struct indicator_request request;

	if (str_eq_nocase(identifier, STR("MA")))
		return vote_ma(e, json_get(entry, "params"), vote, err);
	if (ind == NULL)
		return error_set(err, ERR_INVALID, "unknown indicator '%.*s'", STR_ARG(str_slice(identifier, 0, 64)));
	vote->rule = signal_rule_find(ind->id);
	if (vote->rule == NULL)
		return error_set(err, ERR_INVALID, "indicator '%s' makes no signals", ind->id);
	if (indicator_request_read(ind, json_get(entry, "inputs"), json_get(entry, "params"), &request, err) != 0)
		return -1;
	return node_open(e, &request, &vote->node, err);
}

struct evaluation *evaluation_new(const struct strategy_spec *spec, struct error *err)
{
	struct evaluation *e = calloc(1, sizeof(*e));
	const cJSON *entry;

	if (e == NULL) {
		error_set(err, ERR_UNAVAILABLE, "out of memory for an evaluation");
		return NULL;
	}
	e->timeframe = spec->timeframe;
	cJSON_ArrayForEach(entry, spec->indicators)
	{
		if (vote_indicator(e, entry, &e->votes[e->vote_count++], err) != 0) {
			evaluation_free(e);
			return NULL;
		}
	}
	return e;
}

void evaluation_free(struct evaluation *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; i < e->node_count; i++)
		indicator_stream_close(e->nodes[i].stream);
	free(e);
}

/* ---- running ---- */

static void node_push(struct node *node, const struct bar *bar)
{
	const struct indicator_request *request = indicator_stream_request(node->stream);
	double outputs[INDICATOR_OUTPUTS_MAX];

	indicator_stream_push(node->stream, bar, outputs);
	node->output = outputs[request->indicator->primary];
	node->price = series_of_bar(request->source, bar);
}

static enum signal vote_now(const struct evaluation *e, const struct vote *vote)
{
	const struct node *node = &e->nodes[vote->node];

	if (vote->rule == NULL)
		return signal_compare(node->output, e->nodes[vote->slow].output);
	return signal_decide(vote->rule->family, &vote->rule->defaults, node->price, node->output);
}

enum signal evaluation_push(struct evaluation *e, const struct bar *closed)
{
	enum signal votes[STRATEGY_INDICATORS_MAX];

	for (size_t i = 0; i < e->node_count; i++)
		node_push(&e->nodes[i], closed);
	for (size_t i = 0; i < e->vote_count; i++)
		votes[i] = vote_now(e, &e->votes[i]);
	return signal_common(votes, e->vote_count);
}

size_t evaluation_node_count(const struct evaluation *e) { return e->node_count; }

const char *evaluation_node_key(const struct evaluation *e, size_t i)
{
	return i < e->node_count ? e->nodes[i].key : NULL;
}
