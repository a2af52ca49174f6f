// SPDX-License-Identifier: Apache-2.0
// Checked copies between the kernel and the program. copy_user() itself is assembly (entry.S).
#include "kernel/mm/mm.h"

bool user_range_ok(uint64_t address, uint64_t size)
{
    return size <= USER_END && address <= USER_END - size;
}

long copy_from_user(void *dst, uint64_t user_src, size_t n)
{
    return user_range_ok(user_src, n) ? copy_user(dst, (const void *)user_src, n) : -EFAULT;
}

long copy_to_user(uint64_t user_dst, const void *src, size_t n)
{
    return user_range_ok(user_dst, n) ? copy_user((void *)user_dst, src, n) : -EFAULT;
}

long copy_user_string(char *dst, uint64_t user_src, size_t capacity)
{
    size_t done = 0;
    while (done < capacity) {
        // Up to the end of the page: the next one may not be mapped.
        size_t part = MIN(capacity - done, PAGE_SIZE - (user_src + done) % PAGE_SIZE);
        if (copy_from_user(dst + done, user_src + done, part) < 0)
            return -EFAULT;
        const char *end = memchr(dst + done, 0, part);
        if (end)
            return end - dst;
        done += part;
    }
    return -ENAMETOOLONG;
}
