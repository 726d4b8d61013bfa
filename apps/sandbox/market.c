#include "market.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/csv/candle_file.h"

/* ---- the generator ------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* Uniform in [-1, 1), a function of its arguments alone. */
static double noise(uint64_t seed, uint64_t layer, int64_t cell)
{
	uint64_t h = mix(seed ^ mix(layer * 0x9e3779b97f4a7c15ULL ^ mix((uint64_t)cell)));

	return (double)(h >> 11) * 0x1.0p-52 - 1.0;
}

/* Value noise of several scales: random numbers on a grid, joined smoothly. Long scales make trends, short ones make the
 * moving averages cross. */
static double log_price(uint64_t seed, int64_t minute)
{
	static const int64_t periods[] = { 1, 5, 19, 67, 241, 1009, 4999 };
	double sum = 0;

	for (size_t i = 0; i < ARRAY_LEN(periods); i++) {
		int64_t p = periods[i], cell = minute / p - (minute % p < 0);
		double x = (double)(minute - cell * p) / (double)p, w = x * x * (3 - 2 * x);

		sum += 0.0007 * sqrt((double)p) * (noise(seed, i, cell) * (1 - w) + noise(seed, i, cell + 1) * w);
	}
	return sum;
}

static double cents(double v) { return round(v * 100.0) / 100.0; }

static void generate(const struct market_symbol *s, int64_t minute, struct simulated_candle *out)
{
	double open = cents(s->scale * exp(log_price(s->seed, minute)));
	double close = cents(s->scale * exp(log_price(s->seed, minute + 1)));
	double wick = s->scale * 0.0004;

	out->open = open;
	out->close = close;
	out->high = cents(fmax(open, close) + wick * (noise(s->seed, 100, minute) + 1));
	out->low = cents(fmin(open, close) - wick * (noise(s->seed, 101, minute) + 1));
	out->volume = round((2.0 + noise(s->seed, 102, minute) * 1.9) * 1e6) / 1e6;
}

/* What a recording does not tell: plausible, and the same every time. */
static void complete(const struct market_symbol *s, int64_t minute, struct simulated_candle *c)
{
	double share = (noise(s->seed, 103, minute) + 1) / 2;

	c->quote_volume = round(c->volume * (c->open + c->close) / 2 * 1e6) / 1e6;
	c->trades = 1 + (int64_t)(c->volume * 20);
	c->taker_base = round(c->volume * share * 1e6) / 1e6;
	c->taker_quote = round(c->quote_volume * share * 1e6) / 1e6;
}

/* ---- candles ------------------------------------------------------------------------------------------------------- */

static bool from_file(const struct candles *f, utc_t minute, struct simulated_candle *out)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->ts_open_ms[mid] < minute.ms)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == f->n || f->ts_open_ms[low] != minute.ms)
		return false;
	*out = (struct simulated_candle){ .open = f->open[low],
					  .high = f->high[low],
					  .low = f->low[low],
					  .close = f->close[low],
					  .volume = f->volume[low] };
	return true;
}

bool market_candle(const struct sim_market *m, const struct market_symbol *s, utc_t minute,
		   struct simulated_candle *out)
{
	int64_t index = minute.ms / UTC_MINUTE_MS;

	if (minute.ms < m->first.ms || (!utc_is_none(m->last_close) && minute.ms >= m->last_close.ms))
		return false;
	if (m->file.n > 0 && s == m->symbols) {
		if (!from_file(&m->file, minute, out))
			return false;
	} else {
		generate(s, index, out);
	}
	complete(s, index, out);
	return true;
}

const struct market_symbol *market_symbol(const struct sim_market *m, struct str name)
{
	for (size_t i = 0; i < m->symbol_count; i++)
		if (str_eq_nocase(str_from(m->symbols[i].name), name))
			return &m->symbols[i];
	return NULL;
}

/* ---- the clock ----------------------------------------------------------------------------------------------------- */

utc_t market_now(const struct sim_market *m)
{
	double elapsed_ms = (double)mono_elapsed_us(m->anchor, mono_now()) / 1000.0;
	utc_t t = m->at_anchor;

	if (!m->paused && m->speed > 0)
		t.ms += (int64_t)(elapsed_ms * m->speed);
	if (!utc_is_none(m->last_close) && t.ms > m->last_close.ms)
		t = m->last_close;
	return t;
}

