// SPDX-License-Identifier: Apache-2.0
// System calls on memory; the work is in kernel/mm/.
#include "kernel/mm/mm.h"
#include "kernel/syscall/syscall.h"

SYSCALL(mmap)
{
    int flags = (int)a[3];
    struct file *file = NULL;
    if (!(flags & MAP_ANONYMOUS)) {
        file = fd_get((int)a[4]);
        if (!file)
            return -EBADF;
    }
    return mm_map(a[0], a[1], (int)a[2] & 7, flags, file, a[5]);
}

SYSCALL(munmap)
{
    return mm_unmap(a[0], a[1]);
}

SYSCALL(mprotect)
{
    return mm_protect(a[0], a[1], (int)a[2] & 7);
}

SYSCALL(mremap)
{
    return mm_remap(a[0], a[1], a[2], (int)a[3], a[4]);
}

SYSCALL(brk)
{
    return (long)mm_brk(a[0]);
}

SYSCALL(madvise)
{
    return mm_advise(a[0], a[1], (int)a[2]);
}

SYSCALL(msync)
{
    return mm_sync(a[0], a[1]);
}

SYSCALL(mincore)
{
    uint64_t pages = align_up(a[1], PAGE_SIZE) / PAGE_SIZE;
    if (a[0] % PAGE_SIZE)
        return -EINVAL;
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t page = a[0] + i * PAGE_SIZE;
        if (page >= USER_END || !vma_find(page))
            return -ENOMEM;
        uint8_t present = page_state(page) ? 1 : 0;
        if (copy_to_user(a[2] + i, &present, 1) < 0)
            return -EFAULT;
    }
    return 0;
}

// The host's paging cannot be governed from here; the enclave's pages are in the EPC or encrypted.
SYSCALL(mlock)
{
    return mm_populate(a[0], a[0] + a[1]) < 0 ? -ENOMEM : 0;
}

SYSCALL(mlock2)
{
    return sys_mlock(a);
}

SYSCALL(munlock)
{
    (void)a;
    return 0;
}

SYSCALL(mlockall)
{
    (void)a;
    return 0;
}

SYSCALL(munlockall)
{
    (void)a;
    return 0;
}

// pkeys(7) on a processor without protection keys, as CPUID says this one is: none can be had, and key -1
// means none.
SYSCALL(pkey_alloc)
{
    return a[0] || a[1] & ~3ull ? -EINVAL : -ENOSPC;
}

SYSCALL(pkey_free)
{
    (void)a;
    return -EINVAL;
}

SYSCALL(pkey_mprotect)
{
    return (int)a[3] == -1 ? sys_mprotect(a) : -EINVAL;
}
