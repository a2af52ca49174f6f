// SPDX-License-Identifier: Apache-2.0
#include "oci/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRINGS_MAX  4096u
#define ACCOUNTS_MAX (1u << 20)
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define OWN_PATH     "/.cloister/bin"

// --- reading -------------------------------------------------------------------------------------------

static const json_t *process_of(const json_t *config)
{
    return json_object_get(config, "config");
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

// NULL, null, or a list of strings.
static bool is_strings(const json_t *list)
{
    const json_t *item;
    size_t i;
    if (!list || json_is_null(list))
        return true;
    if (!json_is_array(list) || json_array_size(list) > STRINGS_MAX)
        return false;
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item))
            return false;
    }
    return true;
}

static bool is_map(const json_t *map)
{
    return !map || json_is_null(map) ||
           (json_is_object(map) && json_object_size(map) <= STRINGS_MAX);
}

static bool is_text(const json_t *text)
{
    return !text || json_is_null(text) || json_is_string(text);
}

struct result oci_config_check(const json_t *config, size_t layer_count, struct image_note *note)
{
    const json_t *c = process_of(config), *rootfs = json_object_get(config, "rootfs");
    const json_t *diff_ids = json_object_get(rootfs, "diff_ids");
    const char *os = text_of(config, "os"), *cpu = text_of(config, "architecture");
    if (!os || !cpu || strcmp(os, "linux") != 0 || strcmp(cpu, "amd64") != 0)
        return image_fail(note, ERR_UNSUPPORTED, "image is not for linux/amd64", "%s/%s",
                          os ? os : "?", cpu ? cpu : "?");
    REQUIRE(json_is_array(diff_ids) && json_array_size(diff_ids) == layer_count &&
                is_strings(diff_ids),
            ERR_INVALID, "configuration does not name each layer");
    for (size_t i = 0; i < layer_count; i++)
        REQUIRE(oci_digest_is_good(oci_config_diff_id(config, i)), ERR_INVALID,
                "digest is not a sha256");
    bool good = is_map(c) && is_strings(json_object_get(c, "Entrypoint")) &&
                is_strings(json_object_get(c, "Cmd")) && is_strings(json_object_get(c, "Env")) &&
                is_map(json_object_get(c, "Volumes")) &&
                is_map(json_object_get(c, "ExposedPorts")) &&
                is_map(json_object_get(c, "Labels")) && is_text(json_object_get(c, "User")) &&
                is_text(json_object_get(c, "WorkingDir"));
    REQUIRE(good, ERR_INVALID, "configuration of the image is malformed");
    return RESULT_OK;
}

const char *oci_config_diff_id(const json_t *config, size_t layer)
{
    const json_t *list = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
    return json_string_value(json_array_get(list, layer));
}

const char *oci_config_label(const json_t *config, const char *name)
{
    return text_of(json_object_get(process_of(config), "Labels"), name);
}

bool oci_config_runs_image(const json_t *config)
{
    const json_t *list = json_object_get(process_of(config), "Entrypoint"), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        if (strcmp(json_string_value(item), OCI_IMAGE_PATH) == 0)
            return true;
    }
    return false;
}

struct result oci_config_command(const json_t *config, char *ret, size_t capacity)
{
    static const char *const keys[] = {"Entrypoint", "Cmd"};
    size_t used = 0, i;
    const json_t *item;
    char text[PATH_MAX] = "";
    for (size_t k = 0; k < ARRAY_COUNT(keys); k++) {
        json_array_foreach(json_object_get(process_of(config), keys[k]), i, item)
        {
            const char *word = json_string_value(item);
            if (used == 0 && strncmp(word, OWN_PATH "/", sizeof OWN_PATH) == 0)
                word += sizeof OWN_PATH;
            REQUIRE(*word && !strchr(word, ' '), ERR_UNSUPPORTED,
                    "a word of the image's command is empty or has a space in it");
            int n = snprintf(text + used, sizeof text - used, "%s%s", used ? " " : "", word);
            REQUIRE(n > 0 && (size_t)n < sizeof text - used, ERR_RANGE, "command is too long");
            used += (size_t)n;
        }
    }
    REQUIRE(used < capacity, ERR_RANGE, "command is too long");
    memcpy(ret, text, used + 1);
    return RESULT_OK;
}

