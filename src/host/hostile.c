// SPDX-License-Identifier: Apache-2.0
#include "host/hostile.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/enclave.h"
#include "base/hex.h"

#include "host/shapes.h"

#define AREA_WORDS  (sizeof(struct hostcall_area) / 8)
#define HEAD_WORDS  (offsetof(struct hostcall_area, boot) / 8)
#define KEPT        16
#define LATE_FLIPS  4096
#define ERRNO_LIMIT 4096
#define CANARY_SIZE 32u
#define FATAL_RATE  16 // one in so many of the lies that always end the enclave: the rest go deeper
#define START_SEEDS 8  // one seed in so many lies from the first call on: few starts survive that
#define START_CALLS 40
#define IMAGE       0 // index into lies

struct host_hostile {
    pthread_mutex_t lock; // guards everything up to `late`
    uint64_t state;
    uint32_t rate;
    uint32_t honest_calls; // that are left
    uint32_t kept_next;
    uint64_t kept[KEPT][HEAD_WORDS]; // the heads of earlier answers
    uint64_t lies[HOSTCALL_COUNT + 1], leaks[HOSTCALL_COUNT + 1];
    uint8_t canary[CANARY_SIZE]; // inverted, so that a search does not find this one
    bool has_canary;
    const struct hostcall_area *area[THREADS_MAX]; // that were seen
    size_t area_count;
    uint8_t *image;
    size_t image_size;
    uint8_t *changed; // a byte of the image, changed until the next answer
    uint8_t change;
    bool late;
    pthread_t flipper;
    atomic_bool stop;
    _Atomic(struct hostcall_area *) target; // the flipper's prey
    atomic_uint flips_left;
};

// splitmix64 (Steele, Lea, Flood 2014).
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void *flipper_main(void *context)
{
    struct host_hostile *h = context;
    uint64_t state = 1;
    while (!atomic_load(&h->stop)) {
        struct hostcall_area *area = atomic_load(&h->target);
        if (!area || atomic_load(&h->flips_left) == 0) {
            sched_yield();
            continue;
        }
        atomic_fetch_sub(&h->flips_left, 1);
        uint64_t r = next(&state);
        // Mostly the words that the kernel decides by: arguments and result.
        size_t at = r & 3 ? 1 + (r >> 8) % (HEAD_WORDS - 1) : (r >> 8) % AREA_WORDS;
        ((volatile uint64_t *)area)[at] ^= 1ull << ((r >> 32) % 64);
    }
    return NULL;
}

static int64_t hostile_result(uint64_t *state, const struct hostcall_shape *shape)
{
    uint64_t r = next(state);
    switch (next(state) % 8) {
    case 0:
        return (int64_t)r;
    case 1:
        return INT64_MIN;
    case 2:
        return -(int64_t)(r % ERRNO_LIMIT);
    case 3:
        return shape->error_count ? -(int64_t)shape->errors[r % shape->error_count] : -1;
    case 4:
        return (int64_t)shape->result_max + (int64_t)(r % 3) - 1;
    case 5:
        return (int64_t)(r % ((uint64_t)shape->result_max + 1));
    case 6:
        return (int64_t)(1ull << (r % 63));
    default:
        return 0;
    }
}

static void spoil(uint64_t *state, const struct hostcall_shape *shape, struct hostcall_area *area)
{
    uint64_t r = next(state);
    switch (next(state) % 6) {
    case 0:
        area->ret = hostile_result(state, shape);
        break;
    case 1: // a size or offset in an argument word
        area->arg[r % HOSTCALL_ARGS_MAX] = next(state) >> (r >> 8) % 64;
        break;
    case 2:
        area->ret = hostile_result(state, shape);
        area->arg[r % HOSTCALL_ARGS_MAX] = next(state);
        break;
    case 3: // every word of the head
        for (size_t i = 0; i < HEAD_WORDS; i++)
            ((uint64_t *)area)[i] = next(state);
        break;
    case 4: { // random data where the answer is
        size_t start = r & 1 ? 0 : (r >> 16) % (HOSTCALL_DATA_SIZE / 8);
        size_t count = 1 + (r >> 40) % 512;
        for (size_t i = start; i < start + count && i < HOSTCALL_DATA_SIZE / 8; i++) {
            uint64_t word = next(state);
            memcpy(area->data + 8 * i, &word, 8);
        }
        break;
    }
    default:
        break; // as it is: honest, but the flipper may have it
    }
}

// Half of the canary is a leak as well: it may lie across two buffers.
static bool holds_canary(const struct host_hostile *h, const uint8_t *p, size_t size)
{
    const size_t half = CANARY_SIZE / 2;
    for (size_t i = 0; i + half <= size; i++)
        for (size_t part = 0; part < CANARY_SIZE; part += half) {
            size_t n = 0;
            while (n < half && (p[i + n] ^ h->canary[part + n]) == 0xff)
                n++;
            if (n == half)
                return true;
        }
    return false;
}

// What the enclave gave with this call.
static void look_for_canary(struct host_hostile *h, uint64_t number,
                            const struct hostcall_area *area)
{
    const struct hostcall_shape *shape = &hostcall_shapes[number];
    for (uint8_t i = 0; i < shape->arg_count; i++) {
        uint64_t offset = area->arg[i] >> 32, size = area->arg[i] & 0xffffffffu;
        if (shape->args[i].kind == SHAPE_IN && offset <= HOSTCALL_DATA_SIZE &&
            size <= HOSTCALL_DATA_SIZE - offset && holds_canary(h, area->data + offset, size))
            h->leaks[number]++;
    }
}

