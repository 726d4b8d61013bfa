/* WebSocket client and server against each other and against hostile peers, plain and over TLS. */
#include "support/stack.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "runtime/ws.h"

static struct event_base *loop;

struct side {
	struct ws *ws;
	int opened, closed, messages, code;
	enum ws_close_reason reason;
	size_t bytes;
	char last[256];
	bool echo;
};

static void on_open(struct ws *ws, void *arg)
{
	struct side *s = arg;

	s->ws = ws;
	s->opened++;
}

static void on_message(struct ws *ws, struct str text, bool binary, void *arg)
{
	struct side *s = arg;

	(void)binary;
	s->messages++;
	s->bytes += text.n;
	snprintf(s->last, sizeof(s->last), "%.*s", (int)(text.n < 200 ? text.n : 200), text.p);
	if (s->echo)
		ws_send(ws, text, NULL);
}

static void on_close(struct ws *ws, enum ws_close_reason reason, int code, const struct error *err, void *arg)
{
	struct side *s = arg;

	(void)ws;
	s->closed++;
	s->reason = reason;
	s->code = code;
	s->ws = NULL;
	snprintf(s->last, sizeof(s->last), "%.100s %.100s", err->message, err->detail);
}

static const struct ws_events events = { on_open, on_message, on_close };

static const struct ws_events *on_accept(struct ws *ws, struct str target, void *user, void **arg)
{
	(void)ws;
	*arg = user;
	return str_starts(target, STR("/ok")) ? &events : NULL;
}

static void spin(const int *counter, int want)
{
	for (int64_t end = test_now_ms() + 8000; *counter < want && test_now_ms() < end;) {
		event_base_loop(loop, EVLOOP_NONBLOCK);
		test_sleep_ms(2);
	}
	assert_true(*counter >= want);
}

static struct ws_server *serve(struct side *side, const char *cert, const char *key)
{
	struct ws_server_config cfg = { .host = "127.0.0.1",
					.cert_file = cert,
					.key_file = key,
					.accept = on_accept,
					.user = side,
					.options = { .ping_interval_ms = -1 } };
	struct ws_server *s = ws_server_start(loop, &cfg, NULL);

	assert_non_null(s);
	return s;
}

static struct ws *dial(struct side *side, const char *scheme, const char *host, int port, const char *path,
		       const struct ws_options *options)
{
	char url[128];
	struct ws *ws;

	snprintf(url, sizeof(url), "%s://%s:%d%s", scheme, host, port, path);
	ws = ws_connect(loop, url, options, &events, side, NULL);
	assert_non_null(ws);
	return ws;
}

static void messages_both_ways(void **state)
{
	struct side server = { .echo = true }, client = { 0 };
	struct ws_server *s = serve(&server, NULL, NULL);

	(void)state;
	dial(&client, "ws", "127.0.0.1", ws_server_port(s), "/ok?x=1", NULL);
	spin(&client.opened, 1);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ws_send(client.ws, STR("Привет"), NULL), 0);
	spin(&client.messages, 1000);
	assert_string_equal(client.last, "Привет");
	ws_close(client.ws, 1000, "bye");
	spin(&client.closed, 1);
	assert_int_equal(client.reason, WS_CLOSED_BY_US);
	spin(&server.closed, 1);
	assert_int_equal(server.code, 1000);
	ws_server_free(s);
}

static void unknown_target_is_refused(void **state)
{
	struct side server = { 0 }, client = { 0 };
	struct ws_server *s = serve(&server, NULL, NULL);

	(void)state;
	dial(&client, "ws", "127.0.0.1", ws_server_port(s), "/nope", NULL);
	spin(&client.closed, 1);
	assert_int_equal(client.reason, WS_CONNECT_FAILED);
	assert_int_equal(client.opened, 0);
	ws_server_free(s);
}

static void oversized_message_closes(void **state)
{
	static char big[300000];
	struct side server = { 0 }, client = { 0 };
	struct ws_server *s = serve(&server, NULL, NULL);

	(void)state;
	memset(big, 'x', sizeof(big));
	dial(&client, "ws", "127.0.0.1", ws_server_port(s), "/ok", &(struct ws_options){ .message_max = 1000 });
	spin(&client.opened, 1);
	spin(&server.opened, 1);
	assert_int_equal(ws_send(server.ws, (struct str){ big, sizeof(big) }, NULL), 0);
	spin(&client.closed, 1);
	assert_int_equal(client.reason, WS_PROTOCOL);
	assert_int_equal(client.messages, 0);
	ws_server_free(s);
}

