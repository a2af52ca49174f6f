// SPDX-License-Identifier: Apache-2.0
// One table per record type says its fields; from it follow the binary encoding, the EIP-712 hash,
// the JSON form (ledger/json.h) and the options of the command line.
//
// - Binary: the fields in order, without tags: address 20 bytes, number 8 bytes big-endian,
//   bytes32, signature 65, text and bytes with a 4-byte big-endian length in front, structs in
//   place. One object has one encoding.
// - Texts are valid UTF-8 without control characters.
#ifndef LEDGER_SCHEMA_H
#define LEDGER_SCHEMA_H

#include "base/cursor.h"
#include "crypto/secp256k1.h"

enum field_type {
    FIELD_ADDRESS,   // struct address
    FIELD_UINT,      // uint64_t; uint256 in EIP-712
    FIELD_BYTES32,   // struct hash32
    FIELD_TEXT,      // char[size], NUL-terminated
    FIELD_BYTES,     // struct bytes_field with `size` bytes of room
    FIELD_SIGNATURE, // struct signature; not part of the EIP-712 type
    FIELD_STRUCT,
};

struct schema;

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    size_t size; // of FIELD_TEXT with its NUL, of FIELD_BYTES
    const struct schema *schema;
};

struct schema {
    const char *name;
    const struct field *fields;
    size_t field_count;
    size_t object_size;
};

// What FIELD_BYTES points to: the size, then the room.
struct bytes_field {
    uint32_t size;
    uint8_t data[];
};

struct eip712_domain {
    uint64_t chain_id;
    struct address hub;
};

void schema_encode(struct writer *w, const struct schema *s, const void *object);
// Takes the fields from `r`; the caller checks reader_done(). *ret_object is zeroed first.
struct result schema_decode(struct reader *r, const struct schema *s, void *ret_object);

// "AppOrder(address app,…)", NUL-terminated.
#define SCHEMA_TYPE_SIZE_MAX 512
struct result schema_type(const struct schema *s, char ret[SCHEMA_TYPE_SIZE_MAX]);
struct result schema_struct_hash(const struct schema *s, const void *object, struct hash32 *ret);
// EIP-712: the hash to sign, under the domain {iExecODB, 5.0.0, chain id, hub}.
struct hash32 eip712_separator(const struct eip712_domain *d);
struct result schema_hash(const struct schema *s, const void *object, const struct eip712_domain *d,
                          struct hash32 *ret);

bool schema_text_is_valid(struct span text);

#endif
