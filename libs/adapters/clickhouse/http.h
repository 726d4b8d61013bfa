/* http.h - one statement to ClickHouse over its HTTP interface: credentials in headers, no session, whole answer. */
#ifndef ROEHUB_ADAPTERS_CLICKHOUSE_HTTP_H
#define ROEHUB_ADAPTERS_CLICKHOUSE_HTTP_H

#include "adapters/clickhouse/candle_store.h"
#include "base/strbuf.h"

struct ch_http;

struct ch_http *ch_http_new(const struct ch_settings *settings, struct error *err);
void ch_http_free(struct ch_http *h);
/* Runs sql, which goes into the URL when data is given and is the body otherwise. out (may be NULL) gets the answer.
 * ERR_UNAVAILABLE: no server; ERR_INTERNAL: it refused, its text is the detail. */
int ch_http_run(struct ch_http *h, const char *sql, struct str data, struct strbuf *out, struct error *err);
/* 'text' with quotes and escapes: the only way a value gets into a statement. */
void ch_quote(struct strbuf *sb, struct str text);

#endif
