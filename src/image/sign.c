// SPDX-License-Identifier: Apache-2.0
#include "image/sign.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "abi/enclave.h"
#include "base/bytes.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "image/enclave_build.h"
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

static struct result sign_with(const struct sgx_sigstruct *unsigned_one, const char *key_path,
                               struct image_note *note, struct sgx_sigstruct *ret)
{
    char path[PATH_MAX];
    if (!key_path)
        GUARD(default_key(note, path));
    uint8_t *pem;
    size_t size;
    GUARD(tool_read(note, key_path ? key_path : path, KEY_SIZE_MAX, &pem, &size));
    struct sgx_sigstruct s = *unsigned_one;
    struct result result = sgx_sigstruct_sign(&s, SPAN(pem, size));
    wipe(pem, size);
    free(pem);
    if (!is_ok(result))
        return image_fail(note, result.code, result.why, "%s", key_path ? key_path : path);
    *ret = s;
    return RESULT_OK;
}

struct result sign_image(const struct sign_input *input, const char *key_path,
                         struct image_note *note, struct sgx_sigstruct *ret)
{
    struct sgx_sigstruct s;
    describe(input, sign_date(), &s);
    return sign_with(&s, key_path, note, ret);
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

void sign_bytes(const struct sgx_sigstruct *s, uint8_t ret[SIGN_BYTES_SIZE])
{
    memcpy(ret, s, SIGN_BYTES_SIZE / 2);
    memcpy(ret + SIGN_BYTES_SIZE / 2, &s->miscselect, SIGN_BYTES_SIZE / 2);
}

struct result sign_check_image(const struct image *i)
{
    uint8_t hash[SGX_HASH_SIZE], mrenclave[SGX_HASH_SIZE];
    REQUIRE(i->sigstruct, ERR_INVALID, "a file system without an enclave is not signed");
    GUARD(enclave_check_params(i->params));
    GUARD(enclave_measure(i->kernel, i->params, mrenclave));
    sha256(i->kernel, hash);
    return sign_check(i->sigstruct, mrenclave, hash);
}

struct result sign_again(const struct image *i, const char *key_path, struct image_note *note,
                         struct sgx_sigstruct *ret)
{
    GUARD(sign_check_image(i));
    return sign_with(i->sigstruct, key_path, note, ret);
}

static struct result read_signature(struct span file, uint8_t ret[SGX_MODULUS_SIZE])
{
    size_t size = 0;
    if (file.size == SGX_MODULUS_SIZE) {
        memcpy(ret, file.data, SGX_MODULUS_SIZE);
        return RESULT_OK;
    }
    char text[BASE64_SIZE(SGX_MODULUS_SIZE) + 32];
    uint8_t raw[SGX_MODULUS_SIZE];
    size_t text_size = 0;
    for (size_t i = 0; i < file.size && text_size < sizeof text; i++) { // tools break lines
        if (file.data[i] != '\n' && file.data[i] != '\r')
            text[text_size++] = (char)file.data[i];
    }
    REQUIRE(is_ok(base64_decode(SPAN(text, text_size), raw, sizeof raw, &size)) &&
                size == sizeof raw,
            ERR_INVALID, "a signature is 384 bytes, or their base64");
    memcpy(ret, raw, sizeof raw);
    return RESULT_OK;
}

struct result sign_attach(const struct image *i, struct span public_key_pem, struct span signature,
                          struct sgx_sigstruct *ret)
{
    uint8_t modulus[SGX_MODULUS_SIZE], raw[SGX_MODULUS_SIZE];
    GUARD(sign_check_image(i));
    GUARD(sgx_public_key_modulus(public_key_pem, modulus));
    GUARD(read_signature(signature, raw));
    struct sgx_sigstruct s = *i->sigstruct;
    struct result result = sgx_sigstruct_attach(&s, modulus, raw);
    REQUIRE(is_ok(result), ERR_INTEGRITY, "the signature is not this key's over this image");
    *ret = s;
    return RESULT_OK;
}

static bool copy_whole(int from, int to, off_t size)
{
    if (ioctl(to, FICLONE, from) == 0)
        return true;
    for (off_t left = size; left > 0;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);
        if (n <= 0)
            return false;
        left -= n;
    }
    return true;
}

// In both forms the SIGSTRUCT is the last block but one, before the trailer.
static bool write_copy(int from, int to, const struct sgx_sigstruct *s)
{
    struct stat st;
    uint8_t block[IMAGE_BLOCK_SIZE] = {0};
    memcpy(block, s, sizeof *s);
    return fstat(from, &st) == 0 && st.st_size >= (off_t)(IMAGE_TRAILER_SIZE + sizeof block) &&
           copy_whole(from, to, st.st_size) &&
           pwrite(to, block, sizeof block,
                  st.st_size - (off_t)(IMAGE_TRAILER_SIZE + sizeof block)) == sizeof block &&
           fchmod(to, st.st_mode & 0777) == 0 && fsync(to) == 0;
}

struct result sign_replace(const char *path, const struct sgx_sigstruct *s, struct image_note *note)
{
    char real[PATH_MAX], temporary[PATH_MAX + 8];
    if (!realpath(path, real))
        return image_fail_errno(note, path, "cannot open the image");
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", real);
    int from = open(real, O_RDONLY | O_CLOEXEC), to = mkostemp(temporary, O_CLOEXEC);
    bool ok = from >= 0 && to >= 0 && write_copy(from, to, s) && rename(temporary, real) == 0;
    struct result result = ok ? RESULT_OK : image_fail_errno(note, real, "cannot write the image");
    if (!ok && to >= 0)
        unlink(temporary);
    if (to >= 0)
        close(to);
    if (from >= 0)
        close(from);
    return result;
}
