/* Both ends of the WebSocket handshake, and the URL. */
#include <assert.h>
#include <string.h>

#include "runtime/ws_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct ws_request request;
	struct ws_url url;
	char copy[4096];

	if (ws_parse_request(text, &request, NULL) == 0)
		assert(request.target.n > 0 && request.target.p[0] == '/');
	(void)ws_check_response(text, "dGhlIHNhbXBsZSBub25jZQ==", NULL);
	if (str_copy(copy, sizeof(copy), text) && ws_url_parse(copy, &url, NULL) == 0)
		assert(url.host[0] != '\0' && url.port > 0 && url.target[0] == '/');
	return 0;
}
