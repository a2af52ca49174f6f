// SPDX-License-Identifier: Apache-2.0
// Objects with a schema as JSON, in iExec's form: numbers as decimal strings, addresses and bytes
// as 0x…
#ifndef LEDGER_JSON_H
#define LEDGER_JSON_H

#include "ledger/schema.h"

#include <jansson.h>

// NULL when memory runs out.
json_t *schema_to_json(const struct schema *s, const void *object);
// Every field must be there, in its form; no other field may be. The signature may be absent (then
// it is zero).
struct result schema_from_json(const struct schema *s, const json_t *j, void *ret_object);
// Sets one field from text: a number, an address, 0x and hex digits, or plain text.
struct result schema_set(const struct field *f, const char *text, void *object);

#endif
