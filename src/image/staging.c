// SPDX-License-Identifier: Apache-2.0
#include "image/staging.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image/tool.h"
#include "os/file.h"

#define DEPTH_MAX 64 // of a directory tree that is copied

struct result staging_init(struct image_note *note, struct staging *ret)
{
    const char *tmp = getenv("TMPDIR");
    struct staging s = {.fd = -1};
    snprintf(s.base, sizeof s.base, "%s/cloister-build.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(s.base))
        return image_fail_errno(note, s.base, "cannot make a temporary directory");
    if (snprintf(s.root, sizeof s.root, "%s/root", s.base) >= (int)sizeof s.root ||
        mkdir(s.root, 0755) != 0 || chmod(s.root, 0755) != 0 ||
        (s.fd = open(s.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        struct result result = image_fail_errno(note, s.base, "cannot make a temporary directory");
        tool_remove_tree(s.base);
        return result;
    }
    *ret = s;
    return RESULT_OK;
}

void staging_done(struct staging *s)
{
    if (s->fd < 0)
        return;
    close(s->fd);
    s->fd = -1;
    tool_remove_tree(s->base);
}

// openat2(2) inside the staging's root; the path is used as in a chroot.
static int open_inside(const struct staging *s, const char *path, uint64_t flags, uint64_t mode)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .mode = mode,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, s->fd, *path ? path : "/", &how, sizeof how);
}

// Opens the directory `path`, making what is missing with mode 0755.
static int make_inside(const struct staging *s, const char *path)
{
    char partial[PATH_MAX];
    int fd = open_inside(s, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    fd = open_inside(s, "/", O_RDONLY | O_DIRECTORY, 0);
    for (const char *at = path; fd >= 0;) {
        at += strspn(at, "/");
        if (!*at)
            return fd;
        size_t size = strcspn(at, "/");
        snprintf(partial, sizeof partial, "%.*s", (int)size, at);
        bool made = mkdirat(fd, partial, 0755) == 0;
        at += size;
        snprintf(partial, sizeof partial, "%.*s", (int)(at - path), path);
        close(fd);
        fd = open_inside(s, partial, O_RDONLY | O_DIRECTORY, 0);
        if (fd >= 0 && made)
            fchmod(fd, 0755);
    }
    return fd;
}

// The parent directory of `path`, made when missing, and the last name in it. ".." is refused.
static struct result open_parent(const struct staging *s, struct image_note *note, const char *path,
                                 int *ret_fd, char name[NAME_MAX + 1])
{
    char parent[PATH_MAX];
    if (snprintf(parent, sizeof parent, "%s", path) >= (int)sizeof parent)
        return image_fail(note, ERR_RANGE, "path is too long", "%s", path);
    for (const char *at = parent; *at; at += strspn(at, "/")) {
        size_t size = strcspn(at, "/");
        if (size == 2 && at[0] == '.' && at[1] == '.')
            return image_fail(note, ERR_DENIED, "path leads out of the image", "%s", path);
        at += size;
    }
    char *slash = strrchr(parent, '/');
    const char *last = slash ? slash + 1 : parent;
    if (!*last || strlen(last) > NAME_MAX)
        return image_fail(note, ERR_INVALID, "not a path of a file", "%s", path);
    memcpy(name, last, strlen(last) + 1);
    if (slash)
        *slash = 0;
    int fd = make_inside(s, slash ? parent : "/");
    if (fd < 0)
        return image_fail_errno(note, path, "cannot make directory");
    *ret_fd = fd;
    return RESULT_OK;
}

// Makes a new empty file at `path`, in place of what is there.
static struct result create_file(const struct staging *s, struct image_note *note, const char *path,
                                 int *ret_fd)
{
    char name[NAME_MAX + 1];
    int parent;
    GUARD(open_parent(s, note, path, &parent, name));
    unlinkat(parent, name, 0);
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    close(parent);
    if (fd < 0)
        return image_fail_errno(note, path, "cannot create");
    *ret_fd = fd;
    return RESULT_OK;
}

static struct result close_file(struct image_note *note, const char *path, int fd, uint32_t mode)
{
    bool ok = fchmod(fd, mode & 07777) == 0;
    ok = close(fd) == 0 && ok;
    return ok ? RESULT_OK : image_fail_errno(note, path, "cannot write");
}

struct result staging_write(struct staging *s, struct image_note *note, const char *path,
                            struct span content, uint32_t mode)
{
    int fd;
    GUARD(create_file(s, note, path, &fd));
    struct result written = file_write_all(fd, content);
    struct result closed = close_file(note, path, fd, mode);
    return is_ok(written) ? closed : image_fail(note, written.code, written.why, "%s", path);
}

struct result staging_make_directory(struct staging *s, struct image_note *note, const char *path,
                                     uint32_t mode)
{
    int fd = make_inside(s, path);
    if (fd < 0)
        return image_fail_errno(note, path, "cannot make directory");
    return close_file(note, path, fd, mode);
}

static struct result make_link(const struct staging *s, struct image_note *note, const char *path,
                               const char *target)
{
    char name[NAME_MAX + 1];
    int parent;
    GUARD(open_parent(s, note, path, &parent, name));
    struct stat st;
    // A package's link to a directory that another package ships as one gives way, as with dpkg.
    bool directory = fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
    if (!directory)
        unlinkat(parent, name, 0);
    bool ok = directory || symlinkat(target, parent, name) == 0;
    close(parent);
    return ok ? RESULT_OK : image_fail_errno(note, path, "cannot make link");
}

static struct result make_hard_link(const struct staging *s, struct image_note *note,
                                    const char *path, const char *target)
{
    char name[NAME_MAX + 1], target_name[NAME_MAX + 1];
    int parent, target_parent;
    GUARD(open_parent(s, note, target, &target_parent, target_name));
    struct result result = open_parent(s, note, path, &parent, name);
    if (is_ok(result)) {
        unlinkat(parent, name, 0);
        if (linkat(target_parent, target_name, parent, name, 0) != 0)
            result = image_fail_errno(note, path, "cannot make link");
        close(parent);
    }
    close(target_parent);
    return result;
}

struct result staging_merge_usr(struct staging *s, struct image_note *note)
{
    static const char *const names[] = {"bin", "lib", "lib64", "sbin"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char target[16];
        snprintf(target, sizeof target, "usr/%s", names[i]);
        GUARD(staging_make_directory(s, note, target, 0755));
        GUARD(make_link(s, note, names[i], target));
    }
    return RESULT_OK;
}

static struct result unpack_file(struct staging *s, struct image_note *note,
                                 struct archive *archive, const char *path, uint32_t mode)
{
    int fd;
    GUARD(create_file(s, note, path, &fd));
    struct result result = RESULT_OK;
    if (archive_read_data_into_fd(archive, fd) != ARCHIVE_OK)
        result = image_fail(note, ERR_IO, "cannot unpack", "%s", path);
    struct result closed = close_file(note, path, fd, mode);
    return is_ok(result) ? closed : result;
}

static struct result unpack_entry(struct staging *s, struct image_note *note,
                                  struct archive *archive, struct archive_entry *entry)
{
    char path[PATH_MAX];
    const char *name = archive_entry_pathname(entry);
    if (!name || snprintf(path, sizeof path, "%s", name) >= (int)sizeof path)
        return image_fail(note, ERR_INVALID, "archive has a wrong path", "%s", name ? name : "");
    size_t size = strlen(path);
    while (size > 0 && path[size - 1] == '/')
        path[--size] = 0;
    const char *inside = path;
    while (inside[0] == '.' && inside[1] == '/')
        inside += 2;
    if (!*inside || strcmp(inside, ".") == 0)
        return RESULT_OK;
    if (archive_entry_hardlink(entry))
        return make_hard_link(s, note, inside, archive_entry_hardlink(entry));
    uint32_t mode = archive_entry_perm(entry);
    switch (archive_entry_filetype(entry)) {
    case AE_IFDIR:
        return staging_make_directory(s, note, inside, mode);
    case AE_IFLNK:
        return make_link(s, note, inside, archive_entry_symlink(entry));
    case AE_IFREG:
        return unpack_file(s, note, archive, inside, mode);
    default:
        return image_fail(note, ERR_UNSUPPORTED, "archive holds a special file", "%s", inside);
    }
}

static struct result unpack_all(struct staging *s, struct image_note *note, struct archive *archive,
                                int fd)
{
    archive_read_support_format_tar(archive);
    if (archive_read_open_fd(archive, fd, 65536) != ARCHIVE_OK)
        return image_fail(note, ERR_INVALID, "cannot read the archive", "%s",
                          archive_error_string(archive));
    struct archive_entry *entry;
    int status;
    while ((status = archive_read_next_header(archive, &entry)) == ARCHIVE_OK)
        GUARD(unpack_entry(s, note, archive, entry));
    if (status != ARCHIVE_EOF)
        return image_fail(note, ERR_INVALID, "cannot read the archive", "%s",
                          archive_error_string(archive));
    return RESULT_OK;
}

struct result staging_unpack_deb(struct staging *s, struct image_note *note, const char *deb)
{
    char *argv[] = {"dpkg-deb", "--fsys-tarfile", (char *)deb, NULL};
    int fd, pid;
    GUARD(tool_run_start(note, argv, &fd, &pid));
    struct archive *archive = archive_read_new();
    struct result result =
        archive ? unpack_all(s, note, archive, fd) : fail(ERR_MEMORY, "out of memory");
    archive_read_free(archive);
    close(fd);
    struct image_note ignored = {0};
    struct result ended = tool_run_wait(is_ok(result) ? note : &ignored, argv[0], pid);
    return is_ok(result) ? ended : result;
}

struct result staging_copy_file(struct staging *s, struct image_note *note, const char *from,
                                const char *to, uint32_t mode)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK), out = -1;
    struct stat st;
    if (in < 0 || fstat(in, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (in >= 0)
            close(in);
        else
            return image_fail_errno(note, from, "cannot open");
        return image_fail(note, ERR_INVALID, "not a regular file", "%s", from);
    }
    struct result result = create_file(s, note, to, &out);
    ssize_t n = 1;
    while (is_ok(result) && n > 0) {
        n = copy_file_range(in, NULL, out, NULL, 1u << 30, 0);
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS)) {
            char buffer[65536];
            while ((n = read(in, buffer, sizeof buffer)) > 0 && is_ok(result))
                result = file_write_all(out, SPAN(buffer, (size_t)n));
        }
        if (n < 0)
            result = image_fail_errno(note, from, "cannot copy");
    }
    close(in);
    if (out < 0)
        return result;
    if (mode == UINT32_MAX)
        mode = st.st_mode & S_IXUSR ? 0755 : 0644;
    struct result closed = close_file(note, to, out, mode);
    return is_ok(result) ? closed : result;
}

