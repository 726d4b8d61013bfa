/* control.h - the operator's side of the sandbox: what time it is, what was sent, what shall go wrong. */
#ifndef ROEHUB_SANDBOX_CONTROL_H
#define ROEHUB_SANDBOX_CONTROL_H

#include "runtime/http_server.h"

void control_status(struct http_request *req, struct http_response *res);
void control_clock(struct http_request *req, struct http_response *res);
void control_faults_set(struct http_request *req, struct http_response *res);
void control_faults_clear(struct http_request *req, struct http_response *res);
void control_candles(struct http_request *req, struct http_response *res);
void control_telegram_sent(struct http_request *req, struct http_response *res);
void control_telegram_clear(struct http_request *req, struct http_response *res);
void control_telegram_update(struct http_request *req, struct http_response *res);

#endif
