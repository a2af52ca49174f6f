// SPDX-License-Identifier: Apache-2.0
// Indexes, manifests and configurations: what is taken, and that everything else is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oci/config.h"

#include <cmocka.h>

#define D            "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define E            "sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define BLOB(digest) "{\"digest\":\"" digest "\",\"size\":7,\"mediaType\":\"t\"}"
#define PLATFORM(digest, os, cpu)                                                              \
    "{\"digest\":\"" digest "\",\"size\":7,\"mediaType\":\"t\",\"platform\":{\"os\":\"" os     \
    "\",\"architecture\":\"" cpu "\"},\"annotations\":{\"org.opencontainers.image.ref.name\":" \
    "\"" cpu "\"}}"

static json_t *parse(const char *text)
{
    struct image_note note = {0};
    json_t *json;
    return is_ok(oci_json_parse(SPAN(text, strlen(text)), &note, &json)) ? json : NULL;
}

static void test_limits(void **state)
{
    (void)state;
    struct image_note note = {0};
    json_t *json;
    char deep[400] = "{\"a\":";
    memset(deep + 5, '[', 100);
    memset(deep + 105, ']', 100);
    deep[205] = '}';
    assert_int_equal(oci_json_parse(SPAN(deep, 206), &note, &json).code, ERR_RANGE);
    char *large = calloc(1, OCI_JSON_MAX + 1);
    assert_int_equal(oci_json_parse(SPAN(large, OCI_JSON_MAX + 1), &note, &json).code, ERR_RANGE);
    free(large);
    assert_null(parse("[]"));
    assert_null(parse("{\"a\":1,\"a\":2}"));
    assert_null(parse("{\"a\":1} x"));
    assert_null(parse(""));
    json = parse("{\"a\":\"[[[[\\\"\"}");
    assert_non_null(json);
    json_decref(json);
}

static enum err choose(const char *text, const char *tag, const char *expected)
{
    struct image_note note = {0};
    struct oci_blob blob;
    json_t *json = parse(text);
    assert_non_null(json);
    struct result r = oci_index_choose(json, tag, &note, &blob);
    if (is_ok(r))
        assert_string_equal(blob.digest, expected);
    json_decref(json);
    return r.code;
}

static void test_index(void **state)
{
    (void)state;
    const char *two =
        "{\"manifests\":[" PLATFORM(E, "linux", "arm64") "," PLATFORM(D, "linux", "amd64") "]}";
    assert_int_equal(choose(two, NULL, D), ERR_NONE);
    assert_int_equal(choose(two, "amd64", D), ERR_NONE);
    assert_int_equal(choose(two, "arm64", D), ERR_NOT_FOUND);
    assert_int_equal(choose("{\"manifests\":[" BLOB(D) "]}", NULL, D), ERR_NONE);
    assert_int_equal(choose("{\"manifests\":[" BLOB(D) "," BLOB(E) "]}", NULL, D), ERR_INVALID);
    assert_int_equal(choose("{\"manifests\":[]}", NULL, D), ERR_NOT_FOUND);
    assert_int_equal(choose("{\"manifests\":{}}", NULL, D), ERR_INVALID);
    assert_int_equal(choose("{\"manifests\":[" BLOB("sha512:00") "]}", NULL, D), ERR_INVALID);
    assert_int_equal(choose("{\"manifests\":[" BLOB("sha256:../../../etc/passwd") "]}", NULL, D),
                     ERR_INVALID);
}

static enum err read_manifest(const char *text, size_t layers)
{
    struct image_note note = {0};
    struct oci_manifest m;
    json_t *json = parse(text);
    assert_non_null(json);
    struct result r = oci_manifest_parse(json, &note, &m);
    json_decref(json);
    if (!is_ok(r))
        return r.code;
    assert_int_equal(m.layer_count, layers);
    oci_manifest_done(&m);
    return r.code;
}

