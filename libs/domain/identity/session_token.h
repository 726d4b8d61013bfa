/* session_token.h - the session as a compact JWT, HS256 only (RFC 7515, RFC 7519). Pure: time and keys are arguments. */
#ifndef ROEHUB_DOMAIN_IDENTITY_SESSION_TOKEN_H
#define ROEHUB_DOMAIN_IDENTITY_SESSION_TOKEN_H

#include "base/json.h"

#define SESSION_TOKEN_MAX 4096

struct session_claims {
	struct uuid user_id;
	char paid_level[8];
	int64_t issued_at, expires_at; /* Unix seconds */
};

struct session_refusal {
	const char *code; /* "expired_token" */
	const char *message;
};

bool paid_level_valid(struct str level); /* base, free, pro, ultra; any case */

void session_token_write(const struct session_claims *claims, struct str key, struct strbuf *out);
/* keys: the current one first, then older ones that still verify. false: refusal names the first check that failed. */
bool session_token_verify(struct str token, const struct str *keys, size_t key_count, utc_t now,
			  struct session_claims *out, struct session_refusal *refusal);

#endif
