/* Reading commands: lists, one, its history, its explanation, its undo plan. Each answer comes from one
 * reader's snapshot per question; a list looks at a bounded number of rows. */
#include "api/act.h"
#include "engine/load.h"

#include <stdio.h>

enum { PAGE = 50 };

/* Rows of a page where nobody asks for a number. */
enum rc_status api_query_page(const struct api_call *call, uint64_t *ret, struct rc_error *err)
{
    uint32_t most = call->api->options.limits.page;
    return api_query_number(call, "limit", 1, most, most < PAGE ? most : PAGE, ret, err);
}

enum rc_status api_param_id(const struct api_call *call, struct rc_id *ret, struct rc_error *err)
{
    if (!rc_id_parse(call->param[0], ret))
        return rc_fail(err, RC_NOT_FOUND, "\"%.*s\" is no id of a command",
                       (int)(call->param[0].n > 64 ? 64 : call->param[0].n), call->param[0].p);
    return RC_OK;
}

enum rc_status api_load_seq(struct api_call *call, struct rc_reader *reader, uint64_t seq,
                            struct api_loaded *ret, struct rc_error *err)
{
    return rc_load_command(reader, rc_engine_definitions(call->api->options.engine), seq, call->arena,
                           &ret->command, &ret->records, &ret->n, err);
}

enum rc_status api_load(struct api_call *call, struct rc_id id, struct api_loaded *ret, struct rc_error *err)
{
    struct rc_reader *reader;
    char text[RC_ID_TEXT + 1];
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = api_load_seq(call, reader, id.seq, ret, err);
    api_return(&call->job, reader);
    if (status == RC_PURGED) return api_say_purged(call, id, err);
    /* a wrong check is another command's id, or a guess */
    if (status == RC_NOT_FOUND ||
        (status == RC_OK && (id.shard != 0 || (uint32_t)ret->command.id.nonce != id.check))) {
        rc_id_format(id, text);
        return rc_fail(err, RC_NOT_FOUND, "there is no command %s", text);
    }
    if (status != RC_OK) return status;
    return api_may(call, &(struct rc_object){.what = "command", .ns = ret->command.id.ns}, err);
}

static enum rc_status load_by_id(struct api_call *call, struct api_loaded *ret, struct rc_error *err)
{
    struct rc_id id;
    enum rc_status status = api_param_id(call, &id, err);
    return status == RC_OK ? api_load(call, id, ret, err) : status;
}

void api_put_command(struct api_call *call, int status, const struct api_loaded *loaded)
{
    api_begin(call, status);
    api_add_etag(call, loaded->command.rev);
    const struct rc_command *c = &loaded->command;
    struct rc_view_restored restored;
    bool told = api_restored(call, c->id.seq, c->state, c->id.created, c->changed, &restored);
    rc_view_command(&call->json, c, told ? &restored : NULL);
}

enum rc_status api_get(struct api_call *call, struct rc_error *err)
{
    struct rc_id id;
    enum rc_status status = api_param_id(call, &id, err);
    if (status == RC_OK) status = api_read_wait(call, err);
    return status == RC_OK ? api_answer_when_rested(call, id, 200, err) : status;
}

enum rc_status api_get_by_key(struct api_call *call, struct rc_error *err)
{
    struct rc_sv type = api_query(call, "type"), key = api_query(call, "key");
    if (!type.n || !key.n) return rc_fail(err, RC_SYNTAX, "the query parameters type and key are required");
    struct rc_reader *reader;
    struct rc_key_match match;
    struct api_loaded loaded = {0};
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_key(reader, call->who.ns, type, key, &match, err);
    if (status == RC_OK) status = api_load_seq(call, reader, match.seq, &loaded, err);
    api_return(&call->job, reader);
    if (status == RC_NOT_FOUND) return rc_fail(err, RC_NOT_FOUND, "no command of this type has this key");
    if (status != RC_OK) return status;
    api_put_command(call, 200, &loaded);
    return RC_OK;
}

