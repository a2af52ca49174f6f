// SPDX-License-Identifier: Apache-2.0
// What the files of /proc say.
#include <linux/time.h>

#include "kernel/fs/proc/proc.h"
#include "kernel/loader/exec.h"
#include "kernel/mm/mm.h"

static uint64_t heap_kib(void)
{
    const struct enclave_params *p = (const struct enclave_params *)PARAMS_BASE;
    return p->heap_max / 1024;
}

static uint64_t free_kib(void)
{
    uint64_t used = epc_used() / 1024;
    return heap_kib() - MIN(used, heap_kib());
}

static unsigned cpu_count(void)
{
    const struct enclave_params *p = (const struct enclave_params *)PARAMS_BASE;
    return MAX(MIN(p->threads, 64u), 1u);
}

// --- the process -------------------------------------------------------------------------------------

static long exe_link(char *ret, size_t capacity)
{
    const struct exec_info *e = exec_current();
    int size = kformat(ret, capacity, "%s", e->path);
    return size > 0 ? size : -ENOENT;
}

static long cwd_link(char *ret, size_t capacity)
{
    return vfs_getcwd(ret, capacity);
}

static long root_link(char *ret, size_t capacity)
{
    return kformat(ret, capacity, "/");
}

static long self_link(char *ret, size_t capacity)
{
    return kformat(ret, capacity, "%d", process_pid());
}

static long thread_self_link(char *ret, size_t capacity)
{
    return kformat(ret, capacity, "%d/task/%d", process_pid(), process_pid());
}

static long mounts_link(char *ret, size_t capacity)
{
    return kformat(ret, capacity, "self/mounts");
}

static void cmdline(struct proc_text *t)
{
    const struct string_list *l = &exec_current()->arguments;
    proc_put_bytes(t, l->bytes, l->size);
}

static void environ(struct proc_text *t)
{
    const struct string_list *l = &exec_current()->environment;
    proc_put_bytes(t, l->bytes, l->size);
}

static void auxv(struct proc_text *t)
{
    proc_put_bytes(t, exec_current()->auxv, exec_current()->auxv_size);
}

static const char *program_name(void)
{
    return exec_current()->name;
}

static void comm(struct proc_text *t)
{
    proc_put(t, "%s\n", program_name());
}

static void maps(struct proc_text *t)
{
    char *text;
    size_t size;
    if (mm_maps_text(&text, &size) < 0) {
        t->failed = true;
        return;
    }
    proc_put_bytes(t, text, size);
    kfree(text);
}

