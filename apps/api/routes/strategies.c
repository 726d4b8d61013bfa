#include "routes/strategies.h"

#include <stdio.h>

#include "domain/strategy/spec.h"
#include "ports/strategy_store.h"
#include "validation.h"

#define PAGE_DEFAULT   500
#define PAGE_MAX       1000
#define TEXT_BYTES_MAX 512

/* ---- answers ------------------------------------------------------------------------------------------------------- */

static int write_strategy(struct json_writer *w, const struct strategy_row *row, struct error *err)
{
	cJSON *json = json_parse(row->spec_json, NULL, NULL, err);
	struct strategy_spec spec = { 0 };
	struct spec_fault fault;
	int rc = json != NULL ? strategy_spec_parse(json, &spec, &fault, err) : -1;

	json_free(json);
	if (rc != 0)
		return error_set(err, ERR_INTERNAL, "a stored strategy cannot be read");
	jw_obj(w);
	jw_key(w, "strategy_id");
	jw_uuid(w, row->strategy_id);
	jw_key(w, "user_id");
	jw_uuid(w, row->user_id);
	jw_key(w, "name");
	jw_str(w, row->name);
	jw_key(w, "created_at");
	jw_utc_api(w, row->created_at);
	jw_key(w, "is_deleted");
	jw_bool(w, row->is_deleted);
	jw_key(w, "spec");
	strategy_spec_write(&spec, w);
	jw_end(w);
	strategy_spec_release(&spec);
	return 0;
}

static void write_run(struct http_response *res, const struct run_row *run)
{
	struct json_writer w;

	jw_init(&w, &res->body);
	jw_obj(&w);
	jw_key(&w, "run_id");
	jw_uuid(&w, run->run_id);
	jw_key(&w, "strategy_id");
	jw_uuid(&w, run->strategy_id);
	jw_key(&w, "state");
	jw_cstr(&w, run_state_text(run->state));
	jw_key(&w, "started_at");
	jw_utc_api(&w, run->started_at);
	jw_key(&w, "stopped_at");
	jw_utc_api(&w, run->stopped_at);
	jw_key(&w, "checkpoint_ts_open");
	jw_utc_api(&w, run->checkpoint);
	jw_key(&w, "last_error");
	jw_str(&w, run->last_error);
	jw_key(&w, "updated_at");
	jw_utc_api(&w, run->updated_at);
	jw_key(&w, "metadata");
	jw_raw(&w, run->metadata_json.p != NULL ? run->metadata_json : STR("{}"));
	jw_end(&w);
}

static void not_found(struct http_response *res, struct uuid strategy_id)
{
	char details[96], id[UUID_TEXT_MAX];

	snprintf(details, sizeof(details), "{\"strategy_id\":\"%s\"}", uuid_format(strategy_id, id));
	http_error_details(res, 404, "not_found", "Strategy was not found", str_from(details));
}

/* run NULL or without an id: details name the strategy only, or the rule that only the index knew. */
static void conflict(struct http_response *res, const char *message, struct uuid strategy_id, const struct run_row *run)
{
	char details[256], id[UUID_TEXT_MAX], run_id[UUID_TEXT_MAX];

	uuid_format(strategy_id, id);
	if (run == NULL)
		snprintf(details, sizeof(details), "{\"strategy_id\":\"%s\"}", id);
	else if (uuid_is_nil(run->run_id))
		snprintf(details, sizeof(details),
			 "{\"reason\":\"Strategy v1 allows exactly one active run per strategy\"}");
	else
		snprintf(details, sizeof(details),
			 "{\"current_state\":\"%s\",\"run_id\":\"%s\",\"strategy_id\":\"%s\"}",
			 run_state_text(run->state), uuid_format(run->run_id, run_id), id);
	http_error_details(res, 409, "conflict", message, str_from(details));
}

/* ---- create: the shape of the body --------------------------------------------------------------------------------- */

