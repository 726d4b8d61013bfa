/* evaluation.h - a strategy as a set of nodes that are fed closed bars and agree on a signal, or do not.
 *
 * Built from a spec: a registry id is one node with its signal rule; the template MA (any case) with numeric fast and
 * slow is SMA(close, fast) against SMA(close, slow). Feed every closed bar of the timeframe from the first one on, a
 * missing one as a NaN bar: the nodes' values depend on all of them. Evaluating from the same first bar gives the same
 * signals, bit for bit.
 */
#ifndef ROEHUB_DOMAIN_STRATEGY_EVALUATION_H
#define ROEHUB_DOMAIN_STRATEGY_EVALUATION_H

#include "domain/indicators/stream.h"
#include "domain/strategy/run.h"
#include "domain/strategy/signal_rules.h"
#include "domain/strategy/spec.h"

struct evaluation;

/* NULL with ERR_INVALID: the spec cannot be evaluated, err->message says why (unknown indicator, parameter out of
 * bounds); log it once for the run. ERR_UNAVAILABLE: out of memory. */
struct evaluation *evaluation_new(const struct strategy_spec *spec, struct error *err);
void evaluation_free(struct evaluation *e); /* accepts NULL */
/* What all indicators say at the close of this bar, else NEUTRAL. */
enum signal evaluation_push(struct evaluation *e, const struct bar *closed);

/* Distinct computations of this strategy, for sharing between strategies of one instrument. Nodes that several of its
 * indicators ask for exist once. */
size_t evaluation_node_count(const struct evaluation *e);
/* "15m {"id":"ma.sma","inputs":{"source":"close"},"params":{"window":20}}": equal keys, equal values. */
const char *evaluation_node_key(const struct evaluation *e, size_t i);

#endif
