// SPDX-License-Identifier: Apache-2.0
// AES-256-CBC as iExec's datasets have it, and the RSA wrapping of results.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail // base/result.h has its own

#include "../vectors.h"
#include "crypto/cbc.h"
#include "crypto/random.h"
#include "crypto/rsa_wrap.h"
#include "crypto/sha256.h"

struct dataset {
    uint8_t key[32], sealed[48], plain[27], checksum[32];
};

static struct dataset load(void)
{
    struct dataset d;
    size_t size;
    json_t *v = vectors_load();
    const char *key = vector(v, "dataset/keyBase64");
    assert_true(is_ok(base64_decode(SPAN(key, strlen(key)), d.key, sizeof d.key, &size)));
    assert_int_equal(size, 32);
    VECTOR(v, "dataset/encryptedHex", &d.sealed);
    VECTOR(v, "dataset/plainHex", &d.plain);
    VECTOR(v, "dataset/checksum", &d.checksum);
    json_decref(v);
    return d;
}

static void sdk_dataset_opens(void **state)
{
    (void)state;
    struct dataset d = load();
    uint8_t out[48], hash[32];
    size_t size;
    sha256(SPAN_OF(d.sealed), hash);
    assert_memory_equal(hash, d.checksum, 32);
    assert_true(is_ok(cbc_open(d.key, SPAN_OF(d.sealed), out, &size)));
    assert_int_equal(size, sizeof d.plain);
    assert_memory_equal(out, d.plain, size);
}

// With the SDK's IV our cipher gives the SDK's bytes.
static void sdk_dataset_is_made(void **state)
{
    (void)state;
    struct dataset d = load();
    struct cbc *c;
    uint8_t out[64];
    size_t n, m;
    assert_true(is_ok(cbc_begin(CBC_ENCRYPT, d.key, d.sealed, &c)));
    assert_true(is_ok(cbc_update(c, SPAN(d.plain, 5), out, &n)));
    assert_true(is_ok(cbc_update(c, SPAN(d.plain + 5, sizeof d.plain - 5), out + n, &m)));
    n += m;
    assert_true(is_ok(cbc_end(c, out + n, &m)));
    cbc_free(c);
    assert_int_equal(n + m, 32);
    assert_memory_equal(out, d.sealed + 16, 32);
}

static void round_trips(void **state)
{
    (void)state;
    uint8_t key[32], plain[100], sealed[128], again[128], out[128];
    size_t size;
    assert_true(is_ok(random_bytes(key, sizeof key)));
    assert_true(is_ok(random_bytes(plain, sizeof plain)));
    for (size_t n = 0; n <= sizeof plain; n++) {
        assert_true(is_ok(cbc_seal(key, SPAN(plain, n), sealed)));
        assert_true(is_ok(cbc_seal(key, SPAN(plain, n), again)));
        assert_memory_not_equal(sealed, again, 16); // a fresh IV each time
        assert_true(is_ok(cbc_open(key, SPAN(sealed, cbc_sealed_size(n)), out, &size)));
        assert_int_equal(size, n);
        assert_memory_equal(out, plain, n);
    }
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    uint8_t key[32] = {0}, sealed[64] = {0}, out[64];
    size_t size;
    for (size_t n = 0; n <= sizeof sealed; n++)
        if (n < 32 || n % 16)
            assert_int_equal(cbc_open(key, SPAN(sealed, n), out, &size).code, ERR_INVALID);
}

// A wrong last block nearly always shows as bad padding; then no plaintext stays behind.
static void damage_leaves_nothing(void **state)
{
    (void)state;
    struct dataset d = load();
    uint8_t out[48];
    static const uint8_t zero[48];
    size_t size, refused = 0;
    for (unsigned i = 1; i < 256; i++) {
        struct dataset t = d;
        t.sealed[47] ^= (uint8_t)i;
        if (is_ok(cbc_open(t.key, SPAN_OF(t.sealed), out, &size)))
            continue;
        refused++;
        assert_memory_equal(out, zero, 32);
    }
    assert_true(refused > 240);
}

static void rsa_wraps(void **state)
{
    (void)state;
    char private[RSA_PEM_SIZE_MAX], public[RSA_PEM_SIZE_MAX];
    uint8_t key[32], wrapped[RSA_WRAP_SIZE_MAX], out[32];
    size_t size;
    assert_true(is_ok(random_bytes(key, sizeof key)));
    assert_true(is_ok(rsa_generate(2048, private, public)));
    assert_memory_equal(public, "-----BEGIN PUBLIC KEY-----", 26);
    struct span pub = SPAN(public, strlen(public)), priv = SPAN(private, strlen(private));
    assert_true(is_ok(rsa_public_key_check(pub)));
    assert_true(is_ok(rsa_wrap(pub, SPAN_OF(key), wrapped, &size)));
    assert_int_equal(size, 256);
    assert_true(is_ok(rsa_unwrap(priv, SPAN(wrapped, size), out, sizeof out)));
    assert_memory_equal(out, key, 32);
    assert_false(is_ok(rsa_unwrap(priv, SPAN(wrapped, size), out, 16)));
    wrapped[100] ^= 1;
    assert_false(is_ok(rsa_unwrap(priv, SPAN(wrapped, size), out, sizeof out)));
    assert_false(is_ok(rsa_unwrap(pub, SPAN(wrapped, size), out, sizeof out)));
    assert_false(is_ok(rsa_wrap(priv, SPAN_OF(key), wrapped, &size)));
    assert_false(is_ok(rsa_public_key_check(SPAN_STR("junk"))));
    assert_false(is_ok(rsa_generate(1024, private, public)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sdk_dataset_opens),     cmocka_unit_test(sdk_dataset_is_made),
        cmocka_unit_test(round_trips),           cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(damage_leaves_nothing), cmocka_unit_test(rsa_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
