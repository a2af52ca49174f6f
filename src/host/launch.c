// SPDX-License-Identifier: Apache-2.0
#include "host/launch.h"

#include <cpuid.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "abi/device.h"
#include "host/hostile.h"
#include "host/runtime.h"
#include "image/enclave_build.h"
#include "image/kernel_elf.h"
#include "shield/configid.h"

#define SITES_MAX 64u

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// Ends a phase that began when the one before ended, or at *since.
static void end_phase(struct host *host, enum host_phase phase, uint64_t *since)
{
    uint64_t now = now_ns();
    host->phase_ns[phase] = now - *since;
    *since = now;
}

static struct result sink_add(void *context, uint64_t offset, const void *pages, size_t size,
                              uint64_t secinfo_flags, bool measure)
{
    const struct host *host = context;
    return host->platform->add(host->enclave, offset, pages, size, secinfo_flags, measure);
}

static struct result tell_sites(struct host *host)
{
    uint64_t sites[SITES_MAX];
    size_t count;
    GUARD(kernel_elf_enclu_sites(host->image.kernel, sites, SITES_MAX, &count));
    REQUIRE(count <= SITES_MAX, ERR_RANGE, "kernel has too many ENCLU instructions");
    for (size_t i = 0; i < count; i++)
        sites[i] -= ENCLAVE_BASE;
    return host->platform->enclu_sites(host->enclave, sites, count);
}

// Which file system and task, where the enclave does not measure it; `ret` is zeroes otherwise.
static void choose_file_system(const struct image *image, const struct host_options *options,
                               struct device_fspf *ret)
{
    struct fingerprint own;
    memset(ret, 0, sizeof *ret);
    if (!(image->params->flags & PARAMS_TAG_PROVIDED))
        return;
    image_fspf(image, &own);
    memcpy(ret->key, options->fspf_key ? options->fspf_key : own.fspf_key, sizeof ret->key);
    memcpy(ret->tag, options->fspf_tag ? options->fspf_tag : own.fspf_tag, sizeof ret->tag);
    if (options->task)
        memcpy(ret->task, options->task, sizeof ret->task);
}

static struct result build(struct host *host, const struct device_fspf *fspf, uint64_t *since)
{
    const struct image *image = &host->image;
    const struct enclave_sink sink = {sink_add, host};
    bool debug = image->sigstruct->attributes.flags & SGX_FLAGS_DEBUG;
    struct sgx_secs secs;
    GUARD(enclave_check_params(image->params));
    enclave_secs(debug, &secs);
    if (image->params->flags & PARAMS_TAG_PROVIDED)
        configid_make(fspf->key, fspf->tag, fspf->task, secs.configid);
    if (host->configid)
        memcpy(secs.configid, host->configid, sizeof secs.configid);
    GUARD(host->platform->create(&secs, &host->enclave));
    end_phase(host, PHASE_CREATE, since);
    GUARD(enclave_build(image->kernel, image->params, &sink));
    end_phase(host, PHASE_ADD, since);
    GUARD(tell_sites(host));
    GUARD(host->platform->init(host->enclave, image->sigstruct));
    end_phase(host, PHASE_INIT, since);
    return RESULT_OK;
}

// Hints only: an enclave that believes too much crashes.
static uint64_t cpu_features(void)
{
    unsigned a, b, c, d;
    uint64_t features = 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return 0;
    if (b & bit_SHA)
        features |= BOOT_CPU_SHANI;
    if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) && (c & bit_PCLMUL) && (c & bit_SSE4_1))
        features |= BOOT_CPU_AES;
    return features;
}

static struct result add_strings(struct boot_info *boot, char *const *strings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(strings[i]) + 1;
        REQUIRE(size <= BOOT_ARGS_SIZE - boot->string_size, ERR_RANGE,
                "arguments and hints are too long");
        memcpy(boot->strings + boot->string_size, strings[i], size);
        boot->string_size += (uint32_t)size;
    }
    return RESULT_OK;
}

static struct result make_boot(struct host *host, const struct device_fspf *fspf,
                               const struct host_options *options)
{
    size_t size = (sizeof(struct boot_info) + 4095) & ~(size_t)4095;
    struct boot_info *boot =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(boot != MAP_FAILED, ERR_MEMORY, "out of memory");
    host->boot = boot;
    boot->magic = BOOT_MAGIC;
    boot->image_address = (uintptr_t)host->image.file.data;
    boot->image_size = host->image.file.size;
    if (host->image.init.size != 0) {
        boot->init_address = (uintptr_t)host->image.init.data;
        boot->init_size = host->image.init.size;
    }
    if (host->image.params->flags & PARAMS_TAG_PROVIDED) {
        memcpy(boot->fspf_key, fspf->key, sizeof boot->fspf_key);
        memcpy(boot->fspf_tag, fspf->tag, sizeof boot->fspf_tag);
        memcpy(boot->task, fspf->task, sizeof boot->task);
        boot->data_blocks = host->image.trailer.data_blocks;
        boot->hash_offset = host->image.layout.hash_offset;
    }
    boot->cpu_features = cpu_features();
    boot->flags = options->boot_flags;
    boot->argument_count = (uint32_t)options->argument_count;
    boot->hint_count = (uint32_t)options->hint_count;
    GUARD(add_strings(boot, options->arguments, options->argument_count));
    return add_strings(boot, options->hints, options->hint_count);
}

