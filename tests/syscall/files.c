// SPDX-License-Identifier: Apache-2.0
// Files and directories of a writable region: open, read, write, seek, truncate, links, rename,
// listing, modes.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "show.h"

static char buffer[8192];

static void basics(void)
{
    show("open absent", open("absent", O_RDONLY));
    int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0640);
    ok("create", fd);
    show("create again", open("file", O_RDWR | O_CREAT | O_EXCL, 0640));
    show("write", write(fd, "hello world\n", 12));
    show("lseek end", lseek(fd, 0, SEEK_END));
    show("lseek set", lseek(fd, 6, SEEK_SET));
    show("lseek negative", lseek(fd, -1, SEEK_SET));
    show("read", read(fd, buffer, 100));
    printf("%.6s", buffer);
    show("read at end", read(fd, buffer, 100));
    show("pwrite behind the end", pwrite(fd, "x", 1, 9999));
    struct stat st;
    show("fstat", fstat(fd, &st));
    printf("size %ld mode %o links %ld regular %d\n", (long)st.st_size, st.st_mode & 07777,
           (long)st.st_nlink, S_ISREG(st.st_mode));
    show("pread hole", pread(fd, buffer, 4, 5000));
    printf("hole is zero: %d\n", buffer[0] == 0 && buffer[3] == 0);
    show("SEEK_CUR", lseek(fd, 0, SEEK_CUR));
    show("ftruncate", ftruncate(fd, 5));
    show("pread behind", pread(fd, buffer, 10, 5));
    show("ftruncate larger", ftruncate(fd, 50));
    show("pread", pread(fd, buffer, 100, 0));
    printf("cut bytes are zero: %d\n", buffer[5] == 0 && buffer[49] == 0);
    struct iovec v[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
    show("pwritev", pwritev(fd, v, 3, 1));
    struct iovec in[2] = {{buffer, 2}, {buffer + 100, 10}};
    show("preadv", preadv(fd, in, 2, 0));
    printf("%.2s %.4s\n", buffer, buffer + 100);
    show("fsync", fsync(fd));
    show("fdatasync", fdatasync(fd));
    show("read to a wrong pointer", pread(fd, wrong_pointer, 10, 0));
    show("close", close(fd));
    show("close again", close(fd));
    fd = open("file", O_WRONLY | O_APPEND);
    show("read of write-only", read(fd, buffer, 1));
    show("append", write(fd, "end", 3));
    show("offset after append", lseek(fd, 0, SEEK_CUR));
    close(fd);
    fd = open("file", O_RDONLY);
    show("write of read-only", write(fd, "x", 1));
    int copy = dup(fd);
    lseek(copy, 7, SEEK_SET);
    show("dup shares the offset", lseek(fd, 0, SEEK_CUR));
    show("dup2", dup2(fd, 40));
    show("F_DUPFD", fcntl(fd, F_DUPFD, 50));
    show("F_DUPFD_CLOEXEC", fcntl(fd, F_DUPFD_CLOEXEC, 60));
    show("F_GETFD", fcntl(60, F_GETFD));
    show("dup2 of closed", dup2(99, 5));
    show("F_GETFL", fcntl(fd, F_GETFL) & O_ACCMODE);
    close(fd);
    close(copy);
    show("open O_TRUNC", close(open("file", O_WRONLY | O_TRUNC)));
    stat("file", &st);
    show("size", st.st_size);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
    char *names[200];
    int count = 0;
    DIR *d = opendir(path);
    if (!d) {
        printf("opendir %s: %s\n", path, strerror(errno));
        return;
    }
    for (struct dirent *e; (e = readdir(d)) && count < 200;) {
        if (asprintf(&names[count], "%s/%d", e->d_name, e->d_type) >= 0)
            count++;
    }
    closedir(d);
    qsort(names, (size_t)count, sizeof *names, by_name);
    printf("%s:", path);
    for (int i = 0; i < count; i++)
        printf(" %s", names[i]);
    printf("\n");
}

