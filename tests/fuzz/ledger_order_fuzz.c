// Reaches: schema_from_json, schema_set, schema_to_json, address_parse
// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>

#include "ledger/json.h"
#include "ledger/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *j = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    for (int k = 0; j && k < ORDER_KIND_COUNT; k++) {
        static union any_order o, again;
        if (!is_ok(schema_from_json(&order_schemas[k], j, &o)))
            continue;
        json_t *back = schema_to_json(&order_schemas[k], &o);
        if (!back || !is_ok(schema_from_json(&order_schemas[k], back, &again)))
            __builtin_trap();
        json_decref(back);
    }
    json_decref(j);
    return 0;
}
