/* sandbox - the outside world on loopback: Binance spot and the Telegram Bot API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "certificate.h"
#include "control.h"

static const struct service_option options[] = {
	{ "host", "ADDRESS", "listen address (127.0.0.1)" },
	{ "http-port", "N", "REST, Bot API and control; 0: any free port (9299)" },
	{ "ws-port", "N", "WebSocket streams (9300)" },
	{ "wss-port", "N", "WebSocket streams over TLS; needs --tls-dir" },
	{ "tls-dir", "DIR", "where ca.pem, server.pem and server.key are kept; made when missing" },
	{ "candles", "FILE", "replay a CSV (also .gz) instead of the generator" },
	{ "symbol", "NAME", "symbol of the replay (BTCUSDT)" },
	{ "symbols", "A,B", "symbols of the generator (BTCUSDT,ETHUSDT)" },
	{ "seed", "N", "seed of the generator (1)" },
	{ "speed", "X|max", "market seconds per second (1); max: as fast as subscribers take it" },
	{ "start", "TIME", "where the market clock starts (now, or the first live row of the file)" },
	{ "history-minutes", "N", "minutes before the start that exist (4320; 0 for a replay)" },
	{ "wait-for-client", NULL, "the clock starts with the first subscriber" },
	{ "forming", "N", "unfinished frames per minute (2)" },
	{ "port-file", "PATH", "write the ports there once listening" },
};

static const struct http_route routes[] = {
	{ HTTP_GET, "/health", HTTP_ON_LOOP, service_route_health, 0 },
	{ HTTP_GET, "/ready", HTTP_ON_LOOP, service_route_ready, 0 },
	{ HTTP_GET, "/metrics", HTTP_ON_LOOP, service_route_metrics, 0 },
	{ HTTP_GET, "/api/v3/ping", HTTP_ON_LOOP, binance_spot_ping, 0 },
	{ HTTP_GET, "/api/v3/time", HTTP_ON_LOOP, binance_spot_time, 0 },
	{ HTTP_GET, "/api/v3/exchangeInfo", HTTP_ON_LOOP, binance_spot_exchange_info, 0 },
	{ HTTP_GET, "/api/v3/klines", HTTP_ON_LOOP, binance_spot_klines, 0 },
	{ HTTP_GET, "/control/status", HTTP_ON_LOOP, control_status, 0 },
	{ HTTP_POST, "/control/clock", HTTP_ON_LOOP, control_clock, 0 },
	{ HTTP_POST, "/control/faults", HTTP_ON_LOOP, control_faults_set, 0 },
	{ HTTP_DELETE, "/control/faults", HTTP_ON_LOOP, control_faults_clear, 0 },
	{ HTTP_GET, "/control/candles", HTTP_ON_LOOP, control_candles, 0 },
	{ HTTP_GET, "/control/telegram", HTTP_ON_LOOP, control_telegram_sent, 0 },
	{ HTTP_DELETE, "/control/telegram", HTTP_ON_LOOP, control_telegram_clear, 0 },
	{ HTTP_POST, "/control/telegram/updates", HTTP_ON_LOOP, control_telegram_update, 0 },
};

static void bot_api(struct http_request *req, struct http_response *res)
{
	struct app *app = req->user;

	telegram_call(app->telegram, req, res);
}

/* The Bot API's path comes last: its first part is a pattern. */
static const struct http_route bot_routes[] = {
	{ HTTP_GET, "/{token}/{method}", 0, bot_api, 0 },
	{ HTTP_POST, "/{token}/{method}", 0, bot_api, 0 },
};

static int int_option(struct service_run *run, const char *name, int64_t dflt, int64_t max, int64_t *out,
		      struct error *err)
{
	const char *text = service_option(run, name);

	*out = dflt;
	if (text != NULL && (!str_to_i64(str_from(text), out) || *out < 0 || *out > max))
		return error_set(err, ERR_INVALID, "--%s must be an integer from 0 to %lld, got '%.40s'", name,
				 (long long)max, text);
	return 0;
}

static const char *text_option(struct service_run *run, const char *name, const char *dflt)
{
	const char *text = service_option(run, name);

	return text != NULL ? text : dflt;
}

static int read_market_settings(struct service_run *run, struct market_settings *s, struct error *err)
{
	const char *speed = text_option(run, "speed", "1"), *start = service_option(run, "start");
	int64_t seed;

	s->candles = service_option(run, "candles");
	s->symbols = s->candles != NULL ? text_option(run, "symbol", "BTCUSDT")
					: text_option(run, "symbols", "BTCUSDT,ETHUSDT");
	s->wait_for_client = service_option(run, "wait-for-client") != NULL;
	s->speed = MARKET_SPEED_MAX;
	s->start = UTC_NONE;
	if (strcmp(speed, "max") != 0 && (!str_to_double(str_from(speed), &s->speed) || s->speed <= 0))
		return error_set(err, ERR_INVALID, "--speed must be a number above 0 or max, got '%.40s'", speed);
	if (start != NULL && !utc_parse(str_from(start), &s->start))
		return error_set(err, ERR_INVALID, "--start must be an instant like 2026-02-17T12:00:00Z, got '%.40s'",
				 start);
	if (int_option(run, "seed", 1, INT64_MAX, &seed, err) != 0 ||
	    int_option(run, "history-minutes", s->candles != NULL ? 0 : 4320, 10000000, &s->history_minutes, err) != 0)
		return -1;
	s->seed = (uint64_t)seed;
	return 0;
}

