/* notify.h - notifications leave on a thread of their own: bounded queue, chat look-up, one send, one retry on 429.
 *
 * The state that a notification tells of is committed before it is offered; nothing that happens here can touch a run.
 * Exactly one of sent, errors and skipped is counted per offered notification.
 */
#ifndef ROEHUB_WORKER_NOTIFY_H
#define ROEHUB_WORKER_NOTIFY_H

#include "base/log.h"
#include "base/uuid.h"
#include "ports/notifier.h"
#include "worker_metrics.h"

#define NOTIFY_QUEUE_MAX 1000

struct notify;

struct notify_settings {
	const char *identity_dsn;
	struct notifier *notifier; /* owned from here on */
	struct worker_metrics *metrics;
	struct log_ctx log;
};

struct notify *notify_start(const struct notify_settings *settings, struct error *err);
/* Copies; a full queue counts as an error and drops the notification. */
void notify_offer(struct notify *n, struct uuid user_id, struct uuid strategy_id, struct uuid run_id,
		  const char *event_type, struct str text);
/* Sends what is queued for at most wait_ms, then stops the thread. Accepts NULL. */
void notify_stop(struct notify *n, int wait_ms);

#endif
