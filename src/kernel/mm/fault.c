// SPDX-License-Identifier: Apache-2.0
// Bringing pages in: what happens when the program touches a page that the enclave does not hold yet.
//
// - Anonymous pages are accepted as zeroes; pages of files are read (and so verified) into a private buffer,
//   patched where they hold system-call sites, and copied in by EACCEPTCOPY, page by page, atomically.
// - While there is one thread nobody can look at a page that is not finished: then files are read into the
//   accepted pages themselves, and the permissions that EAUG gave too many are taken away afterwards.
// - A cluster of pages around the address comes in at once, since a fault costs an exit.
#include "kernel/mm/mm.h"

#include <asm/siginfo.h>

#include "abi/sgx/arch.h"
#include "kernel/loader/patch.h"
#include "kernel/task/task_private.h"
#include "kernel/vfs/vfs.h"

#define ANONYMOUS_CLUSTER (64 * PAGE_SIZE)
#define FILE_CLUSTER      (16 * PAGE_SIZE)

static uint8_t *bounce; // FILE_CLUSTER bytes, used under the kernel lock without blocking

static long populate_anonymous(const struct vma *v, uint64_t start, uint64_t end)
{
    for (uint64_t page = start, next; page < end; page = next) {
        next = page + PAGE_SIZE;
        if (page_state(page))
            continue;
        while (next < end && !page_state(next))
            next += PAGE_SIZE;
        long r = epc_accept_zero(page, next, v->prot & 7);
        if (r < 0)
            return r;
    }
    return 0;
}

// Reads [start, end) of the mapping; beyond the file's end the bytes are zero.
static long read_cluster(const struct vma *v, uint64_t start, uint64_t end, uint8_t *into)
{
    uint64_t size = end - start, offset = v->offset + (start - v->start), done = 0;
    mm_shared_before_read(v->file, offset, size);
    long direct = shield_read_into(v->file, offset, into, size / PAGE_SIZE);
    if (direct == -EINVAL)
        direct = 0; // no file of the image
    else
        done = size;
    if (direct < 0)
        return direct;
    while (done < size) {
        long r = v->file->ops->read(v->file, into + done, size - done, offset + done);
        if (r < 0)
            return r;
        if (r == 0)
            break;
        done += (uint64_t)r;
    }
    memset(into + done, 0, size - done);
    patch_apply(v->patches, offset, into, size);
    return 0;
}

static long read_in_place(const struct vma *v, uint64_t start, uint64_t end)
{
    long r = epc_accept_zero(start, end, PROT_READ | PROT_WRITE);
    if (r >= 0)
        r = read_cluster(v, start, end, (uint8_t *)start);
    if (r < 0) {
        epc_release(start, end); // nothing stays that was not verified
        return r;
    }
    return epc_protect(start, end, v->prot);
}

static long populate_file_run(const struct vma *v, uint64_t start, uint64_t end)
{
    bool alone = task_count() == 1;
    long r = alone ? read_in_place(v, start, end) : read_cluster(v, start, end, bounce);
    if (r < 0)
        return r == -EFAULT ? -EIO : r;
    if (alone)
        return 0;
    for (uint64_t page = start; page < end; page += PAGE_SIZE) {
        r = epc_accept_copy(page, bounce + (page - start), v->prot);
        if (r < 0)
            return r;
    }
    return 0;
}

static long populate_file(const struct vma *v, uint64_t start, uint64_t end)
{
    if (!bounce)
        bounce = kpages_alloc(FILE_CLUSTER / PAGE_SIZE);
    if (!bounce)
        return -ENOMEM;
    for (uint64_t page = start, next; page < end; page = next) {
        next = page + PAGE_SIZE;
        if (page_state(page))
            continue;
        while (next < end && !page_state(next) && next - page < FILE_CLUSTER)
            next += PAGE_SIZE;
        long r = populate_file_run(v, page, next);
        if (r < 0)
            return r;
    }
    return 0;
}

static long populate_vma(const struct vma *v, uint64_t start, uint64_t end)
{
    if (!(v->prot & 7))
        return -EFAULT;
    return v->file ? populate_file(v, start, end) : populate_anonymous(v, start, end);
}

long mm_populate(uint64_t start, uint64_t end)
{
    start = align_down(start, PAGE_SIZE);
    end = align_up(end, PAGE_SIZE);
    while (start < end) {
        const struct vma *v = vma_find(start);
        if (!v)
            return -EFAULT;
        uint64_t stop = MIN(end, v->end);
        long r = populate_vma(v, start, stop);
        if (r < 0)
            return r;
        start = stop;
    }
    return 0;
}

static bool access_allowed(int prot, uint64_t error_code)
{
    if (error_code & SGX_PFEC_W)
        return prot & PROT_WRITE;
    if (error_code & SGX_PFEC_I)
        return prot & PROT_EXEC;
    return prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

int mm_fault(uint64_t address, uint64_t error_code, int *ret_code)
{
    *ret_code = SEGV_MAPERR;
    const struct vma *v = address < USER_END ? vma_find(address) : NULL;
    if (!v)
        return SIGSEGV;
    *ret_code = SEGV_ACCERR;
    if (!access_allowed(v->prot, error_code))
        return SIGSEGV;
    uint64_t page = align_down(address, PAGE_SIZE);
    if (page_state(page))
        return 0; // another thread brought it in, or the host lied: the access is tried again
    uint64_t cluster = v->file ? FILE_CLUSTER : ANONYMOUS_CLUSTER;
    uint64_t start = MAX(align_down(page, cluster), v->start);
    uint64_t end = MIN(align_down(page, cluster) + cluster, v->end);
    uint64_t file_size;
    if (v->file && v->file->ops->size && v->file->ops->size(v->file, &file_size) == 0) {
        // Linux: a page wholly beyond the file's end is SIGBUS.
        uint64_t offset = v->offset + (page - v->start);
        if (offset >= align_up(file_size, PAGE_SIZE)) {
            *ret_code = BUS_ADRERR;
            return SIGBUS;
        }
        end = MIN(end, v->start + align_up(file_size, PAGE_SIZE) - v->offset);
    }
    long r = populate_vma(v, start, end);
    if (r == -ENOMEM)
        r = populate_vma(v, page, page + PAGE_SIZE);
    if (r == -ENOMEM)
        panic("out of memory: the program needs more than the heap of its manifest");
    if (r < 0) {
        *ret_code = BUS_ADRERR;
        return SIGBUS;
    }
    return 0;
}
