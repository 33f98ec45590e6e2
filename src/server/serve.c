/* Start, signals and stop.
 *
 * Start: store, definitions, engine (which recovers what was in flight), directory of definitions, listen. Stop:
 * no more connections, no more attempts; what is in flight may end until the deadline, the rest ends as
 * unknown and is settled after the next start; everything that was asked is answered. */
#include "server/server.h"

#include "base/random.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef RC_VERSION
#error "RC_VERSION comes from the build"
#endif

enum { DEFINITIONS_FIRST = 64 << 10, DEFINITIONS_LIMIT = 1 << 30, ANSWER_WAIT_MS = 2000, POLL_MS = 20 };

/* ---- the engine's ports -------------------------------------------------------------------------------- */

static void on_reply(void *context, struct rc_request *request)
{
    (void)context;
    struct rc_receiver *receiver = request->owner;
    receiver->receive(receiver, request);
}

static void on_changed(void *context, const struct rc_outline *outline)
{
    const struct server *server = context;
    struct rc_api *api = atomic_load(&server->api);
    if (api) rc_api_changed(api, outline);
}

static void on_answer(void *context, struct rc_answer *answer)
{
    const struct server *server = context;
    rc_engine_answer(server->engine, answer);
}

static enum rc_status open_store(const struct server *server, struct rc_store **ret, struct rc_error *err)
{
    const struct rc_sqlite_options options = {.path = server->settings.store};
    rc_sqlite_alone();
    enum rc_status status = rc_sqlite_open(&options, ret, err);
    if (status == RC_OK && rc_sqlite_note(*ret)[0]) rc_log(RC_LOG_WARN, "store", "%s", rc_sqlite_note(*ret));
    return status;
}

static enum rc_status on_reopen(void *context, struct rc_store *old, struct rc_store **ret,
                                struct rc_error *err)
{
    struct server *server = context;
    rc_log(RC_LOG_ERROR, "store", "the result of a commit is not known; opening the store again");
    shelf_clear(&server->shelf, false);
    if (old) rc_store_close(old);
    enum rc_status status = open_store(server, ret, err);
    if (status == RC_OK) shelf_put(&server->shelf, *ret);
    return status;
}

/* ---- start --------------------------------------------------------------------------------------------- */

/* At most `most` connections, so that they take no more than this part of the descriptors. */
static uint32_t connections_within(uint32_t most, rlim_t part)
{
    struct rlimit files;
    return getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / part < most
               ? (uint32_t)(files.rlim_cur / part)
               : most;
}

static enum rc_status open_exec(struct server *server, struct rc_error *err)
{
    const char *secrets = server->settings.secrets;
    if (!secrets) secrets = getenv("CREDENTIALS_DIRECTORY"); /* systemd.exec(5) */
    if (secrets && *secrets) {
        enum rc_status status = rc_secrets_open(secrets, &server->secrets, err);
        if (status != RC_OK) return status;
    }
    const struct rc_http_options options = {
        .answer = on_answer,
        .answer_context = server,
        /* as many as dependencies may have attempts in flight: what is recorded as having
                                             * left must not wait here */
        .max_connections = connections_within(RC_MAX_CONCURRENT, 4),
        .secret = rc_secrets_get,
        .secret_context = server->secrets};
    const struct rc_program_options programs = {.answer = on_answer,
                                                .answer_context = server,
                                                .secret = rc_secrets_get,
                                                .secret_context = server->secrets,
                                                .allowed = server->settings.allow_program.text,
                                                .nallowed = server->settings.allow_program.n};
    enum rc_status status = rc_http_open(&options, &server->http, err);
    if (status == RC_OK && programs.nallowed) status = rc_program_open(&programs, &server->program, err);
    return status;
}

