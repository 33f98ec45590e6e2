/* Telling people: a command that has come to where a person is wanted submits the flow that the setting `notify` names, in the same
 * turn and so in the same commit. What that flow itself comes to tells nobody. */
#include "engine/state.h"

#include "base/id.h"
#include "core/people.h"
#include "core/tree.h"
#include "engine/prepare.h"

#include <stdlib.h>
#include <string.h>

enum { NOTICE_FIRST = 1024, NOTICE_MAX = 1 << 20 };

/* ---- what is told ------------------------------------------------------------------------------------------------------- */

static const char overdue[] = "overdue";

/* Why somebody has to look at it now; NULL: nobody has to. */
static const char *reason_of(const struct rc_engine *engine, const struct rc_touch *touch)
{
    const struct rc_command *c = &touch->hot->command;
    if (c->why == RC_WHY_DEADLINE && touch->why != RC_WHY_DEADLINE)
        return overdue; /* whatever message came first behind the deadline */
    for (uint32_t i = 1; i < c->nnodes; i++) {
        if (!rc_is_asked(c, i) || c->data[i].times.first != engine->turn.now) continue;
        if (c->node[i].why == RC_WHY_VOID) return "void";
        return rc_step_at(c, i)->kind == FLOW_APPROVE ? "approval" : "question";
    }
    return c->state == RC_REVIEW && touch->state != RC_REVIEW ? rc_state_word(RC_REVIEW).slug : NULL;
}

/* {command, reason, link} */
static bool make_payload(const struct rc_engine *engine, const struct rc_command *c, const char *reason,
                         struct rc_arena *arena, struct cel_value *ret)
{
    struct cel_value *pairs = RC_NEW_ARRAY(arena, struct cel_value, 6);
    char id[RC_ID_TEXT + 1];
    uint32_t bad;
    rc_id_format((struct rc_id){.seq = c->id.seq, .check = (uint32_t)c->id.nonce}, id);
    struct rc_sv text = rc_text(arena, "%s", id);
    struct rc_sv link = rc_text(arena, "%.*s/v1/commands/%s", RC_SV_ARG(engine->ports.notify_url), id);
    if (!pairs || !text.p || !link.p) return false;
    pairs[0] = cel_string(RC_SV("command")), pairs[1] = cel_string(text);
    pairs[2] = cel_string(RC_SV("link")), pairs[3] = cel_string(link);
    pairs[4] = cel_string(RC_SV("reason")), pairs[5] = cel_string(rc_sv_of(reason));
    *ret = (struct cel_value){.kind = CEL_MAP, .n = 3, .v.items = pairs};
    return cel_map_sort(pairs, 3, &bad);
}

/* ---- the command that tells it -------------------------------------------------------------------------------------------- */

static enum rc_status prepare(struct rc_engine *engine, const struct rc_command *c, uint32_t rev,
                              const char *reason, struct rc_request *request, struct rc_error *err)
{
    struct rc_arena *arena = request->arena;
    struct rc_submission in = {.ns = rc_copy_sv(arena, c->id.ns),
                               .type = engine->ports.notify,
                               .subject = RC_SV("notify"),
                               .actor = RC_SV("notify"),
                               .key = rc_text(arena, "notify/%llu/%u", (unsigned long long)c->id.seq, rev)};
    struct rc_error found = {0};
    uint32_t n = 0;
    if (!make_payload(engine, c, reason, arena, &in.payload) || rc_arena_status(arena) != RC_OK)
        return rc_fail_arena(err, arena);
    request->bytes = (uint32_t)cel_size_bytes(in.payload);
    enum rc_status status =
        rc_prepare_submit(rc_engine_set(engine), &in, arena, &request->u.submit, &found, 1, &n);
    return status == RC_OK ? RC_OK
                           : rc_fail(err, status, "the flow '%.*s' that tells people: %s", RC_SV_ARG(in.type),
                                     found.text);
}

