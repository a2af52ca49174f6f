// SPDX-License-Identifier: Apache-2.0
// POSIX threads: create, join, mutex, condition, barrier, rwlock, once, keys, TLS, cancellation, robust
// mutexes.
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "show.h"

#define COUNT 8

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static long counter, turn, once_count, destroyed, serial;
static __thread long mine = 5;

static void *count(void *argument)
{
    for (int i = 0; i < 20000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    mine += (long)argument;
    return (void *)mine;
}

static void *take_turns(void *argument)
{
    long me = (long)argument;
    for (int round = 0; round < 50; round++) {
        pthread_mutex_lock(&mutex);
        while (turn % COUNT != me)
            pthread_cond_wait(&changed, &mutex);
        turn++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void first(void)
{
    once_count++;
}

static void destroy(void *value)
{
    __atomic_fetch_add(&destroyed, (long)value, __ATOMIC_SEQ_CST);
}

static void *meet(void *argument)
{
    pthread_once(&once, first);
    pthread_setspecific(key, argument);
    for (int i = 0; i < 100; i++)
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            __atomic_fetch_add(&serial, 1, __ATOMIC_SEQ_CST);
    pthread_rwlock_rdlock(&rwlock);
    long seen = counter;
    pthread_rwlock_unlock(&rwlock);
    pthread_rwlock_wrlock(&rwlock);
    counter++;
    pthread_rwlock_unlock(&rwlock);
    return (void *)(seen >= 0 ? (long)pthread_getspecific(key) : -1);
}

static long run_all(void *(*body)(void *))
{
    pthread_t thread[COUNT];
    long sum = 0;
    for (long i = 0; i < COUNT; i++) {
        int r = pthread_create(&thread[i], NULL, body, (void *)i);
        if (r)
            printf("pthread_create: %s\n", strerror(r));
    }
    for (int i = 0; i < COUNT; i++) {
        void *value;
        pthread_join(thread[i], &value);
        sum += (long)value;
    }
    return sum;
}

static void cleanup(void *argument)
{
    *(long *)argument += 1;
}

static long cleaned;

static void *wait_for_ever(void *unused)
{
    pthread_cleanup_push(cleanup, &cleaned);
    for (;;)
        pause();
    pthread_cleanup_pop(0);
    return unused;
}

static void *spin_for_ever(void *unused)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    for (;;)
        __asm__ volatile("pause");
    return unused;
}

static void cancel(const char *what, void *(*body)(void *))
{
    pthread_t thread;
    void *value;
    pthread_create(&thread, NULL, body, NULL);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    show(what, pthread_cancel(thread));
    pthread_join(thread, &value);
    show("PTHREAD_CANCELED", value == PTHREAD_CANCELED);
}

static pthread_mutex_t robust;

static void *die_with_it(void *unused)
{
    pthread_mutex_lock(&robust);
    return unused;
}

static void robust_mutex(void)
{
    pthread_mutexattr_t attr;
    pthread_t thread;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attr);
    pthread_create(&thread, NULL, die_with_it, NULL);
    pthread_join(thread, NULL);
    show("EOWNERDEAD", pthread_mutex_lock(&robust) == EOWNERDEAD);
    show("consistent", pthread_mutex_consistent(&robust));
    show("unlock", pthread_mutex_unlock(&robust));
    show("lock", pthread_mutex_lock(&robust));
    pthread_mutex_unlock(&robust);
}

static void timed(void)
{
    struct timespec t;
    sem_t s;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 20000000;
    if (t.tv_nsec >= 1000000000)
        t.tv_sec++, t.tv_nsec -= 1000000000;
    pthread_mutex_lock(&mutex);
    show("timedwait", pthread_cond_timedwait(&changed, &mutex, &t) == ETIMEDOUT);
    show("timedlock of one's own", pthread_mutex_timedlock(&mutex, &t) == ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    sem_init(&s, 0, 1);
    show("sem_wait", sem_wait(&s));
    show("sem_trywait", sem_trywait(&s));
    show("sem_timedwait", sem_timedwait(&s, &t));
    show("sem_post", sem_post(&s));
    show("sem_wait", sem_wait(&s));
}

static volatile sig_atomic_t handled_by;
static __thread int my_number;

static void note_thread(int n)
{
    (void)n;
    handled_by = my_number;
}

static volatile int go_on;

static void *be_signalled(void *unused)
{
    my_number = 42;
    go_on = 1;
    while (handled_by != 42)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    return unused;
}

static void directed_signals(void)
{
    pthread_t thread;
    signal(SIGUSR1, note_thread);
    pthread_create(&thread, NULL, be_signalled, NULL);
    while (!go_on)
        sched_yield();
    show("pthread_kill", pthread_kill(thread, SIGUSR1));
    pthread_join(thread, NULL);
    show("handled by", handled_by);
}

static void *touch_stack(void *argument)
{
    volatile char big[60000];
    for (size_t i = 0; i < sizeof big; i += 4096)
        big[i] = 1;
    return argument;
}

int main(void)
{
    show("results", run_all(count));
    show("counter", counter);
    show("own TLS", mine);
    run_all(take_turns);
    show("turns", turn);
    pthread_barrier_init(&barrier, NULL, COUNT);
    pthread_key_create(&key, destroy);
    show("keys", run_all(meet));
    show("serial threads", serial);
    show("once", once_count);
    show("destructors", destroyed);
    cancel("cancel in pause", wait_for_ever);
    show("cleaned", cleaned);
    cancel("cancel in a loop", spin_for_ever);
    robust_mutex();
    timed();
    directed_signals();
    for (int i = 0; i < 30; i++)
        run_all(touch_stack); // more threads in all than the enclave has slots
    show("many threads", 30 * COUNT);
    show("mutex trylock", pthread_mutex_trylock(&mutex));
    show("trylock twice", pthread_mutex_trylock(&mutex) == EBUSY);
    return 0;
}
