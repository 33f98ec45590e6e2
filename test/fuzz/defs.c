/* Definitions: a file, or two with a line "====" between them: what is in force, and what is to be. Every expression of an accepted
 * flow is evaluated over made-up values. */
#include "fuzz.h"

#include "base/limits.h"
#include "defs/defs.h"

static const char response[] =
    "{\"status\":200,\"headers\":{\"etag\":\"x\"},\"body\":[{\"id\":7,\"number\":1,\"list\":[1]}]}";
static const char object[] =
    "{\"status\":200,\"headers\":{},\"body\":{\"id\":\"a/b\",\"number\":1.5,\"there\":true,\"url\":\"\"}}";
static const char payload[] =
    "{\"title\":\"T\",\"project\":1,\"repo\":\"r/..\",\"branch\":\"b\",\"n\":1,\"text\":\"\\u00e4\"}";
static const char command[] = "{\"key\":\"k\",\"type\":\"t\",\"actor\":\"a\"}";
static const char steps[] = "{\"create\":{\"outputs\":{\"number\":1,\"id\":7},\"external_id\":\"7\"}}";
static const char item[] = "{\"n\":1,\"sku\":\"a/b\"}";
static const char outputs[] = "{\"number\":1,\"id\":7,\"url\":\"u\"}";

static void error_laws(enum rc_status status, const struct defs_errors *errors)
{
    FUZZ_LAW(errors->n <= RC_MAX_DEF_ERRORS && errors->n <= errors->total);
    if (status == RC_OK) {
        FUZZ_LAW(errors->n == 0 && errors->total == 0);
        return;
    }
    FUZZ_LAW(errors->n > 0 && errors->error[0].status == status);
    for (uint32_t i = 0; i < errors->n; i++) {
        const struct rc_error *err = &errors->error[i];
        FUZZ_LAW(err->text[0] && memchr(err->text, 0, sizeof err->text));
        FUZZ_LAW(memchr(err->pointer, 0, sizeof err->pointer));
        if (err->status == RC_SYNTAX || err->status == RC_INVALID)
            FUZZ_LAW(err->line >= 1 && err->column >= 1);
    }
}

static void eval_sites(const struct flow *flow, struct cel_value roots[FLOW_ROOTS], struct rc_arena *arena)
{
    struct cel_env env = {.roots = roots, .nroots = FLOW_ROOTS};
    for (unsigned i = 1; i < flow->nsites; i++) {
        struct cel_value value;
        struct rc_error err = {0};
        FUZZ_LAW(flow->sites[i].prog && flow->sites[i].place.n && flow->sites[i].line);
        enum rc_status status = cel_eval(flow->sites[i].prog, &env, arena, &value, &err);
        FUZZ_LAW(status == RC_OK || status == RC_EVAL || status == RC_LIMIT || status == RC_NOMEM);
        if (status == RC_OK) fuzz_value_laws(value, arena);
    }
}

static bool is_unnamed_line(const struct flow_step *step)
{
    return step->kind == FLOW_LINEAR && !step->id.n && !step->nneeds && step->critical;
}

/* What core relies on of the children of a block. */
static void block_laws(const struct flow *flow, flow_node at)
{
    const struct flow_step *block = &flow->steps[at];
    bool loop = block->kind == FLOW_EACH || block->kind == FLOW_REPEAT;
    bool pair = block->kind == FLOW_FALLBACK, lines = block->block.join != FLOW_JOIN_ALL;
    uint32_t n = 0;
    for (flow_node child = flow_first_child(flow, at); child != FLOW_NONE;
         child = flow_next_sibling(flow, child), n++) {
        const struct flow_step *step = &flow->steps[child];
        bool last = step->end == block->end;
        FUZZ_LAW(step->parent == at);
        if (loop || block->kind == FLOW_CHOOSE || (pair && n)) FUZZ_LAW(is_unnamed_line(step));
        if (block->kind == FLOW_CHOOSE) FUZZ_LAW(last == (step->cond == 0));
        if (loop || pair) FUZZ_LAW(!step->cond && !step->nneeds && step->critical);
        if (block->kind == FLOW_PARALLEL && lines) FUZZ_LAW(step->kind == FLOW_LINEAR);
    }
    if (loop) FUZZ_LAW(n == 1 && block->copies >= 1);
    if (pair) FUZZ_LAW(n == 2 && !block->id.n);
    if (block->kind == FLOW_CHOOSE) FUZZ_LAW(n >= 2);
    if (block->kind == FLOW_REPEAT) FUZZ_LAW(block->loop.until != 0);
    if (block->kind == FLOW_EACH) FUZZ_LAW(block->loop.list != 0 && block->block.width >= 1);
    if (block->block.join == FLOW_JOIN_QUORUM)
        FUZZ_LAW(block->block.quorum >= 1 &&
                 block->block.quorum <= (block->kind == FLOW_EACH ? block->copies : n));
}

