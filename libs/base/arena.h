/* arena.h - memory for one request, one batch, one turn of a loop: allocated piece by piece, freed at once.
 *
 * Every arena has a ceiling. When it is reached, or malloc fails, the call returns NULL and arena_failed() stays
 * true until the next reset. Memory is aligned for any type and not zeroed unless the name says so.
 */
#ifndef ROEHUB_BASE_ARENA_H
#define ROEHUB_BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t used; /* bytes handed out */
	size_t bytes_max;
	bool failed;
};

void arena_init(struct arena *a, size_t bytes_max);
void arena_release(struct arena *a);
void arena_reset(struct arena *a); /* keeps the largest block for the next round */
bool arena_failed(const struct arena *a);

void *arena_alloc(struct arena *a, size_t size);
void *arena_calloc(struct arena *a, size_t count, size_t size); /* zeroed; overflow is a failure */
struct str arena_str(struct arena *a, struct str s);		/* copy, NUL behind it; STR_NULL on failure */
char *arena_cstr(struct arena *a, struct str s);		/* the same as a C text */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(a, type)	    ((type *)arena_calloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_calloc((a), (count), sizeof(type)))

#endif
