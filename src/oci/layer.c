// SPDX-License-Identifier: Apache-2.0
// Two archive readers stand one behind the other: the first unpacks gzip or zstd and hashes both sides, so that
// limits hold before anything is parsed; the second reads tar from it.
#include "oci/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/sha256.h"
#include "os/file.h"

#define CHUNK     65536u
#define WHITEOUT  ".wh."
#define OPAQUE    ".wh..wh..opq"
#define RESERVED  ".wh..wh." // of the tools that make layers
#define ID_MAX    (UINT32_MAX - 1)
#define DRAIN_MAX (64u << 20) // zeros behind the archive's end

struct stream {
    struct oci_unpack *u;
    int fd; // -1: memory
    struct span memory;
    uint64_t packed, unpacked;
    uint64_t files_start; // oci_unpack.unpacked before this layer
    struct sha256_ctx packed_hash, unpacked_hash;
    struct archive *filter;
    struct result failed; // of the stream; says more than the archive reader's own error
    uint8_t in[CHUNK], out[CHUNK];
};

static struct result refuse(struct oci_unpack *u, enum err code, const char *why, const char *name)
{
    return image_fail(u->note, code, why, "layer %u: %.900s", u->layer, name);
}

static uint64_t unpacked_max(const struct oci_unpack *u)
{
    return u->unpacked_max ? u->unpacked_max : OCI_UNPACKED_MAX;
}

// --- the stream ----------------------------------------------------------------------------------------

static la_ssize_t read_packed(struct archive *a, void *context, const void **ret)
{
    struct stream *s = context;
    ssize_t n;
    *ret = s->in;
    if (s->fd >= 0) {
        n = read(s->fd, s->in, sizeof s->in);
    } else {
        n = (ssize_t)MIN(s->memory.size, sizeof s->in);
        if (n > 0)
            memcpy(s->in, s->memory.data, (size_t)n);
        s->memory.data += n;
        s->memory.size -= (size_t)n;
    }
    if (n < 0) {
        archive_set_error(a, errno, "read failed");
        return -1;
    }
    s->packed += (uint64_t)n;
    sha256_update(&s->packed_hash, s->in, (size_t)n);
    return n;
}

// Of the archive, and of its files, which may be larger than it (holes).
static struct result check_growth(const struct stream *s)
{
    uint64_t most = MAX(s->unpacked, s->u->unpacked - s->files_start);
    REQUIRE(most <= unpacked_max(s->u), ERR_RANGE, "layer is too large when unpacked");
    REQUIRE(most <= OCI_RATIO_FREE || most / OCI_RATIO_MAX <= s->packed, ERR_RANGE,
            "layer unpacks to far more than it is");
    return RESULT_OK;
}

static la_ssize_t read_unpacked(struct archive *a, void *context, const void **ret)
{
    struct stream *s = context;
    la_ssize_t n = archive_read_data(s->filter, s->out, sizeof s->out);
    *ret = s->out;
    if (n < 0) {
        archive_set_error(a, EINVAL, "%s", archive_error_string(s->filter));
        return -1;
    }
    sha256_update(&s->unpacked_hash, s->out, (size_t)n);
    s->unpacked += (uint64_t)n;
    s->failed = check_growth(s);
    if (is_ok(s->failed))
        return n;
    archive_set_error(a, EFBIG, "%s", s->failed.why);
    return -1;
}

// What stands behind the end of the archive still counts for both hashes.
static struct result drain(struct stream *s)
{
    uint64_t end = s->unpacked + DRAIN_MAX;
    la_ssize_t n;
    const void *data;
    struct archive *scratch = archive_read_new();
    REQUIRE(scratch, ERR_MEMORY, "out of memory");
    while ((n = read_unpacked(scratch, s, &data)) > 0 && s->unpacked <= end)
        continue;
    archive_read_free(scratch);
    REQUIRE(n == 0, ERR_INVALID, "layer is damaged behind its last file");
    while ((n = read_packed(s->filter, s, &data)) > 0)
        continue;
    return n == 0 ? RESULT_OK : fail(ERR_IO, "cannot read the layer");
}

// --- names ---------------------------------------------------------------------------------------------

