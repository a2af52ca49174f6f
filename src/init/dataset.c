// SPDX-License-Identifier: Apache-2.0
#include "init/dataset.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/cbc.h"
#include "crypto/sha256.h"
#include "os/file.h"

#define PART_SIZE (256u * 1024)

// A plain file name: the host does not choose the folder.
static bool name_is_plain(const char *name)
{
    return *name && strlen(name) < NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

// Decrypts the private copy, part by part, into `fd`.
static struct result decrypt(struct cbc *c, struct span text, int fd)
{
    uint8_t *part = malloc(PART_SIZE + CBC_BLOCK_SIZE);
    struct result r = part ? RESULT_OK : fail(ERR_MEMORY, "out of memory");
    size_t size;
    while (is_ok(r) && text.size) {
        size_t take = MIN(text.size, (size_t)PART_SIZE);
        r = cbc_update(c, SPAN(text.data, take), part, &size);
        if (is_ok(r))
            r = file_write_all(fd, SPAN(part, size));
        text = SPAN(text.data + take, text.size - take);
    }
    if (is_ok(r))
        r = cbc_end(c, part, &size);
    if (is_ok(r))
        r = file_write_all(fd, SPAN(part, size));
    if (part)
        wipe(part, PART_SIZE + CBC_BLOCK_SIZE);
    free(part);
    return r;
}

static struct result install(const struct proto_app_grant *grant, struct span sealed,
                             const char *target)
{
    uint8_t hash[SHA256_SIZE];
    char path[PATH_MAX], address[HEX_SIZE(20)];
    struct cbc *c;
    sha256(sealed, hash);
    REQUIRE(ct_equal(hash, grant->dataset_checksum, sizeof hash), ERR_INTEGRITY,
            "the dataset's file does not have the checksum of the ledger");
    REQUIRE(sealed.size > CBC_IV_SIZE, ERR_INVALID, "the dataset's file is too short");
    hex_encode(grant->dataset.bytes, sizeof grant->dataset.bytes, address);
    int size = snprintf(path, sizeof path, "%s/0x%s", target, address);
    REQUIRE(size > 0 && (size_t)size < sizeof path, ERR_RANGE, "the path is too long");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    REQUIRE(fd >= 0, ERR_IO, "the dataset cannot be written inside the enclave");
    struct result r = cbc_begin(CBC_DECRYPT, grant->dataset_key, sealed.data, &c);
    if (is_ok(r)) {
        r = decrypt(c, SPAN(sealed.data + CBC_IV_SIZE, sealed.size - CBC_IV_SIZE), fd);
        cbc_free(c);
    }
    if (close(fd) != 0 && is_ok(r))
        r = fail(ERR_IO, "the dataset cannot be written inside the enclave");
    if (!is_ok(r))
        unlink(path);
    return r;
}

struct result dataset_install(const struct proto_app_grant *grant, const char *folder,
                              const char *file, const char *target)
{
    char path[PATH_MAX];
    uint8_t *data;
    size_t size;
    REQUIRE(name_is_plain(file), ERR_INVALID, "the host's name for the dataset is no file name");
    int n = snprintf(path, sizeof path, "%s/%s", folder, file);
    REQUIRE(n > 0 && (size_t)n < sizeof path, ERR_RANGE, "the path is too long");
    struct result r = file_read(path, DATASET_SIZE_MAX, &data, &size);
    REQUIRE(is_ok(r), r.code, "the host does not give the dataset's file");
    if (mkdir(target, 0755) != 0 && access(target, F_OK) != 0) {
        free(data);
        return fail(ERR_IO, "the dataset's folder cannot be made inside the enclave");
    }
    r = install(grant, SPAN(data, size), target);
    free(data);
    return r;
}
