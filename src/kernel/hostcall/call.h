// SPDX-License-Identifier: Apache-2.0
// The pieces that the generated stubs (kernel/hostcall/stubs.c) are made of: one host call is
// begin, a put for each argument in order, finish, and a take for each output. Only stubs use
// this.
//
// - The stub has bounded every size by the table's limits, whose sum fits the area's data.
// - finish() leaves the enclave and maps the answer to 0 … max or an errno of the list.
#ifndef KERNEL_HOSTCALL_CALL_H
#define KERNEL_HOSTCALL_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/hostcall/hostcall.h"

struct hostcall {
    struct hostcall_area *area;
    uint32_t arg_count;
    uint32_t data_used;
};

// Where an output lies in the area, as the kernel knows it; the area's own word is not asked again.
struct hostcall_out {
    uint32_t arg_index;
    uint32_t offset;
    size_t capacity;
};

struct hostcall hostcall_begin(uint64_t number);
void hostcall_put_number(struct hostcall *call, uint64_t value);
void hostcall_put_in(struct hostcall *call, const void *data, size_t size);
struct hostcall_out hostcall_put_out(struct hostcall *call, size_t capacity);
// `errors`: the numbers that the host may answer with. Any answer but these and 0 … max is -EIO.
long hostcall_finish(const uint8_t *errors, size_t error_count, uint64_t max);
// The size that the host's argument word gives; false when it exceeds the capacity.
bool hostcall_out_size(const struct hostcall *call, struct hostcall_out out, size_t *ret_size);
void hostcall_take_out(const struct hostcall *call, struct hostcall_out out, void *dst,
                       size_t size);

#endif
