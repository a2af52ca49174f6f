// SPDX-License-Identifier: Apache-2.0
// Loads one folder of tests/vectors/dcap for the tests: evidence in memory that a test may alter.
#ifndef TESTS_VECTOR_H
#define TESTS_VECTOR_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attest.h"

#define VECTOR_SLACK 8192u // room behind each file, for tests that lengthen it

struct vector {
    char dir[512];
    uint8_t *quote;
    size_t quote_size;
    uint8_t *parts[ATTEST_PART_COUNT];
    size_t part_sizes[ATTEST_PART_COUNT];
    int64_t now;
    json_t *facts;
};

// Where the vectors are: $CLOISTER_VECTORS, or the project's own when run from its top folder.
static inline const char *vectors_dir(void)
{
    const char *dir = getenv("CLOISTER_VECTORS");
    return dir ? dir : "tests/vectors/dcap";
}

static inline uint8_t *file_load(const char *dir, const char *name, size_t *ret_size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "cannot open %s\n", path);
        abort();
    }
    fseek(f, 0, SEEK_END);
    size_t size = (size_t)ftell(f);
    rewind(f);
    uint8_t *data = calloc(1, size + VECTOR_SLACK);
    if (!data || fread(data, 1, size, f) != size)
        abort();
    fclose(f);
    *ret_size = size;
    return data;
}

static inline struct vector vector_load(const char *name)
{
    struct vector v = {0};
    size_t size;
    snprintf(v.dir, sizeof v.dir, "%s/%s", vectors_dir(), name);
    v.quote = file_load(v.dir, "quote.bin", &v.quote_size);
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        v.parts[i] = file_load(v.dir, attest_part_file((enum attest_part)i), &v.part_sizes[i]);
    char *at = (char *)file_load(v.dir, "at", &size);
    v.now = atoll(at);
    free(at);
    char *facts = (char *)file_load(v.dir, "vector.json", &size);
    v.facts = json_loadb(facts, size, 0, NULL);
    free(facts);
    return v;
}

static inline void vector_free(struct vector *v)
{
    free(v->quote);
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        free(v->parts[i]);
    json_decref(v->facts);
}

static inline struct attest_evidence vector_evidence(const struct vector *v)
{
    struct attest_evidence e = {.quote = SPAN(v->quote, v->quote_size), .now = v->now};
    for (int i = 0; i < ATTEST_PART_COUNT; i++)
        e.collateral.parts[i] = SPAN(v->parts[i], v->part_sizes[i]);
    return e;
}

static inline void vector_set_part(struct vector *v, enum attest_part part, const void *data,
                                   size_t size)
{
    uint8_t *copy = calloc(1, size + VECTOR_SLACK);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    free(v->parts[part]);
    v->parts[part] = copy;
    v->part_sizes[part] = size;
}

#endif
