#include <string.h>

#include "adapters/postgres/pg.h"
#include "commands.h"
#include "domain/identity/exchange_key.h"
#include "domain/identity/secret_envelope.h"
#include "ports/secret_rotation_store.h"

#define PAGE_BYTES (64u << 20)
#define ROUNDS_MAX 3 /* rows that changed under our hands are looked at again */

struct rotation {
	struct pg *pg;
	enum sealed_kind kind;
	struct envelope_keys keys;
	int64_t seen, sealed, changed;
};

static int add_keys(struct envelope_keys *keys, const char *variable, bool required, struct error *err)
{
	struct secret list = SECRET_NONE;
	struct str rest, one;
	int rc = 0;

	if (!secret_from_env(&list, variable))
		return error_set(err, ERR_UNAVAILABLE, "no memory");
	if (required && list.n == 0)
		rc = error_set(err, ERR_INVALID, "%s must be set", variable);
	rest = secret_str(&list);
	while (rc == 0 && str_split(&rest, ',', &one))
		if (!str_is_blank(one))
			rc = envelope_keys_add(keys, str_trim(one), variable, err);
	secret_release(&list);
	return rc;
}

static struct str aad_of(const struct rotation *r, const struct sealed_row *row, int secret,
			 char buf[EXCHANGE_KEY_AAD_MAX])
{
	return r->kind == SEALED_TWO_FACTOR
		       ? STR(ENVELOPE_AAD_2FA)
		       : exchange_key_aad(row->user_id, row->id, (enum exchange_key_field)secret, buf);
}

static int seal_again(const struct rotation *r, struct arena *a, const struct sealed_row *row, int secret,
		      struct str *out, struct error *err)
{
	struct str blob = row->secrets[secret];
	char aad[EXCHANGE_KEY_AAD_MAX], *text = arena_alloc(a, blob.n + 1);
	uint8_t *sealed = arena_alloc(a, blob.n + ENVELOPE_OVERHEAD_MAX);
	struct envelope_entropy entropy;
	size_t n;

	if (text == NULL || sealed == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory for a secret");
	if (envelope_open(&r->keys, aad_of(r, row, secret, aad), blob, text, &n, err) != 0) {
		char id[UUID_TEXT_MAX], reason[ERROR_MESSAGE_MAX];

		str_copy(reason, sizeof(reason), str_from(err->message));
		return error_set(err, ERR_INTERNAL, "%s %s: %s", r->kind == SEALED_TWO_FACTOR ? "user" : "key",
				 uuid_format(row->id, id), reason);
	}
	crypto_random(&entropy, sizeof(entropy));
	*out = (struct str){ (const char *)sealed, envelope_seal(&r->keys, 2, aad_of(r, row, secret, aad),
								 (struct str){ text, n }, &entropy, sealed) };
	explicit_bzero(text, n);
	return 0;
}

static bool row_is_current(const struct rotation *r, const struct sealed_row *row)
{
	for (int i = 0; i < SEALED_SECRETS_MAX; i++)
		if (row->secrets[i].p != NULL && !envelope_is_current(&r->keys, row->secrets[i]))
			return false;
	return true;
}

static int rotate_row(struct rotation *r, struct arena *a, const struct sealed_row *row, struct error *err)
{
	struct sealed_row to = *row;
	bool replaced;

	r->seen++;
	if (row_is_current(r, row))
		return 0;
	for (int i = 0; i < SEALED_SECRETS_MAX; i++)
		if (row->secrets[i].p != NULL && seal_again(r, a, row, i, &to.secrets[i], err) != 0)
			return -1;
	if (secret_rotation_replace(r->pg, r->kind, row, &to, &replaced, err) != 0)
		return -1;
	*(replaced ? &r->sealed : &r->changed) += 1;
	return 0;
}

/* All rows once; r->changed counts those that have to be looked at again. */
static int rotate_pass(struct rotation *r, int64_t batch, struct error *err)
{
	struct uuid after = { { 0 } };
	size_t n = (size_t)batch;
	int rc = 0;

	r->seen = r->changed = 0;
	while (rc == 0 && n == (size_t)batch) {
		struct sealed_row *rows;
		struct arena a;

		arena_init(&a, PAGE_BYTES);
		rc = secret_rotation_page(r->pg, &a, r->kind, after, batch, &rows, &n, err);
		for (size_t i = 0; rc == 0 && i < n; i++)
			rc = rotate_row(r, &a, &rows[i], err);
		if (rc == 0 && n > 0)
			after = rows[n - 1].id;
		arena_release(&a);
	}
	return rc;
}

static int rotate_kind(struct pg *pg, enum sealed_kind kind, const char *current, const char *old, int64_t batch,
		       struct error *err)
{
	struct rotation r = { .pg = pg, .kind = kind };
	int rc;

	r.keys.what = kind == SEALED_TWO_FACTOR ? "2FA secret" : "exchange key";
	rc = add_keys(&r.keys, current, true, err);
	if (rc == 0)
		rc = add_keys(&r.keys, old, false, err);
	for (int round = 0; rc == 0 && round < ROUNDS_MAX && (round == 0 || r.changed > 0); round++)
		rc = rotate_pass(&r, batch, err);
	envelope_keys_wipe(&r.keys);
	if (rc != 0)
		return rc;
	say("%s: %lld rows, %lld sealed anew", kind == SEALED_TWO_FACTOR ? "identity_2fa" : "identity_exchange_keys",
	    (long long)r.seen, (long long)r.sealed);
	return r.changed == 0 ? 0 : error_set(err, ERR_CONFLICT, "rows kept changing: run it again");
}

static int purge(struct pg *pg, int64_t days, struct error *err)
{
	int64_t removed = 0;

	if (days < 0)
		return 0;
	if (secret_rotation_purge(pg, utc_from_ms(utc_now().ms - days * 86400000), &removed, err) != 0)
		return -1;
	say("identity_exchange_keys: %lld rows removed that were deleted more than %lld days ago", (long long)removed,
	    (long long)days);
	return 0;
}

int rotate_secrets(const struct options *o, struct error *err)
{
	static const struct pg_options session = { .application_name = "migrations/rotate-secrets" };
	struct pg *pg;
	int rc;

	if (o->identity_dsn == NULL)
		return error_set(err, ERR_INVALID, "identity DSN is required via --identity-dsn or IDENTITY_PG_DSN");
	pg = pg_open(o->identity_dsn, &session, err);
	if (pg == NULL)
		return -1;
	rc = rotate_kind(pg, SEALED_TWO_FACTOR, "IDENTITY_2FA_KEK_B64", "IDENTITY_2FA_KEKS_OLD_B64", o->batch, err);
	if (rc == 0)
		rc = rotate_kind(pg, SEALED_EXCHANGE_KEY, "IDENTITY_EXCHANGE_KEYS_KEK_B64",
				 "IDENTITY_EXCHANGE_KEYS_KEKS_OLD_B64", o->batch, err);
	if (rc == 0)
		rc = purge(pg, o->purge_days, err);
	pg_close(pg);
	return rc;
}
