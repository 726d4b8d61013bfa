#include "domain/strategy/spec.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "domain/indicators/registry.h"

/* ---- parsing: rows of the specification in their order, the first failure wins ---- */

static int fault_at(struct spec_fault *fault, const char *path, struct error *err, const char *message)
{
	snprintf(fault->path, sizeof(fault->path), "%s", path);
	return error_set(err, ERR_INVALID, "%s", message);
}

static int fault_at_indicator(struct spec_fault *fault, int index, struct error *err, const char *message)
{
	char path[sizeof(fault->path)];

	snprintf(path, sizeof(path), "indicators.%d", index);
	return fault_at(fault, path, err, message);
}

/* What the rows about types found; relations between the fields are checked on it afterwards. */
struct raw_spec {
	struct instrument instrument;
	struct str timeframe, market_type, instrument_key, signal_template, spec_kind;
	const cJSON *indicators;
	int64_t schema_version;
	int64_t warmup_bars; /* 0: not given */
};

static int read_instrument(const cJSON *id, struct instrument *out, struct spec_fault *fault, struct error *err)
{
	const cJSON *market = json_get(id, "market_id"), *symbol = json_get(id, "symbol");
	int64_t market_id = 0;
	struct error why;

	if (!cJSON_IsObject(id))
		return fault_at(fault, "instrument_id", err, "StrategySpecV1 payload.instrument_id must be object");
	/* A boolean passes here and fails below: that is the order of the rows. */
	if (!cJSON_IsBool(market) && !json_get_i64(market, &market_id))
		return fault_at(fault, "instrument_id.market_id", err,
				"StrategySpecV1 instrument_id.market_id must be integer");
	if (!cJSON_IsString(symbol))
		return fault_at(fault, "instrument_id.symbol", err,
				"StrategySpecV1 instrument_id.symbol must be string");
	if (instrument_init(out, market_id, json_get_str(symbol), &why) != 0)
		return fault_at(fault, "instrument_id", err, "StrategySpecV1 instrument_id is invalid");
	return 0;
}

static int need_text(const cJSON *payload, const char *key, struct str *out, struct spec_fault *fault,
		     struct error *err)
{
	const cJSON *node = json_get(payload, key);
	char message[96];

	if (!cJSON_IsString(node)) {
		snprintf(message, sizeof(message), "StrategySpecV1 payload.%s must be string", key);
		return fault_at(fault, key, err, message);
	}
	*out = str_trim(json_get_str(node));
	if (out->n > STRATEGY_TEXT_MAX) {
		snprintf(message, sizeof(message), "StrategySpecV1 payload.%s must be at most %d bytes", key,
			 STRATEGY_TEXT_MAX);
		return fault_at(fault, key, err, message);
	}
	return 0;
}

static bool is_falsy(const cJSON *node)
{
	if (cJSON_IsString(node))
		return json_get_str(node).n == 0;
	if (cJSON_IsNumber(node))
		return node->valuedouble == 0;
	if (cJSON_IsArray(node) || cJSON_IsObject(node))
		return node->child == NULL;
	return node == NULL || cJSON_IsNull(node) || cJSON_IsFalse(node);
}

struct str strategy_indicator_identifier(const cJSON *indicator)
{
	static const char *const KEYS[] = { "name", "kind", "id" };

	for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
		const cJSON *node = json_get(indicator, KEYS[i]);
		struct str text;

		if (is_falsy(node))
			continue;
		text = str_trim(json_get_str(node));
		return text.n == 0 ? STR_NULL : text;
	}
	return STR_NULL;
}

static bool is_printable_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return true;
}

/* Names are upper-cased and shown; ASCII keeps that free of locale questions. */
static int check_indicator(const cJSON *entry, int index, struct spec_fault *fault, struct error *err)
{
	struct str identifier = strategy_indicator_identifier(entry);
	const cJSON *params = json_get(entry, "params");

	if (!cJSON_IsObject(entry))
		return fault_at_indicator(fault, index, err, "StrategySpecV1 indicator entry must be object");
	if (identifier.n == 0)
		return fault_at_indicator(fault, index, err,
					  "StrategySpecV1 indicator must define non-empty `name`, `kind`, or `id`");
	if (identifier.n > STRATEGY_TEXT_MAX || !is_printable_ascii(identifier))
		return fault_at_indicator(fault, index, err,
					  "StrategySpecV1 indicator identifier must be printable ASCII "
					  "of at most 512 bytes");
	if (params != NULL && !cJSON_IsObject(params))
		return fault_at_indicator(fault, index, err, "StrategySpecV1 indicator.params must be object");
	return 0;
}

