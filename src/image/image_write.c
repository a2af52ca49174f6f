// SPDX-License-Identifier: Apache-2.0
// The full form is made in a mapped temporary file; the split form is cut out of it.
#include "image/image_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/sha256.h"
#include "image/enclave_build.h"
#include "image/erofs.h"
#include "image/erofs_write.h"
#include "image/hash_tree.h"
#include "image/sign.h"
#include "image/verify.h"
#include "os/file.h"

// --- what is stored ----------------------------------------------------------------------------------------

static struct result mark(void *context, struct tree_node *node)
{
    (void)context;
    node->inode->stored = true;
    return RESULT_OK;
}

struct result image_mark_stored(struct tree *t)
{
    static const char *const paths[] = {
        IMAGE_DIRECTORY, "/dev",       "/proc",         "/sys",
        "/run",          "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        struct tree_node *n = tree_find(t, paths[i], true);
        if (!n)
            continue;
        n->inode->stored = true;
        GUARD(tree_walk(n, mark, NULL));
    }
    return RESULT_OK;
}

// --- a file that appears at once -----------------------------------------------------------------------------

struct new_file {
    int fd;
    char path[PATH_MAX];
};

static struct result new_file_open(const char *path, struct image_note *note, struct new_file *ret)
{
    if (snprintf(ret->path, sizeof ret->path, "%s.XXXXXX", path) >= (int)sizeof ret->path)
        return image_fail(note, ERR_RANGE, "path is too long", "%s", path);
    ret->fd = mkostemp(ret->path, O_CLOEXEC);
    if (ret->fd < 0)
        return image_fail_errno(note, path, "cannot create the image");
    return RESULT_OK;
}

// Gives the file its name, or removes it when `result` is a failure.
static struct result new_file_close(struct new_file *f, const char *path, struct image_note *note,
                                    struct result result)
{
    mode_t mask = umask(0);
    umask(mask);
    if (is_ok(result) &&
        (fchmod(f->fd, 0666 & ~mask) != 0 || fsync(f->fd) != 0 || rename(f->path, path) != 0))
        result = image_fail_errno(note, path, "cannot write the image");
    if (!is_ok(result))
        unlink(f->path);
    close(f->fd);
    return result;
}

static struct result map_new(const struct new_file *f, uint64_t size, struct image_note *note,
                             uint8_t **ret)
{
    void *map = MAP_FAILED;
    if (ftruncate(f->fd, (off_t)size) == 0)
        map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    if (map == MAP_FAILED)
        return image_fail_errno(note, f->path, "cannot write the image");
    *ret = map;
    return RESULT_OK;
}

// --- the parts -----------------------------------------------------------------------------------------------

struct making {
    const struct image_input *in;
    struct image_note *note;
    struct erofs_plan plan;
    struct image_trailer trailer;
    struct image_layout layout; // of the full form
    struct enclave_params *params;
    uint8_t *map;
};

static struct result plan(struct making *m)
{
    const struct image_input *in = m->in;
    struct image_trailer *t = &m->trailer;
    if (in->tree) {
        GUARD(image_mark_stored(in->tree));
        GUARD(erofs_plan(in->tree, &m->plan));
    } else {
        m->plan.blocks = in->filesystem->trailer.data_blocks;
        m->plan.stored_blocks = in->filesystem->trailer.stored_blocks;
        REQUIRE(!in->split || m->plan.stored_blocks, ERR_INVALID,
                "a full image does not say which files a split one leaves out");
    }
    *t = (struct image_trailer){
        .data_blocks = m->plan.blocks,
        .kernel_size = in->kernel.size,
        .init_size = in->kernel.size ? in->init.size : 0,
    };
    struct verity_geometry g;
    GUARD(verity_geometry_init(t->data_blocks, &g));
    t->tree_blocks = g.tree_blocks;
    return image_layout(t, &m->layout);
}

static struct result write_filesystem(struct making *m)
{
    const struct image_layout *l = &m->layout;
    const struct image *from = m->in->filesystem;
    if (from)
        memcpy(m->map, from->filesystem.data, from->filesystem.size);
    else
        GUARD(erofs_write(m->in->tree, &m->plan, m->note, m->map));
    hash_tree_build(&l->geometry, m->map, m->map + l->tree, m->params->fspf_tag);
    REQUIRE(!from || memcmp(m->map + l->tree, from->tree.data, from->tree.size) == 0, ERR_INTEGRITY,
            "a file is not the one that the image names");
    verity_superblock(&l->geometry, m->params->fspf_tag, m->map + l->hash_offset);
    return RESULT_OK;
}

static struct result write_enclave(struct making *m, struct image_output *out)
{
    const struct image_input *in = m->in;
    const struct image_layout *l = &m->layout;
    struct enclave_params *p = m->params;
    struct image_trailer *t = &m->trailer;
    p->data_blocks = t->data_blocks;
    p->hash_offset = l->hash_offset;
    p->init_size = in->init.size;
    if (in->init.size)
        sha256(in->init, p->init_hash);
    if (p->flags & PARAMS_TAG_PROVIDED) {
        memcpy(t->fspf_key, p->fspf_key, sizeof t->fspf_key);
        memset(p->fspf_key, 0, sizeof p->fspf_key);
        memset(p->fspf_tag, 0, sizeof p->fspf_tag);
        p->data_blocks = p->hash_offset = 0;
    }
    memcpy(m->map + l->kernel, in->kernel.data, in->kernel.size);
    if (in->init.size)
        memcpy(m->map + l->init, in->init.data, in->init.size);
    memcpy(m->map + l->params, p, sizeof *p);

