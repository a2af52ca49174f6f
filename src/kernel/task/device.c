// SPDX-License-Identifier: Apache-2.0
// /dev/cloister: reports, quotes, keys, hints and volumes for programs in this enclave.
#include "kernel/task/device.h"

#include "abi/enclave.h"
#include "crypto/hmac.h"
#include "kernel/entry/enclu.h"
#include "kernel/hostcall/stubs.h"
#include "kernel/lib/fpu.h"
#include "kernel/task/task_private.h"
#include "kernel/vfs/vfs.h"

#define QUOTE_MAX      32768u
#define COLLATERAL_MAX 131072u

static char *hint_text;
static size_t hint_size;
static struct device_fspf mounted;

void device_boot(char *hints, size_t size, uint32_t count)
{
    (void)count;
    hint_text = hints;
    hint_size = size;
}

void device_set_fspf(const struct device_fspf *fspf)
{
    mounted = *fspf;
}

static const struct enclave_params *params(void)
{
    return (const struct enclave_params *)PARAMS_BASE;
}

// Init, and services that have no init, may know hints and open volumes.
static bool privileged(void)
{
    return process_is_init || (params()->flags & PARAMS_SMS_ENCLAVE);
}

static long give_buffer(uint64_t user, const void *bytes, size_t size)
{
    struct device_buffer b;
    if (copy_from_user(&b, user, sizeof b) < 0)
        return -EFAULT;
    uint64_t room = b.size;
    b.size = size;
    if (copy_to_user(user, &b, sizeof b) < 0)
        return -EFAULT;
    return room < size ? -ENOSPC : copy_to_user(b.address, bytes, size);
}

static void make_report(const struct sgx_targetinfo *target, const uint8_t reportdata[64],
                        struct sgx_report *ret)
{
    static struct {
        struct sgx_targetinfo target;
        struct sgx_report report __attribute__((aligned(512)));
        uint8_t reportdata[64] __attribute__((aligned(128)));
    } leaf; // under the kernel lock
    leaf.target = *target;
    memcpy(leaf.reportdata, reportdata, sizeof leaf.reportdata);
    (void)enclu_ereport(&leaf.target, leaf.reportdata, &leaf.report);
    *ret = leaf.report;
}

void device_self(struct sgx_report_body *ret)
{
    struct sgx_report self;
    struct sgx_targetinfo nobody = {0};
    uint8_t zero[64] = {0};
    make_report(&nobody, zero, &self);
    *ret = self.body;
}

static long quoting_target(struct sgx_targetinfo *ret)
{
    return host_quote_target(ret, sizeof *ret) < 0 ? -EIO : 0;
}

static long report(uint64_t user)
{
    struct device_report d;
    struct sgx_targetinfo target;
    if (copy_from_user(&d, user, sizeof d) < 0)
        return -EFAULT;
    long r = d.targetinfo_address ? copy_from_user(&target, d.targetinfo_address, sizeof target)
                                  : quoting_target(&target);
    if (r < 0)
        return r;
    // What EREPORT would fault on (SDM: reserved fields of TARGETINFO).
    if (target.reserved1 || !is_zero(target.reserved2, sizeof target.reserved2) ||
        !is_zero(target.reserved3, sizeof target.reserved3))
        return -EINVAL;
    struct sgx_report made;
    make_report(&target, d.reportdata, &made);
    memcpy(d.report, &made, sizeof d.report);
    return copy_to_user(user, &d, sizeof d);
}

static long quote(uint64_t user)
{
    struct device_quote d;
    struct sgx_targetinfo target;
    struct sgx_report made;
    if (copy_from_user(&d, user, sizeof d) < 0)
        return -EFAULT;
    long r = quoting_target(&target);
    if (r < 0)
        return r;
    target.reserved1 = 0;
    memset(target.reserved2, 0, sizeof target.reserved2);
    memset(target.reserved3, 0, sizeof target.reserved3);
    make_report(&target, d.reportdata, &made);
    uint8_t *bytes = kzalloc(QUOTE_MAX);
    if (!bytes)
        return -ENOMEM;
    r = host_quote(&made, sizeof made, bytes, QUOTE_MAX);
    if (r >= 0)
        r = give_buffer(user + offsetof(struct device_quote, quote), bytes, (size_t)r);
    kfree(bytes);
    return r;
}