static int read_indicators(const cJSON *payload, struct raw_spec *raw, struct spec_fault *fault, struct error *err)
{
	const cJSON *entry;
	int index = 0;

	raw->indicators = json_get(payload, "indicators");
	if (!cJSON_IsArray(raw->indicators))
		return fault_at(fault, "indicators", err, "StrategySpecV1 payload.indicators must be array");
	if (cJSON_GetArraySize(raw->indicators) > STRATEGY_INDICATORS_MAX)
		return fault_at(fault, "indicators", err,
				"StrategySpecV1 payload.indicators must have at most 32 entries");
	cJSON_ArrayForEach(entry, raw->indicators) if (check_indicator(entry, index++, fault, err) != 0) return -1;
	return 0;
}

static int read_template(const cJSON *payload, struct raw_spec *raw, struct spec_fault *fault, struct error *err)
{
	const cJSON *node = json_get(payload, "signal_template");

	raw->signal_template = STR_NULL;
	if (node != NULL && !cJSON_IsNull(node) &&
	    need_text(payload, "signal_template", &raw->signal_template, fault, err) != 0)
		return -1;
	if (raw->signal_template.n == 0 && raw->indicators->child == NULL)
		return fault_at(fault, "signal_template", err,
				"StrategySpecV1 payload.signal_template is required when indicators are empty");
	return 0;
}

static int read_constants(const cJSON *payload, struct raw_spec *raw, struct spec_fault *fault, struct error *err)
{
	const cJSON *version = json_get(payload, "schema_version"), *warmup = json_get(payload, "warmup_bars");

	raw->schema_version = STRATEGY_SCHEMA_VERSION;
	if (version != NULL && !json_get_i64(version, &raw->schema_version))
		return fault_at(fault, "schema_version", err, "StrategySpecV1 payload.schema_version must be integer");
	raw->spec_kind = STR(STRATEGY_SPEC_KIND);
	if (json_get(payload, "spec_kind") != NULL && need_text(payload, "spec_kind", &raw->spec_kind, fault, err) != 0)
		return -1;
	raw->warmup_bars = 0;
	if (warmup == NULL || cJSON_IsNull(warmup))
		return 0;
	if (!json_get_i64(warmup, &raw->warmup_bars))
		return fault_at(fault, "warmup_bars", err, "StrategySpecV1 payload.warmup_bars must be integer");
	if (raw->warmup_bars < 1)
		return fault_at(fault, "warmup_bars", err, "StrategySpecV1.warmup_bars must be >= 1");
	return 0;
}

static int read_raw(const cJSON *payload, struct raw_spec *raw, struct spec_fault *fault, struct error *err)
{
	if (read_instrument(json_get(payload, "instrument_id"), &raw->instrument, fault, err) != 0 ||
	    need_text(payload, "timeframe", &raw->timeframe, fault, err) != 0 ||
	    need_text(payload, "market_type", &raw->market_type, fault, err) != 0 ||
	    need_text(payload, "instrument_key", &raw->instrument_key, fault, err) != 0 ||
	    read_indicators(payload, raw, fault, err) != 0 || read_template(payload, raw, fault, err) != 0)
		return -1;
	return read_constants(payload, raw, fault, err);
}

static bool market_type_known(struct str text) { return str_eq_c(text, "spot") || str_eq_c(text, "futures"); }

/* Rows 18..23: the key and the instrument must tell the same story. */
static int take_instrument_key(const struct raw_spec *raw, struct strategy_spec *out, struct spec_fault *fault,
			       struct error *err)
{
	struct instrument_key_parts parts;

