// SPDX-License-Identifier: Apache-2.0
#include "proto/binding.h"

#include <string.h>

#include "crypto/sha256.h"

#define LABEL "cloister-ra-v1"

static void field(struct sha256_ctx *c, struct span value)
{
    uint8_t size[4];
    store_le32(size, (uint32_t)value.size);
    sha256_update(c, size, sizeof size);
    if (value.size)
        sha256_update(c, value.data, value.size);
}

void proto_reportdata(const struct proto_binding *binding, uint8_t ret[PROTO_REPORTDATA_SIZE])
{
    struct sha256_ctx c;
    uint8_t version[4];
    store_le32(version, PROTO_VERSION);
    sha256_init(&c);
    field(&c, SPAN_STR(LABEL));
    field(&c, SPAN(binding->role, strlen(binding->role)));
    field(&c, SPAN_OF(version));
    field(&c, binding->nonce);
    field(&c, binding->exporter);
    field(&c, binding->session);
    field(&c, binding->task);
    field(&c, binding->payload);
    sha256_final(&c, ret);
    memset(ret + SHA256_SIZE, 0, PROTO_REPORTDATA_SIZE - SHA256_SIZE);
}
