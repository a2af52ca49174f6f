// SPDX-License-Identifier: Apache-2.0
// Does what its arguments say, one call each, and prints what each gave: regions.py knows what it must be.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/device.h"

static const char *outcome(long r)
{
    return r < 0 ? strerrorname_np(errno) : "ok";
}

static const char *read_text(const char *path)
{
    static char text[4096];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n < 0)
        return strerrorname_np(errno);
    close(fd);
    text[n] = 0;
    text[strcspn(text, "\n")] = 0;
    return text;
}

static const char *write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    long n = fd < 0 ? -1 : write(fd, text, strlen(text));
    const char *result = outcome(n);
    if (fd >= 0)
        close(fd);
    return result;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *list(const char *path)
{
    static char text[8192];
    char *names[256];
    size_t count = 0;
    DIR *d = opendir(path);
    if (!d)
        return strerrorname_np(errno);
    for (struct dirent *e; (e = readdir(d)) && count < 256;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            names[count++] = strdup(e->d_name);
    closedir(d);
    qsort(names, count, sizeof *names, by_name);
    text[0] = 0;
    for (size_t i = 0; i < count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, names[i]);
    }
    return text;
}

static const char *key(const char *path, const char *hex)
{
    struct device_volume v = {.flags = 0};
    snprintf(v.path, sizeof v.path, "%s", path);
    for (int i = 0; i < 32; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        v.key[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    int fd = open("/dev/cloister", O_RDWR);
    const char *result = outcome(fd < 0 ? -1 : ioctl(fd, DEVICE_VOLUME, &v));
    close(fd);
    return result;
}

// All of a file by small and large reads, by offset, and by mmap: one checksum, or "differs".
static const char *sum(const char *path)
{
    static char text[32];
    static unsigned char a[1 << 20], piece[5000];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, a, sizeof a);
    if (n < 0)
        return strerrorname_np(errno);
    unsigned s = 0;
    for (ssize_t i = 0; i < n; i++)
        s = s * 31 + a[i];
    for (ssize_t at = n - n % 777; at >= 0; at -= 777) {
        ssize_t got = pread(fd, piece, sizeof piece, at);
        if (got < 0 || memcmp(piece, a + at, (size_t)got) != 0)
            return "differs";
    }
    unsigned char *map = mmap(NULL, (size_t)n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (n && (map == MAP_FAILED || memcmp(map, a, (size_t)n) != 0))
        return "differs";
    close(fd);
    snprintf(text, sizeof text, "%zd/%08x", n, s);
    return text;
}

// Reads it all in pages, in vain.
static const char *scan(const char *path)
{
    static char page[4096];
    int fd = open(path, O_RDONLY);
    long n = fd < 0 ? -1 : 1;
    while (n > 0)
        n = read(fd, page, sizeof page);
    close(fd);
    return outcome(n);
}

static const char *stat_text(const char *path)
{
    static char text[64];
    struct stat st;
    if (lstat(path, &st) < 0)
        return strerrorname_np(errno);
    snprintf(text, sizeof text, "%o", st.st_mode);
    return text;
}

static const char *cwd(void)
{
    static char text[4096];
    return getcwd(text, sizeof text) ? text : strerrorname_np(errno);
}

// To see whether an execution is refused: where it is not, this program starts again without arguments.
static const char *run(const char *path)
{
    execl(path, path, (char *)NULL);
    return strerrorname_np(errno);
}

static const char *map_executable(const char *path)
{
    int fd = open(path, O_RDONLY);
    void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    return outcome(p == MAP_FAILED ? -1 : 0);
}

static const char *wait_line(void)
{
    char line[16];
    return fgets(line, sizeof line, stdin) ? "ok" : "end";
}

int main(int argc, char **argv)
{
    if (argc == 1)
        puts("started again");
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *a = i + 1 < argc ? argv[i + 1] : "";
        const char *b = i + 2 < argc ? argv[i + 2] : "";
        int used = 1;
        const char *result = "?";
#define CASE(name, count, expression) \
    if (strcmp(word, name) == 0) {    \
        used = count;                 \
        result = expression;          \
    }
        CASE("read", 1, read_text(a))
        CASE("write", 2, write_text(a, b))
        CASE("list", 1, list(a))
        CASE("stat", 1, stat_text(a))
        CASE("sum", 1, sum(a))
        CASE("scan", 1, scan(a))
        CASE("mkdir", 1, outcome(mkdir(a, 0755)))
        CASE("rmdir", 1, outcome(rmdir(a)))
        CASE("unlink", 1, outcome(unlink(a)))
        CASE("link", 2, outcome(link(a, b)))
        CASE("symlink", 2, outcome(symlink(a, b)))
        CASE("rename", 2, outcome(rename(a, b)))
        CASE("chdir", 1, outcome(chdir(a)))
        CASE("cwd", 0, cwd())
        CASE("exec", 1, run(a))
        CASE("mapx", 1, map_executable(a))
        CASE("key", 2, key(a, b))
        CASE("pause", 0, wait_line())
        printf("%s", word);
        for (int k = 0; k < used && strcmp(word, "key") != 0; k++)
            printf(" %s", argv[i + 1 + k]);
        printf(": %s\n", result);
        fflush(stdout);
        i += used;
    }
    return 0;
}
