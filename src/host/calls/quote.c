// SPDX-License-Identifier: Apache-2.0
#include "host/calls/calls.h"

static long answer(struct result r, size_t size)
{
    if (is_ok(r))
        return (long)size;
    switch (r.code) {
    case ERR_INVALID:
    case ERR_RANGE:
        return -EINVAL;
    case ERR_DENIED:
        return -EACCES;
    case ERR_UNSUPPORTED:
        return -ENOSYS;
    default:
        return -EIO;
    }
}

long hostcall_do_quote_target(struct host_thread *t, void *targetinfo, size_t targetinfo_capacity)
{
    struct host *h = t->host;
    uint8_t target[HOSTCALL_QUOTE_TARGET_TARGETINFO_MAX];
    if (!h->quoting)
        return -ENOSYS;
    if (targetinfo_capacity != sizeof(target))
        return -EIO;
    pthread_mutex_lock(&h->quoting_lock);
    struct result r = h->quoting->target(h->quoting->context, target);
    pthread_mutex_unlock(&h->quoting_lock);
    if (is_ok(r))
        memcpy(targetinfo, target, sizeof(target));
    return answer(r, sizeof(target));
}

long hostcall_do_quote(struct host_thread *t, const void *report, size_t report_size, void *quote,
                       size_t quote_capacity)
{
    struct host *h = t->host;
    uint8_t copy[HOSTCALL_QUOTE_REPORT_MAX];
    size_t size = 0;
    if (!h->quoting)
        return -ENOSYS;
    memcpy(copy, report, report_size);
    pthread_mutex_lock(&h->quoting_lock);
    struct result r =
        h->quoting->quote(h->quoting->context, copy, report_size, quote, quote_capacity, &size);
    pthread_mutex_unlock(&h->quoting_lock);
    return answer(r, size);
}

long hostcall_do_collateral(struct host_thread *t, void *bundle, size_t bundle_capacity)
{
    struct host *h = t->host;
    size_t size = 0;
    if (!h->quoting)
        return -ENOSYS;
    pthread_mutex_lock(&h->quoting_lock);
    struct result r = h->quoting->collateral(h->quoting->context, bundle, bundle_capacity, &size);
    pthread_mutex_unlock(&h->quoting_lock);
    return answer(r, size);
}
