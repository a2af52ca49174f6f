// SPDX-License-Identifier: Apache-2.0
#include "worker/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"

#define READ \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ABI_1    ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1) // the rights of Landlock's first version
#define REFER    (1ull << 13)
#define TRUNCATE (1ull << 14)
#define OF_FILES                                                                                 \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
     TRUNCATE)

struct rules {
    int fd;
    uint64_t handled;
};

// A path that does not exist needs no rule.
static struct result allow(const struct rules *r, const char *path, uint64_t access)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return RESULT_OK;
    access &= r->handled;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        access &= OF_FILES;
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    long err = syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(fd);
    REQUIRE(err == 0, ERR_IO, "cannot limit the enclave's process to its files");
    return RESULT_OK;
}

static struct result allow_all(const struct rules *r, const struct confine *c)
{
    static const char *const readable[] = {
        "/usr",
        "/lib",
        "/lib64",
        "/bin",
        "/proc",
        "/etc/ld.so.cache",
        "/etc/ld.so.preload",
        "/etc/sgx_default_qcnl.conf",
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/nsswitch.conf",
        "/etc/ssl",
        "/dev/urandom",
    };
    static const char *const writable[] = {"/dev/null", "/dev/sgx_enclave", "/dev/sgx_provision",
                                           "/var/run/aesmd"};
    for (size_t i = 0; i < ARRAY_COUNT(readable); i++)
        GUARD(allow(r, readable[i], READ));
    for (size_t i = 0; i < ARRAY_COUNT(writable); i++)
        GUARD(allow(r, writable[i], READ | LANDLOCK_ACCESS_FS_WRITE_FILE));
    GUARD(allow(r, c->program, READ));
    GUARD(allow(r, c->image, READ));
    GUARD(allow(r, c->state, r->handled));
    if (c->extra)
        GUARD(allow(r, c->extra, r->handled));
    return allow(r, c->directory, r->handled);
}

struct result confine_self(const struct confine *c)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    REQUIRE(version >= 1, ERR_UNSUPPORTED, "this Linux has no Landlock");
    struct rules r = {.handled =
                          ABI_1 | (version >= 2 ? REFER : 0) | (version >= 3 ? TRUNCATE : 0)};
    struct landlock_ruleset_attr attr = {.handled_access_fs = r.handled};
    r.fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    REQUIRE(r.fd >= 0, ERR_UNSUPPORTED, "this Linux has no Landlock");
    struct result result = allow_all(&r, c);
    if (is_ok(result) && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                          syscall(SYS_landlock_restrict_self, r.fd, 0) != 0))
        result = fail(ERR_IO, "cannot limit the enclave's process to its files");
    close(r.fd);
    return result;
}
