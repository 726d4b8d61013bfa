/* candle_file.h - recorded 1m candles: CSV with the header open_time_ms,open,high,low,close,volume, plain or gzip.
 *
 * Rows must be ascending by whole minutes without repetition; holes are kept as holes. Every field is checked
 * (candle_check's rules); the error names file, line and what was expected. At most 10 000 000 rows.
 */
#ifndef ROEHUB_ADAPTERS_CSV_CANDLE_FILE_H
#define ROEHUB_ADAPTERS_CSV_CANDLE_FILE_H

#include "base/error.h"
#include "domain/market/candle.h"

/* Appends to out. volume_quote is NaN: the file has none. */
int candle_file_read(const char *path, struct candles *out, struct error *err);

#endif
