#include "routes/two_factor.h"

#include <stdio.h>
#include <string.h>

#include "adapters/qrencode/qr_image.h"
#include "domain/identity/secret_envelope.h"
#include "domain/identity/totp.h"
#include "ports/two_factor_store.h"
#include "validation.h"

#define PNG_SCALE 6
#define IMAGE_MAX (256u << 10)
/* A secret may be sealed anew between reading and enabling, or replaced by the user; then the row is looked at again. */
#define VERIFY_ROUNDS 3

static void count(struct http_request *req, const char *operation, const char *result)
{
	metric_add_with(app_of(req)->metrics.two_factor, (const char *const[]){ operation, result }, 1);
}

static void refuse(struct http_request *req, struct http_response *res, const char *operation, int status,
		   const char *code, const char *message)
{
	count(req, operation, code);
	http_error(res, status, code, message);
}

static void fail(struct http_request *req, struct http_response *res, const char *operation, const struct error *err)
{
	count(req, operation, "error");
	app_fail(req, res, err);
}

static void already_enabled(struct http_request *req, struct http_response *res, const char *operation)
{
	refuse(req, res, operation, 409, "two_factor_already_enabled", "Two-factor authentication is already enabled.");
}

void two_factor_status(struct http_request *req, struct http_response *res)
{
	struct two_factor_row row;
	struct error err = ERROR_INIT;
	struct json_writer w;

	if (two_factor_store_get(identity_pg(req), req->arena, current_user(req)->user_id, &row, &err) != 0) {
		app_fail(req, res, &err);
		return;
	}
	jw_init(&w, &res->body);
	jw_obj(&w);
	jw_key(&w, "enabled");
	jw_bool(&w, row.state == TWO_FACTOR_ENABLED);
	jw_key(&w, "pending");
	jw_bool(&w, row.state == TWO_FACTOR_PENDING);
	jw_end(&w);
}

/* ---- set-up -------------------------------------------------------------------------------------------------------- */

struct images {
	bool svg, png;
};

static bool read_images(struct http_request *req, struct http_response *res, struct images *out)
{
	struct validation *v = arena_calloc(req->arena, 1, sizeof(*v));
	struct str value = STR_NULL, one;

	*out = (struct images){ false, false };
	if (v == NULL || !http_query(req, "qr", &value))
		return true;
	while (str_split(&value, ',', &one)) {
		if (str_eq(one, STR("svg")))
			out->svg = true;
		else if (str_eq(one, STR("png")))
			out->png = true;
		else
			validation_add(v, "literal_error", "Input should be 'svg' or 'png'", "query.qr");
	}
	if (!validation_ok(v))
		validation_answer(v, res, "Validation failed");
	return validation_ok(v);
}

static int write_png(struct json_writer *w, struct str uri, struct error *err)
{
	struct strbuf png = STRBUF_INIT(IMAGE_MAX), text = STRBUF_INIT(2 * IMAGE_MAX);
	int rc = qr_png(uri, PNG_SCALE, &png, err);

	strbuf_addc(&text, "data:image/png;base64,");
	base64_encode(&text, strbuf_str(&png));
	jw_key(w, "qr_png");
	jw_str(w, strbuf_str(&text));
	strbuf_release(&png);
	strbuf_release(&text);
	return rc;
}

static int write_svg(struct json_writer *w, struct str uri, struct error *err)
{
	struct strbuf svg = STRBUF_INIT(IMAGE_MAX);
	int rc = qr_svg(uri, &svg, err);

	jw_key(w, "qr_svg");
	jw_str(w, strbuf_str(&svg));
	strbuf_release(&svg);
	return rc;
}

static int write_setup(struct http_response *res, struct str uri, const struct images *images, struct error *err)
{
	struct json_writer w;
	int rc = 0;

	jw_init(&w, &res->body);
	jw_obj(&w);
	jw_key(&w, "otpauth_uri");
	jw_str(&w, uri);
	if (images->svg)
		rc = write_svg(&w, uri, err);
	if (rc == 0 && images->png)
		rc = write_png(&w, uri, err);
	jw_end(&w);
	return rc;
}

static int store_secret(struct http_request *req, struct str secret, bool *stored, struct error *err)
{
	const struct settings *s = &app_of(req)->settings;
	uint8_t blob[TOTP_SECRET_MAX + ENVELOPE_OVERHEAD_MAX];
	struct envelope_entropy entropy;
	size_t n;

	crypto_random(&entropy, sizeof(entropy));
	n = envelope_seal(&s->two_factor_keys, 2, STR(ENVELOPE_AAD_2FA), secret, &entropy, blob);
	return two_factor_store_setup(identity_pg(req), current_user(req)->user_id,
				      (struct str){ (const char *)blob, n }, settings_now(s), stored, err);
}

void two_factor_setup(struct http_request *req, struct http_response *res)
{
	struct strbuf secret = STRBUF_INIT(TOTP_SECRET_MAX), uri = STRBUF_INIT(TOTP_URI_MAX);
	uint8_t raw[TOTP_SECRET_BYTES];
	struct images images;
	bool stored = false;
	struct error err = ERROR_INIT;

	if (!read_images(req, res, &images))
		return;
	crypto_random(raw, sizeof(raw));
	base32_encode(&secret, (struct str){ (const char *)raw, sizeof(raw) });
	explicit_bzero(raw, sizeof(raw));
	totp_uri(current_user(req)->user_id, strbuf_str(&secret), &uri);
	if (strbuf_error(&uri, &err) != 0 || store_secret(req, strbuf_str(&secret), &stored, &err) != 0 ||
	    (stored && write_setup(res, strbuf_str(&uri), &images, &err) != 0)) {
		fail(req, res, "setup", &err);
	} else if (!stored) {
		already_enabled(req, res, "setup");
	} else {
		count(req, "setup", "success");
	}
	if (secret.p != NULL)
		explicit_bzero(secret.p, secret.n);
	if (uri.p != NULL)
		explicit_bzero(uri.p, uri.n);
	strbuf_release(&secret);
	strbuf_release(&uri);
}

