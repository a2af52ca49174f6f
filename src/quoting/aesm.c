// SPDX-License-Identifier: Apache-2.0
#include "quoting/aesm.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cursor.h"
#include "os/net.h"

#define REQUEST_MAX         1024u
#define PUB_KEY_ID_SIZE_MAX 1024u
#define ALGORITHM_OFFSET    154u // of algorithm_id in the packed sgx_ql_att_key_id_t
#define ALGORITHM_P256      2u   // SGX_QL_ALG_ECDSA_P256
#define UNSUPPORTED_REQUEST 20u  // field of Response
#define FIELD_ERROR         1u
#define FIELD_TIMEOUT       9u // of every request, in microseconds

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;
    struct span bytes;
};

// -- protobuf: https://protobuf.dev/programming-guides/encoding ---------------------------------

static uint64_t take_varint(struct reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = take_u8(r);
        if (shift == 63 && byte > 1)
            break; // beyond 64 bits
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    r->failed = true;
    return 0;
}

static bool take_field(struct reader *r, struct field *ret)
{
    uint64_t key = take_varint(r);
    struct field f = {.number = (uint32_t)(key >> 3), .type = (enum wire_type)(key & 7)};
    if (key >> 32 || f.number == 0)
        r->failed = true;
    if (f.type == WIRE_VARINT)
        f.value = take_varint(r);
    else if (f.type == WIRE_FIXED64)
        f.value = take_le64(r);
    else if (f.type == WIRE_FIXED32)
        f.value = take_le32(r);
    else if (f.type == WIRE_BYTES)
        f.bytes = take_span(r, take_varint(r));
    else
        r->failed = true; // groups, and what does not exist
    *ret = f;
    return !r->failed;
}

static void put_varint(struct writer *w, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put_u8(w, (uint8_t)(value | 0x80));
    put_u8(w, (uint8_t)value);
}

static void put_number(struct writer *w, uint32_t number, uint64_t value)
{
    put_varint(w, (uint64_t)number << 3 | WIRE_VARINT);
    put_varint(w, value);
}

static void put_field(struct writer *w, uint32_t number, struct span bytes)
{
    put_varint(w, (uint64_t)number << 3 | WIRE_BYTES);
    put_varint(w, bytes.size);
    put_span(w, bytes);
}

// -- responses ----------------------------------------------------------------------------------

// aesm_error_t
static const struct {
    uint32_t code;
    enum err err;
    const char *why;
} errors[] = {
    {2, ERR_UNSUPPORTED, "AESM: no SGX device"},
    {3, ERR_INVALID, "AESM: invalid parameter"},
    {12, ERR_IO, "AESM: network error while it fetched certificates"},
    {17, ERR_IO, "AESM: the service is stopped"},
    {18, ERR_IO, "AESM: the service is busy"},
    {20, ERR_STALE, "AESM: the platform software must be updated"},
    {21, ERR_MEMORY, "AESM: out of memory"},
    {24, ERR_UNSUPPORTED, "AESM: no SGX device"},
    {29, ERR_MEMORY, "AESM: out of enclave memory"},
    {30, ERR_UNSUPPORTED, "AESM: it has no ECDSA quote plugin (libsgx-aesm-ecdsa-plugin)"},
    {31, ERR_NOT_FOUND, "AESM: no certificate for this platform"},
};

static struct result answer(uint64_t code)
{
    if (code == 0)
        return RESULT_OK;
    for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
        if (errors[i].code == code)
            return fail(errors[i].err, errors[i].why);
    return fail(ERR_IO, "AESM: the request failed");
}

// The fields of each response that count: 0, there is none.
static const struct {
    enum quoting_aesm_kind kind;
    uint8_t bytes, number;
} shapes[] = {
    {QUOTING_AESM_INIT_QUOTE_EX, 2, 3},     // target_info, pub_key_id_size
    {QUOTING_AESM_GET_QUOTE_SIZE_EX, 0, 2}, // quote_size
    {QUOTING_AESM_GET_QUOTE_EX, 2, 0},      // quote
    {QUOTING_AESM_KEY_ID_NUM, 0, 2},        // att_key_id_num
    {QUOTING_AESM_KEY_IDS, 2, 0},           // att_key_ids
};

