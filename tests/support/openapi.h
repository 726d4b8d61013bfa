/* openapi.h - the api's answers held against docs/api/openapi.yaml, and requests made from it.
 *
 * The subset of JSON Schema 2020-12 that the document uses: type, enum, const, required, properties,
 * additionalProperties, items, min/maxItems, min/maxLength, minimum, maximum, pattern (POSIX extended), format (uuid,
 * date-time), $ref within the document. */
#ifndef ROEHUB_TESTS_SUPPORT_OPENAPI_H
#define ROEHUB_TESTS_SUPPORT_OPENAPI_H

#include <cjson/cJSON.h>

#include "support/stack.h"

/* The document as JSON; read once, fails the test when it cannot be. */
const cJSON *openapi_document(void);
const cJSON *openapi_resolve(const cJSON *node); /* follows $ref */

/* From now on every answer of this port is checked, too. */
void openapi_watch(int port);
/* Ends the test program with exit code 1 and the first violation that was seen. */
void openapi_assert_clean(void);
long openapi_checked(void); /* answers that were held against a schema */

/* 0, or -1 with a text: where and what. */
int openapi_validate(const cJSON *schema, const cJSON *value, char *why, size_t size);

#endif
