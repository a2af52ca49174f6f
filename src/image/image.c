// SPDX-License-Identifier: Apache-2.0
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/hex.h"
#include "image/enclave_build.h"

struct result image_layout(const struct image_trailer *t, struct image_layout *ret)
{
    struct image_layout l;
    GUARD(verity_geometry_init(t->data_blocks, &l.geometry));
    REQUIRE(t->tree_blocks == l.geometry.tree_blocks, ERR_INVALID,
            "the trailer's number of tree blocks does not follow from the data blocks");
    REQUIRE(t->kernel_size > 0 && t->kernel_size <= IMAGE_KERNEL_SIZE_MAX, ERR_RANGE,
            "size of the kernel is outside its limits");
    REQUIRE(t->init_size <= IMAGE_INIT_SIZE_MAX, ERR_RANGE,
            "size of the init program is outside its limits");
    l.hash_offset = t->data_blocks * IMAGE_BLOCK_SIZE;
    l.tree = l.hash_offset + IMAGE_BLOCK_SIZE;
    l.kernel = l.tree + t->tree_blocks * IMAGE_BLOCK_SIZE;
    l.init = l.kernel + align_up(t->kernel_size, IMAGE_BLOCK_SIZE);
    l.params = l.init + align_up(t->init_size, IMAGE_BLOCK_SIZE);
    l.sigstruct = l.params + PARAMS_SIZE;
    l.trailer = l.sigstruct + IMAGE_BLOCK_SIZE;
    l.size = l.trailer + IMAGE_TRAILER_SIZE;
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
    struct span rest = take_span(&r, reader_left(&r));
    REQUIRE(is_zero(rest.data, rest.size), ERR_INVALID, "unused bytes of the trailer are not zero");
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
}

struct result image_parse(struct span file, struct image *ret)
{
    REQUIRE(file.size >= IMAGE_TRAILER_SIZE && file.size % IMAGE_BLOCK_SIZE == 0, ERR_INVALID,
            "size of the file is not that of an image");
    struct image i = {.fd = -1, .file = file};
    GUARD(image_trailer_parse(SPAN(file.data + file.size - IMAGE_TRAILER_SIZE, IMAGE_TRAILER_SIZE),
                              &i.trailer));
    GUARD(image_layout(&i.trailer, &i.layout));
    const struct image_layout *l = &i.layout;
    REQUIRE(l->size == file.size, ERR_INVALID, "size of the file does not follow from its trailer");
    i.filesystem = SPAN(file.data, l->hash_offset);
    i.tree = SPAN(file.data + l->tree, l->kernel - l->tree);
    i.kernel = SPAN(file.data + l->kernel, i.trailer.kernel_size);
    i.init = SPAN(file.data + l->init, i.trailer.init_size);
    i.params = (const struct enclave_params *)(const void *)(file.data + l->params);
    i.sigstruct = (const struct sgx_sigstruct *)(const void *)(file.data + l->sigstruct);
    *ret = i;
    return RESULT_OK;
}

struct result image_open(const char *path, struct image_note *note, struct image *ret)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        struct result result = image_fail(note, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                                          "cannot open the image", "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return result;
    }
    void *map = MAP_FAILED;
    if (S_ISREG(st.st_mode) && st.st_size > 0)
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        close(fd);
        return image_fail(note, ERR_INVALID, "not a Cloister image", "%s", path);
    }
    struct image i;
    struct result result = image_parse(SPAN(map, (size_t)st.st_size), &i);
    if (!is_ok(result)) {
        munmap(map, (size_t)st.st_size);
        close(fd);
        return image_fail(note, result.code, result.why, "%s", path);
    }
    i.fd = fd;
    *ret = i;
    return RESULT_OK;
}

void image_close(struct image *i)
{
    if (i->fd < 0)
        return;
    munmap((void *)i->file.data, i->file.size);
    close(i->fd);
    *i = (struct image){.fd = -1};
}

struct result image_fingerprint(const struct image *i, char ret[IMAGE_FINGERPRINT_SIZE])
{
    uint8_t mrenclave[SGX_HASH_SIZE];
    GUARD(enclave_check_params(i->params));
    GUARD(enclave_measure(i->kernel, i->params, mrenclave));
    hex_encode(i->params->fspf_key, 32, ret);
    ret[64] = '|';
    hex_encode(i->params->fspf_tag, 32, ret + 65);
    ret[129] = '|';
    hex_encode(mrenclave, 32, ret + 130);
    return RESULT_OK;
}
