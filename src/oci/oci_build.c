// SPDX-License-Identifier: Apache-2.0
#include "oci/oci_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/sha256.h"
#include "image/provenance.h"
#include "image/sbom.h"
#include "image/tool.h"
#include "oci/config.h"
#include "oci/layer_write.h"
#include "oci/source.h"
#include "os/home.h"

#define OWN_LAYERS    3u // at most: files of a build without a source, runtime, protection
#define DPKG_STATUS   "/var/lib/dpkg/status"
#define STATUS_MAX    (16u << 20)
#define DOCKER_PREFIX "application/vnd.docker.image.rootfs.diff."

struct job {
    const struct build_options *build;
    const struct oci_build_options *oci;
    char scratch[PATH_MAX];
    bool has_source;
    struct oci_source source;
    char output[PATH_MAX], digest[OCI_DIGEST_SIZE];
};

// --- the source ----------------------------------------------------------------------------------------

static struct result open_source(struct job *j, const struct manifest *m, struct image_note *note)
{
    char layout[PATH_MAX], path[PATH_MAX];
    const char *tag = OCI_TAG, *directory = j->build->directory;
    GUARD(tool_path(note, j->scratch, "source", layout));
    if (m->dockerfile) {
        GUARD(tool_path(note, directory, m->dockerfile, path));
        GUARD(oci_build_dockerfile(path, directory, &j->oci->tls, j->scratch, layout, note));
    } else if (strncmp(m->image, "oci:", 4) == 0) {
        GUARD(oci_uri_layout(m->image, directory, note, layout, sizeof layout, &tag));
    } else {
        GUARD(oci_fetch(m->image, directory, &j->oci->tls, layout, note));
    }
    GUARD(oci_source_open(layout, tag, note, &j->source));
    j->has_source = true;
    return RESULT_OK;
}

// The layers are published as they are: what they hold stays readable, whatever the image makes of it.
static struct result check_encrypted(const struct manifest *m, struct tree *t,
                                     struct image_note *note)
{
    for (size_t i = 0; i < m->region_count; i++) {
        const struct tree_node *n =
            m->regions[i].content_key ? tree_find(t, m->regions[i].path, true) : NULL;
        if (n && (n->child_count > 0 || !S_ISDIR(n->inode->mode)))
            return image_fail(note, ERR_DENIED,
                              "an encrypted region lies over files of the source image",
                              "%.900s (its layers are not secret: add the files by the manifest)",
                              m->regions[i].path);
    }
    return RESULT_OK;
}

static struct result fill(void *context, struct manifest *m, struct tree *t,
                          struct image_note *note)
{
    struct job *j = context;
    if (!m->image && !m->dockerfile)
        return RESULT_OK;
    GUARD(open_source(j, m, note));
    image_progress(note, "unpacking %zu layers", j->source.manifest.layer_count);
    GUARD(oci_source_apply(&j->source, j->scratch, t, note));
    GUARD(check_encrypted(m, t, note));
    // The source may be one of ours: its runtime gives way.
    struct tree_node *own = tree_find(t, IMAGE_DIRECTORY, false);
    if (own)
        tree_remove(t, own);
    return oci_config_to_manifest(j->source.config, t, note, m);
}

// --- layers --------------------------------------------------------------------------------------------

// What is put together for the new image.
struct assembly {
    struct job *job;
    const struct manifest *manifest;
    const struct image_input *input;
    struct image_note *note;
    json_t *layers; // descriptors
    char diff_ids[OWN_LAYERS][OCI_DIGEST_SIZE];
    size_t own_count;
};

static struct result add_layer(struct assembly *a, const struct tree *t, const char *skip)
{
    struct oci_blob blob;
    GUARD(oci_layer_write(a->job->output, t, skip, a->note, &blob, a->diff_ids[a->own_count]));
    a->own_count++;
    REQUIRE(json_array_append_new(a->layers, oci_blob_descriptor(&blob)) == 0, ERR_MEMORY,
            "out of memory");
    return RESULT_OK;
}

