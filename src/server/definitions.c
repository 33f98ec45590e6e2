/* Definitions at start and on SIGHUP. */
#include "api/apply.h"
#include "engine/prepare.h"
#include "server/admin.h"
#include "server/server.h"

#include <stdlib.h>

enum { SET_FIRST = 64 << 10, SET_LIMIT = 1 << 30, DIR_LIMIT = 512 << 20 };

enum rc_status definitions_load(struct rc_reader *reader, struct rc_arena *arena, const struct flow_set **ret,
                                struct rc_error *err)
{
    struct rc_definition *rows = NULL;
    uint32_t n = 0;
    enum rc_status status = rc_read_definitions(reader, arena, &rows, &n, err);
    if (status != RC_OK) return status;
    struct rc_new_definition *parsed = RC_NEW_ARRAY(arena, struct rc_new_definition, n);
    if (!parsed) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < n && status == RC_OK; i++)
        status = definition_parse(&rows[i], arena, &parsed[i], err);
    if (status != RC_OK) return status;
    status = rc_set_make(parsed, n, arena, ret);
    return status == RC_OK ? RC_OK : rc_fail(err, status, "the stored definitions cannot be put together");
}

enum rc_status definitions_again(void *context, struct rc_reader *reader, struct rc_arena *arena,
                                 const struct flow_set **ret, struct rc_error *err)
{
    (void)context;
    return definitions_load(reader, arena, ret, err);
}

/* ---- applying a directory ------------------------------------------------------------------------------ */

struct waiter {
    struct rc_receiver receiver;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool answered;
};

static void wake_waiter(struct rc_receiver *receiver, struct rc_request *request)
{
    (void)request;
    struct waiter *waiter = (struct waiter *)(void *)receiver;
    pthread_mutex_lock(&waiter->lock);
    waiter->answered = true;
    pthread_cond_signal(&waiter->done);
    pthread_mutex_unlock(&waiter->lock);
}

static enum rc_status ask_engine(struct rc_engine *engine, struct rc_request *request, struct rc_error *err)
{
    struct waiter waiter = {
        .receiver.receive = wake_waiter, .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
    request->owner = &waiter.receiver;
    enum rc_status status = rc_engine_post(engine, request);
    if (status != RC_OK) return rc_fail(err, status, "%s", rc_status_text(status));
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.answered) pthread_cond_wait(&waiter.done, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    if (request->status != RC_OK) *err = request->error;
    return request->status;
}

static void log_errors(const struct defs_errors *errors, const char *directory)
{
    for (uint32_t i = 0; i < errors->n; i++) {
        const struct rc_error *one = &errors->error[i];
        rc_log(RC_LOG_ERROR, "definitions", "%s/%s:%u:%u: %s", directory, one->source, one->line, one->column,
               one->text);
    }
    if (errors->total > errors->n)
        rc_log(RC_LOG_ERROR, "definitions", "and %u more", errors->total - errors->n);
}

static void log_changes(const struct rc_apply *apply)
{
    for (uint32_t i = 0; i < apply->n; i++) {
        const struct defs_change *change = &apply->changes[i];
        if (change->what == DEFS_ADD || change->what == DEFS_CHANGE)
            rc_log(RC_LOG_INFO, "definitions", "%s %s %.*s", change->what == DEFS_ADD ? "added" : "changed",
                   defs_kind_word(change->kind), RC_SV_ARG(change->name));
    }
    if (apply->added + apply->changed == 0)
        rc_log(RC_LOG_INFO, "definitions", "%u in force, nothing changed", apply->kept);
}

static enum rc_status apply_in(struct server *server, struct rc_arena *arena, struct rc_request *request,
                               struct defs_errors *errors, struct rc_error *err)
{
    struct defs_file *files = NULL;
    uint32_t n = 0;
    struct rc_apply apply;
    const struct rc_shelf shelf = shelf_door(&server->shelf);
    const struct rc_floor floor = {server->settings.allow_program.text, server->settings.allow_program.n};
    enum rc_status status = defs_read_dir(server->settings.defs, arena, &files, &n, err);
    if (status != RC_OK) return status;
    status = rc_apply_plan(&shelf, &floor, files, n, false, arena, &apply, request, errors, err);
    if (status == RC_OK && apply.added + apply.changed) status = ask_engine(server->engine, request, err);
    if (status == RC_OK) log_changes(&apply);
    return status;
}

enum rc_status definitions_apply(struct server *server)
{
    struct rc_error err = {0};
    struct rc_arena *arena = rc_arena_new(SET_FIRST, DIR_LIMIT);
    struct defs_errors *errors = calloc(1, sizeof *errors);
    struct rc_request *request = calloc(1, sizeof *request);
    enum rc_status status = RC_NOMEM;
    if (arena && errors && request) {
        request->arena = arena;
        status = apply_in(server, arena, request, errors, &err);
        arena = request->arena; /* NULL where the engine kept it */
    } else {
        status = rc_fail(&err, RC_NOMEM, "out of memory");
    }
    if (status != RC_OK && errors && errors->n)
        log_errors(errors, server->settings.defs);
    else if (status != RC_OK)
        rc_log(RC_LOG_ERROR, "definitions", "%s", err.text);
    rc_arena_free(arena);
    free(errors);
    free(request);
    return status;
}
