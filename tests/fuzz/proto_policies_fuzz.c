// must reach: proto_identity_read proto_sms_policy_read proto_identity_write params_parse net_url_parse
// SPDX-License-Identifier: Apache-2.0
// The two policy files, a deal's params and a URL. What is read as an identity can be written and is
// read again
// as the same.
#include <stdlib.h>
#include <string.h>

#include "os/net.h"
#include "proto/trust.h"
#include "sms/params.h"

static void identity(struct span in)
{
    struct proto_identity id, again;
    char *text;
    if (!is_ok(proto_identity_read(in, &id)) || !is_ok(proto_identity_write(&id, &text)))
        return;
    if (!is_ok(proto_identity_read(SPAN(text, strlen(text)), &again)) ||
        memcmp(&id.enclave, &again.enclave, sizeof id.enclave) != 0 ||
        memcmp(id.configid, again.configid, sizeof id.configid) != 0 ||
        id.trust.root_count != again.trust.root_count || id.trust.intel != again.trust.intel)
        abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct params params;
    struct proto_sms_policy policy;
    struct net_url url;
    identity(SPAN(data, size));
    (void)!is_ok(proto_sms_policy_read(SPAN(data, size), &policy));
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    (void)!is_ok(params_parse(text, &params));
    (void)!is_ok(net_url_parse(text, &url));
    free(text);
    return 0;
}
