#include "domain/strategy/notification.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

/* Members of a text in their order; source says where the value comes from. */
enum field_source { FROM_EVENT_INSTRUMENT, FROM_EVENT_TIMEFRAME, FROM_PAYLOAD, FROM_PAYLOAD_ERROR };

struct text_field {
	const char *name;
	enum field_source source;
};

#define FIELDS_MAX 4

static const struct {
	const char *event_type, *title;
	struct text_field fields[FIELDS_MAX]; /* after strategy_id and run_id */
} ROWS[] = {
	[NOTIFICATION_SIGNAL] = { "signal",
				  "SIGNAL",
				  { { "instrument", FROM_EVENT_INSTRUMENT },
				    { "timeframe", FROM_EVENT_TIMEFRAME },
				    { "signal", FROM_PAYLOAD } } },
	[NOTIFICATION_TRADE_OPEN] = { "trade_open",
				      "TRADE OPEN",
				      { { "instrument", FROM_EVENT_INSTRUMENT },
					{ "timeframe", FROM_EVENT_TIMEFRAME },
					{ "side", FROM_PAYLOAD },
					{ "price", FROM_PAYLOAD } } },
	[NOTIFICATION_TRADE_CLOSE] = { "trade_close",
				       "TRADE CLOSE",
				       { { "instrument", FROM_EVENT_INSTRUMENT },
					 { "timeframe", FROM_EVENT_TIMEFRAME },
					 { "side", FROM_PAYLOAD },
					 { "price", FROM_PAYLOAD } } },
	[NOTIFICATION_FAILED] = { "failed", "FAILED", { { "error", FROM_PAYLOAD_ERROR } } },
};

enum notification_kind notification_kind_of(struct str event_type)
{
	event_type = str_trim(event_type);
	for (size_t i = NOTIFICATION_SIGNAL; i < ARRAY_LEN(ROWS); i++)
		if (str_eq_nocase(event_type, str_from(ROWS[i].event_type)))
			return (enum notification_kind)i;
	return NOTIFICATION_NONE;
}

/* ---- text ---- */

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Runs of white space become one space, ends are trimmed. */
static void add_normalised(struct strbuf *out, struct str text)
{
	bool gap = false;

	text = str_trim(text);
	for (size_t i = 0; i < text.n; i++) {
		if (is_space(text.p[i])) {
			gap = true;
			continue;
		}
		if (gap)
			strbuf_addch(out, ' ');
		gap = false;
		strbuf_addch(out, text.p[i]);
	}
}

static void add_value(struct strbuf *out, const cJSON *node, const char *otherwise)
{
	struct str text = str_trim(json_get_str(node));

	if (text.n > 0)
		strbuf_add(out, text);
	else if (node == NULL || cJSON_IsNull(node) || cJSON_IsString(node))
		strbuf_addc(out, otherwise);
	else
		json_compact(out, node);
}

static struct str error_of(const cJSON *payload)
{
	struct str text = str_trim(json_get_str(json_get(payload, "error")));

	return text.n > 0 ? text : STR("unknown_error");
}

static void add_field(struct strbuf *out, const struct notification_event *e, const struct text_field *f)
{
	strbuf_addf(out, " | %s=", f->name);
	switch (f->source) {
	case FROM_EVENT_INSTRUMENT:
		strbuf_add(out, e->instrument_key);
		break;
	case FROM_EVENT_TIMEFRAME:
		strbuf_add(out, e->timeframe);
		break;
	case FROM_PAYLOAD_ERROR:
		add_normalised(out, error_of(e->payload));
		break;
	case FROM_PAYLOAD:
		add_value(out, json_get(e->payload, f->name), "n/a");
		break;
	}
}

struct str notification_cut(struct str text, size_t max)
{
	size_t i = 0;

	for (size_t seen = 0; i < text.n; i++)
		if (((unsigned char)text.p[i] & 0xc0) != 0x80 && seen++ == max)
			break;
	return str_slice(text, 0, i);
}