// A field that stands twice is refused, where protobuf would let the last one win.
static struct result parse_inner(struct span message, size_t shape,
                                 struct quoting_aesm_response *ret)
{
    struct quoting_aesm_response found = {0};
    struct reader r = reader_on(message);
    struct field f;
    bool has_error = false;
    uint64_t error = 1;
    while (!r.failed && reader_left(&r) && take_field(&r, &f)) {
        bool *seen = NULL;
        enum wire_type type = WIRE_VARINT;
        if (f.number == FIELD_ERROR) {
            seen = &has_error;
            error = f.value;
        } else if (f.number == shapes[shape].bytes) {
            seen = &found.has_bytes;
            type = WIRE_BYTES;
            found.bytes = f.bytes;
        } else if (f.number == shapes[shape].number) {
            seen = &found.has_number;
            found.number = f.value;
        }
        REQUIRE(!seen || (!*seen && f.type == type), ERR_INVALID, "AESM: a field is malformed");
        if (seen)
            *seen = true;
    }
    REQUIRE(reader_done(&r) && has_error, ERR_INVALID, "AESM: the response is malformed");
    GUARD(answer(error));
    *ret = found;
    return RESULT_OK;
}

struct result quoting_aesm_parse(struct span message, enum quoting_aesm_kind kind,
                                 struct quoting_aesm_response *ret)
{
    struct reader r = reader_on(message);
    struct field f;
    size_t shape = 0;
    while (shape < ARRAY_COUNT(shapes) && shapes[shape].kind != kind)
        shape++;
    REQUIRE(shape < ARRAY_COUNT(shapes), ERR_INVALID, "AESM: no such request");
    bool whole = take_field(&r, &f) && reader_done(&r) && f.type == WIRE_BYTES;
    REQUIRE(whole, ERR_INVALID, "AESM: the response is malformed");
    REQUIRE(f.number != UNSUPPORTED_REQUEST, ERR_UNSUPPORTED,
            "AESM: the service is too old or has no ECDSA quote plugin");
    REQUIRE(f.number == (uint32_t)kind, ERR_INVALID, "AESM: the response is to another request");
    return parse_inner(f.bytes, shape, ret);
}

// -- the socket ---------------------------------------------------------------------------------

static struct result connect_to(const char *path, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    REQUIRE(size < sizeof address.sun_path, ERR_RANGE, "the path of AESM's socket is too long");
    memcpy(address.sun_path, path, size);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(fd >= 0, ERR_IO, "no socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(fd);
        REQUIRE(error != ENOENT, ERR_UNSUPPORTED, "AESM is not installed");
        return fail(ERR_IO, "AESM's socket does not take the connection");
    }
    *ret_fd = fd;
    return RESULT_OK;
}

static struct result read_exactly(const struct http_transport *t, uint8_t *buffer, size_t size)
{
    for (size_t at = 0, n; at < size; at += n) {
        GUARD(t->read(t->context, buffer + at, size - at, &n));
        REQUIRE(n > 0, ERR_IO, "AESM closed the connection too early");
    }
    return RESULT_OK;
}

static struct result exchange(int fd, unsigned timeout_ms, struct span request,
                              uint8_t buffer[QUOTING_AESM_RESPONSE_MAX], size_t *ret_size)
{
    struct net_stream stream = {fd, net_now() + timeout_ms};
    struct http_transport t = net_transport(&stream);
    uint8_t head[4];
    GUARD(t.write(t.context, request));
    GUARD(read_exactly(&t, head, sizeof head));
    uint32_t size = load_le32(head);
    REQUIRE(size > 0 && size <= QUOTING_AESM_RESPONSE_MAX, ERR_RANGE,
            "AESM: the response's size is outside its limits");
    GUARD(read_exactly(&t, buffer, size));
    *ret_size = size;
    return RESULT_OK;
}

// Sends the fields of `inner`, then the time limit; what returns points into `buffer`.
static struct result request(const struct quoting_aesm *a, enum quoting_aesm_kind kind,
                             struct writer *inner, uint8_t buffer[QUOTING_AESM_RESPONSE_MAX],
                             struct quoting_aesm_response *ret)
{
    uint8_t message[4 + REQUEST_MAX];
    struct writer w = writer_on(message, sizeof message);
    size_t size = 0;
    int fd;
    uint64_t microseconds = a->timeout_ms * 1000ull;
    put_number(inner, FIELD_TIMEOUT, MIN(microseconds, (uint64_t)UINT32_MAX));
    put_le32(&w, 0);
    put_field(&w, (uint32_t)kind, writer_span(inner));
    REQUIRE(!w.failed && !inner->failed, ERR_MEMORY, "AESM: the request is too large");
    store_le32(message, (uint32_t)(w.size - 4));
    GUARD(connect_to(a->path, &fd));
    struct result r = exchange(fd, a->timeout_ms, writer_span(&w), buffer, &size);
    close(fd);
    GUARD(r);
    return quoting_aesm_parse(SPAN(buffer, size), kind, ret);
}

// -- the four steps of a quote ------------------------------------------------------------------