static void test_manifest(void **state)
{
    (void)state;
    assert_int_equal(
        read_manifest("{\"schemaVersion\":2,\"config\":" BLOB(D) ",\"layers\":[" BLOB(E) "]}", 1),
        ERR_NONE);
    assert_int_equal(read_manifest("{\"schemaVersion\":2,\"config\":" BLOB(D) ",\"layers\":[]}", 0),
                     ERR_NONE);
    assert_int_equal(read_manifest("{\"schemaVersion\":1,\"config\":" BLOB(D) ",\"layers\":[]}", 0),
                     ERR_UNSUPPORTED);
    assert_int_equal(read_manifest("{\"schemaVersion\":2,\"layers\":[]}", 0), ERR_INVALID);
    assert_int_equal(read_manifest("{\"schemaVersion\":2,\"config\":" BLOB(D) "}", 0), ERR_INVALID);
    assert_int_equal(
        read_manifest("{\"schemaVersion\":2,\"config\":" BLOB(D) ",\"layers\":[1]}", 0),
        ERR_INVALID);
    assert_int_equal(read_manifest("{\"schemaVersion\":2,\"config\":{\"digest\":\"" D
                                   "\",\"size\":-1,"
                                   "\"mediaType\":\"t\"},\"layers\":[]}",
                                   0),
                     ERR_INVALID);
}

#define CONFIG(process)                                                           \
    "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[\"" D \
    "\"]},\"config\":" process "}"

static struct result apply(const char *text, struct manifest *m)
{
    struct image_note note = {0};
    struct tree *t;
    json_t *json = parse(text);
    assert_non_null(json);
    assert_true(is_ok(tree_new(&t)));
    assert_true(
        is_ok(tree_write(t, "/etc/passwd", SPAN_STR("root:x:0:0:\nweb:x:33:44::/\n"), 0644)));
    assert_true(is_ok(tree_write(t, "/etc/group", SPAN_STR("staff:x:50:\n"), 0644)));
    assert_true(is_ok(tree_write(t, "/opt/bin/app", SPAN_STR("x"), 0755)));
    struct result r = oci_config_check(json, 1, &note);
    if (is_ok(r))
        r = oci_config_to_manifest(json, t, &note, m);
    json_decref(json);
    tree_free(t);
    return r;
}

static void test_config(void **state)
{
    (void)state;
    struct manifest m = {.heap = 0};
    assert_true(is_ok(apply(
        CONFIG("{\"Entrypoint\":[\"app\",\"-x\"],\"Cmd\":[\"y\"],\"Env\":[\"PATH=/bin:/opt/bin\","
               "\"A=1\"],\"WorkingDir\":\"/w/./x/\",\"User\":\"web:staff\","
               "\"Volumes\":{\"/data//x/\":{}}}"),
        &m)));
    assert_string_equal(m.entrypoint, "/opt/bin/app");
    assert_int_equal(m.arguments.count, 2);
    assert_string_equal(m.arguments.item[1], "y");
    assert_string_equal(m.environment.item[1], "A=1");
    assert_string_equal(m.directory, "/w/x");
    assert_int_equal(m.uid, 33);
    assert_int_equal(m.gid, 50);
    assert_string_equal(m.regions[0].path, "/data/x");
    assert_string_equal(m.regions[0].kind, "ephemeral");
    // What the manifest says already stays.
    assert_true(is_ok(
        apply(CONFIG("{\"Entrypoint\":[\"other\"],\"Env\":[\"A=2\",\"B=3\"],\"WorkingDir\":\"/no\","
                     "\"User\":\"7\",\"Volumes\":{\"/data/x\":{}}}"),
              &m)));
    assert_string_equal(m.entrypoint, "/opt/bin/app");
    assert_string_equal(m.environment.item[1], "A=1");
    assert_string_equal(m.environment.item[2], "B=3");
    assert_string_equal(m.directory, "/w/x");
    assert_int_equal(m.uid, 33);
    assert_int_equal(m.region_count, 1);
    manifest_done(&m);
}

