/* exchange_key.h - what an exchange API key is to us: its fields, how it is shown, how it is recognised, how its secrets
 * are bound to their place. Keys are stored only; they are never tried against an exchange here. */
#ifndef ROEHUB_DOMAIN_IDENTITY_EXCHANGE_KEY_H
#define ROEHUB_DOMAIN_IDENTITY_EXCHANGE_KEY_H

#include "base/crypto.h"
#include "base/uuid.h"

/* characters */
#define EXCHANGE_KEY_LABEL_MAX	    128
#define EXCHANGE_KEY_API_KEY_MAX    512
#define EXCHANGE_KEY_SECRET_MAX	    4096
#define EXCHANGE_KEY_PASSPHRASE_MAX 512
#define EXCHANGE_KEY_LAST4_MAX	    17 /* four code points and a NUL */
#define EXCHANGE_KEY_AAD_MAX	    160

extern const char *const EXCHANGE_KEY_EXCHANGES[];   /* binance, bybit; NULL at the end */
extern const char *const EXCHANGE_KEY_MARKETS[];     /* spot, futures */
extern const char *const EXCHANGE_KEY_PERMISSIONS[]; /* read, trade */

enum exchange_key_field { EXCHANGE_KEY_API_KEY, EXCHANGE_KEY_API_SECRET, EXCHANGE_KEY_PASSPHRASE, EXCHANGE_KEY_FIELDS };

/* The last four code points, the whole text when it has fewer. */
void exchange_key_last4(struct str api_key, char out[EXCHANGE_KEY_LAST4_MAX]);
/* roehub.identity.exchange_keys.v2|<user_id>|<key_id>|<field> */
struct str exchange_key_aad(struct uuid user_id, struct uuid key_id, enum exchange_key_field field,
			    char out[EXCHANGE_KEY_AAD_MAX]);

#endif
