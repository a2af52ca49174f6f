// SPDX-License-Identifier: Apache-2.0
// cloister dataset encrypt: IV ‖ AES-256-CBC, as iExec's SDK makes it, in one pass over the file.
#include "cli/dataset.h"

#include "base/hex.h"
#include "cli/options.h"
#include "cli/say.h"
#include "crypto/cbc.h"
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_SIZE        (1024 * 1024)
#define PROGRESS_SIZE_MIN (64ll * 1024 * 1024)

static const char help[] =
    "Usage: cloister dataset encrypt FILE [-o OUT] [--key KEYFILE] [--json]\n"
    "\n"
    "Encrypts a file for the ledger: a random IV, then AES-256-CBC under a fresh random key.\n"
    "Prints the SHA-256 of OUT, the checksum that goes on the ledger.\n"
    "\n"
    "  -o, --out OUT    the encrypted file (default FILE.enc)\n"
    "  --key KEYFILE    where the key goes, 44 characters of base64, mode 0600 (default OUT.key);\n"
    "                   keep it secret, and give it to the SMS with 'dataset push-key'\n"
    "\n"
    "Neither OUT nor KEYFILE is ever overwritten.\n";

struct job {
    int in;
    int out;
    struct cbc *cipher;
    struct sha256_ctx hash;
    long long size; // of the input; progress is shown when it is large
    long long done;
};

static struct result emit(struct job *j, const uint8_t *data, size_t size)
{
    sha256_update(&j->hash, data, size);
    return file_write_all(j->out, SPAN(data, size));
}

static void show_progress(const struct job *j, bool end)
{
    if (j->size < PROGRESS_SIZE_MIN || !isatty(2))
        return;
    fprintf(stderr, "\rencrypting %lld of %lld MiB%s", j->done >> 20, j->size >> 20,
            end ? "\n" : "");
}

static struct result pump(struct job *j, uint8_t *plain, uint8_t *sealed)
{
    size_t in, out;
    for (;;) {
        GUARD(file_read_some(j->in, plain, CHUNK_SIZE, &in));
        if (in == 0)
            break;
        GUARD(cbc_update(j->cipher, SPAN(plain, in), sealed, &out));
        GUARD(emit(j, sealed, out));
        j->done += (long long)in;
        show_progress(j, false);
    }
    GUARD(cbc_end(j->cipher, sealed, &out));
    GUARD(emit(j, sealed, out));
    show_progress(j, true);
    return RESULT_OK;
}

static struct result encrypt_stream(struct job *j, const uint8_t key[CBC_KEY_SIZE])
{
    uint8_t iv[CBC_IV_SIZE];
    uint8_t *plain = malloc(CHUNK_SIZE), *sealed = malloc(CHUNK_SIZE + CBC_BLOCK_SIZE);
    struct result r = plain && sealed ? RESULT_OK : fail(ERR_MEMORY, "out of memory");
    sha256_init(&j->hash);
    if (is_ok(r))
        r = random_bytes(iv, sizeof iv);
    if (is_ok(r))
        r = cbc_begin(CBC_ENCRYPT, key, iv, &j->cipher);
    if (is_ok(r))
        r = emit(j, iv, sizeof iv);
    if (is_ok(r))
        r = pump(j, plain, sealed);
    if (is_ok(r) && fsync(j->out))
        r = fail(ERR_IO, "cannot sync the file");
    cbc_free(j->cipher);
    if (plain)
        wipe(plain, CHUNK_SIZE);
    free(plain);
    free(sealed);
    return r;
}

// The whole file appears under its name, or none of it.
static struct result encrypt_file(const char *in, const char *out, const uint8_t key[CBC_KEY_SIZE],
                                  uint8_t ret_checksum[SHA256_SIZE])
{
    char temporary[PATH_MAX];
    struct stat st;
    struct job j = {.out = -1, .in = open(in, O_RDONLY | O_CLOEXEC)};
    REQUIRE(j.in >= 0, ERR_IO, errno == ENOENT ? "there is no such file" : "cannot open");
    struct result r = RESULT_OK;
    if (fstat(j.in, &st) || !S_ISREG(st.st_mode))
        r = fail(ERR_INVALID, "not a regular file; pack several files into one archive");
    if (is_ok(r) &&
        (size_t)snprintf(temporary, sizeof temporary, "%s.XXXXXX", out) >= sizeof temporary)
        r = fail(ERR_RANGE, "the path is too long");
    if (is_ok(r) && (j.out = mkostemp(temporary, O_CLOEXEC)) < 0)
        r = fail(ERR_IO, "cannot write in the output's folder");
    if (is_ok(r)) {
        j.size = (long long)st.st_size;
        r = encrypt_stream(&j, key);
        fchmod(j.out, 0644);
        close(j.out);
        if (is_ok(r) && link(temporary, out))
            r = fail(ERR_EXISTS, "the output exists already");
        unlink(temporary);
    }
    close(j.in);
    GUARD(r);
    sha256_final(&j.hash, ret_checksum);
    return RESULT_OK;
}

static int encrypt_to(const char *in, const char *out, const char *key_path, bool json)
{
    uint8_t key[CBC_KEY_SIZE], checksum[SHA256_SIZE];
    char key_text[BASE64_SIZE(CBC_KEY_SIZE)], checksum_text[2 + HEX_SIZE(SHA256_SIZE)] = "0x";
    if (access(out, F_OK) == 0)
        return say_failure(out, fail(ERR_EXISTS, "the output exists already"));
    struct result r = random_bytes(key, sizeof key);
    if (!is_ok(r))
        return say_failure("dataset encrypt", r);
    // The key is safe on disk before there is anything that needs it.
    base64_encode(key, sizeof key, key_text);
    r = file_write(key_path, SPAN(key_text, sizeof key_text - 1), 0600, FILE_MUST_BE_NEW);
    wipe(key_text, sizeof key_text);
    if (!is_ok(r)) {
        wipe(key, sizeof key);
        return say_failure(key_path, r);
    }
    r = encrypt_file(in, out, key, checksum);
    wipe(key, sizeof key);
    if (!is_ok(r)) {
        unlink(key_path);
        return say_failure(in, r);
    }
    hex_encode(checksum, sizeof checksum, checksum_text + 2);
    if (json)
        return say_json(
            json_pack("{s:s, s:s, s:s}", "file", out, "key", key_path, "checksum", checksum_text));
    printf("%s\n", checksum_text);
    fprintf(stderr, "encrypted: %s\nkey:       %s (secret)\n", out, key_path);
    return EXIT_DONE;
}

int dataset_encrypt(int argc, char **argv)
{
    const char *out = NULL, *key = NULL;
    bool json = false, done;
    const struct option_slot slots[] = {
        {"out", &out, NULL, 'o'}, {"key", &key, NULL, 'k'}, {"json", NULL, &json, 0}, {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0 || done)
        return at < 0 ? EXIT_USAGE : EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("dataset", "encrypt needs one file");
    char out_path[PATH_MAX], key_path[PATH_MAX];
    int n = out ? snprintf(out_path, sizeof out_path, "%s", out)
                : snprintf(out_path, sizeof out_path, "%s.enc", argv[at]);
    if ((size_t)n >= sizeof out_path - 8)
        return say_usage("dataset", "the path is too long");
    n = key ? snprintf(key_path, sizeof key_path, "%s", key)
            : snprintf(key_path, sizeof key_path, "%.4000s.key", out_path);
    if ((size_t)n >= sizeof key_path - 8)
        return say_usage("dataset", "the path is too long");
    return encrypt_to(argv[at], out_path, key_path, json);
}