/* A cursor is the place behind which a page begins, spelled like an id so that nobody counts on its form. */
enum rc_status api_read_cursor(struct rc_sv text, uint64_t *ret_before, struct rc_error *err)
{
    struct rc_id id = {0};
    if (text.p && (!rc_id_parse(text, &id) || id.check || id.shard || !id.seq))
        return rc_fail(err, RC_SYNTAX, "the cursor is not one that this server gave");
    *ret_before = id.seq;
    return RC_OK;
}

/* ---- history and explanation --------------------------------------------------------------------------- */

static struct rc_view_record view_of(const struct rc_record *record)
{
    return (struct rc_view_record){.rev = record->rev,
                                   .change = record->change,
                                   .at = record->at,
                                   .cause = record->cause,
                                   .changes = record->changes,
                                   .nchanges = record->nchanges};
}

enum rc_status api_history(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    uint64_t after, limit;
    enum rc_status status = api_query_number(call, "after", 0, UINT32_MAX, 0, &after, err);
    if (status == RC_OK) status = api_query_page(call, &limit, err);
    if (status == RC_OK) status = load_by_id(call, &loaded, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_array(json, "records");
    uint32_t i = 0, shown = 0, last = 0;
    for (; i < loaded.n && shown < limit; i++) {
        if (loaded.records[i].rev <= after) continue;
        struct rc_view_record view = view_of(&loaded.records[i]);
        rc_view_record(json, &loaded.command, &view);
        last = view.rev;
        shown++;
    }
    rc_json_end_array(json);
    if (i < loaded.n)
        rc_json_u64(json, "next", last);
    else
        rc_json_null(json, "next");
    rc_json_end_object(json);
    return RC_OK;
}

static enum rc_status attempts_of(struct api_call *call, const struct api_loaded *loaded,
                                  struct rc_view_attempt **ret, uint32_t *ret_n, struct rc_error *err)
{
    struct rc_view_record *views = RC_NEW_ARRAY(call->arena, struct rc_view_record, loaded->n);
    if (!views) return rc_fail_arena(err, call->arena);
    for (uint32_t i = 0; i < loaded->n; i++) views[i] = view_of(&loaded->records[i]);
    return rc_view_attempts_of(&loaded->command, views, loaded->n, call->arena, ret, ret_n, err);
}

/* Attempts are only ever added behind those that are there: a place among them is a cursor. */
enum rc_status api_attempts(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    struct rc_view_attempt *attempts = NULL;
    uint64_t after, limit;
    uint32_t n = 0;
    enum rc_status status = api_query_number(call, "after", 0, UINT32_MAX, 0, &after, err);
    if (status == RC_OK) status = api_query_page(call, &limit, err);
    if (status == RC_OK) status = load_by_id(call, &loaded, err);
    if (status == RC_OK) status = attempts_of(call, &loaded, &attempts, &n, err);
    if (status != RC_OK) return status;
    uint64_t end = after + limit < n ? after + limit : n;
    api_begin(call, 200);
    api_add_etag(call, loaded.command.rev);
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_u64(json, "total", n);
    rc_json_array(json, "attempts");
    for (uint64_t i = after; i < end; i++) rc_view_attempt(json, &loaded.command, &attempts[i]);
    rc_json_end_array(json);
    if (end < n)
        rc_json_u64(json, "next", end);
    else
        rc_json_null(json, "next");
    rc_json_end_object(json);
    return RC_OK;
}

/* Who holds a place in the lane that the command waits in. Who has just left is not there any more. */
static enum rc_status look_into_lane(struct api_call *call, const struct rc_command *c,
                                     struct rc_explanation *facts, struct rc_error *err)
{
    static const uint8_t phases[] = {RC_WORK_LANE_HOLDS, RC_WORK_LANE_YIELDS};
    struct rc_link *links = RC_NEW_ARRAY(call->arena, struct rc_link, 2 * RC_MAX_LANE);
    struct rc_work rows[RC_MAX_LANE];
    struct rc_reader *reader;
    if (!links) return rc_fail_arena(err, call->arena);
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    facts->waits_behind = links;
    for (unsigned k = 0; status == RC_OK && k < sizeof phases; k++) {
        uint32_t n = 0;
        status = rc_read_work(reader, phases[k], c->place.lane, NULL, UINT64_MAX, rows, RC_MAX_LANE, &n, err);
        for (uint32_t i = 0; status == RC_OK && i < n; i++) {
            struct rc_row row;
            if (rc_read_row(reader, rows[i].seq, call->arena, &row, NULL) == RC_OK)
                links[facts->nwaits_behind++] = (struct rc_link){row.seq, row.nonce};
        }
    }
    api_return(&call->job, reader);
    return status;
}

/* Instances keep their numbers for life: the number of the last one is a cursor. */
enum rc_status api_steps(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    uint64_t after, limit, states;
    enum rc_status status = api_query_number(call, "after", 0, RC_MAX_INSTANCES, 0, &after, err);
    if (status == RC_OK) status = api_query_page(call, &limit, err);
    if (status == RC_OK)
        status = api_read_words(api_query(call, "state"), "state of a step", rc_step_of, 0, &states, err);
    if (status == RC_OK) status = load_by_id(call, &loaded, err);
    if (status != RC_OK) return status;
    const struct rc_view_page page = {
        .after = (uint32_t)after, .limit = (uint32_t)limit, .states = (uint32_t)states};
    api_begin(call, 200);
    api_add_etag(call, loaded.command.rev);
    rc_json_object(&call->json, NULL);
    rc_view_steps_page(&call->json, &loaded.command, &page, "total", "next");
    rc_json_end_object(&call->json);
    return RC_OK;
}

/* Why no worker has it yet; empty where there is no memory for it. */
static struct rc_sv say_worker(const struct api_call *call, const struct rc_command *c, uint32_t node)
{
    struct rc_worker_wait wait;
    rc_engine_worker_wait(call->api->options.engine, c, node, &wait);
    if (!wait.queue.n) return RC_SV("it waits for workers, and its dependency is none of workers any more");
    struct rc_sv what = wait.capability.n ? rc_text(call->scratch, "a worker that declares \"%.*s\"",
                                                    RC_SV_ARG(wait.capability))
                                          : RC_SV("a worker");
    const char *why = wait.state == RC_QUEUE_PAUSED     ? ", which is paused"
                      : wait.state == RC_QUEUE_DRAINING ? ", which is being drained"
                      : wait.last_asked                 ? ""
                                                        : "; none has asked since the server began";
    return rc_text(call->scratch, "it waits in the queue \"%.*s\" for %.*s%s", RC_SV_ARG(wait.queue),
                   RC_SV_ARG(what), why);
}

/* Whether there is a version that it could go to. */
static void look_for_version(const struct api_call *call, const struct rc_command *c,
                             struct rc_explanation *facts)
{
    const struct flow *newer = rc_move_newer(c, rc_engine_definitions(call->api->options.engine));
    struct rc_allowed *move = &facts->allowed[RC_ACTION_MOVE];
    bool hangs = c->state == RC_FAILED || c->state == RC_REJECTED || c->state == RC_REVIEW;
    if (!newer && move->allowed)
        *move = (struct rc_allowed){false, "no newer version of its flow is in force"};
    if (!move->allowed || !hangs || facts->next_text.n) return;
    facts->next_text = rc_text(call->scratch, "%s; or move it to version %u of its flow, where that mends it",
                               rc_next_word(facts->next).text, newer->version);
}

enum rc_status api_explain(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    struct rc_explanation facts;
    struct rc_view_attempt *attempts = NULL;
    uint32_t n = 0;
    enum rc_status status = load_by_id(call, &loaded, err);
    if (status == RC_OK) status = attempts_of(call, &loaded, &attempts, &n, err);
    if (status != RC_OK) return status;
    rc_command_explain(&loaded.command, &facts);
    if (rc_command_waits_in_lane(&loaded.command))
        status = look_into_lane(call, &loaded.command, &facts, err);
    if (status != RC_OK) return status;
    if (facts.next == RC_NEXT_WORKER) facts.next_text = say_worker(call, &loaded.command, facts.node);
    struct rc_engine_stats stats;
    rc_engine_stats(call->api->options.engine, &stats);
    if (facts.next == RC_NEXT_PLACE && stats.crowded)
        facts.next_text =
            RC_SV("the server has no free place: as many attempts are in flight as max-in-flight allows, "
                  "and it leaves in its turn");
    status = api_look_below(call, &loaded.command, &facts, err);
    if (status != RC_OK) return status;
    look_for_version(call, &loaded.command, &facts);
    api_begin(call, 200);
    api_add_etag(call, loaded.command.rev);
    rc_view_explain(&call->json, &loaded.command, &facts, attempts, n);
    return RC_OK;
}

enum rc_status api_actions(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    struct rc_explanation facts;
    enum rc_status status = load_by_id(call, &loaded, err);
    if (status != RC_OK) return status;
    rc_command_explain(&loaded.command, &facts);
    status = api_look_below(call, &loaded.command, &facts, err);
    if (status != RC_OK) return status;
    look_for_version(call, &loaded.command, &facts);
    api_begin(call, 200);
    api_add_etag(call, loaded.command.rev);
    rc_view_actions(&call->json, &loaded.command, &facts);
    return RC_OK;
}

/* Which steps are in the way of a roll back, where the refusal does not name them. */
static enum rc_status say_irreversible(const struct rc_command *c, enum rc_status refused,
                                       struct rc_error *err)
{
    char text[RC_ERROR_TEXT];
    struct rc_path path;
    int n = snprintf(text, sizeof text, "%s", err->text);
    bool any = false;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        bool over = c->node[i].state == RC_STEP_SUCCEEDED || c->data[i].child.stands;
        if (!over || !rc_view_cannot_be_undone(c, i)) continue;
        struct rc_sv name = rc_node_path(c, i, &path);
        if (n + (int)name.n + 8 > (int)sizeof text) break;
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%.*s", any ? ", " : ": ", RC_SV_ARG(name));
        any = true;
    }
    return any ? rc_fail(err, refused, "%s", text) : refused;
}

