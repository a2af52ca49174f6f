// SPDX-License-Identifier: Apache-2.0
#include "image/hash_tree.h"

#include <pthread.h>
#include <unistd.h>

#define THREADS_MAX     16
#define PART_BLOCKS_MIN 64 // of level 1: less work than this is not worth a thread

struct part {
    const struct verity_geometry *geometry;
    const uint8_t *data;
    uint8_t *tree;
    uint64_t first, count;
};

static void *build_part(void *argument)
{
    const struct part *p = argument;
    verity_build_level(p->geometry, 1, p->data, p->first, p->count, p->tree);
    return NULL;
}

void hash_tree_build(const struct verity_geometry *g, const uint8_t *data, uint8_t *tree,
                     uint8_t ret_root[VERITY_HASH_SIZE])
{
    struct part part[THREADS_MAX];
    pthread_t thread[THREADS_MAX];
    bool started[THREADS_MAX] = {false};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t blocks = g->count[1];
    uint64_t parts =
        MIN((uint64_t)MAX(cpus, 1L), MIN((uint64_t)THREADS_MAX, blocks / PART_BLOCKS_MIN + 1));
    for (uint64_t i = 0; i < parts; i++) {
        uint64_t first = blocks * i / parts, end = blocks * (i + 1) / parts;
        part[i] = (struct part){g, data, tree, first, end - first};
        started[i] = i > 0 && pthread_create(&thread[i], NULL, build_part, &part[i]) == 0;
    }
    for (uint64_t i = 0; i < parts; i++) {
        if (started[i])
            pthread_join(thread[i], NULL);
        else
            build_part(&part[i]);
    }
    verity_build_upper(g, tree, ret_root);
}
