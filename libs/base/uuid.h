/* uuid.h - 128-bit ids; new ones are random version 4. Printed lower-case with hyphens. */
#ifndef ROEHUB_BASE_UUID_H
#define ROEHUB_BASE_UUID_H

#include "base/str.h"

struct uuid {
	uint8_t b[16];
};

#define UUID_TEXT_MAX 37

struct uuid uuid_v4(void); /* aborts when the system has no randomness to give */
/* 8-4-4-4-12 hex digits or 32 plain ones, any case. */
bool uuid_parse(struct str text, struct uuid *out);
const char *uuid_format(struct uuid u, char text[UUID_TEXT_MAX]);
int uuid_cmp(struct uuid a, struct uuid b);
static inline bool uuid_eq(struct uuid a, struct uuid b) { return uuid_cmp(a, b) == 0; }
bool uuid_is_nil(struct uuid u);

#endif
