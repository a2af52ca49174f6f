// SPDX-License-Identifier: Apache-2.0
// SBOM and provenance: what they name, what they keep to themselves, and that nothing but the origin decides.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/dpkg_status.h"
#include "image/packages.h"
#include "image/provenance.h"
#include "image/sbom.h"
#include "os/file.h"

#include <cmocka.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char status[] =
    "Package: libstdc++6\nStatus: install ok installed\nArchitecture: amd64\n"
    "Version: 2:12.2~0-14+deb12u1\nDescription: x\n Package: no\n\n"
    "Package: gone\nStatus: deinstall ok config-files\n"
    "Architecture: all\nVersion: 1\n\n\n"
    "Package: bad name\nStatus: install ok installed\nArchitecture: all\n"
    "Version: 1\n\n"
    "Package: last\nStatus: hold ok installed\nArchitecture: all\nVersion: 3";

static void test_dpkg_status(void **state)
{
    (void)state;
    struct span rest = SPAN_STR(status);
    struct dpkg_package p;
    assert_true(dpkg_status_next(&rest, &p));
    assert_int_equal(span_compare(p.name, SPAN_STR("libstdc++6")), 0);
    assert_int_equal(span_compare(p.version, SPAN_STR("2:12.2~0-14+deb12u1")), 0);
    assert_true(dpkg_status_next(&rest, &p));
    assert_int_equal(span_compare(p.name, SPAN_STR("last")), 0);
    assert_false(dpkg_status_next(&rest, &p));
    // Cut at every byte: never read beyond.
    for (size_t size = 0; size < sizeof status; size++) {
        char *copy = malloc(size + 1);
        memcpy(copy, status, size);
        rest = SPAN(copy, size);
        while (dpkg_status_next(&rest, &p))
            assert_true(p.name.size > 0);
        free(copy);
    }
}

struct place {
    char directory[64];
    struct manifest manifest;
    struct image_origin origin;
};

static void put(const struct place *p, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", p->directory, name);
    assert_true(is_ok(file_write(path, SPAN(text, strlen(text)), 0644, FILE_REPLACE)));
}

static void place_make(struct place *p)
{
    char path[256];
    struct image_note note = {0};
    *p = (struct place){.directory = "/tmp/origin_test.XXXXXX"};
    assert_non_null(mkdtemp(p->directory));
    snprintf(path, sizeof path, "%s/root", p->directory);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/root/secret", p->directory);
    assert_int_equal(mkdir(path, 0755), 0);
    put(p, "root/open", "open\n");
    put(p, "root/secretly-open", "x\n");
    put(p, "root/secret/hidden", "hidden\n");
    put(p, "key", SHA "\n");
    put(p, LOCK_FILE, "libc6 2.36-9+deb12u14 amd64 " SHA "\n");
    static const char text[] = "name: app\nroot: root\npackages: [libc6]\nentrypoint: /open\n"
                               "regions: [{path: /secret, kind: encrypted, content-key: key}]\n";
    put(p, MANIFEST_FILE, text);
    assert_true(is_ok(manifest_parse(SPAN_STR(text), &note, &p->manifest)));
    p->origin = (struct image_origin){.name = "app",
                                      .fingerprint = SHA "|" SHA "|" SHA,
                                      .directory = p->directory,
                                      .manifest = &p->manifest};
}

static void place_remove(struct place *p)
{
    static const char *const names[] = {"root/open",
                                        "root/secretly-open",
                                        "root/secret/hidden",
                                        "root/secret",
                                        "root",
                                        "key",
                                        LOCK_FILE,
                                        MANIFEST_FILE,
                                        ""};
    char path[256];
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", p->directory, names[i]);
        (void)remove(path);
    }
    manifest_done(&p->manifest);
}

static void test_sbom(void **state)
{
    (void)state;
    struct place p;
    struct image_note note = {0};
    char *text, *again;
    place_make(&p);
    unsetenv("SOURCE_DATE_EPOCH");
    p.origin.dpkg_status = SPAN_STR(status);
    p.origin.source = "docker://example/base";
    p.origin.source_digest = "sha256:" SHA;
    assert_true(is_ok(sbom_write(&p.origin, &note, &text)));
    assert_non_null(strstr(text, "\"pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64\""));
    assert_non_null(
        strstr(text, "\"pkg:deb/debian/libstdc%2B%2B6@2%3A12.2~0-14%2Bdeb12u1?arch=amd64\""));
    assert_non_null(strstr(text, "\"./open\""));
    assert_non_null(strstr(text, "\"./secretly-open\""));
    assert_non_null(strstr(text, "\"DESCENDANT_OF\""));
    assert_non_null(strstr(text, "\"2026-01-01T00:00:00Z\""));
    // What the image encrypts has neither name nor digest here; nor does the build's place.
    assert_null(strstr(text, "hidden"));
    assert_null(strstr(text, p.directory));
    assert_true(is_ok(sbom_write(&p.origin, &note, &again)));
    assert_string_equal(text, again);
    free(again);
    setenv("SOURCE_DATE_EPOCH", "86400", 1);
    assert_true(is_ok(sbom_write(&p.origin, &note, &again)));
    assert_non_null(strstr(again, "\"1970-01-02T00:00:00Z\""));
    free(again);
    free(text);
    put(&p, LOCK_FILE, "not a lock file\n");
    assert_false(is_ok(sbom_write(&p.origin, &note, &text)));
    place_remove(&p);
}

static void test_provenance(void **state)
{
    (void)state;
    struct place p;
    struct image_note note = {0};
    char *text;
    uint8_t kernel[32] = {0xab};
    place_make(&p);
    unsetenv("SOURCE_DATE_EPOCH");
    p.origin.kernel_hash = kernel;
    assert_true(is_ok(provenance_write(&p.origin, &note, &text)));
    assert_non_null(strstr(text, "\"cloister.lock\""));
    assert_non_null(strstr(text, "\"kernel.elf\""));
    assert_non_null(strstr(text, "\"" SHA "|" SHA "|" SHA "\""));
    assert_null(strstr(text, "\"init\""));
    assert_null(strstr(text, "finishedOn"));
    assert_null(strstr(text, p.directory));
    free(text);
    setenv("SOURCE_DATE_EPOCH", "86400", 1);
    assert_true(is_ok(provenance_write(&p.origin, &note, &text)));
    assert_non_null(strstr(text, "\"finishedOn\": \"1970-01-02T00:00:00Z\""));
    free(text);
    p.origin.fingerprint = "short";
    assert_false(is_ok(provenance_write(&p.origin, &note, &text)));
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dpkg_status),
        cmocka_unit_test(test_sbom),
        cmocka_unit_test(test_provenance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
