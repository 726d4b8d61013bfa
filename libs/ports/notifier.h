/* notifier.h - hands one text to one chat. Two adapters: log_only and telegram. */
#ifndef ROEHUB_PORTS_NOTIFIER_H
#define ROEHUB_PORTS_NOTIFIER_H

#include "base/error.h"
#include "base/str.h"

struct notification {
	int64_t chat_id;
	struct str text;			    /* plain text, already cut to 4096 characters */
	struct str event_type, strategy_id, run_id; /* for the log line */
};

struct notifier {
	/* 0: accepted. -1: ERR_RATE_LIMITED (retry_after_s set), ERR_UNAVAILABLE or ERR_INVALID. May block up to its
	 * configured time-out: call it from a notifier thread, never from the main loop. */
	int (*send)(struct notifier *n, const struct notification *what, int64_t *retry_after_s, struct error *err);
	void (*close)(struct notifier *n);
	const char *name;
};

#endif