static void check_instrument(struct validation *v, const cJSON *body)
{
	static const char *const known[] = { "market_id", "symbol", NULL };
	const cJSON *id = json_get(body, "instrument_id"), *market;

	if (id == NULL) {
		validation_add(v, "required", "Field required", "body.instrument_id");
		return;
	}
	if (!cJSON_IsObject(id)) {
		validation_add(v, "model_attributes_type",
			       "Input should be a valid dictionary or object to extract fields from",
			       "body.instrument_id");
		return;
	}
	market = json_get(id, "market_id");
	if (market == NULL)
		validation_add(v, "required", "Field required", "body.instrument_id.market_id");
	else if (cJSON_IsString(market))
		validation_add(v, "int_parsing",
			       "Input should be a valid integer, unable to parse string as an integer",
			       "body.instrument_id.market_id");
	else if (!cJSON_IsNumber(market))
		validation_add(v, "int_type", "Input should be a valid integer", "body.instrument_id.market_id");
	else if (!json_is_int(market))
		validation_add(v, "int_from_float",
			       "Input should be a valid integer, got a number with a fractional part",
			       "body.instrument_id.market_id");
	validation_need_text(v, id, "symbol", "body.instrument_id");
	validation_forbid_extra(v, id, known, "body.instrument_id");
}

static void check_indicators(struct validation *v, const cJSON *body)
{
	const cJSON *list = json_get(body, "indicators");
	size_t i = 0;

	if (list == NULL) {
		validation_add(v, "required", "Field required", "body.indicators");
		return;
	}
	if (!cJSON_IsArray(list)) {
		validation_add(v, "list_type", "Input should be a valid list", "body.indicators");
		return;
	}
	for (const cJSON *item = list->child; item != NULL; item = item->next, i++)
		if (!cJSON_IsObject(item))
			validation_add(v, "dict_type", "Input should be a valid dictionary", "body.indicators.%zu", i);
	if (i > STRATEGY_INDICATORS_MAX)
		validation_add(v, "too_long", "List should have at most 32 items", "body.indicators");
}

