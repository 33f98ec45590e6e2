/* Commands that start commands (core/child.h): a child is made in the unit of the step that starts it, and so in one commit with what that
 * step knows of it. */
#include "engine/child.h"

#include "base/id.h"
#include "core/child.h"
#include "core/people.h"
#include "engine/mail.h"

#include <stdlib.h>

enum { CHILD_FIRST = 4096, CHILD_MAX = 4 << 20 };

/* ---- the command that is made --------------------------------------------------------------------------------------- */

static struct rc_sv id_text(const struct rc_identity *id, struct rc_arena *arena)
{
    char text[RC_ID_TEXT + 1];
    rc_id_format(rc_id_of(id->seq, id->nonce), text);
    return rc_copy_sv(arena, rc_sv_of(text));
}

/* A ref leads from the child to its parent. */
static struct cel_value refs_of(const struct flow *flow, struct rc_sv parent, struct rc_arena *arena)
{
    struct cel_value *pair = RC_NEW_ARRAY(arena, struct cel_value, 2);
    if (!pair || flow->nrefs >= RC_MAX_REFS) return cel_null();
    pair[0] = cel_string(RC_SV("parent"));
    pair[1] = cel_string(parent);
    return (struct cel_value){.kind = CEL_MAP, .n = 1, .v.items = pair};
}

/* What outlives the unit is copied into the command's own memory. */
static bool keep(struct rc_identity *id, const struct rc_child_ask *in, struct rc_arena *arena)
{
    struct rc_votes authors = {in->nauthors, in->authors};
    id->nonce = in->nonce;
    id->until = in->until;
    id->doubt = in->doubt;
    id->doubted = in->doubted;
    id->pins = in->pins;
    if (in->pins.n) id->pins.flow = rc_copy(arena, in->pins.flow, in->pins.n * sizeof *in->pins.flow);
    if ((in->pins.n && !id->pins.flow) || !rc_votes_copy(arena, &authors, &authors)) return false;
    id->authors = authors.vote;
    id->nauthors = authors.n;
    return true;
}

static enum rc_status prepare(struct rc_engine *engine, const struct rc_command *parent,
                              const struct rc_child_ask *in, struct rc_request *request, struct rc_error *err)
{
    const struct flow *flow = flow_set_version(rc_engine_set(engine), in->flow);
    struct rc_arena *arena = request->arena;
    if (!flow) return rc_fail(err, RC_BUG, "the version of the child's flow is not loaded");
    struct rc_sv id = id_text(&parent->id, arena);
    struct rc_submission ask = {
        .ns = rc_copy_sv(arena, parent->id.ns),
        .type = flow->name,
        .version = flow->id,
        .subject = rc_copy_sv(arena, parent->id.subject),
        .actor = rc_copy_sv(arena, parent->id.actor),
        .key = rc_text(arena, "child/%.*s/%u/%u", RC_SV_ARG(id), in->node, in->round),
        .refs = refs_of(flow, id, arena),
    };
    if (cel_copy(in->payload, arena, &ask.payload) != RC_OK || rc_arena_status(arena) != RC_OK)
        return rc_fail_arena(err, arena);
    request->bytes = (uint32_t)cel_size_bytes(ask.payload);
    if (request->bytes > RC_MAX_PAYLOAD)
        return rc_fail(err, RC_INVALID, "the payload takes more than %d bytes", RC_MAX_PAYLOAD);
    uint32_t n = 0;
    struct rc_error found = {0};
    enum rc_status status =
        rc_prepare_submit(rc_engine_set(engine), &ask, arena, &request->u.submit, &found, 1, &n);
    if (status != RC_OK)
        return rc_fail(err, status, "%s%s%s", found.pointer, found.pointer[0] ? ": " : "", found.text);
    if (!keep(&request->u.submit, in, arena)) return rc_fail_arena(err, arena);
    if (request->u.submit.priority < parent->priority) request->u.submit.priority = parent->priority;
    request->u.submit.parent =
        (struct rc_parent){.link = {parent->id.seq, parent->id.nonce}, .node = in->node, .round = in->round};
    return RC_OK;
}

