// SPDX-License-Identifier: Apache-2.0
// JSON that is signed: Intel's TCB info and QE identity. The signature covers the value's bytes
// exactly as they stand in the text, so the value is first found as bytes; it is parsed after its
// signature holds.
//
// - Strict: UTF-8, no duplicate keys, no escapes (Intel writes none), limits on size and depth.
// - get_… read one field that must be there with the right type and range, or say false.
#ifndef ATTEST_JSON_H
#define ATTEST_JSON_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/result.h"

#define ATTEST_JSON_SIZE_MAX  (512u << 10)
#define ATTEST_JSON_DEPTH_MAX 16u

struct attest_signed_json {
    struct span body; // the object that is signed
    uint8_t signature[64];
};

// Text of the form {"<name>":{…},"signature":"<128 hex digits>"} with these two members only.
struct result attest_json_split(struct span text, const char *name, struct attest_signed_json *ret);

// The caller ends `ret` with json_decref().
struct result attest_json_parse(struct span body, json_t **ret);

bool attest_json_get_text(const json_t *object, const char *key, struct span *ret);
bool attest_json_get_number(const json_t *object, const char *key, uint32_t max, uint32_t *ret);
bool attest_json_get_hex(const json_t *object, const char *key, void *ret, size_t size);
bool attest_json_get_time(const json_t *object, const char *key, int64_t *ret);

// The text equals the literal.
bool attest_json_is(struct span text, const char *literal);

#endif
