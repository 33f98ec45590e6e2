/* The answers to the questions that an operator has, in this order: what failed, who is affected, did the
 * outside service receive it, is a retry safe, what happened last time, what comes next, what can be done. The
 * core found the facts (core/explain.h); here they become sentences. */
#include "codec/view_part.h"
#include "core/tree.h"

enum { SENTENCE_BYTES = 4096, SHOWN_ATTEMPTS = 20, SHOWN_NAMES = 5 };

struct telling {
    struct rc_json *json;
    const struct rc_command *command;
    const struct rc_explanation *facts;
    const struct rc_view_attempt *attempts;
    uint32_t n;
};

static const struct rc_view_attempt *last_attempt(const struct telling *tell)
{
    const struct rc_past *past = tell->command->past; /* what was tried before a move had other numbers */
    for (uint32_t i = tell->n; i-- > 0 && (!past || tell->attempts[i].rev >= past->rev);)
        if (tell->facts->node == UINT32_MAX || tell->attempts[i].node == tell->facts->node)
            return &tell->attempts[i];
    return NULL;
}

static struct rc_sv dependency_of(const struct rc_command *command, uint32_t node)
{
    const struct flow_step *step = rc_node_step(command, node);
    if (step->kind != FLOW_CALL) return RC_SV("the other side");
    return command->flow->dependencies[step->call.dependency];
}

/* A sentence from a text that begins small and has no full stop. */
static void put_sentence(struct rc_buf *buf, const char *text)
{
    char first = *text;
    rc_put_char(buf, (char)(first >= 'a' && first <= 'z' ? first - 'a' + 'A' : first));
    rc_put_text(buf, text + 1);
    rc_put_char(buf, '.');
}

/* What the state of a step means, and that of a block. */
static const char *verb_of(const struct flow_step *step, const struct rc_node *node)
{
    static const char *const of_step[] = {[RC_STEP_IDLE] = "has not begun",
                                          [RC_STEP_ACTIVE] = "is being done",
                                          [RC_STEP_UNKNOWN] = "may have happened",
                                          [RC_STEP_SUCCEEDED] = "is done",
                                          [RC_STEP_REJECTED] = "was refused",
                                          [RC_STEP_FAILED] = "did not happen",
                                          [RC_STEP_SKIPPED] = "was left out",
                                          [RC_STEP_UNDOING] = "is being undone",
                                          [RC_STEP_UNDO_UNKNOWN] = "may have been undone",
                                          [RC_STEP_UNDO_FAILED] = "could not be undone",
                                          [RC_STEP_UNDONE] = "was undone"};
    if (node->state >= RC_STEP_STATES) return "?";
    if (step->kind == FLOW_SLEEP && node->state == RC_STEP_ACTIVE) return "lets time pass";
    if (node->phase == RC_PHASE_ASKED) return "asks people";
    if (node->phase == RC_PHASE_WAITING) return "waits for a signal";
    if (node->phase == RC_PHASE_READY && node->state == RC_STEP_ACTIVE)
        return step->call.worker ? "waits for a worker" : "waits for a free place at its dependency";
    if (flow_confirms(step) && node->state == RC_STEP_ACTIVE) return "waits until something has come true";
    if (flow_confirms(step) && node->why == RC_WHY_UNCONFIRMED) return "is not confirmed";
    if (node->phase == RC_PHASE_CHILD) return "waits for the command that it has started";
    if (step->kind == FLOW_WAIT && node->state == RC_STEP_REJECTED)
        return "did not happen"; /* nobody refused it */
    if (!flow_is_block(step->kind)) return of_step[node->state];
    if (node->state == RC_STEP_ACTIVE && step->kind == FLOW_CHOOSE && node->why == RC_WHY_EXPRESSION)
        return "cannot choose a case";
    if (node->state == RC_STEP_ACTIVE && node->phase == RC_PHASE_DELAYED)
        return "pauses before its next pass";
    if (node->state == RC_STEP_REJECTED || node->state == RC_STEP_FAILED) return "has failed";
    if (node->state == RC_STEP_UNKNOWN) return "may have begun";
    return of_step[node->state];
}

