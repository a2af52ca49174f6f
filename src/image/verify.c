// SPDX-License-Identifier: Apache-2.0
#include "image/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "crypto/sha256.h"
#include "image/description.h"
#include "image/enclave_build.h"
#include "image/erofs.h"
#include "image/hash_tree.h"
#include "image/sign.h"

static void damage(struct verify_report *r, const char *part, const char *why, uint64_t offset)
{
    if (r->count++ >= VERIFY_DAMAGES_MAX)
        return;
    struct verify_damage *d = &r->damage[r->count - 1];
    d->part = part;
    d->why = why;
    d->block = offset / IMAGE_BLOCK_SIZE;
    d->path[0] = 0;
}

static void expect(struct verify_report *r, bool good, const char *part, const char *why,
                   uint64_t offset)
{
    if (!good)
        damage(r, part, why, offset);
}

// Bytes [from, to) of the file are zero.
static void expect_zero(struct verify_report *r, const struct image *i, const char *part,
                        uint64_t from, uint64_t to)
{
    expect(r, is_zero(i->file.data + from, to - from), part, "padding is not zero", from);
}

// The damaged blocks of data: those whose hash is not the one that the tree has.
static void find_damaged_data(const struct image *i, const uint8_t *computed,
                              struct verify_report *r)
{
    const struct verity_geometry *g = &i->layout.geometry;
    const uint64_t hashes = g->first[1] * VERITY_BLOCK_SIZE;
    for (uint64_t block = 0; block < g->data_blocks; block++) {
        uint64_t at = hashes + block * VERITY_HASH_SIZE;
        if (memcmp(computed + at, i->tree.data + at, VERITY_HASH_SIZE) == 0)
            continue;
        damage(r, "file system", "block does not match the hash tree", block * VERITY_BLOCK_SIZE);
        struct erofs fs;
        if (r->count <= VERIFY_DAMAGES_MAX && is_ok(erofs_open(i->filesystem, &fs)) &&
            !erofs_block_owner(&fs, block, r->damage[r->count - 1].path))
            r->damage[r->count - 1].path[0] = 0;
    }
}

static struct result verify_filesystem(const struct image *i, struct verify_report *r)
{
    const struct image_layout *l = &i->layout;
    uint8_t root[VERITY_HASH_SIZE], superblock[VERITY_BLOCK_SIZE];
    struct fingerprint known;
    image_fspf(i, &known);
    uint8_t *computed = malloc(i->tree.size);
    REQUIRE(computed, ERR_MEMORY, "out of memory");
    hash_tree_build(&l->geometry, i->filesystem.data, computed, root);
    uint32_t before = r->count;
    bool data_good = memcmp(root, known.fspf_tag, sizeof root) == 0;
    if (!data_good)
        find_damaged_data(i, computed, r);
    if (!data_good && r->count == before)
        damage(r, "parameters", "FSPF_TAG is not the hash tree's root", l->params);
    for (uint64_t at = 0; data_good && at < i->tree.size; at += VERITY_BLOCK_SIZE)
        expect(r, memcmp(computed + at, i->tree.data + at, VERITY_BLOCK_SIZE) == 0, "hash tree",
               "block does not follow from the data", l->tree + at);
    free(computed);
    verity_superblock(&l->geometry, known.fspf_tag, superblock);
    expect(r, memcmp(superblock, i->file.data + l->hash_offset, sizeof superblock) == 0,
           "verity superblock", "bytes do not follow from FSPF_TAG and the number of blocks",
           l->hash_offset);
    uint64_t blocks;
    expect(r, is_ok(erofs_block_count(i->filesystem, &blocks)) && blocks == i->trailer.data_blocks,
           "file system", "the EROFS superblock claims another number of blocks", 0);
    return RESULT_OK;
}

static void verify_programs(const struct image *i, struct verify_report *r)
{
    const struct image_layout *l = &i->layout;
    uint8_t hash[32];
    sha256(i->kernel, hash);
    expect(r, memcmp(hash, i->trailer.kernel_hash, sizeof hash) == 0, "kernel",
           "kernel does not match its hash in the trailer", l->kernel);
    expect_zero(r, i, "kernel", l->kernel + i->kernel.size, l->init);
    memset(hash, 0, sizeof hash);
    if (i->init.size)
        sha256(i->init, hash);
    expect(r, memcmp(hash, i->params->init_hash, sizeof hash) == 0, "init",
           "init program does not match its hash in the parameters", l->init);
    expect_zero(r, i, "init", l->init + i->init.size, l->params);
}

static void verify_enclave(const struct image *i, struct verify_report *r)
{
    const struct image_layout *l = &i->layout;
    const struct enclave_params *p = i->params;
    uint8_t mrenclave[SGX_HASH_SIZE];
    struct result result = enclave_check_params(p);
    if (!is_ok(result)) {
        damage(r, "parameters", result.why, l->params);
        return;
    }
    bool provided = p->flags & PARAMS_TAG_PROVIDED; // then these are zero, as was checked
    expect(r,
           (provided ||
            (p->data_blocks == i->trailer.data_blocks && p->hash_offset == l->hash_offset &&
             is_zero(i->trailer.fspf_key, sizeof i->trailer.fspf_key))) &&
               p->init_size == i->trailer.init_size,
           "parameters", "parameters and trailer disagree", l->params);
    result = enclave_measure(i->kernel, p, mrenclave);
    if (!is_ok(result))
        damage(r, "kernel", result.why, l->kernel);
    if (is_ok(result)) {
        result = sign_check(i->sigstruct, mrenclave, i->trailer.kernel_hash);
        expect(r, is_ok(result), "SIGSTRUCT", result.why, l->sigstruct);
    }
    expect_zero(r, i, "SIGSTRUCT", l->sigstruct + sizeof(struct sgx_sigstruct), l->trailer);
}

struct result verify_image(const struct image *i, struct verify_report *ret)
{
    // Advice alone: what it cannot do costs time.
    (void)madvise((void *)i->file.data, i->file.size, MADV_WILLNEED);
    ret->count = 0;
    GUARD(verify_filesystem(i, ret));
    if (i->kernel.size) {
        verify_programs(i, ret);
        verify_enclave(i, ret);
    }
    if (ret->count || !i->kernel.size)
        return RESULT_OK;
    struct description d;
    struct result result = description_read(i, &d);
    if (is_ok(result))
        description_done(&d);
    else
        damage(ret, "file system", result.why, 0);
    return RESULT_OK;
}
