// SPDX-License-Identifier: Apache-2.0
// The platform that refuses everything, for tests of its callers.
#include "sgx/platform.h"

#define WHY "this platform refuses everything"

static struct result create(const struct sgx_secs *secs, struct sgx_enclave **ret)
{
    (void)secs, (void)ret;
    return fail(ERR_UNSUPPORTED, WHY);
}

static struct result add(struct sgx_enclave *e, uint64_t offset, const void *pages, size_t size,
                         uint64_t secinfo_flags, bool measure)
{
    (void)e, (void)offset, (void)pages, (void)size, (void)secinfo_flags, (void)measure;
    return fail(ERR_UNSUPPORTED, WHY);
}

static struct result enclu_sites(struct sgx_enclave *e, const uint64_t *offsets, size_t count)
{
    (void)e, (void)offsets, (void)count;
    return fail(ERR_UNSUPPORTED, WHY);
}

static struct result init(struct sgx_enclave *e, const struct sgx_sigstruct *sigstruct)
{
    (void)e, (void)sigstruct;
    return fail(ERR_UNSUPPORTED, WHY);
}

static struct result thread_setup(struct sgx_enclave *e)
{
    (void)e;
    return fail(ERR_UNSUPPORTED, WHY);
}

static struct result enter(struct sgx_enclave *e, struct sgx_run *run)
{
    (void)e, (void)run;
    return fail(ERR_UNSUPPORTED, WHY);
}

static void kick(struct sgx_enclave *e, pthread_t thread)
{
    (void)e, (void)thread;
}

static struct result restrict_permissions(struct sgx_enclave *e, uint64_t offset, uint64_t size,
                                          uint64_t rwx)
{
    (void)e, (void)offset, (void)size, (void)rwx;
    return fail(ERR_UNSUPPORTED, WHY);
}

static struct result change_pages(struct sgx_enclave *e, uint64_t offset, uint64_t size)
{
    (void)e, (void)offset, (void)size;
    return fail(ERR_UNSUPPORTED, WHY);
}

static void stats(const struct sgx_enclave *e, struct sgx_stats *ret)
{
    (void)e;
    *ret = (struct sgx_stats){0};
}

static void destroy(struct sgx_enclave *e)
{
    (void)e;
}

const struct sgx_platform *sgx_platform_failing(void)
{
    static const struct sgx_platform failing = {
        .name = "failing",
        .create = create,
        .add = add,
        .enclu_sites = enclu_sites,
        .init = init,
        .thread_setup = thread_setup,
        .enter = enter,
        .kick = kick,
        .restrict_permissions = restrict_permissions,
        .trim = change_pages,
        .remove = change_pages,
        .stats = stats,
        .destroy = destroy,
    };
    return &failing;
}