// Relative, without "." components, slashes at the end and doubled ones; "" is the root itself.
static struct result clean_name(struct oci_unpack *u, const char *name, char ret[OCI_NAME_MAX + 1])
{
    REQUIRE(name && *name, ERR_INVALID, "layer has a file without a name");
    size_t used = 0;
    if (*name == '/' && name[strspn(name, "/")]) // "/" alone, as some tools write, is the root
        return refuse(u, ERR_DENIED, "layer has an absolute name", name);
    for (const char *at = name; *at;) {
        size_t size = strcspn(at, "/");
        bool dot = size == 1 && at[0] == '.';
        if (size == 2 && at[0] == '.' && at[1] == '.')
            return refuse(u, ERR_DENIED, "layer has a name with '..'", name);
        if (size > TREE_NAME_MAX || used + size + 1 > OCI_NAME_MAX)
            return refuse(u, ERR_RANGE, "layer has a name that is too long", name);
        if (size > 0 && !dot) {
            if (used)
                ret[used++] = '/';
            memcpy(ret + used, at, size);
            used += size;
        }
        at += size;
        at += *at == '/';
    }
    ret[used] = 0;
    return RESULT_OK;
}

// --- whiteouts -----------------------------------------------------------------------------------------

// Removes what lower layers brought; a whiteout does not touch what its own layer has.
static struct result remove_lower(struct oci_unpack *u, struct tree_node *node, bool keep_itself)
{
    if (S_ISDIR(node->inode->mode)) {
        struct tree_node **children;
        size_t count;
        GUARD(tree_children(node, &children, &count));
        struct result r = RESULT_OK;
        for (size_t i = 0; is_ok(r) && i < count; i++)
            r = remove_lower(u, children[i], false);
        free(children);
        GUARD(r);
    }
    if (!keep_itself && node->inode->layer < u->layer && node->child_count == 0)
        tree_remove(u->tree, node);
    return RESULT_OK;
}

static struct result apply_whiteout(struct oci_unpack *u, char *path, char *last)
{
    struct tree_node *node;
    if (strcmp(last, OPAQUE) == 0) {
        *last = 0;
        node = tree_find(u->tree, path, true);
        return node && S_ISDIR(node->inode->mode) ? remove_lower(u, node, true) : RESULT_OK;
    }
    if (strncmp(last, RESERVED, sizeof RESERVED - 1) == 0)
        return RESULT_OK;
    const char *hidden = last + sizeof WHITEOUT - 1;
    if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
        return refuse(u, ERR_INVALID, "layer has a malformed whiteout", path);
    memmove(last, hidden, strlen(hidden) + 1);
    node = tree_find(u->tree, path, false);
    return node && node->parent ? remove_lower(u, node, false) : RESULT_OK;
}

// --- entries -------------------------------------------------------------------------------------------

static struct result make_inode(struct oci_unpack *u, struct archive_entry *e, const char *name,
                                struct tree_inode *ret)
{
    int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);
    if (uid < 0 || uid > ID_MAX || gid < 0 || gid > ID_MAX)
        return refuse(u, ERR_RANGE, "layer has an owner that Linux does not know", name);
    *ret = (struct tree_inode){
        .mode = (archive_entry_filetype(e) & S_IFMT) | (archive_entry_perm(e) & 07777),
        .uid = (uint32_t)uid,
        .gid = (uint32_t)gid,
        .layer = u->layer,
    };
    return RESULT_OK;
}

// Blocks may leave holes (sparse files); nothing is beyond the size that the header says.
static struct result copy_content(struct oci_unpack *u, struct archive *a, int fd, uint64_t size,
                                  const char *name)
{
    const void *data;
    size_t n;
    la_int64_t at;
    int status;
    while ((status = archive_read_data_block(a, &data, &n, &at)) == ARCHIVE_OK) {
        if (at < 0 || (uint64_t)at > size || n > size - (uint64_t)at)
            return refuse(u, ERR_INVALID, "layer has a file beyond its size", name);
        for (size_t done = 0; done < n;) {
            ssize_t w = pwrite(fd, (const uint8_t *)data + done, n - done, at + (la_int64_t)done);
            if (w <= 0)
                return image_fail_errno(u->note, name, "cannot write the content of a layer");
            done += (size_t)w;
        }
    }
    if (status != ARCHIVE_EOF)
        return refuse(u, ERR_INVALID, "layer is damaged or cut short",
                      archive_error_string(a) ? archive_error_string(a) : name);
    if (ftruncate(fd, (off_t)size) != 0)
        return image_fail_errno(u->note, name, "cannot write the content of a layer");
    return RESULT_OK;
}

