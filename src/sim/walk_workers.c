/* Lives with workers: dependencies of kind `worker`, and workers that lease, live, report, give back, fall silent and report late. What
 * becomes of a task outside is the business of walk_outside.c, as of every other attempt. The laws are in walk_leases.c. */
#include "sim/walk_work.h"

#include "codec/json.h"

#include <assert.h>

static const char *const queues[WALK_DEPENDENCIES] = {"q0", "q1"};

/* ---- definitions ------------------------------------------------------------------------------------------------------ */

const char *walk_worker_text(const struct walk *walk, uint32_t dependency, char *to, size_t n)
{
    snprintf(to, n, "dependency: %s\nkind: worker\nqueue: %s\nlease: %us\nkey_lifetime: %us\n",
             walk->dependency[dependency].name, walk->dependency[dependency].queue,
             (unsigned)(walk->dependency[dependency].lease / RC_SECONDS(1)),
             (unsigned)(walk->dependency[dependency].key_lifetime / RC_SECONDS(1)));
    return to;
}

const char *walk_with(const struct walk *walk, const char *request, const char *task)
{
    return walk->tasks ? task : request;
}

void walk_put_call(struct walk *walk, uint32_t dependency, uint32_t id)
{
    walk->tasks = walk->dependency[dependency].worker;
    walk_put(walk, "  - id: s%u\n    call: %s\n", id, walk->dependency[dependency].name);
    walk_put(walk, "    timeout: %us\n", 2 + walk_dice(walk, 20));
    if (!walk->tasks) {
        walk_put(walk, "    with: {method: POST, path: /s%u, body: {n: \"${payload.n}\"}}\n", id);
        return;
    }
    uint32_t capability = walk_dice(walk, 5);
    walk_put(walk, "    with: {task: do, input: {n: \"${payload.n}\"}}\n");
    if (capability > 2) walk_put(walk, "    capability: \"%u\"\n", capability - 2);
}

void walk_define_workers(struct walk *walk)
{
    if (!sim_full) return;
    sim_choices_begin(walk->choices, 'p');
    if (walk->blocks || !walk_chance(walk, 40)) return;
    walk->work = calloc(1, sizeof *walk->work);
    assert(walk->work);
    bool one = walk_chance(walk, 30); /* queue for both */
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++) {
        walk->work->queue[i].sure = true;
        walk->dependency[i].worker = i == 0 || !walk_chance(walk, 50);
        walk->dependency[i].queue = queues[one ? 0 : i];
        walk->dependency[i].lease = RC_SECONDS(1 + walk_dice(walk, 10));
    }
    walk_define_all(walk, 'p');
}

void walk_forget_workers(struct walk *walk)
{
    free(walk->work);
}

bool walk_is_task(const struct rc_command *c, uint32_t at)
{
    return sim_is_call(c, at) && rc_node_step(c, at)->call.worker;
}

uint32_t work_queue_named(const struct walk *walk, struct rc_sv name)
{
    (void)walk;
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++)
        if (rc_sv_is(name, queues[i])) return i;
    return WALK_DEPENDENCIES;
}

/* ---- asking ----------------------------------------------------------------------------------------------------------- */

static struct rc_request *new_request(enum rc_request_kind kind)
{
    struct rc_request *request = world_access((struct rc_access_change){0});
    request->kind = kind;
    return request;
}

uint32_t walk_workers_asking(const struct walk *walk)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < walk->nrequests; i++)
        n += walk->request[i].request->kind == RC_REQUEST_LEASE && !world_answered(walk->request[i].request);
    return n;
}

/* Of these queues and capabilities (bits), and of one namespace alone or of all. */
static void ask(struct walk *walk, uint32_t asked, uint32_t capable, uint32_t max, rc_us wait, const char *ns)
{
    static const char *const names[] = {"1", "2"};
    struct rc_request *request = new_request(RC_REQUEST_LEASE);
    struct rc_lease_ask *lease = RC_NEW(request->arena, struct rc_lease_ask);
    struct rc_sv *texts = RC_NEW_ARRAY(request->arena, struct rc_sv, 4);
    assert(lease && texts);
    *lease = (struct rc_lease_ask){.queues = texts,
                                   .capabilities = texts + 2,
                                   .max = max,
                                   .wait = wait,
                                   .worker = RC_SV("w"),
                                   .ns = rc_sv_of(ns)};
    for (uint32_t i = 0; i < 2; i++) {
        if (asked >> i & 1) texts[lease->nqueues++] = rc_sv_of(queues[i]);
        if (capable >> i & 1) texts[2 + lease->ncapabilities++] = rc_sv_of(names[i]);
    }
    request->u.lease = lease;
    WALK_TELL(walk, "  > lease up to %u of queues %u, able to do %u%s%s\n", max, asked, capable,
              *ns ? ", in " : "", ns);
    (void)walk_post(walk, (struct walk_request){.request = request});
}

