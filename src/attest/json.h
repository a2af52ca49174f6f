// SPDX-License-Identifier: Apache-2.0
// JSON that is signed: Intel's TCB info and QE identity. The signature covers the value's bytes
// exactly as they stand in the text, so the value is first found as bytes; it is parsed after its
// signature holds.
//
// - Strict: printable ASCII in texts, whole numbers alone, no escapes (Intel writes none), no
//   duplicate keys, limits on size, depth, members of an object and nodes of a document.
// - Nodes point into the text, which must live as long as the document.
// - get_… read one field that must be there with the right type and range, or say false; they take
//   NULL for an absent object.
#ifndef ATTEST_JSON_H
#define ATTEST_JSON_H

#include "base/bytes.h"
#include "base/result.h"

#define ATTEST_JSON_SIZE_MAX    (512u << 10)
#define ATTEST_JSON_DEPTH_MAX   16u
#define ATTEST_JSON_MEMBERS_MAX 64u
#define ATTEST_JSON_NODES_MAX   65536u

struct attest_signed_json {
    struct span body; // the object that is signed
    uint8_t signature[64];
};

enum attest_json_type {
    ATTEST_JSON_OBJECT,
    ATTEST_JSON_ARRAY,
    ATTEST_JSON_TEXT,
    ATTEST_JSON_NUMBER,
    ATTEST_JSON_OTHER, // true, false, null
};

// Children follow their parent; the next sibling stands `skip` nodes on. Members of an object are
// pairs: the node of the key, then its value.
struct attest_json {
    enum attest_json_type type;
    uint32_t count; // of items or members
    uint32_t skip;
    struct span text; // what stands between the quotation marks, or the number
};

// Text of the form {"<name>":{…},"signature":"<128 hex digits>"} with these two members only.
struct result attest_json_split(struct span text, const char *name, struct attest_signed_json *ret);

// One object. The caller frees `ret` with free().
struct result attest_json_parse(struct span body, struct attest_json **ret);

// The member's value; NULL when `object` is no object or has no such member.
const struct attest_json *attest_json_get(const struct attest_json *object, const char *key);

// The first item and the one behind an item; the caller counts.
const struct attest_json *attest_json_first(const struct attest_json *array);
const struct attest_json *attest_json_next(const struct attest_json *item);

// An array with 1 to `max` items.
bool attest_json_is_list(const struct attest_json *value, size_t max);

bool attest_json_get_text(const struct attest_json *object, const char *key, struct span *ret);
bool attest_json_get_number(const struct attest_json *object, const char *key, uint32_t max,
                            uint32_t *ret);
bool attest_json_get_hex(const struct attest_json *object, const char *key, void *ret, size_t size);
bool attest_json_get_time(const struct attest_json *object, const char *key, int64_t *ret);

// The text equals the literal.
bool attest_json_is(struct span text, const char *literal);

#endif