// The source's layers, or one with all files.
static struct result add_files(struct assembly *a)
{
    const struct job *j = a->job;
    if (!j->has_source)
        return add_layer(a, a->input->tree, IMAGE_DIRECTORY);
    for (size_t i = 0; i < j->source.manifest.layer_count; i++) {
        struct oci_blob blob = j->source.manifest.layers[i];
        GUARD(oci_blob_copy(j->source.layout, j->output, &blob, a->note));
        if (strncmp(blob.type, DOCKER_PREFIX, sizeof DOCKER_PREFIX - 1) == 0)
            snprintf(blob.type, sizeof blob.type, "%s", OCI_TYPE_LAYER_GZIP);
        REQUIRE(json_array_append_new(a->layers, oci_blob_descriptor(&blob)) == 0, ERR_MEMORY,
                "out of memory");
    }
    return RESULT_OK;
}

static struct result put_file(struct tree *t, const char *path, const char *host_file,
                              uint32_t mode, struct image_note *note)
{
    const struct tree_inode inode = {.mode = S_IFREG | mode};
    struct tree_node *node;
    struct stat st;
    if (stat(host_file, &st) != 0)
        return image_fail_errno(note, host_file, "cannot open");
    GUARD(tree_put(t, path, &inode, &node));
    return tree_set_file(node, host_file, (uint64_t)st.st_size);
}

static struct result put_part(struct tree *t, const char *given, const char *name, const char *to,
                              uint32_t mode, struct image_note *note)
{
    char path[PATH_MAX];
    if (given)
        return put_file(t, to, given, mode, note);
    struct result r = home_part(name, path);
    return is_ok(r) ? put_file(t, to, path, mode, note)
                    : image_fail(note, r.code, r.why, "lib/cloister/%s", name);
}

// A link to `cloister`, which looks at the name that it is called by.
static struct result put_link(struct tree *t, const char *name)
{
    static const struct tree_inode link = {.mode = S_IFLNK | 0777};
    char path[PATH_MAX];
    struct tree_node *node;
    int n = snprintf(path, sizeof path, IMAGE_DIRECTORY "/bin/%s", name);
    REQUIRE(n > 0 && (size_t)n < sizeof path, ERR_RANGE, "path is too long");
    GUARD(tree_put(t, path, &link, &node));
    return tree_set_memory(node, SPAN_STR("cloister"));
}

// For scripts of a Dockerfile on top: `scone` with its libraries, and a launcher with the program's name, with and
// without its version (python3, python).
static struct result put_tools(const struct manifest *m, struct tree *t, struct image_note *note)
{
    static const char *const libraries[] = {"libZydis.so.4.0", "libZycore.so.1.4"};
    char name[PATH_MAX];
    GUARD(put_part(t, NULL, "scone", IMAGE_DIRECTORY "/bin/scone", 0755, note));
    for (size_t i = 0; i < ARRAY_COUNT(libraries); i++) {
        snprintf(name, sizeof name, IMAGE_DIRECTORY "/lib/%s", libraries[i]);
        GUARD(put_part(t, NULL, libraries[i], name, 0644, note));
    }
    int n = snprintf(name, sizeof name, "%s", strrchr(m->entrypoint, '/') + 1);
    if (n == 0 || (size_t)n >= sizeof name || strncmp(name, "cloister", 8) == 0 ||
        strcmp(name, "scone") == 0)
        return image_fail(note, ERR_INVALID, "no launcher can have the name of the entrypoint",
                          "%.200s", m->entrypoint);
    GUARD(put_link(t, name));
    size_t size = strcspn(name, "0123456789");
    if (size == 0 || !name[size])
        return RESULT_OK;
    name[size] = 0;
    return put_link(t, name);
}

