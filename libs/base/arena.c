#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN 4096
#define ALIGNMENT 16

struct arena_block {
	struct arena_block *next;
	size_t cap, used;
	_Alignas(ALIGNMENT) char data[];
};

void arena_init(struct arena *a, size_t bytes_max) { *a = (struct arena){ NULL, 0, bytes_max, false }; }

static void free_blocks(struct arena_block *b, const struct arena_block *keep)
{
	while (b != NULL) {
		struct arena_block *next = b->next;

		if (b != keep)
			free(b);
		b = next;
	}
}

void arena_release(struct arena *a)
{
	free_blocks(a->head, NULL);
	arena_init(a, a->bytes_max);
}

void arena_reset(struct arena *a)
{
	struct arena_block *largest = a->head;

	for (struct arena_block *b = a->head; b != NULL; b = b->next)
		if (b->cap > largest->cap)
			largest = b;
	free_blocks(a->head, largest);
	arena_init(a, a->bytes_max);
	if (largest != NULL) {
		largest->next = NULL;
		largest->used = 0;
		a->head = largest;
	}
}

bool arena_failed(const struct arena *a) { return a->failed; }

static struct arena_block *grow(struct arena *a, size_t size)
{
	size_t cap = a->head != NULL ? a->head->cap * 2 : BLOCK_MIN;
	struct arena_block *b;

	cap = MIN_OF(cap, (size_t)1 << 20);
	cap = MIN_OF(cap, a->bytes_max - a->used); /* what could never be handed out is not asked for */
	cap = MAX_OF(cap, size);
	b = cap <= SIZE_MAX - sizeof(*b) ? malloc(sizeof(*b) + cap) : NULL;
	if (b == NULL)
		return NULL;
	b->cap = cap;
	b->used = 0;
	b->next = a->head;
	a->head = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	/* Nothing costs something too: two allocations never share an address, and a loop of them meets the ceiling. */
	size_t rounded = size > 0 ? (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
	struct arena_block *b = a->head;
	void *p;

	if (rounded < size || rounded > a->bytes_max - a->used)
		goto fail;
	if ((b == NULL || b->cap - b->used < rounded) && (b = grow(a, rounded)) == NULL)
		goto fail;
	p = b->data + b->used;
	b->used += rounded;
	a->used += rounded;
	return p;
fail:
	a->failed = true;
	return NULL;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	size_t total;
	void *p;

	if (__builtin_mul_overflow(count, size, &total)) {
		a->failed = true;
		return NULL;
	}
	p = arena_alloc(a, total);
	if (p != NULL)
		memset(p, 0, total);
	return p;
}

char *arena_cstr(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1); /* n bytes exist in memory already, so n + 1 does not wrap */

	if (p == NULL)
		return NULL;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p = arena_cstr(a, s);

	return p != NULL ? (struct str){ p, s.n } : STR_NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = n >= 0 ? arena_alloc(a, (size_t)n + 1) : NULL;
	if (p == NULL) {
		a->failed = true;
		return NULL;
	}
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}
