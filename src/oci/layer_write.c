// SPDX-License-Identifier: Apache-2.0
#include "oci/layer_write.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "crypto/sha256.h"

#define CHUNK 65536u

// The first name of a file that has several.
struct name {
    const struct tree_inode *inode;
    char *path;
};

struct out {
    struct archive *tar;
    struct archive_entry *entry;
    gzFile gzip;
    struct sha256_ctx hash;
    const char *skip;
    struct image_note *note;
    void *names; // of struct name
    uint8_t buffer[CHUNK];
};

static la_ssize_t write_packed(struct archive *a, void *context, const void *data, size_t size)
{
    struct out *o = context;
    sha256_update(&o->hash, data, size);
    if (size > 0 && gzwrite(o->gzip, data, (unsigned)size) != (int)size) {
        archive_set_error(a, EIO, "cannot write the layer");
        return -1;
    }
    return (la_ssize_t)size;
}

static int compare_names(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct name *)a)->inode;
    uintptr_t y = (uintptr_t)((const struct name *)b)->inode;
    return x < y ? -1 : x > y;
}

static void free_name(void *name)
{
    free(((struct name *)name)->path);
    free(name);
}

// *ret: the name under which the file is in the layer already, or NULL.
static struct result earlier_name(struct out *o, const struct tree_inode *inode, const char *path,
                                  const char **ret)
{
    struct name key = {.inode = inode};
    struct name **found = tfind(&key, &o->names, compare_names);
    *ret = found ? (*found)->path : NULL;
    if (found)
        return RESULT_OK;
    struct name *n = calloc(1, sizeof *n);
    if (n)
        *n = (struct name){inode, strdup(path)};
    if (!n || !n->path || !tsearch(n, &o->names, compare_names)) {
        if (n)
            free_name(n);
        return fail(ERR_MEMORY, "out of memory");
    }
    return RESULT_OK;
}

static struct result put_data(struct out *o, const void *data, size_t size)
{
    REQUIRE(archive_write_data(o->tar, data, size) == (la_ssize_t)size, ERR_IO,
            "cannot write the layer");
    return RESULT_OK;
}

static struct result copy_file(struct out *o, const struct tree_inode *inode)
{
    int fd = open(inode->host_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return image_fail_errno(o->note, inode->host_file, "cannot open");
    uint64_t left = inode->size;
    struct result r = RESULT_OK;
    while (is_ok(r) && left > 0) {
        ssize_t n = read(fd, o->buffer, MIN(left, sizeof o->buffer));
        if (n <= 0)
            r = image_fail(o->note, ERR_STALE, "a file has changed while it was read", "%s",
                           inode->host_file);
        else
            r = put_data(o, o->buffer, (size_t)n);
        left -= n > 0 ? (uint64_t)n : left;
    }
    close(fd);
    return r;
}

static struct result put_node(void *context, struct tree_node *node)
{
    struct out *o = context;
    const struct tree_inode *inode = node->inode;
    char path[PATH_MAX];
    const char *before = NULL;
    GUARD(tree_path(node, path, sizeof path));
    size_t skip = o->skip ? strlen(o->skip) : 0;
    if (skip && strncmp(path, o->skip, skip) == 0 && (path[skip] == 0 || path[skip] == '/'))
        return RESULT_OK;
    if (inode->links > 1 && !S_ISDIR(inode->mode))
        GUARD(earlier_name(o, inode, path + 1, &before));
    struct archive_entry *e = archive_entry_clear(o->entry);
    archive_entry_set_pathname(e, path + 1);
    archive_entry_set_mode(e, inode->mode);
    archive_entry_set_uid(e, inode->uid);
    archive_entry_set_gid(e, inode->gid);
    archive_entry_set_mtime(e, 0, 0);
    archive_entry_set_size(e, S_ISREG(inode->mode) && !before ? (la_int64_t)inode->size : 0);
    if (before)
        archive_entry_set_hardlink(e, before);
    else if (S_ISLNK(inode->mode))
        archive_entry_set_symlink(e, (const char *)inode->memory);
    if (archive_write_header(o->tar, e) != ARCHIVE_OK)
        return image_fail(o->note, ERR_IO, "cannot write the layer", "%s: %s", path,
                          archive_error_string(o->tar));
    if (before || !S_ISREG(inode->mode))
        return RESULT_OK;
    return inode->content == TREE_HOST_FILE ? copy_file(o, inode)
                                            : put_data(o, inode->memory, inode->size);
}

static struct result write_tar(struct out *o, const struct tree *t)
{
    struct archive *a = o->tar;
    bool ready = a && o->entry && archive_write_set_format_pax_restricted(a) == ARCHIVE_OK &&
                 archive_write_set_format_option(a, "pax", "hdrcharset", "BINARY") == ARCHIVE_OK &&
                 archive_write_set_bytes_per_block(a, 10240) == ARCHIVE_OK &&
                 archive_write_set_bytes_in_last_block(a, 1) == ARCHIVE_OK &&
                 archive_write_open(a, o, NULL, write_packed, NULL) == ARCHIVE_OK;
    REQUIRE(ready, ERR_MEMORY, "cannot begin the layer");
    GUARD(tree_walk(tree_root((struct tree *)t), put_node, o));
    REQUIRE(archive_write_close(a) == ARCHIVE_OK, ERR_IO, "cannot write the layer");
    return RESULT_OK;
}

// Ends the gzip stream, which closes `fd`.
static struct result write_gzip(int fd, const struct tree *t, const char *skip,
                                struct image_note *note, char ret_diff_id[OCI_DIGEST_SIZE])
{
    struct out *o = calloc(1, sizeof *o);
    gzFile gzip = o ? gzdopen(fd, "wb6") : NULL;
    if (!gzip) {
        free(o);
        close(fd);
        return fail(ERR_MEMORY, "out of memory");
    }
    o->gzip = gzip;
    o->skip = skip;
    o->note = note;
    o->tar = archive_write_new();
    o->entry = archive_entry_new();
    sha256_init(&o->hash);
    struct result r = write_tar(o, t);
    archive_write_free(o->tar);
    archive_entry_free(o->entry);
    tdestroy(o->names, free_name);
    if (gzclose(gzip) != Z_OK && is_ok(r))
        r = image_fail_errno(note, "layer", "cannot write");
    uint8_t hash[32];
    sha256_final(&o->hash, hash);
    free(o);
    if (is_ok(r))
        oci_digest_of(hash, ret_diff_id);
    return r;
}

struct result oci_layer_write(const char *directory, const struct tree *t, const char *skip,
                              struct image_note *note, struct oci_blob *ret,
                              char ret_diff_id[OCI_DIGEST_SIZE])
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/blobs/layer.XXXXXX", directory);
    REQUIRE(n < (int)sizeof path, ERR_RANGE, "path is too long");
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    REQUIRE(utf8, ERR_MEMORY, "out of memory");
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        freelocale(utf8);
        return image_fail_errno(note, path, "cannot create");
    }
    locale_t before = uselocale(utf8); // libarchive knows no names that are bytes
    struct result r = write_gzip(fd, t, skip, note, ret_diff_id);
    uselocale(before);
    freelocale(utf8);
    if (is_ok(r))
        r = oci_blob_add_file(directory, path, OCI_TYPE_LAYER_GZIP, note, ret);
    if (!is_ok(r))
        unlink(path);
    return r;
}