	str_copy(out->market_type, sizeof(out->market_type), raw->market_type);
	str_lower_ascii(out->market_type);
	if (raw->instrument_key.n == 0)
		return fault_at(fault, "instrument_key", err, "StrategySpecV1.instrument_key must be non-empty");
	if (!instrument_key_split(raw->instrument_key, &parts))
		return fault_at(fault, "instrument_key", err,
				"StrategySpecV1.instrument_key must follow '{exchange}:{market_type}:{symbol}'");
	if (strcmp(parts.symbol, raw->instrument.symbol) != 0)
		return fault_at(fault, "instrument_key", err,
				"StrategySpecV1.instrument_key symbol must match instrument_id.symbol");
	if (!market_type_known(str_from(out->market_type)))
		return fault_at(fault, "market_type", err, "StrategySpecV1.market_type must be one of: futures, spot");
	if (strcmp(parts.market_type, out->market_type) != 0)
		return fault_at(fault, "market_type", err,
				"StrategySpecV1.market_type must match market_type part of instrument_key");
	if (parts.exchange[0] == '\0')
		return fault_at(fault, "instrument_key", err,
				"StrategySpecV1.instrument_key exchange must be non-empty");
	snprintf(out->instrument_key, sizeof(out->instrument_key), "%s:%s:%s", parts.exchange, parts.market_type,
		 parts.symbol);
	return 0;
}

static int check_constants(const struct raw_spec *raw, struct spec_fault *fault, struct error *err)
{
	char message[96];

	if (raw->schema_version != STRATEGY_SCHEMA_VERSION) {
		snprintf(message, sizeof(message), "StrategySpecV1.schema_version must be 1, got %" PRId64,
			 raw->schema_version);
		return fault_at(fault, "schema_version", err, message);
	}
	if (!str_eq_c(raw->spec_kind, STRATEGY_SPEC_KIND))
		return fault_at(fault, "spec_kind", err, "StrategySpecV1.spec_kind must be '" STRATEGY_SPEC_KIND "'");
	return 0;
}

/* ---- the stored form ---- */

/* A parameter that the registry declares as float prints as one, however the client typed it. */
static bool type_params(cJSON *entry)
{
	const struct indicator *ind = indicator_find(strategy_indicator_identifier(entry));
	cJSON *params = cJSON_GetObjectItemCaseSensitive(entry, "params");

	for (size_t i = 0; ind != NULL && i < indicator_param_count(ind); i++) {
		const char *name = ind->params[i].name;
		const cJSON *value = json_get(params, name);
		cJSON *typed;

		if (ind->params[i].kind != INDICATOR_PARAM_FLOAT || !cJSON_IsNumber(value))
			continue;
		typed = json_new_float(value->valuedouble);
		if (typed == NULL || !cJSON_ReplaceItemInObjectCaseSensitive(params, name, typed))
			return false;
	}
	return true;
}

static cJSON *copy_indicators(const cJSON *indicators)
{
	cJSON *copy = cJSON_Duplicate(indicators, true), *entry;

	if (copy == NULL)
		return NULL;
	cJSON_ArrayForEach(entry, copy)
	{
		if (!type_params(entry)) {
			cJSON_Delete(copy);
			return NULL;
		}
	}
	json_sort(copy);
	return copy;
}

static void add_param_value(struct strbuf *sb, const cJSON *value)
{
	if (cJSON_IsString(value))
		strbuf_add(sb, json_get_str(value));
	else
		json_canonical(sb, value);
}

/* MA(20,50): upper-case identifier and the parameter values in key order. The entry is sorted already. */
static void add_signature(struct strbuf *sb, const cJSON *entry)
{
	struct str identifier = strategy_indicator_identifier(entry);
	const cJSON *params = json_get(entry, "params"), *value;
	char upper[STRATEGY_TEXT_MAX + 1];
	bool first = true;

	str_copy(upper, sizeof(upper), identifier);
	str_upper_ascii(upper);
	strbuf_addc(sb, upper);
	if (params == NULL || params->child == NULL)
		return;
	cJSON_ArrayForEach(value, params)
	{
		strbuf_addch(sb, first ? '(' : ',');
		add_param_value(sb, value);
		first = false;
	}
	strbuf_addch(sb, ')');
}

static int take_template(const struct raw_spec *raw, struct strategy_spec *out, struct spec_fault *fault,
			 struct error *err)
{
	struct strbuf sb = STRBUF_INIT(STRATEGY_TEXT_MAX);

