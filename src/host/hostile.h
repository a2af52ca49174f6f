// SPDX-License-Identifier: Apache-2.0
// A host that lies, for tests: from a seed, answers that the kernel must survive. The lies follow
// the table of host calls (host/shapes.h): wrong results and sizes, errno values that no call has,
// earlier answers again, and words that change while the kernel reads them.
#ifndef HOST_HOSTILE_H
#define HOST_HOSTILE_H

#include <stdint.h>

#include "abi/hostcall/hostcall.h"
#include "base/result.h"

struct host_hostile;

// One answer in `rate` is a lie (1: all). `late`: with a thread that changes areas while they are
// read.
struct result host_hostile_new(uint64_t seed, uint32_t rate, bool late, struct host_hostile **ret);
void host_hostile_free(struct host_hostile *h);

// Spoils, or leaves as it is, the answer to `number` that stands in `area`. Callable from several
// threads.
void host_hostile_answer(struct host_hostile *h, uint64_t number, struct hostcall_area *area);

#endif
