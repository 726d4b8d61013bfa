/* binance_spot.h - the look-alike of Binance spot: REST under /api/v3, kline streams over WebSocket. */
#ifndef ROEHUB_SANDBOX_BINANCE_SPOT_H
#define ROEHUB_SANDBOX_BINANCE_SPOT_H

#include <event2/event.h>

#include "faults.h"
#include "market.h"
#include "runtime/http_server.h"
#include "runtime/ws.h"

struct binance_spot;

struct binance_settings {
	struct event_base *loop;
	struct sim_market *market;
	struct faults *faults; /* touched on the loop only */
	int forming;	       /* unfinished frames per minute */
	bool wait_for_client;  /* the clock starts with the first kline subscriber */
};

struct binance_spot *binance_spot_new(const struct binance_settings *settings, struct error *err);
void binance_spot_free(struct binance_spot *b);
const struct ws_events *binance_spot_accept(struct ws *ws, struct str target, void *user, void **arg);
/* The clock was paused, resumed or given another speed: plan the next frame anew. */
void binance_spot_reschedule(struct binance_spot *b);
/* Faults that act on what is open now (disconnect at once when asked for by duration, half-open). */
void binance_spot_half_open(struct binance_spot *b);

void binance_spot_ping(struct http_request *req, struct http_response *res);
void binance_spot_time(struct http_request *req, struct http_response *res);
void binance_spot_exchange_info(struct http_request *req, struct http_response *res);
void binance_spot_klines(struct http_request *req, struct http_response *res);

int64_t binance_spot_frames_sent(const struct binance_spot *b);
size_t binance_spot_connections(const struct binance_spot *b);

#endif
