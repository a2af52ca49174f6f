// SPDX-License-Identifier: Apache-2.0
// One table a mapping: each key with the function that reads its value.
#include "attest/policy_file.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "attest/time.h"
#include "base/hex.h"

#define BRACKETS_MAX 1024u

struct parse {
    yaml_document_t *document;
    struct attest_policy_place *place;
    struct attest_policy_file *file;
    uint32_t seen; // keys of the innermost mapping that was read whole, as bits of its table
};

struct key {
    const char *name;
    struct result (*read)(struct parse *p, const yaml_node_t *value, void *object);
    size_t offset; // of the field in the object, for the readers that need no more
};

static struct result wrong(struct parse *p, const yaml_node_t *node, const char *why)
{
    if (p->place && node)
        p->place->line = node->start_mark.line + 1;
    return fail(ERR_INVALID, why);
}

// The text of a scalar without a NUL inside; NULL else.
static const char *text_of(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE &&
                   strlen((const char *)node->data.scalar.value) == node->data.scalar.length
               ? (const char *)node->data.scalar.value
               : NULL;
}

static struct result read_key(struct parse *p, const struct key *keys, size_t count,
                              yaml_node_pair_t pair, uint32_t *seen, void *object)
{
    const yaml_node_t *key = yaml_document_get_node(p->document, pair.key);
    const yaml_node_t *value = yaml_document_get_node(p->document, pair.value);
    const char *name = text_of(key);
    size_t i = 0;
    while (name && i < count && strcmp(keys[i].name, name) != 0)
        i++;
    if (p->place)
        snprintf(p->place->key, sizeof p->place->key, "%s", name ? name : "?");
    if (!name || i == count)
        return wrong(p, key, "the policy has a key that is not known");
    if (*seen & 1u << i)
        return wrong(p, key, "the policy has a key twice");
    *seen |= 1u << i;
    return keys[i].read(p, value, (char *)object + keys[i].offset);
}

static struct result read_mapping(struct parse *p, const yaml_node_t *node, const struct key *keys,
                                  size_t count, void *object)
{
    uint32_t seen = 0;
    if (node->type != YAML_MAPPING_NODE)
        return wrong(p, node, "a mapping is needed here");
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++)
        GUARD(read_key(p, keys, count, *pair, &seen, object));
    p->seen = seen;
    return RESULT_OK;
}

typedef struct result read_item_fn(struct parse *p, const yaml_node_t *item, size_t i);

static struct result read_list(struct parse *p, const yaml_node_t *node, size_t max,
                               read_item_fn *read, size_t *ret_count)
{
    size_t count = 0;
    if (node->type != YAML_SEQUENCE_NODE)
        return wrong(p, node, "a list is needed here");
    const yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++, count++) {
        const yaml_node_t *value = yaml_document_get_node(p->document, *item);
        if (count == max)
            return wrong(p, value, "the list is too long");
        GUARD(read(p, value, count));
    }
    if (count == 0)
        return wrong(p, node, "the list is empty");
    *ret_count = count;
    return RESULT_OK;
}

static struct result read_bool(struct parse *p, const yaml_node_t *node, void *field)
{
    const char *text = text_of(node);
    bool yes = text && strcmp(text, "true") == 0;
    if (!yes && !(text && strcmp(text, "false") == 0))
        return wrong(p, node, "true or false is needed here");
    *(bool *)field = yes;
    return RESULT_OK;
}

