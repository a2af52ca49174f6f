// SPDX-License-Identifier: Apache-2.0
// Times of reads, stat, open and readdir below a directory: files DIR WORD …, one line a word: nanoseconds a call, or for
// reads of whole files bytes a second, of each round. The same binary runs natively and in the enclave.
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "abi/device.h"

#define ROUNDS 5
#define NAMES  1000

static const char *top;
static char path[4096];
static char buffer[1 << 17];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int open_file(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", top, name);
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        perror(path);
        exit(3);
    }
    return fd;
}

static off_t size_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        exit(3);
    return st.st_size;
}

// Seconds for all of the file in pieces, in order or not.
static double read_all(int fd, size_t piece, int random, off_t limit)
{
    off_t size = size_of(fd);
    size_t count = (size_t)((limit && limit < size ? limit : size) / (off_t)piece);
    uint64_t x = 88172645463325252ull;
    double start = now();
    for (size_t i = 0; i < count; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        off_t at = (off_t)(random ? x % (uint64_t)(size / (off_t)piece) : i) * (off_t)piece;
        if (pread(fd, buffer, piece, at) != (ssize_t)piece)
            exit(3);
    }
    return (now() - start) / (double)count;
}

// A file that is larger than the enclave's cache: read on, nothing of it is there when its turn comes; at random, a third
// is. Linux has it all in its own cache.
static void cold(size_t piece, int random)
{
    int fd = open_file("large");
    for (int i = 0; i < 3; i++)
        printf(" %.1f", (double)piece / read_all(fd, piece, random, random ? 16 << 20 : 0) / 1e6);
    close(fd);
}

static void cached(size_t piece, int random)
{
    int fd = open_file("small");
    read_all(fd, sizeof buffer, 0, 0);
    for (int i = 0; i < ROUNDS; i++) {
        double best = 1e9;
        for (int k = 0; k < 8; k++) {
            double t = read_all(fd, piece, random, 0);
            best = t < best ? t : best;
        }
        printf(" %.1f", best * 1e9);
    }
    close(fd);
}

static void each_name(int opening)
{
    for (int i = 0; i < ROUNDS; i++) {
        double start = now();
        for (int k = 0; k < NAMES; k++) {
            struct stat st;
            snprintf(path, sizeof path, "%s/names/name-%d", top, k);
            if (opening) {
                int fd = open(path, O_RDONLY);
                if (fd < 0 || close(fd) != 0)
                    exit(3);
            } else if (stat(path, &st) != 0) {
                exit(3);
            }
        }
        printf(" %.1f", (now() - start) / NAMES * 1e9);
    }
}

static void list(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        unsigned count = 0;
        double start = now();
        snprintf(path, sizeof path, "%s/names", top);
        DIR *d = opendir(path);
        while (d && readdir(d))
            count++;
        if (count != NAMES + 2)
            exit(3);
        closedir(d);
        printf(" %.1f", (now() - start) / count * 1e9);
    }
}

// key:PATH:HEX gives an encrypted region its key.
static void give_key(const char *text)
{
    struct device_volume v = {.flags = 0};
    const char *hex = strchr(text, ':');
    int fd = open("/dev/cloister", O_RDWR);
    snprintf(v.path, sizeof v.path, "%.*s", (int)(hex - text), text);
    for (int i = 0; i < 32; i++) {
        char digits[3] = {hex[1 + 2 * i], hex[2 + 2 * i], 0};
        v.key[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    if (fd < 0 || ioctl(fd, DEVICE_VOLUME, &v) != 0) {
        perror("key");
        exit(3);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    top = argc > 1 ? argv[1] : "/";
    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], "key:", 4) == 0) {
            give_key(argv[i] + 4);
            continue;
        }
        printf("%s", argv[i]);
        if (strncmp(argv[i], "cold-", 5) == 0)
            cold(strstr(argv[i], "128k") ? 131072 : 4096, strstr(argv[i], "random") != NULL);
        else if (strncmp(argv[i], "cached-", 7) == 0)
            cached(strstr(argv[i], "128k") ? 131072 : 4096, strstr(argv[i], "random") != NULL);
        else if (strcmp(argv[i], "list") == 0)
            list();
        else
            each_name(strcmp(argv[i], "open") == 0);
        putchar('\n');
    }
    return 0;
}
