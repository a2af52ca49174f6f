// Reaches: record_parse, schema_decode, schema_encode, poco_apply
// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ledger/poco.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// First byte: the method. The rest are its arguments, which the fuzzer cannot sign; so they are
// signed here and applied to a ledger that has a genesis.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record r;
    (void)!is_ok(record_parse(SPAN(data, size), &r));
    if (size < 1)
        return 0;
    static union any_args args;
    static uint8_t bytes[RECORD_SIZE_MAX];
    enum ledger_method method = data[0] % METHOD_COUNT;
    struct reader reader = reader_on(SPAN(data + 1, size - 1));
    if (!is_ok(schema_decode(&reader, &method_schemas[method], &args)) || !reader_done(&reader))
        return 0;
    // What decodes encodes to the same bytes.
    struct writer w = writer_on(bytes, sizeof bytes);
    schema_encode(&w, &method_schemas[method], &args);
    if (!w.failed && (w.size != size - 1 || memcmp(bytes, data + 1, w.size) != 0))
        __builtin_trap();
    struct poco *p;
    struct eth_key key = {{1}};
    struct genesis_args genesis = {
        .categories = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}}};
    struct record head = {.chain_id = 1, .method = METHOD_GENESIS};
    size_t n;
    if (!is_ok(poco_new(&p)))
        return 0;
    if (!is_ok(record_make(&head, &genesis, &key, bytes, &n)) ||
        !is_ok(poco_apply(p, SPAN(bytes, n), NULL)))
        __builtin_trap();
    head = (struct record){
        .chain_id = 1, .seq = 1, .prev = poco_head(p)->hash, .time = 1, .method = method};
    if (is_ok(record_make(&head, &args, &key, bytes, &n)))
        (void)!is_ok(poco_apply(p, SPAN(bytes, n), NULL));
    poco_free(p);
    return 0;
}
