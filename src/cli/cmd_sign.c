// SPDX-License-Identifier: Apache-2.0
// cloister sign: another signer for an image, with a key at hand or with a signature made elsewhere.
#include "cli/commands_image.h"

#include "base/hex.h"
#include "cli/options.h"
#include "cli/say.h"
#include "image/sign.h"
#include "os/file.h"
#include "sgx/sigstruct.h"

#include <stdio.h>
#include <stdlib.h>

#define PEM_SIZE_MAX       (64u << 10)
#define SIGNATURE_SIZE_MAX 4096u

static const char help[] =
    "Usage: cloister sign IMAGE --key FILE\n"
    "       cloister sign IMAGE --digest [--out FILE] [--signer-public PEM]\n"
    "       cloister sign IMAGE --attach SIGNATURE --signer-public PEM\n"
    "Replaces the signature of an image's SIGSTRUCT. MRENCLAVE and fingerprint stay, MRSIGNER is\n"
    "the new signer's. Keys are RSA-3072 with exponent 3; signatures PKCS #1 v1.5 with SHA-256.\n"
    "\n"
    "  --key FILE           unencrypted private key in PEM\n"
    "  --digest             print the SHA-256 that is to be signed elsewhere, as in an HSM\n"
    "  --out FILE           write the bytes that are signed\n"
    "  --attach SIGNATURE   check the signature made elsewhere (384 bytes, or base64) and put it "
    "in\n"
    "  --signer-public PEM  the signer's public key\n"
    "  --json               a JSON object\n"
    "\n"
    "With OpenSSL as the HSM:\n"
    "  cloister sign app.cloister --digest --out app.tbs\n"
    "  openssl dgst -sha256 -sign key.pem -out app.sig app.tbs\n"
    "  cloister sign app.cloister --attach app.sig --signer-public public.pem\n";

struct request {
    const char *image, *key, *out, *attach, *public_key;
    bool digest, json;
};

static struct result read_public(const char *path, struct image_note *note, uint8_t **ret,
                                 size_t *ret_size)
{
    struct result r = file_read(path, PEM_SIZE_MAX, ret, ret_size);
    return is_ok(r) ? r : image_fail(note, r.code, r.why, "%s", path);
}

// MRSIGNER of the public key that was named.
static struct result mrsigner_of(const char *path, struct image_note *note, char ret[HEX_SIZE(32)])
{
    uint8_t *pem, modulus[SGX_MODULUS_SIZE], mrsigner[SGX_HASH_SIZE];
    size_t size;
    struct sgx_sigstruct s = {0};
    GUARD(read_public(path, note, &pem, &size));
    struct result r = sgx_public_key_modulus(SPAN(pem, size), modulus);
    free(pem);
    if (!is_ok(r))
        return image_fail(note, r.code, r.why, "%s", path);
    for (size_t i = 0; i < sizeof modulus; i++)
        s.modulus[i] = modulus[sizeof modulus - 1 - i];
    sgx_mrsigner(&s, mrsigner);
    hex_encode(mrsigner, sizeof mrsigner, ret);
    return RESULT_OK;
}

static struct result print_digest(const struct request *q, const struct image *i,
                                  struct image_note *note)
{
    uint8_t digest[SGX_HASH_SIZE], bytes[SIGN_BYTES_SIZE];
    char text[HEX_SIZE(SGX_HASH_SIZE)], signer[HEX_SIZE(SGX_HASH_SIZE)] = "",
                                        fingerprint[IMAGE_FINGERPRINT_SIZE];
    GUARD(sign_check_image(i));
    GUARD(image_fingerprint(i, fingerprint));
    if (q->public_key)
        GUARD(mrsigner_of(q->public_key, note, signer));
    sgx_sigstruct_digest(i->sigstruct, digest);
    hex_encode(digest, sizeof digest, text);
    sign_bytes(i->sigstruct, bytes);
    if (q->out)
        GUARD(file_write(q->out, SPAN_OF(bytes), 0644, FILE_REPLACE));
    if (!q->json) {
        puts(text);
        if (*signer)
            fprintf(stderr, "cloister sign: with this signer: MRSIGNER %s\n", signer);
        return RESULT_OK;
    }
    json_t *j = json_pack("{s:s, s:s}", "digest", text, "fingerprint", fingerprint);
    if (*signer)
        json_object_set_new(j, "mrsigner", json_string(signer));
    (void)say_json(j);
    return RESULT_OK;
}

