#include "adapters/telegram/notifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "runtime/http_client.h"

#define URL_MAX		  1024
#define BODY_MAX	  32768
#define ANSWER_MAX	  65536
#define RETRY_AFTER_MAX_S 3600

struct telegram {
	struct notifier base;
	struct http_client *http;
	struct secret url; /* carries the token */
	int timeout_ms;
};

struct log_only {
	struct notifier base;
	struct log_ctx log;
};

/* {"ok":false,"error_code":429,"description":"...","parameters":{"retry_after":3}} */
static int64_t retry_after(const struct http_result *result, const cJSON *answer)
{
	int64_t seconds = result->retry_after_s;

	json_get_i64(json_get(json_get(answer, "parameters"), "retry_after"), &seconds);
	if (seconds < 1)
		seconds = 1;
	return MIN_OF(seconds, (int64_t)RETRY_AFTER_MAX_S);
}

static int judge(const struct http_result *result, int64_t *retry_after_s, struct error *err)
{
	cJSON *answer = json_parse(strbuf_str(&result->body), NULL, NULL, NULL);
	bool ok = cJSON_IsTrue(json_get(answer, "ok"));
	int rc = 0;

	if (result->status == 429) {
		*retry_after_s = retry_after(result, answer);
		rc = error_set(err, ERR_RATE_LIMITED, "telegram: status_code=429");
	} else if (result->status != 200) {
		rc = error_set(err, ERR_UNAVAILABLE, "telegram: status_code=%d", result->status);
	} else if (answer == NULL) {
		rc = error_set(err, ERR_UNAVAILABLE, "telegram: the answer is not JSON");
	} else if (!ok) {
		rc = error_set(err, ERR_UNAVAILABLE, "telegram: reason=telegram_api_error");
	}
	if (rc != 0)
		error_detail(err, "%.300s", strbuf_cstr(&result->body));
	json_free(answer);
	return rc;
}

static int telegram_send(struct notifier *n, const struct notification *what, int64_t *retry_after_s, struct error *err)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	struct telegram *t = (struct telegram *)n;
	struct strbuf body = STRBUF_INIT(BODY_MAX);
	struct http_result result = { 0 };
	struct json_writer w;
	char chat_id[24];
	int rc;

	snprintf(chat_id, sizeof(chat_id), "%lld", (long long)what->chat_id);
	jw_init(&w, &body);
	jw_obj(&w);
	jw_key(&w, "chat_id");
	jw_cstr(&w, chat_id);
	jw_key(&w, "text");
	jw_str(&w, what->text);
	jw_end(&w);
	rc = strbuf_error(&body, err);
	if (rc == 0) {
		const struct http_call call = {
			.label = "telegram sendMessage",
			.method = "POST",
			.url = t->url.p,
			.headers = headers,
			.body = strbuf_str(&body),
			.timeout_ms = t->timeout_ms,
			.connect_timeout_ms = t->timeout_ms,
			.body_max = ANSWER_MAX,
		};

		rc = http_client_do(t->http, &call, &result, err);
		if (rc == 0)
			rc = judge(&result, retry_after_s, err);
		http_result_release(&result);
	}
	strbuf_release(&body);
	return rc;
}

static void telegram_close(struct notifier *n)
{
	struct telegram *t = (struct telegram *)n;

	http_client_free(t->http);
	secret_release(&t->url);
	free(t);
}

struct notifier *telegram_notifier_open(const char *base_url, const struct secret *token, int timeout_ms,
					struct error *err)
{
	struct str base = str_from(base_url);
	struct telegram *t;
	char url[URL_MAX];
	int n;

	if (!str_starts(base, STR("http://")) && !str_starts(base, STR("https://"))) {
		error_set(err, ERR_INVALID, "strategy.telegram.api_base_url must start with http:// or https://");
		return NULL;
	}
	while (str_ends(base, STR("/")))
		base.n--;
	n = snprintf(url, sizeof(url), "%.*s/bot%s/sendMessage", STR_ARG(base), token->p);
	t = calloc(1, sizeof(*t));
	if (t == NULL || n < 0 || (size_t)n >= sizeof(url) || !secret_set(&t->url, str_from(url)) ||
	    (t->http = http_client_new()) == NULL) {
		if (t != NULL)
			secret_release(&t->url);
		free(t);
		explicit_bzero(url, sizeof(url));
		error_set(err, ERR_INVALID, "the Telegram notifier could not be opened");
		return NULL;
	}
	explicit_bzero(url, sizeof(url));
	t->base = (struct notifier){ .send = telegram_send, .close = telegram_close, .name = "telegram" };
	t->timeout_ms = timeout_ms;
	return &t->base;
}

static int log_send(struct notifier *n, const struct notification *what, int64_t *retry_after_s, struct error *err)
{
	struct log_only *l = (struct log_only *)n;

	(void)retry_after_s;
	(void)err;
	log_info(&l->log, "notification", LOG_CSTR("mode", "log_only"), LOG_INT("chat_id", what->chat_id),
		 LOG_STR("event_type", what->event_type), LOG_STR("strategy_id", what->strategy_id),
		 LOG_STR("run_id", what->run_id), LOG_STR("message", what->text));
	return 0;
}

static void log_close(struct notifier *n) { free(n); }

struct notifier *log_notifier_open(const struct log_ctx *log, struct error *err)
{
	struct log_only *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory for the notifier");
		return NULL;
	}
	l->base = (struct notifier){ .send = log_send, .close = log_close, .name = "log_only" };
	l->log = *log;
	return &l->base;
}