/* On failure the store is closed; on success it is the engine's. */
static enum rc_status open_engine(struct server *server, struct rc_error *err)
{
    struct rc_store *store = NULL;
    const struct flow_set *set = NULL;
    server->definitions = rc_arena_new(DEFINITIONS_FIRST, DEFINITIONS_LIMIT);
    if (!server->definitions) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = open_store(server, &store, err);
    if (status != RC_OK) return status;
    status = definitions_load(rc_store_self(store), server->definitions, &set, err);
    if (status == RC_OK) status = page_open(server->settings.store, &server->suspects, err);
    if (status == RC_OK) status = open_exec(server, err);
    if (status != RC_OK) {
        rc_store_close(store);
        return status;
    }
    const struct rc_ports ports = {
        .store = store,
        .reopen = on_reopen,
        .definitions = definitions_again,
        .exec = {[FLOW_DEP_HTTP] = server->http, [FLOW_DEP_PROGRAM] = server->program},
        .reply = on_reply,
        .changed = on_changed,
        .wake = loop_wake,
        .max_in_flight = (uint32_t)server->settings.max_in_flight,
        .wait = server->settings.queue_time,
        .suspects = server->suspects,
        .signal_age = server->settings.signal_age,
        .notify = rc_sv_of(server->settings.notify ? server->settings.notify : ""),
        .notify_url = rc_sv_of(server->settings.notify_url ? server->settings.notify_url : ""),
        .hold = {.asked = server->settings.hold, .refuses = server->settings.hold_submissions == 1},
        .context = server};
    if (rc_random(&server->seed, sizeof server->seed) != RC_OK)
        status = rc_fail(err, RC_IO, "the kernel gives no random numbers");
    else
        status = rc_engine_new(&ports, set, loop_tick(server), &server->engine, err);
    if (status == RC_OK)
        shelf_put(&server->shelf, store);
    else
        rc_store_close(store);
    return status;
}

static void *run_api(void *context)
{
    struct server *server = context;
    struct rc_error err = {0};
    if (rc_api_run(atomic_load(&server->api), &err) != RC_OK) {
        rc_log(RC_LOG_ERROR, "api", "%s", err.text);
        atomic_store(&server->api_failed, true);
        kill(getpid(), SIGTERM);
    }
    return NULL;
}

static uint32_t ms_of(rc_us span)
{
    return (uint32_t)(span / RC_MS(1));
}

static enum rc_status open_tls(struct server *server, struct rc_error *err)
{
    const char *certificate = server->settings.tls_cert, *key = server->settings.tls_key;
    if (!certificate && !key) return RC_OK;
    if (!certificate || !key)
        return rc_fail(err, RC_INVALID, "tls_cert and tls_key belong together: only one of them is there");
    return rc_tls_open(certificate, key, &server->tls, err);
}

static enum rc_status open_api(struct server *server, struct rc_error *err)
{
    const struct settings *settings = &server->settings;
    struct rc_api *api = NULL;
    const struct rc_api_limits limits = {.connections = connections_within(settings->max_connections, 2),
                                         .connections_per_address = settings->max_connections_per_address,
                                         .buffers = settings->max_buffers,
                                         .body = (uint32_t)settings->max_body,
                                         .headers = (uint32_t)settings->max_headers,
                                         .header_lines = settings->max_header_lines,
                                         .target = (uint32_t)settings->max_target,
                                         .json_depth = settings->max_json_depth,
                                         .page = settings->max_page,
                                         .rate = settings->max_rate,
                                         .header_ms = ms_of(settings->header_time),
                                         .body_ms = ms_of(settings->body_time),
                                         .answer_ms = ms_of(settings->answer_time),
                                         .idle_ms = ms_of(settings->idle_time),
                                         .read_ms = ms_of(settings->read_time)};
    enum rc_status status = open_tls(server, err);
    if (status != RC_OK) return status;
    const struct rc_api_options api_options = {
        .address = server->listen.host,
        .port = server->listen.port,
        .anywhere = *settings->unsafe_listen.host != 0,
        .auth = (enum rc_auth)settings->auth,
        .hosts = settings->allow_host.text,
        .nhosts = settings->allow_host.n,
        .floor = {settings->allow_program.text, settings->allow_program.n},
        .tls = server->tls,
        .limits = limits,
        .engine = server->engine,
        .shelf = shelf_door(&server->shelf),
        .readers = settings->readers,
        .version = RC_VERSION,
        .slow = settings->log_slow};
    status = rc_api_open(&api_options, &api, err);
    if (status != RC_OK) return status;
    atomic_store(&server->api, api);
    int error = pthread_create(&server->api_thread, NULL, run_api, server);
    if (error == 0) return RC_OK;
    atomic_store(&server->api, NULL);
    rc_api_close(api);
    return rc_fail(err, RC_NOMEM, "the API's thread cannot be started: %s", strerror(error));
}

/* ---- stop ---------------------------------------------------------------------------------------------- */

/* A turn that began before the drain may still let attempts leave, which are counted when it is over. */
static bool is_quiet(const struct server *server, bool with_attempts)
{
    struct rc_engine_stats stats;
    const struct rc_api *api = atomic_load(&server->api);
    rc_engine_stats(server->engine, &stats);
    return stats.queued == 0 && !(api && rc_api_parked(api)) &&
           !(with_attempts && (stats.in_flight || !stats.drained));
}

