/* Which command below one that waits for what it has started waits for a person. A command is told how its own children stand, and one that
 * waits for another one in turn goes on, as far as it was told: so who asks is answered from what stands in the store. */
#include "api/call.h"

#include "core/child.h"
#include "core/explain.h"
#include "engine/load.h"

enum { LOOKED_AT = 32, NOBODY = LOOKED_AT, WORK_FIRST = 1 << 16, WORK_MAX = 32 << 20 };

/* Commands in the order in which they are looked at: children, then theirs. */
struct search {
    struct rc_arena *work;
    uint64_t seq[LOOKED_AT];
    uint32_t parent[LOOKED_AT]; /* NOBODY: the one that was asked about */
    struct rc_command command[LOOKED_AT];
    uint32_t n;
};

static void add_children(struct search *search, const struct rc_command *c, uint32_t parent)
{
    for (uint32_t at = 0; search->n < LOOKED_AT && (at = rc_child_next(c, at));) {
        uint64_t seq = c->data[at].child.link.seq;
        if (!seq) continue;
        search->parent[search->n] = parent;
        search->seq[search->n++] = seq;
    }
}

static bool waits_for_a_person(const struct rc_command *c)
{
    struct rc_standing standing;
    rc_command_standing(c, &standing);
    bool asks = standing.next == RC_NEXT_APPROVAL || standing.next == RC_NEXT_DECISION;
    return asks || (rc_state_rests(c->state) && !rc_state_ended(c->state));
}

/* Its number in the search; NOBODY. What cannot be read, or takes too much memory, is left out. */
static uint32_t find(struct api_call *call, struct rc_reader *reader, struct search *search)
{
    const struct flow_set *set = rc_engine_definitions(call->api->options.engine);
    for (uint32_t i = 0; i < search->n; i++) {
        struct rc_record *records;
        struct rc_error error;
        uint32_t n;
        struct rc_command *c = &search->command[i];
        if (rc_load_command(reader, set, search->seq[i], search->work, c, &records, &n, &error) != RC_OK)
            continue;
        if (waits_for_a_person(c)) return i;
        add_children(search, c, i);
    }
    return NOBODY;
}

/* The line down to it, in memory of the call's. */
static bool put_line(struct api_call *call, const struct search *search, uint32_t found,
                     struct rc_explanation *io)
{
    enum { DISPLAY = 1024 };
    uint32_t n = 0;
    for (uint32_t i = found; i != NOBODY; i = search->parent[i]) n++;
    struct rc_below *below = RC_NEW_ARRAY(call->arena, struct rc_below, n);
    if (!below) return false;
    io->below = below;
    io->nbelow = n;
    for (uint32_t i = found; i != NOBODY; i = search->parent[i]) {
        const struct rc_command *c = &search->command[i];
        struct rc_buf text = rc_buf_in(call->arena, DISPLAY);
        rc_view_display(&text, c);
        below[--n] = (struct rc_below){.link = {c->id.seq, c->id.nonce},
                                       .type = rc_copy_sv(call->arena, c->id.type),
                                       .display = rc_buf_sv(&text),
                                       .state = c->state};
        if (!below[n].type.p) return false;
    }
    return true;
}

/* What this one allows is what the one that it waits for does. */
static void deny_retry(const struct rc_command *c, const struct rc_explanation *last,
                       struct rc_explanation *io)
{
    struct rc_allowed *own = &io->allowed[RC_ACTION_RETRY];
    bool below = io->nbelow > 1, can = last->allowed[RC_ACTION_RETRY].allowed;
    uint32_t resting = 0; /* of several, those are retried that can be */
    for (uint32_t i = 1; i < c->nnodes; i++) resting += rc_child_rests(c, i);
    if (own->allowed && !below && can && last->retry_is_safe) return;
    io->retry_is_safe = false;
    if (below)
        io->retry_reason = "a command below the one that it has started waits for a person: act on that one";
    else if (!can)
        io->retry_reason = "the command that it has started cannot be retried now: act on that one";
    else
        io->retry_reason = "another try of what it has started may do something twice: act on that one";
    if (!own->allowed || (resting == 1 && !can)) *own = (struct rc_allowed){false, io->retry_reason};
}

enum rc_status api_look_below(struct api_call *call, const struct rc_command *c, struct rc_explanation *io,
                              struct rc_error *err)
{
    struct rc_reader *reader;
    if (io->next != RC_NEXT_CHILD && io->next != RC_NEXT_CHILD_RESTS) return RC_OK;
    struct search *search = RC_NEW(call->arena, struct search);
    if (!search) return rc_fail_arena(err, call->arena);
    search->n = 0;
    search->work = rc_arena_new(WORK_FIRST, WORK_MAX);
    if (!search->work) return rc_fail(err, RC_NOMEM, "out of memory");
    add_children(search, c, NOBODY);
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status == RC_OK) {
        uint32_t found = find(call, reader, search);
        api_return(&call->job, reader);
        if (found != NOBODY && !put_line(call, search, found, io)) status = rc_fail_arena(err, call->arena);
        if (found != NOBODY && status == RC_OK) {
            struct rc_explanation last;
            char id[RC_ID_TEXT + 1];
            const struct rc_link *link = &io->below[io->nbelow - 1].link;
            rc_command_explain(&search->command[found], &last);
            rc_id_format(rc_id_of(link->seq, link->nonce), id);
            io->next = RC_NEXT_CHILD_RESTS;
            io->next_text = rc_text(call->arena, "%s waits for a person: %s; this one follows", id,
                                    rc_next_word(last.next).text);
            deny_retry(c, &last, io);
        }
    }
    rc_arena_free(search->work);
    return status;
}
