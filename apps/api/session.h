/* session.h - who is asking? The one place that reads the session cookie. */
#ifndef ROEHUB_API_SESSION_H
#define ROEHUB_API_SESSION_H

#include "app.h"
#include "ports/identity_store.h"

/* Cookie, token, user row, in this order; false: the answer (401, or 503 when the database is away) is made. */
bool session_user(struct http_request *req, struct http_response *res, struct user_row *user);

void session_set_cookie(struct http_request *req, struct http_response *res, const struct user_row *user, utc_t now);
void session_clear_cookie(struct http_request *req, struct http_response *res, utc_t now);
/* State-changing requests of a browser must come from our own pages: Origin, when sent, must name the host asked for. */
bool session_origin_ok(struct http_request *req, struct http_response *res);

#endif
