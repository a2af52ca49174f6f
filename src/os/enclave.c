// SPDX-License-Identifier: Apache-2.0
#include "os/enclave.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "abi/device.h"
#include "abi/sgx/arch.h"

#define BUFFER_SIZE_MAX (1u << 20)

struct enclave {
    int fd;
};

struct result enclave_open(struct enclave **ret)
{
    int fd = open(CLOISTER_DEVICE, O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0, ERR_UNSUPPORTED, "this program does not run in an enclave");
    struct enclave *e = malloc(sizeof *e);
    if (!e) {
        close(fd);
        return fail(ERR_MEMORY, "out of memory");
    }
    e->fd = fd;
    *ret = e;
    return RESULT_OK;
}

void enclave_close(struct enclave *e)
{
    if (e)
        close(e->fd);
    free(e);
}

static struct result call(const struct enclave *e, unsigned long number, void *argument,
                          const char *why)
{
    if (ioctl(e->fd, number, argument) == 0)
        return RESULT_OK;
    switch (errno) {
    case ENOENT:
        return fail(ERR_NOT_FOUND, why);
    case ENOSPC:
        return fail(ERR_RANGE, why);
    case EPERM:
    case EACCES:
        return fail(ERR_DENIED, why);
    case ESTALE:
        return fail(ERR_STALE, why);
    case EBADMSG:
        return fail(ERR_INTEGRITY, why);
    default:
        return fail(ERR_IO, why);
    }
}

// Asks for the size first, then for the bytes.
static struct result read_whole(struct enclave *e, unsigned long number, uint8_t **ret_data,
                                size_t *ret_size, const char *why)
{
    size_t capacity = 4096;
    for (int attempt = 0; attempt < 2; attempt++) {
        uint8_t *data = malloc(capacity + 1);
        REQUIRE(data, ERR_MEMORY, "out of memory");
        struct device_buffer b = {(uintptr_t)data, capacity};
        struct result r = call(e, number, &b, why);
        if (is_ok(r) && b.size <= capacity) {
            data[b.size] = 0;
            *ret_data = data;
            *ret_size = b.size;
            return RESULT_OK;
        }
        free(data);
        if (r.code != ERR_RANGE)
            return is_ok(r) ? fail(ERR_IO, why) : r;
        REQUIRE(b.size > capacity && b.size <= BUFFER_SIZE_MAX, ERR_RANGE, why);
        capacity = b.size;
    }
    return fail(ERR_RANGE, why);
}

struct result enclave_policy(struct enclave *e, uint8_t **ret_data, size_t *ret_size)
{
    return read_whole(e, DEVICE_POLICY, ret_data, ret_size, "the image measures no SMS policy");
}

struct result enclave_process(struct enclave *e, uint8_t **ret_data, size_t *ret_size)
{
    return read_whole(e, DEVICE_PROCESS, ret_data, ret_size,
                      "the image's process file cannot be read");
}

struct result enclave_quote(void *context, const uint8_t reportdata[64], uint8_t *buffer,
                            size_t capacity, size_t *ret_size)
{
    struct device_quote q = {.quote = {(uintptr_t)buffer, capacity}};
    memcpy(q.reportdata, reportdata, sizeof q.reportdata);
    GUARD(call(context, DEVICE_QUOTE, &q, "the platform gives no quote"));
    REQUIRE(q.quote.size <= capacity, ERR_IO, "the quote has an impossible size");
    *ret_size = q.quote.size;
    return RESULT_OK;
}

struct result enclave_collateral(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct device_buffer b = {(uintptr_t)buffer, capacity};
    GUARD(call(context, DEVICE_COLLATERAL, &b, "the host gives no collateral"));
    REQUIRE(b.size <= capacity, ERR_IO, "the collateral has an impossible size");
    *ret_size = b.size;
    return RESULT_OK;
}

struct result enclave_self(struct enclave *e, struct sgx_report_body *ret)
{
    struct device_report r = {.targetinfo_address = 0};
    _Static_assert(sizeof *ret <= sizeof r.report, "a report begins with its body");
    GUARD(call(e, DEVICE_REPORT, &r, "the enclave gives no report"));
    memcpy(ret, r.report, sizeof *ret);
    return RESULT_OK;
}

struct result enclave_hint(struct enclave *e, const char *name, char *ret, size_t capacity)
{
    struct device_hint h = {.value = {(uintptr_t)ret, capacity - 1}};
    REQUIRE(strlen(name) < sizeof h.name, ERR_RANGE, "the hint's name is too long");
    memcpy(h.name, name, strlen(name) + 1);
    GUARD(call(e, DEVICE_HINT, &h, "the host gave no such hint"));
    REQUIRE(h.value.size < capacity && !memchr(ret, 0, h.value.size), ERR_INVALID,
            "the host's hint is malformed");
    ret[h.value.size] = 0;
    return RESULT_OK;
}

struct result enclave_volume(struct enclave *e, const char *path, const uint8_t key[32],
                             uint32_t flags, uint64_t *ret_generation)
{
    struct device_volume v = {.flags = flags};
    REQUIRE(strlen(path) < sizeof v.path, ERR_RANGE, "the volume's path is too long");
    memcpy(v.path, path, strlen(path) + 1);
    memcpy(v.key, key, sizeof v.key);
    struct result r = call(e, DEVICE_VOLUME, &v, "the encrypted volume cannot be opened");
    if (is_ok(r) && ret_generation)
        *ret_generation = v.generation;
    wipe(&v, sizeof v);
    return r;
}

struct result enclave_fingerprint(struct enclave *e, struct fingerprint *ret)
{
    struct sgx_report_body body;
    struct device_fspf fspf;
    GUARD(enclave_self(e, &body));
    GUARD(call(e, DEVICE_FSPF, &fspf, "the kernel does not say what is mounted"));
    memcpy(ret->fspf_key, fspf.key, sizeof ret->fspf_key);
    memcpy(ret->fspf_tag, fspf.tag, sizeof ret->fspf_tag);
    memcpy(ret->mrenclave, body.mrenclave, sizeof ret->mrenclave);
    return RESULT_OK;
}
