// SPDX-License-Identifier: Apache-2.0
// Time as the program passes it in and out: timespec and timeval records, deadlines on CLOCK_MONOTONIC.
#ifndef KERNEL_CLOCK_H
#define KERNEL_CLOCK_H

#include <linux/time.h>
#include <linux/time_types.h>

#include "kernel/lib/lib.h"

#define NS_PER_S 1000000000ull

long timespec_from_user(uint64_t user,
                        uint64_t *ret_ns); // -EFAULT; -EINVAL for a bad or negative time
long timespec_to_user(uint64_t user, uint64_t ns);
long timeval_from_user(uint64_t user, uint64_t *ret_ns);
uint64_t deadline_after(uint64_t ns); // saturates below NEVER
uint64_t deadline_from_realtime(uint64_t realtime_ns);
uint64_t boot_realtime_ns(void);
// ITIMER_REAL; both give what was left.
uint64_t alarm_set(uint64_t value_ns, uint64_t interval_ns, uint64_t *ret_old_interval);
uint64_t alarm_get(uint64_t *ret_interval);

#endif
