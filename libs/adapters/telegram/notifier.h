/* notifier.h - the two notifiers: the Telegram Bot API, and a log line instead of it. */
#ifndef ROEHUB_ADAPTERS_TELEGRAM_NOTIFIER_H
#define ROEHUB_ADAPTERS_TELEGRAM_NOTIFIER_H

#include "base/crypto.h"
#include "base/log.h"
#include "ports/notifier.h"

/* POST <base_url>/bot<token>/sendMessage. The token is in no error and no log. base_url starts with http:// or https://,
 * a trailing slash is dropped. */
struct notifier *telegram_notifier_open(const char *base_url, const struct secret *token, int timeout_ms,
					struct error *err);
/* event=notification mode=log_only ... message="..." at info level */
struct notifier *log_notifier_open(const struct log_ctx *log, struct error *err);

#endif
