// SPDX-License-Identifier: Apache-2.0
// A stand-in for AESM on a socket of its own, in a thread: it takes requests apart with a decoder
// of its own, notes in `wrong` what does not follow messages.proto, and can misbehave at one kind
// of request. Include it last.
#ifndef FAKE_AESM_H
#define FAKE_AESM_H

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "hardware.h"

enum misbehaviour {
    HONEST,
    ERROR_CODE,    // `value`
    UNSUPPORTED,   // UnsupportedRequestResponse
    OTHER_KIND,    // answers another request
    OTHER_NUMBER,  // `value`
    NO_PAYLOAD,    // success and nothing else
    SHORTER,       // one byte of the payload is missing
    CORRUPT,       // a bit of the payload's byte `value` is wrong
    HUGE_LENGTH,   // 4 GiB are announced
    ZERO_LENGTH,   // an empty message
    INNER_OVERRUN, // the inner length passes the end
    TRUNCATED,     // closes in the middle
    CLOSED,        // closes without a word
    SILENT,        // never answers
    DRIPPING,      // a byte now and then
};

struct fake_aesm {
    char path[128];
    int listener;
    pthread_t thread;
    const struct hardware *hw;
    uint8_t keys[3 * 256]; // the second is the ECDSA key
    uint8_t target[512];
    uint8_t quote[SGX_QUOTE_SIZE_MAX];
    size_t quote_size;
    uint64_t timeout_us; // what every request must say
    unsigned at;         // the kind of request that meets:
    enum misbehaviour how;
    uint64_t value;
    int requests;
    bool sized; // GetSupportedAttKeyIDNum, then the first InitQuoteEx came
    const char *wrong;
};

struct fake_field {
    bool there;
    unsigned type;
    uint64_t number;
    const uint8_t *bytes;
};

static bool fake_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
    unsigned shift = 0;
    *ret = 0;
    while (*p < end && shift < 64) {
        uint8_t byte = *(*p)++;
        *ret |= (uint64_t)(byte & 127) << shift;
        shift += 7;
        if (byte < 128)
            return true;
    }
    return false;
}

// Fields 1 to 22, each once, as numbers or bytes.
static bool fake_decode(const uint8_t *p, const uint8_t *end, struct fake_field fields[23])
{
    memset(fields, 0, 23 * sizeof *fields);
    while (p < end) {
        uint64_t key, n;
        if (!fake_varint(&p, end, &key) || !fake_varint(&p, end, &n) || key >> 3 > 22 ||
            fields[key >> 3].there)
            return false;
        struct fake_field *f = &fields[key >> 3];
        *f = (struct fake_field){true, key & 7, n, p};
        if (f->type == 2 && n > (uint64_t)(end - p))
            return false;
        if (f->type == 2)
            p += n;
        else if (f->type != 0)
            return false;
    }
    return true;
}

static bool fake_is(const struct fake_field *f, const void *bytes, size_t size)
{
    return f->there && f->type == 2 && f->number == size && memcmp(f->bytes, bytes, size) == 0;
}

static bool fake_says(const struct fake_field *f, uint64_t number)
{
    return f->there && f->type == 0 && f->number == number;
}

static size_t fake_put_varint(uint8_t *out, uint64_t value)
{
    size_t n = 0;
    for (; value >= 128; value >>= 7)
        out[n++] = (uint8_t)(value | 128);
    out[n++] = (uint8_t)value;
    return n;
}

static size_t fake_put_number(uint8_t *out, unsigned field, uint64_t value)
{
    size_t n = fake_put_varint(out, field << 3);
    return n + fake_put_varint(out + n, value);
}

static size_t fake_put_bytes(uint8_t *out, unsigned field, const void *bytes, size_t size)
{
    size_t n = fake_put_varint(out, field << 3 | 2);
    n += fake_put_varint(out + n, size);
    memcpy(out + n, bytes, size);
    return n + size;
}

// Checks the request's fields; gives what an honest service answers.
static void fake_handle(struct fake_aesm *a, unsigned kind, const struct fake_field in[23],
                        uint64_t *ret_number, const uint8_t **ret_bytes, size_t *ret_size)
{
    const uint8_t *key = a->keys + 256;
    bool good = fake_says(&in[9], a->timeout_us);
    *ret_number = 0;
    *ret_bytes = NULL;
    *ret_size = 0;
    if (kind == 21) { // GetSupportedAttKeyIDNum
        *ret_number = 3;
    } else if (kind == 22) { // GetSupportedAttKeyIDs
        good = good && fake_says(&in[1], sizeof a->keys);
        *ret_bytes = a->keys;
        *ret_size = sizeof a->keys;
    } else if (kind == 15) { // InitQuoteEx, asked for the size first
        good = good && fake_is(&in[1], key, 256) && fake_says(&in[3], a->sized) &&
               fake_says(&in[4], a->sized ? 32 : 0);
        *ret_number = 32;
        *ret_bytes = a->sized ? a->target : NULL;
        *ret_size = a->sized ? sizeof a->target : 0;
        a->sized = true;
    } else if (kind == 16) { // GetQuoteSizeEx
        good = good && fake_is(&in[1], key, 256);
        *ret_number = a->quote_size;
    } else { // GetQuoteEx
        good = good && fake_is(&in[1], &a->hw->report, sizeof a->hw->report) &&
               fake_is(&in[2], key, 256) && !in[3].there && fake_says(&in[4], a->quote_size);
        *ret_bytes = a->quote;
        *ret_size = a->quote_size;
    }
    if (!good)
        a->wrong = "a field is missing, unexpected or has another value";
}

