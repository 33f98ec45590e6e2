/* Which command below one that waits for what it has started waits for a person, and what those below say to a retry. A command is told how
 * its own children stand, and one that waits for another one in turn goes on, as far as it was told: so who asks is answered from what
 * stands in the store. */
#include "api/call.h"

#include "base/limits.h"
#include "core/bulk.h"
#include "core/child.h"
#include "core/explain.h"
#include "engine/load.h"

enum { NOBODY = RC_MAX_LOOKED_BELOW, WORK_FIRST = 1 << 16, WORK_MAX = 32 << 20 };

/* ---- who waits for a person ----------------------------------------------------------------------------------------- */

/* Commands in the order in which they are looked at: children, then theirs. */
struct search {
    struct rc_reader *reader;
    const struct flow_set *set;
    struct rc_arena *work; /* of one command at a time */
    uint64_t seq[RC_MAX_LOOKED_BELOW];
    uint32_t parent[RC_MAX_LOOKED_BELOW]; /* NOBODY: the one that was asked about */
    uint32_t n;
    uint32_t opened; /* whose own children were added */
};

static void add_children(struct search *search, const struct rc_command *c, uint32_t parent)
{
    for (uint32_t at = 0; search->n < RC_MAX_LOOKED_BELOW && (at = rc_child_next(c, at));) {
        uint64_t seq = c->data[at].child.link.seq;
        if (!seq) continue;
        search->parent[search->n] = parent;
        search->seq[search->n++] = seq;
    }
}

/* In the search's memory until the next one. */
static enum rc_status load(struct search *search, uint32_t at, struct rc_command *ret, struct rc_error *err)
{
    rc_arena_reset(search->work);
    return rc_load_command(search->reader, search->set, search->seq[at], search->work, ret, NULL, NULL, err);
}

/* By its row, as the store's lists show it; history is read only of those that have started others. */
static bool waits_for_a_person(const struct rc_row *row)
{
    bool asks = row->next == RC_NEXT_APPROVAL || row->next == RC_NEXT_DECISION;
    return asks || (rc_state_rests(row->state) && !rc_state_ended(row->state));
}

/* Its number in the search; NOBODY. What cannot be read, or takes too much memory, is left out. */
static uint32_t find(struct search *search)
{
    for (uint32_t i = 0; i < search->n; i++) {
        struct rc_command c;
        struct rc_error error;
        struct rc_row row;
        rc_arena_reset(search->work);
        if (rc_read_row(search->reader, search->seq[i], search->work, &row, &error) != RC_OK) continue;
        bool asks = waits_for_a_person(&row);
        bool waits = row.next == RC_NEXT_CHILD || row.next == RC_NEXT_CHILD_RESTS;
        if (!asks && (!waits || search->opened++ >= RC_MAX_OPENED_BELOW)) continue;
        if (load(search, i, &c, &error) != RC_OK) continue;
        if (asks) return i;
        add_children(search, &c, i);
    }
    return NOBODY;
}

/* The line down to it, in memory of the call's, and what is to be said of that one. */
static enum rc_status put_line(struct api_call *call, struct search *search, uint32_t found,
                               struct rc_explanation *io, struct rc_explanation *ret_last,
                               struct rc_error *err)
{
    enum { DISPLAY = 1024 };
    uint32_t n = 0;
    for (uint32_t i = found; i != NOBODY; i = search->parent[i]) n++;
    struct rc_below *below = RC_NEW_ARRAY(call->arena, struct rc_below, n);
    if (!below) return rc_fail_arena(err, call->arena);
    io->below = below;
    io->nbelow = n;
    for (uint32_t i = found; i != NOBODY; i = search->parent[i]) {
        struct rc_command c;
        struct rc_buf text = rc_buf_in(call->arena, DISPLAY);
        enum rc_status status = load(search, i, &c, err);
        if (status != RC_OK) return status;
        if (i == found) rc_command_explain(&c, ret_last);
        rc_view_display(&text, &c);
        below[--n] = (struct rc_below){.link = {c.id.seq, c.id.nonce},
                                       .type = rc_copy_sv(call->arena, c.id.type),
                                       .display = rc_buf_sv(&text),
                                       .state = c.state};
        if (!below[n].type.p) return rc_fail_arena(err, call->arena);
    }
    return RC_OK;
}

/* ---- what those below say to a retry -------------------------------------------------------------------------------- */

/* Of several, those are retried that can be: then nobody must. */
static const struct rc_ask *who_must(const struct rc_out *out)
{
    for (uint32_t i = 0; i < out->nmessage; i++) {
        const struct rc_ask *ask = &out->message[i];
        if (ask->kind == RC_MSG_ACTION && ask->purpose == RC_CHILD_MUST &&
            ask->u.act->action == RC_ACTION_RETRY)
            return ask;
    }
    return NULL;
}