/* Its deadline would have rolled it back, if something of it were not irreversible. */
static bool is_stopped_late(const struct rc_command *c)
{
    if (c->mode != RC_MODE_HALT || c->why != RC_WHY_DEADLINE || c->flow->on_deadline != FLOW_LATE_ROLL_BACK)
        return false;
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (rc_view_cannot_be_undone(c, i)) return true;
    return false;
}

/* The innermost block that failed and was not taken back, because something in it cannot be. */
static uint32_t stopped_block(const struct rc_command *c)
{
    if (is_stopped_late(c)) return 0;
    for (uint32_t i = c->nnodes; i-- > 0;)
        if (flow_is_block(rc_node_step(c, i)->kind) && c->node[i].why == RC_WHY_IRREVERSIBLE) return i;
    return UINT32_MAX;
}

static void put_irreversible(const struct rc_command *c, struct rc_buf *buf)
{
    uint32_t block = stopped_block(c), n = 0;
    struct rc_path path;
    if (block == UINT32_MAX) return;
    rc_put_text(buf, block ? " Block \"" : " ");
    rc_put(buf, block ? rc_view_step_name(c, block, &path) : RC_SV("The flow"));
    rc_put_text(buf, block ? "\" is not taken back: " : " is not rolled back: ");
    rc_put_text(buf, rc_why_word(RC_WHY_IRREVERSIBLE).text);
    for (uint32_t i = block; i < rc_behind(c, block); i++) {
        if (!rc_view_cannot_be_undone(c, i)) continue;
        if (n++ == SHOWN_NAMES) break;
        rc_put_text(buf, n == 1 ? " (" : ", ");
        rc_put(buf, rc_node_path(c, i, &path));
    }
    rc_put_text(buf, n > SHOWN_NAMES ? " and more)." : n ? ")." : ".");
}

/* "Step "create" may have happened. No complete answer came in time." */
static void put_what(const struct telling *tell, struct rc_buf *buf)
{
    const struct rc_command *command = tell->command;
    uint32_t at = tell->facts->node;
    struct rc_path path;
    if (at == UINT32_MAX || at == 0) {
        put_sentence(buf, rc_state_word(command->state).text);
        put_irreversible(command, buf);
        if (command->back && command->state == RC_REVIEW)
            rc_put_format(buf, " It is rolled back to \"%.*s\": what comes before that stays done.",
                          RC_SV_ARG(rc_view_step_name(command, command->back, &path)));
        if (command->why != RC_WHY_DEADLINE || command->mode == RC_MODE_FORWARD) return;
        rc_put_char(buf, ' ');
        put_sentence(buf, rc_why_word(RC_WHY_DEADLINE).text);
        return;
    }
    const struct rc_node *node = &command->node[at];
    const struct flow_step *step = rc_node_step(command, rc_view_known(command, at));
    rc_put_text(buf, flow_is_block(step->kind) ? "Block \"" : "Step \"");
    rc_put(buf, rc_view_step_name(command, at, &path));
    rc_put_text(buf, "\" ");
    rc_put_text(buf, verb_of(step, node));
    rc_put_char(buf, '.');
    if (node->why != RC_WHY_NONE && node->why != RC_WHY_IRREVERSIBLE) {
        rc_put_char(buf, ' ');
        put_sentence(buf, rc_why_word(node->why).text);
    }
    put_irreversible(command, buf);
    if (command->state != RC_REVIEW) return;
    if (command->mode == RC_MODE_ROLL_BACK)
        rc_put_text(buf, " It is being rolled back: that goes on when this is settled.");
    if (command->mode == RC_MODE_CANCEL)
        rc_put_text(buf, " It is being cancelled: that goes on when this is settled.");
}

/* Of the innermost loop over a list that the step stands in. */
static void put_item(struct rc_json *json, const struct rc_command *c, uint32_t at)
{
    for (uint32_t child = at; child; child = c->node[child].parent) {
        uint32_t block = c->node[child].parent;
        if (rc_step_at(c, block)->kind != FLOW_EACH || c->node[child].item >= rc_branches(c, block)) continue;
        rc_json_value(json, "item", c->data[block].outputs.v.items[c->node[child].item]);
        return;
    }
}