static struct result put_runtime(const struct job *j, const struct manifest *m, struct tree *t,
                                 struct image_note *note)
{
    GUARD(put_part(t, NULL, "runtime", IMAGE_DIRECTORY "/bin/cloister", 0755, note));
    GUARD(m->tools ? put_tools(m, t, note) : put_link(t, "scone"));
    GUARD(put_part(t, j->build->kernel, "kernel.elf", IMAGE_DIRECTORY "/lib/cloister/kernel.elf",
                   0644, note));
    return put_part(t, j->build->init, "init", IMAGE_DIRECTORY "/lib/cloister/init", 0755, note);
}

// SBOM and provenance travel beside the image; the enclave does not see them.
static struct result put_documents(const struct assembly *a, const char *fingerprint,
                                   struct tree *t)
{
    const struct job *j = a->job;
    const struct manifest *m = a->manifest;
    uint8_t kernel_hash[32], init_hash[32], *status = NULL;
    size_t status_size = 0;
    sha256(a->input->kernel, kernel_hash);
    sha256(a->input->init, init_hash);
    const struct tree_node *dpkg = tree_find(a->input->tree, DPKG_STATUS, true);
    if (dpkg && S_ISREG(dpkg->inode->mode))
        GUARD(tree_read(dpkg, STATUS_MAX, &status, &status_size));
    const struct image_origin origin = {
        .name = m->name,
        .fingerprint = fingerprint,
        .directory = j->build->directory,
        .manifest = m,
        .dockerfile = m->dockerfile,
        .source = m->image,
        .source_digest = j->has_source && !m->dockerfile ? j->source.manifest.self.digest : NULL,
        .dpkg_status = SPAN(status, status_size),
        .kernel_hash = kernel_hash,
        .init_hash = a->input->init.size ? init_hash : NULL,
    };
    char *sbom = NULL, *provenance = NULL;
    struct result r = sbom_write(&origin, a->note, &sbom);
    if (is_ok(r))
        r = provenance_write(&origin, a->note, &provenance);
    if (is_ok(r))
        r = tree_write(t, IMAGE_DIRECTORY "/sbom.spdx.json", SPAN(sbom, strlen(sbom)), 0644);
    if (is_ok(r))
        r = tree_write(t, IMAGE_DIRECTORY "/provenance.json", SPAN(provenance, strlen(provenance)),
                       0644);
    free(status);
    free(sbom);
    free(provenance);
    return r;
}

static struct result put_protection(const struct assembly *a, const struct image_output *out,
                                    struct tree *t)
{
    char path[PATH_MAX];
    struct image_input input = *a->input;
    struct image_output split;
    input.split = true;
    GUARD(tool_path(a->note, a->job->scratch, "split", path));
    GUARD(image_write(&input, path, a->note, &split));
    REQUIRE(strcmp(split.fingerprint, out->fingerprint) == 0, ERR_INTEGRITY,
            "the split image has another fingerprint");
    GUARD(put_file(t, OCI_IMAGE_PATH, path, 0644, a->note));
    return put_documents(a, out->fingerprint, t);
}

static struct result add_own_layers(struct assembly *a, const struct image_output *out)
{
    struct tree *runtime = NULL, *protection = NULL;
    struct result r = tree_new(&runtime);
    if (is_ok(r))
        r = tree_new(&protection);
    if (is_ok(r))
        r = put_runtime(a->job, a->manifest, runtime, a->note);
    if (is_ok(r))
        r = add_layer(a, runtime, NULL);
    if (is_ok(r))
        r = put_protection(a, out, protection);
    if (is_ok(r))
        r = add_layer(a, protection, NULL);
    tree_free(runtime);
    tree_free(protection);
    return r;
}

// --- the image -----------------------------------------------------------------------------------------

