// SPDX-License-Identifier: Apache-2.0
// The one error idiom of the tree (outside src/kernel, whose functions return Linux's negative errno).
//
// - A function that can fail returns `struct result`; clang refuses to let it drop (gcc 12 has no such
//   attribute for types, so `make lint` compiles the tree with clang).
// - GUARD(expr) returns the failure to the caller; nothing else in the tree hides a return.
// - `why` is a static string that says what is wrong, lower case, no full stop; the program that
//   reports it adds the circumstances (file, peer). Library code stays silent.
// - Outputs are called ret_…, come last, and are untouched on failure.
#ifndef BASE_RESULT_H
#define BASE_RESULT_H

#include <stdbool.h>

enum err {
    ERR_NONE = 0,
    ERR_INVALID,   // input does not have the form it must have
    ERR_RANGE,     // a number or size is outside its limits
    ERR_NOT_FOUND, // what was asked for is not there
    ERR_EXISTS,    // it is there already
    ERR_DENIED,    // a rule of trust forbids it
    ERR_INTEGRITY, // hash, MAC or signature does not match
    ERR_STALE,     // expired, replayed or rolled back
    ERR_MEMORY,    // out of memory or of a fixed buffer
    ERR_IO,        // the operating system or the network failed
    ERR_CRYPTO,    // the crypto library failed
    ERR_UNSUPPORTED,
};

#ifdef __clang__
#define RESULT_TYPE __attribute__((warn_unused_result))
#else
#define RESULT_TYPE
#endif

struct RESULT_TYPE result {
    enum err code;
    const char *why; // static; NULL when code is ERR_NONE
};

#define RESULT_OK ((struct result){ERR_NONE, 0})

static inline struct result fail(enum err code, const char *why)
{
    return (struct result){code, why};
}

static inline bool is_ok(struct result r)
{
    return r.code == ERR_NONE;
}

#define GUARD(expr)                           \
    do {                                      \
        struct result guard_result_ = (expr); \
        if (!is_ok(guard_result_))            \
            return guard_result_;             \
    } while (0)

// REQUIRE(condition, ERR_X, "why"): the check at a border.
#define REQUIRE(cond, code, why)        \
    do {                                \
        if (!(cond))                    \
            return fail((code), (why)); \
    } while (0)

#endif
