// SPDX-License-Identifier: Apache-2.0
// The SMS's database (SQLite, one file). In the enclave the file lies in an encrypted volume whose key is
// sealed to this SMS and its policy; the rows themselves are plain.
//
// - Every write is one transaction, on disk when the call returns (synchronous=FULL).
// - Every write of a secret, a challenge or an app session makes a new head, in the same transaction.
// - Any thread may call; the store locks.
#ifndef SMS_STORE_H
#define SMS_STORE_H

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/secp256k1.h"
#include "proto/provision.h"

struct store;

enum store_kind {
    STORE_WEB3 = 1,  // owner column: the dataset's address; name ""
    STORE_WEB2,      // owner, lower-case name
    STORE_APP,       // the app's address; name "1"
    STORE_REQUESTER, // requester, name
    STORE_REGION,    // the app's address; path of an encrypted region
};

struct store_secret {
    uint8_t value[PROTO_SECRET_SIZE_MAX];
    size_t size;
    bool allow_emulated;
};

struct result store_open(const char *path, struct store **ret);
void store_close(struct store *s);

// First write wins: ERR_EXISTS.
struct result store_add(struct store *s, enum store_kind kind, const struct address *owner,
                        const char *name, struct span value, bool allow_emulated);
// ERR_NOT_FOUND when it is not there.
struct result store_replace(struct store *s, enum store_kind kind, const struct address *owner,
                            const char *name, struct span value);
// ERR_NOT_FOUND. Wipe `ret` after use.
struct result store_get(struct store *s, enum store_kind kind, const struct address *owner,
                        const char *name, struct store_secret *ret);

// All of one owner, by name. `visit` must not call the store; ERR_NOT_FOUND does not come from here.
struct result store_each(struct store *s, enum store_kind kind, const struct address *owner,
                         struct result (*visit)(void *context, const char *name,
                                                const struct store_secret *secret),
                         void *context);

// The task's challenge key, made at the first call.
struct result store_challenge(struct store *s, const struct hash32 *task, struct address *ret);

struct store_task {
    struct eth_key challenge_key;
    struct address challenge;
    uint64_t generation; // 0: no app session yet
    uint8_t transfer_key[32];
    uint8_t app_mrenclave[32];
    bool app_emulated;
};
// ERR_NOT_FOUND before store_challenge().
struct result store_task(struct store *s, const struct hash32 *task, struct store_task *ret);
// A new app session: fresh transfer key, next generation. The key before is gone.
struct result store_app_session(struct store *s, const struct hash32 *task,
                                const uint8_t mrenclave[32], bool emulated,
                                uint64_t *ret_generation, uint8_t ret_transfer_key[32]);

// The key that signs certificates and anchors, made at the first call.
struct result store_signer(struct store *s, struct eth_key *ret_key, struct address *ret_address);

// What only moves forward: the latest time that is known to have passed; the ledger's head.
struct store_mark {
    uint64_t time;
    uint64_t ledger_count;
    struct hash32 ledger_hash;
};
struct result store_mark_get(struct store *s, struct store_mark *ret); // zeroes at first
struct result store_mark_set(struct store *s, const struct store_mark *mark);

// Where the database stands: generation 0 and zeroes, then
//   state = keccak256("cloister sms head 1" ‖ generation, 8 bytes big-endian ‖ state before ‖ 32 random bytes)
// The random bytes tell two histories apart, and no state says anything about a secret.
struct store_head {
    uint64_t generation;
    struct hash32 state;
};
struct result store_head(struct store *s, struct store_head *ret);
// `anchored` is what stands outside: the heads before it are forgotten. ERR_STALE: this database never
// was there, or had been further.
struct result store_anchored(struct store *s, const struct store_head *anchored);

#endif