static void silent_peer_is_noticed(void **state)
{
	struct side server = { 0 }, client = { 0 };
	struct ws_server *s = serve(&server, NULL, NULL);

	(void)state;
	dial(&client, "ws", "127.0.0.1", ws_server_port(s), "/ok",
	     &(struct ws_options){ .ping_interval_ms = 100, .pong_timeout_ms = 200 });
	spin(&server.opened, 1);
	ws_pause_reading(server.ws, true); /* half-open: it answers no ping */
	spin(&client.closed, 1);
	assert_int_equal(client.reason, WS_TIMED_OUT);
	ws_server_free(s);
}

static void refused_connections(void **state)
{
	struct side client = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	dial(&client, "ws", "127.0.0.1", test_free_port(), "/ok", NULL);
	spin(&client.closed, 1);
	assert_int_equal(client.reason, WS_CONNECT_FAILED);
	assert_null(ws_connect(loop, "http://x/", NULL, &events, &client, &err));
	assert_null(ws_connect(loop, "ws://x:99999/", NULL, &events, &client, &err));
	assert_null(ws_connect(loop, "ws://x/a b", NULL, &events, &client, &err));
}

/* A server that is not ours: accepts, and answers with the bytes it was given. */
static int raw_listener(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void hostile_handshakes(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"nonsense\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct side client = { 0 };
		int port, listener = raw_listener(&port), fd;

		dial(&client, "ws", "127.0.0.1", port, "/ok", NULL);
		event_base_loop(loop, EVLOOP_NONBLOCK);
		fd = accept(listener, NULL, NULL);
		assert_true(write(fd, answers[i], strlen(answers[i])) > 0);
		spin(&client.closed, 1);
		assert_int_equal(client.reason, WS_CONNECT_FAILED);
		close(fd);
		close(listener);
	}
}

static void tls_proves_the_host(void **state)
{
	struct stack stack;
	struct proc sandbox;
	struct side client = { 0 }, stranger = { 0 }, misnamed = { 0 };
	char ca[512], ports[512];
	int port;

	(void)state;
	stack_up(&stack, 0);
	proc_init(&sandbox, "sandbox", stack.dir);
	snprintf(ports, sizeof(ports), "%s/ports", stack.dir);
	snprintf(ca, sizeof(ca), "%s/tls/ca.pem", stack.dir);
	for (const char *const *a = (const char *const[]){ "--http-port", "0", "--ws-port", "0", "--wss-port", "0",
							   "--speed", "6000", "--port-file", ports, "--tls-dir", NULL };
	     *a != NULL; a++)
		proc_arg(&sandbox, "%s", *a);
	proc_arg(&sandbox, "%s/tls", stack.dir);
	proc_start(&sandbox);
	port = proc_port(&sandbox, ports, "wss", 10000);

	dial(&client, "wss", "localhost", port, "/stream?streams=btcusdt@kline_1m",
	     &(struct ws_options){ .ca_file = ca });
	spin(&client.messages, 3);
	assert_non_null(strstr(client.last, "\"s\":\"BTCUSDT\""));
	ws_abort(client.ws);
	spin(&client.closed, 1);

	dial(&stranger, "wss", "localhost", port, "/stream?streams=btcusdt@kline_1m",
	     NULL); /* the system does not know this CA */
	spin(&stranger.closed, 1);
	assert_int_equal(stranger.opened, 0);
	assert_non_null(strstr(stranger.last, "TLS"));

	dial(&misnamed, "wss", "127.0.0.2", port, "/stream",
	     &(struct ws_options){ .ca_file = ca }); /* not in the certificate */
	spin(&misnamed.closed, 1);
	assert_int_equal(misnamed.opened, 0);

	proc_release(&sandbox);
	stack_down(&stack);
}

static int up(void **state)
{
	(void)state;
	evthread_use_pthreads();
	loop = event_base_new();
	return loop == NULL;
}

static int down(void **state)
{
	(void)state;
	event_base_free(loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_both_ways),	    cmocka_unit_test(unknown_target_is_refused),
		cmocka_unit_test(oversized_message_closes), cmocka_unit_test(silent_peer_is_noticed),
		cmocka_unit_test(refused_connections),	    cmocka_unit_test(hostile_handshakes),
		cmocka_unit_test(tls_proves_the_host),
	};

	return cmocka_run_group_tests_name("ws", tests, up, down);
}
