// SPDX-License-Identifier: Apache-2.0
#include "image/build.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "crypto/sha256.h"
#include "image/assemble.h"
#include "image/enclave_build.h"
#include "image/erofs.h"
#include "image/hash_tree.h"
#include "image/kernel_elf.h"
#include "image/sign.h"
#include "image/tool.h"
#include "os/home.h"

// What is at hand before the image file is written.
struct parts {
    const struct build_options *options;
    struct manifest manifest;
    struct staging staging;
    uint8_t *kernel, *init;
    size_t kernel_size, init_size;
    struct enclave_params *params;
};

static struct result load_part(const char *given, const char *name, size_t max,
                               struct image_note *note, uint8_t **ret, size_t *ret_size)
{
    char path[PATH_MAX];
    if (given)
        return tool_read(note, given, max, ret, ret_size);
    struct result found = home_part(name, path);
    if (!is_ok(found))
        return image_fail(note, found.code, found.why, "lib/cloister/%s", name);
    return tool_read(note, path, max, ret, ret_size);
}

// The identity of the SMS, as canonical JSON (sorted keys, no white space).
static struct result load_policy(const char *path, struct image_note *note,
                                 struct enclave_params *params)
{
    uint8_t *text;
    size_t size;
    GUARD(tool_read(note, path, sizeof params->policy, &text, &size));
    json_error_t error;
    json_t *json = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, &error);
    free(text);
    if (!json_is_object(json)) {
        json_decref(json);
        return image_fail(note, ERR_INVALID, "SMS identity is not a JSON object", "%s: %s", path,
                          error.text);
    }
    size = json_dumpb(json, (char *)params->policy, sizeof params->policy,
                      JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(json);
    if (size == 0 || size > sizeof params->policy)
        return image_fail(note, ERR_RANGE, "SMS identity is too large", "%s", path);
    params->sms_policy_size = (uint32_t)size;
    params->flags |= PARAMS_SMS;
    return RESULT_OK;
}

static struct result load_parts(struct parts *p, struct image_note *note)
{
    const struct manifest *m = &p->manifest;
    struct enclave_params *params = p->params;
    GUARD(load_part(p->options->kernel, "kernel.elf", IMAGE_KERNEL_SIZE_MAX, note, &p->kernel,
                    &p->kernel_size));
    *params = (struct enclave_params){
        .magic = PARAMS_MAGIC,
        .version = ENCLAVE_VERSION,
        .flags =
            (m->host_arguments ? PARAMS_HOST_ARGUMENTS : 0) | (m->service ? PARAMS_SMS_ENCLAVE : 0),
        .heap_max = m->heap,
        .stack_size = m->stack,
        .threads = (uint32_t)m->threads,
    };
    char path[PATH_MAX];
    const char *sms = p->options->sms;
    if (!sms && m->sms) {
        GUARD(tool_path(note, p->options->directory, m->sms, path));
        sms = path;
    }
    if (!sms)
        return RESULT_OK;
    GUARD(load_policy(sms, note, params));
    GUARD(load_part(p->options->init, "init", IMAGE_INIT_SIZE_MAX, note, &p->init, &p->init_size));
    REQUIRE(p->init_size > 0, ERR_INVALID, "the init program is empty");
    params->init_size = p->init_size;
    sha256(SPAN(p->init, p->init_size), params->init_hash);
    return RESULT_OK;
}

// Everything that could make two runs differ is pinned: times, owners, UUID, attributes. File data
// is not packed into metadata, so that it is block-aligned.
static struct result make_erofs(const struct staging *s, const char *path, struct image_note *note)
{
    char *argv[] = {"mkfs.erofs", "-T0",        "-U00000000-0000-0000-0000-000000000000",
                    "--all-root", "-x-1",       "-Enoinline_data",
                    "--quiet",    (char *)path, (char *)s->root,
                    NULL};
    return tool_run(note, NULL, argv, NULL);
}

// Fills what follows the file system in the mapped file.
static struct result fill(const struct parts *p, const struct image_layout *l,
                          struct image_trailer *t, uint8_t *map, struct image_note *note)
{
    struct enclave_params *params = p->params;
    hash_tree_build(&l->geometry, map, map + l->tree, params->fspf_tag);
    verity_superblock(&l->geometry, params->fspf_tag, map + l->hash_offset);
    params->data_blocks = t->data_blocks;
    params->hash_offset = l->hash_offset;
    memcpy(map + l->kernel, p->kernel, p->kernel_size);
    if (p->init_size)
        memcpy(map + l->init, p->init, p->init_size);
    memcpy(map + l->params, params, sizeof *params);