static void stat(struct proc_text *t)
{
    uint64_t pages = epc_used() / 4096;
    proc_put(t, "%d (%s) R 0 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 1 %lu %lu ", process_pid(),
             program_name(), pages * 4096, pages);
    proc_put(t, "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
}

static void statm(struct proc_text *t)
{
    uint64_t pages = epc_used() / 4096;
    proc_put(t, "%lu %lu 0 0 0 %lu 0\n", pages, pages, pages);
}

static void status(struct proc_text *t)
{
    int pid = process_pid();
    uint32_t uid = vfs_uid(), gid = vfs_gid();
    proc_put(t, "Name:\t%s\nUmask:\t0022\nState:\tR (running)\nTgid:\t%d\nNgid:\t0\n",
             program_name(), pid);
    proc_put(t, "Pid:\t%d\nPPid:\t0\nTracerPid:\t0\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n",
             pid, uid, uid, uid, uid, gid, gid, gid, gid);
    proc_put(t, "FDSize:\t256\nGroups:\t\nVmPeak:\t%lu kB\nVmSize:\t%lu kB\nVmHWM:\t%lu kB\n",
             epc_peak() / 1024, epc_used() / 1024, epc_peak() / 1024);
    proc_put(t, "VmRSS:\t%lu kB\nThreads:\t1\nSigQ:\t0/0\nSeccomp:\t0\nCpus_allowed_list:\t0-%u\n",
             epc_used() / 1024, cpu_count() - 1);
}

static void limits(struct proc_text *t)
{
    proc_put(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    proc_put(t, "%-25s %-20lu %-20u %-10s\n", "Max open files", fd_limit(), FD_MAX, "files");
}

static void mounts(struct proc_text *t)
{
    const struct mount *m;
    for (unsigned i = 0; (m = vfs_mount(i)); i++) {
        proc_put_bytes(t, m->source, strlen(m->source));
        proc_put_bytes(t, " ", 1);
        proc_put_bytes(t, m->path, strlen(m->path));
        proc_put(t, " %s %s,relatime 0 0\n", m->fs->type, m->options);
    }
}

static void mountinfo(struct proc_text *t)
{
    const struct mount *m;
    for (unsigned i = 0; (m = vfs_mount(i)); i++) {
        proc_put(t, "%u %u 0:%lu / ", 20 + i, i ? 20u : 1u, m->fs->device);
        proc_put_bytes(t, m->path, strlen(m->path));
        proc_put(t, " %s,relatime - %s ", m->options, m->fs->type);
        proc_put_bytes(t, m->source, strlen(m->source));
        proc_put(t, " %s\n", m->options);
    }
}

static void cgroup(struct proc_text *t)
{
    proc_put(t, "0::/\n");
}

static void number_zero(struct proc_text *t)
{
    proc_put(t, "0\n");
}

// --- the system --------------------------------------------------------------------------------------

static void cpuinfo(struct proc_text *t)
{
    for (unsigned i = 0; i < cpu_count(); i++) {
        proc_put(t, "processor\t: %u\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n",
                 i);
        proc_put(t, "model name\t: Cloister enclave\ncpu MHz\t\t: 2000.000\nphysical id\t: 0\n");
        proc_put(t, "siblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\nfpu\t\t: yes\n", cpu_count(),
                 i, cpu_count());
        proc_put(
            t,
            "flags\t\t: fpu tsc cx8 cmov mmx fxsr sse sse2 pni ssse3 cx16 sse4_1 sse4_2 popcnt aes "
            "xsave avx avx2 lm constant_tsc\naddress sizes\t: 46 bits physical, 48 bits "
            "virtual\n\n");
    }
}

static void meminfo(struct proc_text *t)
{
    proc_put(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n",
             heap_kib(), free_kib(), free_kib());
    proc_put(t, "Buffers:        %8u kB\nCached:         %8u kB\nSwapCached:     %8u kB\n", 0, 0,
             0);
    proc_put(t, "SwapTotal:      %8u kB\nSwapFree:       %8u kB\nShmem:          %8u kB\n", 0, 0,
             0);
    proc_put(t, "HugePages_Total:       0\nHugepagesize:       2048 kB\n");
}

static void system_stat(struct proc_text *t)
{
    proc_put(t, "cpu  0 0 0 0 0 0 0 0 0 0\n");
    for (unsigned i = 0; i < cpu_count(); i++)
        proc_put(t, "cpu%u 0 0 0 0 0 0 0 0 0 0\n", i);
    proc_put(t, "intr 0\nctxt 0\nbtime 0\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n");
}

static void uptime(struct proc_text *t)
{
    uint64_t s = clock_ns(CLOCK_MONOTONIC) / 1000000000u;
    proc_put(t, "%lu.00 %lu.00\n", s, s);
}

static void loadavg(struct proc_text *t)
{
    proc_put(t, "0.00 0.00 0.00 1/1 %d\n", process_pid());
}

static void version(struct proc_text *t)
{
    proc_put(t, "Linux version 6.1.0-cloister (cloister) #1 SMP\n");
}

static void filesystems(struct proc_text *t)
{
    proc_put(t, "nodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\n\terofs\n");
}

static void uuid(struct proc_text *t)
{
    uint8_t b[16];
    krandom(b, sizeof b);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    for (unsigned i = 0; i < sizeof b; i++)
        proc_put(t, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
    proc_put(t, "\n");
}

#define CONSTANT(name, value)                        \
    static void name(struct proc_text *t)            \
    {                                                \
        proc_put_bytes(t, value, sizeof(value) - 1); \
    }
CONSTANT(osrelease, "6.1.0-cloister\n")
CONSTANT(ostype, "Linux\n")
CONSTANT(hostname, "cloister\n")
CONSTANT(pid_max, "32768\n")
CONSTANT(cap_last_cap, "40\n")
CONSTANT(threads_max, "255\n")
CONSTANT(entropy, "256\n")
CONSTANT(overcommit, "0\n")
CONSTANT(max_map_count, "65530\n")
CONSTANT(somaxconn, "4096\n")
CONSTANT(file_max, "65536\n")
CONSTANT(nr_open, "65536\n")
CONSTANT(pipe_max, "65536\n")
CONSTANT(randomize, "2\n")
CONSTANT(port_range, "32768\t60999\n")
CONSTANT(empty, "")

// Parents may stand anywhere; the order is that of readdir.
const struct proc_entry proc_entries[] = {
    {"@", NULL, NULL},
    {"self", NULL, self_link},
    {"thread-self", NULL, thread_self_link},
    {"mounts", NULL, mounts_link},
    {"cpuinfo", cpuinfo, NULL},
    {"meminfo", meminfo, NULL},
    {"stat", system_stat, NULL},
    {"uptime", uptime, NULL},
    {"loadavg", loadavg, NULL},
    {"version", version, NULL},
    {"filesystems", filesystems, NULL},
    {"cmdline", empty, NULL},
    {"swaps", empty, NULL},
    {"@/exe", NULL, exe_link},
    {"@/cwd", NULL, cwd_link},
    {"@/root", NULL, root_link},
    {"@/fd", NULL, NULL},
    {"@/cmdline", cmdline, NULL},
    {"@/comm", comm, NULL},
    {"@/environ", environ, NULL},
    {"@/auxv", auxv, NULL},
    {"@/maps", maps, NULL},
    {"@/smaps", maps, NULL},
    {"@/stat", stat, NULL},
    {"@/statm", statm, NULL},
    {"@/status", status, NULL},
    {"@/limits", limits, NULL},
    {"@/mounts", mounts, NULL},
    {"@/mountinfo", mountinfo, NULL},
    {"@/cgroup", cgroup, NULL},
    {"@/oom_score_adj", number_zero, NULL},
    {"@/oom_score", number_zero, NULL},
    {"@/coredump_filter", number_zero, NULL},
    {"@/task", NULL, NULL},
    {"@/task/@", NULL, NULL},
    {"@/task/@/comm", comm, NULL},
    {"@/task/@/stat", stat, NULL},
    {"@/task/@/status", status, NULL},
    {"@/task/@/maps", maps, NULL},
    {"sys", NULL, NULL},
    {"sys/kernel", NULL, NULL},
    {"sys/kernel/osrelease", osrelease, NULL},
    {"sys/kernel/ostype", ostype, NULL},
    {"sys/kernel/hostname", hostname, NULL},
    {"sys/kernel/pid_max", pid_max, NULL},
    {"sys/kernel/threads-max", threads_max, NULL},
    {"sys/kernel/cap_last_cap", cap_last_cap, NULL},
    {"sys/kernel/randomize_va_space", randomize, NULL},
    {"sys/kernel/random", NULL, NULL},
    {"sys/kernel/random/uuid", uuid, NULL},
    {"sys/kernel/random/boot_id", uuid, NULL},
    {"sys/kernel/random/entropy_avail", entropy, NULL},
    {"sys/vm", NULL, NULL},
    {"sys/vm/overcommit_memory", overcommit, NULL},
    {"sys/vm/max_map_count", max_map_count, NULL},
    {"sys/fs", NULL, NULL},
    {"sys/fs/file-max", file_max, NULL},
    {"sys/fs/nr_open", nr_open, NULL},
    {"sys/fs/pipe-max-size", pipe_max, NULL},
    {"sys/net", NULL, NULL},
    {"sys/net/core", NULL, NULL},
    {"sys/net/core/somaxconn", somaxconn, NULL},
    {"sys/net/ipv4", NULL, NULL},
    {"sys/net/ipv4/ip_local_port_range", port_range, NULL},
};
const size_t proc_entry_count = ARRAY_COUNT(proc_entries);
