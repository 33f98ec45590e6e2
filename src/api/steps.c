/* A call goes from step to step: its handler, what that asks for (api_go_on), and its finish, each on the API's thread or on a
 * reader's. Whoever does the last one makes the answer; the API's thread gives it. */
#include "api/call.h"

#include <stddef.h>

enum { READ_FIRST = 16 << 10, GRACE_US = 1000000 };

struct api_call *api_call_of(struct api_job *job)
{
    return job->done == api_have_read
               ? (struct api_call *)(void *)((char *)job - offsetof(struct api_call, job))
               : NULL;
}

/* As far as it goes without the API's thread. */
void api_read_call(struct api_job *job)
{
    struct api_call *call = api_call_of(job);
    struct api_desk desk; /* large, and written before it is read */
    struct rc_error err;
    enum rc_status status = RC_OK;
    call->scratch = rc_arena_new(READ_FIRST, API_MAX_SCRATCH);
    if (!call->scratch) {
        call->ending = API_STARVED; /* the API's thread says so */
        return;
    }
    if (!call->arena) call->arena = call->scratch;
    desk.nerrors = 0;
    call->desk = &desk;
    if (api_job_is_over(job)) status = api_job_why_over(job, &err); /* it stood in line for too long */
    while (status == RC_OK && call->next_step && call->next_reads) {
        api_handler *step = call->next_step;
        call->next_step = NULL;
        status = step(call, &err);
        if (status == RC_OVERTIME) status = api_job_why_over(job, &err);
    }
    if (status != RC_OK || !call->next_step) api_compose(call, status, &err);
    call->desk = NULL;
}

/* A client that has gone needs no answer. One that has only said all it has to say is told, if it does not take long. */
static void on_gone(void *context)
{
    struct api_call *call = context;
    api_hurry(&call->job, rc_clock_monotonic() + GRACE_US);
}

/* Hands the call to the readers. What was done already is answered in any case. */
static enum rc_status start_reading(struct api_call *call, struct rc_error *err)
{
    struct rc_api *api = call->api;
    if (call->arena == call->scratch) call->arena = NULL; /* nothing is in it yet */
    if (call->scratch != api->scratch) rc_arena_free(call->scratch);
    call->scratch = NULL;
    call->ending = API_OPEN;
    call->job.reads = call->next_reads;
    rc_known_drop(call->known);
    call->known = rc_known_hold(rc_engine_known(api->options.engine));
    if (call->job.reads == API_READS_MUCH && !call->watch)
        call->watch = http_watch_end(api->http, call->exchange, on_gone, call);
    if (api_hand_over(&call->job, call->done || call->wait.entered)) return RC_OK;
    call->scratch = api->scratch;
    if (!call->arena) call->arena = call->scratch;
    return rc_fail(err, RC_BUSY, "too many reads are waiting; try again");
}

static void say(struct api_call *call)
{
    if (call->ending == API_DROPPED)
        api_drop(call);
    else
        api_send(call);
}

/* A step has returned: the next one, or the answer. The call may be gone afterwards. */
void api_settle(struct api_call *call, enum rc_status status, struct rc_error *err)
{
    while (status == RC_OK && call->next_step) {
        api_handler *step = call->next_step;
        if (call->next_reads) {
            status = start_reading(call, err);
            if (status == RC_OK) return;
        } else {
            call->next_step = NULL;
            status = step(call, err);
        }
    }
    if (status == RC_OK && call->taken) {
        api_end(call);
    } else if (status != RC_OK || !call->parked) {
        api_compose(call, status, err);
        say(call);
    }
}

/* A reader has worked on it. */
void api_have_read(struct api_job *job)
{
    struct api_call *call = api_call_of(job);
    struct rc_error err;
    call->desk = &call->api->desk;
    call->desk->nerrors = 0;
    if (call->ending == API_ANSWERED || call->ending == API_DROPPED) {
        say(call);
        return;
    }
    if (!call->scratch) call->scratch = call->api->scratch;
    if (!call->arena) call->arena = call->scratch;
    api_settle(call, call->ending == API_OPEN ? RC_OK : rc_fail(&err, RC_NOMEM, "out of memory"), &err);
}
