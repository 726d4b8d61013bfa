#include "support/suite.h"

#include <time.h>
#include <unistd.h>

#include "support/api.h"
#include "support/openapi.h"

static const char *port_file(struct suite *s, struct proc *p)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s.ports", s->stack.dir, p->name);
	return path;
}

/* The test profile with a stream long enough to keep a whole replay, in the suite's own folder. */
static void write_config(struct suite *s, const char *name, const char *edit)
{
	char command[1536];

	snprintf(command, sizeof(command), "sed -e '%s' '%s/configs/test/%s' > '%s/%s'", edit, test_root(), name,
		 s->stack.dir, name);
	assert_int_equal(system(command), 0);
}

static void common_env(struct suite *s, struct proc *p, const char *role)
{
	proc_env(p, "ROEHUB_ENV", "test");
	proc_env(p, "STRATEGY_PG_DSN", "%s", stack_role_dsn(&s->stack, role));
	proc_env(p, "IDENTITY_PG_DSN", "%s", stack_role_dsn(&s->stack, role));
	proc_env(p, "MARKET_DATA_PG_DSN", "%s", stack_role_dsn(&s->stack, role));
	proc_env(p, "ROEHUB_CANDLE_STORE", "postgres");
	proc_env(p, "ROEHUB_REDIS_HOST", "%s", s->stack.redis_host);
	proc_env(p, "ROEHUB_REDIS_PORT", "%d", s->stack.redis_port);
	proc_env(p, "TELEGRAM_BOT_TOKEN", "%s", s->token);
	proc_env(p, "IDENTITY_JWT_SECRET", "suite-jwt-secret-0123456789abcdef0123456789");
	proc_env(p, "ROEHUB_API_LIMIT_LOGIN", "1000000");
	proc_env(p, "ROEHUB_TELEGRAM_MODE", "telegram");
	proc_env(p, "ROEHUB_TELEGRAM_API_BASE_URL", "http://127.0.0.1:%d", s->sandbox_http);
	proc_env(p, "ROEHUB_MARKET_1_REST_URL", "http://127.0.0.1:%d", s->sandbox_http);
	proc_env(p, "ROEHUB_MARKET_1_WS_URL", "ws://127.0.0.1:%d/stream", s->sandbox_ws);
}

static void sandbox_start(struct suite *s, const struct suite_options *o)
{
	struct proc *p = &s->sandbox;

	proc_init(p, "sandbox", s->stack.dir);
	proc_env(p, "TELEGRAM_BOT_TOKEN", "%s", s->token);
	proc_arg(p, "--http-port");
	proc_arg(p, "0");
	proc_arg(p, "--ws-port");
	proc_arg(p, "0");
	proc_arg(p, "--port-file");
	proc_arg(p, "%s", port_file(s, p));
	proc_arg(p, "--speed");
	proc_arg(p, "%s", o->speed);
	proc_arg(p, "--wait-for-client");
	proc_arg(p, "--history-minutes");
	proc_arg(p, "%s", o->candles != NULL ? "0" : "600");
	if (o->candles != NULL) {
		proc_arg(p, "--candles");
		proc_arg(p, "%s", o->candles);
	}
	proc_start(p);
	s->sandbox_http = proc_port(p, port_file(s, p), "http", 15000);
	s->sandbox_ws = proc_port(p, port_file(s, p), "ws", 15000);
}

void suite_worker_start(struct suite *s)
{
	struct proc *p = &s->worker;

	unlink(port_file(s, p));
	proc_start(p);
	s->worker_metrics = proc_port(p, port_file(s, p), "metrics", 30000);
}

void suite_market_start(struct suite *s)
{
	struct proc *p = &s->market;

	unlink(port_file(s, p));
	proc_start(p);
	s->market_metrics = proc_port(p, port_file(s, p), "metrics", 30000);
}

