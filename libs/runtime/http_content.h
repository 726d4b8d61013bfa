/* http_content.h - what becomes of a response body on its way out: conditional answers and compression. */
#ifndef ROEHUB_RUNTIME_HTTP_CONTENT_H
#define ROEHUB_RUNTIME_HTTP_CONTENT_H

#include "runtime/http_server.h"

/* Weak ETag of a 200 body (SHA-256, 128 bits); when If-None-Match has it (or *), 304 without a body. */
void http_conditional(const struct http_request *req, struct http_response *res);
/* gzip when the client accepts it, the kind is text and the body is worth it; Vary: Accept-Encoding either way. */
void http_compress(const struct http_request *req, struct http_response *res);
/* Does an Accept-Encoding header accept gzip (named or by *, with a quality above 0)? */
bool http_accepts_gzip(struct str accept_encoding);

#endif
