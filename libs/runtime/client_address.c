#include "runtime/client_address.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool is_v4(const uint8_t a[16]) { return memcmp(a, v4_prefix, sizeof(v4_prefix)) == 0; }

static bool parse_address(struct str text, uint8_t out[16])
{
	char copy[CLIENT_ADDRESS_MAX];

	if (!str_copy(copy, sizeof(copy), str_trim(text)))
		return false;
	if (inet_pton(AF_INET6, copy, out) == 1)
		return true;
	memcpy(out, v4_prefix, sizeof(v4_prefix));
	return inet_pton(AF_INET, copy, out + 12) == 1;
}

int client_networks_parse(struct str text, struct client_networks *out, struct error *err)
{
	struct str entry;

	out->n = 0;
	while (str_split(&text, ',', &entry)) {
		struct client_network *network = &out->items[out->n];
		size_t slash;
		int64_t bits = 128;

		entry = str_trim(entry);
		if (entry.n == 0)
			continue;
		if (out->n == CLIENT_NETWORKS_MAX)
			return error_set(err, ERR_INVALID, "at most %d networks are allowed", CLIENT_NETWORKS_MAX);
		slash = str_find_byte(entry, '/');
		if (!parse_address(str_slice(entry, 0, slash), network->address))
			return error_set(err, ERR_INVALID, "'%.*s' is no address or network",
					 (int)MIN_OF(entry.n, (size_t)64), entry.p);
		if (slash != SIZE_MAX) {
			bool ok = str_to_i64(str_slice(entry, slash + 1, entry.n), &bits) && bits >= 0;

			if (is_v4(network->address))
				bits += 96;
			if (!ok || bits > 128)
				return error_set(err, ERR_INVALID, "'%.*s' has a prefix length out of range",
						 (int)MIN_OF(entry.n, (size_t)64), entry.p);
		}
		network->bits = (int)bits;
		out->n++;
	}
	return 0;
}

static bool contains(const struct client_network *n, const uint8_t address[16])
{
	int whole = n->bits / 8, rest = n->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return memcmp(n->address, address, (size_t)whole) == 0 &&
	       (rest == 0 || ((n->address[whole] ^ address[whole]) & mask) == 0);
}

static bool is_trusted(const struct client_networks *trusted, const uint8_t address[16])
{
	for (size_t i = 0; i < trusted->n; i++)
		if (contains(&trusted->items[i], address))
			return true;
	return false;
}

/* The last element of a comma-separated list, taken off it. */
static bool take_last(struct str *list, struct str *last)
{
	size_t at = list->n;

	if (list->p == NULL || list->n == 0)
		return false;
	while (at > 0 && list->p[at - 1] != ',')
		at--;
	*last = str_slice(*list, at, list->n);
	*list = str_slice(*list, 0, at > 0 ? at - 1 : 0);
	return true;
}

const char *client_address(const struct client_networks *trusted, struct str peer, struct str forwarded_for,
			   char out[CLIENT_ADDRESS_MAX])
{
	uint8_t client[16], hop[16];
	struct str last;

	if (!parse_address(peer, client)) {
		str_copy(out, CLIENT_ADDRESS_MAX, STR("unknown"));
		return out;
	}
	while (is_trusted(trusted, client) && take_last(&forwarded_for, &last) && parse_address(last, hop))
		memcpy(client, hop, sizeof(client));
	if (is_v4(client)) {
		inet_ntop(AF_INET, client + 12, out, CLIENT_ADDRESS_MAX);
	} else {
		memset(client + 8, 0, 8);
		inet_ntop(AF_INET6, client, out, CLIENT_ADDRESS_MAX);
	}
	return out;
}
