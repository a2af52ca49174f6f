// must reach: sms_serve sms_secrets sms_challenge sms_attest sms_provision store_add
// SPDX-License-Identifier: Apache-2.0
// One HTTP request, head and body, into the SMS's routes: no crash, and never a 200 for a provision
// request, since
// no input here holds a genuine quote. The ledger cannot be reached.
#include <stdlib.h>
#include <string.h>

#include "sms/sms.h"

static const char policy[] =
    "{\"version\":1,\"roots\":[{\"name\":\"intel\"}],\"policy\":\"strict\",\"ledger\":{\"chain_"
    "id\":1,"
    "\"genesis\":\"1111111111111111111111111111111111111111111111111111111111111111\",\"url\":"
    "\"http://127.0.0.1:1\"},\"post_compute\":["
    "\"2222222222222222222222222222222222222222222222222222222222222222\"]}";

static struct result no_quote(void *context, const uint8_t reportdata[64], uint8_t *buffer,
                              size_t capacity, size_t *ret_size)
{
    (void)context, (void)reportdata, (void)capacity;
    buffer[0] = 0;
    *ret_size = 1;
    return RESULT_OK;
}

static struct result no_collateral(void *context, uint8_t *buffer, size_t capacity,
                                   size_t *ret_size)
{
    return no_quote(context, NULL, buffer, capacity, ret_size);
}

static struct sms *open_sms(void)
{
    static struct sms *sms;
    struct proto_quoter quoter = {NULL, no_quote, no_collateral};
    uint8_t configid[PROTO_CONFIGID_SIZE];
    if (sms)
        return sms;
    proto_sms_policy_configid(SPAN_STR(policy), configid);
    if (!is_ok(sms_open(SPAN_STR(policy), configid, ":memory:", &quoter, &sms)))
        abort();
    return sms;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sms *sms = open_sms();
    struct sms_session session = {.attested = size & 1};
    struct sms_answer answer;
    struct http_head head;
    size_t head_size;
    if (!is_ok(http_head_size(SPAN(data, size), &head_size)) ||
        !is_ok(http_request_parse(SPAN(data, head_size), &head)))
        return 0;
    struct span body = SPAN(data + head_size, size - head_size);
    sms_serve(sms, &session, &head, body, &answer);
    if (answer.status < 200 || answer.status > 599 ||
        (answer.status == 200 && http_path_is(&head, PROTO_PATH_PROVISION)))
        abort();
    sms_answer_done(&answer);
    return 0;
}
