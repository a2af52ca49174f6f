// SPDX-License-Identifier: Apache-2.0
// A program outside the tree: verify_user POLICY FOLDER TIME prints the outcome and the TCB status.
#include <cloister/verify.h>

#include <stdio.h>
#include <stdlib.h>

static cloister_bytes load(const char *dir, const char *name)
{
    char path[4096];
    cloister_bytes bytes = {NULL, 0};
    char *data = malloc(1 << 20);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f || !data)
        exit(3);
    bytes.size = fread(data, 1, 1 << 20, f);
    bytes.data = data;
    fclose(f);
    return bytes;
}

int main(int argc, char **argv)
{
    cloister_evidence e;
    cloister_verdict *first, *again;
    if (argc != 4)
        return 3;
    e.quote = load(argv[2], "quote.bin");
    e.pck_chain = load(argv[2], "pck_chain.pem");
    e.pck_crl = load(argv[2], "pck_crl.der");
    e.root_ca_crl = load(argv[2], "root_ca_crl.der");
    e.tcb_info = load(argv[2], "tcb_info.json");
    e.tcb_chain = load(argv[2], "tcb_chain.pem");
    e.qe_identity = load(argv[2], "qe_identity.json");
    e.qe_chain = load(argv[2], "qe_chain.pem");
    e.now = atoll(argv[3]);
    cloister_policy *policy = cloister_policy_named(argv[1]);
    cloister_cache *cache = cloister_cache_new(4);
    if (!policy || !cache)
        return 3;
    cloister_outcome outcome = cloister_verify(&e, policy, cache, &first);
    if (cloister_verify(&e, policy, cache, &again) != outcome || !first || !again)
        return 4; /* what is remembered changes nothing */
    if (cloister_verdict_claim(first, "report_data").size != 64 ||
        cloister_verdict_claim(first, "no such claim").size != 0 ||
        (outcome == CLOISTER_ACCEPTED) != (cloister_verdict_reason(first, 0) == NULL))
        return 5;
    printf("%d %s\n", (int)outcome, cloister_verdict_tcb_status(first));
    cloister_verdict_free(first);
    cloister_verdict_free(again);
    cloister_cache_free(cache);
    cloister_policy_free(policy);
    return 0;
}
