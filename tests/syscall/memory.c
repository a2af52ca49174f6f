// SPDX-License-Identifier: Apache-2.0
// mmap, mprotect, mremap, munmap, brk, madvise, mincore: what is mapped, with which rights, and with
// which bytes.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "show.h"

#define PAGE 4096ul

static sigjmp_buf jump;
static volatile int signal_code, armed;

static void caught(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (!armed)
        _exit(99);
    armed = 0;
    signal_code = number * 100 + info->si_code;
    siglongjmp(jump, 1);
}

// 0: readable; otherwise the signal and its code.
static int try_read(const volatile char *at)
{
    if (sigsetjmp(jump, 1))
        return signal_code;
    armed = 1;
    (void)*at;
    armed = 0;
    return 0;
}

static int try_write(volatile char *at)
{
    if (sigsetjmp(jump, 1))
        return signal_code;
    armed = 1;
    *at = 7;
    armed = 0;
    return 0;
}

static int try_run(void *at)
{
    if (sigsetjmp(jump, 1))
        return signal_code;
    armed = 1;
    int r = ((int (*)(void))at)();
    armed = 0;
    return r;
}

static char *map(size_t size, int prot)
{
    return mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void anonymous(void)
{
    char *p = map(16 * PAGE, PROT_READ | PROT_WRITE);
    show("mapped", p != MAP_FAILED);
    show("zero", p[0] == 0 && p[16 * PAGE - 1] == 0);
    show("write", try_write(p + 5 * PAGE));
    show("PROT_NONE", mprotect(p + 4 * PAGE, 2 * PAGE, PROT_NONE));
    show("read", try_read(p + 5 * PAGE));
    show("neighbour", try_read(p + 6 * PAGE));
    show("PROT_READ", mprotect(p + 4 * PAGE, 2 * PAGE, PROT_READ));
    show("read", try_read(p + 5 * PAGE));
    show("kept", p[5 * PAGE]);
    show("write", try_write(p + 5 * PAGE));
    show("read-write", mprotect(p + 4 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE));
    show("write", try_write(p + 5 * PAGE));
    show("munmap the middle", munmap(p + 8 * PAGE, PAGE));
    show("read", try_read(p + 8 * PAGE));
    show("mprotect over the hole", mprotect(p + 7 * PAGE, 3 * PAGE, PROT_READ));
    show("munmap of nothing", munmap(p + 8 * PAGE, PAGE));
    show("munmap unaligned", munmap(p + 1, PAGE));
    show("mmap of size 0",
         mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    char *q = mmap(p + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    show("MAP_FIXED into the hole", q == p + 8 * PAGE);
    show("fresh", try_read(q) * 1000 + q[0]);
    q = mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    show("MAP_FIXED_NOREPLACE", q == MAP_FAILED ? -1 : 0);
    p[0] = 9;
    show("MADV_DONTNEED", madvise(p, PAGE, MADV_DONTNEED));
    show("zero again", p[0]);
    show("MADV_WILLNEED", madvise(p, PAGE, MADV_WILLNEED));
    show("MADV_DONTNEED unmapped", madvise((void *)0x10000, PAGE, MADV_DONTNEED));
    show("munmap", munmap(p, 16 * PAGE));
    show("read", try_read(p));
    show("null", try_read(NULL));
    show("kernel half", try_read((char *)0xffff800000000000ul));
}

static void code(void)
{
    static const uint8_t answer[] = {0xb8, 42, 0, 0, 0, 0xc3}; // mov eax, 42; ret
    char *p = map(PAGE, PROT_READ | PROT_WRITE);
    memcpy(p, answer, sizeof answer);
    show("run without PROT_EXEC", try_run(p));
    show("PROT_EXEC", mprotect(p, PAGE, PROT_READ | PROT_EXEC));
    show("run", try_run(p));
    show("write", try_write(p));
    show("read-write again", mprotect(p, PAGE, PROT_READ | PROT_WRITE));
    p[1] = 43;
    show("PROT_EXEC", mprotect(p, PAGE, PROT_READ | PROT_EXEC));
    show("run", try_run(p));
    munmap(p, PAGE);
    p = map(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    show("writable and executable", p != MAP_FAILED);
    if (p != MAP_FAILED) {
        memcpy(p, answer, sizeof answer);
        show("run", try_run(p));
        munmap(p, PAGE);
    }
}

// Adds 1 to the word at `p`.
static long wake_op(char *p)
{
    static int word;
    return syscall(SYS_futex, &word, 5, 1, (void *)1, p,
                   1 << 28 | 1 << 12); // FUTEX_WAKE_OP, FUTEX_OP_ADD
}

static void remap(void)
{
    char *p = map(4 * PAGE, PROT_READ | PROT_WRITE);
    memset(p, 'r', 4 * PAGE);
    char *q = mremap(p, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    show("grow", q != MAP_FAILED);
    show("content", q[0] == 'r' && q[4 * PAGE - 1] == 'r' && q[4 * PAGE] == 0);
    if (q != p)
        show("old place", try_read(p) ? 11 : 0);
    else
        show("old place", 11);
    q[63 * PAGE] = 1;
    show("shrink", mremap(q, 64 * PAGE, 2 * PAGE, 0) == q);
    show("behind", try_read(q + 2 * PAGE));
    char *block = map(PAGE, PROT_NONE); // may or may not lie behind q
    char *there = map(8 * PAGE, PROT_NONE);
    char *r = mremap(q, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there);
    show("MREMAP_FIXED", r == there);
    show("content", r[2 * PAGE - 1] == 'r');
    show("of nothing",
         mremap((void *)0x10000, PAGE, PAGE * 2, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
    show("to too much", mremap(r, PAGE, -PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
    show("of too much", mremap(r, -PAGE, 8 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
    mprotect(r, PAGE, PROT_READ);
    show("futex in a page that is read", wake_op(r));
    show("futex across two words", wake_op(r + PAGE + 1));
    munmap(r, 8 * PAGE);
    munmap(block, PAGE);
    // 64 MiB, touched here and there
    size_t size = 64ul << 20;
    p = map(size, PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < size; i += 1ul << 20)
        p[i] = (char)(i >> 20);
    long sum = 0;
    for (size_t i = 0; i < size; i += 1ul << 20)
        sum += p[i] + p[i + PAGE];
    show("sum over 64 MiB", sum);
    munmap(p, size);
}

static void files(void)
{
    int fd = open("/tmp/memory", O_RDWR | O_CREAT | O_TRUNC, 0600);
    char text[PAGE + 100];
    memset(text, 't', sizeof text);
    show("write", write(fd, text, sizeof text));
    char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    show("private", p[0] * 1000 + p[PAGE + 99]);
    show("tail is zero", p[PAGE + 100] == 0);
    show("behind the file", try_read(p + 2 * PAGE));
    p[0] = 'P';
    show("file unchanged", pread(fd, text, 1, 0) == 1 && text[0] == 't');
    munmap(p, 3 * PAGE);
    p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
    show("shared", p != MAP_FAILED);
    if (p != MAP_FAILED) {
        p[1] = 'S';
        show("msync", msync(p, PAGE, MS_SYNC));
        show("file changed", pread(fd, text, 2, PAGE) == 2 && text[1] == 'S');
        show("write is seen", pwrite(fd, "W", 1, PAGE + 2) == 1 && p[2] == 'W');
        munmap(p, PAGE);
    }
    show("unaligned offset",
         mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 5) == MAP_FAILED ? -1 : 0);
    show("bad descriptor", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED ? -1 : 0);
    close(fd);
    fd = open("/data/text", O_RDONLY);
    show("shared writable of read-only",
         mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    show("of the image", p[0]);
    show("copy on write", try_write(p) * 1000 + p[0]);
    munmap(p, PAGE);
    close(fd);
}

static void heap(void)
{
    char *start = (char *)syscall(SYS_brk, 0); // musl's brk() always fails
    show("brk moves", syscall(SYS_brk, start + 10 * PAGE) == (long)(start + 10 * PAGE));
    show("zero", start[9 * PAGE]);
    start[9 * PAGE] = 1;
    show("brk back", syscall(SYS_brk, start) == (long)start);
    show("brk again", syscall(SYS_brk, start + 10 * PAGE) == (long)(start + 10 * PAGE));
    show("fresh", start[9 * PAGE]);
    syscall(SYS_brk, start);
    unsigned char vector[4];
    char *p = map(4 * PAGE, PROT_READ | PROT_WRITE);
    memset(p, 1, 4 * PAGE);
    show("mincore", mincore(p, 4 * PAGE, vector));
    show("resident", vector[0] & 1);
    void *aligned;
    show("posix_memalign", posix_memalign(&aligned, 1 << 16, 1 << 20));
    long sum = 0;
    for (int i = 0; i < 2000; i++) {
        char *m = malloc((size_t)i * 97 + 1);
        m[0] = (char)i;
        sum += m[0];
        if (i % 3)
            free(m);
    }
    show("malloc", sum);
}

// What holds on every processor, with protection keys or without.
static void keys(void)
{
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show("pkey_alloc with flags", syscall(SYS_pkey_alloc, 1, 0));
    show("pkey_alloc with wrong rights", syscall(SYS_pkey_alloc, 0, 4));
    show("pkey_free of none", syscall(SYS_pkey_free, 15));
    show("pkey_mprotect, no key",
         syscall(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_WRITE, -1));
    page[0] = 1;
    show("pkey_mprotect, a key not had", syscall(SYS_pkey_mprotect, page, 4096, PROT_READ, 15));
    munmap(page, 4096);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    anonymous();
    code();
    remap();
    files();
    heap();
    keys();
    return 0;
}
