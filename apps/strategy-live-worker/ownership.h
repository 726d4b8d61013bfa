/* ownership.h - which worker may apply candles: one at a time, by an advisory lock on a session of its own.
 * The lock dies with its session, so a killed worker is followed at once. Even a worker that wrongly believes to own the
 * runs cannot harm them: every write is fenced by the checkpoint it was decided on. */
#ifndef ROEHUB_WORKER_OWNERSHIP_H
#define ROEHUB_WORKER_OWNERSHIP_H

#include "base/base.h"
#include "base/error.h"

struct ownership;

struct ownership *ownership_new(const char *dsn); /* does not connect; NULL: out of memory */
void ownership_free(struct ownership *o);	  /* releases the lock */
/* *owner: this worker holds the lock now. Takes it when it is free; checks the session when it was held. */
int ownership_check(struct ownership *o, bool *owner, struct error *err);

#endif
