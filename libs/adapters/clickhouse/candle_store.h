/* candle_store.h - the candle store on ClickHouse: HTTP interface, RowBinary in and out. */
#ifndef ROEHUB_ADAPTERS_CLICKHOUSE_CANDLE_STORE_H
#define ROEHUB_ADAPTERS_CLICKHOUSE_CANDLE_STORE_H

#include "ports/candle_store.h"

struct ch_settings {
	char host[256];
	int port;
	char user[128];
	char password[256];
	char database[64];
	bool secure;
	bool verify;
};

/* CH_HOST, CH_PORT, CH_USER/CLICKHOUSE_USER, CH_PASSWORD/CLICKHOUSE_PASSWORD, CH_DATABASE, CH_SECURE, CH_VERIFY with
 * their defaults; the password is registered for redaction. */
int ch_settings_from_env(struct ch_settings *out, struct error *err);
struct candle_store *ch_candle_store_open(const struct ch_settings *settings, struct error *err);

#endif
