// SPDX-License-Identifier: Apache-2.0
// A host that lies, for tests: from a seed, answers that the kernel must survive. The lies follow
// the table of host calls (host/shapes.h): wrong results and sizes, errno values that no call has,
// earlier answers again, words that change while the kernel reads them, and bytes of the image that do.
// It also looks for secrets: CLOISTER_HOSTILE_CANARY (64 hex digits) must not be in anything the enclave
// hands out.
#ifndef HOST_HOSTILE_H
#define HOST_HOSTILE_H

#include <stdint.h>
#include <stdio.h>

#include "abi/hostcall/hostcall.h"
#include "base/result.h"

struct host_hostile;

// One answer in `rate` is a lie (1: all). `late`: with a thread that changes areas while they are
// read.
struct result host_hostile_new(uint64_t seed, uint32_t rate, bool late, struct host_hostile **ret);
void host_hostile_free(struct host_hostile *h);

// The image file's mapping, so that bytes of it change between its reads. Before the first answer.
void host_hostile_image(struct host_hostile *h, const void *image, size_t size);
// One line: how many lies of each call were told, and in which calls the canary came out.
void host_hostile_report(struct host_hostile *h, FILE *out);

// Spoils, or leaves as it is, the answer to `number` that stands in `area`. Callable from several
// threads.
void host_hostile_answer(struct host_hostile *h, uint64_t number, struct hostcall_area *area);

#endif
