/* How far did an attempt come? That is what this file must never get wrong.
 *
 * let_go is set by before_request, which curl calls when the connection stands (TCP, TLS) and before the first byte
 * of a request. Before it nothing can have left. After it, over plain HTTP, CURLINFO_REQUEST_SIZE counts the bytes
 * that the kernel took: none means that nothing left. Over TLS a record can be half on the wire while that number is
 * still 0, so there let_go alone decides.
 *
 * At most once: when a reused connection dies before an answer, curl sends the request again on a new one, whatever
 * the method (lib/transfer.c, Curl_retry_request in 7.88). It passes before_request again, which refuses unless
 * nothing had left. HTTP/2, where curl has more reasons to repeat, is off, and so are redirects and
 * authentication. */
#include "exec/http/transfer.h"

#include "base/limits.h"
#include "exec/http/address.h"
#include "flow/dependency.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SCRATCH_FIRST = 8 << 10,
    SCRATCH_LIMIT = 8 * RC_MAX_BODY,
    /* Idle connections are not reused after this: many servers hang up after 5 s or more, and a request that
     * crosses such an end has an unknown outcome. */
    IDLE_SECONDS = 4,
    CONNECT_DEFAULT_MS = 10000
};

static bool is_tls(const struct http_transfer *t)
{
    return t->job->start.effect.dependency->tls;
}

static bool may_have_left(const struct http_transfer *t)
{
    long bytes = 0;
    if (!t->let_go) return false;
    return is_tls(t) || curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK || bytes > 0;
}

static void refuse(struct http_transfer *t, const char *address)
{
    snprintf(t->refused, sizeof t->refused, "%s", address);
}

/* The address is decided on here, where it is resolved and nothing has been connected. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct http_transfer *t = context;
    if (t->job->start.effect.dependency->allow_private || http_address_public(&address->addr))
        return http_sockets_make(t->sockets, address);
    char text[INET6_ADDRSTRLEN] = "?";
    const void *bytes =
        address->family == AF_INET6
            ? (const void *)&((const struct sockaddr_in6 *)(const void *)&address->addr)->sin6_addr
            : (const void *)&((const struct sockaddr_in *)(const void *)&address->addr)->sin_addr;
    (void)inet_ntop(address->family, bytes, text, sizeof text);
    refuse(t, text);
    return CURL_SOCKET_BAD;
}

/* And here again, because a connection that is reused may have been opened for a dependency with other rules. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static int before_request(void *context, char *address, char *local, int port, int local_port)
{
    (void)local, (void)port, (void)local_port;
    struct http_transfer *t = context;
    if (may_have_left(t)) return CURL_PREREQFUNC_ABORT; /* curl wants to send it once more */
    if (!t->job->start.effect.dependency->allow_private && !http_address_text_public(address)) {
        refuse(t, address);
        return CURL_PREREQFUNC_ABORT;
    }
    t->let_go = true;
    return CURL_PREREQFUNC_OK;
}

static bool set_up(struct http_transfer *t, struct curl_slist *resolve)
{
    CURL *e = t->easy;
    CURLcode c = curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    if (!c) c = curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
    if (!c) c = curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_NOPROGRESS, 1L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    if (!c) c = curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (!c) c = curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_PROXY, "");
    if (!c) c = curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    if (!c) c = curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    if (!c) c = curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)IDLE_SECONDS);
    /* do not wait for a resolver thread whose transfer has timed out: it would hold up all others */
    if (!c) c = curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!c && t->options->ca_file) c = curl_easy_setopt(e, CURLOPT_CAINFO, t->options->ca_file);
    if (!c && resolve) c = curl_easy_setopt(e, CURLOPT_RESOLVE, resolve);
    if (!c) c = curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    if (!c) c = curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
    if (!c) c = curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, http_sockets_drop);
    if (!c) c = curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, t->sockets);
    if (!c) c = curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, before_request);
    if (!c) c = curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
    if (!c) c = curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, http_intake_header);
    if (!c) c = curl_easy_setopt(e, CURLOPT_HEADERDATA, &t->intake);
    if (!c) c = curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, http_intake_body);
    if (!c) c = curl_easy_setopt(e, CURLOPT_WRITEDATA, &t->intake);
    return c == CURLE_OK;
}

struct http_transfer *http_transfer_new(struct http_sockets *sockets, const struct rc_http_options *options,
                                        struct curl_slist *resolve)
{
    struct http_transfer *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->sockets = sockets;
    t->options = options;
    t->scratch = rc_arena_new(SCRATCH_FIRST, SCRATCH_LIMIT);
    t->easy = curl_easy_init();
    if (t->scratch && t->easy && set_up(t, resolve)) return t;
    http_transfer_free(t);
    return NULL;
}

void http_transfer_free(struct http_transfer *t)
{
    if (!t) return;
    if (t->easy) curl_easy_cleanup(t->easy);
    rc_arena_free(t->scratch);
    free(t);
}

/* ---- begin -------------------------------------------------------------------------------------------------------- */

static long ms_of(rc_us span)
{
    uint64_t ms = (span + 999) / 1000;
    return ms == 0 ? 1 : ms > INT32_MAX ? INT32_MAX : (long)ms;
}