static void leaf_laws(const struct flow *flow, flow_node at)
{
    const struct flow_step *step = &flow->steps[at];
    const struct flow_call *call = &step->call;
    FUZZ_LAW(step->end == at + 1 && step->id.n);
    if (step->kind == FLOW_CALL) {
        FUZZ_LAW(call->dependency < flow->ndependencies);
        FUZZ_LAW(call->act.present && call->act.request && call->act.retry.attempts);
        return;
    }
    bool starts = step->kind == FLOW_CHILD; /* a command, which may do anything */
    FUZZ_LAW(call->act.reads_only == !starts && call->act.repeatable == !starts && !call->act.present);
    if (step->kind == FLOW_SLEEP) FUZZ_LAW((step->sleep.span > 0) != (step->sleep.until != 0));
    if (step->kind == FLOW_SET) FUZZ_LAW(step->values != 0);
}

static void shape_laws(const struct flow *flow)
{
    FUZZ_LAW(flow->nsteps >= 2 && flow->nsteps <= RC_MAX_NODES && flow->nsites <= RC_MAX_SITES);
    FUZZ_LAW(flow->steps[0].end == flow->nsteps && flow->steps[0].kind == FLOW_LINEAR);
    FUZZ_LAW(flow->ninstances >= flow->nsteps && flow->ninstances <= RC_MAX_INSTANCES);
    FUZZ_LAW(flow_node_of(flow, flow->ninstances - 1) < flow->nsteps);
    FUZZ_LAW(flow_node_of(flow, flow->ninstances) == FLOW_NONE);
    for (flow_node i = 0; i < flow->nsteps; i++) {
        const struct flow_step *step = &flow->steps[i];
        if (i) FUZZ_LAW(step->parent < i && step->end > i && step->end <= flow->steps[step->parent].end);
        if (step->id.n) FUZZ_LAW(flow_find(flow, step->id) == i);
        for (uint16_t k = 0; k < step->nneeds; k++)
            FUZZ_LAW(step->needs[k] < i && flow->steps[step->needs[k]].parent == step->parent);
        if (flow_is_block(step->kind))
            block_laws(flow, i);
        else
            leaf_laws(flow, i);
    }
}

static void flow_laws(const struct flow *flow, struct rc_arena *arena)
{
    struct cel_value roots[FLOW_ROOTS] = {[FLOW_ROOT_PAYLOAD] = fuzz_json(RC_SV("{}"), arena),
                                          [FLOW_ROOT_COMMAND] = fuzz_json(rc_sv_of(command), arena),
                                          [FLOW_ROOT_STEPS] = fuzz_json(rc_sv_of(steps), arena),
                                          [FLOW_ROOT_OUTPUTS] = fuzz_json(rc_sv_of(outputs), arena),
                                          [FLOW_ROOT_RESPONSE] = fuzz_json(rc_sv_of(response), arena),
                                          [FLOW_ROOT_ITEM] = fuzz_json(rc_sv_of(item), arena),
                                          [FLOW_ROOT_INDEX] = cel_int(3)};
    shape_laws(flow);
    for (unsigned round = 0; round < 2; round++) {
        struct rc_error errors[4];
        uint32_t n = 0;
        if (flow->payload) {
            enum rc_status status = flow_validate(flow->payload, &roots[FLOW_ROOT_PAYLOAD], errors, 4, &n);
            FUZZ_LAW(status == (n ? RC_INVALID : RC_OK));
        }
        eval_sites(flow, roots, arena);
        roots[FLOW_ROOT_PAYLOAD] = fuzz_json(rc_sv_of(payload), arena);
        roots[FLOW_ROOT_RESPONSE] = fuzz_json(rc_sv_of(object), arena);
    }
}

