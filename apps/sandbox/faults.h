/* faults.h - what production will do to us, on demand: POST /control/faults.
 * A fault fires `count` times or, with a probability, whenever the dice say so; some last for duration_ms. */
#ifndef ROEHUB_SANDBOX_FAULTS_H
#define ROEHUB_SANDBOX_FAULTS_H

#include "base/json.h"
#include "base/random.h"

#define FAULT_KINDS(X)                                                                                                 \
	X(DISCONNECT, "disconnect", "drop every stream connection before a closing frame")                             \
	X(STALL, "stall", "send nothing for duration_ms, sockets stay open")                                           \
	X(HALF_OPEN, "half_open", "stop reading and writing on the open connections")                                  \
	X(DUPLICATE, "duplicate", "send a closing frame twice")                                                        \
	X(MISSING, "missing", "leave a closing frame out")                                                             \
	X(LATE, "late", "send a closing frame after that of the next minute")                                          \
	X(BAD_FRAME, "bad_frame", "send garbage before a closing frame")                                               \
	X(HTTP_429, "http_429", "answer REST with 429 and Retry-After")                                                \
	X(HTTP_418, "http_418", "answer REST with 418 and Retry-After")                                                \
	X(HTTP_500, "http_500", "answer REST with 500")                                                                \
	X(TELEGRAM_429, "telegram_429", "answer the Bot API with 429 and retry_after")                                 \
	X(TELEGRAM_500, "telegram_500", "answer the Bot API with 500")                                                 \
	X(TELEGRAM_TIMEOUT, "telegram_timeout", "let a Bot API call hang for duration_ms")

enum fault_kind {
#define X(id, text, what) FAULT_##id,
	FAULT_KINDS(X)
#undef X
		FAULT_KIND_COUNT
};

struct fault {
	int64_t count; /* times left; < 0: by probability */
	double probability;
	int64_t duration_ms, retry_after_s;
	int64_t fired;
	struct rng rng;
};

struct faults {
	struct fault kinds[FAULT_KIND_COUNT];
};

/* One object {"kind":..., "count":N | "probability":p, "duration_ms":..., "retry_after_s":..., "seed":N}; "venue" is
 * accepted for the reader's sake. Errors name the member. */
int faults_set(struct faults *f, const cJSON *body, enum fault_kind *kind, struct error *err);
void faults_clear(struct faults *f);
/* Does this fault happen now? */
bool fault_fires(struct faults *f, enum fault_kind kind);
void faults_write(const struct faults *f, struct json_writer *w);

#endif
