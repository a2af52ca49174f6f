// SPDX-License-Identifier: Apache-2.0
#include "host/hostile.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "host/shapes.h"

#define AREA_WORDS  (sizeof(struct hostcall_area) / 8)
#define HEAD_WORDS  (offsetof(struct hostcall_area, boot) / 8)
#define KEPT        16
#define LATE_FLIPS  4096
#define ERRNO_LIMIT 4096

struct host_hostile {
    pthread_mutex_t lock; // guards state and kept
    uint64_t state;
    uint32_t rate;
    uint32_t kept_next;
    uint64_t kept[KEPT][HEAD_WORDS]; // the heads of earlier answers
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

void host_hostile_answer(struct host_hostile *h, uint64_t number, struct hostcall_area *area)
{
    if (number == 0 || number > HOSTCALL_COUNT)
        return;
    pthread_mutex_lock(&h->lock);
    uint64_t r = next(&h->state);
    uint64_t honest[HEAD_WORDS];
    memcpy(honest, area, sizeof(honest));
    if (r % h->rate == 0) {
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

struct result host_hostile_new(uint64_t seed, uint32_t rate, bool late, struct host_hostile **ret)
{
    REQUIRE(rate != 0, ERR_RANGE, "the rate of lies must not be 0");
    struct host_hostile *h = calloc(1, sizeof(*h));
    REQUIRE(h, ERR_MEMORY, "out of memory");
    h->state = seed;
    h->rate = rate;
    h->late = late;
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
