// SPDX-License-Identifier: Apache-2.0
#include "image/assemble.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "image/bytecode.h"
#include "image/image.h"
#include "image/packages.h"
#include "image/scan.h"
#include "image/sealed_regions.h"
#include "image/tool.h"
#include "os/file.h"
#include "shield/process.h"
#include "shield/regions.h"

static struct result write_lock(const struct manifest *m, const char *path, struct image_note *note,
                                struct lock *ret)
{
    GUARD(packages_resolve(&m->packages, note, ret));
    char *text;
    struct result result = lock_format(ret, &text);
    if (is_ok(result)) {
        result = file_write(path, SPAN(text, strlen(text)), 0644, FILE_REPLACE);
        free(text);
    }
    if (!is_ok(result))
        lock_done(ret);
    else
        image_progress(note, "wrote %s: %zu packages", path, ret->count);
    return result;
}

// Every package that the manifest names is in the lock.
static struct result check_lock(const struct manifest *m, const struct lock *l,
                                struct image_note *note)
{
    for (size_t i = 0; i < m->packages.count; i++) {
        size_t k = 0;
        while (k < l->count && strcmp(l->entry[k].name, m->packages.item[i]) != 0)
            k++;
        if (k == l->count)
            return image_fail(note, ERR_NOT_FOUND, "package is not in the lock file",
                              "%s (`cloister build --update-lock` resolves anew)",
                              m->packages.item[i]);
    }
    return RESULT_OK;
}

static struct result load_lock(const struct manifest *m, const char *directory, bool update,
                               struct image_note *note, struct lock *ret)
{
    char path[PATH_MAX];
    GUARD(tool_path(note, directory, LOCK_FILE, path));
    if (update || access(path, F_OK) != 0) {
        image_progress(note, update ? "updating %s" : "no %s yet: resolving packages", path);
        return write_lock(m, path, note, ret);
    }
    uint8_t *text;
    size_t size;
    GUARD(tool_read(note, path, LOCK_SIZE_MAX, &text, &size));
    struct lock l;
    struct result result = lock_parse(SPAN(text, size), note, &l);
    free(text);
    GUARD(result);
    result = check_lock(m, &l, note);
    if (!is_ok(result)) {
        lock_done(&l);
        return result;
    }
    *ret = l;
    return RESULT_OK;
}

static struct result add_packages(const struct manifest *m, const char *directory, bool update,
                                  struct staging *s, struct image_note *note)
{
    if (m->packages.count == 0)
        return RESULT_OK;
    struct lock l;
    GUARD(load_lock(m, directory, update, note, &l));
    struct result result = packages_fetch(&l, note);
    if (is_ok(result))
        result = staging_merge_usr(s, note);
    if (is_ok(result))
        image_progress(note, "unpacking %zu packages", l.count);
    for (size_t i = 0; is_ok(result) && i < l.count; i++) {
        char path[PATH_MAX];
        result = packages_path(&l.entry[i], path);
        if (is_ok(result))
            result = staging_unpack_deb(s, note, path);
    }
    lock_done(&l);
    return result;
}

static struct result add_directory(struct tree *t, const char *path, uint32_t mode)
{
    const struct tree_inode inode = {.mode = S_IFDIR | mode};
    return tree_find(t, path, true) ? RESULT_OK : tree_put(t, path, &inode, NULL);
}