static void somebody_asks(struct walk *walk)
{
    static const rc_us spans[] = {0, RC_SECONDS(2), RC_SECONDS(10)};
    enum { WAITING = 6 };
    uint32_t asked = 3 - walk_dice(walk, 3), capable = 3 - walk_dice(walk, 4), max = 1 + walk_dice(walk, 4);
    uint32_t where = walk_dice(walk, 10), wait = walk_dice(walk, 3);
    if (walk_workers_asking(walk) >= WAITING) return;
    ask(walk, asked, capable, max, spans[wait], where == 9 ? "b" : where == 8 ? "default" : "");
}

static void somebody_goes(struct walk *walk)
{
    uint32_t n = walk_workers_asking(walk), pick = n ? walk_dice(walk, n) : 0;
    for (uint32_t i = 0; n && i < walk->nrequests; i++) {
        struct rc_request *request = walk->request[i].request;
        if (request->kind != RC_REQUEST_LEASE || world_answered(request) || pick--) continue;
        WALK_TELL(walk, "a worker that asks has gone\n");
        atomic_store(&request->u.lease->gone, true);
        return;
    }
}

bool walk_workers_serve(struct walk *walk)
{
    bool any = false;
    for (uint64_t seq = 1; seq <= walk->nseen; seq++)
        for (uint32_t i = 0; i < walk->seen[seq].c.nnodes; i++)
            any |= walk->seen[seq].c.node[i].phase == RC_PHASE_READY && walk_is_task(&walk->seen[seq].c, i);
    if (any) ask(walk, 3, 3, 4, 0, "");
    return any;
}

/* ---- reporting -------------------------------------------------------------------------------------------------------- */

/* The task that stands in the same place now. */
static const struct work_task *present(struct walk *walk, const struct work_task *task)
{
    const struct walk_sent *sent = &walk->sent[task->sent];
    const struct work_task *newest = task;
    for (uint32_t i = 0; i < walk->work->n; i++) {
        const struct walk_sent *other = &walk->sent[walk->work->task[i].sent];
        if (other->seq == sent->seq && other->node == sent->node && other->purpose == sent->purpose)
            newest = &walk->work->task[i];
    }
    return newest;
}

static struct walk_request new_report(enum rc_request_kind kind, const uint32_t *tasks, uint32_t n)
{
    struct walk_request made = {.request = new_request(kind)};
    struct rc_arena *arena = made.request->arena;
    struct rc_report_item *items = RC_NEW_ARRAY(arena, struct rc_report_item, n);
    struct rc_error *errors = RC_NEW_ARRAY(arena, struct rc_error, n);
    made.tasks = rc_copy(arena, tasks, n * sizeof *tasks);
    assert(items && errors && made.tasks);
    for (uint32_t i = 0; i < n; i++) items[i].error = &errors[i];
    made.request->u.report.items = items;
    made.request->u.report.n = n;
    made.request->u.report.ns = (struct rc_sv){0};
    return made;
}

void work_report(struct walk *walk, const uint32_t *tasks, uint32_t n)
{
    struct walk_request made = new_report(RC_REQUEST_REPORT, tasks, n);
    struct rc_arena *arena = made.request->arena;
    for (uint32_t i = 0; i < n; i++) {
        const struct work_task *task = &walk->work->task[tasks[i]];
        struct rc_result *result = rc_copy(arena, &task->result, sizeof *result);
        struct rc_error error;
        assert(result && task->said);
        enum rc_status parsed =
            task->body ? rc_json_parse(rc_sv_of(task->body), arena, &result->body, &error) : RC_OK;
        assert(parsed == RC_OK);
        struct rc_report_item *item = &made.request->u.report.items[i];
        item->lease = walk->control == SIM_HEAR_OTHERS ? present(walk, task)->name : task->name;
        item->result = result;
        WALK_TELL(walk, "  > report of %llu, step %u, #%u: %u\n", ULL(walk->sent[task->sent].seq),
                  task->name.node, task->name.attempt, result->status);
    }
    (void)walk_post(walk, made);
}

static void empty_pocket(struct walk *walk)
{
    struct walk_work *work = walk->work;
    uint32_t n = work->npocket;
    work->npocket = 0;
    if (n) work_report(walk, work->pocket, n);
}

