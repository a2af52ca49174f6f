// SPDX-License-Identifier: Apache-2.0
// Points in time as seconds since 1970, UTC. Pure: no clock, no time zone.
#ifndef ATTEST_TIME_H
#define ATTEST_TIME_H

#include "base/bytes.h"
#include "base/result.h"

#define ATTEST_TIME_TEXT_SIZE 21 // "2025-05-05T08:03:36Z" with NUL

// Exactly the form "2025-05-05T08:03:36Z", years 1970 to 9999.
struct result attest_time_parse(struct span text, int64_t *ret);

// The form above; years outside 1970 to 9999 give "-".
void attest_time_format(int64_t unix_time, char ret[ATTEST_TIME_TEXT_SIZE]);

// 14 digits, "20250505080336".
struct result attest_time_from_digits(const char *text, int64_t *ret);

#endif