	if (raw->signal_template.n > 0)
		strbuf_add(&sb, raw->signal_template);
	else
		add_signature(&sb, out->indicators->child);
	if (strbuf_error(&sb, NULL) != 0) {
		strbuf_release(&sb);
		return fault_at(fault, "signal_template", err,
				"StrategySpecV1 signal template must be at most 512 bytes");
	}
	out->signal_template = strbuf_take(&sb, NULL);
	return 0;
}

/* A threshold of a million must not become a window of a million bars. */
static int check_warmup(const struct strategy_spec *spec, struct spec_fault *fault, struct error *err)
{
	const char *algorithm;
	int bars = strategy_warmup_bars(spec, &algorithm);
	char message[96];

	if (bars <= STRATEGY_WARMUP_BARS_MAX)
		return 0;
	snprintf(message, sizeof(message), "StrategySpecV1 warmup bars must be <= %d", STRATEGY_WARMUP_BARS_MAX);
	return fault_at(fault, spec->warmup_bars > 0 ? "warmup_bars" : "indicators", err, message);
}

static int build(const struct raw_spec *raw, struct strategy_spec *out, struct spec_fault *fault, struct error *err)
{
	out->instrument = raw->instrument;
	if (timeframe_parse(raw->timeframe, &out->timeframe, err) != 0) {
		snprintf(fault->path, sizeof(fault->path), "timeframe");
		return -1;
	}
	if (check_constants(raw, fault, err) != 0 || take_instrument_key(raw, out, fault, err) != 0)
		return -1;
	if (raw->indicators->child == NULL)
		return fault_at(fault, "indicators", err,
				"Strategy name requires at least one indicator for deterministic human-part");
	out->warmup_bars = (int)MIN_OF(raw->warmup_bars, STRATEGY_WARMUP_BARS_MAX + 1);
	out->indicators = copy_indicators(raw->indicators);
	if (out->indicators == NULL)
		return error_set(err, ERR_UNAVAILABLE, "out of memory");
	if (take_template(raw, out, fault, err) != 0)
		return -1;
	return check_warmup(out, fault, err);
}

int strategy_spec_parse(const cJSON *payload, struct strategy_spec *out, struct spec_fault *fault, struct error *err)
{
	struct raw_spec raw;
	struct strategy_spec made = { 0 };

	fault->path[0] = '\0';
	if (read_raw(payload, &raw, fault, err) != 0)
		return -1;
	if (build(&raw, &made, fault, err) != 0) {
		strategy_spec_release(&made);
		return -1;
	}
	*out = made;
	return 0;
}

void strategy_spec_release(struct strategy_spec *spec)
{
	json_free(spec->indicators);
	free(spec->signal_template);
	spec->indicators = NULL;
	spec->signal_template = NULL;
}

/* ---- writing ---- */

static void write_instrument_id(const struct strategy_spec *spec, struct json_writer *w)
{
	jw_key(w, "instrument_id");
	jw_obj(w);
	jw_key(w, "market_id");
	jw_int(w, spec->instrument.market_id);
	jw_key(w, "symbol");
	jw_cstr(w, spec->instrument.symbol);
	jw_end(w);
}

static void write_text(struct json_writer *w, const char *key, const char *text)
{
	jw_key(w, key);
	jw_cstr(w, text);
}

void strategy_spec_write(const struct strategy_spec *spec, struct json_writer *w)
{
	jw_obj(w);
	write_instrument_id(spec, w);
	write_text(w, "instrument_key", spec->instrument_key);
	write_text(w, "market_type", spec->market_type);
	write_text(w, "timeframe", timeframe_text(spec->timeframe));
	jw_key(w, "indicators");
	jw_node(w, spec->indicators);
	write_text(w, "signal_template", spec->signal_template);
	if (spec->warmup_bars > 0) {
		jw_key(w, "warmup_bars");
		jw_int(w, spec->warmup_bars);
	}
	jw_key(w, "schema_version");
	jw_int(w, STRATEGY_SCHEMA_VERSION);
	write_text(w, "spec_kind", STRATEGY_SPEC_KIND);
	jw_end(w);
}

/* Canonical pieces in the order of their keys. A quoted member is a constant key and an escaped text. */
static void canonical_text(struct strbuf *out, const char *key, const char *text)
{
	strbuf_addf(out, "\"%s\":", key);
	json_quote_ascii(out, str_from(text));
	strbuf_addch(out, ',');
}

