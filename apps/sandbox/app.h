/* app.h - the sandbox as a whole, for the handlers of its routes. */
#ifndef ROEHUB_SANDBOX_APP_H
#define ROEHUB_SANDBOX_APP_H

#include "binance_spot.h"
#include "faults.h"
#include "market.h"
#include "runtime/service.h"
#include "telegram.h"

struct app {
	struct sim_market market;
	struct faults faults; /* exchange faults: loop thread only; those of the Bot API live with it */
	struct binance_spot *binance;
	struct telegram *telegram;
	struct http_server *http;
	struct ws_server *ws, *wss;
};

#endif
