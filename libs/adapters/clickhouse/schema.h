/* schema.h - the candle store's tables on ClickHouse. */
#ifndef ROEHUB_ADAPTERS_CLICKHOUSE_SCHEMA_H
#define ROEHUB_ADAPTERS_CLICKHOUSE_SCHEMA_H

#include "adapters/clickhouse/candle_store.h"

#define CH_SCHEMA_HEAD "20260301_0001"

/* Runs the file statement by statement; each may be repeated. */
int ch_apply_schema(const struct ch_settings *settings, const char *path, struct error *err);

#endif