static struct result apply_file(struct oci_unpack *u, struct archive *a, struct archive_entry *e,
                                const char *name)
{
    struct tree_inode inode;
    struct tree_node *node;
    char path[PATH_MAX];
    int64_t said = archive_entry_size(e);
    GUARD(make_inode(u, e, name, &inode));
    REQUIRE(said >= 0, ERR_INVALID, "layer has a file without a size");
    uint64_t size = (uint64_t)said;
    if (size > unpacked_max(u) || u->unpacked > unpacked_max(u) - size)
        return refuse(u, ERR_RANGE, "image is too large when unpacked", name);
    u->unpacked += size;
    if (snprintf(path, sizeof path, "%s/%llu", u->spool, (unsigned long long)u->files) >=
        (int)sizeof path)
        return fail(ERR_RANGE, "path is too long");
    GUARD(tree_put(u->tree, name, &inode, &node));
    if (size == 0)
        return RESULT_OK;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return image_fail_errno(u->note, path, "cannot create");
    u->files++;
    struct result r = copy_content(u, a, fd, size, name);
    if (close(fd) != 0 && is_ok(r))
        r = image_fail_errno(u->note, path, "cannot write");
    return is_ok(r) ? tree_set_file(node, path, size) : r;
}

static struct result apply_link(struct oci_unpack *u, struct archive_entry *e, const char *name)
{
    struct tree_inode inode;
    struct tree_node *node;
    const char *target = archive_entry_symlink(e);
    GUARD(make_inode(u, e, name, &inode));
    if (!target || !*target || strlen(target) >= PATH_MAX)
        return refuse(u, ERR_INVALID, "layer has a malformed link", name);
    inode.mode = S_IFLNK | 0777;
    GUARD(tree_put(u->tree, name, &inode, &node));
    return tree_set_memory(node, SPAN(target, strlen(target)));
}

static struct result skip_special(struct oci_unpack *u, const char *name)
{
    struct tree_node *node = tree_find(u->tree, name, false);
    u->skipped++;
    if (node && node->parent)
        tree_remove(u->tree, node);
    return RESULT_OK;
}

static struct result apply_entry(struct oci_unpack *u, struct archive *a, struct archive_entry *e)
{
    char name[OCI_NAME_MAX + 1], target[OCI_NAME_MAX + 1];
    GUARD(clean_name(u, archive_entry_pathname(e), name));
    char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
    if (strncmp(last, WHITEOUT, sizeof WHITEOUT - 1) == 0)
        return apply_whiteout(u, name, last);
    if (archive_entry_xattr_count(e) > 0)
        u->attributes++;
    if (archive_entry_hardlink(e)) {
        GUARD(clean_name(u, archive_entry_hardlink(e), target));
        struct result r = tree_link(u->tree, name, target);
        return is_ok(r) ? r : refuse(u, r.code, r.why, name);
    }
    struct tree_inode inode;
    switch (archive_entry_filetype(e)) {
    case AE_IFDIR:
        GUARD(make_inode(u, e, name, &inode));
        return tree_put(u->tree, name, &inode, NULL);
    case AE_IFLNK:
        return *name ? apply_link(u, e, name) : fail(ERR_INVALID, "the root is not a directory");
    case AE_IFREG:
        return *name ? apply_file(u, a, e, name) : fail(ERR_INVALID, "the root is not a directory");
    default:
        return skip_special(u, name);
    }
}

