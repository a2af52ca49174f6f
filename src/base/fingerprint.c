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

struct result fingerprint_parse(struct span text, struct fingerprint *ret)
{
    struct fingerprint f;
    uint8_t *parts[3] = {f.fspf_key, f.fspf_tag, f.mrenclave};
    REQUIRE(text.size == FINGERPRINT_TEXT_SIZE - 1, ERR_INVALID,
            "a fingerprint is FSPF_KEY|FSPF_TAG|MRENCLAVE, 64 hex digits each");
    for (size_t i = 0; i < text.size; i++) {
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
