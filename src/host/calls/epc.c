// SPDX-License-Identifier: Apache-2.0
#include "host/calls/calls.h"

static long answer(struct result r)
{
    if (is_ok(r))
        return 0;
    return r.code == ERR_MEMORY ? -ENOMEM : -EINVAL;
}

long hostcall_do_epc_restrict(struct host_thread *t, uint64_t address, uint64_t size, uint32_t rwx)
{
    const struct host *h = t->host;
    return answer(h->platform->restrict_permissions(h->enclave, address - ENCLAVE_BASE, size, rwx));
}

long hostcall_do_epc_trim(struct host_thread *t, uint64_t address, uint64_t size)
{
    const struct host *h = t->host;
    return answer(h->platform->trim(h->enclave, address - ENCLAVE_BASE, size));
}

long hostcall_do_epc_remove(struct host_thread *t, uint64_t address, uint64_t size)
{
    const struct host *h = t->host;
    return answer(h->platform->remove(h->enclave, address - ENCLAVE_BASE, size));
}
