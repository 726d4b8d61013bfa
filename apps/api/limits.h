/* limits.h - how often may a client or a user ask? Counted in Redis for all api processes together.
 *
 * Reads and ordinary writes go on while Redis is away (counted in roehub_api_rate_limit_unavailable_total); logins,
 * two-factor and exchange keys are refused then, 503. Permits for reads are fetched in small batches and spent here, so
 * that a request does not cost a round trip. */
#ifndef ROEHUB_API_LIMITS_H
#define ROEHUB_API_LIMITS_H

#include "app.h"

struct limits *limits_new(const struct api_config *config, struct metrics *metrics);
void limits_free(struct limits *l);

/* One permit for the subject (an address, a user id). false: refused, the answer is made: 429 with Retry-After, or 503. */
bool limits_take(struct http_request *req, struct http_response *res, enum api_limit limit, const char *subject);
/* Gives the permit back: what was done does not count after all. */
void limits_give_back(struct http_request *req, enum api_limit limit, const char *subject);

#endif