static void put_problem(const struct telling *tell)
{
    struct rc_json *json = tell->json;
    uint32_t at = tell->facts->node;
    struct rc_buf text = rc_buf_in(json->buf->arena, SENTENCE_BYTES);
    put_what(tell, &text);
    rc_json_object(json, "what");
    rc_json_sv(json, "text", rc_buf_sv(&text));
    if (at != UINT32_MAX && at != 0) {
        const struct rc_data *data = &tell->command->data[at];
        rc_view_step(json, tell->command, at);
        put_item(json, tell->command, at);
        rc_json_text(json, "state", rc_step_word(tell->command->node[at].state).slug);
        rc_view_why(json, tell->command->node[at].why);
        rc_json_maybe(json, "error", data->fault);
        if (data->status) rc_json_u64(json, "status", data->status);
        if (data->times.since) rc_json_time(json, "unknown_since", data->times.since);
    }
    rc_json_end_object(json);
}

static void put_affected(const struct telling *tell)
{
    struct rc_json *json = tell->json;
    const struct rc_identity *id = &tell->command->id;
    rc_json_object(json, "affects");
    rc_json_sv(json, "actor", id->actor);
    rc_view_refs(json, id->refs);
    uint32_t n = 0;
    rc_json_array(json, "done"); /* what happened outside and stands */
    for (uint32_t i = 1; i < tell->command->nnodes; i++) {
        unsigned kind = rc_node_step(tell->command, i)->kind;
        bool outside = kind == FLOW_CALL || kind == FLOW_CHILD;
        if (!outside || tell->command->node[i].state != RC_STEP_SUCCEEDED) continue;
        if (n++ >= RC_MAX_SHOWN_STEPS) continue;
        rc_json_object(json, NULL);
        rc_view_step(json, tell->command, i);
        rc_json_maybe(json, "external_id", tell->command->data[i].external_id);
        if (tell->command->data[i].outputs.kind != CEL_NULL)
            rc_json_value(json, "outputs", tell->command->data[i].outputs);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
    rc_json_u64(json, "done_total", n);
    rc_json_end_object(json);
}

/* Did the other side receive what was to be done (or undone)? What it said to a later check is another matter. */
static enum rc_received received_of(const struct telling *tell)
{
    for (uint32_t i = tell->n; i-- > 0;) {
        const struct rc_view_attempt *one = &tell->attempts[i];
        if (one->node != tell->facts->node || (one->purpose != RC_ACT && one->purpose != RC_UNDO)) continue;
        if (!one->result || one->result->reach == RC_SENT)
            return RC_RECEIVED_MAYBE; /* in flight, lost, no answer */
        return one->result->reach == RC_ANSWERED ? RC_RECEIVED_YES : RC_RECEIVED_NO;
    }
    return tell->facts->received;
}

static void put_received(const struct telling *tell)
{
    struct rc_json *json = tell->json;
    uint32_t at = tell->facts->node;
    if (at == UINT32_MAX || rc_node_step(tell->command, at)->kind != FLOW_CALL) {
        rc_json_null(json, "received"); /* nothing was asked of anybody */
        return;
    }
    static const struct {
        const char *slug, *before, *after;
    } word[] = {
        [RC_RECEIVED_NO] = {"no", "No: the request never reached ", "."},
        [RC_RECEIVED_YES] = {"yes", "Yes: ", " answered it."},
        [RC_RECEIVED_MAYBE] = {"maybe", "Maybe: the request left, but what ", " did with it is not known."}};
    enum rc_received which = received_of(tell);
    struct rc_sv name = dependency_of(tell->command, at);
    struct rc_buf text = rc_buf_in(json->buf->arena, SENTENCE_BYTES);
    rc_put_text(&text, word[which].before);
    rc_put(&text, name);
    rc_put_text(&text, word[which].after);
    rc_json_object(json, "received");
    rc_json_text(json, "answer", word[which].slug);
    rc_json_sv(json, "text", rc_buf_sv(&text));
    rc_json_sv(json, "dependency", name);
    rc_json_end_object(json);
}

static void put_actions(const struct telling *tell)
{
    struct rc_json *json = tell->json;
    rc_json_object(json, "actions");
    for (unsigned i = 0; i < RC_ACTIONS; i++) {
        const struct rc_allowed *one = &tell->facts->allowed[i];
        rc_json_object(json, rc_action_word(i).slug);
        rc_json_bool(json, "allowed", one->allowed);
        rc_json_text(json, "text", rc_action_word(i).text);
        if (!one->allowed && one->why_not) rc_json_text(json, "why_not", one->why_not);
        if (i == RC_ACTION_RESOLVE && one->allowed)
            rc_json_bool(json, "settles_a_step", tell->facts->can_be_settled);
        rc_json_end_object(json);
    }
    rc_json_end_object(json);
}

static void put_retry(const struct telling *tell)
{
    rc_json_object(tell->json, "retry");
    rc_json_bool(tell->json, "safe", tell->facts->retry_is_safe);
    rc_json_text(tell->json, "text", tell->facts->retry_reason ? tell->facts->retry_reason : "");
    rc_json_end_object(tell->json);
}

void rc_view_actions(struct rc_json *json, const struct rc_command *command,
                     const struct rc_explanation *facts)
{
    const struct telling tell = {.json = json, .command = command, .facts = facts};
    rc_json_object(json, NULL);
    rc_view_head(json, command);
    put_retry(&tell);
    put_actions(&tell);
    rc_json_end_object(json);
}

/* Whose end it waits for. */
static void put_waits_behind(const struct telling *tell)
{
    struct rc_json *json = tell->json;
    if (!rc_command_waits_in_lane(tell->command)) return;
    rc_json_array(json, "waits_behind");
    for (uint32_t i = 0; i < tell->facts->nwaits_behind; i++)
        rc_json_id(json, NULL, tell->facts->waits_behind[i].seq, tell->facts->waits_behind[i].nonce);
    rc_json_end_array(json);
}

static void put_last(const struct telling *tell)
{
    const struct rc_view_attempt *last = last_attempt(tell);
    if (!last) {
        rc_json_null(tell->json, "last_attempt");
        return;
    }
    rc_json_object(tell->json, "last_attempt");
    rc_view_attempt_members(tell->json, tell->command, last);
    rc_json_end_object(tell->json);
}

static void put_next(const struct telling *tell)
{
    const struct rc_explanation *facts = tell->facts;
    if (!facts->next_text.n) {
        rc_view_next(tell->json, facts->next, facts->next_at);
        return;
    }
    rc_json_object(tell->json, "next");
    rc_json_text(tell->json, "code", rc_next_word(facts->next).slug);
    rc_json_sv(tell->json, "text", facts->next_text);
    rc_json_end_object(tell->json);
}

void rc_view_explain(struct rc_json *json, const struct rc_command *command,
                     const struct rc_explanation *facts, const struct rc_view_attempt *attempts, uint32_t n)
{
    const struct telling tell = {json, command, facts, attempts, n};
    rc_json_object(json, NULL);
    rc_view_head(json, command);
    put_problem(&tell);
    put_affected(&tell);
    put_received(&tell);
    put_retry(&tell);
    put_last(&tell);
    put_next(&tell);
    rc_view_waits(json, command);
    rc_view_confirms(json, command);
    rc_view_asks(json, command);
    rc_view_children(json, command);
    rc_view_below(json, facts->below, facts->nbelow);
    put_waits_behind(&tell);
    put_actions(&tell);
    rc_json_u64(json, "attempts_total", n);
    rc_json_array(json, "attempts");
    for (uint32_t i = n > SHOWN_ATTEMPTS ? n - SHOWN_ATTEMPTS : 0; i < n; i++)
        rc_view_attempt(json, command, &attempts[i]);
    rc_json_end_array(json);
    rc_json_end_object(json);
}
