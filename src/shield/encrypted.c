// SPDX-License-Identifier: Apache-2.0
#include "shield/encrypted.h"

#include "base/cursor.h"
#include "crypto/hmac.h"
#include "crypto/sha256.h"

#define MAGIC       "CLENCR1"
#define MAGIC_SIZE  8u
#define SALT_SIZE   32u
#define HEADER_TEXT (ENCRYPTED_BLOCK - SALT_SIZE - GCM_TAG_SIZE)
#define PATH_MAX_   1024u

enum kind {
    KIND_HEADER = 1,
    KIND_DATA = 2,
    KIND_FILLER = 3,
};

// Nonce, and additional data, of a block: its kind and its index.
static void nonce_of(enum kind kind, uint64_t index, uint8_t ret[GCM_NONCE_SIZE])
{
    store_le32(ret, (uint32_t)kind);
    store_le64(ret + 4, index);
}

struct result encrypted_geometry_init(uint64_t blocks, struct encrypted_geometry *ret)
{
    REQUIRE(blocks >= ENCRYPTED_UNIT && blocks % ENCRYPTED_UNIT == 0 &&
                blocks <= ENCRYPTED_BLOCKS_MAX,
            ERR_INVALID, "an encrypted region has the wrong size");
    uint64_t tags = (blocks - 1 + ENCRYPTED_TAGS) / (ENCRYPTED_TAGS + 1);
    *ret = (struct encrypted_geometry){blocks, tags, blocks - 1 - tags};
    return RESULT_OK;
}

uint64_t encrypted_blocks(uint64_t image_blocks)
{
    if (image_blocks > ENCRYPTED_BLOCKS_MAX / 2)
        return 0;
    uint64_t tags = (image_blocks + ENCRYPTED_TAGS - 1) / ENCRYPTED_TAGS;
    uint64_t blocks = 1 + tags + image_blocks;
    return (blocks + ENCRYPTED_UNIT - 1) / ENCRYPTED_UNIT * ENCRYPTED_UNIT;
}

static void derive(const uint8_t key[ENCRYPTED_KEY_SIZE], const uint8_t salt[SALT_SIZE],
                   struct gcm_key *ret)
{
    uint8_t k[GCM_KEY_SIZE];
    hkdf_sha256(SPAN(key, ENCRYPTED_KEY_SIZE), SPAN(salt, SALT_SIZE),
                SPAN_STR("cloister encrypted region v1"), k, sizeof k);
    gcm_key_init(ret, k);
    wipe(k, sizeof k);
}

static size_t header_aad(struct span path, uint8_t ret[GCM_NONCE_SIZE + PATH_MAX_])
{
    nonce_of(KIND_HEADER, 0, ret);
    __builtin_memcpy(ret + GCM_NONCE_SIZE, path.data, path.size);
    return GCM_NONCE_SIZE + path.size;
}

struct result encrypted_region_open(const uint8_t key[ENCRYPTED_KEY_SIZE], struct span path,
                                    const uint8_t header[ENCRYPTED_BLOCK], uint64_t blocks,
                                    struct encrypted_region *ret)
{
    struct encrypted_region r;
    uint8_t text[HEADER_TEXT], aad[GCM_NONCE_SIZE + PATH_MAX_];
    REQUIRE(path.size <= PATH_MAX_, ERR_RANGE, "path of a region is too long");
    GUARD(encrypted_geometry_init(blocks, &r.geometry));
    derive(key, header, &r.key);
    size_t aad_size = header_aad(path, aad);
    bool opened =
        gcm_open(&r.key, aad, SPAN(aad, aad_size),
                 SPAN(header + SALT_SIZE + GCM_TAG_SIZE, HEADER_TEXT), header + SALT_SIZE, text);
    struct reader in = reader_on(SPAN(text, sizeof text));
    struct span magic = take_span(&in, MAGIC_SIZE);
    uint64_t data_blocks = take_le64(&in);
    r.image_blocks = take_le64(&in);
    bool sound = opened && __builtin_memcmp(magic.data, MAGIC, MAGIC_SIZE) == 0 &&
                 data_blocks == r.geometry.data_blocks && r.image_blocks >= 1 &&
                 r.image_blocks <= data_blocks && is_zero(in.data + in.at, HEADER_TEXT - in.at);
    wipe(text, sizeof text);
    if (sound)
        *ret = r;
    wipe(&r, sizeof r);
    REQUIRE(sound, ERR_INTEGRITY, "an encrypted region does not open with this key");
    return RESULT_OK;
}

