#include "adapters/clickhouse/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "runtime/config.h"
#include "runtime/http_client.h"

#define ANSWER_MAX (256u << 20)
#define SQL_MAX	   65536

struct ch_http {
	struct ch_settings s;
	struct http_client *http;
	char user[160], key[300], base[512];
};

/* ---- settings ------------------------------------------------------------------------------------------------------ */

static int flag(const char *name, bool dflt, bool *out, struct error *err)
{
	const char *text = config_env(name);
	struct str value = text != NULL ? str_trim(str_from(text)) : STR_NULL;

	*out = dflt;
	if (text == NULL)
		return 0;
	if (!str_eq(value, STR("0")) && !str_eq(value, STR("1")))
		return error_set(err, ERR_INVALID, "%s: Expected '0' or '1' for boolean env var", name);
	*out = str_eq(value, STR("1"));
	return 0;
}

static int text(const char *first, const char *second, const char *dflt, char *out, size_t size, struct error *err)
{
	const char *value = config_env(first);

	if (value == NULL && second != NULL)
		value = config_env(second);
	if (!str_copy(out, size, str_trim(str_from(value != NULL ? value : dflt))))
		return error_set(err, ERR_INVALID, "%s is too long", first);
	return 0;
}

int ch_settings_from_env(struct ch_settings *out, struct error *err)
{
	int64_t port = 8123;

	memset(out, 0, sizeof(*out));
	if (text("CH_HOST", NULL, "localhost", out->host, sizeof(out->host), err) != 0 ||
	    text("CH_USER", "CLICKHOUSE_USER", "default", out->user, sizeof(out->user), err) != 0 ||
	    text("CH_PASSWORD", "CLICKHOUSE_PASSWORD", "", out->password, sizeof(out->password), err) != 0 ||
	    text("CH_DATABASE", NULL, "market_data", out->database, sizeof(out->database), err) != 0 ||
	    flag("CH_SECURE", false, &out->secure, err) != 0 || flag("CH_VERIFY", true, &out->verify, err) != 0)
		return -1;
	if (config_env("CH_PORT") != NULL &&
	    (!str_to_i64(str_trim(str_from(config_env("CH_PORT"))), &port) || port < 1 || port > 65535))
		return error_set(err, ERR_INVALID, "CH_PORT must be > 0");
	if (out->database[strspn(out->database, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] !=
	    '\0')
		return error_set(err, ERR_INVALID, "CH_DATABASE may contain letters, digits and _ only");
	if (!out->verify)
		return error_set(err, ERR_INVALID, "CH_VERIFY=0 is not supported: certificates are always verified");
	out->port = (int)port;
	log_redact(str_from(out->password));
	return 0;
}

/* ---- statements ---------------------------------------------------------------------------------------------------- */

struct ch_http *ch_http_new(const struct ch_settings *settings, struct error *err)
{
	struct ch_http *h = calloc(1, sizeof(*h));

	if (h == NULL || (h->http = http_client_new()) == NULL) {
		free(h);
		error_set(err, ERR_UNAVAILABLE, "no memory for ClickHouse");
		return NULL;
	}
	h->s = *settings;
	snprintf(h->user, sizeof(h->user), "X-ClickHouse-User: %s", settings->user);
	snprintf(h->key, sizeof(h->key), "X-ClickHouse-Key: %s", settings->password);
	snprintf(h->base, sizeof(h->base), "%s://%s:%d/?wait_end_of_query=1", settings->secure ? "https" : "http",
		 settings->host, settings->port);
	return h;
}

void ch_http_free(struct ch_http *h)
{
	if (h == NULL)
		return;
	http_client_free(h->http);
	explicit_bzero(h, sizeof(*h));
	free(h);
}

int ch_http_run(struct ch_http *h, const char *sql, struct str data, struct strbuf *out, struct error *err)
{
	const char *const headers[] = { h->user, h->s.password[0] != '\0' ? h->key : NULL, NULL };
	struct strbuf url = STRBUF_INIT(3 * SQL_MAX);
	struct http_result result = { 0 };
	int rc;

	strbuf_addc(&url, h->base);
	if (data.p != NULL) {
		strbuf_addc(&url, "&query=");
		http_urlencode(&url, str_from(sql));
	}
	const struct http_call call = { .label = "clickhouse",
					.method = "POST",
					.url = strbuf_cstr(&url),
					.headers = headers,
					.body = data.p != NULL ? data : str_from(sql),
					.timeout_ms = 60000,
					.body_max = ANSWER_MAX };

	rc = http_client_do(h->http, &call, &result, err);
	if (rc == 0 && result.status != 200) {
		error_set(err, ERR_INTERNAL, "ClickHouse refused a statement");
		rc = error_detail(err, "HTTP %d: %.250s", result.status, strbuf_cstr(&result.body));
	} else if (rc != 0 && err != NULL) {
		err->code = ERR_UNAVAILABLE;
	}
	if (rc == 0 && out != NULL) {
		struct strbuf moved = result.body;

		result.body = *out;
		*out = moved;
	}
	http_result_release(&result);
	strbuf_release(&url);
	return rc;
}

void ch_quote(struct strbuf *sb, struct str s)
{
	strbuf_addch(sb, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\'' || s.p[i] == '\\')
			strbuf_addch(sb, '\\');
		strbuf_addch(sb, s.p[i]);
	}
	strbuf_addch(sb, '\'');
}
