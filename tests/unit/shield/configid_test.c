// SPDX-License-Identifier: Apache-2.0
// CONFIGID of a file system that is not measured: the vectors are Python's hashlib's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/hex.h"
#include "shield/configid.h"

#include <cmocka.h>

static void test_vectors(void **state)
{
    uint8_t bytes[96], configid[CONFIGID_SIZE];
    char text[HEX_SIZE(32)];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    memset(configid, 0xff, sizeof configid);
    configid_make(bytes, bytes + 32, bytes + 64, configid);
    hex_encode(configid, 32, text);
    assert_string_equal(text, "7ce815cc3481b5d40c3ba87d76ef3ae5f3ab34134e1de7d27c52857a871dd010");
    assert_true(is_zero(configid + 32, 32));
    memset(bytes + 64, 0, 32); // no task
    configid_make(bytes, bytes + 32, bytes + 64, configid);
    hex_encode(configid, 32, text);
    assert_string_equal(text, "19af63f7655646f222477867f6bd8f2118aaee37bc6d40843c02fcc8fb0ab8a7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
