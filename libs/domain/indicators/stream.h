/* stream.h - one indicator fed bar by bar: what the live worker holds for every distinct node. */
#ifndef ROEHUB_DOMAIN_INDICATORS_STREAM_H
#define ROEHUB_DOMAIN_INDICATORS_STREAM_H

#include "domain/indicators/registry.h"

struct indicator_stream;

/* NULL: out of memory. */
struct indicator_stream *indicator_stream_open(const struct indicator_request *request);
struct indicator_stream *indicator_stream_copy(const struct indicator_stream *s); /* continues on its own */
void indicator_stream_close(struct indicator_stream *s);			  /* accepts NULL */
/* One closed bar of the dense timeline, a NaN bar for a missing one. Fills all declared outputs, in their order. */
void indicator_stream_push(struct indicator_stream *s, const struct bar *bar, double out[INDICATOR_OUTPUTS_MAX]);
const struct indicator_request *indicator_stream_request(const struct indicator_stream *s);

#endif
