// SPDX-License-Identifier: Apache-2.0
// The state file of an emulated platform: platform.bin, mode 0600, written whole and never changed.
//
//   0  8  magic "CLOISEMU"      8  4  version 1       12  4  zero
//  16 32  root secret          48 16  OWNEREPOCH      64 16  seal fuses    80 16  CPUSVN
//  96 32  SHA-256 of all that stands before
#include "sgx/emu/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "crypto/sha256.h"
#include "sgx/emu/keys.h"

#define FILE_NAME     "platform.bin"
#define MAGIC         "CLOISEMU"
#define MAGIC_SIZE    8u
#define VERSION       1u
#define ROOT_SIZE     32u
#define BODY_SIZE     96u
#define FILE_SIZE     (BODY_SIZE + SHA256_SIZE)
#define FIRST_SVN     1u // of every component of a new platform's CPUSVN
#define PATH_SIZE_MAX 4096u

static struct result random_bytes(void *ret, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = getrandom((uint8_t *)ret + done, size - done, 0);
        REQUIRE(n > 0 || (n < 0 && errno == EINTR), ERR_IO, "the system gives no random bytes");
        done += n > 0 ? (size_t)n : 0;
    }
    return RESULT_OK;
}

static struct result make_content(uint8_t ret[FILE_SIZE])
{
    uint8_t secret[ROOT_SIZE + SGX_EMU_OWNER_EPOCH_SIZE + SGX_EMU_SEAL_FUSES_SIZE];
    uint8_t cpusvn[SGX_CPUSVN_SIZE];
    uint8_t hash[SHA256_SIZE];
    struct writer w = writer_on(ret, FILE_SIZE);
    GUARD(random_bytes(secret, sizeof secret));
    memset(cpusvn, FIRST_SVN, sizeof cpusvn);
    memcpy(cpusvn, SGX_EMU_CPUSVN_MARK, SGX_EMU_CPUSVN_MARK_SIZE);
    put_bytes(&w, MAGIC, MAGIC_SIZE);
    put_le32(&w, VERSION);
    put_le32(&w, 0);
    put_bytes(&w, secret, sizeof secret);
    put_bytes(&w, cpusvn, sizeof cpusvn);
    sha256(writer_span(&w), hash);
    put_bytes(&w, hash, sizeof hash);
    wipe(secret, sizeof secret);
    return w.failed || w.size != FILE_SIZE ? fail(ERR_RANGE, "state file layout") : RESULT_OK;
}

// Two purposes of one secret, kept apart by a label.
static void split_root(const uint8_t root[ROOT_SIZE], struct sgx_emu_platform *p)
{
    static const char label[] = "cloister emulated platform, fuse key";
    uint8_t hash[SHA256_SIZE];
    struct sha256_ctx c;
    sha256_init(&c);
    sha256_update(&c, label, sizeof label);
    sha256_update(&c, root, ROOT_SIZE);
    sha256_final(&c, hash);
    memcpy(p->root, hash, sizeof p->root);
    memcpy(p->seed, root, sizeof p->seed);
    wipe(hash, sizeof hash);
}

static struct result parse(const uint8_t file[FILE_SIZE], struct sgx_emu_platform *ret)
{
    uint8_t hash[SHA256_SIZE];
    struct reader r = reader_on(SPAN(file, BODY_SIZE));
    struct span magic = take_span(&r, MAGIC_SIZE);
    uint32_t version = take_le32(&r), zero = take_le32(&r);
    struct span root = take_span(&r, ROOT_SIZE);
    take_bytes(&r, ret->owner_epoch, sizeof ret->owner_epoch);
    take_bytes(&r, ret->seal_fuses, sizeof ret->seal_fuses);
    take_bytes(&r, ret->cpusvn, sizeof ret->cpusvn);
    REQUIRE(reader_done(&r) && memcmp(magic.data, MAGIC, MAGIC_SIZE) == 0 && version == VERSION &&
                zero == 0,
            ERR_INVALID, "not the state file of an emulated platform");
    sha256(SPAN(file, BODY_SIZE), hash);
    REQUIRE(memcmp(hash, file + BODY_SIZE, sizeof hash) == 0, ERR_INTEGRITY,
            "the emulated platform's state file is damaged");
    REQUIRE(memcmp(ret->cpusvn, SGX_EMU_CPUSVN_MARK, SGX_EMU_CPUSVN_MARK_SIZE) == 0, ERR_INVALID,
            "the emulated platform's CPUSVN lacks its mark");
    split_root(root.data, ret);
    return RESULT_OK;
}

static struct result read_file(int dir, uint8_t ret[FILE_SIZE])
{
    int fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? fail(ERR_NOT_FOUND, "no state file")
                               : fail(ERR_IO, "cannot open the emulated platform's state file");
    uint8_t bytes[FILE_SIZE + 1];
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    if (n == (ssize_t)FILE_SIZE)
        memcpy(ret, bytes, FILE_SIZE);
    wipe(bytes, sizeof bytes);
    return n == (ssize_t)FILE_SIZE
               ? RESULT_OK
               : fail(ERR_INVALID, "the emulated platform's state file has another size");
}

// A temporary file, made durable, then linked: whoever links first has made the platform.
static struct result write_file(int dir, const uint8_t content[FILE_SIZE])
{
    char name[64];
    snprintf(name, sizeof name, FILE_NAME ".%ld", (long)getpid());
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0, ERR_IO, "cannot write the emulated platform's state file");
    bool ok = write(fd, content, FILE_SIZE) == (ssize_t)FILE_SIZE && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && (linkat(dir, name, dir, FILE_NAME, 0) == 0 || errno == EEXIST);
    unlinkat(dir, name, 0);
    ok = ok && fsync(dir) == 0;
    return ok ? RESULT_OK : fail(ERR_IO, "cannot write the emulated platform's state file");
}

static struct result make_directories(const char *path)
{
    char copy[PATH_SIZE_MAX];
    size_t size = strlen(path);
    REQUIRE(size > 0 && size < sizeof copy, ERR_RANGE, "state directory's name is too long");
    memcpy(copy, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (copy[i] != '/' && copy[i] != 0)
            continue;
        copy[i] = 0;
        REQUIRE(mkdir(copy, 0700) == 0 || errno == EEXIST, ERR_IO,
                "cannot make the state directory");
        copy[i] = path[i];
    }
    return RESULT_OK;
}

static struct result load_or_make(int dir, struct sgx_emu_platform *p)
{
    uint8_t file[FILE_SIZE];
    struct result r = read_file(dir, file);
    if (r.code == ERR_NOT_FOUND) {
        r = make_content(file);
        if (is_ok(r))
            r = write_file(dir, file);
        if (is_ok(r))
            r = read_file(dir, file); // perhaps another process's
    }
    if (is_ok(r))
        r = parse(file, p);
    wipe(file, sizeof file);
    return r;
}

struct result sgx_emu_platform_open(const char *state_dir, struct sgx_emu_platform **ret)
{
    REQUIRE(state_dir, ERR_INVALID, "the emulated platform needs a state directory");
    GUARD(make_directories(state_dir));
    int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(dir >= 0, ERR_IO, "cannot open the state directory");
    struct sgx_emu_platform *p = calloc(1, sizeof *p);
    struct result r = p ? load_or_make(dir, p) : fail(ERR_MEMORY, "out of memory");
    close(dir);
    if (is_ok(r))
        *ret = p;
    else
        sgx_emu_platform_free(p);
    return r;
}

void sgx_emu_platform_free(struct sgx_emu_platform *p)
{
    if (!p)
        return;
    wipe(p, sizeof *p);
    free(p);
}
