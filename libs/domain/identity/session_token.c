#include "domain/identity/session_token.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

static const char header_segment[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"; /* {"alg":"HS256","typ":"JWT"} */
static const struct json_limits limits = { SESSION_TOKEN_MAX, 8, 64 };

bool paid_level_valid(struct str level)
{
	static const char *const levels[] = { "base", "free", "pro", "ultra" };

	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (str_eq_nocase(level, str_from(levels[i])))
			return true;
	return false;
}

void session_token_write(const struct session_claims *claims, struct str key, struct strbuf *out)
{
	struct strbuf payload = STRBUF_INIT(512);
	char id[UUID_TEXT_MAX];
	uint8_t mac[SHA256_BYTES];

	strbuf_addf(&payload, "{\"exp\":%lld,\"iat\":%lld,\"paid_level\":\"%s\",\"sub\":\"%s\"}",
		    (long long)claims->expires_at, (long long)claims->issued_at, claims->paid_level,
		    uuid_format(claims->user_id, id));
	strbuf_addc(out, header_segment);
	strbuf_addch(out, '.');
	base64url_encode(out, strbuf_str(&payload));
	hmac_sha256(key, strbuf_str(out), mac);
	strbuf_addch(out, '.');
	base64url_encode(out, (struct str){ (const char *)mac, sizeof(mac) });
	strbuf_release(&payload);
}

static bool refuse(struct session_refusal *r, const char *code, const char *message)
{
	*r = (struct session_refusal){ code, message };
	return false;
}

/* A segment as a JSON object; NULL with the refusal set. */
static cJSON *segment_object(struct str segment, struct session_refusal *r)
{
	uint8_t raw[SESSION_TOKEN_MAX];
	cJSON *json;
	size_t n;

	if (!base64url_decode(segment, raw, sizeof(raw), &n)) {
		refuse(r, "invalid_token_format", "JWT segment is not valid base64url");
		return NULL;
	}
	json = json_parse((struct str){ (const char *)raw, n }, &limits, NULL, NULL);
	if (json == NULL) {
		refuse(r, "invalid_token_format", "JWT segment is not valid JSON");
	} else if (!cJSON_IsObject(json)) {
		json_free(json);
		json = NULL;
		refuse(r, "invalid_token_format", "JWT JSON segment must be an object");
	}
	return json;
}

static bool check_header(struct str segment, struct session_refusal *r)
{
	cJSON *json = segment_object(segment, r);
	bool ok = json != NULL && str_eq(json_get_str(json_get(json, "alg")), STR("HS256")) &&
		  str_eq(json_get_str(json_get(json, "typ")), STR("JWT"));

	if (json != NULL && !ok)
		refuse(r, "invalid_header", "JWT header must contain alg=HS256 and typ=JWT");
	json_free(json);
	return ok;
}

static bool check_signature(struct str signed_part, struct str segment, const struct str *keys, size_t key_count,
			    struct session_refusal *r)
{
	uint8_t received[SESSION_TOKEN_MAX], expected[SHA256_BYTES];
	bool match = false;
	size_t n;

	if (!base64url_decode(segment, received, sizeof(received), &n))
		return refuse(r, "invalid_token_format", "JWT segment is not valid base64url");
	for (size_t i = 0; i < key_count; i++) {
		if (keys[i].n == 0)
			continue;
		hmac_sha256(keys[i], signed_part, expected);
		match |= crypto_equal((struct str){ (const char *)received, n },
				      (struct str){ (const char *)expected, sizeof(expected) });
	}
	return match || refuse(r, "invalid_signature", "JWT signature verification failed");
}

/* A whole number of seconds: a number (its fraction dropped) or digits as text. */
static bool seconds(const cJSON *node, int64_t *out)
{
	double v;

	if (cJSON_IsString(node))
		return str_to_i64(str_from(node->valuestring), out);
	if (json_get_i64(node, out))
		return true;
	if (!json_get_double(node, &v) || v < -9e15 || v > 9e15)
		return false;
	*out = (int64_t)v;
	return true;
}

static bool check_claims(const cJSON *json, utc_t now, struct session_claims *out, struct session_refusal *r)
{
	struct str sub = json_get_str(json_get(json, "sub")), level = json_get_str(json_get(json, "paid_level"));
	const cJSON *iat = json_get(json, "iat"), *exp = json_get(json, "exp");
	struct session_claims c = { 0 };

	if (sub.n == 0 || level.n == 0 || iat == NULL || exp == NULL)
		return refuse(r, "invalid_claims", "JWT payload must contain sub, paid_level, iat, and exp");
	if (!seconds(iat, &c.issued_at) || !seconds(exp, &c.expires_at) || !uuid_parse(sub, &c.user_id) ||
	    !paid_level_valid(level) || c.expires_at <= c.issued_at)
		return refuse(r, "invalid_claims", "JWT payload claims are malformed");
	if (c.expires_at <= now.ms / 1000)
		return refuse(r, "expired_token", "JWT token is expired");
	str_copy(c.paid_level, sizeof(c.paid_level), level);
	str_lower_ascii(c.paid_level);
	*out = c;
	return true;
}

bool session_token_verify(struct str token, const struct str *keys, size_t key_count, utc_t now,
			  struct session_claims *out, struct session_refusal *refusal)
{
	struct str rest = str_trim(token), parts[3], extra, signed_part = rest;
	cJSON *payload;
	bool ok;

	if (rest.n == 0)
		return refuse(refusal, "missing_jwt_cookie", "JWT cookie is required");
	if (rest.n > SESSION_TOKEN_MAX || !str_split(&rest, '.', &parts[0]) || !str_split(&rest, '.', &parts[1]) ||
	    !str_split(&rest, '.', &parts[2]) || str_split(&rest, '.', &extra))
		return refuse(refusal, "invalid_token_format", "JWT token must contain 3 dot-separated segments");
	signed_part.n = parts[0].n + 1 + parts[1].n;
	if (!check_header(parts[0], refusal) || !check_signature(signed_part, parts[2], keys, key_count, refusal))
		return false;
	payload = segment_object(parts[1], refusal);
	ok = payload != NULL && check_claims(payload, now, out, refusal);
	json_free(payload);
	return ok;
}
