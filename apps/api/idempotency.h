/* idempotency.h - Idempotency-Key: a state change that is sent twice is done once, and answered twice alike.
 *
 * The claim on the key, the work of the handler and the stored answer are one transaction. Server errors and 429 are not
 * kept: the client may try them again. */
#ifndef ROEHUB_API_IDEMPOTENCY_H
#define ROEHUB_API_IDEMPOTENCY_H

#include "app.h"

/* Without the header: true. With it: true when the work is to be done; false when the answer is made (the stored one, or
 * a refusal of the key). */
bool idempotency_begin(struct http_request *req, struct http_response *res, struct pg *pg);
/* After the handler: stores the answer and commits. Without a claim it does nothing. */
void idempotency_end(struct http_request *req, struct http_response *res);

#endif