static struct result apply_entries(struct stream *s, struct archive *tar)
{
    struct oci_unpack *u = s->u;
    struct archive_entry *e;
    int status;
    while ((status = archive_read_next_header(tar, &e)) == ARCHIVE_OK || status == ARCHIVE_WARN) {
        if (++u->entries > OCI_ENTRIES_MAX)
            return refuse(u, ERR_RANGE, "image has too many files", "");
        struct result r = apply_entry(u, tar, e);
        if (is_ok(s->failed))
            s->failed = check_growth(s);
        if (!is_ok(s->failed))
            return refuse(u, s->failed.code, s->failed.why, "");
        if (!is_ok(r) && !u->note->text[0])
            return refuse(u, r.code, r.why, "");
        GUARD(r);
    }
    if (!is_ok(s->failed))
        return refuse(u, s->failed.code, s->failed.why, "");
    if (status != ARCHIVE_EOF)
        return refuse(u, ERR_INVALID, "layer is damaged or cut short", archive_error_string(tar));
    return drain(s);
}

// --- readers -------------------------------------------------------------------------------------------

static bool open_filter(struct stream *s)
{
    struct archive_entry *e;
    struct archive *f = s->filter = archive_read_new();
    return f && archive_read_support_filter_gzip(f) == ARCHIVE_OK &&
           archive_read_support_filter_zstd(f) == ARCHIVE_OK &&
           archive_read_support_format_raw(f) == ARCHIVE_OK &&
           archive_read_open(f, s, NULL, read_packed, NULL) == ARCHIVE_OK &&
           archive_read_next_header(f, &e) == ARCHIVE_OK;
}

static struct result apply_stream(struct stream *s)
{
    struct archive *tar = archive_read_new();
    REQUIRE(tar, ERR_MEMORY, "out of memory");
    struct result r = RESULT_OK;
    if (!open_filter(s))
        r = refuse(s->u, ERR_INVALID, "layer is no tar, gzip or zstd file", "");
    else if (archive_read_support_format_tar(tar) != ARCHIVE_OK ||
             archive_read_open(tar, s, NULL, read_unpacked, NULL) != ARCHIVE_OK)
        r = refuse(s->u, ERR_INVALID, "layer is no tar archive", archive_error_string(tar));
    if (is_ok(r))
        r = apply_entries(s, tar);
    archive_read_free(tar);
    archive_read_free(s->filter);
    return r;
}

static bool digest_is(struct sha256_ctx *hash, const char *digest)
{
    uint8_t h[32];
    char text[OCI_DIGEST_SIZE];
    sha256_final(hash, h);
    oci_digest_of(h, text);
    return strcmp(text, digest) == 0;
}

// Names are bytes: with another locale libarchive would refuse or change some.
static struct result apply(struct oci_unpack *u, int fd, struct span memory,
                           const struct oci_blob *blob, const char *diff_id)
{
    struct stream *s = calloc(1, sizeof *s);
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!s || !utf8) {
        free(s);
        return fail(ERR_MEMORY, "out of memory");
    }
    s->u = u;
    s->files_start = u->unpacked;
    s->fd = fd;
    s->memory = memory;
    sha256_init(&s->packed_hash);
    sha256_init(&s->unpacked_hash);
    u->layer++;
    u->note->text[0] = 0;
    locale_t before = uselocale(utf8);
    struct result r = apply_stream(s);
    uselocale(before);
    freelocale(utf8);
    if (is_ok(r) && blob && (s->packed != blob->size || !digest_is(&s->packed_hash, blob->digest)))
        r = refuse(u, ERR_INTEGRITY, "layer does not have its digest and size", blob->digest);
    if (is_ok(r) && diff_id && !digest_is(&s->unpacked_hash, diff_id))
        r = refuse(u, ERR_INTEGRITY, "layer does not unpack to what the configuration says",
                   diff_id);
    free(s);
    return r;
}

struct result oci_layer_apply(struct oci_unpack *u, const char *directory,
                              const struct oci_blob *blob, const char *diff_id)
{
    char path[PATH_MAX];
    GUARD(oci_blob_path(directory, blob->digest, u->note, path, sizeof path));
    // Before a byte of it is parsed; it is hashed again on the way.
    GUARD(oci_blob_verify(directory, blob, u->note));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return image_fail_errno(u->note, path, "cannot open");
    struct result r = apply(u, fd, SPAN(NULL, 0), blob, diff_id);
    close(fd);
    return r;
}

struct result oci_layer_apply_memory(struct oci_unpack *u, struct span archive)
{
    return apply(u, -1, archive, NULL, NULL);
}
