/* utc.h - two clocks with two types, and the three text forms of an instant.
 *
 * utc_t is stored, shown and compared with venue time: milliseconds since 1970-01-01T00:00:00Z.
 * mono_t is for deadlines and durations and is never stored: microseconds of CLOCK_MONOTONIC.
 * Domain code takes instants as arguments and never reads a clock.
 */
#ifndef ROEHUB_BASE_UTC_H
#define ROEHUB_BASE_UTC_H

#include "base/str.h"

typedef struct {
	int64_t ms;
} utc_t;

typedef struct {
	int64_t us;
} mono_t;

#define UTC_TEXT_MAX  32
#define UTC_MINUTE_MS 60000
#define UTC_NONE      ((utc_t){ INT64_MIN }) /* "no instant": null in JSON and SQL */

utc_t utc_now(void);
mono_t mono_now(void);
static inline utc_t utc_from_ms(int64_t ms) { return (utc_t){ ms }; }
static inline bool utc_is_none(utc_t t) { return t.ms == INT64_MIN; }
static inline int64_t utc_minutes_between(utc_t from, utc_t to) { return (to.ms - from.ms) / UTC_MINUTE_MS; }
static inline int64_t mono_elapsed_us(mono_t from, mono_t to) { return to.us - from.us; }
static inline mono_t mono_after_ms(mono_t from, int64_t ms) { return (mono_t){ from.us + ms * 1000 }; }

/* floor(t / step) * step, mathematical floor also before 1970; step_ms > 0 */
utc_t utc_floor(utc_t t, int64_t step_ms);

/* YYYY-MM-DDTHH:MM:SS.mmmZ - candles, events, streams, logs */
const char *utc_format_ms(utc_t t, char text[UTC_TEXT_MAX]);
/* YYYY-MM-DDTHH:MM:SSZ, with six fraction digits when the fraction is not zero - fields of HTTP answers */
const char *utc_format_api(utc_t t, char text[UTC_TEXT_MAX]);
/* Sat, 21 Feb 2026 12:00:00 GMT - HTTP headers */
const char *utc_format_http(utc_t t, char text[UTC_TEXT_MAX]);

/* ISO 8601 date and time with 'T' or ' ' between and a zone ('Z', +hh:mm, +hhmm, +hh); fraction of any length,
 * truncated to milliseconds. Without a zone, or with a field out of range, false. */
bool utc_parse(struct str text, utc_t *out);

#endif
