/* two_factor.h - /2fa: status, set-up and confirmation of time codes. */
#ifndef ROEHUB_API_ROUTES_TWO_FACTOR_H
#define ROEHUB_API_ROUTES_TWO_FACTOR_H

#include "app.h"

void two_factor_status(struct http_request *req, struct http_response *res);
/* ?qr=svg,png adds qr_svg (a document) and qr_png (a data: URL) to the otpauth_uri. */
void two_factor_setup(struct http_request *req, struct http_response *res);
void two_factor_verify(struct http_request *req, struct http_response *res);

#endif
