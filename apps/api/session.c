#include "session.h"

#include "domain/identity/session_token.h"

static bool reject(struct http_request *req, struct http_response *res, const char *code, const char *message)
{
	metric_add_with(app_of(req)->metrics.session_rejections, (const char *const[]){ code }, 1);
	http_error(res, 401, code, message);
	return false;
}

bool session_user(struct http_request *req, struct http_response *res, struct user_row *user)
{
	const struct settings *s = &app_of(req)->settings;
	const struct str keys[] = { secret_str(&s->jwt_key), secret_str(&s->jwt_key_previous) };
	struct session_claims claims;
	struct session_refusal refusal;
	struct error err = ERROR_INIT;

	if (!session_token_verify(http_cookie(req, s->cookie_name), keys, ARRAY_LEN(keys), settings_now(s), &claims,
				  &refusal))
		return reject(req, res, refusal.code, refusal.message);
	if (identity_store_get(identity_pg(req), claims.user_id, user, &err) != 0) {
		if (err.code == ERR_NOT_FOUND)
			return reject(req, res, "unknown_user", "User from JWT token does not exist");
		app_fail(req, res, &err);
		return false;
	}
	if (user->is_deleted)
		return reject(req, res, "deleted_user", "User account is deleted");
	if (!utc_is_none(user->sessions_valid_from) && claims.issued_at * 1000 < user->sessions_valid_from.ms)
		return reject(req, res, "expired_token", "JWT token is expired");
	return true;
}

static void cookie(struct http_request *req, struct http_response *res, struct str value, utc_t expires,
		   int64_t max_age_s)
{
	const struct settings *s = &app_of(req)->settings;
	char date[UTC_TEXT_MAX];

	http_set_header(res, "Set-Cookie",
			str_from(arena_printf(
				req->arena, "%s=%.*s; expires=%s; HttpOnly; Max-Age=%lld; Path=%s; SameSite=%s%s",
				s->cookie_name, STR_ARG(value), utc_format_http(expires, date), (long long)max_age_s,
				s->cookie_path, s->cookie_samesite, s->cookie_secure ? "; Secure" : "")));
}

void session_set_cookie(struct http_request *req, struct http_response *res, const struct user_row *user, utc_t now)
{
	const struct settings *s = &app_of(req)->settings;
	int64_t ttl = s->session_days * 86400;
	/* sessions ended within this very second end before the new one begins */
	int64_t issued = MAX_OF(now.ms, user->sessions_valid_from.ms) / 1000;
	struct session_claims claims = { .user_id = user->user_id, .issued_at = issued, .expires_at = issued + ttl };
	struct strbuf token = STRBUF_INIT(SESSION_TOKEN_MAX);

	str_copy(claims.paid_level, sizeof(claims.paid_level), str_from(user->paid_level));
	session_token_write(&claims, secret_str(&s->jwt_key), &token);
	cookie(req, res, strbuf_str(&token), utc_from_ms(claims.expires_at * 1000), ttl);
	strbuf_release(&token);
}

void session_clear_cookie(struct http_request *req, struct http_response *res, utc_t now)
{
	cookie(req, res, STR("\"\""), now, 0);
}

bool session_origin_ok(struct http_request *req, struct http_response *res)
{
	struct str origin = http_header(req, "origin"), host = http_header(req, "x-forwarded-host");
	size_t scheme;

	if (req->method == HTTP_GET || origin.p == NULL)
		return true;
	if (host.p == NULL)
		host = http_header(req, "host");
	for (scheme = 0; scheme + 3 <= origin.n; scheme++)
		if (str_eq(str_slice(origin, scheme, scheme + 3), STR("://")))
			break;
	if (scheme + 3 <= origin.n && host.p != NULL &&
	    str_eq_nocase(str_slice(origin, scheme + 3, origin.n), str_trim(host)))
		return true;
	http_error(res, 403, "forbidden", "The request comes from another site");
	return false;
}
