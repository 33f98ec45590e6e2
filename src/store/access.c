/* What the audit says of a change of namespaces and tokens. */
#include "store/driver.h"

#include "codec/write.h"

#include <stdio.h>

enum { DATA_MAX = 16 << 10 };

static void put_namespace(struct rc_json *json, const struct rc_access_change *change)
{
    rc_json_sv(json, "name", change->ns.name);
    if (change->kind == RC_ACCESS_NAMESPACE_REMOVE) return;
    rc_json_u64(json, "max_open", change->ns.max_open);
    rc_json_u64(json, "max_bytes", change->ns.max_bytes);
    rc_json_u64(json, "max_rate", change->ns.max_rate);
}

static void put_token(struct rc_json *json, const struct rc_access_change *change)
{
    const struct rc_token *token = &change->token;
    char id[17];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)token->id);
    rc_json_text(json, "token", id);
    if (change->kind == RC_ACCESS_TOKEN_REVOKE) return;
    rc_json_sv(json, "holder", token->subject);
    rc_json_text(json, "role", rc_role_word(token->role).slug);
    rc_json_maybe(json, "namespace", token->ns);
    rc_json_bool(json, "act_as", token->act_as);
    if (token->expires) rc_json_time(json, "expires", token->expires);
}

enum rc_status rc_audit_of_access(const struct rc_access_change *change, struct rc_arena *arena,
                                  struct rc_audit *ret, struct rc_error *err)
{
    static const uint8_t deed[] = {[RC_ACCESS_NAMESPACE_ADD] = RC_DEED_ADD,
                                   [RC_ACCESS_NAMESPACE_SET] = RC_DEED_CHANGE,
                                   [RC_ACCESS_NAMESPACE_REMOVE] = RC_DEED_REMOVE,
                                   [RC_ACCESS_TOKEN_ADD] = RC_DEED_ADD,
                                   [RC_ACCESS_TOKEN_REVOKE] = RC_DEED_REMOVE};
    const struct rc_author server = {.subject = RC_SV("recourse")};
    bool token = change->kind >= RC_ACCESS_TOKEN_ADD;
    struct rc_buf buf = rc_buf_in(arena, DATA_MAX);
    struct rc_json json = {.buf = &buf};
    rc_json_object(&json, NULL);
    rc_audit_put_author(&json, change->by ? change->by : &server);
    if (token)
        put_token(&json, change);
    else
        put_namespace(&json, change);
    rc_json_end_object(&json);
    if (buf.status != RC_OK) return rc_fail(err, buf.status, "the entry of the audit cannot be made");
    *ret = (struct rc_audit){.kind = token ? RC_AUDIT_TOKEN : RC_AUDIT_NAMESPACE,
                             .action = deed[change->kind],
                             .data = rc_buf_sv(&buf)};
    return RC_OK;
}