/* Until it is quiet, the time is over, or a second signal says that nobody wants to wait. */
static void wait_quiet(const struct server *server, rc_us most, bool with_attempts, const sigset_t *signals)
{
    const struct timespec poll = {.tv_nsec = POLL_MS * 1000000L};
    rc_us end = rc_clock_monotonic() + most;
    while (!is_quiet(server, with_attempts) && rc_clock_monotonic() < end) {
        int got = sigtimedwait(signals, NULL, &poll);
        if (got == SIGTERM || got == SIGINT) return;
    }
}

/* Those who ask /readyz go elsewhere while everything else still works. A second signal ends this, and the wait for
 * attempts, too. */
static bool leave(struct rc_api *api, rc_us delay, const sigset_t *signals)
{
    const rc_us end = rc_clock_monotonic() + delay;
    rc_api_leave(api);
    for (rc_us now; (now = rc_clock_monotonic()) < end;) {
        const struct timespec left = {.tv_sec = (time_t)((end - now) / 1000000),
                                      .tv_nsec = (long)((end - now) % 1000000) * 1000};
        int got = sigtimedwait(signals, NULL, &left);
        if (got == SIGTERM || got == SIGINT) return false;
    }
    return true;
}

static void close_exec(struct server *server)
{
    if (server->engine) rc_engine_leave_exec(server->engine);
    if (server->http) rc_exec_close(server->http);
    if (server->program) rc_exec_close(server->program);
    server->http = server->program = NULL;
}

static void stop(struct server *server, const sigset_t *signals)
{
    struct rc_api *api = atomic_load(&server->api);
    struct rc_engine_stats stats;
    bool patient = !api || leave(api, server->settings.stop_delay, signals);
    if (api) rc_api_drain(api);
    rc_engine_drain(server->engine);
    if (patient) wait_quiet(server, server->settings.drain, true, signals);
    rc_engine_stats(server->engine, &stats);
    if (stats.in_flight)
        rc_log(RC_LOG_WARN, "stopping", "%u attempts are still in flight; they end as unknown",
               stats.in_flight);
    close_exec(server);
    wait_quiet(server, RC_MS(ANSWER_WAIT_MS), false, signals);
    if (api) {
        rc_api_stop(api);
        pthread_join(server->api_thread, NULL);
    }
}

static void close_all(struct server *server, bool looping)
{
    if (server->engine) rc_engine_drain(server->engine);
    close_exec(server); /* before the loop ends: what it answers is taken in by the last turns */
    if (looping) loop_stop(server);
    shelf_clear(&server->shelf, true);
    if (server->engine) rc_engine_free(server->engine);
    page_close(server->suspects);
    rc_api_close(atomic_load(&server->api));
    rc_tls_close(server->tls);
    rc_secrets_close(server->secrets);
    rc_arena_free(server->definitions);
    if (server->wake_fd >= 0) close(server->wake_fd);
}

/* ---- run ----------------------------------------------------------------------------------------------- */

/* gcc says it with a macro, clang with a feature */
#if defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_LOOKED_FOR
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAKS_ARE_LOOKED_FOR
#endif
#endif

/* Tokens and secrets pass through memory: none of it goes into a core file, and no other process of this user may read
 * it. The leak checker of a sanitizer build reads it, so there it stays as it is. */
static void keep_to_ourselves(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
#ifndef LEAKS_ARE_LOOKED_FOR
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

static void set_up_process(sigset_t *ret_signals)
{
    keep_to_ourselves();
    /* glibc's habit of giving memory back at every chance costs half of the throughput */
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGTERM);
    sigaddset(ret_signals, SIGINT);
    sigaddset(ret_signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ret_signals, NULL); /* all threads: the main one waits for them */
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* otherwise there are fewer connections */
    }
    umask(S_IRWXG | S_IRWXO); /* what people submitted is nobody else's to read */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore,
              NULL); /* a bound on the size of files is an error of the write, not the end */
}

static void log_change(const struct setting *setting, bool in_force)
{
    if (in_force)
        rc_log(RC_LOG_INFO, "settings", "%s has changed and is in force", setting->name);
    else
        rc_log(RC_LOG_WARN, "settings",
               "%s has changed, which takes a restart; the value from the start stays", setting->name);
}

static void log_setup(const struct settings *settings)
{
    rc_log_setup((enum rc_log_level)settings->log_level, (enum rc_log_format)settings->log);
}