// --- into the manifest ---------------------------------------------------------------------------------

static struct result add_string(struct manifest_strings *s, const char *text)
{
    REQUIRE(s->count < STRINGS_MAX, ERR_RANGE, "too many arguments or variables");
    char **item = realloc(s->item, (s->count + 2) * sizeof *item);
    REQUIRE(item, ERR_MEMORY, "out of memory");
    s->item = item;
    item[s->count + 1] = NULL;
    item[s->count] = strdup(text);
    REQUIRE(item[s->count], ERR_MEMORY, "out of memory");
    s->count++;
    return RESULT_OK;
}

static const char *variable(const struct manifest_strings *s, const char *name, size_t size)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strncmp(s->item[i], name, size) == 0 && s->item[i][size] == '=')
            return s->item[i] + size + 1;
    }
    return NULL;
}

static struct result take_environment(const json_t *c, struct manifest *m)
{
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(c, "Env"), i, item)
    {
        const char *text = json_string_value(item);
        size_t name = strcspn(text, "=");
        if (name > 0 && text[name] && !variable(&m->environment, text, name))
            GUARD(add_string(&m->environment, text));
    }
    return RESULT_OK;
}

static bool is_program(struct tree *t, const char *path)
{
    const struct tree_node *n = tree_find(t, path, true);
    return n && S_ISREG(n->inode->mode) && (n->inode->mode & 0111);
}

// As execvp(3) finds it in the image; a relative path with a slash begins in the working directory.
static struct result find_program(struct tree *t, const struct manifest *m, const char *name,
                                  struct image_note *note, char **ret)
{
    char path[PATH_MAX];
    if (strchr(name, '/')) {
        const char *directory = name[0] == '/' || !m->directory ? "" : m->directory;
        snprintf(path, sizeof path, "%s%s%s", directory, name[0] == '/' ? "" : "/", name);
        *ret = strdup(path);
        return *ret ? RESULT_OK : fail(ERR_MEMORY, "out of memory");
    }
    const char *list = variable(&m->environment, "PATH", 4);
    for (const char *at = list ? list : PATH_DEFAULT; *at;) {
        size_t size = strcspn(at, ":");
        int n = snprintf(path, sizeof path, "%.*s/%s", (int)MIN(size, PATH_MAX), at, name);
        if (size > 0 && at[0] == '/' && n < (int)sizeof path && is_program(t, path)) {
            *ret = strdup(path);
            return *ret ? RESULT_OK : fail(ERR_MEMORY, "out of memory");
        }
        at += size + (at[size] == ':');
    }
    return image_fail(note, ERR_NOT_FOUND, "entrypoint is not in the image's PATH", "%.200s", name);
}

// ENTRYPOINT then CMD: the first word is the program.
static struct result take_command(const json_t *c, struct tree *t, struct image_note *note,
                                  struct manifest *m)
{
    if (m->entrypoint)
        return RESULT_OK;
    const json_t *lists[] = {json_object_get(c, "Entrypoint"), json_object_get(c, "Cmd")}, *item;
    size_t lists_used = m->arguments.count ? 1 : 2, i; // the manifest's arguments replace CMD
    struct manifest_strings words = {0};
    struct result r = RESULT_OK;
    for (size_t k = 0; k < lists_used; k++) {
        json_array_foreach(lists[k], i, item)
        {
            if (is_ok(r))
                r = add_string(&words, json_string_value(item));
        }
    }
    for (i = 0; is_ok(r) && i < m->arguments.count; i++)
        r = add_string(&words, m->arguments.item[i]);
    if (is_ok(r) && words.count == 0)
        r = image_fail(note, ERR_NOT_FOUND, "image has no ENTRYPOINT and no CMD",
                       "name an entrypoint in the manifest");
    if (is_ok(r))
        r = find_program(t, m, words.item[0], note, &m->entrypoint);
    struct manifest_strings rest = {0};
    for (i = 1; is_ok(r) && i < words.count; i++)
        r = add_string(&rest, words.item[i]);
    struct manifest_strings *old[] = {&words, &m->arguments};
    for (size_t k = 0; k < ARRAY_COUNT(old); k++) {
        for (i = 0; i < old[k]->count; i++)
            free(old[k]->item[i]);
        free(old[k]->item);
    }
    m->arguments = rest;
    return r;
}

