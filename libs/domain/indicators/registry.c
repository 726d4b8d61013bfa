#include "domain/indicators/registry.h"

#include <math.h>
#include <string.h>

#include "base/number.h"

#define SOURCES_NO_HL2                                                                                                 \
	(SERIES_BIT(OPEN) | SERIES_BIT(HIGH) | SERIES_BIT(LOW) | SERIES_BIT(CLOSE) | SERIES_BIT(HLC3) |                \
	 SERIES_BIT(OHLC4))
#define SOURCES_MA (SOURCES_NO_HL2 | SERIES_BIT(HL2))

#define WINDOW(text, start)                                                                                            \
	{                                                                                                              \
		.name = (text), .kind = INDICATOR_PARAM_INT, .min = 2, .max = 2000, .step = 1, .recommended = (start)  \
	}

static int64_t first_at_once(const struct kernel_params *p)
{
	(void)p;
	return 0;
}

static int64_t first_with_previous(const struct kernel_params *p)
{
	(void)p;
	return 1;
}

static int64_t first_of_window(const struct kernel_params *p) { return p->v[0].i - 1; }

const struct indicator indicator_registry[] = {
	{
		.id = "ma.ema",
		.title = "Exponential Moving Average",
		.sources = SOURCES_MA,
		.params = { WINDOW("window", 20) },
		.axes = { "source", "window" },
		.outputs = { "value" },
		.formula = "state += a * (source - state), a = 2 / (window + 1); the first valid bar is the seed",
		.first_bar = first_at_once,
		.kernel = &KERNEL_EMA,
	},
	{
		.id = "ma.sma",
		.title = "Simple Moving Average",
		.sources = SOURCES_MA,
		.params = { WINDOW("window", 20) },
		.axes = { "source", "window" },
		.outputs = { "value" },
		.formula = "mean of the last window values of source",
		.first_bar = first_of_window,
		.kernel = &KERNEL_SMA,
	},
	{
		.id = "momentum.rsi",
		.title = "Relative Strength Index",
		.sources = SOURCES_NO_HL2,
		.params = { WINDOW("window", 14) },
		.axes = { "source", "window" },
		.outputs = { "rsi" },
		.formula = "100 - 100 / (1 + g / l), g and l the averages (a = 1 / window) of rises and falls of "
			   "source; Wilder, New Concepts in Technical Trading Systems (1978), section VI",
		.first_bar = first_with_previous,
		.kernel = &KERNEL_RSI,
	},
};
const size_t INDICATOR_COUNT = ARRAY_LEN(indicator_registry);

const struct indicator *indicator_find(struct str id)
{
	id = str_trim(id);
	for (size_t i = 0; i < INDICATOR_COUNT; i++)
		if (str_eq_nocase(id, str_from(indicator_registry[i].id)))
			return &indicator_registry[i];
	return NULL;
}

struct str indicator_group(const struct indicator *ind)
{
	struct str id = str_from(ind->id);

	return str_slice(id, 0, str_find_byte(id, '.'));
}

size_t indicator_param_count(const struct indicator *ind)
{
	size_t n = 0;

	while (n < KERNEL_PARAMS_MAX && ind->params[n].name != NULL)
		n++;
	return n;
}

size_t indicator_output_count(const struct indicator *ind)
{
	size_t n = 0;

	while (n < INDICATOR_OUTPUTS_MAX && ind->outputs[n] != NULL)
		n++;
	return n;
}

int indicator_param_index(const struct indicator *ind, struct str name)
{
	size_t n = indicator_param_count(ind);

	for (size_t i = 0; i < n; i++)
		if (str_eq_c(name, ind->params[i].name))
			return (int)i;
	return -1;
}

/* ---- requests ---- */

/* A bound as it was declared: 2 for an integer, 10.0 for a float. */
static const char *bound_text(const struct indicator_param *p, double bound, char text[NUMBER_TEXT_MAX])
{
	return p->kind == INDICATOR_PARAM_INT ? number_format_untyped(bound, text) : number_format(bound, text);
}