static struct result write_manifest(struct assembly *a, json_t *config, const char *fingerprint)
{
    struct job *j = a->job;
    struct oci_blob blob, self;
    GUARD(oci_config_protect(config, fingerprint, a->manifest,
                             (const char(*)[OCI_DIGEST_SIZE])a->diff_ids, a->own_count));
    GUARD(oci_blob_add_json(j->output, config, OCI_TYPE_CONFIG, a->note, &blob));
    json_t *manifest = json_pack("{s:i, s:s, s:o, s:O, s:{s:s}}", "schemaVersion", 2, "mediaType",
                                 OCI_TYPE_MANIFEST, "config", oci_blob_descriptor(&blob), "layers",
                                 a->layers, "annotations", OCI_LABEL_FINGERPRINT, fingerprint);
    REQUIRE(manifest, ERR_MEMORY, "out of memory");
    struct result r = oci_blob_add_json(j->output, manifest, OCI_TYPE_MANIFEST, a->note, &self);
    json_decref(manifest);
    GUARD(r);
    GUARD(oci_layout_finish(j->output, &self, OCI_TAG, a->note));
    memcpy(j->digest, self.digest, sizeof j->digest);
    return RESULT_OK;
}

// In place of an older layout, and of nothing else.
static struct result clear_output(const struct job *j, struct image_note *note)
{
    char marker[PATH_MAX];
    struct stat st;
    if (lstat(j->output, &st) != 0)
        return RESULT_OK;
    GUARD(tool_path(note, j->output, "oci-layout", marker));
    if (access(marker, F_OK) != 0 && rmdir(j->output) != 0)
        return image_fail(note, ERR_EXISTS, "there is something that is no OCI layout", "%s",
                          j->output);
    tool_remove_tree(j->output);
    return RESULT_OK;
}

static struct result choose_output(struct job *j, const struct manifest *m)
{
    int n = j->oci->output
                ? snprintf(j->output, sizeof j->output, "%s", j->oci->output)
                : snprintf(j->output, sizeof j->output, "%s/%s.oci", j->build->directory, m->name);
    REQUIRE(n < (int)sizeof j->output, ERR_RANGE, "path is too long");
    return RESULT_OK;
}

static struct result finish(void *context, const struct manifest *m, const struct image_input *in,
                            const struct image_output *out, struct image_note *note)
{
    struct job *j = context;
    if (!j->has_source && !j->oci->output)
        return RESULT_OK;
    GUARD(choose_output(j, m));
    image_progress(note, "writing %s", j->output);
    GUARD(clear_output(j, note));
    GUARD(oci_layout_create(j->output, note));
    struct assembly a = {.job = j, .manifest = m, .input = in, .note = note};
    json_t *config = j->has_source ? json_deep_copy(j->source.config) : oci_config_from_manifest(m);
    a.layers = json_array();
    struct result r = config && a.layers ? RESULT_OK : fail(ERR_MEMORY, "out of memory");
    if (is_ok(r))
        r = add_files(&a);
    if (is_ok(r))
        r = add_own_layers(&a, out);
    if (is_ok(r))
        r = write_manifest(&a, config, out->fingerprint);
    json_decref(config);
    json_decref(a.layers);
    return r;
}

struct result oci_build(const struct build_options *options, const struct oci_build_options *oci,
                        struct image_note *note, struct oci_build_report *ret)
{
    struct job *j = calloc(1, sizeof *j);
    REQUIRE(j, ERR_MEMORY, "out of memory");
    const struct build_hooks hooks = {j, fill, finish};
    struct build_options build = *options;
    struct build_report report;
    build.hooks = &hooks;
    j->build = &build;
    j->oci = oci;
    struct result r = oci_scratch(note, j->scratch);
    if (is_ok(r)) {
        r = image_build(&build, note, &report);
        tool_remove_tree(j->scratch);
    }
    if (j->has_source)
        oci_source_done(&j->source);
    if (is_ok(r)) {
        ret->image = report;
        memcpy(ret->output, j->output, sizeof j->output);
        memcpy(ret->digest, j->digest, sizeof j->digest);
    }
    free(j);
    return r;
}
