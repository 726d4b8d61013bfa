/* market.h - what the sandbox's exchanges trade: symbols, a clock of its own, and the candle of every minute.
 *
 * Candles come from a recorded file (one symbol) or from a seeded generator that is a pure function of (seed, symbol,
 * minute): history and live agree whatever is asked first. A hole of the file stays a hole.
 */
#ifndef ROEHUB_SANDBOX_MARKET_H
#define ROEHUB_SANDBOX_MARKET_H

#include "base/utc.h"
#include "domain/market/candle.h"

#define MARKET_SYMBOLS_MAX 2048
#define MARKET_SPEED_MAX   0.0 /* speed "max": as fast as the subscribers take it */

struct market_settings {
	const char *candles; /* CSV path or NULL */
	const char *symbols; /* "BTCUSDT,ETHUSDT"; with candles the first one replays */
	uint64_t seed;
	double speed;
	utc_t start; /* UTC_NONE: now (generator) or the file's first live row */
	int64_t history_minutes;
	bool wait_for_client;
};

struct market_symbol {
	char name[SYMBOL_MAX];
	char base[16], quote[16];
	uint64_t seed;
	double scale; /* price around which the generator moves */
};

struct simulated_candle {
	double open, high, low, close, volume, quote_volume, taker_base, taker_quote;
	int64_t trades;
};

struct sim_market {
	struct market_symbol *symbols;
	size_t symbol_count;
	struct candles file; /* replay of symbols[0]; empty: generator */
	utc_t first;	     /* first minute that exists */
	utc_t last_close;    /* end of the replay; UTC_NONE: never */
	double speed;
	bool paused;
	utc_t at_anchor; /* clock at `anchor` of real time */
	mono_t anchor;
};

int market_open(struct sim_market *m, const struct market_settings *settings, struct error *err);
void market_close(struct sim_market *m);

const struct market_symbol *market_symbol(const struct sim_market *m,
					  struct str name); /* any case; NULL when unknown */
/* false: no such minute (a hole, before the first, behind the last). */
bool market_candle(const struct sim_market *m, const struct market_symbol *s, utc_t minute,
		   struct simulated_candle *out);

utc_t market_now(const struct sim_market *m);
void market_set_clock(struct sim_market *m, utc_t now); /* speed "max": the pump moves it */
void market_set_speed(struct sim_market *m, double speed);
void market_pause(struct sim_market *m, bool paused);
bool market_finished(const struct sim_market *m);
/* Real milliseconds until the clock shows t; 0 when it is there; -1 while paused or at speed "max". */
int64_t market_wait_ms(const struct sim_market *m, utc_t t);

#endif