static void test_config_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err code;
    } cases[] = {
        {CONFIG("{}"), ERR_NOT_FOUND},
        {CONFIG("{\"Cmd\":[\"missing\"]}"), ERR_NOT_FOUND},
        {CONFIG("{\"Cmd\":[\"/a\"],\"User\":\"nobody\"}"), ERR_NOT_FOUND},
        {CONFIG("{\"Cmd\":[\"/a\"],\"User\":\"70000\"}"), ERR_NOT_FOUND},
        {CONFIG("{\"Cmd\":[\"/a\"],\"WorkingDir\":\"a\"}"), ERR_INVALID},
        {CONFIG("{\"Cmd\":[\"/a\"],\"WorkingDir\":\"/a/..\"}"), ERR_INVALID},
        {CONFIG("{\"Cmd\":[\"/a\"],\"Volumes\":{\"/\":{}}}"), ERR_INVALID},
        {CONFIG("{\"Cmd\":[1]}"), ERR_INVALID},
        {CONFIG("{\"Cmd\":\"/a\"}"), ERR_INVALID},
        {CONFIG("[]"), ERR_INVALID},
        {"{\"os\":\"linux\",\"architecture\":\"arm64\"}", ERR_UNSUPPORTED},
        {"{\"os\":\"linux\",\"architecture\":\"amd64\"}", ERR_INVALID},
        {"{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[\"x\"]}}",
         ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct manifest m = {.heap = 0};
        assert_int_equal(apply(cases[i].text, &m).code, cases[i].code);
        manifest_done(&m);
    }
}

static void test_protect(void **state)
{
    (void)state;
    static const char ids[1][OCI_DIGEST_SIZE] = {E};
    struct manifest m = {.host_arguments = false};
    json_t *json = parse(CONFIG("{\"Cmd\":[\"a\"],\"Env\":[\"PATH=/x\",\"CLOISTER_MODE=sim\"]}"));
    assert_true(is_ok(oci_config_protect(json, "f", &m, ids, 1)));
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(strstr(text, "\"Env\":[\"PATH=/.cloister/bin:/x\",\"CLOISTER_MODE=hw\"]"));
    assert_non_null(strstr(
        text, "[\"/.cloister/bin/cloister\",\"run\",\"--root\",\"/\",\"/.cloister/image\"]"));
    assert_null(strstr(text, "Cmd"));
    assert_string_equal(oci_config_diff_id(json, 1), E);
    assert_string_equal(oci_config_label(json, OCI_LABEL_FINGERPRINT), "f");
    free(text);
    json_decref(json);
}

// What goes behind the fingerprint of an image on top of a protected one.
static void test_command(void **state)
{
    (void)state;
    static const struct {
        const char *text, *command; // NULL: refused
        bool runs_image;
    } cases[] = {
        {CONFIG("{}"), "", false},
        {CONFIG("{\"Cmd\":[\"a\",\"b\"]}"), "a b", false},
        {CONFIG("{\"Entrypoint\":[\"/.cloister/bin/python\",\"/x\"],\"Cmd\":[\"-q\"]}"),
         "python /x -q", false},
        {CONFIG("{\"Entrypoint\":[\"sh\",\"-c\",\"echo a\"]}"), NULL, false},
        {CONFIG("{\"Entrypoint\":[\"sh\",\"\"]}"), NULL, false},
        {CONFIG("{\"Entrypoint\":[\"sh\"],\"Cmd\":[\"aaaaaaaaaaaaaaaaaaaaaaaa\"]}"), NULL, false},
        {CONFIG("{\"Entrypoint\":[\"cloister\",\"run\",\"/.cloister/image\"]}"),
         "cloister run /.cloister/image", true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        json_t *json = parse(cases[i].text);
        char command[30] = "untouched"; // the longest above has 29
        assert_int_equal(oci_config_runs_image(json), cases[i].runs_image);
        bool good = is_ok(oci_config_command(json, command, i == 5 ? 20 : sizeof command));
        assert_int_equal(good, cases[i].command != NULL);
        assert_string_equal(command, good ? cases[i].command : "untouched");
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_index),
        cmocka_unit_test(test_manifest),       cmocka_unit_test(test_config),
        cmocka_unit_test(test_config_refused), cmocka_unit_test(test_protect),
        cmocka_unit_test(test_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
