// SPDX-License-Identifier: Apache-2.0
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "crypto/sha256.h"
#include "image/enclave_build.h"
#include "image/image_split.h"

static const char image_is_split[] =
    "a split image: the directory with its files must be named (--root)";

struct result image_layout(const struct image_trailer *t, struct image_layout *ret)
{
    struct image_layout l;
    GUARD(verity_geometry_init(t->data_blocks, &l.geometry));
    REQUIRE(t->tree_blocks == l.geometry.tree_blocks, ERR_INVALID,
            "the trailer's number of tree blocks does not follow from the data blocks");
    REQUIRE(t->kernel_size <= IMAGE_KERNEL_SIZE_MAX, ERR_RANGE,
            "size of the kernel is outside its limits");
    REQUIRE(t->init_size <= IMAGE_INIT_SIZE_MAX, ERR_RANGE,
            "size of the init program is outside its limits");
    REQUIRE(t->kernel_size > 0 || t->init_size == 0, ERR_INVALID,
            "an init program without a kernel");
    REQUIRE(t->stored_blocks < t->data_blocks, ERR_RANGE,
            "the trailer's stored blocks are more than the file system has");
    l.hash_offset = t->data_blocks * IMAGE_BLOCK_SIZE;
    l.tree = l.hash_offset + IMAGE_BLOCK_SIZE;
    l.kernel = l.tree + t->tree_blocks * IMAGE_BLOCK_SIZE;
    l.init = l.kernel + align_up(t->kernel_size, IMAGE_BLOCK_SIZE);
    l.params = l.init + align_up(t->init_size, IMAGE_BLOCK_SIZE);
    l.sigstruct = l.params + (t->kernel_size ? PARAMS_SIZE : 0);
    l.trailer = l.sigstruct + (t->kernel_size ? IMAGE_BLOCK_SIZE : 0);
    l.size = l.trailer + IMAGE_TRAILER_SIZE;
    l.file_size = l.size;
    if (t->stored_blocks)
        l.file_size -= (t->data_blocks - t->stored_blocks) * IMAGE_BLOCK_SIZE;
    *ret = l;
    return RESULT_OK;
}

struct result image_trailer_parse(struct span block, struct image_trailer *ret)
{
    REQUIRE(block.size == IMAGE_TRAILER_SIZE, ERR_INVALID, "trailer has the wrong size");
    struct reader r = reader_on(block);
    struct image_trailer t;
    char magic[8];
    take_bytes(&r, magic, sizeof magic);
    REQUIRE(memcmp(magic, IMAGE_MAGIC, sizeof magic) == 0, ERR_INVALID, "not a Cloister image");
    REQUIRE(take_le32(&r) == IMAGE_VERSION, ERR_UNSUPPORTED, "image has another version");
    REQUIRE(take_le32(&r) == 0, ERR_INVALID, "a reserved field of the trailer is not zero");
    t.data_blocks = take_le64(&r);
    t.tree_blocks = take_le64(&r);
    t.kernel_size = take_le64(&r);
    t.init_size = take_le64(&r);
    take_bytes(&r, t.kernel_hash, sizeof t.kernel_hash);
    t.stored_blocks = take_le64(&r);
    struct span gap = take_span(&r, reader_left(&r) - (IMAGE_TRAILER_SIZE - IMAGE_TRAILER_KEY));
    take_bytes(&r, t.fspf_key, sizeof t.fspf_key);
    struct span rest = take_span(&r, reader_left(&r));
    REQUIRE(is_zero(gap.data, gap.size) && is_zero(rest.data, rest.size), ERR_INVALID,
            "unused bytes of the trailer are not zero");
    *ret = t;
    return RESULT_OK;
}

void image_trailer_write(const struct image_trailer *t, uint8_t ret[IMAGE_TRAILER_SIZE])
{
    memset(ret, 0, IMAGE_TRAILER_SIZE);
    struct writer w = writer_on(ret, IMAGE_TRAILER_SIZE);
    put_bytes(&w, IMAGE_MAGIC, 8);
    put_le32(&w, IMAGE_VERSION);
    put_le32(&w, 0);
    put_le64(&w, t->data_blocks);
    put_le64(&w, t->tree_blocks);
    put_le64(&w, t->kernel_size);
    put_le64(&w, t->init_size);
    put_bytes(&w, t->kernel_hash, sizeof t->kernel_hash);
    put_le64(&w, t->stored_blocks);
    memcpy(ret + IMAGE_TRAILER_KEY, t->fspf_key, sizeof t->fspf_key);
}

// The spans of a whole image in memory, whose layout is known.
static void set_spans(struct image *i)
{
    const struct image_layout *l = &i->layout;
    const uint8_t *at = i->file.data;
    i->filesystem = SPAN(at, l->hash_offset);
    i->tree = SPAN(at + l->tree, l->kernel - l->tree);
    i->kernel = SPAN(at + l->kernel, i->trailer.kernel_size);
    i->init = SPAN(at + l->init, i->trailer.init_size);
    i->params = NULL;
    i->sigstruct = NULL;
    if (i->kernel.size) {
        i->params = (const struct enclave_params *)(const void *)(at + l->params);
        i->sigstruct = (const struct sgx_sigstruct *)(const void *)(at + l->sigstruct);
    }
}

// A file that ends in `trailer`.
static struct result check_file(struct span trailer, uint64_t file_size, struct image *i)
{
    GUARD(image_trailer_parse(trailer, &i->trailer));
    GUARD(image_layout(&i->trailer, &i->layout));
    REQUIRE(i->trailer.kernel_size || is_zero(i->trailer.kernel_hash, 32), ERR_INVALID,
            "the trailer has the hash of a kernel that is not there");
    REQUIRE(i->layout.file_size == file_size, ERR_INVALID,
            "size of the file does not follow from its trailer");
    return RESULT_OK;
}