static void put_in_pocket(struct walk *walk, uint32_t task)
{
    struct walk_work *work = walk->work;
    work->pocket[work->npocket++] = task;
    bool again = !walk->quiet && walk_chance(walk, 5);
    if (again && work->npocket < WORK_POCKET) work->pocket[work->npocket++] = task;
    if (walk->quiet || work->npocket == WORK_POCKET || !walk_chance(walk, 30)) empty_pocket(walk);
}

/* What an answer over HTTP would have been, as a worker says it. */
static struct rc_result in_its_words(const struct walk_sent *sent, const struct rc_result *answer,
                                     const char *body)
{
    bool asks = sent->purpose != RC_ACT && sent->purpose != RC_UNDO;
    unsigned status = answer->status;
    struct rc_result said = {.reach = RC_ANSWERED, .usable = true, .headers = {.kind = CEL_MAP}};
    if (answer->reach == RC_NOT_SENT)
        return (struct rc_result){
            .reach = RC_NOT_SENT, .why = RC_WHY_RELEASED, .error = RC_SV("it was not begun")};
    said.status = RC_REPORT_UNKNOWN;
    if (answer->reach == RC_SENT) return said;
    if (status == 200 || status == 409 || (asks && status == 404)) said.status = RC_REPORT_DONE;
    if (said.status == RC_REPORT_DONE && !body) said.status = RC_REPORT_UNKNOWN;
    if (!asks && (status == 422 || status == 404 || status == 401 || status == 302 || status == 508))
        said.status = RC_REPORT_REJECTED;
    if (!asks && (status == 429 || status == 503)) {
        enum { MOST_S = 86400 };
        said.status = RC_REPORT_FAILED;
        said.retry_after = answer->retry_after > RC_SECONDS(MOST_S) ? RC_SECONDS(8) : answer->retry_after;
    }
    if (said.status != RC_REPORT_DONE) said.excerpt = RC_SV("what the worker has said");
    return said;
}

static bool acts(const struct walk_sent *sent)
{
    return sent->purpose == RC_ACT || sent->purpose == RC_UNDO;
}

/* From now on it says this and nothing else; nobody is sure of it before it was heard. */
static void makes_up_its_mind(struct walk *walk, struct work_task *task, struct rc_result result,
                              const char *body)
{
    struct walk_sent *sent = &walk->sent[task->sent];
    task->said = true;
    task->result = result;
    task->body = result.status == RC_REPORT_DONE ? body : NULL;
    task->uncertain = sent->uncertain;
    if (!task->accepted && !task->over) sent->uncertain = acts(sent);
    if (sent->lost_at == UINT64_MAX) sent->lost_at = walk->world->now;
    put_in_pocket(walk, (uint32_t)(task - walk->work->task));
}

void walk_worker_says(struct walk *walk, uint32_t i, const struct rc_result *answer, const char *body)
{
    struct work_task *task = &walk->work->task[walk->sent[i].task - 1];
    if (answer->reach == RC_SENT && answer->why == RC_WHY_TIMEOUT) return; /* it says nothing */
    makes_up_its_mind(walk, task, in_its_words(&walk->sent[i], answer, body), body);
}

/* What was said is said again. Who was silent says what is true, whatever the engine has made of it meanwhile. */
void walk_worker_repeats(struct walk *walk, uint32_t i)
{
    struct walk_sent *sent = &walk->sent[i];
    uint32_t at = sent->task - 1;
    struct work_task *task = &walk->work->task[at];
    if (task->said) {
        put_in_pocket(walk, at);
        return;
    }
    bool done = acts(sent) && sent->acted;
    struct rc_result result = {.reach = RC_ANSWERED,
                               .usable = true,
                               .status = done ? RC_REPORT_DONE : RC_REPORT_UNKNOWN,
                               .headers = {.kind = CEL_MAP}};
    if (done) sent->uncertain = false;
    makes_up_its_mind(walk, task, result, "{\"id\": 4711}");
}

/* ---- living ----------------------------------------------------------------------------------------------------------- */

static uint32_t pick(struct walk *walk, bool (*fits)(const struct walk *, const struct work_task *))
{
    struct walk_work *work = walk->work;
    uint32_t n = 0, at = 0;
    for (uint32_t i = 0; i < work->n; i++) n += fits(walk, &work->task[i]);
    if (n) at = 1 + walk_dice(walk, n);
    for (uint32_t i = 0; at && i < work->n; i++)
        if (fits(walk, &work->task[i]) && --at == 0) return i;
    return UINT32_MAX;
}

static bool is_at_work(const struct walk *walk, const struct work_task *task)
{
    return walk->sent[task->sent].open || (!task->over && !task->said);
}

