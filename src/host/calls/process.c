// SPDX-License-Identifier: Apache-2.0
#include "host/calls/calls.h"

#include <semaphore.h>
#include <sys/timerfd.h>
#include <unistd.h>

long hostcall_do_exit_process(struct host_thread *t, int32_t status)
{
    host_finish(t->host, HOST_EXITED, (uint32_t)status & 0xff);
}

long hostcall_do_thread_spawn(struct host_thread *t, uint32_t slot)
{
    return host_thread_start(t->host, slot);
}

long hostcall_do_thread_exit(struct host_thread *t)
{
    t->exiting = true;
    return 0;
}

long hostcall_do_unpark(struct host_thread *t, uint32_t slot)
{
    return host_thread_wake(t->host, slot, false);
}

long hostcall_do_kick(struct host_thread *t, uint32_t slot)
{
    return host_thread_wake(t->host, slot, true);
}

long hostcall_do_timer_set(struct host_thread *t, uint64_t deadline_ns)
{
    struct itimerspec when = {
        .it_value = {(time_t)(deadline_ns / 1000000000u), (long)(deadline_ns % 1000000000u)},
    };
    return calls_answer(timerfd_settime(t->host->timer_fd, TFD_TIMER_ABSTIME, &when, NULL));
}

long hostcall_do_lock_wait(struct host_thread *t)
{
    while (sem_wait(&t->host->kernel_lock) < 0)
        continue;
    return 0;
}

long hostcall_do_lock_wake(struct host_thread *t)
{
    return calls_answer(sem_post(&t->host->kernel_lock));
}

long hostcall_do_log(struct host_thread *t, const void *text, size_t text_size)
{
    (void)t;
    (void)!write(STDERR_FILENO, text, text_size);
    return 0;
}