/* Payloads are bounded by what Postgres rows hold; what is longer than this is cut anyway. */
#define DRAFT_BYTES_MAX (1 << 20)

void notification_text(const struct notification_event *e, struct strbuf *out)
{
	enum notification_kind kind = notification_kind_of(e->event_type);
	struct strbuf draft = STRBUF_INIT(DRAFT_BYTES_MAX);
	char strategy[UUID_TEXT_MAX], run[UUID_TEXT_MAX];

	strbuf_addf(&draft, "%s | strategy_id=%s | run_id=%s", ROWS[kind].title, uuid_format(e->strategy_id, strategy),
		    uuid_format(e->run_id, run));
	for (size_t i = 0; i < FIELDS_MAX && ROWS[kind].fields[i].name != NULL; i++)
		add_field(&draft, e, &ROWS[kind].fields[i]);
	strbuf_add(out, notification_cut(strbuf_str(&draft), NOTIFICATION_CHARACTERS_MAX));
	strbuf_release(&draft);
}

/* ---- debounce ---- */

struct debounce_entry {
	uint8_t key[SHA256_BYTES]; /* of user, strategy and the normalised error: errors may be long */
	utc_t sent;
	bool used;
};

struct notification_debounce {
	int64_t window_ms;
	size_t cap;
	struct debounce_entry entries[];
};

struct notification_debounce *notification_debounce_new(int64_t window_s, size_t cap)
{
	struct notification_debounce *d = calloc(1, sizeof(*d) + cap * sizeof(d->entries[0]));

	if (d == NULL)
		return NULL;
	d->window_ms = window_s * 1000;
	d->cap = cap;
	return d;
}

void notification_debounce_free(struct notification_debounce *d) { free(d); }

static void key_of(const struct notification_event *e, uint8_t key[SHA256_BYTES])
{
	struct strbuf sb = STRBUF_INIT(DRAFT_BYTES_MAX);

	strbuf_add(&sb, (struct str){ (const char *)e->user_id.b, sizeof(e->user_id.b) });
	strbuf_add(&sb, (struct str){ (const char *)e->strategy_id.b, sizeof(e->strategy_id.b) });
	add_normalised(&sb, error_of(e->payload));
	sha256(strbuf_str(&sb), key);
	strbuf_release(&sb);
}

static bool is_debounced(const struct notification_debounce *d, const struct notification_event *e)
{
	return d->window_ms > 0 && d->cap > 0 && notification_kind_of(e->event_type) == NOTIFICATION_FAILED;
}

bool notification_debounce_passes(const struct notification_debounce *d, const struct notification_event *e)
{
	uint8_t key[SHA256_BYTES];

	if (!is_debounced(d, e))
		return true;
	key_of(e, key);
	for (size_t i = 0; i < d->cap; i++)
		if (d->entries[i].used && memcmp(d->entries[i].key, key, sizeof(key)) == 0)
			return e->ts.ms >= d->entries[i].sent.ms + d->window_ms;
	return true;
}

/* Its own entry, else a free or run-out one, else the oldest. */
static struct debounce_entry *entry_for(struct notification_debounce *d, const uint8_t key[SHA256_BYTES], utc_t now)
{
	struct debounce_entry *best = &d->entries[0];

	for (size_t i = 0; i < d->cap; i++) {
		struct debounce_entry *entry = &d->entries[i];

		if (entry->used && memcmp(entry->key, key, SHA256_BYTES) == 0)
			return entry;
		if (entry->used && entry->sent.ms + d->window_ms <= now.ms)
			entry->used = false;
		if (best->used && (!entry->used || entry->sent.ms < best->sent.ms))
			best = entry;
	}
	return best;
}

void notification_debounce_sent(struct notification_debounce *d, const struct notification_event *e)
{
	struct debounce_entry *entry;
	uint8_t key[SHA256_BYTES];

	if (!is_debounced(d, e))
		return;
	key_of(e, key);
	entry = entry_for(d, key, e->ts);
	memcpy(entry->key, key, sizeof(key));
	entry->sent = e->ts;
	entry->used = true;
}