static int read_number(const struct indicator_param *p, const cJSON *node, union kernel_param *out, struct error *err)
{
	char value[NUMBER_TEXT_MAX], bound[NUMBER_TEXT_MAX];
	double v;

	if (p->kind == INDICATOR_PARAM_INT && !json_is_int(node))
		return error_set(err, ERR_INVALID, "axis '%s' expects integer values", p->name);
	if (!json_get_double(node, &v) || !isfinite(v))
		return error_set(err, ERR_INVALID, "axis '%s' expects numeric values", p->name);
	number_format(v, value);
	if (v < p->min)
		return error_set(err, ERR_INVALID, "axis '%s' value %s is below hard_min=%s", p->name, value,
				 bound_text(p, p->min, bound));
	if (v > p->max)
		return error_set(err, ERR_INVALID, "axis '%s' value %s is above hard_max=%s", p->name, value,
				 bound_text(p, p->max, bound));
	if (p->kind == INDICATOR_PARAM_INT)
		out->i = (int64_t)v;
	else
		out->f = v;
	return 0;
}

static int read_enum(const struct indicator_param *p, const cJSON *node, union kernel_param *out, struct error *err)
{
	struct str text = str_trim(json_get_str(node));

	if (!cJSON_IsString(node))
		return error_set(err, ERR_INVALID, "axis '%s' expects string values", p->name);
	for (int64_t i = 0; p->values[i] != NULL; i++) {
		if (str_eq_c(text, p->values[i])) {
			out->i = i;
			return 0;
		}
	}
	return error_set(err, ERR_INVALID, "axis '%s' value '%.*s' is outside allowed enum set", p->name,
			 STR_ARG(str_slice(text, 0, 64)));
}

static void recommend(const struct indicator_param *p, union kernel_param *out)
{
	if (p->kind == INDICATOR_PARAM_FLOAT)
		out->f = p->recommended;
	else
		out->i = (int64_t)p->recommended;
}

static int read_params(const struct indicator *ind, const cJSON *params, struct kernel_params *out, struct error *err)
{
	const cJSON *node;

	for (size_t i = 0; i < indicator_param_count(ind); i++)
		recommend(&ind->params[i], &out->v[i]);
	cJSON_ArrayForEach(node, params)
	{
		int i = indicator_param_index(ind, str_from(node->string));

		if (i < 0)
			return error_set(err, ERR_INVALID, "unexpected param: indicator_id=%s, param='%.64s'", ind->id,
					 node->string);
		if ((ind->params[i].kind == INDICATOR_PARAM_ENUM ? read_enum : read_number)(&ind->params[i], node,
											    &out->v[i], err) != 0)
			return -1;
	}
	return 0;
}

static int read_source(const struct indicator *ind, const cJSON *inputs, enum series *out, struct error *err)
{
	const cJSON *node = json_get(inputs, "source");
	struct str text = str_trim(json_get_str(node));
	char lower[16];

	*out = SERIES_CLOSE;
	if (node == NULL)
		return 0;
	if (ind->sources == 0)
		return error_set(err, ERR_INVALID, "source axis is not supported by indicator definition");
	if (!cJSON_IsString(node))
		return error_set(err, ERR_INVALID, "source axis values must be strings");
	if (text.n == 0)
		return error_set(err, ERR_INVALID, "source axis values must be non-empty");
	if (str_copy(lower, sizeof(lower), text)) {
		str_lower_ascii(lower);
		if (series_parse(str_from(lower), out) && (ind->sources & (1u << *out)) != 0)
			return 0;
	}
	return error_set(err, ERR_INVALID, "unsupported source axis value: '%.*s'", STR_ARG(str_slice(text, 0, 64)));
}

int indicator_request_read(const struct indicator *ind, const cJSON *inputs, const cJSON *params,
			   struct indicator_request *out, struct error *err)
{
	struct indicator_request made = { .indicator = ind };