static long collateral(uint64_t user)
{
    uint8_t *bytes = kzalloc(COLLATERAL_MAX);
    if (!bytes)
        return -ENOMEM;
    long r = host_collateral(bytes, COLLATERAL_MAX);
    if (r >= 0)
        r = give_buffer(user, bytes, (size_t)r);
    kfree(bytes);
    return r;
}

// SDM vol. 3D, EGETKEY: SEAL, policy MRENCLAVE and CONFIGID, current SVNs, every attribute bit.
void device_seal_key(const uint8_t label[32], uint8_t ret[32])
{
    static struct sgx_keyrequest request; // under the kernel lock
    static uint8_t key[16] __attribute__((aligned(16)));
    struct sgx_report_body self;
    device_self(&self);
    memset(&request, 0, sizeof request);
    request.keyname = SGX_KEYNAME_SEAL;
    request.keypolicy = SGX_KEYPOLICY_MRENCLAVE | SGX_KEYPOLICY_CONFIGID;
    request.isvsvn = self.isvsvn;
    request.configsvn = self.configsvn;
    memcpy(request.cpusvn, self.cpusvn, sizeof request.cpusvn);
    request.attributemask.flags = ~0ull;
    request.attributemask.xfrm = ~0ull;
    request.miscmask = ~0u;
    memcpy(request.keyid, label, 32);
    uint64_t code = enclu_egetkey(&request, key, NULL);
    if (code != SGX_SUCCESS)
        panic("EGETKEY: code %lu", code);
    kernel_fpu_begin();
    hkdf_sha256(SPAN_OF(key), SPAN(label, 32), SPAN_STR("cloister seal key v1"), ret, 32);
    kernel_fpu_end();
    wipe(key, sizeof key);
}

static long key(uint64_t user)
{
    struct device_key d;
    if (copy_from_user(&d, user, sizeof d) < 0)
        return -EFAULT;
    device_seal_key(d.label, d.key);
    long r = copy_to_user(user, &d, sizeof d);
    wipe(&d, sizeof d);
    return r;
}

static long hint(uint64_t user)
{
    struct device_hint d;
    if (!privileged())
        return -EPERM;
    if (copy_from_user(&d, user, sizeof d) < 0)
        return -EFAULT;
    d.name[sizeof d.name - 1] = '\0';
    size_t n = strlen(d.name);
    for (size_t at = 0; at < hint_size; at += strlen(hint_text + at) + 1) {
        const char *s = hint_text + at;
        if (strncmp(s, d.name, n) == 0 && s[n] == '=')
            return give_buffer(user + offsetof(struct device_hint, value), s + n + 1,
                               strlen(s + n + 1));
    }
    return -ENOENT;
}

static long volume(uint64_t user)
{
    struct device_volume d;
    if (!privileged())
        return -EPERM;
    if (copy_from_user(&d, user, sizeof d) < 0)
        return -EFAULT;
    d.path[sizeof d.path - 1] = '\0';
    long r = d.reserved ? -EINVAL : vfs_volume_open(d.path, d.key, d.flags, &d.generation);
    wipe(d.key, sizeof d.key);
    if (r < 0)
        return r;
    return copy_to_user(user + offsetof(struct device_volume, generation), &d.generation, 8);
}

static long process_file(uint64_t user)
{
    void *data;
    size_t size;
    long r = erofs_read_file("/.cloister/process", &data, &size);
    if (r < 0)
        return r;
    r = give_buffer(user, data, size);
    vfs_file_free(data, size);
    return r;
}

long device_ioctl(unsigned request, uint64_t argument)
{
    switch (request) {
    case DEVICE_POLICY:
        return give_buffer(argument, params()->policy, params()->sms_policy_size);
    case DEVICE_PROCESS:
        return process_file(argument);
    case DEVICE_REPORT:
        return report(argument);
    case DEVICE_QUOTE:
        return quote(argument);
    case DEVICE_COLLATERAL:
        return collateral(argument);
    case DEVICE_KEY:
        return key(argument);
    case DEVICE_HINT:
        return hint(argument);
    case DEVICE_VOLUME:
        return volume(argument);
    case DEVICE_FSPF:
        return copy_to_user(argument, &mounted, sizeof mounted);
    default:
        return -ENOTTY;
    }
}