static void change_image(struct host_hostile *h)
{
    if (h->changed)
        *h->changed ^= h->change;
    h->changed = NULL;
    if (h->image_size == 0 || next(&h->state) % h->rate != 0 || next(&h->state) % FATAL_RATE != 0)
        return;
    uint64_t r = next(&h->state);
    h->changed = h->image + (r >> 8) % h->image_size;
    h->change = (uint8_t)(1u << r % 8);
    *h->changed ^= h->change;
    h->lies[IMAGE]++;
}

static void remember_area(struct host_hostile *h, const struct hostcall_area *area)
{
    for (size_t i = 0; i < h->area_count; i++)
        if (h->area[i] == area)
            return;
    if (h->area_count < THREADS_MAX)
        h->area[h->area_count++] = area;
}

static bool is_fatal(uint64_t number)
{
    return number == HOSTCALL_EPC_RESTRICT || number == HOSTCALL_EPC_TRIM ||
           number == HOSTCALL_EPC_REMOVE;
}

void host_hostile_answer(struct host_hostile *h, uint64_t number, struct hostcall_area *area)
{
    if (number == 0 || number > HOSTCALL_COUNT)
        return;
    pthread_mutex_lock(&h->lock);
    if (h->honest_calls > 0 && h->honest_calls--) {
        pthread_mutex_unlock(&h->lock);
        return;
    }
    remember_area(h, area);
    if (h->has_canary)
        look_for_canary(h, number, area);
    change_image(h);
    uint64_t r = next(&h->state);
    uint64_t honest[HEAD_WORDS];
    memcpy(honest, area, sizeof(honest));
    if (r % h->rate == 0 && (!is_fatal(number) || next(&h->state) % FATAL_RATE == 0)) {
        h->lies[number]++;
        if ((r >> 32) % 8 == 0)
            memcpy(area, h->kept[(r >> 40) % KEPT], sizeof(honest));
        else
            spoil(&h->state, &hostcall_shapes[number], area);
        if (h->late && (r >> 48) % 4 == 0) {
            atomic_store(&h->target, area);
            atomic_store(&h->flips_left, LATE_FLIPS);
        }
    }
    memcpy(h->kept[h->kept_next++ % KEPT], honest, sizeof(honest));
    pthread_mutex_unlock(&h->lock);
}

void host_hostile_image(struct host_hostile *h, const void *image, size_t size)
{
    // A private mapping: the file stays as it is.
    if (mprotect((void *)(uintptr_t)image, size, PROT_READ | PROT_WRITE) != 0)
        return;
    h->image = (uint8_t *)(uintptr_t)image;
    h->image_size = size;
}

static void report(struct host_hostile *h, FILE *out)
{
    pthread_mutex_lock(&h->lock);
    fprintf(out, "hostile: lies: image=%lu", (unsigned long)h->lies[IMAGE]);
    for (uint32_t n = 1; n <= HOSTCALL_COUNT; n++)
        fprintf(out, " %s=%lu", hostcall_shapes[n].name, (unsigned long)h->lies[n]);
    fputc('\n', out);
    for (uint32_t n = 1; n <= HOSTCALL_COUNT; n++)
        if (h->leaks[n])
            fprintf(out, "hostile: LEAK: the canary came out by %s\n", hostcall_shapes[n].name);
    // All of each area, beyond what the calls said that they gave. The emulator's own memory is not looked
    // at: it holds the registers of what it runs.
    for (size_t i = 0; i < h->area_count; i++)
        if (h->has_canary && holds_canary(h, (const uint8_t *)h->area[i], sizeof(*h->area[i])))
            fputs("hostile: LEAK: the canary is in a thread's area\n", out);
    pthread_mutex_unlock(&h->lock);
}

void host_hostile_report(struct host_hostile *h, FILE *out)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return;
    report(h, f);
    if (fclose(f) == 0)
        fwrite(text, 1, size, out); // at once: the enclave still writes messages
    free(text);
}

static void take_canary(struct host_hostile *h)
{
    const char *text = getenv("CLOISTER_HOSTILE_CANARY");
    uint8_t canary[CANARY_SIZE];
    if (!text || !is_ok(hex_decode(SPAN(text, strlen(text)), canary, sizeof(canary))))
        return;
    for (size_t i = 0; i < CANARY_SIZE; i++)
        h->canary[i] = (uint8_t)~canary[i];
    explicit_bzero(canary, sizeof(canary));
    h->has_canary = true;
}

struct result host_hostile_new(uint64_t seed, uint32_t rate, bool late, struct host_hostile **ret)
{
    REQUIRE(rate != 0, ERR_RANGE, "the rate of lies must not be 0");
    struct host_hostile *h = calloc(1, sizeof(*h));
    REQUIRE(h, ERR_MEMORY, "out of memory");
    h->state = seed;
    h->rate = rate;
    h->honest_calls = seed % START_SEEDS ? START_CALLS : 0;
    h->late = late;
    take_canary(h);
    pthread_mutex_init(&h->lock, NULL);
    if (late && pthread_create(&h->flipper, NULL, flipper_main, h) != 0) {
        free(h);
        return fail(ERR_MEMORY, "cannot start a thread");
    }
    *ret = h;
    return RESULT_OK;
}

void host_hostile_free(struct host_hostile *h)
{
    if (!h)
        return;
    atomic_store(&h->stop, true);
    if (h->late)
        pthread_join(h->flipper, NULL);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