    struct sign_input sign = {.isvprodid = in->isvprodid, .isvsvn = in->isvsvn, .debug = in->debug};
    sha256(in->kernel, t->kernel_hash);
    memcpy(sign.kernel_hash, t->kernel_hash, sizeof sign.kernel_hash);
    GUARD(enclave_check_params(p));
    GUARD(enclave_measure(in->kernel, p, sign.mrenclave));
    memcpy(out->mrenclave, sign.mrenclave, sizeof out->mrenclave);
    struct sgx_sigstruct sigstruct;
    GUARD(sign_image(&sign, in->key, m->note, &sigstruct));
    memcpy(m->map + l->sigstruct, &sigstruct, sizeof sigstruct);
    return RESULT_OK;
}

// Reads the whole back with the code that opens images.
static struct result check(const struct making *m, struct image_output *out)
{
    struct image image;
    uint64_t blocks;
    GUARD(image_parse(SPAN(m->map, m->layout.size), &image));
    GUARD(erofs_block_count(image.filesystem, &blocks));
    REQUIRE(blocks == m->trailer.data_blocks, ERR_INVALID,
            "file system has another number of blocks than it says");
    return image.params ? image_fingerprint(&image, out->fingerprint) : RESULT_OK;
}

static struct result make_full(struct making *m, struct image_output *out)
{
    GUARD(write_filesystem(m));
    memcpy(out->fspf_tag, m->params->fspf_tag, sizeof out->fspf_tag);
    if (m->in->kernel.size)
        GUARD(write_enclave(m, out));
    else
        memcpy(m->trailer.fspf_key, m->params->fspf_key, sizeof m->trailer.fspf_key);
    image_trailer_write(&m->trailer, m->map + m->layout.trailer);
    return check(m, out);
}

// The first stored_blocks blocks, and all that follows the file system.
static struct result write_split(struct making *m, const char *path)
{
    const struct image_layout *l = &m->layout;
    struct new_file f;
    m->trailer.stored_blocks = m->plan.stored_blocks;
    image_trailer_write(&m->trailer, m->map + l->trailer);
    GUARD(new_file_open(path, m->note, &f));
    struct result result =
        file_write_all(f.fd, SPAN(m->map, m->plan.stored_blocks * IMAGE_BLOCK_SIZE));
    if (is_ok(result))
        result = file_write_all(f.fd, SPAN(m->map + l->hash_offset, l->size - l->hash_offset));
    if (!is_ok(result))
        result = image_fail(m->note, result.code, result.why, "%s", path);
    return new_file_close(&f, path, m->note, result);
}

static struct result make(struct making *m, const char *path, struct image_output *out)
{
    struct new_file f;
    GUARD(plan(m));
    const bool split = m->in->split && m->plan.stored_blocks < m->plan.blocks;
    GUARD(new_file_open(path, m->note, &f));
    struct result result = map_new(&f, m->layout.size, m->note, &m->map);
    if (is_ok(result)) {
        result = make_full(m, out);
        if (is_ok(result) && split)
            result = write_split(m, path);
        munmap(m->map, m->layout.size);
    }
    if (split) {
        unlink(f.path);
        close(f.fd);
    } else {
        result = new_file_close(&f, path, m->note, result);
    }
    out->data_blocks = m->trailer.data_blocks;
    out->stored_blocks = m->trailer.stored_blocks;
    out->hash_offset = m->layout.hash_offset;
    out->size =
        m->layout.size - (split ? (m->plan.blocks - m->plan.stored_blocks) * IMAGE_BLOCK_SIZE : 0);
    return result;
}

struct result image_write(const struct image_input *in, const char *path, struct image_note *note,
                          struct image_output *ret)
{
    struct image_output out = {.size = 0};
    struct making m = {.in = in, .note = note, .params = calloc(1, sizeof *m.params)};
    REQUIRE(m.params, ERR_MEMORY, "out of memory");
    struct result result = RESULT_OK;
    if (in->params)
        *m.params = *in->params;
    else if (in->kernel.size)
        result = fail(ERR_INVALID, "an enclave needs parameters");
    if (is_ok(result))
        result = make(&m, path, &out);
    free(m.params);
    if (is_ok(result) && ret)
        *ret = out;
    return result;
}

// --- from split to full --------------------------------------------------------------------------------------

static struct result verify_new(const char *path, struct image_note *note)
{
    struct image full;
    GUARD(image_open_split(path, NULL, note, &full));
    struct verify_report *report = calloc(1, sizeof *report);
    struct result result = report ? verify_image(&full, report) : fail(ERR_MEMORY, "out of memory");
    if (is_ok(result) && report->count) {
        const struct verify_damage *d = &report->damage[0];
        result = image_fail(note, ERR_INTEGRITY, "a file is not the one that the image names",
                            "%s, %s (block %llu)", d->path[0] ? d->path : d->part, d->why,
                            (unsigned long long)d->block);
    }
    free(report);
    image_close(&full);
    return result;
}

struct result image_assemble(const char *split, const char *root, const char *output,
                             struct image_note *note)
{
    struct image image;
    struct new_file f;
    GUARD(image_open_split(split, root, note, &image));
    struct result result = new_file_open(output, note, &f);
    if (!is_ok(result)) {
        image_close(&image);
        return result;
    }
    struct image_trailer trailer = image.trailer;
    uint8_t block[IMAGE_TRAILER_SIZE];
    trailer.stored_blocks = 0;
    image_trailer_write(&trailer, block);
    result = file_write_all(f.fd, SPAN(image.file.data, image.layout.trailer));
    if (is_ok(result))
        result = file_write_all(f.fd, SPAN(block, sizeof block));
    image_close(&image);
    if (is_ok(result))
        result = verify_new(f.path, note);
    return new_file_close(&f, output, note, result);
}
