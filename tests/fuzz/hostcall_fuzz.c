// Must reach: hostcall_finish hostcall_out_size hostcall_take_out host_copy_in
// SPDX-License-Identifier: Apache-2.0
// The host's answer to a host call is the input: call number (1 byte), six sizes (2 bytes each),
// the area's head as the host leaves it (56 bytes), data.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/host/stubs_kernel.h"
#include "host/shapes.h"

#define FRAME_SIZE  (1 + 2 * HOSTCALL_ARGS_MAX + 56)
#define BUFFER_SIZE (65536u + 8)
#define CANARY      0xa5

static struct hostcall_area area;
static uint8_t buffers[HOSTCALL_ARGS_MAX][BUFFER_SIZE];
static const uint8_t *answer;
static size_t answer_size; // of the data behind the head

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer_from_input(uint64_t number)
{
    (void)number;
    memcpy(area.arg, answer, 48);
    memcpy(&area.ret, answer + 48, 8);
    memcpy(area.data, answer + 56, answer_size);
}

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static bool listed(const struct hostcall_shape *shape, long ret)
{
    for (unsigned i = 0; i < shape->error_count; i++)
        if (ret == -(long)shape->errors[i])
            return true;
    return ret == -EIO || ret == -EINVAL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < FRAME_SIZE || size > FRAME_SIZE + HOSTCALL_DATA_SIZE)
        return 0;
    uint32_t number = data[0] % (HOSTCALL_COUNT + 1);
    const struct hostcall_shape *shape = &hostcall_shapes[number];
    struct exercise_arg args[HOSTCALL_ARGS_MAX] = {0};
    for (unsigned i = 0; i < shape->arg_count; i++) {
        args[i].size = data[1 + 2 * i] | (size_t)data[2 + 2 * i] << 8;
        args[i].data = buffers[i];
        memset(buffers[i], CANARY, args[i].size + 8);
    }
    stubs_area = &area;
    stubs_host = answer_from_input;
    answer = data + FRAME_SIZE - 56;
    answer_size = size - FRAME_SIZE;
    long ret = hostcall_exercise(number, args);
    expect(ret >= 0 || listed(shape, ret) || ret == -ENOSYS);
    for (unsigned i = 0; i < shape->arg_count; i++) {
        if (ret < 0 || shape->args[i].kind == SHAPE_IN || shape->args[i].kind == SHAPE_NUMBER)
            args[i].used = 0;
        expect(args[i].used <= args[i].size);
        for (size_t k = args[i].used; k < args[i].size + 8; k++)
            expect(buffers[i][k] == CANARY);
    }
    if (ret >= 0 && shape->subject >= 0)
        expect((size_t)ret <= args[shape->subject].size);
    if (ret >= 0 && shape->subject < 0)
        expect((uint64_t)ret <= shape->result_max);
    return 0;
}