/* A document alone says the same as in its file. */
/* One of the two is what is reached; what may run is named in full. */
static void dependency_laws(const struct flow_dependency *dependency)
{
    bool program = dependency->kind == FLOW_DEP_PROGRAM, worker = dependency->kind == FLOW_DEP_WORKER;
    FUZZ_LAW(dependency->concurrent >= 1);
    FUZZ_LAW((program || worker) == (dependency->host.n == 0) && program == (dependency->program.npaths > 0));
    FUZZ_LAW(!worker || (dependency->worker.queue.n >= 1 && dependency->worker.queue.n <= RC_MAX_NAME &&
                         dependency->worker.lease >= RC_SECONDS(1) &&
                         dependency->worker.lease <= RC_SECONDS(RC_MAX_LEASE_S)));
    for (uint32_t i = 0; i < dependency->program.npaths; i++) {
        struct rc_sv path = dependency->program.paths[i];
        FUZZ_LAW(path.n >= 1 && path.n <= RC_MAX_PROGRAM_PATH && path.p[0] == '/');
        FUZZ_LAW(!memmem(path.p, path.n, "/../", 4) && !memchr(path.p, '\0', path.n));
    }
}

static void one_laws(const struct defs_one *one, struct defs_errors *errors, struct rc_arena *arena)
{
    struct defs_one *again;
    uint32_t n = 0;
    FUZZ_LAW((one->kind == DEFS_FLOW) == (one->flow != NULL));
    FUZZ_LAW((one->kind == DEFS_DEPENDENCY) == (one->dependency != NULL));
    enum rc_status status = defs_parse((struct defs_file){one->source, one->text}, arena, &again, &n, errors);
    if (rc_arena_status(arena) != RC_OK) return;
    FUZZ_LAW(status == RC_OK && n == 1);
    FUZZ_LAW(again->kind == one->kind && rc_sv_eq(again->name, one->name));
    FUZZ_LAW(rc_h128_eq(again->digest, one->digest) && rc_sv_eq(again->text, one->text));
    if (one->flow) flow_laws(one->flow, arena);
    if (one->dependency) dependency_laws(one->dependency);
}

/* Reads a file alone where the set is not complete. 0 where it is refused. */
static uint32_t read_file(struct rc_sv text, struct rc_arena *arena, struct defs_one **ret)
{
    static struct defs_errors errors;
    struct defs_file file = {.source = RC_SV("f.yaml"), .text = text};
    uint32_t n = 0;
    enum rc_status status = defs_load(&file, 1, arena, ret, &n, &errors);
    error_laws(status, &errors);
    if (status == RC_INVALID) {
        status = defs_parse(file, arena, ret, &n, &errors);
        error_laws(status, &errors);
    }
    if (status != RC_OK) return 0;
    for (uint32_t i = 0; i < n; i++) one_laws(&(*ret)[i], &errors, arena);
    return n;
}

static void change_laws(const struct defs_change *change)
{
    bool old = change->old != NULL, new = change->new != NULL;
    switch (change->what) {
    case DEFS_ADD: FUZZ_LAW(!old && new); break;
    case DEFS_REMOVE: FUZZ_LAW(old && !new); break;
    case DEFS_KEEP: FUZZ_LAW(old && new &&rc_h128_eq(change->old->digest, change->new->digest)); break;
    case DEFS_CHANGE: FUZZ_LAW(old && new && !rc_h128_eq(change->old->digest, change->new->digest)); break;
    }
    if (change->what == DEFS_CHANGE) FUZZ_LAW(change->diff.n > 0);
}

static void plan_laws(const struct defs_one *before, uint32_t nbefore, const struct defs_one *after,
                      uint32_t nafter, struct rc_arena *arena)
{
    struct defs_stored *stored = RC_NEW_ARRAY(arena, struct defs_stored, nbefore);
    struct defs_change *changes = NULL;
    uint32_t n = 0;
    if (!stored) return;
    for (uint32_t i = 0; i < nbefore; i++)
        stored[i] = (struct defs_stored){before[i].kind, before[i].name, before[i].text, before[i].digest};
    enum rc_status status = defs_plan(stored, nbefore, after, nafter, arena, &changes, &n, NULL);
    FUZZ_LAW(status == RC_OK || status == RC_INVALID || rc_arena_status(arena) != RC_OK);
    if (status != RC_OK) return;
    FUZZ_LAW(n <= nbefore + nafter && n >= nbefore && n >= nafter);
    for (uint32_t i = 0; i < n; i++) {
        change_laws(&changes[i]);
        if (before == after) FUZZ_LAW(changes[i].what == DEFS_KEEP);
    }
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    struct defs_one *before = NULL, *after = NULL;
    struct rc_sv first = fuzz_part(&input, "====");
    uint32_t nbefore = read_file(first, arena, &before),
             nafter = input.n ? read_file(input, arena, &after) : 0;
    plan_laws(before, nbefore, before, nbefore, arena);
    plan_laws(before, nbefore, after, nafter, arena);
}
