/* Waiting for a command: ?wait= and "Prefer: wait=" (RFC 7240 section 4.3).
 *
 * A call that waits stands in a list, found by the number of its command. The engine's thread takes it out when
 * the command has come to rest, and hands it to the API's thread; the API's thread takes it out when the time is
 * over or the client has gone. Whoever takes it out has it. The answer is what the store says then.
 *
 * Nobody is forgotten: a call is put into its list before the store is read, and the engine looks into the list
 * after its commit, both under one lock. So either the reader sees the commit, or the engine sees the call. While a reader still looks
 * for it, the engine only takes the call out and says so. */
#include "api/call.h"

#include "base/num.h"

#include <strings.h>

/* ---- how long ------------------------------------------------------------------------------------------ */

static bool parse_span(struct rc_sv text, uint64_t *ret_ms)
{
    bool ms = rc_sv_ends(text, RC_SV("ms"));
    if (!ms && !rc_sv_ends(text, RC_SV("s"))) return false;
    text.n -= ms ? 2 : 1;
    if (!rc_parse_u64(text, ret_ms) || *ret_ms > RC_MAX_WAIT_MS) return false;
    if (!ms) *ret_ms *= 1000;
    return *ret_ms <= RC_MAX_WAIT_MS;
}

static struct rc_sv trim(struct rc_sv text)
{
    while (text.n && (text.p[0] == ' ' || text.p[0] == '\t')) text = (struct rc_sv){text.p + 1, text.n - 1};
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t')) text.n--;
    return text;
}

/* Takes what stands before the first `separator`. */
static struct rc_sv take(struct rc_sv *io_rest, char separator)
{
    const char *end = io_rest->n ? memchr(io_rest->p, separator, io_rest->n) : NULL;
    struct rc_sv part = {io_rest->p, end ? (uint32_t)(end - io_rest->p) : io_rest->n};
    uint32_t skip = end ? part.n + 1 : part.n;
    *io_rest = (struct rc_sv){io_rest->p + skip, io_rest->n - skip};
    return trim(part);
}

/* Seconds of the first `wait` among the preferences; 0 where there is none that can be used. What is too long is cut: a
 * preference is no demand. */
static uint64_t preferred_ms(struct rc_sv preferences)
{
    while (preferences.n) {
        struct rc_sv preference = take(&preferences, ','), value = take(&preference, ';');
        struct rc_sv name = take(&value, '=');
        uint64_t seconds;
        if (name.n != 4 || strncasecmp(name.p, "wait", 4) != 0) continue;
        if (!rc_parse_u64(trim(value), &seconds)) return 0;
        return seconds > RC_MAX_WAIT_MS / 1000 ? RC_MAX_WAIT_MS : seconds * 1000;
    }
    return 0;
}

enum rc_status api_read_wait(struct api_call *call, struct rc_error *err)
{
    struct rc_sv text = api_query(call, "wait");
    uint64_t ms = 0;
    if (!text.p)
        ms = preferred_ms(http_header(call->exchange, "Prefer", NULL));
    else if (!parse_span(text, &ms))
        return rc_fail(err, RC_SYNTAX,
                       "the query parameter \"wait\" must be a time up to %ds, like 10s or 500ms",
                       RC_MAX_WAIT_MS / 1000);
    call->wait.ms = (uint32_t)ms;
    return RC_OK;
}

/* ---- the lists ----------------------------------------------------------------------------------------- */

static struct api_call **list_of(struct rc_api *api, uint64_t seq)
{
    return &api->waiting_for[seq & (API_WAIT_LISTS - 1)];
}

/* On the API's thread, like everything here but api_wake_waiting. False: too many wait, or the server stops. */
static bool enter(struct api_call *call)
{
    struct rc_api *api = call->api;
    struct api_call **list = list_of(api, call->wait.id.seq);
    if (atomic_load(&api->waiting) >= RC_MAX_WAITERS || atomic_load(&api->draining)) return false;
    atomic_fetch_add(&api->waiting, 1);
    call->wait.looking = true;
    call->wait.stirred = false;
    pthread_mutex_lock(&api->wait_lock);
    call->next = *list;
    *list = call;
    pthread_mutex_unlock(&api->wait_lock);
    return true;
}

/* False: it has been taken out already, and comes back as a reply. */
static bool leave(struct api_call *call)
{
    struct rc_api *api = call->api;
    pthread_mutex_lock(&api->wait_lock);
    struct api_call **at = list_of(api, call->wait.id.seq);
    while (*at && *at != call) at = &(*at)->next;
    bool found = *at != NULL;
    if (found) *at = call->next;
    pthread_mutex_unlock(&api->wait_lock);
    return found;
}

