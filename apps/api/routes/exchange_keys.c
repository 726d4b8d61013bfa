#include "routes/exchange_keys.h"

#include "domain/identity/exchange_key.h"
#include "domain/identity/secret_envelope.h"
#include "ports/exchange_key_store.h"
#include "validation.h"

static void count(struct http_request *req, const char *operation, const char *result)
{
	metric_add_with(app_of(req)->metrics.exchange_keys, (const char *const[]){ operation, result }, 1);
}

static void fail(struct http_request *req, struct http_response *res, const char *operation, const struct error *err)
{
	count(req, operation, "error");
	app_fail(req, res, err);
}

static void write_key(struct json_writer *w, const struct exchange_key_row *row)
{
	char shown[4 + EXCHANGE_KEY_LAST4_MAX] = "****";

	str_copy(shown + 4, EXCHANGE_KEY_LAST4_MAX, row->last4);
	jw_obj(w);
	jw_key(w, "key_id");
	jw_uuid(w, row->key_id);
	jw_key(w, "exchange_name");
	jw_str(w, row->exchange_name);
	jw_key(w, "market_type");
	jw_str(w, row->market_type);
	jw_key(w, "label");
	jw_str(w, row->label);
	jw_key(w, "permissions");
	jw_str(w, row->permissions);
	jw_key(w, "api_key");
	jw_cstr(w, shown);
	jw_key(w, "created_at");
	jw_utc_api(w, row->created_at);
	jw_key(w, "updated_at");
	jw_utc_api(w, row->updated_at);
	jw_end(w);
}

/* ---- create: the shape of the body --------------------------------------------------------------------------------- */

static void check_shape(struct validation *v, const cJSON *body)
{
	validation_need_literal(v, body, "exchange_name", "body", EXCHANGE_KEY_EXCHANGES);
	validation_need_literal(v, body, "market_type", "body", EXCHANGE_KEY_MARKETS);
	validation_need_literal(v, body, "permissions", "body", EXCHANGE_KEY_PERMISSIONS);
	validation_need_text(v, body, "api_key", "body");
	validation_need_text(v, body, "api_secret", "body");
	validation_text_or_null(v, body, "label", "body");
	validation_text_or_null(v, body, "passphrase", "body");
	validation_length(v, body, "label", "body", EXCHANGE_KEY_LABEL_MAX);
	validation_length(v, body, "api_key", "body", EXCHANGE_KEY_API_KEY_MAX);
	validation_length(v, body, "api_secret", "body", EXCHANGE_KEY_SECRET_MAX);
	validation_length(v, body, "passphrase", "body", EXCHANGE_KEY_PASSPHRASE_MAX);
}

/* Trimmed; blank and null are STR_NULL. */
static struct str text_of(const cJSON *body, const char *key)
{
	struct str s = str_trim(json_get_str(json_get(body, key)));

	return s.n > 0 ? s : STR_NULL;
}

/* ---- create -------------------------------------------------------------------------------------------------------- */

/* The blob in the request's arena; STR_NULL: no memory. */
static struct str seal(struct http_request *req, struct uuid key_id, enum exchange_key_field field, struct str secret)
{
	const struct settings *s = &app_of(req)->settings;
	uint8_t *blob = arena_alloc(req->arena, secret.n + ENVELOPE_OVERHEAD_MAX);
	struct envelope_entropy entropy;
	char aad[EXCHANGE_KEY_AAD_MAX];
	struct str bound = exchange_key_aad(current_user(req)->user_id, key_id, field, aad);

	if (blob == NULL)
		return STR_NULL;
	crypto_random(&entropy, sizeof(entropy));
	return (struct str){ (const char *)blob,
			     envelope_seal(&s->exchange_keys_keys, 2, bound, secret, &entropy, blob) };
}