/* Its report was not answered, as far as it knows, or is of a time before an older state was put in place. */
static bool is_unheard(const struct walk *walk, const struct work_task *task)
{
    (void)walk;
    return task->said && !task->accepted && !task->late;
}

static bool is_of_another_store(const struct walk *walk, const struct work_task *task)
{
    return walk->sent[task->sent].lost != 0;
}

static void somebody_lives(struct walk *walk)
{
    uint32_t at[4], n = 0, more = 1 + walk_dice(walk, 4);
    for (uint32_t i = 0; i < more; i++) {
        at[n] = pick(walk, is_at_work);
        if (at[n] == UINT32_MAX) break;
        n++;
    }
    if (!n) return;
    struct walk_request made = new_report(RC_REQUEST_HEARTBEAT, at, n);
    for (uint32_t i = 0; i < n; i++) {
        struct rc_report_item *item = &made.request->u.report.items[i];
        item->lease = walk->work->task[at[i]].name;
        /* unless it is answered, nobody knows how long the lease lasts now: a second at least */
        rc_us least = RC_SECONDS(1800000001) + walk->world->now;
        if (walk->work->task[at[i]].promise > least) walk->work->task[at[i]].promise = least;
        item->progress = RC_SV("half of it");
        if (walk_chance(walk, 50)) item->span = RC_SECONDS(1 + walk_dice(walk, 20));
    }
    WALK_TELL(walk, "  > heartbeat of %u\n", n);
    (void)walk_post(walk, made);
}

static void somebody_reports_again(struct walk *walk)
{
    bool old = walk_chance(walk, 30);
    uint32_t at = pick(walk, old ? is_of_another_store : is_unheard);
    if (at != UINT32_MAX) walk_worker_repeats(walk, walk->work->task[at].sent);
}

/* ---- queues ----------------------------------------------------------------------------------------------------------- */

static void order(struct walk *walk, uint32_t at, uint8_t state)
{
    struct rc_request *request = new_request(RC_REQUEST_QUEUE);
    struct rc_queue_ask *queue = RC_NEW(request->arena, struct rc_queue_ask);
    assert(queue);
    queue->name = rc_sv_of(queues[at]);
    queue->state = state;
    queue->author =
        (struct rc_author){.subject = RC_SV("anna"), .actor = RC_SV("anna"), .reason = RC_SV("asked")};
    request->u.queue = queue;
    WALK_TELL(walk, "  > queue %s: %s\n", queues[at], rc_queue_word(state));
    walk->work->queue[at].sure = false;
    walk->work->queue[at].orders += walk_post(walk, (struct walk_request){.request = request, .queue = at});
}

static void somebody_stops_a_queue(struct walk *walk)
{
    uint32_t at = walk_dice(walk, WALK_DEPENDENCIES);
    bool stopped = walk->work->queue[at].state != RC_QUEUE_OPEN;
    order(walk, at,
          stopped && walk_chance(walk, 70) ? RC_QUEUE_OPEN : (uint8_t)walk_dice(walk, RC_QUEUE_STATES));
}

void walk_workers_end_faults(struct walk *walk)
{
    empty_pocket(walk);
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++) order(walk, i, RC_QUEUE_OPEN);
}

/* ---- a step ----------------------------------------------------------------------------------------------------------- */

void walk_workers_act(struct walk *walk)
{
    bool asks = walk_chance(walk, 60), lives = walk_chance(walk, 30), goes = walk_chance(walk, 4);
    bool stops = walk_chance(walk, 5), reports = walk_chance(walk, 15);
    if (asks) somebody_asks(walk);
    if (lives) somebody_lives(walk);
    if (goes) somebody_goes(walk);
    if (stops) somebody_stops_a_queue(walk);
    if (reports) somebody_reports_again(walk);
    if (walk->work->npocket && walk_chance(walk, 50)) empty_pocket(walk);
}

void walk_workers_live_on(struct walk *walk)
{
    walk->work->booted = RC_SECONDS(1800000000) + walk->world->now;
    for (uint32_t i = 0; i < walk->work->n; i++) {
        struct walk_sent *sent = &walk->sent[walk->work->task[i].sent];
        if (sent->open) sent->life = walk->life;
    }
}

void walk_workers_lose_touch(struct walk *walk)
{
    walk->work->booted = RC_SECONDS(1800000000) + walk->world->now;
    for (uint32_t i = 0; i < walk->work->n; i++) {
        struct work_task *task = &walk->work->task[i];
        if (walk->sent[task->sent].open) walk_outside_falls_silent(walk, task->sent);
        task->over = true;
    }
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++) walk->work->queue[i].sure = false;
}
