// SPDX-License-Identifier: Apache-2.0
#include "cli/send.h"

#include "cli/say.h"

#include <stdio.h>
#include <string.h>

struct address address_of_word(const struct hash32 *word)
{
    struct address a;
    memcpy(a.bytes, word->bytes + 12, sizeof a.bytes);
    return a;
}

struct result send_one(const char *wallet_name, enum ledger_method method, const void *args,
                       struct hash32 *ret_subject)
{
    struct wallet w;
    struct cli_ledger l;
    GUARD(wallet_load(wallet_name, &w));
    struct result r = cli_ledger_open(&l);
    if (is_ok(r))
        r = ledger_send(l.ledger, &w.key, method, args, ret_subject);
    cli_ledger_close(&l);
    wallet_done(&w);
    return r;
}

int send_and_print_address(const char *what, const char *wallet_name, enum ledger_method method,
                           const void *args, bool json)
{
    struct hash32 subject;
    struct result r = send_one(wallet_name, method, args, &subject);
    if (!is_ok(r))
        return say_failure(what, r);
    char text[ADDRESS_TEXT_SIZE];
    struct address a = address_of_word(&subject);
    address_format(&a, text);
    if (json)
        return say_json(json_pack("{s:s}", "address", text));
    printf("%s\n", text);
    return EXIT_DONE;
}
