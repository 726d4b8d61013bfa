/* notification.h - which events become a message to the strategist, what it says, and how often a failure may repeat.
 *
 * Only signal, trade_open, trade_close and failed pass. Texts are plain, one line, at most 4096 characters.
 */
#ifndef ROEHUB_DOMAIN_STRATEGY_NOTIFICATION_H
#define ROEHUB_DOMAIN_STRATEGY_NOTIFICATION_H

#include "base/json.h"
#include "base/utc.h"
#include "base/uuid.h"

#define NOTIFICATION_CHARACTERS_MAX 4096
#define NOTIFICATION_BYTES_MAX	    (NOTIFICATION_CHARACTERS_MAX * 4)

enum notification_kind {
	NOTIFICATION_NONE, /* this type of event is not announced */
	NOTIFICATION_SIGNAL,
	NOTIFICATION_TRADE_OPEN,
	NOTIFICATION_TRADE_CLOSE,
	NOTIFICATION_FAILED,
};

struct notification_event {
	struct uuid user_id, strategy_id, run_id;
	utc_t ts;
	struct str event_type; /* trimmed, any case */
	struct str instrument_key;
	struct str timeframe;
	const cJSON *payload; /* object or NULL */
};

enum notification_kind notification_kind_of(struct str event_type);
/* The text of a kind other than NONE; out is made with at least NOTIFICATION_BYTES_MAX. Empty when memory ran out. */
void notification_text(const struct notification_event *e, struct strbuf *out);
/* At most max characters, cut between characters. */
struct str notification_cut(struct str text, size_t max);

/* The same failure of the same strategy is sent once in a window of event time. A suppressed event does not extend the
 * window; exactly at its end the next one passes. Bounded: with `cap` live keys the oldest gives way. */
struct notification_debounce;

struct notification_debounce *notification_debounce_new(int64_t window_s, size_t cap); /* NULL: out of memory */
void notification_debounce_free(struct notification_debounce *d);		       /* accepts NULL */
/* May this event be sent? Kinds other than FAILED always may. Records nothing. */
bool notification_debounce_passes(const struct notification_debounce *d, const struct notification_event *e);
/* The event was accepted for sending: its window starts. */
void notification_debounce_sent(struct notification_debounce *d, const struct notification_event *e);

#endif