/* All or nothing: a file with an error changes nothing. */
static void reload_settings(struct server *server)
{
    struct configuration *fresh = calloc(1, sizeof *fresh);
    if (!fresh) {
        rc_log(RC_LOG_ERROR, "settings", "not read again: out of memory");
        return;
    }
    if (settings_load(server->configured->flags, server->configured->file, fresh) == RC_OK) {
        log_setup(&fresh->values);
        settings_reload(&server->settings, server->configured, fresh, log_change);
    } else {
        for (uint32_t i = 0; i < fresh->errors.n; i++) {
            const struct rc_error *err = &fresh->errors.error[i];
            rc_log(RC_LOG_ERROR, "settings", "%s:%u:%u: %s", err->source, err->line, err->column, err->text);
        }
        rc_log(RC_LOG_ERROR, "settings", "not applied; those that were in force stay");
    }
    settings_close(fresh);
    free(fresh);
}

/* Connections that are open keep what they were shown. */
static void reload_tls(const struct server *server)
{
    struct rc_error err = {0};
    if (!server->tls) return;
    if (rc_tls_reload(server->tls, &err) == RC_OK)
        rc_log(RC_LOG_INFO, "tls", "certificate and key were read again");
    else
        rc_log(RC_LOG_ERROR, "tls", "%s; the certificate that was in force stays", err.text);
}

static void reload(struct server *server)
{
    reload_settings(server);
    reload_tls(server);
    if (server->settings.defs && definitions_apply(server) != RC_OK)
        rc_log(RC_LOG_ERROR, "definitions", "not applied; those that were in force stay");
}

static void wait_for_end(struct server *server, const sigset_t *signals)
{
    struct watchdog dog = watchdog_start();
    for (;;) {
        const struct timespec nap = watchdog_nap(&dog);
        int got = sigtimedwait(signals, NULL, &nap);
        watchdog_look(&dog, server);
        if (got == SIGTERM || got == SIGINT) {
            rc_log(RC_LOG_INFO, "stopping", "after signal %d", got);
            return;
        }
        if (got == SIGHUP) reload(server);
    }
}

/* An IPv6 address stands in brackets. */
static void log_started(const struct server *server)
{
    const char *host = server->listen.host;
    bool v6 = strchr(host, ':') != NULL;
    rc_log(RC_LOG_INFO, "started", "recourse %s on http%s://%s%s%s:%u, store %s", RC_VERSION,
           server->tls ? "s" : "", v6 ? "[" : "", host, v6 ? "]" : "", rc_api_port(atomic_load(&server->api)),
           server->settings.store);
    bool tokens = server->settings.auth == RC_AUTH_TOKENS;
    if (*server->settings.unsafe_listen.host && !(tokens && server->tls))
        rc_log(RC_LOG_WARN, "started", "%s: whoever reaches %s %s",
               tokens ? "nothing is encrypted" : "nobody is asked who they are", server->listen.host,
               tokens ? "can read what others send" : "may do everything");
}

static void log_stranger(const char *variable, struct rc_sv near)
{
    rc_log(RC_LOG_WARN, "settings", "%s is in the environment and is no setting%s%.*s%s", variable,
           near.p ? "; did you mean the setting '" : "", RC_SV_ARG(near), near.p ? "'?" : "");
}

int serve_run(const struct configuration *configured)
{
    struct server server = {.settings = configured->values,
                            .configured = configured,
                            .wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    struct rc_error err = {0};
    sigset_t signals;
    bool looping = false;
    const struct settings *settings = &server.settings;
    server.listen = *settings->unsafe_listen.host ? settings->unsafe_listen : settings->listen;
    log_setup(settings);
    settings_strangers(log_stranger);
    set_up_process(&signals);
    shelf_init(&server.shelf);
    enum rc_status status = server.wake_fd >= 0 ? open_engine(&server, &err)
                                                : rc_fail(&err, RC_IO, "eventfd: %s", strerror(errno));
    if (status == RC_OK) status = loop_start(&server, &err);
    looping = status == RC_OK;
    if (looping && settings->defs) {
        status = definitions_apply(&server);
        if (status != RC_OK) rc_fail(&err, status, "the definitions in %s cannot be used", settings->defs);
    }
    if (status == RC_OK) warn_at_start(&server);
    if (status == RC_OK) status = open_api(&server, &err);
    if (status == RC_OK) {
        log_started(&server);
        notify_manager("READY=1");
        wait_for_end(&server, &signals);
        notify_manager("STOPPING=1");
        stop(&server, &signals);
    } else {
        rc_log(RC_LOG_ERROR, "start", "%s", err.text);
    }
    close_all(&server, looping);
    if (status == RC_OK)
        rc_log(RC_LOG_INFO, "stopped", "everything that was acknowledged is in %s", settings->store);
    return status == RC_OK && !atomic_load(&server.api_failed) ? 0 : 1;
}
