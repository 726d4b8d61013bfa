#include "routes/auth.h"

#include "domain/identity/telegram_login.h"
#include "limits.h"
#include "session.h"
#include "validation.h"

/* A double click may send a payload twice; later the same payload is a replay. */
#define REPLAY_GRACE_MS 60000

static void count_login(struct http_request *req, const char *result)
{
	metric_add_with(app_of(req)->metrics.logins, (const char *const[]){ result }, 1);
}

static void write_user(struct http_response *res, const struct user_row *user)
{
	struct json_writer w;

	jw_init(&w, &res->body);
	jw_obj(&w);
	jw_key(&w, "user_id");
	jw_uuid(&w, user->user_id);
	jw_key(&w, "paid_level");
	jw_cstr(&w, user->paid_level);
	jw_end(&w);
}

static void check_int(struct validation *v, const cJSON *json, const char *key)
{
	const cJSON *node = json_get(json, key);
	int64_t ignored;

	if (node == NULL)
		validation_add(v, "required", "Field required", "body.%s", key);
	else if (cJSON_IsString(node) && !telegram_login_int(node, &ignored))
		validation_add(v, "int_parsing",
			       "Input should be a valid integer, unable to parse string as an integer", "body.%s", key);
	else if (cJSON_IsNumber(node) && !json_is_int(node))
		validation_add(v, "int_from_float",
			       "Input should be a valid integer, got a number with a fractional part", "body.%s", key);
	else if (!cJSON_IsString(node) && !cJSON_IsNumber(node))
		validation_add(v, "int_type", "Input should be a valid integer", "body.%s", key);
}

static bool check_body(struct http_response *res, const cJSON *json)
{
	static const char *const optional[] = { "first_name", "last_name", "username", "photo_url" };
	struct validation *v = arena_calloc(res->arena, 1, sizeof(*v));

	if (v == NULL) {
		http_error(res, 503, "service_unavailable", "Service temporarily unavailable");
		return false;
	}
	check_int(v, json, "id");
	check_int(v, json, "auth_date");
	validation_need_text(v, json, "hash", "body");
	for (size_t i = 0; i < ARRAY_LEN(optional); i++)
		validation_text_or_null(v, json, optional[i], "body");
	if (!validation_ok(v))
		validation_answer(v, res, "Validation failed");
	return validation_ok(v);
}

/* false: refused or failed, the answer is made. */
static bool guard_replay(struct http_request *req, struct http_response *res, const struct telegram_login *login,
			 utc_t now)
{
	utc_t first, until = utc_from_ms((login->auth_date + TELEGRAM_MAX_AGE_S) * 1000);
	struct error err = ERROR_INIT;

	if (!app_of(req)->settings.replay_guard)
		return true;
	if (identity_store_login_seen(identity_pg(req), login->hash, now, until, &first, &err) != 0) {
		app_fail(req, res, &err);
		return false;
	}
	if (now.ms - first.ms <= REPLAY_GRACE_MS)
		return true;
	count_login(req, "invalid_hash");
	http_error(res, 401, "invalid_hash", "Telegram payload hash verification failed");
	return false;
}

static void login(struct http_request *req, struct http_response *res, const cJSON *json)
{
	struct app *app = app_of(req);
	utc_t now = settings_now(&app->settings);
	struct login_refusal refusal;
	struct telegram_login who;
	struct user_row user;
	struct error err = ERROR_INIT;

	if (!limits_take(req, res, API_LIMIT_LOGIN, req->client))
		return;
	if (!telegram_login_check(json, secret_str(&app->settings.bot_token), now, &who, &refusal)) {
		count_login(req, refusal.code);
		http_error(res, 401, refusal.code, refusal.message);
		return;
	}
	if (!guard_replay(req, res, &who, now))
		return;
	if (identity_store_login(identity_pg(req), who.telegram_user_id, now, &user, &err) != 0) {
		app_fail(req, res, &err);
		return;
	}
	limits_give_back(req, API_LIMIT_LOGIN, req->client);
	count_login(req, "success");
	session_set_cookie(req, res, &user, now);
	write_user(res, &user);
}

void auth_telegram_login(struct http_request *req, struct http_response *res)
{
	cJSON *json = validation_body(req, res);

	if (json != NULL && check_body(res, json))
		login(req, res, json);
	json_free(json);
}

void auth_logout(struct http_request *req, struct http_response *res)
{
	session_clear_cookie(req, res, settings_now(&app_of(req)->settings));
	res->status = 204;
}

/* Sessions carry whole seconds: those of the running second end as well, and session_set_cookie() knows. */
void auth_logout_everywhere(struct http_request *req, struct http_response *res)
{
	utc_t now = settings_now(&app_of(req)->settings);
	struct error err = ERROR_INIT;

	if (identity_store_end_sessions(identity_pg(req), current_user(req)->user_id,
					utc_from_ms(utc_floor(now, 1000).ms + 1000), &err) != 0) {
		app_fail(req, res, &err);
		return;
	}
	session_clear_cookie(req, res, now);
	res->status = 204;
}

void auth_current_user(struct http_request *req, struct http_response *res) { write_user(res, current_user(req)); }