/* ---- confirmation -------------------------------------------------------------------------------------------------- */

enum verdict { VERDICT_ENABLED, VERDICT_NO_SETUP, VERDICT_ALREADY, VERDICT_WRONG, VERDICT_LOCKED, VERDICT_CHANGED };

static int open_secret(struct http_request *req, struct str blob, char *out, size_t *n, struct error *err)
{
	const struct app *app = app_of(req);

	if (envelope_open(&app->settings.two_factor_keys, STR(ENVELOPE_AAD_2FA), blob, out, n, err) == 0)
		return 0;
	log_error(&app->service->log, "two_factor_secret_unreadable", LOG_CSTR("user_id", req->subject),
		  LOG_CSTR("msg", "2fa secret cannot be decrypted"));
	return -1;
}

static int check_code(struct http_request *req, struct str code, const struct two_factor_row *row, int64_t *step,
		      bool *matches, struct error *err)
{
	char *secret = arena_alloc(req->arena, row->secret_enc.n + 1);
	size_t n;

	if (secret == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory");
	if (open_secret(req, row->secret_enc, secret, &n, err) != 0)
		return -1;
	*matches = totp_match((struct str){ secret, n }, code, settings_now(&app_of(req)->settings), row->last_step,
			      step);
	explicit_bzero(secret, n);
	return 0;
}

/* One look at the row. The guess is taken from the user's allowance once, before it is compared. */
static int verify_round(struct http_request *req, struct str code, bool *counted, enum verdict *verdict,
			struct two_factor_row *row, struct error *err)
{
	struct uuid user_id = current_user(req)->user_id;
	utc_t now = settings_now(&app_of(req)->settings);
	bool matches = false, done = false;
	int64_t step = 0;

	if (two_factor_store_get(identity_pg(req), req->arena, user_id, row, err) != 0)
		return -1;
	*verdict = row->state == TWO_FACTOR_NONE ? VERDICT_NO_SETUP : VERDICT_ALREADY;
	if (row->state != TWO_FACTOR_PENDING)
		return 0;
	if (!*counted && two_factor_store_attempt(identity_pg(req), user_id, now, counted, err) != 0)
		return -1;
	*verdict = VERDICT_LOCKED;
	if (!*counted)
		return 0;
	if (check_code(req, code, row, &step, &matches, err) != 0)
		return -1;
	*verdict = VERDICT_WRONG;
	if (!matches)
		return 0;
	if (two_factor_store_enable(identity_pg(req), user_id, row->secret_enc, step, now, &done, err) != 0)
		return -1;
	*verdict = done ? VERDICT_ENABLED : VERDICT_CHANGED;
	return 0;
}

static void answer_locked(struct http_request *req, struct http_response *res, const struct two_factor_row *row)
{
	int64_t since = utc_is_none(row->attempts_since) ? 0 : row->attempts_since.ms;
	int64_t wait_ms = since + TWO_FACTOR_ATTEMPTS_WINDOW_S * 1000LL - settings_now(&app_of(req)->settings).ms;
	char seconds[24];

	refuse(req, res, "verify", 429, "too_many_attempts", "Too many attempts. Try again later.");
	snprintf(seconds, sizeof(seconds), "%lld", (long long)MAX_OF(wait_ms + 999, (int64_t)1000) / 1000);
	http_set_header(res, "Retry-After", str_from(seconds));
}

static void answer_verdict(struct http_request *req, struct http_response *res, enum verdict verdict,
			   const struct two_factor_row *row)
{
	switch (verdict) {
	case VERDICT_ENABLED:
		count(req, "verify", "success");
		strbuf_addc(&res->body, "{\"enabled\":true}");
		break;
	case VERDICT_NO_SETUP:
		refuse(req, res, "verify", 422, "two_factor_setup_required",
		       "Two-factor setup must be completed first.");
		break;
	case VERDICT_ALREADY:
		already_enabled(req, res, "verify");
		break;
	case VERDICT_LOCKED:
		answer_locked(req, res, row);
		break;
	case VERDICT_WRONG:
	case VERDICT_CHANGED:
		refuse(req, res, "verify", 422, "invalid_two_factor_code", "Invalid two-factor authentication code.");
		break;
	}
}

static void verify(struct http_request *req, struct http_response *res, struct str code)
{
	enum verdict verdict = VERDICT_CHANGED;
	struct two_factor_row row;
	struct error err = ERROR_INIT;
	bool counted = false;

	if (!totp_code_valid(code)) {
		answer_verdict(req, res, VERDICT_WRONG, NULL);
		return;
	}
	for (int round = 0; round < VERIFY_ROUNDS && verdict == VERDICT_CHANGED; round++)
		if (verify_round(req, code, &counted, &verdict, &row, &err) != 0) {
			fail(req, res, "verify", &err);
			return;
		}
	answer_verdict(req, res, verdict, &row);
}

void two_factor_verify(struct http_request *req, struct http_response *res)
{
	struct validation *v = arena_calloc(req->arena, 1, sizeof(*v));
	cJSON *body = validation_body(req, res);

	if (body == NULL || v == NULL)
		return;
	validation_need_text(v, body, "code", "body");
	if (validation_ok(v))
		verify(req, res, str_trim(json_get_str(json_get(body, "code"))));
	else
		validation_answer(v, res, "Validation failed");
	json_free(body);
}
