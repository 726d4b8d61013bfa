#include "idempotency.h"

#include <string.h>

#include "base/crypto.h"
#include "ports/idempotency_store.h"
#include "validation.h"

static bool is_key(struct str key)
{
	if (key.n == 0 || key.n > IDEMPOTENCY_KEY_MAX)
		return false;
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] <= ' ' || key.p[i] > '~')
			return false;
	return true;
}

static void refuse_key(struct http_response *res, const char *code, const char *message)
{
	struct validation *v = arena_calloc(res->arena, 1, sizeof(*v));

	if (v == NULL) {
		http_error(res, 503, "service_unavailable", "Service temporarily unavailable");
		return;
	}
	validation_add(v, code, message, "header.idempotency-key");
	validation_answer(v, res, "Validation failed");
}

/* What makes two requests the same. */
static void request_digest(const struct http_request *req, uint8_t out[SHA256_BYTES])
{
	struct strbuf text = STRBUF_INIT(4u << 20);

	strbuf_addf(&text, "%s %.*s?%.*s\n", http_method_text(req->method), STR_ARG(req->path), (int)req->query.n,
		    req->query.p != NULL ? req->query.p : "");
	strbuf_add(&text, req->body);
	sha256(strbuf_str(&text), out);
	if (text.p != NULL)
		explicit_bzero(text.p, text.n);
	strbuf_release(&text);
}

/* Claims inside the transaction; the inner level is the handler's, so that its failure leaves the claim alone. */
static int claim(struct http_request *req, struct pg *pg, struct str key, enum idempotency_claim *outcome,
		 struct idempotency_answer *answer, struct error *err)
{
	uint8_t digest[SHA256_BYTES];

	request_digest(req, digest);
	if (pg_begin(pg, err) != 0)
		return -1;
	if (idempotency_store_claim(pg, req->arena, current_user(req)->user_id, key, digest,
				    settings_now(&app_of(req)->settings), outcome, answer, err) != 0 ||
	    (*outcome == IDEMPOTENCY_NEW && pg_begin(pg, err) != 0)) {
		pg_rollback(pg);
		return -1;
	}
	if (*outcome != IDEMPOTENCY_NEW)
		pg_rollback(pg);
	return 0;
}

bool idempotency_begin(struct http_request *req, struct http_response *res, struct pg *pg)
{
	struct str key = http_header(req, "idempotency-key");
	struct idempotency_answer answer = { 0, STR_NULL };
	enum idempotency_claim outcome = IDEMPOTENCY_NEW;
	struct error err = ERROR_INIT;

	if (key.p == NULL)
		return true;
	if (!is_key(key)) {
		refuse_key(res, "invalid_value", "Idempotency-Key should be 1 to 255 printable ASCII characters");
		return false;
	}
	if (claim(req, pg, key, &outcome, &answer, &err) != 0) {
		app_fail(req, res, &err);
		return false;
	}
	switch (outcome) {
	case IDEMPOTENCY_NEW:
		worker_of(req)->idempotency = pg;
		worker_of(req)->idempotency_key = key;
		return true;
	case IDEMPOTENCY_REPLAY:
		res->status = answer.status;
		strbuf_add(&res->body, answer.body);
		http_set_header(res, "Idempotency-Replayed", STR("true"));
		return false;
	case IDEMPOTENCY_OTHER_REQUEST:
		refuse_key(res, "idempotency_key_reused", "Idempotency-Key was used with another request");
		return false;
	}
	return false;
}

void idempotency_end(struct http_request *req, struct http_response *res)
{
	struct pg *pg = worker_of(req)->idempotency;
	bool done = res->status < 300;
	struct error err = ERROR_INIT;

	worker_of(req)->idempotency = NULL;
	if (pg == NULL)
		return;
	if (res->status >= 500 || res->status == 429) {
		pg_rollback(pg);
		pg_rollback(pg);
		return;
	}
	if (!done)
		pg_rollback(pg);
	if ((done && pg_commit(pg, &err) != 0) ||
	    idempotency_store_finish(pg, current_user(req)->user_id, worker_of(req)->idempotency_key, res->status,
				     strbuf_str(&res->body), &err) != 0) {
		pg_rollback(pg);
		app_fail(req, res, &err);
	} else if (pg_commit(pg, &err) != 0) {
		app_fail(req, res, &err);
	}
}
