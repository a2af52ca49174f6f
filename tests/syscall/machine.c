// SPDX-License-Identifier: Apache-2.0
// getrandom, identity, limits, /proc/self and /dev: what programs ask before they start.
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "show.h"

static char buffer[65536];

static long fill(const char *path, size_t size)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    long total = 0, r;
    while (total < (long)size && (r = read(fd, buffer + total, size - (size_t)total)) > 0)
        total += r;
    close(fd);
    return total;
}

static int looks_random(long size)
{
    int seen[256] = {0}, kinds = 0;
    for (long i = 0; i < size; i++)
        kinds += seen[(unsigned char)buffer[i]]++ == 0;
    return kinds > 200;
}

static void randomness(void)
{
    show("getrandom", getrandom(buffer, 4096, 0));
    show("random", looks_random(4096));
    show("GRND_NONBLOCK", getrandom(buffer, 16, GRND_NONBLOCK));
    show("bad flags", getrandom(buffer, 16, 0x80));
    show("bad pointer", getrandom(wrong_pointer, 16, 0));
    memset(buffer, 0, 4096);
    show("/dev/urandom", fill("/dev/urandom", 4096));
    show("random", looks_random(4096));
    unsigned char *at_random = (unsigned char *)getauxval(AT_RANDOM);
    int sum = 0;
    for (int i = 0; i < 16; i++)
        sum += at_random[i];
    show("AT_RANDOM", sum > 100);
}

static void devices(void)
{
    int fd = open("/dev/null", O_RDWR);
    show("null read", read(fd, buffer, 10));
    show("null write", write(fd, buffer, 10));
    close(fd);
    fd = open("/dev/zero", O_RDWR);
    buffer[5] = 1;
    show("zero read", read(fd, buffer, 10));
    show("zero", buffer[5]);
    close(fd);
    fd = open("/dev/full", O_RDWR);
    show("full write", write(fd, buffer, 10));
    close(fd);
    struct stat st;
    show("stat", stat("/dev/null", &st));
    show("character device", S_ISCHR(st.st_mode) && st.st_rdev == 0x103);
    show("/dev/fd", access("/dev/fd/1", F_OK));
}

static void proc(void)
{
    long size = readlink("/proc/self/exe", buffer, sizeof buffer - 1);
    buffer[size > 0 ? size : 0] = 0;
    printf("exe %s\n", strrchr(buffer, '/') ? strrchr(buffer, '/') + 1 : buffer);
    size = fill("/proc/self/cmdline", sizeof buffer);
    printf("cmdline ends in %s\n",
           size > 0 && strrchr(buffer, '/') ? strrchr(buffer, '/') + 1 : "?");
    size = fill("/proc/self/maps", sizeof buffer - 1);
    buffer[size > 0 ? size : 0] = 0;
    show("maps names the stack", strstr(buffer, "[stack]") != NULL);
    unsigned long low, high, here = (unsigned long)&low;
    int inside = 0;
    for (char *line = strtok(buffer, "\n"); line; line = strtok(NULL, "\n"))
        if (sscanf(line, "%lx-%lx", &low, &high) == 2 && here >= low && here < high)
            inside = strstr(line, "rw-p") != NULL;
    show("maps has this stack", inside);
    size = fill("/proc/self/status", sizeof buffer - 1);
    buffer[size > 0 ? size : 0] = 0;
    show("status has VmRSS", strstr(buffer, "VmRSS:") != NULL);
    show("status has Threads", strstr(buffer, "Threads:\t1\n") != NULL);
    size = fill("/proc/self/stat", sizeof buffer - 1);
    buffer[size > 0 ? size : 0] = 0;
    show("stat is ours", atoi(buffer) == getpid());
    int fd = open("/data/text", O_RDONLY);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    size = readlink(path, buffer, sizeof buffer - 1);
    buffer[size > 0 ? size : 0] = 0;
    puts(buffer);
    show("open again", close(open(path, O_RDONLY)));
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        count++;
    show("descriptors", count);
    if (d)
        closedir(d);
    close(fd);
    show("/proc/meminfo", fill("/proc/meminfo", 4000) > 0);
    show("/proc/cpuinfo", fill("/proc/cpuinfo", 4000) > 0);
    show("/proc/self/absent", fill("/proc/self/absent", 10));
}

static void identity(void)
{
    struct utsname u;
    show("uname", uname(&u));
    printf("%s %s\n", u.sysname, u.machine);
    show("uid", getuid());
    show("euid", geteuid());
    show("gid", getgid());
    show("parent", getppid() >= 0);
    show("pid is tid", getpid() == gettid());
    show("page size", sysconf(_SC_PAGESIZE));
    show("AT_PAGESZ", (long)getauxval(AT_PAGESZ));
    show("AT_SECURE", (long)getauxval(AT_SECURE));
    cpu_set_t set;
    ok("affinity", sched_getaffinity(0, sizeof set, &set));
    show("processors", CPU_COUNT(&set) >= 1 && sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    show("getcpu", sched_getcpu() >= 0);
    struct rlimit limit;
    show("RLIMIT_NOFILE", getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = 64;
    show("set", setrlimit(RLIMIT_NOFILE, &limit));
    show("beyond", dup2(1, 64));
    show("RLIMIT_STACK", getrlimit(RLIMIT_STACK, &limit));
    struct sysinfo info;
    show("sysinfo", sysinfo(&info));
    show("memory", info.totalram > 1000);
    show("PR_SET_NAME", prctl(PR_SET_NAME, "a name"));
    show("PR_GET_NAME", prctl(PR_GET_NAME, buffer));
    puts(buffer);
    show("priority", getpriority(PRIO_PROCESS, 0));
    umask(077);
    show("umask", umask(022));
}

int main(void)
{
    randomness();
    devices();
    proc();
    identity();
    return 0;
}
