// SPDX-License-Identifier: Apache-2.0
#include "ledger/schema.h"

#include <string.h>

static const void *at(const void *object, const struct field *f)
{
    return (const uint8_t *)object + f->offset;
}

// RFC 3629, and no control characters (they would let a name write to a terminal).
bool schema_text_is_valid(struct span t)
{
    for (size_t i = 0; i < t.size;) {
        uint8_t c = t.data[i++];
        if (c < 0x20 || c == 0x7f)
            return false;
        if (c < 0x80)
            continue;
        size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || t.size - i < more)
            return false;
        uint8_t next = t.data[i];
        if ((c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f) ||
            (c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f) || (c == 0xc2 && next < 0xa0))
            return false;
        for (; more; more--)
            if ((t.data[i++] & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static void encode_field(struct writer *w, const struct field *f, const void *p)
{
    switch (f->type) {
    case FIELD_ADDRESS:
        put_bytes(w, p, sizeof(struct address));
        break;
    case FIELD_UINT:
        put_be64(w, *(const uint64_t *)p);
        break;
    case FIELD_BYTES32:
        put_bytes(w, p, sizeof(struct hash32));
        break;
    case FIELD_SIGNATURE:
        put_bytes(w, p, sizeof(struct signature));
        break;
    case FIELD_TEXT: {
        size_t size = strnlen(p, f->size);
        put_be32(w, (uint32_t)size);
        put_bytes(w, p, size);
        break;
    }
    case FIELD_BYTES: {
        const struct bytes_field *b = p;
        put_be32(w, b->size);
        put_bytes(w, b->data, MIN((size_t)b->size, f->size));
        break;
    }
    case FIELD_STRUCT:
        schema_encode(w, f->schema, p);
        break;
    }
}

void schema_encode(struct writer *w, const struct schema *s, const void *object)
{
    for (size_t i = 0; i < s->field_count; i++)
        encode_field(w, &s->fields[i], at(object, &s->fields[i]));
}

static struct result decode_fields(struct reader *r, const struct schema *s, void *object);

static struct result decode_field(struct reader *r, const struct field *f, void *p)
{
    switch (f->type) {
    case FIELD_ADDRESS:
        take_bytes(r, p, sizeof(struct address));
        break;
    case FIELD_UINT:
        *(uint64_t *)p = take_be64(r);
        break;
    case FIELD_BYTES32:
        take_bytes(r, p, sizeof(struct hash32));
        break;
    case FIELD_SIGNATURE:
        take_bytes(r, p, sizeof(struct signature));
        break;
    case FIELD_TEXT: {
        struct span text = take_span(r, take_be32(r));
        REQUIRE(!r->failed, ERR_INVALID, "a record is cut short");
        REQUIRE(text.size < f->size, ERR_RANGE, "a text in a record is too long");
        REQUIRE(schema_text_is_valid(text), ERR_INVALID, "a text in a record is not plain UTF-8");
        if (text.size)
            memcpy(p, text.data, text.size);
        break;
    }
    case FIELD_BYTES: {
        struct span data = take_span(r, take_be32(r));
        REQUIRE(!r->failed, ERR_INVALID, "a record is cut short");
        REQUIRE(data.size <= f->size, ERR_RANGE, "bytes in a record are too long");
        struct bytes_field *b = p;
        b->size = (uint32_t)data.size;
        if (data.size)
            memcpy(b->data, data.data, data.size);
        break;
    }
    case FIELD_STRUCT:
        GUARD(decode_fields(r, f->schema, p));
        break;
    }
    REQUIRE(!r->failed, ERR_INVALID, "a record is cut short");
    return RESULT_OK;
}

static struct result decode_fields(struct reader *r, const struct schema *s, void *object)
{
    for (size_t i = 0; i < s->field_count; i++)
        GUARD(decode_field(r, &s->fields[i], (uint8_t *)object + s->fields[i].offset));
    return RESULT_OK;
}

struct result schema_decode(struct reader *r, const struct schema *s, void *ret_object)
{
    memset(ret_object, 0, s->object_size);
    return decode_fields(r, s, ret_object);
}

static const char *eip712_name(enum field_type type)
{
    static const char *const names[] = {[FIELD_ADDRESS] = "address",
                                        [FIELD_UINT] = "uint256",
                                        [FIELD_BYTES32] = "bytes32",
                                        [FIELD_TEXT] = "string",
                                        [FIELD_BYTES] = "bytes"};
    return (size_t)type < ARRAY_COUNT(names) ? names[type] : NULL;
}

struct result schema_type(const struct schema *s, char ret[SCHEMA_TYPE_SIZE_MAX])
{
    char text[SCHEMA_TYPE_SIZE_MAX];
    struct writer w = writer_on(text, sizeof text);
    put_bytes(&w, s->name, strlen(s->name));
    const char *before = "(";
    for (size_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        if (f->type == FIELD_SIGNATURE)
            continue;
        const char *type = eip712_name(f->type);
        REQUIRE(type, ERR_UNSUPPORTED, "this type has no EIP-712 form");
        put_bytes(&w, before, 1);
        put_bytes(&w, type, strlen(type));
        put_bytes(&w, " ", 1);
        put_bytes(&w, f->name, strlen(f->name));
        before = ",";
    }
    put_bytes(&w, ")", 2); // with its NUL
    REQUIRE(!w.failed, ERR_RANGE, "EIP-712 type is too long");
    memcpy(ret, text, w.size);
    return RESULT_OK;
}

// EIP-712, encodeData: every member in 32 bytes.
static struct hash32 encode_word(const struct field *f, const void *p)
{
    struct hash32 word = {{0}};
    const struct bytes_field *b = p;
    switch (f->type) {
    case FIELD_ADDRESS:
        memcpy(word.bytes + 12, p, 20);
        break;
    case FIELD_UINT:
        store_be64(word.bytes + 24, *(const uint64_t *)p);
        break;
    case FIELD_TEXT:
        word = keccak256(SPAN(p, strnlen(p, f->size)));
        break;
    case FIELD_BYTES:
        word = keccak256(SPAN(b->data, b->size));
        break;
    default:
        memcpy(word.bytes, p, sizeof word);
        break;
    }
    return word;
}

struct result schema_struct_hash(const struct schema *s, const void *object, struct hash32 *ret)
{
    char type[SCHEMA_TYPE_SIZE_MAX];
    GUARD(schema_type(s, type));
    struct keccak k;
    keccak_init(&k);
    struct hash32 word = keccak256(SPAN(type, strlen(type)));
    keccak_update(&k, SPAN_OF(word));
    for (size_t i = 0; i < s->field_count; i++) {
        if (s->fields[i].type == FIELD_SIGNATURE)
            continue;
        word = encode_word(&s->fields[i], at(object, &s->fields[i]));
        keccak_update(&k, SPAN_OF(word));
    }
    *ret = keccak_final(&k);
    return RESULT_OK;
}

struct hash32 eip712_separator(const struct eip712_domain *d)
{
    static const struct span parts[] = {
        {(const uint8_t *)"EIP712Domain(string name,string version,uint256 chainId,"
                          "address verifyingContract)",
         82},
        {(const uint8_t *)"iExecODB", 8},
        {(const uint8_t *)"5.0.0", 5},
    };
    struct keccak k;
    keccak_init(&k);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        struct hash32 h = keccak256(parts[i]);
        keccak_update(&k, SPAN_OF(h));
    }
    uint8_t words[64] = {0};
    store_be64(words + 24, d->chain_id);
    memcpy(words + 44, d->hub.bytes, 20);
    keccak_update(&k, SPAN(words, sizeof words));
    return keccak_final(&k);
}

struct result schema_hash(const struct schema *s, const void *object, const struct eip712_domain *d,
                          struct hash32 *ret)
{
    struct hash32 struct_hash, separator = eip712_separator(d);
    GUARD(schema_struct_hash(s, object, &struct_hash));
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, SPAN("\x19\x01", 2));
    keccak_update(&k, SPAN_OF(separator));
    keccak_update(&k, SPAN_OF(struct_hash));
    *ret = keccak_final(&k);
    return RESULT_OK;
}
