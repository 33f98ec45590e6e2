/* Records and refs between their form in memory and the texts that are kept, the same for every implementation. */
#include "store/driver.h"

#include "codec/json.h"
#include "codec/record.h"

enum rc_status rc_store_encode(const struct rc_record *record, struct rc_arena *arena, struct rc_stored *ret,
                               struct rc_error *err)
{
    struct rc_buf body = rc_buf_in(arena, RC_MAX_RECORD), changes = rc_buf_in(arena, RC_MAX_RECORD);
    rc_put_cause(&body, record->cause);
    rc_put_changes(&changes, record->changes, record->nchanges, record->at);
    enum rc_status status = body.status != RC_OK ? body.status : changes.status;
    if (status != RC_OK)
        return rc_fail(err, status, "command %llu: a record cannot be kept: %s",
                       (unsigned long long)record->seq,
                       status == RC_LIMIT ? "it is too large" : "out of memory");
    *ret = (struct rc_stored){.change = record->change,
                              .rev = record->rev,
                              .at = record->at,
                              .cause = record->cause->kind,
                              .purpose = record->cause->purpose,
                              .node = record->cause->node,
                              .attempt = record->cause->attempt,
                              .body = rc_buf_sv(&body),
                              .changes = rc_buf_sv(&changes)};
    return RC_OK;
}

enum rc_status rc_store_decode(const struct rc_stored *stored, struct rc_identity *identity,
                               struct rc_arena *arena, struct rc_record *ret, struct rc_error *err)
{
    struct rc_ask *cause = RC_NEW(arena, struct rc_ask);
    if (!cause) return rc_fail_arena(err, arena);
    *cause = (struct rc_ask){.kind = stored->cause,
                             .to = {.agg = RC_AGG_COMMAND, .id = identity->seq},
                             .node = stored->node,
                             .attempt = stored->attempt,
                             .purpose = stored->purpose,
                             .now = stored->at};
    struct rc_change *changes = NULL;
    uint32_t n = 0;
    enum rc_status status = rc_get_cause(stored->body, arena, cause, err);
    if (status == RC_OK) status = rc_get_changes(stored->changes, stored->at, arena, &changes, &n, err);
    if (status != RC_OK)
        return rc_fail_prefix(err, status, "command %llu, record %u", (unsigned long long)identity->seq,
                              stored->rev);
    if (cause->kind == RC_MSG_SUBMIT) {
        identity->payload = cause->u.submit->payload;
        cause->u.submit = identity;
    }
    for (uint32_t i = 0; i < n; i++)
        if (changes[i].kind == RC_CHANGE_CREATE) changes[i].u.create = identity;
    *ret = (struct rc_record){.seq = identity->seq,
                              .rev = stored->rev,
                              .change = stored->change,
                              .at = stored->at,
                              .cause = cause,
                              .changes = changes,
                              .nchanges = n};
    return RC_OK;
}

enum rc_status rc_store_news(const struct rc_stored *stored, struct rc_arena *arena, struct rc_news *news,
                             struct rc_error *err)
{
    struct rc_ask cause = {.kind = stored->cause, .purpose = stored->purpose};
    struct rc_change *changes = NULL;
    uint32_t n = 0;
    enum rc_status status = rc_get_changes(stored->changes, stored->at, arena, &changes, &n, err);
    if (status == RC_OK && cause.kind == RC_MSG_ACTION)
        status = rc_get_cause(stored->body, arena, &cause, err);
    if (status != RC_OK)
        return rc_fail_prefix(err, status, "change %llu", (unsigned long long)stored->change);
    news->change = stored->change;
    news->at = stored->at;
    news->rev = stored->rev;
    news->node = stored->node;
    news->attempt = stored->attempt;
    news->cause = stored->cause;
    news->purpose = stored->purpose;
    news->action = cause.kind == RC_MSG_ACTION ? cause.u.act->action : 0;
    news->state = RC_ABSENT;
    for (uint32_t i = 0; i < n; i++)
        if (changes[i].kind == RC_CHANGE_STATE) news->state = changes[i].u.state;
    return RC_OK;
}

enum rc_status rc_store_encode_refs(struct cel_value refs, struct rc_arena *arena, struct rc_sv *ret,
                                    struct rc_error *err)
{
    struct rc_buf text = rc_buf_in(arena, RC_MAX_RECORD);
    if (refs.kind == CEL_MAP && refs.n) cel_put_json(&text, refs);
    if (text.status != RC_OK) return rc_fail(err, text.status, "the refs cannot be kept");
    for (uint32_t i = 0; text.n && i < 2 * refs.n; i++)
        if (refs.v.items[i].kind != CEL_STRING) return rc_fail(err, RC_BUG, "a ref is no text");
    *ret = rc_buf_sv(&text);
    return RC_OK;
}

enum rc_status rc_store_decode_refs(struct rc_sv text, struct rc_arena *arena, struct cel_value *ret,
                                    struct rc_error *err)
{
    struct cel_value refs = cel_null();
    enum rc_status status = text.n ? rc_json_parse(text, arena, &refs, err) : RC_OK;
    if (status == RC_SYNTAX) return rc_fail(err, RC_DAMAGED, "the stored refs are no JSON");
    if (status == RC_OK) *ret = refs;
    return status;
}

bool rc_store_has_ref(struct cel_value refs, struct rc_sv name, struct rc_sv value)
{
    const struct cel_value *found = cel_map_find(&refs, cel_string(name));
    return found && found->kind == CEL_STRING && rc_sv_eq(cel_text(*found), value);
}