static enum rc_status read_step(const struct api_call *call, struct rc_sv *ret, struct rc_error *err)
{
    struct rc_sv step = api_query(call, "step");
    if (step.p && (!step.n || step.n > RC_MAX_PATH || !api_is_path(step)))
        return rc_fail(
            err, RC_SYNTAX,
            "the query parameter \"step\" must be the id of a step, or its path, like orders[3].pay");
    *ret = step;
    return RC_OK;
}

enum rc_status api_preview(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    struct rc_undo_plan plan;
    struct rc_sv step = {0};
    enum rc_status status = read_step(call, &step, err);
    if (status == RC_OK) status = load_by_id(call, &loaded, err);
    if (status != RC_OK) return status;
    status = rc_command_undo_plan(&loaded.command, step, call->arena, &plan, err);
    if (status == RC_REFUSED && !step.n) return say_irreversible(&loaded.command, status, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    api_add_etag(call, loaded.command.rev);
    rc_view_plan(&call->json, &loaded.command, &plan);
    return RC_OK;
}

enum rc_status api_preview_move(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    struct rc_move_plan plan;
    uint64_t version;
    enum rc_status status = api_query_number(call, "version", 1, UINT32_MAX - 1, 0, &version, err);
    if (status == RC_OK) status = load_by_id(call, &loaded, err);
    if (status != RC_OK) return status;
    status = rc_move_make_plan(&loaded.command, rc_engine_definitions(call->api->options.engine),
                               (uint32_t)version, call->arena, &plan, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    api_add_etag(call, loaded.command.rev);
    rc_view_move(&call->json, &loaded.command, &plan);
    return RC_OK;
}