static void directories(void)
{
    show("mkdir", mkdir("d", 0755));
    show("mkdir again", mkdir("d", 0755));
    show("mkdir under absent", mkdir("no/where", 0755));
    show("mkdir under a file", mkdir("file/x", 0755));
    show("symlink", symlink("d/target", "link"));
    show("open a dangling link", open("link", O_RDONLY));
    show("create through the link", close(open("link", O_WRONLY | O_CREAT, 0600)));
    show("O_NOFOLLOW", open("link", O_RDONLY | O_NOFOLLOW));
    show("readlink", readlink("link", buffer, 3));
    show("readlink of a file", readlink("file", buffer, 3));
    show("link", link("file", "d/hard"));
    show("link of a directory", link("d", "d2"));
    struct stat a, b;
    stat("file", &a);
    stat("d/hard", &b);
    printf("one inode %d links %ld\n", a.st_ino == b.st_ino, (long)a.st_nlink);
    lstat("link", &a);
    printf("link size %ld symlink %d\n", (long)a.st_size, S_ISLNK(a.st_mode));
    list(".");
    list("d");
    list("file");
    show("rename", rename("d/hard", "d/soft"));
    show("rename over", rename("d/soft", "d/target"));
    show("rename absent", rename("d/absent", "d/x"));
    show("rename into itself", rename("d", "d/inside"));
    show("rename file over directory", rename("file", "d"));
    show("rmdir full", rmdir("d"));
    show("unlink of a directory", unlink("d") < 0 && (errno == EISDIR || errno == EPERM));
    show("rmdir of a file", rmdir("file"));
    show("chdir", chdir("d"));
    printf("cwd ends in %s\n", strrchr(getcwd(buffer, sizeof buffer), '/'));
    show("getcwd too small", getcwd(buffer, 2) ? 0 : -1);
    list("..");
    show("chdir ..", chdir(".."));
    int d = open("d", O_RDONLY | O_DIRECTORY);
    show("O_DIRECTORY of a file", open("file", O_DIRECTORY));
    show("write a directory", open("d", O_WRONLY));
    show("openat", close(openat(d, "target", O_RDONLY)));
    show("mkdirat", mkdirat(d, "e", 0700));
    show("unlinkat AT_REMOVEDIR", unlinkat(d, "e", AT_REMOVEDIR));
    show("fstatat", fstatat(d, "target", &a, 0));
    show("faccessat", faccessat(d, "target", R_OK, 0));
    show("read a directory", read(d, buffer, 10));
    show("fchdir", fchdir(d));
    show("unlink", unlink("target"));
    show("chdir ..", chdir(".."));
    show("rmdir", rmdir("d"));
    show("fstat of the removed", fstat(d, &a));
    show("links of the removed", (long)a.st_nlink);
    close(d);
    list(".");
}

static void metadata(void)
{
    struct stat st;
    umask(027);
    close(open("masked", O_CREAT | O_WRONLY, 0666));
    stat("masked", &st);
    printf("mode %o\n", st.st_mode & 07777);
    show("chmod", chmod("masked", 0751));
    stat("masked", &st);
    printf("mode %o\n", st.st_mode & 07777);
    show("access absent", access("nothing", F_OK));
    show("access", access("masked", X_OK));
    struct timespec t[2] = {{1000000000, 5}, {1234567890, 123456789}};
    show("utimensat", utimensat(AT_FDCWD, "masked", t, 0));
    stat("masked", &st);
    printf("mtime %ld.%09ld\n", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    show("truncate", truncate("masked", 100000));
    stat("masked", &st);
    printf("size %ld\n", (long)st.st_size);
    struct statfs fs;
    ok("statfs", statfs(".", &fs));
    ok("fstatfs of a bad descriptor", fstatfs(999, &fs));
    int fd = open("masked", O_RDWR);
    show("posix_fallocate", posix_fallocate(fd, 0, 200000));
    fstat(fd, &st);
    printf("size %ld\n", (long)st.st_size);
    show("unlink while open", unlink("masked"));
    show("write after unlink", pwrite(fd, "kept", 4, 150000));
    show("read after unlink", pread(fd, buffer, 4, 150000));
    close(fd);
    memset(buffer, 'n', 300);
    buffer[300] = 0;
    show("name too long", open(buffer, O_CREAT | O_WRONLY, 0600));
    show("empty path", open("", O_RDONLY));
    symlink("loop2", "loop1");
    symlink("loop1", "loop2");
    show("loop", open("loop1", O_RDONLY));
}

static void read_only_root(void)
{
    show("open of the program", close(open("/cloister-conformance", O_RDONLY)));
    int fd = open("/data/text", O_RDONLY);
    memset(buffer, 0, sizeof buffer);
    show("read of the image", read(fd, buffer, sizeof buffer));
    printf("%s", buffer);
    close(fd);
    struct stat st;
    show("stat", stat("/data/text", &st));
    printf("size %ld mode %o\n", (long)st.st_size, st.st_mode & 07777);
    list("/data");
}

int main(void)
{
    umask(022);
    char place[] = "/tmp/files-XXXXXX";
    if (!mkdtemp(place) || chdir(place) != 0) {
        perror(place);
        return 1;
    }
    basics();
    directories();
    metadata();
    read_only_root();
    return 0;
}
