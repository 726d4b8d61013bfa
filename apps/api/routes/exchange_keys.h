/* exchange_keys.h - /exchange-keys: API keys of exchanges, stored sealed, shown by their last four characters. */
#ifndef ROEHUB_API_ROUTES_EXCHANGE_KEYS_H
#define ROEHUB_API_ROUTES_EXCHANGE_KEYS_H

#include "app.h"

#define EXCHANGE_KEYS_BODY_MAX (64 << 10)

void exchange_keys_create(struct http_request *req, struct http_response *res);
void exchange_keys_list(struct http_request *req, struct http_response *res);
void exchange_keys_delete(struct http_request *req, struct http_response *res);

#endif