static struct result copy_entry(struct staging *s, struct image_note *note, const char *from,
                                const char *to, int depth);

static struct result copy_directory(struct staging *s, struct image_note *note, const char *from,
                                    const char *to, int depth)
{
    if (depth > DEPTH_MAX)
        return image_fail(note, ERR_RANGE, "directories are nested too deeply", "%s", from);
    DIR *directory = opendir(from);
    if (!directory)
        return image_fail_errno(note, from, "cannot open");
    struct result result = *to ? staging_make_directory(s, note, to, 0755) : RESULT_OK;
    for (struct dirent *entry; is_ok(result) && (entry = readdir(directory));) {
        char from_path[PATH_MAX], to_path[PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (snprintf(from_path, sizeof from_path, "%s/%s", from, entry->d_name) >=
                (int)sizeof from_path ||
            snprintf(to_path, sizeof to_path, "%s/%s", to, entry->d_name) >= (int)sizeof to_path)
            result = image_fail(note, ERR_RANGE, "path is too long", "%s", from);
        else
            result = copy_entry(s, note, from_path, to_path, depth + 1);
    }
    closedir(directory);
    return result;
}

static struct result copy_entry(struct staging *s, struct image_note *note, const char *from,
                                const char *to, int depth)
{
    struct stat st;
    if (lstat(from, &st) != 0)
        return image_fail_errno(note, from, "cannot open");
    if (S_ISDIR(st.st_mode))
        return copy_directory(s, note, from, to, depth);
    if (!S_ISLNK(st.st_mode))
        return staging_copy_file(s, note, from, to, UINT32_MAX);
    char target[PATH_MAX];
    ssize_t size = readlink(from, target, sizeof target - 1);
    if (size < 0)
        return image_fail_errno(note, from, "cannot read link");
    target[size] = 0;
    return make_link(s, note, to, target);
}

struct result staging_copy_tree(struct staging *s, struct image_note *note, const char *from,
                                const char *to)
{
    return copy_directory(s, note, from, strcmp(to, "/") == 0 ? "" : to, 0);
}

struct result staging_open(const struct staging *s, struct image_note *note, const char *path,
                           int *ret_fd)
{
    int fd = open_inside(s, path, O_RDONLY, 0);
    if (fd < 0)
        return image_fail_errno(note, path, "cannot open in the image");
    *ret_fd = fd;
    return RESULT_OK;
}

bool staging_exists(const struct staging *s, const char *path)
{
    int fd = open_inside(s, path, O_PATH, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}