static bool parse_id(const char *text, uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || text[digits])
        return false;
    *ret = strtoull(text, NULL, 10);
    return true;
}

// The line of an account file (passwd(5), group(5)) whose field `key` (0: name, 2: number) is `text`.
static bool find_account(const char *file, size_t key, const char *text, uint64_t *ret_id,
                         uint64_t *ret_group)
{
    for (const char *line = file; *line;) {
        size_t size = strcspn(line, "\n");
        char copy[1024], *field[4] = {copy, "", "", ""};
        snprintf(copy, sizeof copy, "%.*s", (int)MIN(size, sizeof copy - 1), line);
        char *rest = copy;
        for (size_t i = 0; i < ARRAY_COUNT(field) && rest; i++)
            field[i] = strsep(&rest, ":");
        bool found = strcmp(field[key], text) == 0;
        uint64_t number;
        if (found && *field[0] && parse_id(field[2], &number)) {
            *ret_id = number;
            if (ret_group && !parse_id(field[3], ret_group))
                *ret_group = number;
            return true;
        }
        line += size + (line[size] == '\n');
    }
    return false;
}

static char *read_accounts(struct tree *t, const char *path)
{
    const struct tree_node *n = tree_find(t, path, true);
    uint8_t *text;
    size_t size;
    if (!n || !is_ok(tree_read(n, ACCOUNTS_MAX, &text, &size)))
        return strdup("");
    return (char *)text;
}

// USER: name or number, then perhaps a colon and the group's.
static struct result take_user(const json_t *c, struct tree *t, struct image_note *note,
                               struct manifest *m)
{
    const char *user = text_of(c, "User");
    if (!user || !*user || m->uid || m->gid)
        return RESULT_OK;
    char name[256];
    snprintf(name, sizeof name, "%s", user);
    char *group = strchr(name, ':');
    if (group)
        *group++ = 0;
    char *passwd = read_accounts(t, "/etc/passwd"), *groups = read_accounts(t, "/etc/group");
    uint64_t uid = 0, gid = 0;
    bool good = passwd && groups;
    if (good && parse_id(name, &uid))
        find_account(passwd, 2, name, &uid, &gid);
    else if (good)
        good = find_account(passwd, 0, name, &uid, &gid);
    if (good && group && *group && !parse_id(group, &gid))
        good = find_account(groups, 0, group, &gid, NULL);
    free(passwd);
    free(groups);
    if (!good || uid > UINT16_MAX || gid > UINT16_MAX)
        return image_fail(note, ERR_NOT_FOUND, "USER is not known in the image", "%.200s", user);
    m->uid = uid;
    m->gid = gid;
    return RESULT_OK;
}

// Without "." and doubled slashes; false: not absolute, or with "..".
static bool normal_path(const char *path, char ret[PATH_MAX])
{
    size_t used = 0;
    if (path[0] != '/' || strlen(path) >= PATH_MAX)
        return false;
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t size = strcspn(at, "/");
        if (size == 2 && at[0] == '.' && at[1] == '.')
            return false;
        if (size > 0 && !(size == 1 && at[0] == '.')) {
            ret[used++] = '/';
            memcpy(ret + used, at, size);
            used += size;
        }
        at += size;
    }
    if (used == 0)
        ret[used++] = '/';
    ret[used] = 0;
    return true;
}

static struct result take_volumes(const json_t *c, struct image_note *note, struct manifest *m)
{
    const char *name;
    json_t *unused, *volumes = json_object_get(c, "Volumes");
    json_object_foreach(volumes, name, unused)
    {
        char path[PATH_MAX];
        if (!normal_path(name, path) || strcmp(path, "/") == 0)
            return image_fail(note, ERR_INVALID, "VOLUME is not an absolute path", "%.200s", name);
        size_t i = 0;
        while (i < m->region_count && strcmp(m->regions[i].path, path) != 0)
            i++;
        if (i < m->region_count)
            continue;
        REQUIRE(m->region_count < MANIFEST_LIST_MAX, ERR_RANGE, "too many regions");
        struct manifest_region *r = realloc(m->regions, (m->region_count + 1) * sizeof *r);
        REQUIRE(r, ERR_MEMORY, "out of memory");
        m->regions = r;
        r[m->region_count] =
            (struct manifest_region){.path = strdup(path), .kind = strdup("ephemeral")};
        m->region_count++;
        REQUIRE(r[m->region_count - 1].path && r[m->region_count - 1].kind, ERR_MEMORY,
                "out of memory");
    }
    return RESULT_OK;
}

