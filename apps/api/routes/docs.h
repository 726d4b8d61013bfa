/* docs.h - /openapi.json and /docs: the description of the api, and Swagger UI to read and try it. */
#ifndef ROEHUB_API_ROUTES_DOCS_H
#define ROEHUB_API_ROUTES_DOCS_H

#include "base/error.h"
#include "runtime/http_server.h"

struct docs;

/* Reads openapi.yaml and what there is of swagger-ui/ below dir into memory; the files are not looked at again. */
struct docs *docs_load(const char *dir, struct error *err);
void docs_free(struct docs *d);

void docs_openapi(struct http_request *req, struct http_response *res);
void docs_page(struct http_request *req, struct http_response *res);
void docs_asset(struct http_request *req, struct http_response *res);

#endif