static struct rc_born *new_born(struct rc_engine *engine)
{
    struct rc_born *born = calloc(1, sizeof *born);
    if (!born) return NULL;
    born->request =
        (struct rc_request){.kind = RC_REQUEST_SUBMIT, .arena = rc_arena_new(CHILD_FIRST, CHILD_MAX)};
    if (!born->request.arena) {
        free(born);
        return NULL;
    }
    born->next = engine->born;
    engine->born = born;
    engine->nborn++;
    return born;
}

static enum rc_status send(struct rc_engine *engine, struct rc_ask ask, struct rc_out *out,
                           struct rc_error *err)
{
    *out = (struct rc_out){.message = rc_copy(engine->turn.arena, &ask, sizeof ask), .nmessage = 1};
    return out->message ? RC_OK : rc_fail_arena(err, engine->turn.arena);
}

/* The one that was made before says how it stands. */
static enum rc_status ask_it(struct rc_engine *engine, const struct rc_ask *ask,
                             const struct rc_command *found, struct rc_out *out, struct rc_error *err)
{
    const struct rc_parent *parent = &found->parent;
    if (parent->link.seq != ask->from.id || parent->node != ask->node)
        return rc_fail(err, RC_KEY_CONFLICT, "its key '%.*s' was used by another command",
                       RC_SV_ARG(found->id.key));
    struct rc_ask tell = rc_engine_ask(engine, RC_MSG_CHILD_TELL,
                                       (struct rc_addr){.agg = RC_AGG_COMMAND, .id = found->id.seq});
    tell.from = ask->from;
    return send(engine, tell, out, err);
}

static enum rc_status make(struct rc_engine *engine, const struct rc_ask *ask, struct rc_born *born,
                           struct rc_out *out, struct rc_error *err)
{
    if (!engine->room) return rc_fail(err, RC_QUOTA, "the disk is full: no new work is taken on");
    born->hot = rc_submit_adopt(engine, &born->request, &born->request.u.submit);
    if (!born->hot) return rc_fail(err, RC_NOMEM, "out of memory");
    struct rc_identity *id =
        rc_copy(engine->turn.arena, &born->hot->command.id, sizeof born->hot->command.id);
    if (!id) return rc_fail_arena(err, engine->turn.arena);
    struct rc_ask submit =
        rc_engine_ask(engine, RC_MSG_SUBMIT, (struct rc_addr){.agg = RC_AGG_COMMAND, .id = id->seq});
    submit.from = ask->from;
    submit.u.submit = id;
    return send(engine, submit, out, err);
}

enum rc_status rc_child_unit(struct rc_engine *engine, const struct rc_ask *ask, struct rc_out *out,
                             struct rc_error *err)
{
    struct rc_hot *hot, *found = NULL;
    enum rc_status status = rc_engine_command(engine, ask->from.id, &hot, err);
    if (status != RC_OK) return status;
    struct rc_born *born = new_born(engine);
    if (!born) return rc_fail(err, RC_NOMEM, "out of memory");
    status = prepare(engine, &hot->command, ask->u.child, &born->request, err);
    if (status == RC_OK) status = rc_engine_last_of_key(engine, &born->request.u.submit, &found, err);
    if (status == RC_OK) return ask_it(engine, ask, &found->command, out, err);
    return status == RC_NOT_FOUND ? make(engine, ask, born, out, err) : status;
}

void rc_children_undo(struct rc_engine *engine, uint32_t mark)
{
    while (engine->nborn > mark) {
        struct rc_born *born = engine->born;
        engine->born = born->next;
        engine->nborn--;
        if (born->hot) rc_submit_take_back(engine, born->hot);
        rc_arena_free(born->request.arena);
        free(born);
    }
}

void rc_children_count(struct rc_engine *engine, uint32_t mark)
{
    uint32_t at = engine->nborn;
    for (struct rc_born *born = engine->born; born && at > mark; born = born->next, at--) {
        if (!born->hot) continue;
        rc_quota_take(engine, born->hot->command.id.ns, false, born->request.bytes);
        atomic_fetch_add(&engine->stats.submitted, 1);
    }
}

void rc_children_end_turn(struct rc_engine *engine)
{
    for (struct rc_born *born; (born = engine->born);) {
        engine->born = born->next;
        rc_arena_free(born->request.arena); /* where there was one before, or the turn was dropped */
        free(born);
    }
    engine->nborn = 0;
}