struct result oci_config_to_manifest(const json_t *config, struct tree *t, struct image_note *note,
                                     struct manifest *m)
{
    const json_t *c = process_of(config);
    const char *directory = text_of(c, "WorkingDir");
    char path[PATH_MAX];
    GUARD(take_environment(c, m));
    if (!m->directory && directory && *directory) {
        if (!normal_path(directory, path))
            return image_fail(note, ERR_INVALID, "WORKDIR is not an absolute path", "%.200s",
                              directory);
        m->directory = strdup(path);
        REQUIRE(m->directory, ERR_MEMORY, "out of memory");
    }
    GUARD(take_command(c, t, note, m));
    GUARD(take_user(c, t, note, m));
    return take_volumes(c, note, m);
}

// --- out -----------------------------------------------------------------------------------------------

static json_t *strings_json(const struct manifest_strings *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->count; i++)
        json_array_append_new(list, json_string(s->item[i]));
    return list;
}

json_t *oci_config_from_manifest(const struct manifest *m)
{
    char user[48] = "";
    if (m->uid || m->gid)
        snprintf(user, sizeof user, "%llu:%llu", (unsigned long long)m->uid,
                 (unsigned long long)m->gid);
    return json_pack("{s:s, s:s, s:{s:s, s:[]}, s:{s:o, s:s, s:s}}", "os", "linux", "architecture",
                     "amd64", "rootfs", "type", "layers", "diff_ids", "config", "Env",
                     strings_json(&m->environment), "User", user, "WorkingDir",
                     m->directory ? m->directory : "/");
}

static struct result set(json_t *object, const char *key, json_t *value)
{
    REQUIRE(value && json_object_set_new(object, key, value) == 0, ERR_MEMORY, "out of memory");
    return RESULT_OK;
}

// The variables of the container itself; what the enclave sees is in the process file.
static struct result set_environment(json_t *c)
{
    json_t *list = json_array();
    const json_t *item;
    const char *path = PATH_DEFAULT;
    size_t i;
    json_array_foreach(json_object_get(c, "Env"), i, item)
    {
        const char *text = json_string_value(item);
        if (strncmp(text, "PATH=", 5) == 0)
            path = text + 5;
        else if (strncmp(text, "CLOISTER_MODE=", 14) != 0)
            json_array_append_new(list, json_string(text));
    }
    bool there = strncmp(path, OWN_PATH ":", sizeof OWN_PATH) == 0;
    json_array_append_new(list, json_sprintf("PATH=%s%s", there ? "" : OWN_PATH ":", path));
    json_array_append_new(list, json_string("CLOISTER_MODE=hw"));
    return set(c, "Env", list);
}

struct result oci_config_protect(json_t *config, const char *fingerprint, const struct manifest *m,
                                 const char (*diff_ids)[OCI_DIGEST_SIZE], size_t count)
{
    json_t *c = json_object_get(config, "config");
    if (!json_is_object(c)) {
        GUARD(set(config, "config", json_object()));
        c = json_object_get(config, "config");
    }
    if (!json_is_object(json_object_get(c, "Labels")))
        GUARD(set(c, "Labels", json_object()));
    GUARD(set(json_object_get(c, "Labels"), OCI_LABEL_FINGERPRINT, json_string(fingerprint)));
    GUARD(
        set(c, "Entrypoint",
            json_pack("[s,s,s,s,s]", OWN_PATH "/cloister", "run", "--root", "/", OCI_IMAGE_PATH)));
    json_object_del(c, "Cmd");
    if (m->host_arguments) {
        json_array_append_new(json_object_get(c, "Entrypoint"), json_string("--"));
        GUARD(set(c, "Cmd", strings_json(&m->arguments)));
    }
    GUARD(set_environment(c));
    GUARD(set(config, "created", json_string("1970-01-01T00:00:00Z")));
    // History is optional, and then as long as the layers are many: it is left out, with what it tells of the build.
    json_object_del(config, "history");
    json_t *list = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(diff_ids[i]));
    return RESULT_OK;
}
