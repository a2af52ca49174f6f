// SPDX-License-Identifier: Apache-2.0
#include "kernel/hostcall/call.h"

#include "abi/linux/errno.h"
#include "kernel/hostcall/hostcall.h"

static struct host_ptr field(const struct hostcall *call, size_t offset)
{
    return (struct host_ptr){(uint64_t)call->area + offset};
}

static struct host_ptr arg_word(const struct hostcall *call, uint32_t index)
{
    return field(call, offsetof(struct hostcall_area, arg) + index * sizeof(uint64_t));
}

static struct host_ptr data_at(const struct hostcall *call, uint32_t offset)
{
    return field(call, offsetof(struct hostcall_area, data) + offset);
}

struct hostcall hostcall_begin(uint64_t number)
{
    struct hostcall call = {.area = hostcall_area_current()};
    host_store(field(&call, offsetof(struct hostcall_area, number)), number);
    return call;
}

void hostcall_put_number(struct hostcall *call, uint64_t value)
{
    host_store(arg_word(call, call->arg_count++), value);
}

struct hostcall_out hostcall_put_out(struct hostcall *call, size_t capacity)
{
    struct hostcall_out out = {call->arg_count, call->data_used, capacity};
    hostcall_put_number(call, (uint64_t)out.offset << 32 | capacity);
    call->data_used += (uint32_t)((capacity + 7) & ~(size_t)7);
    return out;
}

void hostcall_put_in(struct hostcall *call, const void *data, size_t size)
{
    struct hostcall_out place = hostcall_put_out(call, size);
    host_copy_out(data_at(call, place.offset), data, size);
}

long hostcall_finish(const uint8_t *errors, size_t error_count, uint64_t max)
{
    long ret = hostcall_leave();
    if (ret >= 0)
        return (uint64_t)ret <= max ? ret : -EIO;
    for (size_t i = 0; i < error_count; i++)
        if (ret == -(long)errors[i])
            return ret;
    return -EIO;
}

bool hostcall_out_size(const struct hostcall *call, struct hostcall_out out, size_t *ret_size)
{
    uint64_t size = host_load(arg_word(call, out.arg_index)) & 0xffffffffu;
    if (size > out.capacity)
        return false;
    *ret_size = size;
    return true;
}

void hostcall_take_out(const struct hostcall *call, struct hostcall_out out, void *dst, size_t size)
{
    host_copy_in(dst, data_at(call, out.offset), size);
}