static int fill(struct http_request *req, const cJSON *body, struct exchange_key_insert *key, struct error *err)
{
	struct str api_key = text_of(body, "api_key"), passphrase = text_of(body, "passphrase");
	char *last4 = arena_alloc(req->arena, EXCHANGE_KEY_LAST4_MAX);
	uint8_t *hash = arena_alloc(req->arena, SHA256_BYTES);
	struct uuid id = uuid_v4();

	if (last4 == NULL || hash == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory for an exchange key");
	exchange_key_last4(api_key, last4);
	sha256(api_key, hash);
	*key = (struct exchange_key_insert){
		.row = { .key_id = id,
			 .exchange_name = json_get_str(json_get(body, "exchange_name")),
			 .market_type = json_get_str(json_get(body, "market_type")),
			 .permissions = json_get_str(json_get(body, "permissions")),
			 .last4 = str_from(last4),
			 .label = text_of(body, "label"),
			 .created_at = settings_now(&app_of(req)->settings) },
		.user_id = current_user(req)->user_id,
		.api_key_hash = { (const char *)hash, SHA256_BYTES },
		.api_key_enc = seal(req, id, EXCHANGE_KEY_API_KEY, api_key),
		.api_secret_enc = seal(req, id, EXCHANGE_KEY_API_SECRET, text_of(body, "api_secret")),
		.passphrase_enc = passphrase.p != NULL ? seal(req, id, EXCHANGE_KEY_PASSPHRASE, passphrase) : STR_NULL,
	};
	key->row.updated_at = key->row.created_at;
	if (key->api_key_enc.p == NULL || key->api_secret_enc.p == NULL ||
	    (passphrase.p != NULL && key->passphrase_enc.p == NULL))
		return error_set(err, ERR_UNAVAILABLE, "no memory for an exchange key");
	return 0;
}

static void create(struct http_request *req, struct http_response *res, const cJSON *body)
{
	struct exchange_key_insert key;
	struct error err = ERROR_INIT;
	struct json_writer w;
	bool stored;

	if (text_of(body, "api_key").p == NULL || text_of(body, "api_secret").p == NULL) {
		count(req, "create", "invalid_exchange_key_payload");
		http_error(res, 422, "invalid_exchange_key_payload",
			   text_of(body, "api_key").p == NULL ? "Exchange API key must be non-empty."
							      : "Exchange API secret must be non-empty.");
		return;
	}
	if (fill(req, body, &key, &err) != 0 || exchange_key_store_insert(identity_pg(req), &key, &stored, &err) != 0) {
		fail(req, res, "create", &err);
		return;
	}
	if (!stored) {
		count(req, "create", "exchange_key_already_exists");
		http_error(res, 409, "exchange_key_already_exists", "Exchange API key already exists.");
		return;
	}
	count(req, "create", "success");
	res->status = 201;
	jw_init(&w, &res->body);
	write_key(&w, &key.row);
}

void exchange_keys_create(struct http_request *req, struct http_response *res)
{
	struct validation *v = arena_calloc(req->arena, 1, sizeof(*v));
	cJSON *body = validation_body(req, res);

	if (body == NULL || v == NULL)
		return;
	check_shape(v, body);
	if (validation_ok(v))
		create(req, res, body);
	else
		validation_answer(v, res, "Validation failed");
	json_free(body);
}

/* ---- list and delete ----------------------------------------------------------------------------------------------- */

void exchange_keys_list(struct http_request *req, struct http_response *res)
{
	struct exchange_key_row *rows;
	struct error err = ERROR_INIT;
	struct json_writer w;
	size_t n;

	if (exchange_key_store_list(identity_pg(req), req->arena, current_user(req)->user_id, &rows, &n, &err) != 0) {
		fail(req, res, "list", &err);
		return;
	}
	count(req, "list", "success");
	jw_init(&w, &res->body);
	jw_arr(&w);
	for (size_t i = 0; i < n; i++)
		write_key(&w, &rows[i]);
	jw_end(&w);
}

void exchange_keys_delete(struct http_request *req, struct http_response *res)
{
	struct validation *v = arena_calloc(req->arena, 1, sizeof(*v));
	struct uuid key_id;
	struct error err = ERROR_INIT;

	if (v == NULL || !validation_uuid(v, req->params[0], "path.key_id", &key_id)) {
		if (v != NULL)
			validation_answer(v, res, "Validation failed");
		return;
	}
	if (exchange_key_store_delete(identity_pg(req), current_user(req)->user_id, key_id,
				      settings_now(&app_of(req)->settings), &err) == 0) {
		count(req, "delete", "success");
		res->status = 204;
	} else if (err.code == ERR_NOT_FOUND) {
		count(req, "delete", "exchange_key_not_found");
		http_error(res, 404, "exchange_key_not_found", "Exchange API key was not found.");
	} else {
		fail(req, res, "delete", &err);
	}
}