static enum rc_status submit(struct rc_engine *engine, const struct rc_command *c, uint32_t rev,
                             const char *reason, struct rc_error *err)
{
    struct rc_notice *notice = calloc(1, sizeof *notice);
    if (!notice) return rc_fail(err, RC_NOMEM, "out of memory");
    notice->next = engine->notices;
    engine->notices = notice;
    struct rc_request *request = &notice->request;
    *request =
        (struct rc_request){.kind = RC_REQUEST_SUBMIT, .arena = rc_arena_new(NOTICE_FIRST, NOTICE_MAX)};
    if (!request->arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = prepare(engine, c, rev, reason, request, err);
    if (status != RC_OK) return status;
    rc_request_notice(engine, request);
    if (request->status != RC_OK) *err = request->error;
    return request->status;
}

/* ---- what there was no room for ------------------------------------------------------------------------------------------- */

enum { MOST_UNTOLD = 4096, MOST_REFUSED = 3 };
enum rc_untold_state {
    UNTOLD_KEPT,
    UNTOLD_DONE /* told in this turn, or not to be told any more */
};

static bool keep(struct rc_engine *engine, const struct rc_command *c, const char *reason)
{
    struct rc_untold_list *list = &engine->untold;
    if (list->n == list->cap) {
        uint32_t cap = list->cap ? 2 * list->cap : 64;
        struct rc_untold *more = cap <= MOST_UNTOLD ? realloc(list->item, cap * sizeof *more) : NULL;
        if (!more) return false;
        list->item = more;
        list->cap = cap;
    }
    list->item[list->n++] =
        (struct rc_untold){.command = {c->id.seq, c->id.nonce}, .reason = reason, .rev = c->rev};
    return true;
}

/* Should the turn be dropped, what it tells of may not have happened: that is looked at again. Trouble that passes is waited for; all else is a fault that shows, and is not tried again. */
static void tell(struct rc_engine *engine, const struct rc_command *c, const char *reason)
{
    struct rc_error error = {0};
    enum rc_status status = submit(engine, c, c->rev, reason, &error);
    if (status == RC_OK) return;
    bool kept = (rc_turn_passes(engine, status) || status == RC_LIMIT) && keep(engine, c, reason);
    if (!kept) rc_engine_fault(engine, &error);
}

static bool is_still_wanted(const struct rc_command *c, const char *reason)
{
    if (strcmp(reason, overdue) == 0) return c->why == RC_WHY_DEADLINE;
    if (strcmp(reason, rc_state_word(RC_REVIEW).slug) == 0) return c->state == RC_REVIEW;
    return rc_first_asked(c) != 0;
}

/* False: there is no room yet. */
static bool tell_again(struct rc_engine *engine, struct rc_untold *one)
{
    struct rc_error error = {0};
    struct rc_hot *hot;
    enum rc_status status = rc_engine_command(engine, one->command.seq, &hot, &error);
    bool same = status == RC_OK && hot->command.id.nonce == one->command.nonce;
    if (status == RC_NOT_FOUND) status = RC_OK; /* the turn that made it was dropped */
    if (same && is_still_wanted(&hot->command, one->reason))
        status = submit(engine, &hot->command, one->rev, one->reason, &error);
    if (rc_turn_passes(engine, status)) return false;
    if (status != RC_OK) rc_engine_fault(engine, &error);
    engine->turn.nunits++;
    one->state = UNTOLD_DONE;
    return true;
}

void rc_notices_again(struct rc_engine *engine)
{
    if (!engine->room || engine->apart) return;
    for (uint32_t i = 0; i < engine->untold.n; i++)
        if (!tell_again(engine, &engine->untold.item[i])) break;
}

/* ---- a turn --------------------------------------------------------------------------------------------------------------- */

void rc_notices_submit(struct rc_engine *engine)
{
    uint32_t n = engine->turn.touched.n; /* what is submitted here tells nobody */
    if (!engine->ports.notify.n) return;
    for (uint32_t i = 0; i < n; i++) {
        const struct rc_touch *touch = &((const struct rc_touch *)engine->turn.touched.items)[i];
        const struct rc_command *c = &touch->hot->command;
        const char *reason = rc_sv_eq(c->id.type, engine->ports.notify) ? NULL : reason_of(engine, touch);
        if (reason) tell(engine, c, reason);
    }
}

void rc_notices_end_turn(struct rc_engine *engine)
{
    bool committed = engine->turn.published;
    struct rc_untold_list *list = &engine->untold;
    uint32_t n = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        struct rc_untold one = list->item[i];
        if (one.state == UNTOLD_DONE && (committed || ++one.refused == MOST_REFUSED)) continue;
        one.state = UNTOLD_KEPT;
        list->item[n++] = one;
    }
    list->n = n;
    for (struct rc_notice *notice; (notice = engine->notices);) {
        engine->notices = notice->next;
        rc_arena_free(notice->request.arena); /* where the turn was dropped */
        free(notice);
    }
}
