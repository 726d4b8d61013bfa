/* telegram.h - the Bot API as far as our programs use it: getMe, sendMessage, getUpdates. Runs on handler threads, since
 * a call may be made to hang; its state has a lock. */
#ifndef ROEHUB_SANDBOX_TELEGRAM_H
#define ROEHUB_SANDBOX_TELEGRAM_H

#include "faults.h"
#include "runtime/http_server.h"

struct telegram;

struct telegram *telegram_new(const char *token, struct error *err);
void telegram_free(struct telegram *t);
struct faults *telegram_faults(struct telegram *t); /* touched under telegram_lock() only */
void telegram_lock(struct telegram *t);
void telegram_unlock(struct telegram *t);

/* POST or GET /bot<token>/<method> */
void telegram_call(struct telegram *t, struct http_request *req, struct http_response *res);
/* {"messages":[{"message_id","chat_id","text","date_ms"},...]} */
void telegram_write_sent(struct telegram *t, struct strbuf *out);
void telegram_clear_sent(struct telegram *t);
/* Queues an update: the body of a message as the Bot API would deliver it, e.g. {"message":{...}}. */
int telegram_inject(struct telegram *t, const cJSON *update, struct error *err);

#endif
