// SPDX-License-Identifier: Apache-2.0
// Messages to the host, and the end of the enclave.
#include "kernel/entry/entry.h"
#include "kernel/hostcall/stubs.h"

#define LINE_MAX 512

static void say(const char *prefix, const char *format, va_list args)
{
    char line[LINE_MAX];
    size_t n = (size_t)kformat(line, sizeof line, "%s", prefix);
    n += (size_t)kvformat(line + n, sizeof line - n, format, args);
    n = MIN(n, sizeof line - 2);
    line[n++] = '\n';
    (void)host_log(line, n);
}

void klog(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("enclave: ", format, args);
    va_end(args);
}

bool enclave_dead;

void panic(const char *format, ...)
{
    bool panicking = __atomic_exchange_n(&enclave_dead, true, __ATOMIC_SEQ_CST);
    if (!panicking && percpu()->hostcall_rsp == 0 && percpu()->area) {
        va_list args;
        va_start(args, format);
        say("enclave: panic: ", format, args);
        va_end(args);
    }
    enclave_panic_exit(PANIC_CODE_BUG);
}
