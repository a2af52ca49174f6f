// SPDX-License-Identifier: Apache-2.0
// The counters of a run: what crossed the edge, and how often.
#include "host/runtime.h"

#include <inttypes.h>

#include "host/shapes.h"

#define COUNTERS 11

// Microseconds until the first thread was let go.
static const char *const phase_names[PHASE_COUNT] = {"open_us", "create_us", "add_us", "init_us",
                                                     "start_us"};

struct counter {
    const char *name;
    uint64_t value;
};

static void counters(const struct host *host, struct counter ret[COUNTERS])
{
    struct sgx_stats s = {0};
    host->platform->stats(host->enclave, &s);
    const struct counter all[COUNTERS] = {
        {"eenter", s.eenter},
        {"eexit", s.eexit},
        {"eresume", s.eresume},
        {"aex", s.aex},
        {"ereport", s.ereport},
        {"egetkey", s.egetkey},
        {"eaccept", s.eaccept},
        {"eacceptcopy", s.eacceptcopy},
        {"emodpe", s.emodpe},
        {"trapped_syscalls", s.trapped_syscalls},
        {"trapped_cpuid", s.trapped_cpuid},
    };
    for (size_t i = 0; i < COUNTERS; i++)
        ret[i] = all[i];
}

static uint64_t calls_of(const struct host *host, uint32_t number)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < host->thread_count; i++)
        sum += atomic_load_explicit(&host->threads[i].calls[number], memory_order_relaxed);
    return sum;
}

static uint64_t calls_total(const struct host *host)
{
    uint64_t sum = 0;
    for (uint32_t n = 1; n <= HOSTCALL_COUNT; n++)
        sum += calls_of(host, n);
    return sum;
}

void host_stats_print(const struct host *host, FILE *out)
{
    struct counter all[COUNTERS];
    counters(host, all);
    fprintf(out, "%-20s %s\n", "platform", host->platform->name);
    for (size_t i = 0; i < COUNTERS; i++)
        fprintf(out, "%-20s %12" PRIu64 "\n", all[i].name, all[i].value);
    for (size_t i = 0; i < PHASE_COUNT; i++)
        fprintf(out, "%-20s %12" PRIu64 "\n", phase_names[i], host->phase_ns[i] / 1000);
    fprintf(out, "%-20s %12" PRIu64 "\n", "host_calls", calls_total(host));
    for (uint32_t n = 1; n <= HOSTCALL_COUNT; n++)
        if (calls_of(host, n) != 0)
            fprintf(out, "  %-18s %12" PRIu64 "\n", hostcall_shapes[n].name, calls_of(host, n));
}

void host_stats_print_json(const struct host *host, FILE *out)
{
    struct counter all[COUNTERS];
    counters(host, all);
    fprintf(out, "{\"platform\": \"%s\"", host->platform->name);
    for (size_t i = 0; i < COUNTERS; i++)
        fprintf(out, ", \"%s\": %" PRIu64, all[i].name, all[i].value);
    for (size_t i = 0; i < PHASE_COUNT; i++)
        fprintf(out, ", \"%s\": %" PRIu64, phase_names[i], host->phase_ns[i] / 1000);
    fprintf(out, ", \"host_calls\": %" PRIu64 ", \"host_calls_by_name\": {", calls_total(host));
    const char *separator = "";
    for (uint32_t n = 1; n <= HOSTCALL_COUNT; n++) {
        if (calls_of(host, n) == 0)
            continue;
        fprintf(out, "%s\"%s\": %" PRIu64, separator, hostcall_shapes[n].name, calls_of(host, n));
        separator = ", ";
    }
    fprintf(out, "}}\n");
}
