// SPDX-License-Identifier: Apache-2.0
// TCB levels and TCB info. The form is that of Intel's "Get SGX TCB Info" (PCS API, 3 and 4).
#include "attest/tcb.h"

#include <stdlib.h>
#include <string.h>

#include "attest/json.h"
#include "base/hex.h"

static const char *const status_names[] = {
    [ATTEST_TCB_UP_TO_DATE] = "UpToDate",
    [ATTEST_TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
    [ATTEST_TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
    [ATTEST_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
    [ATTEST_TCB_TD_RELAUNCH_ADVISED] = "TDRelaunchAdvised",
    [ATTEST_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = "TDRelaunchAdvisedConfigurationNeeded",
    [ATTEST_TCB_OUT_OF_DATE] = "OutOfDate",
    [ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
    [ATTEST_TCB_REVOKED] = "Revoked",
    [ATTEST_TCB_NOT_SUPPORTED] = "TcbNotSupported",
};

const char *attest_tcb_status_name(enum attest_tcb_status status)
{
    return (unsigned)status < ARRAY_COUNT(status_names) ? status_names[status] : "unknown";
}

enum attest_tcb_status attest_tcb_status_of(struct span name)
{
    for (size_t i = 0; i < ARRAY_COUNT(status_names); i++)
        if (attest_json_is(name, status_names[i]))
            return (enum attest_tcb_status)i;
    return ATTEST_TCB_STATUS_UNKNOWN_TEXT;
}

enum attest_tcb_status attest_tcb_converge(enum attest_tcb_status platform,
                                           enum attest_tcb_status part)
{
    static const enum attest_tcb_status with_old_part[] = {
        [ATTEST_TCB_UP_TO_DATE] = ATTEST_TCB_OUT_OF_DATE,
        [ATTEST_TCB_SW_HARDENING_NEEDED] = ATTEST_TCB_OUT_OF_DATE,
        [ATTEST_TCB_CONFIGURATION_NEEDED] = ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
        [ATTEST_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] =
            ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
        [ATTEST_TCB_TD_RELAUNCH_ADVISED] = ATTEST_TCB_OUT_OF_DATE,
        [ATTEST_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] =
            ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
        [ATTEST_TCB_OUT_OF_DATE] = ATTEST_TCB_OUT_OF_DATE,
        [ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
        [ATTEST_TCB_REVOKED] = ATTEST_TCB_REVOKED,
    };
    if (platform == ATTEST_TCB_NOT_SUPPORTED)
        return platform;
    if ((unsigned)platform >= ARRAY_COUNT(with_old_part))
        return ATTEST_TCB_STATUS_UNKNOWN_TEXT;
    switch (part) {
    case ATTEST_TCB_UP_TO_DATE:
        return platform;
    case ATTEST_TCB_OUT_OF_DATE:
        return with_old_part[platform];
    case ATTEST_TCB_REVOKED:
        return ATTEST_TCB_REVOKED;
    case ATTEST_TCB_NOT_SUPPORTED:
        return ATTEST_TCB_NOT_SUPPORTED;
    default:
        return ATTEST_TCB_STATUS_UNKNOWN_TEXT;
    }
}

// Relaunch advised and not supported are conclusions: a document that states them is not known.
static enum attest_tcb_status status_in_document(struct span name)
{
    enum attest_tcb_status status = attest_tcb_status_of(name);
    bool concluded = status == ATTEST_TCB_TD_RELAUNCH_ADVISED ||
                     status == ATTEST_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED ||
                     status == ATTEST_TCB_NOT_SUPPORTED;
    return concluded ? ATTEST_TCB_STATUS_UNKNOWN_TEXT : status;
}

static bool is_advisory(const struct attest_json *value)
{
    struct span s = value->text;
    if (value->type != ATTEST_JSON_TEXT || s.size == 0 || s.size >= ATTEST_ADVISORY_SIZE)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i], lower = c | 0x20;
        if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' &&
            c != '.')
            return false;
    }
    return true;
}

bool attest_tcb_level_parse(const struct attest_json *json, struct attest_tcb_level *ret)
{
    struct span status;
    struct attest_tcb_level level = *ret;
    if (!attest_json_get_time(json, "tcbDate", &level.date) ||
        !attest_json_get_text(json, "tcbStatus", &status))
        return false;
    level.status = status_in_document(status);
    const struct attest_json *ids = attest_json_get(json, "advisoryIDs");
    level.advisories = ids;
    if (ids && (ids->type != ATTEST_JSON_ARRAY || ids->count > ATTEST_ADVISORIES_MAX))
        return false;
    const struct attest_json *id = ids ? attest_json_first(ids) : NULL;
    for (uint32_t i = 0; ids && i < ids->count; i++, id = attest_json_next(id))
        if (!is_advisory(id))
            return false;
    *ret = level;
    return true;
}

static bool lists(const struct attest_advisories *list, struct span id)
{
    for (size_t i = 0; i < list->count; i++)
        if (attest_json_is(id, list->ids[i]))
            return true;
    return false;
}

bool attest_advisories_add(struct attest_advisories *list, const struct attest_tcb_level *level)
{
    if (!level->advisories)
        return true;
    const struct attest_json *id = attest_json_first(level->advisories);
    for (uint32_t i = 0; i < level->advisories->count; i++, id = attest_json_next(id)) {
        if (lists(list, id->text))
            continue;
        if (list->count == ATTEST_ADVISORIES_MAX)
            return false;
        char *to = list->ids[list->count++];
        memcpy(to, id->text.data, id->text.size);
        to[id->text.size] = 0;
    }
    return true;
}

// Version 3: a list of 16 objects with "svn".
static bool parse_list(const struct attest_json *list, uint8_t *ret)
{
    if (!attest_json_is_list(list, ATTEST_TCB_COMPONENTS) || list->count != ATTEST_TCB_COMPONENTS)
        return false;
    const struct attest_json *item = attest_json_first(list);
    for (size_t i = 0; i < ATTEST_TCB_COMPONENTS; i++, item = attest_json_next(item)) {
        uint32_t svn;
        if (!attest_json_get_number(item, "svn", UINT8_MAX, &svn))
            return false;
        ret[i] = (uint8_t)svn;
    }
    return true;
}

// Version 2: sgxtcbcomp01svn … sgxtcbcomp16svn.
static bool parse_members(const struct attest_json *tcb, uint8_t *ret)
{
    for (unsigned i = 0; i < ATTEST_TCB_COMPONENTS; i++) {
        char key[] = "sgxtcbcomp00svn";
        uint32_t svn;
        key[10] = (char)('0' + (i + 1) / 10);
        key[11] = (char)('0' + (i + 1) % 10);
        if (!attest_json_get_number(tcb, key, UINT8_MAX, &svn))
            return false;
        ret[i] = (uint8_t)svn;
    }
    return true;
}

static bool parse_level(const struct attest_json *json, const struct attest_tcb_info *info,
                        struct attest_tcb_level *level)
{
    const struct attest_json *tcb = attest_json_get(json, "tcb");
    uint32_t pcesvn;
    if (info->version == 2
            ? !parse_members(tcb, level->components)
            : !parse_list(attest_json_get(tcb, "sgxtcbcomponents"), level->components))
        return false;
    if (info->tdx && !parse_list(attest_json_get(tcb, "tdxtcbcomponents"), level->tdx_components))
        return false;
    if (!attest_json_get_number(tcb, "pcesvn", UINT16_MAX, &pcesvn))
        return false;
    level->svn = (uint16_t)pcesvn;
    return attest_tcb_level_parse(json, level);
}

static bool parse_levels(const struct attest_json *list, struct attest_tcb_info *info)
{
    if (!attest_json_is_list(list, ATTEST_LEVELS_MAX))
        return false;
    info->level_count = list->count;
    const struct attest_json *item = attest_json_first(list);
    for (size_t i = 0; i < info->level_count; i++, item = attest_json_next(item))
        if (!parse_level(item, info, &info->levels[i]))
            return false;
    return true;
}

bool attest_svn_levels_parse(const struct attest_json *list, size_t max,
                             struct attest_tcb_level *ret, size_t *ret_count)
{
    if (!attest_json_is_list(list, max))
        return false;
    const struct attest_json *json = attest_json_first(list);
    for (size_t i = 0; i < list->count; i++, json = attest_json_next(json)) {
        uint32_t isvsvn;
        if (!attest_json_get_number(attest_json_get(json, "tcb"), "isvsvn", UINT16_MAX, &isvsvn) ||
            !attest_tcb_level_parse(json, &ret[i]))
            return false;
        ret[i].svn = (uint16_t)isvsvn;
    }
    *ret_count = list->count;
    return true;
}

const struct attest_tcb_level *attest_svn_level(const struct attest_tcb_level *levels, size_t count,
                                                uint16_t isvsvn)
{
    for (size_t i = 0; i < count; i++)
        if (isvsvn >= levels[i].svn)
            return &levels[i];
    return NULL;
}

static bool parse_module(const struct attest_json *json, struct attest_tdx_module *ret)
{
    return attest_json_get_hex(json, "mrsigner", ret->mrsigner, sizeof ret->mrsigner) &&
           attest_json_get_hex(json, "attributes", ret->attributes, sizeof ret->attributes) &&
           attest_json_get_hex(json, "attributesMask", ret->attributes_mask,
                               sizeof ret->attributes_mask);
}

// "TDX_01": the module's version is the two hex digits, never zero, and stands once.
static bool parse_named_module(const struct attest_json *json, struct attest_tcb_info *info)
{
    struct attest_tdx_module *module = &info->modules[info->module_count];
    struct span id;
    if (!attest_json_get_text(json, "id", &id) || id.size != 6 || memcmp(id.data, "TDX_", 4) != 0 ||
        !is_ok(hex_decode(SPAN(id.data + 4, 2), &module->version, 1)) || module->version == 0)
        return false;
    for (size_t i = 0; i < info->module_count; i++)
        if (info->modules[i].version == module->version)
            return false;
    info->module_count++;
    return parse_module(json, module) &&
           attest_svn_levels_parse(attest_json_get(json, "tcbLevels"), ATTEST_MODULE_LEVELS_MAX,
                                   module->levels, &module->level_count);
}

static bool parse_modules(const struct attest_json *json, struct attest_tcb_info *info)
{
    const struct attest_json *list = attest_json_get(json, "tdxModuleIdentities");
    if (!parse_module(attest_json_get(json, "tdxModule"), &info->module))
        return false;
    if (list && (list->type != ATTEST_JSON_ARRAY || list->count > ATTEST_MODULES_MAX))
        return false;
    const struct attest_json *item = list ? attest_json_first(list) : NULL;
    for (uint32_t i = 0; list && i < list->count; i++, item = attest_json_next(item))
        if (!parse_named_module(item, info))
            return false;
    return true;
}

static bool parse_tcb_info(struct attest_tcb_info *info)
{
    const struct attest_json *json = info->json;
    struct span id = SPAN_STR("SGX");
    uint32_t type;
    if (!attest_json_get_number(json, "version", 3, &info->version) || info->version < 2 ||
        (info->version == 3 && !attest_json_get_text(json, "id", &id)) ||
        !attest_json_get_time(json, "issueDate", &info->issue_date) ||
        !attest_json_get_time(json, "nextUpdate", &info->next_update) ||
        !attest_json_get_hex(json, "fmspc", info->fmspc, sizeof info->fmspc) ||
        !attest_json_get_hex(json, "pceId", info->pceid, sizeof info->pceid) ||
        !attest_json_get_number(json, "tcbType", 0, &type) ||
        !attest_json_get_number(json, "tcbEvaluationDataNumber", INT32_MAX, &info->evaluation))
        return false;
    info->tdx = attest_json_is(id, "TDX");
    if (!info->tdx && !attest_json_is(id, "SGX"))
        return false;
    if (info->tdx && !parse_modules(json, info))
        return false;
    return parse_levels(attest_json_get(json, "tcbLevels"), info);
}

enum attest_code attest_tcb_info_parse(struct span body, struct attest_tcb_info *ret)
{
    memset(ret, 0, sizeof *ret);
    if (!is_ok(attest_json_parse(body, &ret->json)))
        return ATTEST_TCB_INFO_FORMAT;
    if (!parse_tcb_info(ret)) {
        attest_tcb_info_done(ret);
        return ATTEST_TCB_INFO_FORMAT;
    }
    return ATTEST_OK;
}

void attest_tcb_info_done(struct attest_tcb_info *info)
{
    free(info->json);
    info->json = NULL;
    info->level_count = 0;
}

static bool reaches(const uint8_t *have, const uint8_t *needed, size_t from)
{
    for (size_t i = from; i < ATTEST_TCB_COMPONENTS; i++)
        if (have[i] < needed[i])
            return false;
    return true;
}

static bool reaches_level(const struct attest_pck *pck, const struct attest_tcb_level *level)
{
    return pck->pcesvn >= level->svn && reaches(pck->components, level->components, 0);
}

const struct attest_tcb_level *attest_tcb_info_level(const struct attest_tcb_info *info,
                                                     const struct attest_pck *pck)
{
    for (size_t i = 0; i < info->level_count; i++)
        if (reaches_level(pck, &info->levels[i]))
            return &info->levels[i];
    return NULL;
}

const struct attest_tcb_level *attest_tcb_info_level_tdx(const struct attest_tcb_info *info,
                                                         const struct attest_pck *pck,
                                                         const uint8_t tee_tcb_svn[TDX_SVN_SIZE])
{
    size_t from = tee_tcb_svn[1] > 0 ? 2 : 0;
    for (size_t i = 0; i < info->level_count; i++)
        if (reaches_level(pck, &info->levels[i]) &&
            reaches(tee_tcb_svn, info->levels[i].tdx_components, from))
            return &info->levels[i];
    return NULL;
}

const struct attest_tdx_module *attest_tcb_info_module(const struct attest_tcb_info *info,
                                                       uint8_t version)
{
    if (version == 0)
        return &info->module;
    for (size_t i = 0; i < info->module_count; i++)
        if (info->modules[i].version == version)
            return &info->modules[i];
    return NULL;
}
