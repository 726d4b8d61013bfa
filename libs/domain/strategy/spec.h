/* spec.h - StrategySpecV1: what a strategist asks for, immutable once stored.
 *
 * Parsing validates in the fixed order of the specification (first failure wins, exact messages); types and shapes of
 * an HTTP body are checked before by the api, so the type rows matter for specs from other sources.
 * The stored form is canonical: keys sorted, instrument_key lower:lower:UPPER, template derived when absent.
 */
#ifndef ROEHUB_DOMAIN_STRATEGY_SPEC_H
#define ROEHUB_DOMAIN_STRATEGY_SPEC_H

#include "base/json.h"
#include "domain/market/instrument.h"
#include "domain/market/timeframe.h"

#define STRATEGY_SPEC_KIND	 "roehub.strategy.v1"
#define STRATEGY_SCHEMA_VERSION	 1
#define STRATEGY_INDICATORS_MAX	 32
#define STRATEGY_WARMUP_BARS_MAX 5000
#define STRATEGY_TEXT_MAX	 512
#define STRATEGY_NAME_MAX	 4096

struct strategy_spec {
	struct instrument instrument;
	char instrument_key[INSTRUMENT_KEY_MAX];
	char market_type[16];
	enum timeframe timeframe;
	cJSON *indicators;     /* array, deep copy, keys sorted; owned */
	char *signal_template; /* owned, never NULL after parsing */
	int warmup_bars;       /* 0: not given */
};

/* Where a validation failed: for details.errors of the answer. */
struct spec_fault {
	char path[96]; /* "timeframe", "instrument_id.market_id", "indicators.0" */
};

/* payload: a create body or a stored spec_json. -1: ERR_INVALID, fault->path says where. */
int strategy_spec_parse(const cJSON *payload, struct strategy_spec *out, struct spec_fault *fault, struct error *err);
void strategy_spec_release(struct strategy_spec *spec);
/* The document that is stored and hashed (with symbol, tags, spec_kind, schema_version). */
void strategy_spec_canonical(const struct strategy_spec *spec, struct strbuf *out);
/* The `spec` member of HTTP answers, in the documented member order. */
void strategy_spec_write(const struct strategy_spec *spec, struct json_writer *w);

/* Identifier of an indicator entry (name, kind, id: first truthy), trimmed. STR_NULL when it has none. */
struct str strategy_indicator_identifier(const cJSON *indicator);
/* SYMBOL market_type timeframe [SIGNATURE] #HASH8 */
int strategy_name(const struct strategy_spec *spec, struct uuid user_id, struct strbuf *out, struct error *err);

/* Warm-up bars and the name of the rule that gave them: spec_warmup_bars_v1 or numeric_max_param_v1. */
int strategy_warmup_bars(const struct strategy_spec *spec, const char **algorithm);

#endif
