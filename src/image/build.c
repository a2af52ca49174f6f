// SPDX-License-Identifier: Apache-2.0
#include "image/build.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "crypto/sha256.h"
#include "image/assemble.h"
#include "image/image_write.h"
#include "image/origin.h"
#include "image/region_tree.h"
#include "image/tool.h"
#include "os/home.h"

// What is at hand before the image file is written.
struct parts {
    const struct build_options *options;
    struct manifest manifest;
    struct staging staging; // holds the content of the tree's files
    struct tree *tree;
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
        .flags = (m->host_arguments ? PARAMS_HOST_ARGUMENTS : 0) |
                 (m->service ? PARAMS_SMS_ENCLAVE : 0) |
                 (m->fspf_provided ? PARAMS_TAG_PROVIDED : 0),
        .heap_max = m->heap,
        .stack_size = m->stack,
        .threads = (uint32_t)m->threads,
        .cache_pages = (uint32_t)(m->file_cache / IMAGE_BLOCK_SIZE),
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
    return RESULT_OK;
}

// What the image is made of and how, beside it.
static struct result write_origin(const struct parts *p, const struct image_output *output,
                                  const char *path, struct image_note *note)
{
    uint8_t kernel_hash[SHA256_SIZE], init_hash[SHA256_SIZE];
    sha256(SPAN(p->kernel, p->kernel_size), kernel_hash);
    sha256(SPAN(p->init, p->init_size), init_hash);
    const struct image_origin origin = {
        .name = p->manifest.name,
        .fingerprint = output->fingerprint,
        .directory = p->options->directory,
        .manifest = &p->manifest,
        .dockerfile = p->manifest.dockerfile,
        .source = p->manifest.image,
        .kernel_hash = kernel_hash,
        .init_hash = p->init_size ? init_hash : NULL,
    };
    return origin_write_beside(&origin, p->tree, path, note);
}

static struct result write_image(struct parts *p, struct image_note *note,
                                 struct build_report *report)
{
    const struct manifest *m = &p->manifest;
    struct image_input input = {
        .tree = p->tree,
        .kernel = SPAN(p->kernel, p->kernel_size),
        .init = SPAN(p->init, p->init_size),
        .params = p->params,
        .isvprodid = (uint16_t)m->isvprodid,
        .isvsvn = (uint16_t)m->isvsvn,
        .debug = m->debug,
        .key = p->options->key,
        .split = p->options->split,
    };
    char path[PATH_MAX];
    if (!input.key && m->key) {
        GUARD(tool_path(note, p->options->directory, m->key, path));
        input.key = path;
    }
    struct image_output output;
    image_progress(note, "writing %s", report->output);
    GUARD(image_write(&input, report->output, note, &output));
    memcpy(report->fingerprint, output.fingerprint, sizeof report->fingerprint);
    report->size = output.size;
    if (p->options->sbom)
        GUARD(write_origin(p, &output, report->output, note));
    const struct build_hooks *hooks = p->options->hooks;
    return hooks ? hooks->finish(hooks->context, m, &input, &output, note) : RESULT_OK;
}

// Files that the manifest adds to a source image are in none of its layers: the split form holds them itself.
static struct result mark_added(void *context, struct tree_node *node)
{
    (void)context;
    node->inode->stored = node->inode->stored || node->inode->layer == 0;
    return RESULT_OK;
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
    GUARD(tree_new(&p->tree));
    if (o->hooks)
        GUARD(o->hooks->fill(o->hooks->context, &p->manifest, p->tree, note));
    else if (p->manifest.image || p->manifest.dockerfile)
        return fail(ERR_UNSUPPORTED, "this program does not build from OCI images");
    GUARD(assemble_files(&p->manifest, o->directory, o->update_lock, &p->staging, p->tree, note));
    GUARD(assemble_tree(&p->manifest, p->tree, note));
    GUARD(region_tree(&p->manifest, o->directory, p->tree, note));
    if (p->manifest.image || p->manifest.dockerfile)
        GUARD(tree_walk(tree_root(p->tree), mark_added, NULL));
    GUARD(assemble_description(&p->manifest, p->tree, note, p->params->fspf_key));
    return write_image(p, note, report);
}

struct result image_build(const struct build_options *options, struct image_note *note,
                          struct build_report *ret)
{
    struct parts p = {.options = options, .staging = {.fd = -1}};
    struct build_report report = {.size = 0};
    GUARD(manifest_find(options->directory, note, &p.manifest));
    p.params = calloc(1, sizeof *p.params);
    struct result result =
        p.params ? staging_init(note, &p.staging) : fail(ERR_MEMORY, "out of memory");
    if (is_ok(result))
        result = build_parts(&p, note, &report);
    tree_free(p.tree);
    staging_done(&p.staging);
    manifest_done(&p.manifest);
    free(p.params);
    free(p.kernel);
    free(p.init);
    if (is_ok(result))
        *ret = report;
    return result;
}