enum rc_status api_would(struct rc_reader *reader, const struct flow_set *set, const struct rc_command *c,
                         const struct rc_act *act, struct rc_arena *work, struct rc_error *err)
{
    struct rc_out out = {0};
    const struct rc_ask *ask;
    enum rc_status status = rc_command_would(c, act, set, c->changed, work, &out, err);
    while (status == RC_OK && (ask = who_must(&out))) {
        struct rc_command child;
        status = rc_load_command(reader, set, ask->to.id, work, &child, NULL, NULL, err);
        if (status != RC_OK) /* of one that cannot be read its parent learns that, and is not refused */
            return status == RC_NOMEM || status == RC_LIMIT ? status : RC_OK;
        out = (struct rc_out){0};
        status = rc_command_step(&child, ask, set, work, &out, err);
    }
    return status;
}

/* Why what this one has started refuses that it is retried, in the call's memory; NULL: it does not. */
static const char *why_refused(struct api_call *call, struct search *search, const struct rc_command *c)
{
    const struct rc_act act = {.action = RC_ACTION_RETRY, .outputs = cel_null()};
    struct rc_error why;
    rc_arena_reset(search->work);
    if (api_would(search->reader, search->set, c, &act, search->work, &why) != RC_REFUSED) return NULL;
    struct rc_sv text = rc_copy_sv(call->arena, rc_sv_of(why.text));
    return text.p ? text.p : "what it has started refuses";
}

static void refuse_retry(const char *why, struct rc_explanation *io)
{
    io->allowed[RC_ACTION_RETRY] = (struct rc_allowed){false, why};
    io->retry_is_safe = false;
    io->retry_reason = why;
    if (io->next == RC_NEXT_RETRY || io->next == RC_NEXT_CHANGE) io->next = RC_NEXT_CHILD_RESTS;
}

/* What would be safe here is as safe as there. */
static void doubt_retry(const struct rc_explanation *last, struct rc_explanation *io)
{
    struct rc_allowed *own = &io->allowed[RC_ACTION_RETRY];
    bool below = io->nbelow > 1, can = last->allowed[RC_ACTION_RETRY].allowed;
    if (own->allowed && !below && can && last->retry_is_safe) return;
    io->retry_is_safe = false;
    if (below)
        io->retry_reason = "a command below the one that it has started waits for a person: act on that one";
    else if (!can)
        io->retry_reason = "the command that it has started cannot be retried now: act on that one";
    else
        io->retry_reason = "another try of what it has started may do something twice: act on that one";
    if (!own->allowed) own->why_not = io->retry_reason;
}

static enum rc_status look(struct api_call *call, struct search *search, const struct rc_command *c,
                           struct rc_explanation *io, struct rc_error *err)
{
    bool waits = io->next == RC_NEXT_CHILD || io->next == RC_NEXT_CHILD_RESTS;
    struct rc_explanation last;
    char id[RC_ID_TEXT + 1];
    const char *why = io->allowed[RC_ACTION_RETRY].allowed ? why_refused(call, search, c) : NULL;
    if (why) refuse_retry(why, io);
    if (waits) add_children(search, c, NOBODY);
    uint32_t found = find(search);
    if (found == NOBODY) return RC_OK;
    enum rc_status status = put_line(call, search, found, io, &last, err);
    if (status != RC_OK) return status;
    const struct rc_link *link = &io->below[io->nbelow - 1].link;
    rc_id_format(rc_id_of(link->seq, link->nonce), id);
    io->next = RC_NEXT_CHILD_RESTS;
    io->next_text =
        rc_text(call->arena, "%s waits for a person: %s; this one follows", id, rc_next_word(last.next).text);
    if (!why) doubt_retry(&last, io);
    return RC_OK;
}

enum rc_status api_look_below(struct api_call *call, const struct rc_command *c, struct rc_explanation *io,
                              struct rc_error *err)
{
    bool any = false;
    for (uint32_t i = 1; i < c->nnodes; i++) any |= c->data[i].child.link.seq != 0;
    if (!any) return RC_OK;
    struct search *search = RC_NEW(call->arena, struct search);
    if (!search) return rc_fail_arena(err, call->arena);
    *search = (struct search){.set = rc_engine_definitions(call->api->options.engine),
                              .work = rc_arena_new(WORK_FIRST, WORK_MAX)};
    if (!search->work) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = api_borrow(&call->job, &search->reader, err);
    if (status == RC_OK) {
        status = look(call, search, c, io, err);
        api_return(&call->job, search->reader);
    }
    rc_arena_free(search->work);
    return status;
}
