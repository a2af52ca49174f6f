// SPDX-License-Identifier: Apache-2.0
// Clocks go forward, agree, and sleeps last as long as they say.
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "show.h"

static int64_t now(clockid_t id)
{
    struct timespec t = {0, 0};
    if (clock_gettime(id, &t) != 0)
        return -1;
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(void)
{
    static const clockid_t ids[] = {CLOCK_REALTIME,           CLOCK_MONOTONIC,
                                    CLOCK_PROCESS_CPUTIME_ID, CLOCK_BOOTTIME,
                                    CLOCK_MONOTONIC_RAW,      CLOCK_REALTIME_COARSE,
                                    CLOCK_MONOTONIC_COARSE,   CLOCK_THREAD_CPUTIME_ID};
    struct timespec t, left;
    for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
        int64_t last = now(ids[i]), back = 0;
        for (int n = 0; n < 5000; n++) {
            int64_t next = now(ids[i]);
            back += next < last;
            last = next;
        }
        printf("clock %d: %s, backwards %ld\n", (int)ids[i], last >= 0 ? "ok" : "error",
               (long)back);
    }
    show("bad clock", clock_gettime(77, &t));
    show("clock_getres", clock_getres(CLOCK_MONOTONIC, &t));
    show("bad pointer", syscall(SYS_clock_gettime, CLOCK_MONOTONIC, wrong_pointer));
    struct timeval tv;
    gettimeofday(&tv, NULL);
    show("gettimeofday agrees",
         llabs(now(CLOCK_REALTIME) / 1000 - (tv.tv_sec * 1000000ll + tv.tv_usec)) < 1000000);
    show("time agrees", llabs(time(NULL) - now(CLOCK_REALTIME) / 1000000000) <= 1);
    show("this century", time(NULL) > 1700000000);
    int64_t before = now(CLOCK_MONOTONIC);
    t = (struct timespec){0, 30000000};
    show("nanosleep", nanosleep(&t, &left));
    int64_t slept = now(CLOCK_MONOTONIC) - before;
    show("long enough", slept >= 30000000);
    show("not for ever", slept < 2000000000);
    before = now(CLOCK_MONOTONIC) + 20000000;
    t = (struct timespec){before / 1000000000, before % 1000000000};
    show("until", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
    show("not early", now(CLOCK_MONOTONIC) >= before);
    t = (struct timespec){0, 1000000000};
    show("bad sleep", nanosleep(&t, NULL));
    show("usleep", usleep(1000));
    struct rusage usage;
    volatile long sum = 0;
    for (long i = 0; i < 20000000; i++)
        sum += i;
    show("getrusage", getrusage(RUSAGE_SELF, &usage));
    show("time was used", usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec > 1000);
    show("memory was used", usage.ru_maxrss > 100);
    struct tms tms;
    ok("times", times(&tms));
    struct tm tm;
    t.tv_sec = 86400 * 365;
    char text[40];
    strftime(text, sizeof text, "%F %T", gmtime_r(&t.tv_sec, &tm));
    puts(text);
    return 0;
}
