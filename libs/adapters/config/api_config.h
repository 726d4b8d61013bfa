/* api_config.h - configs/<env>/api.yaml: what the api trusts, how much it allows, where its Redis is.
 *
 * Environment before the file: ROEHUB_API_TRUSTED_PROXIES, ROEHUB_API_LIMIT_<CLASS>, ROEHUB_API_DOCS, ROEHUB_REDIS_HOST,
 * ROEHUB_REDIS_PORT. Unknown keys are refused; every violation is one line that names the key.
 */
#ifndef ROEHUB_ADAPTERS_CONFIG_API_CONFIG_H
#define ROEHUB_ADAPTERS_CONFIG_API_CONFIG_H

#include "base/base.h"
#include "base/error.h"

/* Per minute and subject; 0: no limit. */
enum api_limit {
	API_LIMIT_CLIENT,	 /* all requests of a client address */
	API_LIMIT_READ,		 /* reads of a user */
	API_LIMIT_WRITE,	 /* state changes of a user */
	API_LIMIT_LOGIN,	 /* failed logins of a client address */
	API_LIMIT_TWO_FACTOR,	 /* two-factor requests of a user */
	API_LIMIT_EXCHANGE_KEYS, /* exchange key requests of a user */
	API_LIMITS
};

struct api_config {
	char trusted_proxies[1024];
	bool docs; /* /openapi.json and /docs */
	char redis_host[256];
	int64_t redis_port, redis_db;
	char redis_password_env[128]; /* "": no password */
	double redis_timeout_s;	      /* of connecting and of each command */
	int64_t limits[API_LIMITS];
};

const char *api_limit_text(enum api_limit l); /* "client" */
int api_config_load(const char *path, struct api_config *out, struct error *err);

#endif