/* ---- what cannot be ------------------------------------------------------------------------------------------------- */

static enum rc_status tell_parent(struct rc_engine *engine, uint64_t seq, uint32_t node,
                                  struct rc_child_news news, struct rc_ask *ret, struct rc_error *err)
{
    struct rc_child_news *own = rc_copy(engine->turn.arena, &news, sizeof news);
    if (!own) return rc_fail_arena(err, engine->turn.arena);
    own->node = node;
    own->text = rc_copy_sv(engine->turn.arena, news.text);
    if (!own->text.p) return rc_fail_arena(err, engine->turn.arena);
    *ret = rc_engine_ask(engine, RC_MSG_CHILD, (struct rc_addr){.agg = RC_AGG_COMMAND, .id = seq});
    ret->node = node;
    ret->u.news = own;
    return RC_OK;
}

enum rc_status rc_child_not_started(struct rc_engine *engine, const struct rc_ask *due, enum rc_status status,
                                    struct rc_error *io_err)
{
    struct rc_hot *hot = rc_cache_find(&engine->cache, due->to.id);
    if (!hot || due->kind != RC_MSG_DUE || due->node >= hot->command.nnodes ||
        hot->command.node[due->node].phase != RC_PHASE_DELAYED ||
        rc_node_step(&hot->command, due->node)->kind != FLOW_CHILD)
        return status;
    struct rc_ask ask;
    struct rc_child_news news = {.state = RC_ABSENT,
                                 .round = hot->command.node[due->node].round,
                                 .later = status == RC_QUOTA,
                                 .outputs = cel_null(),
                                 .text = rc_sv_of(io_err->text)};
    status = tell_parent(engine, due->to.id, due->node, news, &ask, io_err);
    return status == RC_OK ? rc_unit_run(engine, &ask, io_err) : status;
}

/* How the step stands whose child is asked, as the beginning of what it is told. */
static enum rc_status of_step(struct rc_engine *engine, const struct rc_ask *ask, struct rc_child_news *ret,
                              struct rc_error *err)
{
    struct rc_hot *hot;
    enum rc_status status = rc_engine_command(engine, ask->from.id, &hot, err);
    if (status == RC_OK)
        *ret = (struct rc_child_news){.child = hot->command.data[ask->node].child.link,
                                      .round = hot->command.node[ask->node].round,
                                      .outputs = cel_null()};
    return status;
}

bool rc_child_is_waited_for(struct rc_engine *engine, const struct rc_ask *ask)
{
    if (ask->kind != RC_MSG_ACTION || ask->from.agg != RC_AGG_COMMAND) return false;
    const struct rc_hot *hot = rc_cache_find(&engine->cache, ask->from.id);
    return hot && hot->command.node[ask->node].phase == RC_PHASE_CHILD;
}

enum rc_status rc_child_ask_later(struct rc_engine *engine, const struct rc_ask *ask, struct rc_out *out,
                                  struct rc_error *err)
{
    struct rc_ask back;
    struct rc_child_news news;
    *out = (struct rc_out){0};
    enum rc_status status = of_step(engine, ask, &news, err);
    if (status != RC_OK) return status;
    news.state = RC_RUNNING;
    news.put_off = ask->u.act;
    news.text = RC_SV("it is asked in a unit of its own");
    status = tell_parent(engine, ask->from.id, ask->node, news, &back, err);
    return status == RC_OK ? send(engine, back, out, err) : status;
}

enum rc_status rc_child_unreadable(struct rc_engine *engine, const struct rc_ask *ask, struct rc_out *out,
                                   struct rc_error *err)
{
    struct rc_ask back;
    struct rc_child_news news;
    *out = (struct rc_out){0};
    if (ask->kind == RC_MSG_CHILD) return RC_OK; /* nobody is left who waits for it */
    enum rc_status status = of_step(engine, ask, &news, err);
    if (status != RC_OK) return status;
    news.state = RC_REVIEW;
    news.unreadable = true;
    news.text = RC_SV("what is stored of it is damaged, or was purged");
    status = tell_parent(engine, ask->from.id, ask->node, news, &back, err);
    return status == RC_OK ? send(engine, back, out, err) : status;
}
