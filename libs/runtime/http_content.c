#include "runtime/http_content.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/crypto.h"

#define COMPRESS_MIN   1024
#define COMPRESS_LEVEL 1 /* on a handler thread, for one answer: most of the gain at the least cost */

void http_conditional(const struct http_request *req, struct http_response *res)
{
	char digest[SHA256_HEX_MAX], tag[48];
	struct str wanted = http_header(req, "if-none-match"), one;

	if (res->status != 200)
		return;
	sha256_hex(strbuf_str(&res->body), digest);
	snprintf(tag, sizeof(tag), "W/\"%.32s\"", digest);
	http_set_header(res, "ETag", str_from(tag));
	while (str_split(&wanted, ',', &one)) {
		one = str_trim(one);
		/* weak comparison: the W/ does not count */
		if (str_eq(one, STR("*")) || str_eq_c(one, tag) || str_eq_c(one, tag + 2)) {
			res->status = 304;
			strbuf_reset(&res->body);
			return;
		}
	}
}

static bool quality_is_zero(struct str parameters)
{
	struct str one;

	while (str_split(&parameters, ';', &one)) {
		one = str_trim(one);
		if (one.n >= 3 && (one.p[0] == 'q' || one.p[0] == 'Q') && one.p[1] == '=') {
			double q;

			return !str_to_double(str_slice(one, 2, one.n), &q) || q <= 0;
		}
	}
	return false;
}

bool http_accepts_gzip(struct str accept_encoding)
{
	struct str one;
	bool any = false;

	while (str_split(&accept_encoding, ',', &one)) {
		size_t mark = str_find_byte(one, ';');
		struct str name = str_trim(str_slice(one, 0, mark));
		bool accepted = mark == SIZE_MAX || !quality_is_zero(str_slice(one, mark + 1, one.n));

		if (str_eq_nocase(name, STR("gzip")))
			return accepted;
		if (str_eq(name, STR("*")))
			any = accepted;
	}
	return any;
}

static bool is_text(const char *content_type)
{
	struct str t = str_from(content_type);

	return str_starts(t, STR("application/json")) || str_starts(t, STR("text/")) ||
	       str_starts(t, STR("image/svg"));
}

/* The compressed body; one that does not get smaller is left alone. */
static bool deflate_body(struct strbuf *body)
{
	z_stream z = { 0 };
	struct strbuf out = STRBUF_INIT(body->n);
	unsigned char chunk[16384];
	int rc = deflateInit2(&z, COMPRESS_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);

	if (rc != Z_OK)
		return false;
	z.next_in = (unsigned char *)(uintptr_t)strbuf_cstr(body);
	z.avail_in = (unsigned)body->n;
	do {
		z.next_out = chunk;
		z.avail_out = sizeof(chunk);
		rc = deflate(&z, Z_FINISH);
		strbuf_add(&out, (struct str){ (const char *)chunk, sizeof(chunk) - z.avail_out });
	} while (rc == Z_OK && !out.failed);
	deflateEnd(&z);
	if (rc != Z_STREAM_END || out.failed) {
		strbuf_release(&out);
		return false;
	}
	strbuf_release(body);
	*body = out;
	return true;
}

void http_compress(const struct http_request *req, struct http_response *res)
{
	if (res->body.n < COMPRESS_MIN || res->body.failed || !is_text(res->content_type))
		return;
	http_set_header(res, "Vary", STR("Accept-Encoding"));
	if (http_accepts_gzip(http_header(req, "accept-encoding")) && deflate_body(&res->body))
		http_set_header(res, "Content-Encoding", STR("gzip"));
}