// The signals that end the run. They come in during watch()'s ppoll alone. No signalfd: each signal of
// any thread, and an emulated enclave has many, wakes whoever polls one.
static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static volatile sig_atomic_t ended_by;

static void end_run(int sig)
{
    ended_by = sig;
}

static struct result make_events(struct host *host)
{
    const struct sigaction end = {.sa_handler = end_run};
    struct sigaction before;
    sigset_t ends;
    sigemptyset(&ends);
    for (size_t i = 0; i < ARRAY_COUNT(ending); i++) {
        sigaddset(&ends, ending[i]);
        if (sigaction(ending[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(ending[i], &end, NULL);
    }
    pthread_sigmask(SIG_BLOCK, &ends, NULL); // threads made later inherit it
    signal(SIGPIPE, SIG_IGN);
    host->done_fd = eventfd(0, EFD_CLOEXEC);
    host->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    REQUIRE(host->done_fd >= 0 && host->timer_fd >= 0, ERR_IO, "cannot make event descriptors");
    return RESULT_OK;
}

// The first thread's work from now on: signals, the timer, and the end.
static void watch(struct host *host, struct host_outcome *ret_outcome)
{
    struct pollfd fds[] = {{host->done_fd, POLLIN, 0}, {host->timer_fd, POLLIN, 0}};
    sigset_t during;
    pthread_sigmask(SIG_BLOCK, NULL, &during);
    for (size_t i = 0; i < ARRAY_COUNT(ending); i++)
        sigdelset(&during, ending[i]);
    for (;;) {
        int ready = ppoll(fds, ARRAY_COUNT(fds), NULL, &during);
        if (ended_by != 0) {
            *ret_outcome = (struct host_outcome){HOST_SIGNALLED, (uint64_t)ended_by};
            return;
        }
        if (ready < 0)
            continue;
        if (fds[0].revents) {
            pthread_mutex_lock(&host->lock);
            *ret_outcome = host->outcome;
            pthread_mutex_unlock(&host->lock);
            return;
        }
        uint64_t expirations;
        if (fds[1].revents &&
            read(host->timer_fd, &expirations, sizeof(expirations)) == sizeof(expirations))
            (void)host_thread_wake(host, 0, true);
    }
}

static struct result launch(struct host *host, const struct host_options *options)
{
    uint64_t since = now_ns();
    struct device_fspf fspf;
    GUARD(image_open_root(options->image_path, options->root, options->note, &host->image));
    end_phase(host, PHASE_OPEN, &since);
    REQUIRE(host->image.params, ERR_INVALID, "the image holds a file system alone, and no enclave");
    choose_file_system(&host->image, options, &fspf);
    GUARD(build(host, &fspf, &since));
    GUARD(make_boot(host, &fspf, options));
    GUARD(make_events(host));
    GUARD(host_threads_init(host, host->image.params->threads));
    if (options->hostile_seed != 0) {
        GUARD(host_hostile_new(options->hostile_seed, options->hostile_rate, true, &host->hostile));
        host_hostile_image(host->hostile, host->image.file.data, host->image.file.size);
    }
    REQUIRE(host_thread_start(host, 0) == 0, ERR_MEMORY, "cannot start a thread");
    end_phase(host, PHASE_START, &since);
    return RESULT_OK;
}

// Only before the first thread runs.
static void undo(struct host *host)
{
    host->platform->destroy(host->enclave);
    image_close(&host->image);
    if (host->boot)
        munmap(host->boot, sizeof(*host->boot));
    host_hostile_free(host->hostile);
    const int fds[] = {host->done_fd, host->timer_fd};
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(host);
}

struct result host_launch(const struct host_options *options, struct host **ret_host,
                          struct host_outcome *ret_outcome)
{
    struct host *host = calloc(1, sizeof(*host));
    REQUIRE(host, ERR_MEMORY, "out of memory");
    host->platform = options->platform;
    host->quoting = options->quoting;
    host->configid = options->configid;
    host->image.fd = host->done_fd = host->timer_fd = -1;
    pthread_mutex_init(&host->lock, NULL);
    pthread_mutex_init(&host->quoting_lock, NULL);
    struct result r = launch(host, options);
    if (!is_ok(r)) {
        undo(host);
        return r;
    }
    watch(host, ret_outcome);
    if (host->hostile)
        host_hostile_report(host->hostile, stderr);
    *ret_host = host;
    return RESULT_OK;
}