struct result image_parse(struct span file, struct image *ret)
{
    REQUIRE(file.size >= IMAGE_TRAILER_SIZE && file.size % IMAGE_BLOCK_SIZE == 0, ERR_INVALID,
            "size of the file is not that of an image");
    struct image i = {.fd = -1, .file = file};
    struct span trailer = SPAN(file.data + file.size - IMAGE_TRAILER_SIZE, IMAGE_TRAILER_SIZE);
    GUARD(check_file(trailer, file.size, &i));
    REQUIRE(i.trailer.stored_blocks == 0, ERR_UNSUPPORTED, image_is_split);
    set_spans(&i);
    *ret = i;
    return RESULT_OK;
}

static struct result open_file(const char *path, struct image_note *note, int *ret_fd,
                               uint64_t *ret_size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        struct result result = image_fail(note, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                                          "cannot open the image", "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return result;
    }
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)IMAGE_TRAILER_SIZE) {
        close(fd);
        return image_fail(note, ERR_INVALID, "not a Cloister image", "%s", path);
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)st.st_size;
    return RESULT_OK;
}

// Reserves the full form, and maps the file's pieces into it; what is left out reads as zeros.
static struct result map_pieces(struct image *i, int fd)
{
    const struct image_layout *l = &i->layout;
    uint64_t head = i->trailer.stored_blocks * IMAGE_BLOCK_SIZE;
    int flags = MAP_PRIVATE | (head ? MAP_ANONYMOUS | MAP_NORESERVE : 0);
    uint8_t *base = mmap(NULL, l->size, PROT_READ, flags, head ? -1 : fd, 0);
    REQUIRE(base != MAP_FAILED, ERR_IO, "cannot map the image");
    i->file = SPAN(base, l->size);
    if (head == 0)
        return RESULT_OK;
    const int fixed = MAP_PRIVATE | MAP_FIXED;
    bool mapped = mmap(base, head, PROT_READ, fixed, fd, 0) != MAP_FAILED &&
                  mmap(base + l->hash_offset, l->size - l->hash_offset, PROT_READ, fixed, fd,
                       (off_t)head) != MAP_FAILED;
    if (!mapped)
        munmap(base, l->size);
    return mapped ? RESULT_OK : fail(ERR_IO, "cannot map the image");
}

static struct result map_image(int fd, uint64_t size, const char *root, struct image *i)
{
    uint8_t block[IMAGE_TRAILER_SIZE];
    REQUIRE(size % IMAGE_BLOCK_SIZE == 0 &&
                pread(fd, block, sizeof block, (off_t)(size - sizeof block)) ==
                    (ssize_t)sizeof block,
            ERR_INVALID, "size of the file is not that of an image");
    GUARD(check_file(SPAN_OF(block), size, i));
    GUARD(map_pieces(i, fd));
    set_spans(i);
    struct result result = root && i->trailer.stored_blocks ? image_map_files(i, root) : RESULT_OK;
    if (!is_ok(result))
        munmap((void *)i->file.data, i->file.size);
    return result;
}

struct result image_open_split(const char *path, const char *root, struct image_note *note,
                               struct image *ret)
{
    int fd = -1;
    uint64_t size = 0;
    GUARD(open_file(path, note, &fd, &size));
    struct image i = {.fd = fd};
    struct result result = map_image(fd, size, root, &i);
    if (!is_ok(result)) {
        close(fd);
        return image_fail(note, result.code, result.why, "%s", path);
    }
    *ret = i;
    return RESULT_OK;
}

struct result image_open_root(const char *path, const char *root, struct image_note *note,
                              struct image *ret)
{
    struct image i;
    GUARD(image_open_split(path, root, note, &i));
    const char *why = NULL;
    if (!i.params)
        why = "a file system alone: no enclave is in it";
    else if (i.trailer.stored_blocks && !root)
        why = image_is_split;
    if (why) {
        image_close(&i);
        return image_fail(note, ERR_UNSUPPORTED, why, "%s", path);
    }
    *ret = i;
    return RESULT_OK;
}

struct result image_open(const char *path, struct image_note *note, struct image *ret)
{
    return image_open_root(path, NULL, note, ret);
}

void image_close(struct image *i)
{
    if (i->fd < 0)
        return;
    munmap((void *)i->file.data, i->file.size);
    close(i->fd);
    *i = (struct image){.fd = -1};
}

void image_fspf(const struct image *i, struct fingerprint *ret)
{
    if (i->params && !(i->params->flags & PARAMS_TAG_PROVIDED)) {
        memcpy(ret->fspf_key, i->params->fspf_key, sizeof ret->fspf_key);
        memcpy(ret->fspf_tag, i->params->fspf_tag, sizeof ret->fspf_tag);
        return;
    }
    memcpy(ret->fspf_key, i->trailer.fspf_key, sizeof ret->fspf_key);
    sha256(SPAN(i->tree.data, VERITY_BLOCK_SIZE), ret->fspf_tag); // the top level stands first
}

struct result image_fingerprint(const struct image *i, char ret[IMAGE_FINGERPRINT_SIZE])
{
    struct fingerprint f;
    _Static_assert(IMAGE_FINGERPRINT_SIZE == FINGERPRINT_TEXT_SIZE, "the same text");
    GUARD(enclave_check_params(i->params));
    GUARD(enclave_measure(i->kernel, i->params, f.mrenclave));
    image_fspf(i, &f);
    fingerprint_format(&f, ret);
    return RESULT_OK;
}
