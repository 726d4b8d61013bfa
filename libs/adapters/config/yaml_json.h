/* yaml_json.h - a YAML document as compact JSON, members in the order of the file. Plain scalars are typed as in the JSON
 * schema of YAML 1.2 (null, true, false, numbers), everything else is text. Anchors, aliases and tags are refused. */
#ifndef ROEHUB_ADAPTERS_CONFIG_YAML_JSON_H
#define ROEHUB_ADAPTERS_CONFIG_YAML_JSON_H

#include "base/strbuf.h"

/* ERR_NOT_FOUND when the file is missing; ERR_INVALID names path and line. */
int yaml_json_file(const char *path, struct strbuf *out, struct error *err);

#endif