static void check_lengths(struct validation *v, const cJSON *body)
{
	static const char *const texts[] = { "instrument_key", "market_type", "timeframe", "signal_template" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (json_get_str(json_get(body, texts[i])).n > TEXT_BYTES_MAX)
			validation_add(v, "string_too_long", "String should have at most 512 characters", "body.%s",
				       texts[i]);
}

static void check_shape(struct validation *v, const cJSON *body)
{
	static const char *const known[] = { "instrument_id", "instrument_key",	 "market_type", "timeframe",
					     "indicators",    "signal_template", "warmup_bars", NULL };
	const cJSON *template = json_get(body, "signal_template"), *warmup = json_get(body, "warmup_bars");

	check_instrument(v, body);
	validation_need_text(v, body, "instrument_key", "body");
	validation_need_text(v, body, "market_type", "body");
	validation_need_text(v, body, "timeframe", "body");
	check_indicators(v, body);
	check_lengths(v, body);
	if (template != NULL && !cJSON_IsString(template) && !cJSON_IsNull(template))
		validation_add(v, "string_type", "Input should be a valid string", "body.signal_template");
	if (warmup != NULL && !cJSON_IsNull(warmup) && !cJSON_IsNumber(warmup))
		validation_add(v, "int_type", "Input should be a valid integer", "body.warmup_bars");
	else if (cJSON_IsNumber(warmup) && !json_is_int(warmup))
		validation_add(v, "int_from_float",
			       "Input should be a valid integer, got a number with a fractional part",
			       "body.warmup_bars");
	validation_forbid_extra(v, body, known, "body");
}

/* ---- create -------------------------------------------------------------------------------------------------------- */

static int store_strategy(struct http_request *req, const struct strategy_spec *spec, const struct user_row *user,
			  struct strategy_row *row, struct error *err)
{
	struct strbuf name = STRBUF_INIT(STRATEGY_NAME_MAX), json = STRBUF_INIT(1 << 20),
		      indicators = STRBUF_INIT(1 << 20);
	struct strbuf instrument = STRBUF_INIT(256);
	char id[UUID_TEXT_MAX];
	int rc = strategy_name(spec, user->user_id, &name, err);

	*row = (struct strategy_row){ .strategy_id = uuid_v4(),
				      .user_id = user->user_id,
				      .created_at = settings_now(&app_of(req)->settings) };
	strategy_spec_canonical(spec, &json);
	json_canonical(&indicators, spec->indicators);
	strbuf_addf(&instrument, "{\"market_id\":%d,\"symbol\":", spec->instrument.market_id);
	json_quote_ascii(&instrument, str_from(spec->instrument.symbol));
	strbuf_addch(&instrument, '}');
	const struct strategy_insert insert = { .strategy_id = row->strategy_id,
						.user_id = user->user_id,
						.name = strbuf_str(&name),
						.instrument_id_json = strbuf_str(&instrument),
						.instrument_key = str_from(spec->instrument_key),
						.market_type = str_from(spec->market_type),
						.symbol = str_from(spec->instrument.symbol),
						.timeframe = str_from(timeframe_text(spec->timeframe)),
						.indicators_json = strbuf_str(&indicators),
						.spec_json = strbuf_str(&json),
						.created_at = row->created_at };
	const char *event = arena_printf(
		req->arena, "{\"schema_version\":1,\"spec_kind\":\"" STRATEGY_SPEC_KIND "\",\"strategy_id\":\"%s\"}",
		uuid_format(row->strategy_id, id));

	if (rc == 0)
		rc = strbuf_error(&json, err);
	if (rc == 0)
		rc = strategy_store_insert(strategy_pg(req), &insert, "strategy_created", str_from(event), err);
	row->name = arena_str(req->arena, strbuf_str(&name));
	row->spec_json = arena_str(req->arena, strbuf_str(&json));
	strbuf_release(&name);
	strbuf_release(&json);
	strbuf_release(&indicators);
	strbuf_release(&instrument);
	return rc;
}

static void answer_strategy(struct http_request *req, struct http_response *res, const struct strategy_row *row,
			    int status)
{
	struct error err = ERROR_INIT;
	struct json_writer w;

	jw_init(&w, &res->body);
	if (write_strategy(&w, row, &err) != 0)
		app_fail(req, res, &err);
	else
		res->status = status;
}

/* A value that the schema lets through and the domain does not. */
static void answer_value_error(struct http_response *res, struct validation *v, const struct spec_fault *fault,
			       const struct error *err)
{
	validation_add(v, "invalid_value", err->message, "body%s%s", fault->path[0] != '\0' ? "." : "", fault->path);
	validation_answer(v, res, err->message);
}

void strategies_create(struct http_request *req, struct http_response *res)
{
	struct validation *v = arena_calloc(req->arena, 1, sizeof(*v));
	struct strategy_spec spec = { 0 };
	struct strategy_row row;
	struct spec_fault fault = { "" };
	struct error err = ERROR_INIT;
	cJSON *body = validation_body(req, res);

	if (v == NULL || body == NULL)
		return;
	check_shape(v, body);
	if (!validation_ok(v)) {
		validation_answer(v, res, "Validation failed");
	} else if (strategy_spec_parse(body, &spec, &fault, &err) != 0) {
		if (err.code == ERR_INVALID)
			answer_value_error(res, v, &fault, &err);
		else
			app_fail(req, res, &err);
	} else {
		if (store_strategy(req, &spec, current_user(req), &row, &err) != 0)
			app_fail(req, res, &err);
		else
			answer_strategy(req, res, &row, 201);
		strategy_spec_release(&spec);
	}
	json_free(body);
}

/* ---- list and get -------------------------------------------------------------------------------------------------- */

struct page {
	int64_t limit;
	struct uuid after; /* nil: the first page */
};

/* false: the answer is made. */
static bool read_page(struct http_request *req, struct http_response *res, struct page *page)
{
	struct validation *v = arena_calloc(req->arena, 1, sizeof(*v));
	struct str text;

	*page = (struct page){ .limit = PAGE_DEFAULT };
	if (v == NULL)
		return false;
	if (http_query(req, "limit", &text))
		validation_int(v, text, "query.limit", 1, PAGE_MAX, &page->limit);
	if (http_query(req, "cursor", &text))
		validation_uuid(v, text, "query.cursor", &page->after);
	if (!validation_ok(v))
		validation_answer(v, res, "Validation failed");
	return validation_ok(v);
}

static void link_next(struct http_response *res, const struct page *page, struct uuid last)
{
	char link[128], id[UUID_TEXT_MAX];

	snprintf(link, sizeof(link), "<strategies?limit=%lld&cursor=%s>; rel=\"next\"", (long long)page->limit,
		 uuid_format(last, id));
	http_set_header(res, "Link", str_from(link));
}

void strategies_list(struct http_request *req, struct http_response *res)
{
	struct strategy_row *rows;
	struct page page;
	struct error err = ERROR_INIT;
	struct json_writer w;
	size_t n;

	if (!read_page(req, res, &page))
		return;
	/* one more than the page, to know whether there is another */
	if (strategy_store_list(strategy_pg(req), req->arena, current_user(req)->user_id, page.after,
				(size_t)page.limit + 1, &rows, &n, &err) != 0) {
		app_fail(req, res, &err);
		return;
	}
	if (n > (size_t)page.limit) {
		n = (size_t)page.limit;
		link_next(res, &page, rows[n - 1].strategy_id);
	}
	jw_init(&w, &res->body);
	jw_arr(&w);
	for (size_t i = 0; i < n; i++)
		if (write_strategy(&w, &rows[i], &err) != 0) {
			app_fail(req, res, &err);
			return;
		}
	jw_end(&w);
}

/* The strategy id of a request; false: the answer is made. */
static bool begin(struct http_request *req, struct http_response *res, struct uuid *strategy_id)
{
	struct validation *v = arena_calloc(req->arena, 1, sizeof(*v));

	if (v == NULL)
		return false;
	if (validation_uuid(v, req->params[0], "path.strategy_id", strategy_id))
		return true;
	validation_answer(v, res, "Validation failed");
	return false;
}

void strategies_get(struct http_request *req, struct http_response *res)
{
	struct strategy_row row;
	struct uuid id;
	struct error err = ERROR_INIT;

	if (!begin(req, res, &id))
		return;
	if (strategy_store_get(strategy_pg(req), req->arena, id, &row, &err) != 0) {
		if (err.code == ERR_NOT_FOUND)
			not_found(res, id);
		else
			app_fail(req, res, &err);
	} else if (row.is_deleted || !uuid_eq(row.user_id, current_user(req)->user_id)) {
		not_found(res, id);
	} else {
		answer_strategy(req, res, &row, 200);
	}
}

/* ---- commands ------------------------------------------------------------------------------------------------------ */

typedef int (*command)(struct pg *pg, struct arena *a, struct uuid user_id, struct uuid strategy_id, utc_t now,
		       enum strategy_outcome *outcome, struct run_row *run, struct error *err);

/* Runs a command of the store; true: it did what was asked, run is filled. */
static bool execute(struct http_request *req, struct http_response *res, command run_command, const char *when_active,
		    struct run_row *run)
{
	enum strategy_outcome outcome;
	struct uuid id;
	struct error err = ERROR_INIT;

	if (!begin(req, res, &id))
		return false;
	if (run_command(strategy_pg(req), req->arena, current_user(req)->user_id, id, utc_now(), &outcome, run, &err) != 0) {
		app_fail(req, res, &err);
		return false;
	}
	switch (outcome) {
	case STRATEGY_OK:
		return true;
	case STRATEGY_MISSING:
		not_found(res, id);
		break;
	case STRATEGY_ACTIVE_RUN:
		conflict(res, when_active, id, run);
		break;
	case STRATEGY_NO_RUN:
		conflict(res, "Strategy has no active run", id, NULL);
		break;
	case STRATEGY_STOPPING:
		conflict(res, "Strategy run is already stopping", id, run);
		break;
	}
	return false;
}

void strategies_run(struct http_request *req, struct http_response *res)
{
	struct run_row run;

	if (execute(req, res, strategy_store_run, "Strategy already has active run", &run))
		write_run(res, &run);
}

void strategies_stop(struct http_request *req, struct http_response *res)
{
	struct run_row run;

	if (execute(req, res, strategy_store_stop, "Strategy already has active run", &run))
		write_run(res, &run);
}

void strategies_delete(struct http_request *req, struct http_response *res)
{
	struct run_row run;

	if (execute(req, res, strategy_store_delete, "Strategy has active run", &run))
		res->status = 204;
}
