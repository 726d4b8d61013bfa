/* candle_store.h - the embedded candle store: schema market_data in Postgres, COPY in, one query out. */
#ifndef ROEHUB_ADAPTERS_POSTGRES_CANDLE_STORE_H
#define ROEHUB_ADAPTERS_POSTGRES_CANDLE_STORE_H

#include "ports/candle_store.h"

struct candle_store *pg_candle_store_open(const char *dsn, const char *application_name, struct error *err);

#endif
