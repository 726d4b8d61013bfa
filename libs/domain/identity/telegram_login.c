#include "domain/identity/telegram_login.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

#define CHECK_STRING_MAX 65536
#define MEMBERS_MAX	 64

bool telegram_login_int(const cJSON *node, int64_t *out)
{
	if (cJSON_IsString(node))
		return str_to_i64(str_trim(str_from(node->valuestring)), out);
	return json_get_i64(node, out);
}

struct entry {
	const char *key;
	char *value;
};

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static bool is_known(const char *key)
{
	static const char *const known[] = { "auth_date", "first_name", "id", "last_name", "photo_url", "username" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(key, known[i]) == 0)
			return true;
	return false;
}

/* The member's text in the data-check string; NULL: it takes no part. */
static char *member_text(const cJSON *m, bool trim)
{
	struct strbuf sb = STRBUF_INIT(CHECK_STRING_MAX);
	int64_t v;

	if (strcmp(m->string, "hash") == 0 || cJSON_IsNull(m) || cJSON_IsArray(m) || cJSON_IsObject(m))
		return NULL;
	if ((strcmp(m->string, "id") == 0 || strcmp(m->string, "auth_date") == 0) && telegram_login_int(m, &v))
		strbuf_addi(&sb, v);
	else if (cJSON_IsString(m))
		strbuf_add(&sb, trim ? str_trim(str_from(m->valuestring)) : str_from(m->valuestring));
	else if (cJSON_IsBool(m))
		strbuf_addc(&sb, cJSON_IsTrue(m) ? "true" : "false");
	else
		strbuf_addc(&sb, m->valuestring != NULL ? m->valuestring : "");
	if (str_is_blank(strbuf_str(&sb))) {
		strbuf_release(&sb);
		return NULL;
	}
	return strbuf_take(&sb, NULL);
}

/* key=value lines, sorted, joined by a line feed. known_only: candidate B. */
static void check_string(const cJSON *payload, bool known_only, struct strbuf *out)
{
	struct entry entries[MEMBERS_MAX] = { 0 };
	size_t n = 0;

	for (const cJSON *m = payload->child; m != NULL && n < MEMBERS_MAX; m = m->next) {
		char *value = known_only && !is_known(m->string) ? NULL : member_text(m, known_only);

		if (value != NULL)
			entries[n++] = (struct entry){ m->string, value };
	}
	qsort(entries, n, sizeof(entries[0]), by_key);
	for (size_t i = 0; i < n; i++) {
		strbuf_addf(out, "%s%s=%s", i > 0 ? "\n" : "", entries[i].key, entries[i].value);
		free(entries[i].value);
	}
}

static bool signature_matches(const cJSON *payload, struct str token, const uint8_t received[SHA256_BYTES])
{
	uint8_t secret[SHA256_BYTES], expected[SHA256_BYTES];
	bool match = false;

	sha256(str_trim(token), secret);
	for (int known_only = 0; known_only <= 1; known_only++) {
		struct strbuf text = STRBUF_INIT(CHECK_STRING_MAX);

		check_string(payload, known_only != 0, &text);
		hmac_sha256((struct str){ (const char *)secret, sizeof(secret) }, strbuf_str(&text), expected);
		match |= !text.failed && crypto_equal((struct str){ (const char *)expected, sizeof(expected) },
						      (struct str){ (const char *)received, SHA256_BYTES });
		strbuf_release(&text);
	}
	explicit_bzero(secret, sizeof(secret));
	return match;
}

static bool refuse(struct login_refusal *r, const char *code, const char *message)
{
	*r = (struct login_refusal){ code, message };
	return false;
}

bool telegram_login_check(const cJSON *payload, struct str bot_token, utc_t now, struct telegram_login *out,
			  struct login_refusal *refusal)
{
	struct str hash = str_trim(json_get_str(json_get(payload, "hash")));
	const cJSON *id = json_get(payload, "id"), *auth_date = json_get(payload, "auth_date");
	struct telegram_login login = { 0 };
	int64_t now_s = now.ms / 1000;
	size_t n = 0;

	if (hash.n == 0)
		return refuse(refusal, "missing_hash", "Telegram payload must include non-empty hash");
	if (auth_date == NULL)
		return refuse(refusal, "missing_auth_date", "Telegram payload must include auth_date");
	if (!telegram_login_int(auth_date, &login.auth_date))
		return refuse(refusal, "invalid_auth_date", "Telegram payload auth_date must be integer seconds");
	if (login.auth_date < now_s - TELEGRAM_MAX_AGE_S)
		return refuse(refusal, "stale_auth_date", "Telegram payload auth_date is stale");
	if (login.auth_date > now_s + TELEGRAM_SKEW_S)
		return refuse(refusal, "future_auth_date", "Telegram payload auth_date is in the future");
	if (id == NULL)
		return refuse(refusal, "missing_telegram_user_id", "Telegram payload must include id");
	if (!telegram_login_int(id, &login.telegram_user_id) || login.telegram_user_id <= 0)
		return refuse(refusal, "invalid_telegram_user_id", "Telegram payload id must be positive integer");
	if (!hex_decode(hash, login.hash, sizeof(login.hash), &n) || n != sizeof(login.hash) ||
	    !signature_matches(payload, bot_token, login.hash))
		return refuse(refusal, "invalid_hash", "Telegram payload hash verification failed");
	*out = login;
	return true;
}