static struct result read_number(struct parse *p, const yaml_node_t *node, uint32_t max,
                                 uint32_t *ret)
{
    const char *text = text_of(node);
    uint64_t value = 0;
    size_t size = text ? strlen(text) : 0;
    if (size == 0 || size > 10 || strspn(text, "0123456789") != size || (size > 1 && *text == '0'))
        return wrong(p, node, "a whole number is needed here");
    for (size_t i = 0; i < size; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    if (value > max)
        return wrong(p, node, "the number is too large");
    *ret = (uint32_t)value;
    return RESULT_OK;
}

static struct result read_u32(struct parse *p, const yaml_node_t *node, void *field)
{
    return read_number(p, node, UINT32_MAX, field);
}

static struct result read_u16(struct parse *p, const yaml_node_t *node, void *field)
{
    uint32_t value;
    GUARD(read_number(p, node, UINT16_MAX, &value));
    *(uint16_t *)field = (uint16_t)value;
    return RESULT_OK;
}

static struct result read_time(struct parse *p, const yaml_node_t *node, void *field)
{
    const char *text = text_of(node);
    if (!text || !is_ok(attest_time_parse(SPAN(text, strlen(text)), field)))
        return wrong(p, node, "a time such as 2025-05-05T08:03:36Z is needed here");
    return RESULT_OK;
}

static struct result read_hex(struct parse *p, const yaml_node_t *node, void *ret, size_t size)
{
    const char *text = text_of(node);
    if (!text || strlen(text) != 2 * size || !is_ok(hex_decode(SPAN(text, 2 * size), ret, size)))
        return wrong(p, node, "hex digits of another number are needed here");
    return RESULT_OK;
}

static struct result read_hash32(struct parse *p, const yaml_node_t *node, void *field)
{
    return read_hex(p, node, field, 32);
}

static struct result read_hash48(struct parse *p, const yaml_node_t *node, void *field)
{
    return read_hex(p, node, field, TDX_HASH_SIZE);
}

static struct result read_text(struct parse *p, const yaml_node_t *node, char *ret, size_t capacity)
{
    const char *text = text_of(node);
    if (!text || !*text || strlen(text) >= capacity)
        return wrong(p, node, "a short text is needed here");
    memset(ret, 0, capacity);
    memcpy(ret, text, strlen(text) + 1);
    return RESULT_OK;
}

static struct result read_name(struct parse *p, const yaml_node_t *node, void *field)
{
    return read_text(p, node, field, ATTEST_POLICY_NAME_SIZE);
}

static struct result read_version(struct parse *p, const yaml_node_t *node, void *field)
{
    uint32_t version;
    (void)field;
    GUARD(read_number(p, node, UINT32_MAX, &version));
    return version == 1 ? RESULT_OK : wrong(p, node, "the policy's version is not known");
}

static struct result read_tee_item(struct parse *p, const yaml_node_t *node, size_t i)
{
    const char *text = text_of(node);
    (void)i;
    if (text && strcmp(text, "SGX") == 0)
        p->file->policy.refuse_sgx = false;
    else if (text && strcmp(text, "TDX") == 0)
        p->file->policy.allow_tdx = true;
    else
        return wrong(p, node, "SGX or TDX is needed here");
    return RESULT_OK;
}

static struct result read_tee(struct parse *p, const yaml_node_t *node, void *field)
{
    size_t count;
    (void)field;
    p->file->policy.refuse_sgx = true;
    return read_list(p, node, 2, read_tee_item, &count);
}

static struct result read_root_name(struct parse *p, const yaml_node_t *node, void *field)
{
    return read_text(p, node, field, ATTEST_ROOT_NAME_SIZE);
}

// "intel", or a name with the hash of the root's key: then everything under it is emulated.
static struct result read_root(struct parse *p, const yaml_node_t *node, size_t i)
{
    static const struct key keys[] = {
        {"name", read_root_name, offsetof(struct attest_root, name)},
        {"spki_sha256", read_hash32, offsetof(struct attest_root, key_hash)},
    };
    struct attest_policy_file *f = p->file;
    struct attest_root *root = &f->root_items[f->roots.count];
    const char *text = text_of(node);
    if (text && strcmp(text, ATTEST_ROOT_INTEL_NAME) == 0) {
        f->root_names[i] = ATTEST_ROOT_INTEL_NAME;
    } else {
        if (text)
            return wrong(p, node, "a root other than intel needs name and spki_sha256");
        if (f->roots.count == ATTEST_POLICY_ROOTS_MAX)
            return wrong(p, node, "the list is too long");
        GUARD(read_mapping(p, node, keys, ARRAY_COUNT(keys), root));
        if (p->seen != 3 || strcmp(root->name, ATTEST_ROOT_INTEL_NAME) == 0)
            return wrong(p, node, "a root other than intel needs its own name and spki_sha256");
        f->root_names[i] = root->name;
        f->roots.count++;
        f->policy.allow_emulated = true;
    }
    for (size_t j = 0; j < i; j++)
        if (strcmp(f->root_names[j], f->root_names[i]) == 0)
            return wrong(p, node, "a root stands twice");
    return RESULT_OK;
}

static struct result read_roots(struct parse *p, const yaml_node_t *node, void *field)
{
    (void)field;
    return read_list(p, node, ATTEST_POLICY_ROOTS_MAX + 1, read_root, &p->file->policy.root_count);
}

static struct result read_status(struct parse *p, const yaml_node_t *node, size_t i)
{
    const char *text = text_of(node);
    enum attest_tcb_status status =
        text ? attest_tcb_status_of(SPAN(text, strlen(text))) : ATTEST_TCB_STATUS_UNKNOWN_TEXT;
    (void)i;
    if (status >= ATTEST_TCB_REVOKED)
        return wrong(p, node, "not a TCB status that can be accepted");
    p->file->policy.tcb_status_also |= 1u << status;
    return RESULT_OK;
}

static struct result read_accept(struct parse *p, const yaml_node_t *node, void *field)
{
    size_t count;
    (void)field;
    return read_list(p, node, ATTEST_TCB_STATUS_UNKNOWN_TEXT, read_status, &count);
}

static struct result read_advisory(struct parse *p, const yaml_node_t *node, size_t i)
{
    p->file->advisory_list[i] = p->file->advisories[i];
    return read_text(p, node, p->file->advisories[i], ATTEST_ADVISORY_SIZE);
}

static struct result read_advisories(struct parse *p, const yaml_node_t *node, void *field)
{
    const char *text = text_of(node);
    (void)field;
    if (text && strcmp(text, "any") == 0) {
        p->file->policy.check_advisories = false;
        return RESULT_OK;
    }
    return read_list(p, node, ATTEST_POLICY_ADVISORIES_MAX, read_advisory,
                     &p->file->policy.advisory_count);
}

static struct result read_tcb(struct parse *p, const yaml_node_t *node, void *field)
{
    static const struct key keys[] = {
        {"accept", read_accept, 0},
        {"advisories", read_advisories, 0},
        {"min_date", read_time, offsetof(struct attest_policy, tcb_date_min)},
        {"min_evaluation", read_u32, offsetof(struct attest_policy, tcb_evaluation_min)},
    };
    return read_mapping(p, node, keys, ARRAY_COUNT(keys), field);
}

static struct result read_mrenclave(struct parse *p, const yaml_node_t *node, void *object)
{
    struct attest_identity *id = object;
    id->kind = ATTEST_IDENTITY_MRENCLAVE;
    return read_hash32(p, node, id->hash);
}

static struct result read_mrsigner(struct parse *p, const yaml_node_t *node, void *object)
{
    struct attest_identity *id = object;
    id->kind = ATTEST_IDENTITY_MRSIGNER;
    return read_hash32(p, node, id->hash);
}

static struct result read_enclave(struct parse *p, const yaml_node_t *node, size_t i)
{
    static const struct key keys[] = {
        {"mrenclave", read_mrenclave, 0},
        {"mrsigner", read_mrsigner, 0},
        {"isvprodid", read_u16, offsetof(struct attest_identity, isvprodid)},
        {"min_isvsvn", read_u16, offsetof(struct attest_identity, isvsvn_min)},
    };
    GUARD(read_mapping(p, node, keys, ARRAY_COUNT(keys), &p->file->identities[i]));
    if (p->seen != 1 && p->seen != (2 | 4 | 8)) // a signer's other products are not this enclave
        return wrong(p, node, "mrenclave alone, or mrsigner with isvprodid and min_isvsvn");
    return RESULT_OK;
}

static struct result read_enclaves(struct parse *p, const yaml_node_t *node, void *field)
{
    (void)field;
    p->file->policy.any_identity = false;
    return read_list(p, node, ATTEST_POLICY_IDENTITIES_MAX, read_enclave,
                     &p->file->policy.identity_count);
}

static struct result read_td(struct parse *p, const yaml_node_t *node, size_t i)
{
#define REGISTER(name)                                                \
    {                                                                 \
#name, read_hash48, offsetof(struct attest_td_identity, name) \
    }
#define RTMR(n)                                                              \
    {                                                                        \
        "rtmr" #n, read_hash48, offsetof(struct attest_td_identity, rtmr[n]) \
    }
    static const struct key keys[] = {
        REGISTER(mrtd),    REGISTER(mrconfigid),
        REGISTER(mrowner), REGISTER(mrownerconfig),
        RTMR(0),           RTMR(1),
        RTMR(2),           RTMR(3),
    };
#undef REGISTER
#undef RTMR
    struct attest_td_identity *id = &p->file->tds[i];
    GUARD(read_mapping(p, node, keys, ARRAY_COUNT(keys), id));
    id->has_mrtd = p->seen & 1;
    id->has_mrconfigid = p->seen & 2;
    id->has_mrowner = p->seen & 4;
    id->has_mrownerconfig = p->seen & 8;
    for (size_t r = 0; r < TDX_RTMR_COUNT; r++)
        id->has_rtmr[r] = p->seen & 16u << r;
    return id->has_mrtd ? RESULT_OK : wrong(p, node, "a TD is named by its mrtd at least");
}

static struct result read_tds(struct parse *p, const yaml_node_t *node, void *field)
{
    (void)field;
    p->file->policy.any_identity = false;
    return read_list(p, node, ATTEST_POLICY_IDENTITIES_MAX, read_td,
                     &p->file->policy.td_identity_count);
}

static struct result read_td_attribute(struct parse *p, const yaml_node_t *node, size_t i)
{
    static const struct {
        const char *name;
        uint64_t bit;
    } names[] = {{"MIGRATABLE", TDX_ATTRIBUTES_MIGRATABLE},
                 {"PKS", TDX_ATTRIBUTES_PKS},
                 {"KL", TDX_ATTRIBUTES_KL}};
    const char *text = text_of(node);
    (void)i;
    for (size_t n = 0; text && n < ARRAY_COUNT(names); n++) {
        if (strcmp(names[n].name, text) == 0) {
            p->file->policy.td_attributes_allow |= names[n].bit;
            return RESULT_OK;
        }
    }
    if (!text || strcmp(text, "SEPT_VE") != 0)
        return wrong(p, node, "MIGRATABLE, PKS, KL or SEPT_VE is needed here");
    p->file->policy.allow_sept_ve = true;
    return RESULT_OK;
}

static struct result read_td_attributes(struct parse *p, const yaml_node_t *node, void *field)
{
    size_t count;
    (void)field;
    return read_list(p, node, 4, read_td_attribute, &count);
}

static struct result read_reportdata(struct parse *p, const yaml_node_t *node, void *field)
{
    (void)field;
    p->file->policy.reportdata = p->file->reportdata;
    return read_hex(p, node, p->file->reportdata, sizeof p->file->reportdata);
}

static struct result read_policy(struct parse *p, const yaml_node_t *root)
{
#define FIELD(name) offsetof(struct attest_policy_file, policy.name)
    static const struct key keys[] = {
        {"version", read_version, 0},
        {"roots", read_roots, 0},
        {"name", read_name, offsetof(struct attest_policy_file, name)},
        {"tee", read_tee, 0},
        {"tcb", read_tcb, offsetof(struct attest_policy_file, policy)},
        {"debug", read_bool, FIELD(allow_debug)},
        {"provision_key", read_bool, FIELD(allow_provisionkey)},
        {"einittoken_key", read_bool, FIELD(allow_einittokenkey)},
        {"enclaves", read_enclaves, 0},
        {"tds", read_tds, 0},
        {"td_attributes", read_td_attributes, 0},
        {"report_data", read_reportdata, 0},
    };
#undef FIELD
    GUARD(read_mapping(p, root, keys, ARRAY_COUNT(keys), p->file));
    if ((p->seen & 3) != 3)
        return wrong(p, root, "a policy needs version and roots");
    return RESULT_OK;
}

static struct result load(yaml_parser_t *parser, struct parse *p)
{
    yaml_document_t document, more;
    if (!yaml_parser_load(parser, &document)) {
        if (p->place)
            p->place->line = parser->problem_mark.line + 1;
        return fail(ERR_INVALID, "the policy is not YAML");
    }
    p->document = &document;
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    struct result r = root ? read_policy(p, root) : fail(ERR_INVALID, "the policy is empty");
    yaml_document_delete(&document);
    p->document = NULL;
    GUARD(r);
    bool loaded = yaml_parser_load(parser, &more);
    bool only = loaded && !yaml_document_get_root_node(&more);
    if (loaded)
        yaml_document_delete(&more);
    REQUIRE(only, ERR_INVALID, "a policy is one document");
    return RESULT_OK;
}

struct result attest_policy_load(struct span yaml, struct attest_policy_place *place,
                                 struct attest_policy_file *ret)
{
    struct parse p = {.place = place, .file = ret};
    yaml_parser_t parser;
    memset(ret, 0, sizeof *ret);
    if (place)
        memset(place, 0, sizeof *place);
    REQUIRE(yaml.size > 0 && yaml.size <= ATTEST_POLICY_SIZE_MAX, ERR_RANGE,
            "the policy is empty or too long");
    // libyaml's time grows with the square of the depth of these.
    size_t brackets = 0;
    for (size_t i = 0; i < yaml.size; i++)
        brackets += yaml.data[i] == '[' || yaml.data[i] == '{';
    REQUIRE(brackets <= BRACKETS_MAX, ERR_RANGE, "the policy has too many lists");
    REQUIRE(yaml_parser_initialize(&parser), ERR_MEMORY, "out of memory");
    ret->policy.any_identity = true; // until a list of enclaves or TDs is there
    ret->policy.check_advisories = true;
    ret->policy.roots = ret->root_names;
    ret->policy.identities = ret->identities;
    ret->policy.td_identities = ret->tds;
    ret->policy.advisories = ret->advisory_list;
    ret->roots.items = ret->root_items;
    yaml_parser_set_input_string(&parser, yaml.data, yaml.size);
    struct result r = load(&parser, &p);
    yaml_parser_delete(&parser);
    if (!is_ok(r))
        memset(ret, 0, sizeof *ret); // accepts nothing
    return r;
}

extern const char attest_policy_strict_text[], attest_policy_strict_end[];
extern const char attest_policy_standard_text[], attest_policy_standard_end[];

struct span attest_policy_named(const char *name)
{
    if (strcmp(name, "strict") == 0)
        return SPAN(attest_policy_strict_text,
                    (size_t)(attest_policy_strict_end - attest_policy_strict_text));
    if (strcmp(name, "standard") == 0)
        return SPAN(attest_policy_standard_text,
                    (size_t)(attest_policy_standard_end - attest_policy_standard_text));
    return SPAN(NULL, 0);
}
