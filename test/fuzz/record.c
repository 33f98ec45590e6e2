/* Stored records: lines, each "KIND TEXT" with KIND one of c (changes), s, r, a (cause of a submission, result, action), o (any other
 * cause). Before them one line, whose first letter chooses the flow. What is accepted is written again, and changes are
 * folded: a command that no engine would make may come of it, and everything that looks at it must bear that. */
#include "fuzz.h"

#include "codec/record.h"
#include "codec/view.h"

enum { AT = 1790000000, LINES = 64 };

struct folding {
    struct rc_arena *arena;
    struct rc_command command;
    struct rc_view_record record[LINES];
    uint32_t n;
};

static struct rc_sv put(const struct rc_change *changes, uint32_t n, rc_us at, struct rc_arena *arena)
{
    struct rc_buf buf = rc_buf_in(arena, 4 << 20);
    rc_put_changes(&buf, changes, n, at);
    FUZZ_LAW(buf.status == RC_OK || rc_arena_status(arena) != RC_OK);
    return rc_buf_sv(&buf);
}

/* A change that is refused leaves the command as it was; one that is taken is taken back by its inverse. */
static enum rc_status apply(struct folding *f, struct rc_change *change, const struct rc_identity *identity)
{
    struct rc_command *c = &f->command;
    if (change->kind == RC_CHANGE_CREATE) change->u.create = identity;
    if (change->kind == RC_CHANGE_MOVE) /* as rc_moves_find does */
        change->u.move.flow = flow_set_of(fuzz_flows_later(), c->flow->name, change->u.move.to);
    struct rc_h128 before = rc_command_control_hash(c);
    struct rc_command old = *c;
    struct rc_change inverse = rc_command_inverse(c, change);
    enum rc_status status = rc_command_apply(c, change, f->arena, NULL);
    if (status != RC_OK) {
        FUZZ_LAW(status == RC_BUG || rc_arena_status(f->arena) != RC_OK);
        FUZZ_LAW(rc_h128_eq(before, rc_command_control_hash(c)));
        FUZZ_LAW(old.state == c->state && old.mode == c->mode && old.nnodes == c->nnodes);
    } else if (change->kind != RC_CHANGE_CREATE) {
        rc_command_restore(c, &inverse);
        FUZZ_LAW(rc_h128_eq(before, rc_command_control_hash(c)) && old.state == c->state);
        status = rc_command_apply(c, change, f->arena, NULL);
        FUZZ_LAW(status == RC_OK || rc_arena_status(f->arena) != RC_OK);
    }
    return status;
}

static void fold(struct folding *f, struct rc_change *changes, uint32_t n, rc_us at)
{
    static const struct rc_identity identity = {.seq = 1,
                                                .nonce = 7,
                                                .created = AT,
                                                .ns = {"default", 7},
                                                .type = {"t", 1},
                                                .key = {"k", 1},
                                                .payload = {.kind = CEL_MAP},
                                                .refs = {.kind = CEL_MAP}};
    static const struct rc_result result = {
        .reach = RC_ANSWERED, .usable = true, .status = 200, .headers = {.kind = CEL_MAP}};
    struct rc_ask *cause = RC_NEW(f->arena, struct rc_ask);
    if (!cause || f->n == LINES) return;
    *cause = (struct rc_ask){
        .kind = f->n ? RC_MSG_RESULT : RC_MSG_SUBMIT, .node = f->command.nnodes ? 1 : 0, .attempt = 1};
    if (f->n)
        cause->u.result = &result;
    else
        cause->u.submit = &identity;
    for (uint32_t i = 0; i < n; i++)
        if (apply(f, &changes[i], &identity) != RC_OK) return;
    f->command.rev++;
    f->command.changed = at;
    uint32_t number = f->n++;
    f->record[number] = (struct rc_view_record){
        .rev = number + 1, .change = number + 1, .at = at, .cause = cause, .changes = changes, .nchanges = n};
}

static void changes_line(struct folding *f, struct rc_sv line)
{
    struct rc_change *changes = NULL, *again = NULL;
    uint32_t n = 0, nagain = 0;
    rc_us at = AT + RC_SECONDS(f->n);
    struct rc_error err = {0};
    enum rc_status status = rc_get_changes(line, at, f->arena, &changes, &n, &err);
    FUZZ_LAW(status == RC_OK || status == RC_DAMAGED || rc_arena_status(f->arena) != RC_OK);
    if (status != RC_OK) return;
    struct rc_sv text = put(changes, n, at, f->arena);
    status = rc_get_changes(text, at, f->arena, &again, &nagain, NULL);
    if (rc_arena_status(f->arena) != RC_OK) return;
    FUZZ_LAW(status == RC_OK && n == nagain);
    FUZZ_LAW(rc_sv_eq(text, put(again, nagain, at, f->arena)));
    fold(f, changes, n, at);
}

