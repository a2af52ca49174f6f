// SPDX-License-Identifier: Apache-2.0
// Policies as YAML. docs/formats/attestation.md has the schema; an unknown key, a key that stands
// twice or a value of another form is an error. Two policies are built in: "strict" and "standard".
#ifndef ATTEST_POLICY_FILE_H
#define ATTEST_POLICY_FILE_H

#include "attest/attest.h"

#define ATTEST_POLICY_SIZE_MAX       (64u << 10)
#define ATTEST_POLICY_ROOTS_MAX      8u
#define ATTEST_POLICY_IDENTITIES_MAX 64u
#define ATTEST_POLICY_ADVISORIES_MAX 128u
#define ATTEST_POLICY_NAME_SIZE      64u // with NUL

// Points into itself: never copied.
struct attest_policy_file {
    char name[ATTEST_POLICY_NAME_SIZE];
    struct attest_policy policy;
    struct attest_roots roots; // for struct attest_evidence

    struct attest_root root_items[ATTEST_POLICY_ROOTS_MAX];
    const char *root_names[ATTEST_POLICY_ROOTS_MAX + 1];
    struct attest_identity identities[ATTEST_POLICY_IDENTITIES_MAX];
    struct attest_td_identity tds[ATTEST_POLICY_IDENTITIES_MAX];
    char advisories[ATTEST_POLICY_ADVISORIES_MAX][ATTEST_ADVISORY_SIZE];
    const char *advisory_list[ATTEST_POLICY_ADVISORIES_MAX];
    uint8_t reportdata[SGX_REPORTDATA_SIZE];
};

struct attest_policy_place {
    size_t line; // from 1; 0 when the text as a whole is wrong
    char key[32];
};

// `place` may be NULL; it says where a refused text went wrong.
struct result attest_policy_load(struct span yaml, struct attest_policy_place *place,
                                 struct attest_policy_file *ret);

// The text of a policy that is built in; an empty span for another name.
struct span attest_policy_named(const char *name);

#endif
