// SPDX-License-Identifier: Apache-2.0
// Identity of the quoting enclave, as Intel's "Get QE Identity" gives it (PCS API, 3 and 4).
#include <stdlib.h>
#include <string.h>

#include "attest/json.h"
#include "attest/tcb.h"

static bool parse_identity(struct attest_qe_identity *identity)
{
    const struct attest_json *json = identity->json;
    struct span id;
    uint32_t version, isvprodid;
    if (!attest_json_get_text(json, "id", &id) ||
        !attest_json_get_number(json, "version", 2, &version) || version != 2 ||
        !attest_json_get_time(json, "issueDate", &identity->issue_date) ||
        !attest_json_get_time(json, "nextUpdate", &identity->next_update) ||
        !attest_json_get_number(json, "tcbEvaluationDataNumber", INT32_MAX,
                                &identity->evaluation) ||
        !attest_json_get_hex(json, "miscselect", identity->miscselect, 4) ||
        !attest_json_get_hex(json, "miscselectMask", identity->miscselect_mask, 4) ||
        !attest_json_get_hex(json, "attributes", identity->attributes, 16) ||
        !attest_json_get_hex(json, "attributesMask", identity->attributes_mask, 16) ||
        !attest_json_get_hex(json, "mrsigner", identity->mrsigner, 32) ||
        !attest_json_get_number(json, "isvprodid", UINT16_MAX, &isvprodid))
        return false;
    identity->is_qe = attest_json_is(id, "QE");
    identity->isvprodid = (uint16_t)isvprodid;
    identity->is_td_qe = attest_json_is(id, "TD_QE");
    return attest_svn_levels_parse(attest_json_get(json, "tcbLevels"), ATTEST_LEVELS_MAX,
                                   identity->levels, &identity->level_count);
}

enum attest_code attest_qe_identity_parse(struct span body, struct attest_qe_identity *ret)
{
    memset(ret, 0, sizeof *ret);
    if (!is_ok(attest_json_parse(body, &ret->json)))
        return ATTEST_QE_IDENTITY_FORMAT;
    if (!parse_identity(ret)) {
        attest_qe_identity_done(ret);
        return ATTEST_QE_IDENTITY_FORMAT;
    }
    return ATTEST_OK;
}

void attest_qe_identity_done(struct attest_qe_identity *identity)
{
    free(identity->json);
    identity->json = NULL;
    identity->level_count = 0;
}

const struct attest_tcb_level *attest_qe_identity_level(const struct attest_qe_identity *identity,
                                                        uint16_t isvsvn)
{
    return attest_svn_level(identity->levels, identity->level_count, isvsvn);
}
