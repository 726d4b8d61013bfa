/* The parts of HTTP that need no socket: whose request it is, conditional answers, compression. */
#include "support/stack.h"

#include <zlib.h>

#include "base/base.h"
#include "runtime/client_address.h"
#include "runtime/http_content.h"

static void clients_behind_proxies(void **state)
{
	static const struct {
		const char *name, *peer, *forwarded, *client;
	} rows[] = {
		{ "direct", "203.0.113.9", NULL, "203.0.113.9" },
		{ "a stranger's header does not count", "203.0.113.9", "198.51.100.1", "203.0.113.9" },
		{ "behind the gateway", "10.0.0.2", "198.51.100.1", "198.51.100.1" },
		{ "a forged hop before the real one", "10.0.0.2", "1.2.3.4, 198.51.100.1", "198.51.100.1" },
		{ "two gateways", "10.0.0.2", "1.2.3.4, 198.51.100.1, 10.9.9.9", "198.51.100.1" },
		{ "only gateways", "10.0.0.2", "10.1.1.1, 10.9.9.9", "10.1.1.1" },
		{ "garbage stops the walk", "10.0.0.2", "198.51.100.1, banana", "10.0.0.2" },
		{ "empty", "10.0.0.2", "", "10.0.0.2" },
		{ "IPv6 is its /64", "2001:db8:1:2:3:4:5:6", NULL, "2001:db8:1:2::" },
		{ "IPv6 gateway", "::1", "2001:db8:1:2:ffff::1", "2001:db8:1:2::" },
		{ "mapped IPv4", "::ffff:10.0.0.2", "198.51.100.1", "198.51.100.1" },
		{ "no address", "", "198.51.100.1", "unknown" },
	};
	struct client_networks trusted;
	char out[CLIENT_ADDRESS_MAX];

	(void)state;
	assert_int_equal(client_networks_parse(STR("10.0.0.0/8, ::1"), &trusted, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		client_address(&trusted, str_from(rows[i].peer), str_from(rows[i].forwarded), out);
		if (strcmp(out, rows[i].client) != 0)
			fail_msg("%s: %s", rows[i].name, out);
	}
}

static void networks(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{ "", true },		{ "127.0.0.1", true },	 { "10.0.0.0/8,192.168.0.0/16 , ::1", true },
		{ "10.0.0.0/33", false }, { "10.0.0.0/-1", false }, { "10.0.0/8", false },
		{ "::/129", false },	{ "example.org", false }, { "10.0.0.0/x", false },
	};
	struct client_networks n;
	char out[CLIENT_ADDRESS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if ((client_networks_parse(str_from(rows[i].text), &n, NULL) == 0) != rows[i].ok)
			fail_msg("'%s'", rows[i].text);
	/* a prefix that ends within a byte */
	assert_int_equal(client_networks_parse(STR("172.16.0.0/12"), &n, NULL), 0);
	assert_string_equal(client_address(&n, STR("172.31.255.255"), STR("8.8.8.8"), out), "8.8.8.8");
	assert_string_equal(client_address(&n, STR("172.32.0.1"), STR("8.8.8.8"), out), "172.32.0.1");
}

static void who_accepts_gzip(void **state)
{
	static const struct {
		const char *header;
		bool yes;
	} rows[] = {
		{ NULL, false },	    { "", false },		{ "gzip", true },
		{ "deflate, GZIP", true },  { "br;q=1, gzip;q=0.5", true }, { "gzip;q=0", false },
		{ "gzip; q=0.000", false }, { "*", true },		{ "*;q=0", false },
		{ "identity", false },	    { "gzip;q=0, *", false },	{ "xgzip", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (http_accepts_gzip(str_from(rows[i].header)) != rows[i].yes)
			fail_msg("'%s'", rows[i].header != NULL ? rows[i].header : "none");
}

struct fixture {
	struct arena arena;
	struct http_header header;
	struct http_request req;
	struct http_response res;
};

static void begin(struct fixture *f, const char *name, const char *value, const char *body)
{
	memset(f, 0, sizeof(*f));
	arena_init(&f->arena, 1 << 20);
	f->header = (struct http_header){ str_from(name), str_from(value) };
	f->req = (struct http_request){ .arena = &f->arena, .headers = &f->header, .header_count = value != NULL };
	f->res = (struct http_response){ .arena = &f->arena, .status = 200, .content_type = "application/json" };
	strbuf_init(&f->res.body, 1 << 20);
	strbuf_addc(&f->res.body, body);
}

static void end(struct fixture *f)
{
	strbuf_release(&f->res.body);
	arena_release(&f->arena);
}

static const char *header_of(const struct fixture *f, const char *name)
{
	for (size_t i = 0; i < f->res.header_count; i++)
		if (str_eq_c(f->res.headers[i].name, name))
			return f->res.headers[i].value.p;
	return "";
}

static void conditional_answers(void **state)
{
	struct fixture f;
	char tag[64], several[128];

	(void)state;
	begin(&f, "if-none-match", NULL, "[1]");
	http_conditional(&f.req, &f.res);
	snprintf(tag, sizeof(tag), "%s", header_of(&f, "ETag"));
	assert_int_equal(strlen(tag), 36);
	assert_int_equal(f.res.status, 200);
	end(&f);

	snprintf(several, sizeof(several), "\"x\", %s", tag + 2); /* the strong form of it, among others */
	for (int i = 0; i < 3; i++) {
		begin(&f, "If-None-Match", i == 0 ? tag : i == 1 ? several : "*", "[1]");
		http_conditional(&f.req, &f.res);
		assert_int_equal(f.res.status, 304);
		assert_int_equal(f.res.body.n, 0);
		assert_string_equal(header_of(&f, "ETag"), tag);
		end(&f);
	}
	begin(&f, "If-None-Match", tag, "[2]");
	http_conditional(&f.req, &f.res);
	assert_int_equal(f.res.status, 200);
	assert_string_not_equal(header_of(&f, "ETag"), tag);
	end(&f);
	begin(&f, "If-None-Match", "*", "[2]");
	f.res.status = 404;
	http_conditional(&f.req, &f.res);
	assert_int_equal(f.res.status, 404);
	end(&f);
}

static void compression(void **state)
{
	char text[5000];
	unsigned char back[6000];
	struct fixture f;
	z_stream z = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i * i % 7);
	text[sizeof(text) - 1] = '\0';
	begin(&f, "Accept-Encoding", "gzip", text);
	http_compress(&f.req, &f.res);
	assert_string_equal(header_of(&f, "Content-Encoding"), "gzip");
	assert_string_equal(header_of(&f, "Vary"), "Accept-Encoding");
	assert_true(f.res.body.n < 1000);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (unsigned char *)f.res.body.p;
	z.avail_in = (unsigned)f.res.body.n;
	z.next_out = back;
	z.avail_out = sizeof(back);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, strlen(text));
	assert_memory_equal(back, text, strlen(text));
	inflateEnd(&z);
	end(&f);

	begin(&f, "Accept-Encoding", "gzip", "short");
	http_compress(&f.req, &f.res);
	assert_string_equal(strbuf_cstr(&f.res.body), "short");
	end(&f);
	begin(&f, "Accept-Encoding", NULL, text);
	http_compress(&f.req, &f.res);
	assert_string_equal(strbuf_cstr(&f.res.body), text);
	assert_string_equal(header_of(&f, "Vary"), "Accept-Encoding");
	end(&f);
	begin(&f, "Accept-Encoding", "gzip", text);
	f.res.content_type = "image/png";
	http_compress(&f.req, &f.res);
	assert_string_equal(strbuf_cstr(&f.res.body), text);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_behind_proxies), cmocka_unit_test(networks),	  cmocka_unit_test(who_accepts_gzip),
		cmocka_unit_test(conditional_answers),	  cmocka_unit_test(compression),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
