// SPDX-License-Identifier: Apache-2.0
// Are the signed messages those of iExec's SDK? The vectors were recorded from it.
#include <string.h>

#include "base/hex.h"
#include "proto/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct vector {
    const char *address, *name, *value, *hash, *signer, *authorization;
} vectors[] = {
    {"0x2222222222222222222222222222222222222222", NULL,
     "c2VjcmV0LWtleS1vZi0zMi1ieXRlcy1leGFjdGx5ISE=",
     "0x35f120a774e8481f4204428acc23907e1ebb67fc4f932fdc34d21533aec47882",
     "0x066404579ca0b1180a6A969cC4dF1b449F34aCf7",
     "0xa4dc6d35062f41308f65ac764e48475ebe919517176bd36c2e99aad7f409e13a0704d6efffa8ea8dd031741369e"
     "6ff689ca79133bb999a2e2465bbb1d83b237d1b"},
    {"0xe83406DaBF08d862c35BA576309B86170c1fa5A5", "iexec-result-encryption-public-key",
     "TFMwdExTMUNSVWRKVGc=", "0x5f7e43335b7bb149687cb5833f702ca68b16d0cb3b32c9a638e4cb1e1a91fdd0",
     "0xe83406DaBF08d862c35BA576309B86170c1fa5A5",
     "0x5888cdea3ee5db2f8c7b8249c0e9343cc4f3b721800c8066d68a5347348a419f4fd0709d410ca9d7967070cef59"
     "dff2e66316ad095acfd4c1e9a07078801b8ef1c"},
    {"0xe83406DaBF08d862c35BA576309B86170c1fa5A5", "my-secret",
     "p"
     "\xc3"
     ""
     "\xa2"
     "t"
     "\xc3"
     ""
     "\xa9"
     " "
     "\xe7"
     ""
     "\xa7"
     ""
     "\x98"
     ""
     "\xe5"
     ""
     "\xaf"
     ""
     "\x86"
     " "
     "\xf0"
     ""
     "\x9f"
     ""
     "\x94"
     ""
     "\x91"
     "",
     "0x9de9e20fb0bf2f2b0941a0b91602dda2681b056838c250e2cf07940fa62bc745",
     "0xe83406DaBF08d862c35BA576309B86170c1fa5A5",
     "0xb9a6c58b49f9be185f11c13c185b27eba15d285c10d83f815fcbe0935927d50b64e00427e53908b2b637e212ecd"
     "94fbb08b3182476490fe315ef3f5cb474a6ba1c"},
    {"0x1111111111111111111111111111111111111111", "1", "app developer secret",
     "0x452bec216d9e90ab5779e50dbfbb0ebe078152b49ff0e591fb271bf25b3a7028",
     "0x066404579ca0b1180a6A969cC4dF1b449F34aCf7",
     "0x346b8916e2204e7fb274d9f39887d27de1fd0b9a11f4b9107dc6a743832c182f52fb13667489d2a23a6ae4b6b18"
     "6ac87d8ad54002892b388f9c94942407e3dce1c"},
};

static struct span text_of(const char *text)
{
    return SPAN(text, strlen(text));
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct address owner, signer;
        struct hash32 expected, leave;
        struct signature signature;
        assert_true(is_ok(address_parse(text_of(v->address), &owner)));
        assert_true(is_ok(address_parse(text_of(v->signer), &signer)));
        assert_true(is_ok(hex_decode(text_of(v->hash), expected.bytes, 32)));
        assert_true(is_ok(hex_decode(text_of(v->authorization), signature.bytes, 65)));
        struct hash32 hash =
            v->name ? proto_web2_hash(&owner, text_of(v->name), text_of(v->value), false)
                    : proto_web3_hash(&owner, text_of(v->value), false);
        assert_memory_equal(&hash, &expected, 32);
        assert_true(is_ok(eth_check_message(&hash, &signature, &signer)));
        // The leave for emulated enclaves is another message: it cannot be added to a plain one.
        leave = v->name ? proto_web2_hash(&owner, text_of(v->name), text_of(v->value), true)
                        : proto_web3_hash(&owner, text_of(v->value), true);
        assert_false(is_ok(eth_check_message(&leave, &signature, &signer)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