static void cause_line(struct rc_sv line, rc_message_kind kind, struct rc_arena *arena)
{
    struct rc_ask ask = {.kind = kind}, again = {.kind = kind};
    struct rc_buf buf = rc_buf_in(arena, 4 << 20), second = rc_buf_in(arena, 4 << 20);
    enum rc_status status = rc_get_cause(line, arena, &ask, NULL);
    FUZZ_LAW(status == RC_OK || status == RC_DAMAGED || rc_arena_status(arena) != RC_OK);
    if (status != RC_OK) return;
    rc_put_cause(&buf, &ask);
    status = rc_get_cause(rc_buf_sv(&buf), arena, &again, NULL);
    if (rc_arena_status(arena) != RC_OK) return;
    FUZZ_LAW(status == RC_OK);
    rc_put_cause(&second, &again);
    FUZZ_LAW(rc_sv_eq(rc_buf_sv(&buf), rc_buf_sv(&second)) || rc_arena_status(arena) != RC_OK);
}

/* Everything that a person may ask of a command, whatever it came to. */
static void look(struct folding *f)
{
    struct rc_buf buf = rc_buf_in(f->arena, 4 << 20);
    struct rc_json json = {.buf = &buf};
    struct rc_explanation facts;
    struct rc_view_attempt *attempts = NULL;
    struct rc_undo_plan plan;
    uint32_t n = 0;
    if (!f->command.nnodes) return;
    rc_view_command(&json, &f->command, NULL);
    fuzz_is_json(&buf, f->arena);
    rc_command_explain(&f->command, &facts);
    if (rc_command_undo_plan(&f->command, (struct rc_sv){0}, f->arena, &plan, NULL) == RC_OK) {
        struct rc_buf shown = rc_buf_in(f->arena, 4 << 20);
        for (uint32_t i = 0; i < plan.n; i++) FUZZ_LAW(plan.node[i] < f->command.nnodes);
        json = (struct rc_json){.buf = &shown};
        rc_view_plan(&json, &f->command, &plan);
        fuzz_is_json(&shown, f->arena);
    }
    enum rc_status status = rc_view_attempts_of(&f->command, f->record, f->n, f->arena, &attempts, &n, NULL);
    FUZZ_LAW(status == RC_OK || status == RC_DAMAGED || rc_arena_status(f->arena) != RC_OK);
    if (status != RC_OK) n = 0;
    struct rc_buf explained = rc_buf_in(f->arena, 4 << 20);
    json = (struct rc_json){.buf = &explained};
    rc_view_explain(&json, &f->command, &facts, attempts, n);
    fuzz_is_json(&explained, f->arena);
    for (uint32_t i = 0; i < f->n; i++) {
        struct rc_buf record = rc_buf_in(f->arena, 4 << 20);
        json = (struct rc_json){.buf = &record};
        rc_view_record(&json, &f->command, &f->record[i]);
        fuzz_is_json(&record, f->arena);
    }
}

/* The next message to it: refused or not, but answered. */
static void step(struct folding *f)
{
    static const struct rc_act act = {.action = RC_ACTION_ROLL_BACK, .actor = {"a", 1}};
    struct rc_ask ask = {.kind = RC_MSG_ACTION,
                         .to = {.agg = RC_AGG_COMMAND, .id = 1},
                         .now = AT + RC_SECONDS(60),
                         .u.act = &act};
    struct rc_out out;
    if (f->command.nnodes && rc_command_step(&f->command, &ask, fuzz_flows(), f->arena, &out, NULL) == RC_OK)
        for (uint32_t i = 0; i < out.nchange; i++)
            if (rc_command_apply(&f->command, &out.change[i], f->arena, NULL) != RC_OK) return;
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    const struct flow_set *set = fuzz_flows();
    struct folding *f = RC_NEW(arena, struct folding);
    struct rc_sv head = fuzz_line(&input);
    uint32_t which = head.n ? (uint8_t)(head.p[0] - '0') % set->nactive : 0;
    FUZZ_LAW(f != NULL);
    f->arena = arena;
    f->command.flow = set->active[which];
    while (input.n) {
        struct rc_sv line = fuzz_line(&input);
        if (line.n < 2) continue;
        struct rc_sv text = {line.p + 2, line.n - 2};
        switch (line.p[0]) {
        case 'c': changes_line(f, text); break;
        case 's': cause_line(text, RC_MSG_SUBMIT, arena); break;
        case 'r': cause_line(text, RC_MSG_RESULT, arena); break;
        case 'a': cause_line(text, RC_MSG_ACTION, arena); break;
        default: cause_line(text, RC_MSG_DUE, arena); break;
        }
    }
    look(f);
    step(f);
    look(f);
}