void strategy_spec_canonical(const struct strategy_spec *spec, struct strbuf *out)
{
	const char *timeframe = timeframe_text(spec->timeframe);

	strbuf_addc(out, "{\"indicators\":");
	json_canonical(out, spec->indicators);
	strbuf_addf(out, ",\"instrument_id\":{\"market_id\":%d,\"symbol\":", spec->instrument.market_id);
	json_quote_ascii(out, str_from(spec->instrument.symbol));
	strbuf_addc(out, "},");
	canonical_text(out, "instrument_key", spec->instrument_key);
	canonical_text(out, "market_type", spec->market_type);
	strbuf_addf(out, "\"schema_version\":%d,", STRATEGY_SCHEMA_VERSION);
	canonical_text(out, "signal_template", spec->signal_template);
	canonical_text(out, "spec_kind", STRATEGY_SPEC_KIND);
	canonical_text(out, "symbol", spec->instrument.symbol);
	strbuf_addf(out, "\"tags\":{\"market_type\":\"%s\",\"symbol\":", spec->market_type);
	json_quote_ascii(out, str_from(spec->instrument.symbol));
	strbuf_addf(out, ",\"timeframe\":\"%s\"},\"timeframe\":\"%s\"", timeframe, timeframe);
	if (spec->warmup_bars > 0)
		strbuf_addf(out, ",\"warmup_bars\":%d", spec->warmup_bars);
	strbuf_addch(out, '}');
}

/* ---- name ---- */

#define HASH_INPUT_MAX (1 << 20)

static int name_hash(const struct strategy_spec *spec, struct uuid user_id, char hash8[9], struct error *err)
{
	struct strbuf sb = STRBUF_INIT(HASH_INPUT_MAX);
	char user[UUID_TEXT_MAX], hex[SHA256_HEX_MAX];
	int rc;

	strbuf_addc(&sb, "{\"spec_json\":");
	strategy_spec_canonical(spec, &sb);
	strbuf_addf(&sb, ",\"user_id\":\"%s\"}", uuid_format(user_id, user));
	rc = strbuf_error(&sb, err);
	if (rc == 0) {
		sha256_hex(strbuf_str(&sb), hex);
		str_copy(hash8, 9, str_slice(str_from(hex), 0, 8));
		str_upper_ascii(hash8);
	}
	strbuf_release(&sb);
	return rc;
}

int strategy_name(const struct strategy_spec *spec, struct uuid user_id, struct strbuf *out, struct error *err)
{
	const cJSON *entry;
	char hash8[9];
	bool first = true;

	if (name_hash(spec, user_id, hash8, err) != 0)
		return -1;
	strbuf_addf(out, "%s %s %s [", spec->instrument.symbol, spec->market_type, timeframe_text(spec->timeframe));
	cJSON_ArrayForEach(entry, spec->indicators)
	{
		if (!first)
			strbuf_addc(out, ", ");
		add_signature(out, entry);
		first = false;
	}
	strbuf_addf(out, "] #%s", hash8);
	return strbuf_error(out, err);
}

/* ---- warm-up ---- */

/* The greatest positive number below the node, fractions rounded up; numbers beyond the cap need no exactness. */
static int max_number(const cJSON *node)
{
	const cJSON *child;
	int max = 0;

	if (cJSON_IsNumber(node) && node->valuedouble > 0)
		return (int)ceil(MIN_OF(node->valuedouble, STRATEGY_WARMUP_BARS_MAX + 1.0));
	if (!cJSON_IsObject(node) && !cJSON_IsArray(node))
		return 0;
	cJSON_ArrayForEach(child, node) max = MAX_OF(max, max_number(child));
	return max;
}

int strategy_warmup_bars(const struct strategy_spec *spec, const char **algorithm)
{
	const cJSON *entry;
	int bars = 1;

	if (spec->warmup_bars > 0) {
		*algorithm = "spec_warmup_bars_v1";
		return spec->warmup_bars;
	}
	*algorithm = "numeric_max_param_v1";
	cJSON_ArrayForEach(entry, spec->indicators) bars = MAX_OF(bars, max_number(json_get(entry, "params")));
	return bars;
}
