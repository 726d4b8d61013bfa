#include "adapters/config/api_config.h"

#include <stdio.h>
#include <string.h>

#include "adapters/config/yaml_fields.h"

/* ---- the file, as text --------------------------------------------------------------------------------------------- */

struct y_redis {
	char *host, *port, *db, *password_env, *timeout_s;
};
struct y_limits {
	char *client, *read, *write, *login, *two_factor, *exchange_keys;
};
struct y_api {
	char *trusted_proxies, *docs;
	struct y_redis *redis;
	struct y_limits *rate_limits;
};
struct y_file {
	char *version;
	struct y_api *api;
};

static const cyaml_schema_field_t redis_fields[] = { YAML_TEXT(y_redis, host),
						     YAML_TEXT(y_redis, port),
						     YAML_TEXT(y_redis, db),
						     YAML_TEXT_OR_NULL(y_redis, password_env),
						     YAML_TEXT(y_redis, timeout_s),
						     CYAML_FIELD_END };
static const cyaml_schema_field_t limits_fields[] = {
	YAML_TEXT(y_limits, client), YAML_TEXT(y_limits, read),	      YAML_TEXT(y_limits, write),
	YAML_TEXT(y_limits, login),  YAML_TEXT(y_limits, two_factor), YAML_TEXT(y_limits, exchange_keys),
	CYAML_FIELD_END
};
static const cyaml_schema_field_t api_fields[] = { YAML_TEXT_OR_NULL(y_api, trusted_proxies), YAML_TEXT(y_api, docs),
						   YAML_MAP(y_api, redis, redis_fields),
						   YAML_MAP(y_api, rate_limits, limits_fields), CYAML_FIELD_END };
static const cyaml_schema_field_t file_fields[] = { YAML_TEXT(y_file, version), YAML_MAP(y_file, api, api_fields),
						    CYAML_FIELD_END };
static const cyaml_schema_value_t file_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct y_file, file_fields) };

/* ---- the values ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	int64_t dflt;
} limits[API_LIMITS] = {
	[API_LIMIT_CLIENT] = { "client", 6000 },
	[API_LIMIT_READ] = { "read", 3000 },
	[API_LIMIT_WRITE] = { "write", 300 },
	[API_LIMIT_LOGIN] = { "login", 30 },
	[API_LIMIT_TWO_FACTOR] = { "two_factor", 30 },
	[API_LIMIT_EXCHANGE_KEYS] = { "exchange_keys", 60 },
};

const char *api_limit_text(enum api_limit l) { return limits[l].text; }

static void read_limits(struct config_reader *r, const struct y_limits *y, struct api_config *out)
{
	const char *raw[API_LIMITS] = { y->client, y->read, y->write, y->login, y->two_factor, y->exchange_keys };

	for (int i = 0; i < API_LIMITS; i++) {
		char key[64], env[64];

		snprintf(key, sizeof(key), "rate_limits.%s", limits[i].text);
		snprintf(env, sizeof(env), "ROEHUB_API_LIMIT_%s", limits[i].text);
		str_upper_ascii(env);
		config_int(r, key, env, raw[i], &limits[i].dflt, 0, 100000000, &out->limits[i]);
	}
}

static int read_values(const struct y_file *file, struct api_config *out, struct error *err)
{
	static const struct y_api no_api = { 0 };
	static const struct y_redis no_redis = { 0 };
	static const struct y_limits no_limits = { 0 };
	const struct y_api *api = file->api != NULL ? file->api : &no_api;
	const struct y_redis *redis = api->redis != NULL ? api->redis : &no_redis;
	struct config_reader r;
	int64_t version;

	memset(out, 0, sizeof(*out));
	config_reader_init(&r, "");
	config_int(&r, "version", NULL, file->version, NULL, 1, 1, &version);
	r.prefix = "api.";
	config_text(&r, "trusted_proxies", "ROEHUB_API_TRUSTED_PROXIES", api->trusted_proxies, "127.0.0.0/8, ::1",
		    out->trusted_proxies, sizeof(out->trusted_proxies));
	config_bool(&r, "docs", "ROEHUB_API_DOCS", api->docs, CONFIG_DEFAULT_BOOL(true), &out->docs);
	config_text(&r, "redis.host", "ROEHUB_REDIS_HOST", redis->host, "127.0.0.1", out->redis_host,
		    sizeof(out->redis_host));
	config_int(&r, "redis.port", "ROEHUB_REDIS_PORT", redis->port, CONFIG_DEFAULT_INT(6379), 1, 65535,
		   &out->redis_port);
	config_int(&r, "redis.db", NULL, redis->db, CONFIG_DEFAULT_INT(0), 0, 1000, &out->redis_db);
	if (redis->password_env != NULL)
		config_text(&r, "redis.password_env", NULL, redis->password_env, NULL, out->redis_password_env,
			    sizeof(out->redis_password_env));
	config_double(&r, "redis.timeout_s", NULL, redis->timeout_s, CONFIG_DEFAULT_DOUBLE(0.25), BOUND_POSITIVE,
		      &out->redis_timeout_s);
	read_limits(&r, api->rate_limits != NULL ? api->rate_limits : &no_limits, out);
	return config_reader_end(&r, err);
}

int api_config_load(const char *path, struct api_config *out, struct error *err)
{
	void *data;
	int rc;

	if (config_load("api", path, &file_schema, &data, err) != 0)
		return -1;
	rc = read_values(data, out, err);
	config_free(&file_schema, data);
	return rc;
}
