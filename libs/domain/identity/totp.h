/* totp.h - six-digit time codes (RFC 6238 with HMAC-SHA-1, 30 s, epoch 0, truncation of RFC 4226) and their otpauth URI.
 * Pure: the clock is an argument. Secrets are base32 texts (A-Z2-7, no padding); 160 random bits are 32 characters. */
#ifndef ROEHUB_DOMAIN_IDENTITY_TOTP_H
#define ROEHUB_DOMAIN_IDENTITY_TOTP_H

#include "base/strbuf.h"
#include "base/utc.h"
#include "base/uuid.h"

#define TOTP_SECRET_BYTES 20
#define TOTP_SECRET_MAX	  128 /* characters of a base32 secret that is accepted */
#define TOTP_URI_MAX	  256
#define TOTP_CODE_DIGITS  6
#define TOTP_PERIOD_S	  30

/* A code for people: exactly six ASCII digits, nothing around them. */
bool totp_code_valid(struct str code);
/* The code of one step as six digits; false: the secret is no base32. */
bool totp_code(struct str secret, int64_t step, char code[TOTP_CODE_DIGITS + 1]);
int64_t totp_step(utc_t now);
/* Does the code belong to the previous, the current or the next step, and to a step later than after_step? All three
 * are always computed. *step is the step that matched (the latest one, should two have the same code). */
bool totp_match(struct str secret, struct str code, utc_t now, int64_t after_step, int64_t *step);

/* otpauth://totp/Roehub:<user_id>?secret=<BASE32>&issuer=Roehub */
void totp_uri(struct uuid user_id, struct str secret, struct strbuf *out);
/* The value of the one `secret` parameter of such a URI, borrowed from it. false: other scheme, none, several, or a text
 * that is no base32. */
bool totp_uri_secret(struct str uri, struct str *secret);

#endif
