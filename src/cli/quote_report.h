// SPDX-License-Identifier: Apache-2.0
// Quotes and verdicts for people and for programs. What is printed of a quote that was not verified
// is a claim and no more.
#ifndef CLI_QUOTE_REPORT_H
#define CLI_QUOTE_REPORT_H

#include "attest/attest.h"

struct quote_judgement {
    const struct attest_verdict *verdict;
    const struct attest_reasons *reasons; // the policy's, or the verdict's one code
    const struct attest_quote *quote;     // NULL when it has no form
    const char *policy;                   // its name
};

void quote_print_judgement(const struct quote_judgement *j, bool json);

void quote_print(const struct attest_quote *quote, bool json);

#endif