    struct sign_input input = {
        .isvprodid = (uint16_t)p->manifest.isvprodid,
        .isvsvn = (uint16_t)p->manifest.isvsvn,
        .debug = p->manifest.debug,
    };
    struct span kernel = SPAN(p->kernel, p->kernel_size);
    sha256(kernel, t->kernel_hash);
    memcpy(input.kernel_hash, t->kernel_hash, sizeof input.kernel_hash);
    GUARD(enclave_check_params(params));
    GUARD(enclave_measure(kernel, params, input.mrenclave));
    char path[PATH_MAX];
    const char *key = p->options->key;
    if (!key && p->manifest.key) {
        GUARD(tool_path(note, p->options->directory, p->manifest.key, path));
        key = path;
    }
    struct sgx_sigstruct sigstruct;
    GUARD(sign_image(&input, key, note, &sigstruct));
    memcpy(map + l->sigstruct, &sigstruct, sizeof sigstruct);
    image_trailer_write(t, map + l->trailer);
    return RESULT_OK;
}

// Extends the file with the file system in it to a whole image.
static struct result complete(const struct parts *p, int fd, struct image_note *note,
                              struct build_report *report)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size % IMAGE_BLOCK_SIZE)
        return image_fail(note, ERR_IO, "mkfs.erofs made no whole blocks", "%s", report->output);
    struct image_trailer t = {
        .data_blocks = (uint64_t)st.st_size / IMAGE_BLOCK_SIZE,
        .kernel_size = p->kernel_size,
        .init_size = p->init_size,
    };
    struct image_layout l;
    struct verity_geometry g;
    GUARD(verity_geometry_init(t.data_blocks, &g));
    t.tree_blocks = g.tree_blocks;
    GUARD(image_layout(&t, &l));
    uint8_t *map = MAP_FAILED;
    if (ftruncate(fd, (off_t)l.size) == 0)
        map = mmap(NULL, l.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return image_fail_errno(note, report->output, "cannot write the image");
    uint64_t blocks;
    struct result result = erofs_block_count(SPAN(map, l.hash_offset), &blocks);
    if (is_ok(result) && blocks != t.data_blocks)
        result = fail(ERR_INVALID, "mkfs.erofs wrote another number of blocks than it says");
    if (is_ok(result))
        result = fill(p, &l, &t, map, note);
    // Read it back with the code that opens images.
    struct image image;
    if (is_ok(result))
        result = image_parse(SPAN(map, l.size), &image);
    if (is_ok(result))
        result = image_fingerprint(&image, report->fingerprint);
    if (is_ok(result) && msync(map, l.size, MS_SYNC) != 0)
        result = image_fail_errno(note, report->output, "cannot write the image");
    munmap(map, l.size);
    report->size = l.size;
    return result;
}

static struct result write_image(const struct parts *p, struct image_note *note,
                                 struct build_report *report)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", report->output) >= (int)sizeof temporary)
        return image_fail(note, ERR_RANGE, "path is too long", "%s", report->output);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return image_fail_errno(note, report->output, "cannot create the image");
    mode_t mask = umask(0);
    umask(mask);
    struct result result = make_erofs(&p->staging, temporary, note);
    if (is_ok(result))
        result = complete(p, fd, note, report);
    if (is_ok(result) &&
        (fchmod(fd, 0666 & ~mask) != 0 || fsync(fd) != 0 || rename(temporary, report->output) != 0))
        result = image_fail_errno(note, report->output, "cannot write the image");
    if (!is_ok(result))
        unlink(temporary);
    close(fd);
    return result;
}

static struct result build_parts(struct parts *p, struct image_note *note,
                                 struct build_report *report)
{
    const struct build_options *o = p->options;
    int n = o->output ? snprintf(report->output, sizeof report->output, "%s", o->output)
                      : snprintf(report->output, sizeof report->output, "%s/%s.cloister",
                                 o->directory, p->manifest.name);
    REQUIRE(n < (int)sizeof report->output, ERR_RANGE, "path is too long");
    GUARD(load_parts(p, note));
    GUARD(assemble_files(&p->manifest, o->directory, o->update_lock, &p->staging, note));
    GUARD(assemble_description(&p->manifest, &p->staging, note, p->params->fspf_key));
    image_progress(note, "writing %s", report->output);
    return write_image(p, note, report);
}

struct result image_build(const struct build_options *options, struct image_note *note,
                          struct build_report *ret)
{
    struct parts p = {.options = options, .staging = {.fd = -1}};
    struct build_report report = {.size = 0};
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", options->directory, MANIFEST_FILE);
    GUARD(manifest_load(path, note, &p.manifest));
    p.params = calloc(1, sizeof *p.params);
    struct result result =
        p.params ? staging_init(note, &p.staging) : fail(ERR_MEMORY, "out of memory");
    if (is_ok(result))
        result = build_parts(&p, note, &report);
    staging_done(&p.staging);
    manifest_done(&p.manifest);
    free(p.params);
    free(p.kernel);
    free(p.init);
    if (is_ok(result))
        *ret = report;
    return result;
}