static CURLcode set_request(struct http_transfer *t)
{
    CURL *e = t->easy;
    const struct http_request *r = &t->request;
    const struct rc_effect *effect = &t->job->start.effect;
    rc_us connect = effect->dependency->connect_timeout;
    bool head = strcmp(r->method, "HEAD") == 0;
    /* without a body these still say "Content-Length: 0" */
    bool sends = r->with_body || r->method[0] == 'P';
    CURLcode c = curl_easy_setopt(e, CURLOPT_HTTPGET, 1L); /* forgets what the last request had set */
    if (!c) c = curl_easy_setopt(e, CURLOPT_URL, r->url);
    if (!c) c = curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->headers);
    if (!c && sends) c = curl_easy_setopt(e, CURLOPT_POST, 1L);
    if (!c && sends) c = curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
    if (!c && sends) c = curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.n ? r->body.p : "");
    if (!c && head) c = curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
    if (!c) c = curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, ms_of(effect->timeout));
    if (!c) c = curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, connect ? ms_of(connect) : CONNECT_DEFAULT_MS);
    return c;
}

static void release(struct http_transfer *t)
{
    t->job = NULL;
    rc_arena_reset(t->scratch);
}

bool http_transfer_begin(struct http_transfer *t, struct exec_job *job)
{
    struct rc_error err;
    t->job = job;
    t->let_go = false;
    t->refused[0] = t->error[0] = '\0';
    t->began = rc_clock_monotonic();
    http_intake_begin(&t->intake, job->answer.arena);
    enum rc_status status = http_request_build(&job->start.effect, t->options, t->scratch, &t->request, &err);
    if (status == RC_OK && (set_request(t) != CURLE_OK || curl_multi_add_handle(t->sockets->multi, t->easy)))
        status = rc_fail(&err, RC_NOMEM, "%s", rc_status_text(RC_NOMEM));
    if (status == RC_OK) return true;
    exec_job_not_sent(job, rc_status_retryable(status) ? RC_WHY_NOT_SENT : RC_WHY_CONFIGURATION, err.text);
    release(t);
    return false;
}

/* ---- end ---------------------------------------------------------------------------------------------------------- */

static bool is_configuration(CURLcode code)
{
    return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_LOGIN_DENIED;
}

static bool is_no_http(CURLcode code)
{
    return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY;
}

static const char *words(const struct http_transfer *t, CURLcode code)
{
    return t->error[0] ? t->error : curl_easy_strerror(code);
}

static void no_answer(struct http_transfer *t, CURLcode code, bool left)
{
    struct rc_result *result = &t->job->answer.result;
    struct rc_sv refused;
    if (!left && t->refused[0]) {
        refused =
            rc_text(t->job->answer.arena,
                    "the address %s is not public; the dependency does not allow private ones", t->refused);
        exec_job_not_sent(t->job, RC_WHY_ADDRESS, refused.p ? refused.p : "");
        return;
    }
    if (!left) {
        exec_job_not_sent(t->job, is_configuration(code) ? RC_WHY_CONFIGURATION : RC_WHY_NOT_SENT,
                          words(t, code));
        return;
    }
    bool again = code == CURLE_ABORTED_BY_CALLBACK;
    exec_job_not_sent(t->job, RC_WHY_CONNECTION,
                      again ? "the connection ended before an answer came" : words(t, code));
    result->reach = RC_SENT;
    if (code == CURLE_OPERATION_TIMEDOUT) result->why = RC_WHY_TIMEOUT;
    if (is_no_http(code)) result->why = RC_WHY_BAD_ANSWER;
}

/* The status is known once the headers are complete, whatever becomes of the body; except that an answer that takes
 * too long is a timeout. */
static bool is_answered(const struct http_transfer *t, CURLcode code, long status)
{
    const struct http_intake *in = &t->intake;
    return in->begun && status >= 200 && status <= 999 && (in->head_done || in->head_full) &&
           code != CURLE_OPERATION_TIMEDOUT;
}

struct exec_job *http_transfer_end(struct http_transfer *t, CURLcode code)
{
    struct exec_job *job = t->job;
    long status = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    bool left = may_have_left(t);
    curl_multi_remove_handle(t->sockets->multi, t->easy);
    if (left && is_answered(t, code, status)) {
        const char *cut = code == CURLE_OK ? NULL : "the answer ended before it was complete";
        http_answer_read(&t->intake, &t->request, (uint16_t)status, cut, &job->answer.result);
    } else {
        no_answer(t, code, left);
    }
    job->answer.result.took = rc_clock_monotonic() - t->began;
    release(t);
    return job;
}

struct exec_job *http_transfer_stop(struct http_transfer *t)
{
    struct exec_job *job = t->job;
    bool left = may_have_left(t);
    curl_multi_remove_handle(t->sockets->multi, t->easy);
    exec_job_not_sent(job, left ? RC_WHY_CRASH : RC_WHY_NOT_SENT, rc_status_text(RC_STOPPING));
    if (left) job->answer.result.reach = RC_SENT;
    job->answer.result.took = rc_clock_monotonic() - t->began;
    release(t);
    return job;
}