	if (read_source(ind, inputs, &made.source, err) != 0 || read_params(ind, params, &made.params, err) != 0)
		return -1;
	*out = made;
	return 0;
}

static cJSON *param_node(const struct indicator_param *p, union kernel_param v)
{
	switch (p->kind) {
	case INDICATOR_PARAM_FLOAT:
		return json_new_float(v.f);
	case INDICATOR_PARAM_ENUM:
		return cJSON_CreateString(p->values[v.i]);
	case INDICATOR_PARAM_INT:
	default:
		return json_new_int(v.i);
	}
}

void indicator_request_write(const struct indicator_request *r, struct strbuf *out)
{
	const struct indicator *ind = r->indicator;
	cJSON *root = cJSON_CreateObject();
	cJSON *inputs = cJSON_AddObjectToObject(root, "inputs"), *params = cJSON_AddObjectToObject(root, "params");

	cJSON_AddStringToObject(root, "id", ind->id);
	if (ind->sources != 0)
		cJSON_AddStringToObject(inputs, "source", series_text(r->source));
	for (size_t i = 0; i < indicator_param_count(ind); i++)
		cJSON_AddItemToObject(params, ind->params[i].name, param_node(&ind->params[i], r->params.v[i]));
	json_canonical(out, root);
	json_free(root);
}

/* ---- self-check ---- */

static bool is_blank(const char *text) { return text == NULL || str_is_blank(str_from(text)); }

/* Names up to the first NULL: none blank, none twice. */
static bool names_fine(const char *const *names, size_t max)
{
	for (size_t i = 0; i < max && names[i] != NULL; i++) {
		if (is_blank(names[i]))
			return false;
		for (size_t j = 0; j < i; j++)
			if (strcmp(names[i], names[j]) == 0)
				return false;
	}
	return true;
}

static bool axes_fine(const struct indicator *ind)
{
	size_t n = 0, want = indicator_param_count(ind) + (ind->sources != 0);

	for (; n < INDICATOR_AXES_MAX && ind->axes[n] != NULL; n++)
		if (strcmp(ind->axes[n], "source") == 0 ? ind->sources == 0
							: indicator_param_index(ind, str_from(ind->axes[n])) < 0)
			return false;
	return n == want && names_fine(ind->axes, INDICATOR_AXES_MAX);
}

static bool param_fine(const struct indicator_param *p)
{
	if (is_blank(p->name))
		return false;
	if (p->kind == INDICATOR_PARAM_ENUM)
		return p->values != NULL && p->values[0] != NULL;
	return p->step > 0 && p->min <= p->max && p->recommended >= p->min && p->recommended <= p->max;
}

static const char *row_fault(const struct indicator *ind)
{
	if (is_blank(ind->id) || is_blank(ind->title))
		return "blank id or title";
	if (ind->inputs == 0 && ind->sources == 0)
		return "no inputs";
	if (indicator_output_count(ind) == 0 || !names_fine(ind->outputs, INDICATOR_OUTPUTS_MAX))
		return "outputs";
	if (ind->primary >= indicator_output_count(ind))
		return "primary output";
	for (size_t i = 0; i < indicator_param_count(ind); i++)
		if (!param_fine(&ind->params[i]))
			return "parameter";
	if (!axes_fine(ind))
		return "axes";
	return ind->kernel == NULL || ind->first_bar == NULL ? "no kernel" : NULL;
}

int indicator_registry_check(const struct indicator *rows, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *fault = row_fault(&rows[i]);

		if (fault == NULL && i > 0 && strcmp(rows[i - 1].id, rows[i].id) >= 0)
			fault = "not in byte order of the ids, or twice";
		if (fault != NULL)
			return error_set(err, ERR_INTERNAL, "indicator registry row %zu (%s): %s", i,
					 is_blank(rows[i].id) ? "?" : rows[i].id, fault);
	}
	return 0;
}
