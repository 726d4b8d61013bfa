/* strategies.h - strategies and their runs: create, list, get, run, stop, delete. */
#ifndef ROEHUB_API_ROUTES_STRATEGIES_H
#define ROEHUB_API_ROUTES_STRATEGIES_H

#include "app.h"

#define STRATEGIES_BODY_MAX (64u << 10)

void strategies_create(struct http_request *req, struct http_response *res);
void strategies_list(struct http_request *req, struct http_response *res);
void strategies_get(struct http_request *req, struct http_response *res);
void strategies_run(struct http_request *req, struct http_response *res);
void strategies_stop(struct http_request *req, struct http_response *res);
void strategies_delete(struct http_request *req, struct http_response *res);

#endif