void market_set_clock(struct sim_market *m, utc_t now)
{
	m->at_anchor = now;
	m->anchor = mono_now();
}

void market_set_speed(struct sim_market *m, double speed)
{
	market_set_clock(m, market_now(m));
	m->speed = speed;
}

void market_pause(struct sim_market *m, bool paused)
{
	market_set_clock(m, market_now(m));
	m->paused = paused;
}

bool market_finished(const struct sim_market *m)
{
	return !utc_is_none(m->last_close) && market_now(m).ms >= m->last_close.ms;
}

int64_t market_wait_ms(const struct sim_market *m, utc_t t)
{
	utc_t now = market_now(m);

	if (m->paused || m->speed <= 0)
		return -1;
	return t.ms <= now.ms ? 0 : (int64_t)((double)(t.ms - now.ms) / m->speed) + 1;
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

/* "BTCUSDT" -> BTC and USDT, by the quote currencies that exchanges use. */
static void split_symbol(struct market_symbol *s)
{
	static const char *const quotes[] = { "USDT", "USDC", "FDUSD", "BTC", "ETH", "EUR" };
	struct str name = str_from(s->name);

	str_copy(s->base, sizeof(s->base), str_slice(name, 0, sizeof(s->base) - 1));
	for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
		struct str quote = str_from(quotes[i]);

		if (name.n > quote.n && str_ends(name, quote)) {
			str_copy(s->base, sizeof(s->base),
				 str_slice(name, 0, MIN_OF(name.n - quote.n, sizeof(s->base) - 1)));
			str_copy(s->quote, sizeof(s->quote), quote);
			return;
		}
	}
}

static int add_symbols(struct sim_market *m, const struct market_settings *settings, struct error *err)
{
	struct str rest = str_from(settings->symbols), part;

	m->symbols = calloc(MARKET_SYMBOLS_MAX, sizeof(*m->symbols));
	if (m->symbols == NULL)
		return error_set(err, ERR_UNAVAILABLE, "no memory for symbols");
	while (str_split(&rest, ',', &part)) {
		struct market_symbol *s = &m->symbols[m->symbol_count];
		struct instrument i;
		uint64_t h = settings->seed;

		if (m->symbol_count == MARKET_SYMBOLS_MAX)
			return error_set(err, ERR_INVALID, "--symbols: at most %d", MARKET_SYMBOLS_MAX);
		if (instrument_init(&i, 1, part, err) != 0)
			return -1;
		str_copy(s->name, sizeof(s->name), str_from(i.symbol));
		split_symbol(s);
		for (const char *p = s->name; *p != '\0'; p++)
			h = mix(h ^ (uint64_t)(unsigned char)*p);
		s->seed = h;
		s->scale = strncmp(s->name, "BTC", 3) == 0 ? 27000.0 : 20.0 + (double)(h % 200000) / 100.0;
		m->symbol_count++;
	}
	return 0;
}

int market_open(struct sim_market *m, const struct market_settings *settings, struct error *err)
{
	utc_t start = settings->start;

	*m = (struct sim_market){ .speed = settings->speed,
				  .paused = settings->wait_for_client,
				  .last_close = UTC_NONE };
	candles_init(&m->file);
	if (add_symbols(m, settings, err) != 0)
		return -1;
	if (settings->candles != NULL) {
		size_t history = (size_t)MAX_OF(settings->history_minutes, (int64_t)0);

		if (candle_file_read(settings->candles, &m->file, err) != 0)
			return -1;
		if (history >= m->file.n)
			return error_set(err, ERR_INVALID, "--history-minutes %zu leaves nothing of %zu rows", history,
					 m->file.n);
		m->first = utc_from_ms(m->file.ts_open_ms[0]);
		m->last_close = utc_from_ms(m->file.ts_open_ms[m->file.n - 1] + UTC_MINUTE_MS);
		if (utc_is_none(start))
			start = utc_from_ms(m->file.ts_open_ms[history]);
	} else {
		if (utc_is_none(start))
			start = utc_now();
		start = utc_floor(start, UTC_MINUTE_MS);
		m->first = utc_from_ms(start.ms - settings->history_minutes * UTC_MINUTE_MS);
	}
	market_set_clock(m, start);
	return 0;
}

void market_close(struct sim_market *m)
{
	candles_release(&m->file);
	free(m->symbols);
	m->symbols = NULL;
}