static int start_streams(struct service_run *run, struct app *app, const char *host, struct error *err)
{
	const char *tls_dir = service_option(run, "tls-dir");
	char cert[512], key[512];
	int64_t port;
	struct ws_server_config cfg = { .host = host, .accept = binance_spot_accept, .user = app->binance };

	if (int_option(run, "ws-port", 9300, 65535, &port, err) != 0)
		return -1;
	cfg.port = (int)port;
	app->ws = ws_server_start(run->loop, &cfg, err);
	if (app->ws == NULL)
		return -1;
	if (service_option(run, "wss-port") == NULL)
		return 0;
	if (tls_dir == NULL)
		return error_set(err, ERR_INVALID, "--wss-port needs --tls-dir");
	if (int_option(run, "wss-port", 0, 65535, &port, err) != 0 ||
	    certificate_make(tls_dir, cert, sizeof(cert), key, sizeof(key), err) != 0)
		return -1;
	cfg.port = (int)port;
	cfg.cert_file = cert;
	cfg.key_file = key;
	app->wss = ws_server_start(run->loop, &cfg, err);
	return app->wss != NULL ? 0 : -1;
}

static int start_http(struct service_run *run, struct app *app, const char *host, struct error *err)
{
	static struct http_route all[ARRAY_LEN(routes) + ARRAY_LEN(bot_routes)];
	struct http_server_config cfg = { .host = host,
					  .routes = all,
					  .route_count = ARRAY_LEN(all),
					  .user = app,
					  .metrics = run->metrics,
					  .metrics_prefix = "roehub_sandbox",
					  .log = run->log };
	int64_t port;

	memcpy(all, routes, sizeof(routes));
	memcpy(all + ARRAY_LEN(routes), bot_routes, sizeof(bot_routes));
	if (int_option(run, "http-port", 9299, 65535, &port, err) != 0)
		return -1;
	cfg.port = (int)port;
	service_bind_routes(run);
	app->http = http_server_start(run->loop, &cfg, err);
	return app->http != NULL ? 0 : -1;
}

static enum service_result start(struct service_run *run, struct error *err)
{
	const char *host = text_option(run, "host", "127.0.0.1"), *token = getenv("TELEGRAM_BOT_TOKEN");
	struct market_settings settings = { 0 };
	struct app *app = calloc(1, sizeof(*app));
	int64_t forming;

	run->state = app;
	if (app == NULL) {
		error_set(err, ERR_UNAVAILABLE, "no memory");
		return SERVICE_FAILED;
	}
	if (read_market_settings(run, &settings, err) != 0 || int_option(run, "forming", 2, 59, &forming, err) != 0 ||
	    market_open(&app->market, &settings, err) != 0)
		return SERVICE_FAILED;
	app->telegram = telegram_new(token != NULL ? token : "123456:TEST", err);
	app->binance = binance_spot_new(&(struct binance_settings){ run->loop, &app->market, &app->faults, (int)forming,
								    settings.wait_for_client },
					err);
	if (app->telegram == NULL || app->binance == NULL || start_streams(run, app, host, err) != 0 ||
	    start_http(run, app, host, err) != 0)
		return SERVICE_FAILED;
	const struct service_port ports[] = { { "http", http_server_port(app->http) },
					      { "ws", ws_server_port(app->ws) },
					      { "wss", app->wss != NULL ? ws_server_port(app->wss) : 0 } };
	if (service_write_ports(service_option(run, "port-file"), ports, app->wss != NULL ? 3 : 2, err) != 0)
		return SERVICE_FAILED;
	log_info(&run->log, "listening", LOG_INT("http", ports[0].port), LOG_INT("ws", ports[1].port),
		 LOG_INT("wss", ports[2].port));
	return SERVICE_RUN;
}

static void stop(struct service_run *run)
{
	struct app *app = run->state;

	if (app == NULL)
		return;
	http_server_free(app->http);
	ws_server_free(app->wss);
	ws_server_free(app->ws);
	binance_spot_free(app->binance);
	telegram_free(app->telegram);
	market_close(&app->market);
	free(app);
}

int main(int argc, char **argv)
{
	static const struct service sandbox = {
		.name = "sandbox",
		.about = "the outside world on loopback: Binance spot and the Telegram Bot API",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.start = start,
		.stop = stop,
	};

	return service_main(&sandbox, argc, argv);
}
