/* routes.h - every route of the api: one table, which dispatch, access checks, documentation and tests walk. */
#ifndef ROEHUB_API_ROUTES_H
#define ROEHUB_API_ROUTES_H

#include "runtime/http_server.h"

struct api_config;
struct strategy_config;

#define API_ROUTES_MAX 64

/* The routes that are switched on, in the order of the table. */
size_t api_routes(const struct api_config *api, const struct strategy_config *strategy,
		  struct http_route out[API_ROUTES_MAX]);

#endif
