/* ws_handshake.h - the HTTP part of RFC 6455, on texts: no sockets here. Heads are at most WS_HEAD_MAX bytes. */
#ifndef ROEHUB_RUNTIME_WS_HANDSHAKE_H
#define ROEHUB_RUNTIME_WS_HANDSHAKE_H

#include "base/error.h"
#include "base/strbuf.h"

#define WS_HEAD_MAX    8192
#define WS_KEY_TEXT    25 /* base64 of 16 bytes and the NUL */
#define WS_ACCEPT_TEXT 29 /* base64 of a SHA-1 digest and the NUL */

struct ws_url {
	bool tls;
	char host[256];
	int port;
	char target[WS_HEAD_MAX / 2]; /* path and query, at least "/" */
};

/* ws://host[:port]/path?query or wss://..., host a name or an address ([::1] for IPv6). */
int ws_url_parse(const char *url, struct ws_url *out, struct error *err);

void ws_make_key(char key[WS_KEY_TEXT]);
void ws_accept_of(struct str key, char accept[WS_ACCEPT_TEXT]);
void ws_write_request(struct strbuf *out, const struct ws_url *url, const char *key);

/* head: everything up to and without the empty line. */
int ws_check_response(struct str head, const char *key, struct error *err);
struct ws_request {
	struct str target; /* borrowed from head */
	struct str key;
};
/* ERR_BAD_REQUEST for what is no upgrade request. */
int ws_parse_request(struct str head, struct ws_request *out, struct error *err);

#endif