/* 0: whatever it is. */
static bool push_matching(struct api_call **list, uint64_t seq, uint64_t token)
{
    bool any = false;
    for (struct api_call **at = list, *call; (call = *at);) {
        if ((seq && call->wait.id.seq != seq) || (token && call->token != token)) {
            at = &call->next;
            continue;
        }
        *at = call->next;
        if (call->wait.looking) {
            call->wait.stirred = true; /* who looks at it comes to the API's thread anyway */
            continue;
        }
        api_push(call);
        any = true;
    }
    return any;
}

bool api_wake_waiting(struct rc_api *api, uint64_t seq)
{
    bool any = false;
    pthread_mutex_lock(&api->wait_lock);
    if (seq)
        any = push_matching(list_of(api, seq), seq, 0);
    else
        for (unsigned i = 0; i < API_WAIT_LISTS; i++) any |= push_matching(&api->waiting_for[i], 0, 0);
    pthread_mutex_unlock(&api->wait_lock);
    return any;
}

void api_wake_token(struct rc_api *api, uint64_t token)
{
    bool any = false;
    pthread_mutex_lock(&api->wait_lock);
    for (unsigned i = 0; i < API_WAIT_LISTS; i++) any |= push_matching(&api->waiting_for[i], 0, token);
    pthread_mutex_unlock(&api->wait_lock);
    if (any) http_wake(api->http);
}

/* ---- waiting ------------------------------------------------------------------------------------------- */

/* The time is over, or the client has gone: an answer to nobody costs one look and needs no case of its own. */
static void on_over(void *context)
{
    struct api_call *call = context;
    if (leave(call)) api_resume(call);
}

void api_stop_waiting(struct api_call *call)
{
    if (call->wait.looking) (void)leave(call); /* else whoever took it out has brought it here */
    http_unwatch(call->wait.watch);
    call->wait.watch = NULL;
    call->wait.entered = call->wait.looking = false;
    atomic_fetch_sub(&call->api->waiting, 1);
}

static enum rc_status look(struct api_call *call, struct rc_error *err);

/* Looks at a command that does not rest yet again when something has happened: parked, where it can be watched. */
static enum rc_status park(struct api_call *call, struct rc_error *err)
{
    struct rc_api *api = call->api;
    (void)err;
    call->wait.watch = http_watch(api->http, call->exchange, call->wait.ms, on_over, call);
    pthread_mutex_lock(&api->wait_lock);
    bool parked = call->wait.watch && !call->wait.stirred;
    if (parked) call->wait.looking = false;
    pthread_mutex_unlock(&api->wait_lock);
    if (!parked) {
        api_stop_waiting(call);
        api_go_on(call, API_READS_LITTLE, look);
        return RC_OK;
    }
    call->parked = true;
    api_free_arenas(call);
    rc_known_drop(call->known);
    call->known = NULL;
    return RC_OK;
}

/* On a reader's thread. */
static enum rc_status look(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    enum rc_status status = api_load(call, call->wait.id, &loaded, err);
    if (status != RC_OK) return status;
    if (call->wait.entered && !rc_state_rests(loaded.command.state)) {
        api_free_arenas(call); /* at once: there may be many who wait */
        api_go_on(call, API_READS_NOTHING, park);
    } else {
        api_put_command(call, call->wait.status, &loaded);
    }
    return RC_OK;
}

/* On the API's thread. */
static enum rc_status begin(struct api_call *call, struct rc_error *err)
{
    enum rc_status status = api_token_works(call->api, call->token, err);
    if (status != RC_OK) return status;
    call->wait.entered = call->wait.ms && enter(call);
    api_go_on(call, API_READS_LITTLE, look);
    return RC_OK;
}

enum rc_status api_answer_when_rested(struct api_call *call, struct rc_id id, int status,
                                      struct rc_error *err)
{
    call->wait.id = id;
    call->wait.status = status;
    if (call->job.at_work && !call->wait.ms) return look(call, err);
    api_go_on(call, API_READS_NOTHING, begin);
    return RC_OK;
}

enum rc_status api_waited(struct api_call *call, struct rc_error *err)
{
    enum rc_status status = api_token_works(call->api, call->token, err);
    api_stop_waiting(call);
    if (status == RC_OK) api_go_on(call, API_READS_LITTLE, look);
    return status;
}
