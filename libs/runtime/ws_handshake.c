#include "runtime/ws_handshake.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

int ws_url_parse(const char *url, struct ws_url *out, struct error *err)
{
	struct str rest = str_from(url), host, port = STR_NULL;
	struct ws_url u = { .port = 80 };
	size_t slash, colon;
	int64_t number;

	if (str_starts(rest, STR("wss://"))) {
		u.tls = true;
		u.port = 443;
		rest = str_slice(rest, 6, rest.n);
	} else if (str_starts(rest, STR("ws://"))) {
		rest = str_slice(rest, 5, rest.n);
	} else {
		return error_set(err, ERR_INVALID, "a WebSocket URL must start with ws:// or wss://");
	}
	slash = MIN_OF(str_find_byte(rest, '/'), str_find_byte(rest, '?'));
	host = str_slice(rest, 0, slash);
	rest = slash == SIZE_MAX ? STR("") : str_slice(rest, slash, rest.n);
	if (host.n > 0 && host.p[0] == '[') {
		size_t end = str_find_byte(host, ']');

		if (end == SIZE_MAX)
			return error_set(err, ERR_INVALID, "the address of the WebSocket URL lacks a ]");
		if (end + 1 < host.n && host.p[end + 1] == ':')
			port = str_slice(host, end + 2, host.n);
		host = str_slice(host, 1, end);
	} else if ((colon = str_find_byte(host, ':')) != SIZE_MAX) {
		port = str_slice(host, colon + 1, host.n);
		host = str_slice(host, 0, colon);
	}
	if (port.p != NULL) {
		if (!str_to_i64(port, &number) || number < 1 || number > 65535)
			return error_set(err, ERR_INVALID, "the port of the WebSocket URL must be from 1 to 65535");
		u.port = (int)number;
	}
	for (size_t i = 0; i < rest.n; i++)
		if ((unsigned char)rest.p[i] <= ' ' || rest.p[i] == 0x7f)
			return error_set(err, ERR_INVALID, "the WebSocket URL contains white space or control bytes");
	if (host.n == 0 || !str_copy(u.host, sizeof(u.host), host) || rest.n + 2 > sizeof(u.target))
		return error_set(err, ERR_INVALID, "the WebSocket URL has no host or is too long");
	snprintf(u.target, sizeof(u.target), "%s%.*s", rest.n == 0 || rest.p[0] != '/' ? "/" : "", STR_ARG(rest));
	*out = u;
	return 0;
}

void ws_make_key(char key[WS_KEY_TEXT])
{
	struct strbuf sb = STRBUF_INIT(WS_KEY_TEXT);
	char raw[16];

	crypto_random(raw, sizeof(raw));
	base64_encode(&sb, (struct str){ raw, sizeof(raw) });
	str_copy(key, WS_KEY_TEXT, strbuf_str(&sb));
	strbuf_release(&sb);
}

void ws_accept_of(struct str key, char accept[WS_ACCEPT_TEXT])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, section 1.3 */
	struct strbuf sb = STRBUF_INIT(256);
	unsigned char digest[20];

	strbuf_add(&sb, key);
	strbuf_addc(&sb, guid);
	if (EVP_Digest(strbuf_cstr(&sb), sb.n, digest, NULL, EVP_sha1(), NULL) != 1)
		abort();
	strbuf_reset(&sb);
	base64_encode(&sb, (struct str){ (const char *)digest, sizeof(digest) });
	str_copy(accept, WS_ACCEPT_TEXT, strbuf_str(&sb));
	strbuf_release(&sb);
}

void ws_write_request(struct strbuf *out, const struct ws_url *url, const char *key)
{
	bool ipv6 = strchr(url->host, ':') != NULL;

	strbuf_addf(out,
		    "GET %s HTTP/1.1\r\nHost: %s%s%s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		    "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nUser-Agent: roehub/" ROEHUB_VERSION
		    "\r\n\r\n",
		    url->target, ipv6 ? "[" : "", url->host, ipv6 ? "]" : "", url->port, key);
}

/* Value of a header, trimmed; *count says how often it occurs. */
static struct str head_value(struct str head, struct str name, int *count)
{
	struct str line, value = STR_NULL;

	*count = 0;
	str_split(&head, '\n', &line);
	while (str_split(&head, '\n', &line)) {
		size_t colon = str_find_byte(line, ':');

		if (colon != SIZE_MAX && str_eq_nocase(str_slice(line, 0, colon), name)) {
			value = str_trim(str_slice(line, colon + 1, line.n));
			++*count;
		}
	}
	return value;
}

static bool has_token(struct str list, struct str token)
{
	struct str part;

	while (str_split(&list, ',', &part))
		if (str_eq_nocase(str_trim(part), token))
			return true;
	return false;
}

static struct str first_line(struct str head)
{
	size_t end = str_find_byte(head, '\r');

	return str_slice(head, 0, end);
}

int ws_check_response(struct str head, const char *key, struct error *err)
{
	struct str line = first_line(head), value;
	char accept[WS_ACCEPT_TEXT];
	int n;

	if (!str_starts(line, STR("HTTP/1.1 101")))
		return error_set(err, ERR_UNAVAILABLE, "the upgrade was refused: %.*s", (int)MIN_OF(line.n, (size_t)60),
				 line.p);
	value = head_value(head, STR("upgrade"), &n);
	if (n != 1 || !str_eq_nocase(value, STR("websocket")))
		return error_set(err, ERR_INVALID, "the upgrade answer has no Upgrade: websocket");
	value = head_value(head, STR("connection"), &n);
	if (n < 1 || !has_token(value, STR("upgrade")))
		return error_set(err, ERR_INVALID, "the upgrade answer has no Connection: Upgrade");
	ws_accept_of(str_from(key), accept);
	value = head_value(head, STR("sec-websocket-accept"), &n);
	if (n != 1 || !str_eq_c(value, accept))
		return error_set(err, ERR_INVALID, "the upgrade answer has a wrong Sec-WebSocket-Accept");
	head_value(head, STR("sec-websocket-extensions"), &n);
	if (n != 0)
		return error_set(err, ERR_INVALID, "the upgrade answer has extensions that were not asked for");
	return 0;
}

int ws_parse_request(struct str head, struct ws_request *out, struct error *err)
{
	struct str rest = first_line(head), method, target, version, value;
	int n;

	if (!str_split(&rest, ' ', &method) || !str_split(&rest, ' ', &target) || !str_split(&rest, ' ', &version) ||
	    rest.p != NULL || !str_eq(method, STR("GET")) || !str_eq(version, STR("HTTP/1.1")) || target.n == 0 ||
	    target.p[0] != '/')
		return error_set(err, ERR_BAD_REQUEST, "no GET request of HTTP/1.1");
	value = head_value(head, STR("upgrade"), &n);
	if (n != 1 || !str_eq_nocase(value, STR("websocket")))
		return error_set(err, ERR_BAD_REQUEST, "no Upgrade: websocket");
	value = head_value(head, STR("connection"), &n);
	if (n < 1 || !has_token(value, STR("upgrade")))
		return error_set(err, ERR_BAD_REQUEST, "no Connection: Upgrade");
	value = head_value(head, STR("sec-websocket-version"), &n);
	if (n != 1 || !str_eq(value, STR("13")))
		return error_set(err, ERR_BAD_REQUEST, "Sec-WebSocket-Version must be 13");
	value = head_value(head, STR("sec-websocket-key"), &n);
	if (n != 1 || value.n != WS_KEY_TEXT - 1)
		return error_set(err, ERR_BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in base64");
	*out = (struct ws_request){ target, value };
	return 0;
}
