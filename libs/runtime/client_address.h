/* client_address.h - whose request is it, behind proxies that we trust? Pure.
 *
 * The socket's peer is the client unless it is a trusted proxy; then X-Forwarded-For is read from its right end, over the
 * hops that are trusted, and the first that is not is the client. A client cannot choose its address that way. */
#ifndef ROEHUB_RUNTIME_CLIENT_ADDRESS_H
#define ROEHUB_RUNTIME_CLIENT_ADDRESS_H

#include "base/error.h"
#include "base/str.h"

#define CLIENT_NETWORKS_MAX 32
#define CLIENT_ADDRESS_MAX  48

struct client_network {
	uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
	int bits;
};

struct client_networks {
	struct client_network items[CLIENT_NETWORKS_MAX];
	size_t n;
};

/* "10.0.0.0/8, ::1, 192.168.1.7"; "" is none. ERR_INVALID names the entry. */
int client_networks_parse(struct str text, struct client_networks *out, struct error *err);
/* Canonical text of the client's address; IPv6 clients are reduced to their /64, which one customer has to himself. */
const char *client_address(const struct client_networks *trusted, struct str peer, struct str forwarded_for,
			   char out[CLIENT_ADDRESS_MAX]);

#endif