static struct result attach(const struct request *q, const struct image *i, struct image_note *note,
                            struct sgx_sigstruct *ret)
{
    uint8_t *pem = NULL, *signature = NULL;
    size_t pem_size = 0, size = 0;
    struct result r = read_public(q->public_key, note, &pem, &pem_size);
    if (is_ok(r)) {
        r = file_read(q->attach, SIGNATURE_SIZE_MAX, &signature, &size);
        if (!is_ok(r))
            r = image_fail(note, r.code, r.why, "%s", q->attach);
    }
    if (is_ok(r))
        r = sign_attach(i, SPAN(pem, pem_size), SPAN(signature, size), ret);
    free(pem);
    free(signature);
    return r;
}

static struct result sign(const struct request *q, const struct image *i, struct image_note *note)
{
    struct sgx_sigstruct s;
    uint8_t before[SGX_HASH_SIZE], after[SGX_HASH_SIZE];
    char old_text[HEX_SIZE(SGX_HASH_SIZE)], text[HEX_SIZE(SGX_HASH_SIZE)],
        fingerprint[IMAGE_FINGERPRINT_SIZE];
    if (q->attach)
        GUARD(attach(q, i, note, &s));
    else
        GUARD(sign_again(i, q->key, note, &s));
    GUARD(image_fingerprint(i, fingerprint));
    sgx_mrsigner(i->sigstruct, before);
    sgx_mrsigner(&s, after);
    GUARD(sign_replace(q->image, &s, note));
    hex_encode(before, sizeof before, old_text);
    hex_encode(after, sizeof after, text);
    if (q->json)
        (void)say_json(json_pack("{s:s, s:s, s:s}", "fingerprint", fingerprint, "mrsigner", text,
                                 "mrsigner_before", old_text));
    else
        printf("MRSIGNER: %s (was %s)\nfingerprint: %s\n", text, old_text, fingerprint);
    return RESULT_OK;
}

int cmd_sign(int argc, char **argv)
{
    struct request q = {0};
    bool done;
    const struct option_slot slots[] = {{"key", &q.key, NULL, 0},
                                        {"digest", NULL, &q.digest, 0},
                                        {"out", &q.out, NULL, 'o'},
                                        {"attach", &q.attach, NULL, 0},
                                        {"signer-public", &q.public_key, NULL, 0},
                                        {"json", NULL, &q.json, 0},
                                        {0}};
    int at = options_read(argc, argv, slots, help, &done);
    if (at < 0)
        return EXIT_USAGE;
    if (done)
        return EXIT_DONE;
    if (at + 1 != argc)
        return say_usage("sign", "one image is needed");
    if ((q.key != NULL) + q.digest + (q.attach != NULL) != 1)
        return say_usage("sign", "one of --key, --digest and --attach is needed");
    if (q.attach && !q.public_key)
        return say_usage("sign", "--attach needs --signer-public");
    if ((q.out && !q.digest) || (q.public_key && q.key))
        return say_usage("sign", "--out goes with --digest, --signer-public not with --key");
    q.image = argv[at];
    struct image image;
    struct image_note note = {0};
    // A split image too: the files that it leaves out have no part in its SIGSTRUCT.
    struct result r = image_open_split(q.image, NULL, &note, &image);
    if (!is_ok(r))
        return say_failure(note.text[0] ? note.text : q.image, r);
    r = q.digest ? print_digest(&q, &image, &note) : sign(&q, &image, &note);
    image_close(&image);
    return is_ok(r) ? EXIT_DONE : say_failure(note.text[0] ? note.text : q.image, r);
}
