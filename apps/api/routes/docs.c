#include "routes/docs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/config/yaml_json.h"
#include "app.h"

#define DOCUMENT_MAX (4u << 20)
#define ASSET_MAX    (8u << 20)
/* Swagger UI styles its elements in place. */
#define PAGE_POLICY                                                                                                    \
	"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "              \
	"connect-src 'self'; font-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"

static const char page[] =
	"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Roehub API</title>"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
	"<link rel=\"stylesheet\" href=\"docs/swagger-ui.css\"></head><body><div id=\"api\"></div>"
	"<script src=\"docs/swagger-ui-bundle.js\"></script><script src=\"docs/start.js\"></script></body></html>\n";
static const char start_script[] =
	"SwaggerUIBundle({url:'openapi.json',dom_id:'#api',deepLinking:true,validatorUrl:null,"
	"presets:[SwaggerUIBundle.presets.apis],layout:'BaseLayout'});\n";

static const struct {
	const char *name, *content_type;
} assets[] = {
	{ "swagger-ui.css", "text/css; charset=utf-8" },
	{ "swagger-ui-bundle.js", "text/javascript; charset=utf-8" },
	{ "favicon-32x32.png", "image/png" },
};

struct docs {
	struct strbuf openapi;
	struct strbuf assets[ARRAY_LEN(assets)];
};

static int read_file(const char *path, struct strbuf *out, struct error *err)
{
	FILE *f = fopen(path, "re");
	char chunk[16384];
	size_t n;

	if (f == NULL)
		return error_set_errno(err, errno, "cannot read %s", path);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		strbuf_add(out, (struct str){ chunk, n });
	fclose(f);
	return strbuf_error(out, err);
}

struct docs *docs_load(const char *dir, struct error *err)
{
	struct docs *d = calloc(1, sizeof(*d));
	char path[1200];

	if (d == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory");
		return NULL;
	}
	strbuf_init(&d->openapi, DOCUMENT_MAX);
	snprintf(path, sizeof(path), "%s/openapi.yaml", dir);
	if (yaml_json_file(path, &d->openapi, err) != 0) {
		docs_free(d);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(assets); i++) {
		strbuf_init(&d->assets[i], ASSET_MAX);
		snprintf(path, sizeof(path), "%s/swagger-ui/%s", dir, assets[i].name);
		if (read_file(path, &d->assets[i], NULL) != 0)
			strbuf_release(&d->assets[i]);
	}
	return d;
}

void docs_free(struct docs *d)
{
	if (d == NULL)
		return;
	strbuf_release(&d->openapi);
	for (size_t i = 0; i < ARRAY_LEN(assets); i++)
		strbuf_release(&d->assets[i]);
	free(d);
}

void docs_openapi(struct http_request *req, struct http_response *res)
{
	strbuf_add(&res->body, strbuf_str(&app_of(req)->docs->openapi));
}

static void not_found(struct http_response *res) { http_error(res, 404, "not_found", "Not found"); }

void docs_page(struct http_request *req, struct http_response *res)
{
	if (app_of(req)->docs->assets[1].n == 0) { /* Swagger UI is not installed; the document is there all the same */
		not_found(res);
		return;
	}
	res->content_type = "text/html; charset=utf-8";
	http_set_header(res, "Content-Security-Policy", STR(PAGE_POLICY));
	strbuf_addc(&res->body, page);
}

void docs_asset(struct http_request *req, struct http_response *res)
{
	const struct docs *d = app_of(req)->docs;

	if (str_eq(req->params[0], STR("start.js"))) {
		res->content_type = "text/javascript; charset=utf-8";
		strbuf_addc(&res->body, start_script);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(assets); i++)
		if (str_eq_c(req->params[0], assets[i].name) && d->assets[i].n > 0) {
			res->content_type = assets[i].content_type;
			http_set_header(res, "Cache-Control", STR("public, max-age=3600"));
			strbuf_add(&res->body, strbuf_str(&d->assets[i]));
			return;
		}
	not_found(res);
}
