/* A worker in C on the client library: worker QUEUE [CAPABILITY]...
 *
 * Does the tasks `resize` and `look` of images.yaml, up to 50 at a time: it leases, keeps and reports them in batches. RECOURSE_SERVER says
 * where the server is, RECOURSE_TOKEN is a token with the role worker. Ends on SIGTERM, when what it has begun is reported. */
#include "client/work.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 50, ARENA_FIRST = 64 << 10, ARENA_MOST = 64 << 20 };

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* A map with one text and one bool, in the arena. */
static struct cel_value answer_of(struct rc_arena *arena, struct rc_sv url, bool there)
{
    struct cel_value *pairs = RC_NEW_ARRAY(arena, struct cel_value, 4);
    if (!pairs) return cel_null();
    pairs[0] = cel_string(RC_SV("there"));
    pairs[1] = cel_bool(there);
    pairs[2] = cel_string(RC_SV("url"));
    pairs[3] = cel_string(url);
    return (struct cel_value){.kind = CEL_MAP, .n = 2, .v.items = pairs};
}

static struct rc_client_report work(const struct rc_client_task *task, struct rc_arena *arena)
{
    struct rc_client_report said = {.lease = task->lease, .outcome = "succeeded", .output = cel_null()};
    if (rc_sv_is(task->task, "resize")) {
        /* the same key in every attempt: with it a second one finds what the first has made */
        said.output =
            answer_of(arena, rc_text(arena, "http://images/%.*s", RC_SV_ARG(task->idempotency_key)), true);
    } else if (rc_sv_is(task->task, "look")) {
        said.output = answer_of(arena, RC_SV(""), false);
    } else {
        said.outcome = "failed";
        said.error = RC_SV("this worker does not know the task");
        said.retry_after_s = 30;
    }
    return said;
}

/* Keeps those that are not reported yet, when a third of the lease has passed since they were leased or kept. */
static void keep(struct rc_client *client, const struct rc_client_tasks *tasks, struct rc_arena *arena,
                 time_t *io_kept)
{
    struct rc_sv leases[BATCH];
    struct rc_error err;
    uint32_t n = tasks->n < BATCH ? tasks->n : BATCH;
    time_t now = time(NULL);
    if ((uint64_t)(now - *io_kept) * 3000 < tasks->item[0].lease_ms) return;
    for (uint32_t i = 0; i < n; i++) leases[i] = tasks->item[i].lease;
    if (rc_client_heartbeat(client, leases, n, arena, &err) != RC_OK)
        fprintf(stderr, "heartbeat: %s\n", err.text);
    *io_kept = now;
}

/* Leaves those that the server could not take now; who was refused (409: the lease is over) is told and forgotten. */
static uint32_t what_remains(struct rc_client_report *reports, uint32_t n)
{
    uint32_t remain = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (reports[i].status == 0 || reports[i].status == 429 || reports[i].status >= 500)
            reports[remain++] = reports[i];
        else if (reports[i].status != 200)
            fprintf(stderr, "report: %.*s was refused\n", RC_SV_ARG(reports[i].lease));
    }
    return remain;
}

/* Until the server has heard it, or does not want to. */
static void report(struct rc_client *client, struct rc_client_report *reports, uint32_t n,
                   struct rc_arena *arena)
{
    struct rc_error err;
    while (n) {
        enum rc_status status = rc_client_report(client, reports, n, arena, &err);
        if (status != RC_OK) {
            fprintf(stderr, "report: %s\n", err.text);
            bool again =
                status == RC_UNREACHABLE || status == RC_COMMIT_UNKNOWN || rc_status_retryable(status);
            if (!again) return;
        } else {
            n = what_remains(reports, n);
        }
        if (n) pause_ms(1000);
    }
}

/* One lease of up to BATCH tasks. False: it is no use to ask again at once. */
static bool ask_once(struct rc_client *client, const struct rc_client_ask *ask, struct rc_arena *arena)
{
    struct rc_client_report reports[BATCH];
    struct rc_client_tasks tasks;
    struct rc_error err;
    if (rc_client_lease(client, ask, arena, &tasks, &err) != RC_OK) {
        fprintf(stderr, "lease: %s\n", err.text);
        return false;
    }
    time_t kept = time(NULL);
    for (uint32_t i = 0; i < tasks.n && i < BATCH; i++) {
        keep(client, &tasks, arena,
             &kept); /* a task that takes longer than a lease needs this beside it, in a thread */
        reports[i] = work(&tasks.item[i], arena);
    }
    if (tasks.n) report(client, reports, tasks.n, arena);
    return !tasks.draining;
}

int main(int argc, char **argv)
{
    struct rc_client *client = NULL;
    struct rc_error err;
    const char *server = getenv("RECOURSE_SERVER");
    const char *queue = argc > 1 ? argv[1] : "images";
    const struct rc_client_options options = {.server = server ? server : "http://127.0.0.1:7070",
                                              .token = getenv("RECOURSE_TOKEN")};
    const struct rc_client_ask ask = {.queues = &queue,
                                      .nqueues = 1,
                                      .capabilities = (const char *const *)(argv + 2),
                                      .ncapabilities = argc > 2 ? (uint32_t)argc - 2 : 0,
                                      .worker = "c",
                                      .max = BATCH,
                                      .wait_s = 5};
    if (signal(SIGTERM, on_signal) == SIG_ERR || signal(SIGINT, on_signal) == SIG_ERR) return 1;
    if (rc_client_open(&options, &client, &err) != RC_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    while (!stopping) {
        struct rc_arena *arena = rc_arena_new(ARENA_FIRST, ARENA_MOST);
        if (!arena || !ask_once(client, &ask, arena)) pause_ms(2000);
        rc_arena_free(arena);
    }
    rc_client_close(client);
    return 0;
}
