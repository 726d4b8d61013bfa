#include "domain/indicators/stream.h"

#include <stdlib.h>
#include <string.h>

struct indicator_stream {
	struct indicator_request request;
	size_t size; /* of the whole block */
	_Alignas(max_align_t) unsigned char state[];
};

struct indicator_stream *indicator_stream_open(const struct indicator_request *request)
{
	const struct kernel *kernel = request->indicator->kernel;
	size_t size = sizeof(struct indicator_stream) + kernel->state_size(&request->params);
	struct indicator_stream *s = calloc(1, size);

	if (s == NULL)
		return NULL;
	s->request = *request;
	s->size = size;
	kernel->init(s->state, &request->params);
	return s;
}

struct indicator_stream *indicator_stream_copy(const struct indicator_stream *s)
{
	struct indicator_stream *copy = malloc(s->size);

	return copy == NULL ? NULL : memcpy(copy, s, s->size);
}

void indicator_stream_close(struct indicator_stream *s) { free(s); }

void indicator_stream_push(struct indicator_stream *s, const struct bar *bar, double out[INDICATOR_OUTPUTS_MAX])
{
	s->request.indicator->kernel->push(s->state, bar, series_of_bar(s->request.source, bar), out);
}

const struct indicator_request *indicator_stream_request(const struct indicator_stream *s) { return &s->request; }