void suite_up(struct suite *s, const struct suite_options *o)
{
	memset(s, 0, sizeof(*s));
	stack_up(&s->stack, o->stack_parts | STACK_DATABASE | STACK_REDIS);
	snprintf(s->token, sizeof(s->token), "123456:suite-token-%d", (int)getpid());
	sandbox_start(s, o);
	write_config(s, "market_data.yaml", "s/retention_days: .*/retention_days: 30/");
	write_config(s, "strategy.yaml", "");
	stack_file(&s->stack, "whitelist.csv", "market_id,symbol,is_enabled\n1,BTCUSDT,1\n");

	proc_init(&s->api, "api", s->stack.dir);
	common_env(s, &s->api, "roehub_api");
	proc_arg(&s->api, "--host");
	proc_arg(&s->api, "127.0.0.1");
	proc_arg(&s->api, "--port");
	proc_arg(&s->api, "0");
	proc_arg(&s->api, "--port-file");
	proc_arg(&s->api, "%s", port_file(s, &s->api));
	proc_start(&s->api);
	s->api_http = proc_port(&s->api, port_file(s, &s->api), "http", 30000);

	proc_init(&s->worker, "strategy-live-worker", s->stack.dir);
	common_env(s, &s->worker, "roehub_worker");
	proc_arg(&s->worker, "--config");
	proc_arg(&s->worker, "%s/strategy.yaml", s->stack.dir);
	proc_arg(&s->worker, "--metrics-port");
	proc_arg(&s->worker, "0");
	proc_arg(&s->worker, "--port-file");
	proc_arg(&s->worker, "%s", port_file(s, &s->worker));
	suite_worker_start(s);

	proc_init(&s->market, "market-data-ws", s->stack.dir);
	common_env(s, &s->market, "roehub_market_data");
	proc_arg(&s->market, "--config");
	proc_arg(&s->market, "%s/market_data.yaml", s->stack.dir);
	proc_arg(&s->market, "--whitelist");
	proc_arg(&s->market, "%s/whitelist.csv", s->stack.dir);
	proc_arg(&s->market, "--metrics-port");
	proc_arg(&s->market, "0");
	proc_arg(&s->market, "--port-file");
	proc_arg(&s->market, "%s", port_file(s, &s->market));
	openapi_watch(s->api_http);
	assert_true(test_http_wait(s->api_http, "/ready", 15000));
	suite_login(s, 411001);
}

void suite_down(struct suite *s)
{
	proc_release(&s->market);
	proc_release(&s->worker);
	proc_release(&s->api);
	proc_release(&s->sandbox);
	stack_down(&s->stack);
	openapi_assert_clean();
}

void suite_login(struct suite *s, int64_t telegram_id)
{
	struct person p;

	test_sign_in(&p, s->api_http, s->token, telegram_id, (int64_t)time(NULL));
	snprintf(s->cookie, sizeof(s->cookie), "%s", p.cookie);
	snprintf(s->user_id, sizeof(s->user_id), "%s", p.user_id);
}

void suite_run_strategy(struct suite *s, const char *timeframe, const char *indicators_json, char *strategy_id,
			char *run_id)
{
	char body[2048], path[128];
	struct test_http h;

	snprintf(
		body, sizeof(body),
		"{\"instrument_id\":{\"market_id\":1,\"symbol\":\"BTCUSDT\"},\"instrument_key\":\"binance:spot:BTCUSDT\","
		"\"market_type\":\"spot\",\"timeframe\":\"%s\",\"indicators\":%s}",
		timeframe, indicators_json);
	test_http(&h, "POST", s->api_http, "/strategies", s->cookie, body);
	if (h.status != 201)
		fail_msg("create: %d %s", h.status, h.body);
	snprintf(strategy_id, 40, "%s", json_member(h.body, "strategy_id"));
	test_http_release(&h);
	snprintf(path, sizeof(path), "/strategies/%s/run", strategy_id);
	test_http(&h, "POST", s->api_http, path, s->cookie, NULL);
	if (h.status != 200)
		fail_msg("run: %d %s", h.status, h.body);
	snprintf(run_id, 40, "%s", json_member(h.body, "run_id"));
	test_http_release(&h);
}