// What programs expect in /etc, where no package brings it (Debian makes these at installation).
static struct result add_basics(struct tree *t)
{
    static const struct {
        const char *path, *content;
    } files[] = {
        {"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
                        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
        {"/etc/group", "root:x:0:\nnogroup:x:65534:\n"},
        {"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
        {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        if (!tree_find(t, files[i].path, true))
            GUARD(tree_write(t, files[i].path, SPAN(files[i].content, strlen(files[i].content)),
                             0644));
    }
    static const struct {
        const char *path;
        uint32_t mode;
    } directories[] = {
        {"/dev", 0755}, {"/proc", 0555}, {"/sys", 0555}, {"/root", 0700}, {"/tmp", 01777}};
    for (size_t i = 0; i < ARRAY_COUNT(directories); i++)
        GUARD(add_directory(t, directories[i].path, directories[i].mode));
    return RESULT_OK;
}

// The staging is for what runs programs over the files: unpacked packages, and Python's compiler.
static bool needs_staging(const struct manifest *m, const char *root)
{
    glob_t found = {0};
    char pattern[PATH_MAX + 24];
    if (m->packages.count || !m->python_bytecode || !root)
        return m->packages.count > 0;
    // Of the names of a root directory, "[" and the like only make this say yes too often or too seldom.
    snprintf(pattern, sizeof pattern, "%s/usr/bin/python3.*", root);
    bool python = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
    globfree(&found);
    return python;
}

static struct result copy_in(struct staging *s, struct tree *t, struct image_note *note,
                             const char *from, const char *to, uint32_t mode)
{
    struct stat st;
    if (t)
        return tree_copy(t, note, from, to, mode);
    if (stat(from, &st) == 0 && S_ISDIR(st.st_mode))
        return staging_copy_tree(s, note, from, to);
    return staging_copy_file(s, note, from, to, mode);
}

struct result assemble_files(const struct manifest *m, const char *directory, bool update_lock,
                             struct staging *s, struct tree *t, struct image_note *note)
{
    char path[PATH_MAX];
    GUARD(add_packages(m, directory, update_lock, s, note));
    if (m->root)
        GUARD(tool_path(note, directory, m->root, path));
    struct tree *direct = needs_staging(m, m->root ? path : NULL) ? NULL : t;
    if (m->root)
        GUARD(copy_in(s, direct, note, path, "/", UINT32_MAX));
    for (size_t i = 0; i < m->file_count; i++) {
        const struct manifest_copy *c = &m->files[i];
        GUARD(tool_path(note, directory, c->from, path));
        GUARD(copy_in(s, direct, note, path, c->to, c->mode));
    }
    if (direct)
        return RESULT_OK;
    if (m->python_bytecode)
        GUARD(bytecode_compile(s, note));
    return tree_add_directory(t, note, s->root, "/");
}

struct result assemble_tree(const struct manifest *m, struct tree *t, struct image_note *note)
{
    if (tree_find(t, IMAGE_DIRECTORY, false))
        return image_fail(note, ERR_EXISTS, "the application brings a file that is reserved", "%s",
                          IMAGE_DIRECTORY);
    GUARD(add_basics(t));
    if (m->directory)
        GUARD(add_directory(t, m->directory, 0755));
    for (size_t i = 0; i < m->region_count; i++)
        GUARD(add_directory(t, m->regions[i].path, 0755));
    const struct tree_node *n = tree_find(t, m->entrypoint, true);
    if (!n || !S_ISREG(n->inode->mode) || !(n->inode->mode & 0111))
        return image_fail(note, n ? ERR_INVALID : ERR_NOT_FOUND,
                          "entrypoint is not an executable file", "%s", m->entrypoint);
    return RESULT_OK;
}

static struct result encode_process(const struct manifest *m, struct writer *w)
{
    const struct process p = {
        .uid = (uint32_t)m->uid,
        .gid = (uint32_t)m->gid,
        .umask = (uint32_t)m->umask,
        .argument_count = (uint32_t)m->arguments.count + 1,
        .environment_count = (uint32_t)m->environment.count,
    };
    const char *directory = m->directory ? m->directory : "/";
    process_put_head(w, &p);
    process_put(w, SPAN(m->entrypoint, strlen(m->entrypoint)));
    process_put(w, SPAN(directory, strlen(directory)));
    process_put(w, SPAN(m->entrypoint, strlen(m->entrypoint)));
    for (size_t i = 0; i < m->arguments.count; i++)
        process_put(w, SPAN(m->arguments.item[i], strlen(m->arguments.item[i])));
    for (size_t i = 0; i < m->environment.count; i++)
        process_put(w, SPAN(m->environment.item[i], strlen(m->environment.item[i])));
    REQUIRE(!w->failed, ERR_RANGE, "arguments and environment are too large");
    struct process checked;
    return process_decode(writer_span(w), &checked);
}

static struct result region_of(const struct manifest_region *m, struct image_note *note,
                               char source[REGION_PATH_MAX + 16], struct region *ret)
{
    static const char *const kinds[] = {"", "authenticated", "encrypted", "not-protected",
                                        "ephemeral"};
    static const char *const keys[] = {"", "sealed", "sms"};
    struct region r = {.path = SPAN(m->path, strlen(m->path))};
    for (unsigned i = 1; i < ARRAY_COUNT(kinds); i++) {
        if (strcmp(m->kind, kinds[i]) == 0)
            r.kind = i;
    }
    for (unsigned i = 1; m->key && i < ARRAY_COUNT(keys); i++) {
        if (strcmp(m->key, keys[i]) == 0)
            r.key = i;
    }
    if (m->content_key)
        r.key = m->key || m->source ? REGION_KEY_NONE : REGION_KEY_CONTENT;
    if (!r.kind || ((m->key || m->content_key) && !r.key))
        return image_fail(note, ERR_INVALID, "unknown kind or key of a region", "%s: %s %s",
                          m->path, m->kind, m->key ? m->key : "");
    if (m->source)
        r.source = SPAN(m->source, strlen(m->source));
    if (!m->source && r.kind == REGION_ENCRYPTED &&
        r.key != REGION_KEY_CONTENT) { // a name in the host's working directory
        snprintf(source, REGION_PATH_MAX + 16, "%.*s.volume", (int)REGION_PATH_MAX, m->path + 1);
        for (char *at = source; *at; at++)
            *at = *at == '/' ? '-' : *at;
        r.source = SPAN(source, strlen(source));
    }
    *ret = r;
    return RESULT_OK;
}

static int compare_regions(const void *a, const void *b)
{
    return span_compare(((const struct region *)a)->path, ((const struct region *)b)->path);
}

static struct result encode_regions(const struct manifest *m, struct image_note *note,
                                    struct writer *w)
{
    struct regions r = {.count = 0};
    char source[REGIONS_MAX][REGION_PATH_MAX + 16];
    bool has_tmp = false;
    REQUIRE(m->region_count < REGIONS_MAX, ERR_RANGE, "too many regions");
    for (size_t i = 0; i < m->region_count; i++) {
        GUARD(region_of(&m->regions[i], note, source[i], &r.region[r.count++]));
        has_tmp = has_tmp || strcmp(m->regions[i].path, "/tmp") == 0;
    }
    if (!has_tmp)
        r.region[r.count++] = (struct region){.kind = REGION_EPHEMERAL, .path = SPAN_STR("/tmp")};
    qsort(r.region, r.count, sizeof r.region[0], compare_regions);
    struct result result = regions_encode(&r, w);
    return is_ok(result) ? result : image_fail(note, result.code, result.why, "regions");
}

static struct result fspf_key(const struct manifest *m, struct span regions, struct span process,
                              uint8_t ret[32])
{
    if (m->fspf_key)
        return hex_decode(SPAN(m->fspf_key, strlen(m->fspf_key)), ret, 32);
    static const char label[] = "cloister fspf key v1";
    struct sha256_ctx hash;
    sha256_init(&hash);
    sha256_update(&hash, label, sizeof label - 1);
    sha256_update(&hash, regions.data, regions.size);
    sha256_update(&hash, process.data, process.size);
    sha256_final(&hash, ret);
    return RESULT_OK;
}

static struct result describe(const struct manifest *m, struct tree *t, struct image_note *note,
                              uint8_t *buffer, uint8_t ret_fspf_key[32])
{
    uint8_t plaintext[REGIONS_SIZE_MAX], sealed[REGIONS_SEALED_SIZE(REGIONS_SIZE_MAX)];
    struct writer process = writer_on(buffer, PROCESS_SIZE_MAX);
    struct writer regions = writer_on(plaintext, sizeof plaintext);
    GUARD(encode_process(m, &process));
    GUARD(encode_regions(m, note, &regions));
    GUARD(fspf_key(m, writer_span(&regions), writer_span(&process), ret_fspf_key));
    GUARD(sealed_regions_seal(ret_fspf_key, writer_span(&regions), sealed));
    GUARD(tree_write(t, IMAGE_PROCESS, writer_span(&process), 0444));
    return tree_write(t, IMAGE_REGIONS, SPAN(sealed, REGIONS_SEALED_SIZE(regions.size)), 0444);
}

struct result assemble_description(const struct manifest *m, struct tree *t,
                                   struct image_note *note, uint8_t ret_fspf_key[32])
{
    uint8_t *sites;
    size_t sites_size;
    GUARD(scan_tree(t, note, &sites, &sites_size));
    uint8_t *buffer = malloc(PROCESS_SIZE_MAX);
    struct result result =
        buffer ? describe(m, t, note, buffer, ret_fspf_key) : fail(ERR_MEMORY, "out of memory");
    if (is_ok(result))
        result = tree_write(t, IMAGE_SITES, SPAN(sites, sites_size), 0444);
    free(buffer);
    free(sites);
    return result;
}
