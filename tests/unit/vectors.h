// SPDX-License-Identifier: Apache-2.0
// Loads tests/vectors/iexec/vectors.json for unit tests, which run from the repository's root.
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <jansson.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/secp256k1.h"

static json_t *vectors_load(void)
{
    json_t *j = json_load_file("tests/vectors/iexec/vectors.json", 0, NULL);
    assert_non_null(j);
    return j;
}

// "a/b/c" below `j`.
static inline const char *vector(const json_t *j, const char *path)
{
    char part[64];
    while (*path) {
        size_t size = strcspn(path, "/");
        assert_true(size < sizeof part);
        memcpy(part, path, size);
        part[size] = 0;
        j = json_is_array(j) ? json_array_get(j, (size_t)(part[0] - '0'))
                             : json_object_get(j, part);
        path += size + (path[size] == '/');
    }
    assert_true(json_is_string(j));
    return json_string_value(j);
}

static inline void vector_bytes(const json_t *j, const char *path, void *ret, size_t size)
{
    const char *text = vector(j, path);
    assert_true(is_ok(hex_decode(SPAN(text, strlen(text)), ret, size)));
}

#define VECTOR(j, path, ret) vector_bytes((j), (path), (ret), sizeof *(ret))

#endif
