/* auth.h - signing in with Telegram, signing out, and who is signed in. */
#ifndef ROEHUB_API_ROUTES_AUTH_H
#define ROEHUB_API_ROUTES_AUTH_H

#include "app.h"

void auth_telegram_login(struct http_request *req, struct http_response *res);
void auth_logout(struct http_request *req, struct http_response *res);
void auth_logout_everywhere(struct http_request *req, struct http_response *res); /* ends every session of the user */
void auth_current_user(struct http_request *req, struct http_response *res);

#endif
