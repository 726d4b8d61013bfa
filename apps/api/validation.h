/* validation.h - the items of a 422: collected, sorted as texts, written as details.errors. */
#ifndef ROEHUB_API_VALIDATION_H
#define ROEHUB_API_VALIDATION_H

#include "base/json.h"
#include "runtime/http_server.h"

#define FAULTS_MAX 256

struct validation_item {
	char path[160];
	const char *code;
	char message[128];
};

struct validation {
	struct validation_item items[FAULTS_MAX];
	size_t n;
};

/* path: "body.timeframe"; what is beyond FAULTS_MAX is left out. */
void validation_add(struct validation *v, const char *code, const char *message, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Nothing was found wrong. */
static inline bool validation_ok(const struct validation *v) { return v->n == 0; }
/* 422 with the message on top ("Validation failed"). */
void validation_answer(struct validation *v, struct http_response *res, const char *message);

/* The request's JSON object: content type, presence, grammar, kind. NULL: the answer is made. Free with json_free. */
cJSON *validation_body(struct http_request *req, struct http_response *res);
/* A UUID out of the path; false: the item was added. */
bool validation_uuid(struct validation *v, struct str text, const char *path, struct uuid *out);

/* An integer out of the query, from min to max. */
void validation_int(struct validation *v, struct str text, const char *path, int64_t min, int64_t max, int64_t *out);

void validation_need_text(struct validation *v, const cJSON *obj, const char *key, const char *prefix);
/* One of the texts (NULL at the end): "Input should be 'a', 'b' or 'c'". */
void validation_need_literal(struct validation *v, const cJSON *obj, const char *key, const char *prefix,
			     const char *const *allowed);
void validation_text_or_null(struct validation *v, const cJSON *obj, const char *key, const char *prefix);
/* A text of at most max characters; anything but a text is not looked at. */
void validation_length(struct validation *v, const cJSON *obj, const char *key, const char *prefix, size_t max);
void validation_forbid_extra(struct validation *v, const cJSON *obj, const char *const *known, const char *prefix);

#endif
