// SPDX-License-Identifier: Apache-2.0
#include "base/fingerprint.h"

#include "base/hex.h"

void fingerprint_format(const struct fingerprint *f, char ret[FINGERPRINT_TEXT_SIZE])
{
    const uint8_t *parts[3] = {f->fspf_key, f->fspf_tag, f->mrenclave};
    for (size_t i = 0; i < 3; i++) {
        hex_encode(parts[i], 32, ret + 65 * i);
        ret[65 * i + 64] = i < 2 ? '|' : 0;
    }
}

struct span fingerprint_next_word(struct span *entrypoint)
{
    size_t size = 0;
    while (size < entrypoint->size && entrypoint->data[size] != ' ')
        size++;
    struct span word = SPAN(entrypoint->data, size);
    size += size < entrypoint->size;
    *entrypoint = SPAN(entrypoint->data + size, entrypoint->size - size);
    return word;
}

static struct result check_entrypoint(struct span text)
{
    size_t words = 1;
    REQUIRE(text.size > 0 && text.size <= FINGERPRINT_ENTRYPOINT_MAX, ERR_RANGE,
            "the fingerprint's entrypoint is empty or too long");
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        REQUIRE(c >= ' ' && c <= '~' && c != '|', ERR_INVALID,
                "the fingerprint's entrypoint is not printable ASCII, or has a |");
        bool lone = i > 0 && i + 1 < text.size && text.data[i - 1] != ' ';
        REQUIRE(c != ' ' || lone, ERR_INVALID,
                "the words of the fingerprint's entrypoint stand one space apart");
        words += c == ' ';
    }
    REQUIRE(words <= FINGERPRINT_WORDS_MAX, ERR_RANGE,
            "the fingerprint's entrypoint has too many words");
    return RESULT_OK;
}

struct result fingerprint_parse(struct span text, struct fingerprint *ret)
{
    struct fingerprint f = {.entrypoint = {NULL, 0}};
    const size_t fixed = FINGERPRINT_TEXT_SIZE - 1;
    uint8_t *parts[3] = {f.fspf_key, f.fspf_tag, f.mrenclave};
    REQUIRE(
        text.size == fixed || (text.size > fixed && text.data[fixed] == '|'), ERR_INVALID,
        "a fingerprint is FSPF_KEY|FSPF_TAG|MRENCLAVE, 64 hex digits each, and maybe |ENTRYPOINT");
    if (text.size > fixed) {
        f.entrypoint = SPAN(text.data + fixed + 1, text.size - fixed - 1);
        GUARD(check_entrypoint(f.entrypoint));
    }
    for (size_t i = 0; i < fixed; i++) {
        uint8_t c = text.data[i];
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        REQUIRE(i % 65 == 64 ? c == '|' : digit, ERR_INVALID,
                "a fingerprint has lower-case hex digits, joined by |");
    }
    for (size_t i = 0; i < 3; i++)
        GUARD(hex_decode(SPAN(text.data + 65 * i, 64), parts[i], 32));
    REQUIRE(!is_zero(f.fspf_tag, 32) && !is_zero(f.mrenclave, 32), ERR_INVALID,
            "a fingerprint with a zero tag or MRENCLAVE names nothing");
    *ret = f;
    return RESULT_OK;
}
