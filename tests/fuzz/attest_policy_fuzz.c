// Reaches: attest_policy_load.
// SPDX-License-Identifier: Apache-2.0
#include "attest/policy_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A text that is refused leaves a policy that accepts nothing.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct attest_policy_file file;
    struct attest_policy_place place;
    if (!is_ok(attest_policy_load(SPAN(data, size), &place, &file)) && file.policy.root_count)
        __builtin_trap();
    return 0;
}
