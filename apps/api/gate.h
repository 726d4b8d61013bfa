/* gate.h - what every request passes on its way to a handler, in this order: the client's rate limit, the origin of a
 * state change, the session, the user's rate limit, two-factor, the idempotency key. Which of them a route asks for is
 * written in its row of the route table. */
#ifndef ROEHUB_API_GATE_H
#define ROEHUB_API_GATE_H

#include "app.h"

#define ROUTE_SESSION	    (1u << 8)  /* a signed-in user: current_user() */
#define ROUTE_TWO_FACTOR    (1u << 9)  /* ... who has two-factor enabled */
#define ROUTE_IDEMPOTENT    (1u << 10) /* takes an Idempotency-Key; works in the strategy database ... */
#define ROUTE_IDENTITY_DB   (1u << 11) /* ... or in the identity database */
#define ROUTE_SENSITIVE	    (1u << 12) /* never cached, never compressed: Cache-Control: no-store */
#define ROUTE_LIMIT_2FA	    (1u << 13) /* instead of the limit of reads or writes */
#define ROUTE_LIMIT_KEYS    (1u << 14)

/* The http_server_config.before and .after of the api. */
bool gate_before(struct http_request *req, struct http_response *res);
void gate_after(struct http_request *req, struct http_response *res);

#endif
