// SPDX-License-Identifier: Apache-2.0
#include "image/sign.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/enclave.h"
#include "base/bytes.h"
#include "image/tool.h"
#include "os/file.h"
#include "os/home.h"
#include "sgx/sigstruct.h"

#define DATE_DEFAULT   0x20260101u
#define KEY_SIZE_MAX   (64u << 10)
#define FAMILY_ID_SIZE 16

static uint32_t bcd(int number, int digits)
{
    uint32_t value = 0;
    for (int i = 0; i < digits; i++, number /= 10)
        value |= (uint32_t)(number % 10) << 4 * i;
    return value;
}

uint32_t sign_date(void)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    if (!text || !*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 11)
        return DATE_DEFAULT;
    time_t t = (time_t)strtoll(text, NULL, 10);
    struct tm tm;
    if (!gmtime_r(&t, &tm) || tm.tm_year + 1900 > 9999)
        return DATE_DEFAULT;
    return bcd(tm.tm_year + 1900, 4) << 16 | bcd(tm.tm_mon + 1, 2) << 8 | bcd(tm.tm_mday, 2);
}

// What the format fixes; the rest of SIGSTRUCT is zero but for the signature's fields.
static void describe(const struct sign_input *input, uint32_t date, struct sgx_sigstruct *ret)
{
    sgx_sigstruct_init(date, ret);
    ret->miscselect = ENCLAVE_MISCSELECT;
    ret->miscmask = UINT32_MAX;
    ret->attributes.flags = ENCLAVE_ATTRIBUTES | (input->debug ? SGX_FLAGS_DEBUG : 0);
    ret->attributes.xfrm = ENCLAVE_XFRM;
    ret->attributemask.flags = UINT64_MAX;
    ret->attributemask.xfrm = UINT64_MAX;
    memcpy(ret->enclavehash, input->mrenclave, sizeof ret->enclavehash);
    memcpy(ret->isvfamilyid, input->kernel_hash, FAMILY_ID_SIZE);
    ret->isvprodid = input->isvprodid;
    ret->isvsvn = input->isvsvn;
}

// The signer's key at its default place, made at the first use.
static struct result default_key(struct image_note *note, char path[PATH_MAX])
{
    GUARD(home_path("signer.pem", path));
    char *pem;
    size_t size;
    uint8_t *present;
    if (is_ok(file_read(path, KEY_SIZE_MAX, &present, &size))) {
        wipe(present, size);
        free(present);
        return RESULT_OK;
    }
    image_progress(note, "making a signing key: %s", path);
    GUARD(sgx_signing_key_generate(&pem, &size));
    struct result result = file_write(path, SPAN(pem, size), 0600, FILE_MUST_BE_NEW);
    wipe(pem, size);
    free(pem);
    if (!is_ok(result) && result.code != ERR_EXISTS)
        return image_fail(note, result.code, result.why, "%s", path);
    return RESULT_OK;
}

struct result sign_image(const struct sign_input *input, const char *key_path,
                         struct image_note *note, struct sgx_sigstruct *ret)
{
    char path[PATH_MAX];
    if (!key_path)
        GUARD(default_key(note, path));
    uint8_t *pem;
    size_t size;
    GUARD(tool_read(note, key_path ? key_path : path, KEY_SIZE_MAX, &pem, &size));
    struct sgx_sigstruct s;
    describe(input, sign_date(), &s);
    struct result result = sgx_sigstruct_sign(&s, SPAN(pem, size));
    wipe(pem, size);
    free(pem);
    if (!is_ok(result))
        return image_fail(note, result.code, result.why, "%s", key_path ? key_path : path);
    *ret = s;
    return RESULT_OK;
}

struct result sign_check(const struct sgx_sigstruct *s, const uint8_t mrenclave[SGX_HASH_SIZE],
                         const uint8_t kernel_hash[32])
{
    struct sign_input input = {
        .isvprodid = s->isvprodid,
        .isvsvn = s->isvsvn,
        .debug = s->attributes.flags & SGX_FLAGS_DEBUG,
    };
    memcpy(input.mrenclave, mrenclave, sizeof input.mrenclave);
    memcpy(input.kernel_hash, kernel_hash, sizeof input.kernel_hash);
    REQUIRE(memcmp(s->enclavehash, mrenclave, sizeof s->enclavehash) == 0, ERR_INTEGRITY,
            "ENCLAVEHASH is not the enclave's measurement");
    // All else that the signature does not choose is as we would write it.
    struct sgx_sigstruct expected;
    describe(&input, s->date, &expected);
    memcpy(expected.modulus, s->modulus, sizeof expected.modulus);
    expected.exponent = SGX_RSA_EXPONENT;
    memcpy(expected.signature, s->signature, sizeof expected.signature);
    memcpy(expected.q1, s->q1, sizeof expected.q1);
    memcpy(expected.q2, s->q2, sizeof expected.q2);
    REQUIRE(memcmp(s, &expected, sizeof expected) == 0, ERR_INTEGRITY,
            "a field of SIGSTRUCT is not what the format fixes");
    return sgx_sigstruct_verify(s);
}