static struct result find_key(struct quoting_aesm *a, uint8_t *buffer)
{
    uint8_t fields[32];
    struct quoting_aesm_response got;
    struct writer w = writer_on(fields, sizeof fields);
    GUARD(request(a, QUOTING_AESM_KEY_ID_NUM, &w, buffer, &got));
    REQUIRE(got.has_number && got.number <= QUOTING_AESM_KEY_IDS_MAX, ERR_RANGE,
            "AESM: the number of keys is outside its limits");
    size_t size = got.number * QUOTING_AESM_KEY_ID_SIZE;
    REQUIRE(size > 0, ERR_UNSUPPORTED, "AESM has no attestation key");
    w = writer_on(fields, sizeof fields);
    put_number(&w, 1, size); // buf_size
    GUARD(request(a, QUOTING_AESM_KEY_IDS, &w, buffer, &got));
    REQUIRE(got.has_bytes && got.bytes.size == size, ERR_INVALID,
            "AESM: the list of keys has another size");
    for (size_t at = 0; at < size; at += QUOTING_AESM_KEY_ID_SIZE)
        if (load_le32(got.bytes.data + at + ALGORITHM_OFFSET) == ALGORITHM_P256) {
            memcpy(a->key_id, got.bytes.data + at, sizeof a->key_id);
            return RESULT_OK;
        }
    return fail(ERR_UNSUPPORTED, "AESM has no ECDSA key: install libsgx-aesm-ecdsa-plugin");
}

static struct result init_quote(const struct quoting_aesm *a, bool with_key, uint64_t size,
                                uint8_t *buffer, struct quoting_aesm_response *ret)
{
    uint8_t fields[QUOTING_AESM_KEY_ID_SIZE + 64];
    struct writer w = writer_on(fields, sizeof fields);
    put_field(&w, 1, SPAN_OF(a->key_id));
    put_number(&w, 3, with_key); // b_pub_key_id
    put_number(&w, 4, size);     // buf_size
    return request(a, QUOTING_AESM_INIT_QUOTE_EX, &w, buffer, ret);
}

struct result quoting_aesm_open(const char *path, unsigned timeout_ms, struct quoting_aesm *ret)
{
    struct quoting_aesm a = {.path = path, .timeout_ms = timeout_ms};
    uint8_t buffer[QUOTING_AESM_RESPONSE_MAX];
    struct quoting_aesm_response got;
    if (!timeout_ms)
        a.timeout_ms = QUOTING_AESM_TIMEOUT_MS;
    GUARD(find_key(&a, buffer));
    // The first call gives the size of the key's identity, the second makes the key when needed.
    GUARD(init_quote(&a, false, 0, buffer, &got));
    REQUIRE(got.has_number && got.number > 0 && got.number <= PUB_KEY_ID_SIZE_MAX, ERR_RANGE,
            "AESM: the size of the key's identity is outside its limits");
    GUARD(init_quote(&a, true, got.number, buffer, &got));
    REQUIRE(got.has_bytes && got.bytes.size == sizeof a.target, ERR_INVALID,
            "AESM: the target has another size");
    memcpy(&a.target, got.bytes.data, sizeof a.target);
    REQUIRE(!is_zero(a.target.mrenclave, sizeof a.target.mrenclave), ERR_INVALID,
            "AESM: the quoting enclave has no measurement");
    *ret = a;
    return RESULT_OK;
}

struct result quoting_aesm_quote(const struct quoting_aesm *aesm, const struct sgx_report *report,
                                 uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    uint8_t fields[REQUEST_MAX - 16], response[QUOTING_AESM_RESPONSE_MAX];
    struct quoting_aesm_response got;
    struct writer w = writer_on(fields, sizeof fields);
    put_field(&w, 1, SPAN_OF(aesm->key_id));
    GUARD(request(aesm, QUOTING_AESM_GET_QUOTE_SIZE_EX, &w, response, &got));
    REQUIRE(got.has_number && got.number > 0 && got.number <= MIN(capacity, SGX_QUOTE_SIZE_MAX),
            ERR_RANGE, "AESM: the quote's size is outside its limits");
    uint64_t size = got.number;
    w = writer_on(fields, sizeof fields);
    put_field(&w, 1, SPAN(report, sizeof *report));
    put_field(&w, 2, SPAN_OF(aesm->key_id));
    put_number(&w, 4, size); // buf_size
    GUARD(request(aesm, QUOTING_AESM_GET_QUOTE_EX, &w, response, &got));
    REQUIRE(got.has_bytes && got.bytes.size == size, ERR_INVALID,
            "AESM: the quote has another size");
    memcpy(buffer, got.bytes.data, size);
    *ret_size = size;
    return RESULT_OK;
}