bool encrypted_block_open(const struct encrypted_region *r, uint64_t index, const uint8_t *sealed,
                          const uint8_t tag[GCM_TAG_SIZE], uint8_t *ret)
{
    uint8_t nonce[GCM_NONCE_SIZE];
    nonce_of(KIND_DATA, index, nonce);
    return gcm_open(&r->key, nonce, SPAN(nonce, sizeof nonce), SPAN(sealed, ENCRYPTED_BLOCK), tag,
                    ret);
}

static void salt_of(const uint8_t key[ENCRYPTED_KEY_SIZE], struct span path, struct span image,
                    uint8_t ret[SALT_SIZE])
{
    static const uint8_t zero = 0;
    uint8_t digest[SHA256_SIZE];
    struct sha256_ctx c;
    sha256_init(&c);
    sha256_update(&c, path.data, path.size);
    sha256_update(&c, &zero, 1);
    sha256_update(&c, image.data, image.size);
    sha256_final(&c, digest);
    hmac_sha256(SPAN(key, ENCRYPTED_KEY_SIZE), SPAN(digest, sizeof digest), ret);
}

static void seal_header(const struct gcm_key *k, struct span path,
                        const struct encrypted_geometry *g, uint64_t image_blocks,
                        uint8_t ret[ENCRYPTED_BLOCK])
{
    uint8_t aad[GCM_NONCE_SIZE + PATH_MAX_];
    size_t aad_size = header_aad(path, aad);
    uint8_t *text = ret + SALT_SIZE + GCM_TAG_SIZE;
    struct writer w = writer_on(text, HEADER_TEXT);
    put_bytes(&w, MAGIC, MAGIC_SIZE);
    put_le64(&w, g->data_blocks);
    put_le64(&w, image_blocks);
    __builtin_memset(text + w.size, 0, HEADER_TEXT - w.size);
    gcm_seal(k, aad, SPAN(aad, aad_size), SPAN(text, HEADER_TEXT), text, ret + SALT_SIZE);
}

struct result encrypted_region_seal(const uint8_t key[ENCRYPTED_KEY_SIZE], struct span path,
                                    struct span image, uint8_t *ret)
{
    struct encrypted_geometry g;
    struct gcm_key k;
    uint8_t nonce[GCM_NONCE_SIZE], unused[GCM_TAG_SIZE];
    uint64_t image_blocks = image.size / ENCRYPTED_BLOCK;
    REQUIRE(path.size <= PATH_MAX_, ERR_RANGE, "path of a region is too long");
    REQUIRE(image_blocks > 0 && image.size % ENCRYPTED_BLOCK == 0 && encrypted_blocks(image_blocks),
            ERR_RANGE, "the file system of an encrypted region has the wrong size");
    GUARD(encrypted_geometry_init(encrypted_blocks(image_blocks), &g));
    salt_of(key, path, image, ret);
    derive(key, ret, &k);
    seal_header(&k, path, &g, image_blocks, ret);
    uint8_t *tags = ret + ENCRYPTED_BLOCK, *data = tags + g.tag_blocks * ENCRYPTED_BLOCK;
    // Tags that stand for nothing look like the others.
    for (uint64_t i = 0; i < g.tag_blocks; i++) {
        uint8_t *block = tags + i * ENCRYPTED_BLOCK;
        nonce_of(KIND_FILLER, i, nonce);
        __builtin_memset(block, 0, ENCRYPTED_BLOCK);
        gcm_seal(&k, nonce, SPAN(nonce, sizeof nonce), SPAN(block, ENCRYPTED_BLOCK), block, unused);
    }
    for (uint64_t i = 0; i < g.data_blocks; i++) {
        uint8_t *block = data + i * ENCRYPTED_BLOCK;
        if (i < image_blocks)
            __builtin_memcpy(block, image.data + i * ENCRYPTED_BLOCK, ENCRYPTED_BLOCK);
        else
            __builtin_memset(block, 0, ENCRYPTED_BLOCK);
        nonce_of(KIND_DATA, i, nonce);
        gcm_seal(&k, nonce, SPAN(nonce, sizeof nonce), SPAN(block, ENCRYPTED_BLOCK), block,
                 tags + i * GCM_TAG_SIZE);
    }
    wipe(&k, sizeof k);
    return RESULT_OK;
}
