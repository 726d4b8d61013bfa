#include "faults.h"

#include <string.h>

static const char *const names[FAULT_KIND_COUNT] = {
#define X(id, text, what) [FAULT_##id] = text,
	FAULT_KINDS(X)
#undef X
};

static const char *const members[] = {
	"venue", "kind", "count", "probability", "duration_ms", "retry_after_s", "seed"
};

static int check_members(const cJSON *body, struct error *err)
{
	if (!cJSON_IsObject(body))
		return error_set(err, ERR_INVALID, "a fault must be an object");
	for (const cJSON *c = body->child; c != NULL; c = c->next) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_LEN(members); i++)
			known = known || strcmp(c->string, members[i]) == 0;
		if (!known)
			return error_set(err, ERR_INVALID, "unknown member %.40s", c->string);
	}
	return 0;
}

static int optional_int(const cJSON *body, const char *key, int64_t max, int64_t *out, struct error *err)
{
	return json_get(body, key) == NULL ? 0 : json_need_i64(body, key, 0, max, out, err);
}

int faults_set(struct faults *f, const cJSON *body, enum fault_kind *kind, struct error *err)
{
	struct fault new = { .count = 1, .duration_ms = 5000, .retry_after_s = 1 };
	int64_t seed = 1;
	struct str name;
	size_t i = 0;

	if (check_members(body, err) != 0 || json_need_str(body, "kind", &name, err) != 0 ||
	    optional_int(body, "count", 1000000000, &new.count, err) != 0 ||
	    optional_int(body, "duration_ms", 3600000, &new.duration_ms, err) != 0 ||
	    optional_int(body, "retry_after_s", 86400, &new.retry_after_s, err) != 0 ||
	    optional_int(body, "seed", INT64_MAX, &seed, err) != 0)
		return -1;
	while (i < FAULT_KIND_COUNT && !str_eq_c(name, names[i]))
		i++;
	if (i == FAULT_KIND_COUNT)
		return error_set(err, ERR_INVALID, "unknown kind %.*s", (int)MIN_OF(name.n, (size_t)40), name.p);
	if (json_get(body, "probability") != NULL) {
		if (json_need_double(body, "probability", &new.probability, err) != 0)
			return -1;
		if (new.probability < 0 || new.probability > 1)
			return error_set(err, ERR_INVALID, "member probability: number from 0 to 1 expected");
		new.count = -1;
	}
	rng_seed(&new.rng, (uint64_t)seed);
	*kind = (enum fault_kind)i;
	f->kinds[i] = new;
	return 0;
}

void faults_clear(struct faults *f) { memset(f, 0, sizeof(*f)); }

bool fault_fires(struct faults *f, enum fault_kind kind)
{
	struct fault *k = &f->kinds[kind];

	if (k->count == 0 || (k->count < 0 && rng_unit(&k->rng) >= k->probability))
		return false;
	if (k->count > 0)
		k->count--;
	k->fired++;
	return true;
}

void faults_write(const struct faults *f, struct json_writer *w)
{
	jw_obj(w);
	for (size_t i = 0; i < FAULT_KIND_COUNT; i++) {
		if (f->kinds[i].count == 0 && f->kinds[i].fired == 0)
			continue;
		jw_key(w, names[i]);
		jw_obj(w);
		jw_key(w, "left");
		jw_int(w, f->kinds[i].count);
		jw_key(w, "fired");
		jw_int(w, f->kinds[i].fired);
		jw_end(w);
	}
	jw_end(w);
}