static void fake_send(int fd, const uint8_t *out, size_t size, enum misbehaviour how)
{
    uint8_t head[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), 0};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (how == HUGE_LENGTH)
        memset(head, 0xff, 4);
    if (how == ZERO_LENGTH)
        memset(head, 0, 4);
    if (how == CLOSED)
        return;
    if (how == SILENT) {
        (void)poll(&p, 1, 3000); // until the caller gives up
        return;
    }
    (void)send(fd, head, 4, MSG_NOSIGNAL);
    if (how == DRIPPING) {
        for (size_t i = 0; i < size && poll(&p, 1, 20) == 0; i++)
            (void)send(fd, out + i, 1, MSG_NOSIGNAL);
        return;
    }
    (void)send(fd, out, how == TRUNCATED ? size / 2 : size, MSG_NOSIGNAL);
}

static void fake_answer(struct fake_aesm *a, int fd, unsigned kind, const struct fake_field in[23])
{
    static uint8_t inner[SGX_QUOTE_SIZE_MAX + 4096], out[SGX_QUOTE_SIZE_MAX + 8192];
    static uint8_t copy[SGX_QUOTE_SIZE_MAX];
    enum misbehaviour how = kind == a->at ? a->how : HONEST;
    uint64_t number;
    const uint8_t *bytes;
    size_t size, n;
    fake_handle(a, kind, in, &number, &bytes, &size);
    if (how == OTHER_NUMBER)
        number = a->value;
    if (how == SHORTER && size)
        size--;
    if (how == CORRUPT && size) {
        memcpy(copy, bytes, size);
        copy[a->value % size] ^= 1;
        bytes = copy;
    }
    bool failed = how == ERROR_CODE || how == UNSUPPORTED;
    n = fake_put_number(inner, 1, how == ERROR_CODE ? a->value : how == UNSUPPORTED);
    if (!failed && how != NO_PAYLOAD) {
        if (number)
            n += fake_put_number(inner + n, kind == 15 ? 3 : 2, number);
        if (bytes)
            n += fake_put_bytes(inner + n, 2, bytes, size);
        n += fake_put_bytes(inner + n, 14, "later", 5); // a field of a later version
    }
    unsigned outer = how == UNSUPPORTED ? 20 : how == OTHER_KIND ? (kind == 17 ? 16 : 17) : kind;
    n = fake_put_bytes(out, outer, inner, n);
    fake_send(fd, out, how == INNER_OVERRUN ? n - 1 : n, how);
}

static bool fake_receive(int fd, uint8_t *buffer, size_t size)
{
    return recv(fd, buffer, size, MSG_WAITALL) == (ssize_t)size;
}

static void fake_serve(struct fake_aesm *a, int fd)
{
    uint8_t head[4], message[4096];
    struct fake_field outer[23], inner[23];
    if (!fake_receive(fd, head, 4))
        return;
    a->requests++;
    size_t size = load_le32(head);
    if (size > sizeof message || !fake_receive(fd, message, size) ||
        !fake_decode(message, message + size, outer)) {
        a->wrong = "the request is malformed";
        return;
    }
    for (unsigned kind = 1; kind < 23; kind++) {
        const struct fake_field *f = &outer[kind];
        if (!f->there)
            continue;
        bool known = kind == 15 || kind == 16 || kind == 17 || kind == 21 || kind == 22;
        if (!known || f->type != 2 || !fake_decode(f->bytes, f->bytes + f->number, inner)) {
            a->wrong = "the request is of no known kind";
            return;
        }
        fake_answer(a, fd, kind, inner);
    }
}

static void *fake_run(void *context)
{
    struct fake_aesm *a = context;
    int fd;
    while ((fd = accept(a->listener, NULL, NULL)) >= 0) {
        fake_serve(a, fd);
        close(fd);
    }
    return NULL;
}

static void fake_start(struct fake_aesm *a, const struct hardware *hw)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(a->path, sizeof a->path, "%s/aesm.socket", hw->dir);
    strcpy(address.sun_path, a->path);
    a->hw = hw;
    a->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(a->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(a->listener, 8), 0);
    assert_int_equal(pthread_create(&a->thread, NULL, fake_run, a), 0);
}

static void fake_stop(struct fake_aesm *a)
{
    shutdown(a->listener, SHUT_RDWR);
    pthread_join(a->thread, NULL);
    close(a->listener);
    unlink(a->path);
}

#endif
