/* registry.h - the indicators we know: names, parameters with bounds, outputs, and the kernel that computes each.
 *
 * One row describes one indicator completely; catalogue, validation, documentation, live evaluation and backtests walk
 * the table. A new indicator is a row and a kernel, nothing else. Rows are in byte order of the id.
 */
#ifndef ROEHUB_DOMAIN_INDICATORS_REGISTRY_H
#define ROEHUB_DOMAIN_INDICATORS_REGISTRY_H

#include "base/json.h"
#include "domain/indicators/kernel.h"
#include "domain/indicators/series.h"

#define INDICATOR_OUTPUTS_MAX 7
#define INDICATOR_AXES_MAX    (KERNEL_PARAMS_MAX + 1)
#define INDICATOR_ID_MAX      64
#define INDICATOR_KEY_MAX     512

enum indicator_param_kind { INDICATOR_PARAM_INT, INDICATOR_PARAM_FLOAT, INDICATOR_PARAM_ENUM };

struct indicator_param {
	const char *name;
	enum indicator_param_kind kind;
	double min, max, step;
	double recommended;	   /* for ENUM: index into values */
	const char *const *values; /* ENUM only: NULL-terminated */
};

struct indicator {
	const char *id, *title;
	unsigned inputs;  /* SERIES_BIT()s that are always read, without the source */
	unsigned sources; /* SERIES_BIT()s the source axis may take; 0: no source axis */
	/* Up to the first without a name; the order of kernel_params. */
	struct indicator_param params[KERNEL_PARAMS_MAX];
	const char *axes[INDICATOR_AXES_MAX];	    /* normative order of variant numbering; "source" or a parameter */
	const char *outputs[INDICATOR_OUTPUTS_MAX]; /* declared order */
	size_t primary;				    /* index into outputs */
	const char *formula;			    /* what it computes and where the definition comes from */
	/* First bar (counted from 0) whose primary output can be a number on gap-free data. */
	int64_t (*first_bar)(const struct kernel_params *params);
	const struct kernel *kernel;
};

extern const struct indicator indicator_registry[];
extern const size_t INDICATOR_COUNT;

/* Trimmed, any case. NULL: unknown. */
const struct indicator *indicator_find(struct str id);
struct str indicator_group(const struct indicator *ind); /* the id before the first dot */
size_t indicator_param_count(const struct indicator *ind);
size_t indicator_output_count(const struct indicator *ind);
/* Index of a parameter, or -1. */
int indicator_param_index(const struct indicator *ind, struct str name);

/* What one node computes: an indicator, its source series and its parameters. */
struct indicator_request {
	const struct indicator *indicator;
	enum series source; /* SERIES_CLOSE when there is no source axis */
	struct kernel_params params;
};

/* inputs: {"source": "close"} or NULL; params: {"window": 20} or NULL. Missing ones take close and the recommended
 * values; unknown names, wrong kinds and values out of bounds are ERR_INVALID naming the parameter. */
int indicator_request_read(const struct indicator *ind, const cJSON *inputs, const cJSON *params,
			   struct indicator_request *out, struct error *err);
/* Canonical text, equal for equal computations: {"id":"ma.sma","inputs":{"source":"close"},"params":{"window":20}} */
void indicator_request_write(const struct indicator_request *r, struct strbuf *out);

/* The rules every row must keep (order, names, axes, bounds, primary); a broken table fails the start. */
int indicator_registry_check(const struct indicator *rows, size_t n, struct error *err);

#endif
