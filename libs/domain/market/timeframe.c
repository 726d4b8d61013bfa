#include "domain/market/timeframe.h"

#define TIMEFRAME_ECHO_MAX 32 /* characters of a refused value that a message repeats */

static const struct {
	const char *text;
	int minutes;
} ROWS[TIMEFRAME_COUNT] = {
#define X(id, name, length) [TIMEFRAME_##id] = { name, length },
	TIMEFRAMES(X)
#undef X
};

const char *timeframe_text(enum timeframe tf) { return ROWS[tf].text; }

int timeframe_minutes(enum timeframe tf) { return ROWS[tf].minutes; }

utc_t timeframe_bucket(enum timeframe tf, utc_t t) { return utc_floor(t, timeframe_ms(tf)); }

/* The first max characters (not bytes) of valid UTF-8. */
static struct str first_characters(struct str s, size_t max)
{
	size_t i = 0;

	for (size_t seen = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] & 0xc0) != 0x80 && seen++ == max)
			break;
	return str_slice(s, 0, i);
}

int timeframe_parse(struct str text, enum timeframe *out, struct error *err)
{
	char echo[TIMEFRAME_ECHO_MAX * 4 + 1]; /* a character has at most four bytes */

	text = str_trim(text);
	for (int i = 0; i < TIMEFRAME_COUNT; i++) {
		if (str_eq_nocase(text, str_from(ROWS[i].text))) {
			*out = (enum timeframe)i;
			return 0;
		}
	}
	str_copy(echo, sizeof(echo), first_characters(text, TIMEFRAME_ECHO_MAX));
	str_lower_ascii(echo);
	return error_set(err, ERR_INVALID,
			 "Unsupported timeframe='%s'. Supported: ['15m', '1d', '1h', '1m', '4h', '5m']", echo);
}
