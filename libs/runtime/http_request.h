/* http_request.h - the parts of HTTP handling that touch no socket: route matching, decoding, response building. */
#ifndef ROEHUB_RUNTIME_HTTP_REQUEST_H
#define ROEHUB_RUNTIME_HTTP_REQUEST_H

#include "runtime/http_server.h"

/* Percent-decodes; plus_is_space for queries. STR_NULL for a malformed escape, a NUL, or no memory. */
struct str http_decode(struct arena *a, struct str text, bool plus_is_space);

enum http_match { HTTP_MATCHED, HTTP_NO_PATH, HTTP_NO_METHOD };
/* Fills req->route and req->params for req->method and req->path. HTTP_NO_METHOD: allow lists the methods of the path. */
enum http_match http_match_route(const struct http_route *routes, size_t n, struct http_request *req, char allow[64]);

bool http_method_known(struct str method); /* "GET"; case matters */
/* 1..36 characters of [A-Za-z0-9-] */
bool http_request_id_ok(struct str id);
/* The whole text of an error answer: {"error":{"code":...,"message":...,"details":{}}} */
void http_error_body(struct strbuf *sb, const char *code, const char *message, struct str details_json);

#endif
