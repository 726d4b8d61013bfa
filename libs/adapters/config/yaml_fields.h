/* yaml_fields.h - short names for the two kinds of field that our YAML files have: a scalar, always kept as its text, and
 * a section. Both may be absent; what is required is said by the reader of the values. */
#ifndef ROEHUB_ADAPTERS_CONFIG_YAML_FIELDS_H
#define ROEHUB_ADAPTERS_CONFIG_YAML_FIELDS_H

#include "runtime/config.h"

#define YAML_TEXT(type, member)                                                                                        \
	CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct type, member, 0, 4096)
/* null is the same as absent */
#define YAML_TEXT_OR_NULL(type, member)                                                                                \
	CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL, struct type, member, 0, 4096)
#define YAML_MAP(type, member, fields)                                                                                 \
	CYAML_FIELD_MAPPING_PTR(#member, CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL, struct type, member, fields)

#endif
