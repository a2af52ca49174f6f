// SPDX-License-Identifier: Apache-2.0
// TCB levels and TCB info. The form is that of Intel's "Get SGX TCB Info" (PCS API, 3 and 4).
#include "attest/tcb.h"

#include <string.h>

#include "attest/json.h"

static const char *const status_names[] = {
    [ATTEST_TCB_UP_TO_DATE] = "UpToDate",
    [ATTEST_TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
    [ATTEST_TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
    [ATTEST_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
    [ATTEST_TCB_OUT_OF_DATE] = "OutOfDate",
    [ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
    [ATTEST_TCB_REVOKED] = "Revoked",
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
                                           enum attest_tcb_status qe)
{
    static const enum attest_tcb_status with_old_qe[] = {
        [ATTEST_TCB_UP_TO_DATE] = ATTEST_TCB_OUT_OF_DATE,
        [ATTEST_TCB_SW_HARDENING_NEEDED] = ATTEST_TCB_OUT_OF_DATE,
        [ATTEST_TCB_CONFIGURATION_NEEDED] = ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
        [ATTEST_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] =
            ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
        [ATTEST_TCB_OUT_OF_DATE] = ATTEST_TCB_OUT_OF_DATE,
        [ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = ATTEST_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
        [ATTEST_TCB_REVOKED] = ATTEST_TCB_REVOKED,
    };
    if ((unsigned)platform >= ARRAY_COUNT(with_old_qe))
        return ATTEST_TCB_STATUS_UNKNOWN_TEXT;
    switch (qe) {
    case ATTEST_TCB_UP_TO_DATE:
        return platform;
    case ATTEST_TCB_OUT_OF_DATE:
        return with_old_qe[platform];
    case ATTEST_TCB_REVOKED:
        return ATTEST_TCB_REVOKED;
    default:
        return ATTEST_TCB_STATUS_UNKNOWN_TEXT;
    }
}

static bool is_advisory(const json_t *value)
{
    const char *text = json_string_value(value);
    return text && json_string_length(value) > 0 &&
           json_string_length(value) < ATTEST_ADVISORY_SIZE &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
               json_string_length(value);
}

bool attest_tcb_level_parse(const json_t *json, struct attest_tcb_level *ret)
{
    struct span status;
    struct attest_tcb_level level = *ret;
    if (!attest_json_get_time(json, "tcbDate", &level.date) ||
        !attest_json_get_text(json, "tcbStatus", &status))
        return false;
    level.status = attest_tcb_status_of(status);
    level.advisories = json_object_get(json, "advisoryIDs");
    if (level.advisories && (!json_is_array(level.advisories) ||
                             json_array_size(level.advisories) > ATTEST_ADVISORIES_MAX))
        return false;
    for (size_t i = 0; i < json_array_size(level.advisories); i++)
        if (!is_advisory(json_array_get(level.advisories, i)))
            return false;
    *ret = level;
    return true;
}

bool attest_advisories_add(struct attest_advisories *list, const struct attest_tcb_level *level)
{
    for (size_t i = 0; i < json_array_size(level->advisories); i++) {
        const char *id = json_string_value(json_array_get(level->advisories, i));
        size_t at = 0;
        while (at < list->count && strcmp(list->ids[at], id) != 0)
            at++;
        if (at < list->count)
            continue;
        if (list->count == ATTEST_ADVISORIES_MAX)
            return false;
        memcpy(list->ids[list->count++], id, strlen(id) + 1);
    }
    return true;
}

// Version 2: sgxtcbcomp01svn … sgxtcbcomp16svn. Version 3: sgxtcbcomponents, 16 objects with "svn".
static bool parse_components(const json_t *tcb, uint32_t version, uint8_t *ret)
{
    const json_t *list = json_object_get(tcb, "sgxtcbcomponents");
    if (version == 3 && (!json_is_array(list) || json_array_size(list) != ATTEST_TCB_COMPONENTS))
        return false;
    for (unsigned i = 0; i < ATTEST_TCB_COMPONENTS; i++) {
        char key[] = "sgxtcbcomp00svn";
        uint32_t svn;
        key[10] = (char)('0' + (i + 1) / 10);
        key[11] = (char)('0' + (i + 1) % 10);
        if (!(version == 3 ? attest_json_get_number(json_array_get(list, i), "svn", UINT8_MAX, &svn)
                           : attest_json_get_number(tcb, key, UINT8_MAX, &svn)))
            return false;
        ret[i] = (uint8_t)svn;
    }
    return true;
}

static bool parse_levels(const json_t *list, struct attest_tcb_info *info)
{
    if (!json_is_array(list) || json_array_size(list) == 0 ||
        json_array_size(list) > ATTEST_LEVELS_MAX)
        return false;
    info->level_count = json_array_size(list);
    for (size_t i = 0; i < info->level_count; i++) {
        const json_t *json = json_array_get(list, i);
        const json_t *tcb = json_object_get(json, "tcb");
        struct attest_tcb_level *level = &info->levels[i];
        uint32_t pcesvn;
        if (!parse_components(tcb, info->version, level->components) ||
            !attest_json_get_number(tcb, "pcesvn", UINT16_MAX, &pcesvn) ||
            !attest_tcb_level_parse(json, level))
            return false;
        level->svn = (uint16_t)pcesvn;
    }
    return true;
}

static bool parse_tcb_info(struct attest_tcb_info *info)
{
    const json_t *json = info->json;
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
    return parse_levels(json_object_get(json, "tcbLevels"), info);
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
    json_decref(info->json);
    info->json = NULL;
    info->level_count = 0;
}

const struct attest_tcb_level *attest_tcb_info_level(const struct attest_tcb_info *info,
                                                     const struct attest_pck *pck)
{
    for (size_t i = 0; i < info->level_count; i++) {
        const struct attest_tcb_level *level = &info->levels[i];
        size_t c = 0;
        while (c < ATTEST_TCB_COMPONENTS && pck->components[c] >= level->components[c])
            c++;
        if (c == ATTEST_TCB_COMPONENTS && pck->pcesvn >= level->svn)
            return level;
    }
    return NULL;
}
