/* The client on libcurl's easy interface. */
#include "client/client.h"

#include "base/limits.h"

#include "base/num.h"
#include "codec/json.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>

enum { TIMEOUT_MS = 90000, CONNECT_MS = 5000, MAX_BODY = 64 << 20, MAX_URL = 16 << 10, MAX_HEADER = 4096 };

struct rc_client {
    CURL *curl;
    char *server, *ca, *authorization, *ns; /* the last two as header lines, or NULL */
    unsigned timeout_ms;
};

/* What one call gathers. */
struct gathering {
    struct rc_buf body;
    struct rc_client_answer *answer;
};

/* A header line, or NULL where there is no value. */
static enum rc_status make_line(const char *name, const char *value, char **ret, struct rc_error *err)
{
    size_t n = value ? strlen(value) : 0;
    if (n == 0) return RC_OK;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)value[i] <= ' ' || (unsigned char)value[i] >= 0x7f || n > MAX_HEADER)
            return rc_fail(err, RC_INVALID, "what is given for %s cannot stand in a header: is it complete?",
                           name);
    size_t size = strlen(name) + n + 1;
    *ret = malloc(size);
    if (!*ret) return rc_fail(err, RC_NOMEM, "out of memory");
    snprintf(*ret, size, "%s%s", name, value);
    return RC_OK;
}

enum rc_status rc_client_open(const struct rc_client_options *options, struct rc_client **ret,
                              struct rc_error *err)
{
    struct rc_sv server = rc_sv_of(options->server);
    if (!rc_sv_starts(server, RC_SV("http://")) && !rc_sv_starts(server, RC_SV("https://")))
        return rc_fail(err, RC_INVALID,
                       "the server's address must begin with http:// or https://, not \"%s\"",
                       options->server);
    struct rc_client *client = calloc(1, sizeof *client);
    if (!client) return rc_fail(err, RC_NOMEM, "out of memory");
    while (server.n && server.p[server.n - 1] == '/') server.n--;
    client->server = strndup(server.p, server.n);
    client->ca = options->ca ? strdup(options->ca) : NULL;
    client->curl = curl_easy_init();
    client->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;
    if (!client->server || !client->curl || (options->ca && !client->ca)) {
        rc_client_close(client);
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    enum rc_status status = make_line("Authorization: Bearer ", options->token, &client->authorization, err);
    if (status == RC_OK) status = make_line("Recourse-Namespace: ", options->ns, &client->ns, err);
    if (status == RC_OK)
        *ret = client;
    else
        rc_client_close(client);
    return status;
}

void rc_client_set_timeout(struct rc_client *client, unsigned ms)
{
    client->timeout_ms = ms ? ms : TIMEOUT_MS;
}

void rc_client_close(struct rc_client *client)
{
    if (!client) return;
    if (client->curl) curl_easy_cleanup(client->curl);
    if (client->authorization) explicit_bzero(client->authorization, strlen(client->authorization));
    free(client->authorization);
    free(client->ns);
    free(client->server);
    free(client->ca);
    free(client);
}

static size_t on_body(const char *p, size_t size, size_t n, void *context)
{
    struct gathering *gather = context;
    rc_put(&gather->body, (struct rc_sv){p, (uint32_t)(size * n)});
    return gather->body.status == RC_OK ? size * n : 0;
}

/* The value of a header line with this name, without blanks around it; p is NULL where it is another one. */
static struct rc_sv header_value(struct rc_sv line, const char *name)
{
    uint32_t n = (uint32_t)strlen(name);
    if (line.n <= n || line.p[n] != ':' || strncasecmp(line.p, name, n) != 0) return (struct rc_sv){0};
    struct rc_sv value = {line.p + n + 1, line.n - n - 1};
    while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
        value = (struct rc_sv){value.p + 1, value.n - 1};
    while (value.n && (unsigned char)value.p[value.n - 1] <= ' ') value.n--;
    return value;
}

static size_t on_header(const char *p, size_t size, size_t n, void *context)
{
    struct rc_client_answer *answer = ((struct gathering *)context)->answer;
    struct rc_sv line = {p, (uint32_t)(size * n)}, etag = header_value(line, "ETag");
    if (etag.n && etag.n < sizeof answer->etag) {
        memcpy(answer->etag, etag.p, etag.n);
        answer->etag[etag.n] = 0;
    }
    if (rc_sv_is(header_value(line, "Idempotency-Replayed"), "true")) answer->replayed = true;
    if (header_value(line, "Recourse-Hold").n) answer->held = true;
    return size * n;
}

static bool add_header(struct curl_slist **io_list, const char *line)
{
    struct curl_slist *list = curl_slist_append(*io_list, line);
    if (list) *io_list = list;
    return list != NULL;
}

static bool make_headers(const struct rc_client *client, const struct rc_client_call *call,
                         struct curl_slist **ret)
{
    char line[RC_CLIENT_ETAG + 16];
    bool fine = add_header(ret, call->lines ? "Accept: application/x-ndjson, application/problem+json"
                                            : "Accept: application/json");
    const char *type = call->lines ? "Content-Type: application/x-ndjson" : "Content-Type: application/json";
    if (call->body.n) fine = fine && add_header(ret, type) && add_header(ret, "Expect:");
    if (call->etag && *call->etag) {
        snprintf(line, sizeof line, "If-Match: %s", call->etag);
        fine = fine && add_header(ret, line);
    }
    if (client->authorization) fine = fine && add_header(ret, client->authorization);
    if (client->ns) fine = fine && add_header(ret, client->ns);
    return fine;
}

static void set_options(const struct rc_client *client, const struct rc_client_call *call, const char *url,
                        struct curl_slist *headers, struct gathering *gather)
{
    CURL *curl = client->curl;
    curl_easy_reset(curl); /* keeps the connection */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (client->ca) curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)client->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, gather);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, gather);
    if (call->body.n) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body.p);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
}

/* Why no answer came, and whether the request may have been done nevertheless. */
static enum rc_status no_answer(const struct rc_client *client, const struct rc_client_call *call,
                                CURLcode code, const struct gathering *gather, struct rc_error *err)
{
    if (code == CURLE_OUT_OF_MEMORY) return rc_fail(err, RC_NOMEM, "out of memory");
    if (gather->body.status != RC_OK)
        return rc_fail(err, gather->body.status, "the server's answer is larger than %d bytes", MAX_BODY);
    long sent = 0;
    curl_easy_getinfo(client->curl, CURLINFO_REQUEST_SIZE, &sent);
    if (sent > 0 && strcmp(call->method, "GET") != 0)
        return rc_fail(
            err, RC_COMMIT_UNKNOWN,
            "%s took the request and did not answer (%s): it may have been done; the same request with "
            "the same key is safe",
            client->server, curl_easy_strerror(code));
    return rc_fail(err, RC_UNREACHABLE, "no answer from %s: %s", client->server, curl_easy_strerror(code));
}

/* A problem (RFC 9457) as an error; what is none is told by its HTTP status. */
static enum rc_status read_problem(const struct rc_client_answer *answer, struct rc_error *err)
{
    const struct cel_value *code = cel_map_get(&answer->body, "code");
    const struct cel_value *detail = cel_map_get(&answer->body, "detail");
    char slug[64] = "";
    if (code && code->kind == CEL_STRING && code->n < sizeof slug) {
        memcpy(slug, code->v.text, code->n);
        slug[code->n] = 0;
    }
    if (!*slug || !detail || detail->kind != CEL_STRING)
        return rc_fail(err, answer->status >= 500 ? RC_UNREACHABLE : RC_BUG,
                       "the server answered with status %d and no problem description", answer->status);
    return rc_fail(err, rc_status_of_slug(slug), "%.*s", RC_SV_ARG(cel_text(*detail)));
}

/* A proxy or another server may say 200, too; that is no answer to what was asked. */
static enum rc_status read_answer(const struct rc_client *client, const struct rc_client_call *call,
                                  struct gathering *gather, struct rc_arena *arena, struct rc_error *err)
{
    struct rc_client_answer *answer = gather->answer;
    answer->text = rc_buf_sv(&gather->body);
    struct rc_error ignored;
    bool json = answer->text.n && answer->text.p[0] == '{'; /* as is every answer of the API */
    /* outputs and payloads may be as deep as JSON may be, and stand within the answer */
    if (!json ||
        rc_json_parse_within(answer->text, 2 * RC_MAX_JSON_DEPTH, arena, &answer->body, &ignored) != RC_OK)
        answer->body = cel_null();
    if (answer->status / 100 != 2) return read_problem(answer, err);
    if ((answer->body.kind == CEL_MAP && answer->body.n) || call->lines) return RC_OK;
    bool asked = strcmp(call->method, "GET") == 0; /* and none of them is empty */
    return rc_fail(err, asked ? RC_UNREACHABLE : RC_COMMIT_UNKNOWN,
                   "what %s answered is not an answer of Recourse: it may be another server", client->server);
}

enum rc_status rc_client_do(struct rc_client *client, const struct rc_client_call *call,
                            struct rc_arena *arena, struct rc_client_answer *ret_answer, struct rc_error *err)
{
    struct rc_sv url = rc_text(arena, "%s%s", client->server, call->path);
    if (!url.p) return rc_fail_arena(err, arena);
    if (url.n > MAX_URL) return rc_fail(err, RC_LIMIT, "the address is longer than %d bytes", MAX_URL);
    struct rc_client_answer answer = {.body = cel_null()};
    struct gathering gather = {.body = rc_buf_in(arena, MAX_BODY), .answer = &answer};
    struct curl_slist *headers = NULL;
    long status = 0;
    if (!make_headers(client, call, &headers)) {
        curl_slist_free_all(headers);
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    set_options(client, call, url.p, headers, &gather);
    CURLcode code = curl_easy_perform(client->curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) return no_answer(client, call, code, &gather, err);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    answer.status = (int)status;
    enum rc_status result = read_answer(client, call, &gather, arena, err);
    *ret_answer = answer;
    return result;
}

/* ---- streams ------------------------------------------------------------------------------------------- */

enum { MAX_LINE = 64 << 10, QUIET_SECONDS = 60 };

/* What has come of a stream: the line in work, and the fields of the block in work. */
struct following {
    struct gathering gather; /* of a problem */
    struct rc_client *client;
    rc_client_take *take;
    void *context;
    char *line, *data;
    char id[32], type[32];
    uint32_t nline, ndata;
    bool enough, too_long;
};

static void keep(char *to, size_t size, struct rc_sv value)
{
    uint32_t n = value.n < size ? value.n : (uint32_t)size - 1;
    if (n) memcpy(to, value.p, n);
    to[n] = 0;
}

/* WHATWG HTML section 9.2.6, as far as the server writes it: one line of data, no carriage returns. */
static void take_line(struct following *follow)
{
    struct rc_sv line = {follow->line, follow->nline};
    follow->nline = 0;
    if (line.n == 0) {
        const struct rc_client_event event = {
            rc_sv_of(follow->id), rc_sv_of(follow->type), {follow->data, follow->ndata}};
        if (event.id.n || event.data.n) follow->enough = !follow->take(follow->context, &event);
        follow->ndata = 0;
        follow->id[0] = follow->type[0] = 0;
        return;
    }
    const char *colon = memchr(line.p, ':', line.n);
    struct rc_sv name = {line.p, colon ? (uint32_t)(colon - line.p) : line.n};
    struct rc_sv value = {line.p + name.n, line.n - name.n};
    for (int skip = 0; skip < 2 && value.n && value.p[0] == (skip ? ' ' : ':'); skip++)
        value = (struct rc_sv){value.p + 1, value.n - 1};
    if (rc_sv_is(name, "id")) keep(follow->id, sizeof follow->id, value);
    if (rc_sv_is(name, "event")) keep(follow->type, sizeof follow->type, value);
    if (!rc_sv_is(name, "data") || !value.n) return;
    memcpy(follow->data, value.p, value.n); /* shorter than a line */
    follow->ndata = value.n;
}

static size_t on_stream(const char *p, size_t size, size_t n, void *context)
{
    struct following *follow = context;
    long status = 0;
    curl_easy_getinfo(follow->client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 != 2) return on_body(p, size, n, &follow->gather);
    for (size_t i = 0; i < size * n && !follow->enough; i++) {
        if (p[i] == '\n') {
            take_line(follow);
        } else if (follow->nline == MAX_LINE) {
            follow->too_long = true;
            return 0;
        } else {
            follow->line[follow->nline++] = p[i];
        }
    }
    return follow->enough ? 0 : size * n;
}

enum rc_status rc_client_follow(struct rc_client *client, const char *path, rc_client_take *take,
                                void *context, struct rc_arena *arena, struct rc_error *err)
{
    const struct rc_client_call call = {.method = "GET", .path = path};
    struct rc_client_answer answer = {.body = cel_null()};
    struct following follow = {.gather = {.body = rc_buf_in(arena, MAX_BODY), .answer = &answer},
                               .client = client,
                               .take = take,
                               .context = context,
                               .line = rc_alloc_text(arena, MAX_LINE),
                               .data = rc_alloc_text(arena, MAX_LINE)};
    struct rc_sv url = rc_text(arena, "%s%s", client->server, path);
    struct curl_slist *headers = NULL;
    if (!url.p || !follow.line || !follow.data) return rc_fail_arena(err, arena);
    if (!make_headers(client, &call, &headers)) {
        curl_slist_free_all(headers);
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    set_options(client, &call, url.p, headers, &follow.gather);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, 0L);
    /* a stream shows every now and then that it lives */
    curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_TIME, (long)QUIET_SECONDS);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_stream);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &follow);
    CURLcode code = curl_easy_perform(client->curl);
    curl_slist_free_all(headers);
    long status = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    answer.status = (int)status;
    if (follow.enough) return RC_OK;
    if (follow.too_long) return rc_fail(err, RC_LIMIT, "an event is longer than %d bytes", MAX_LINE);
    if (code != CURLE_OK) return no_answer(client, &call, code, &follow.gather, err);
    if (status / 100 != 2) return read_answer(client, &call, &follow.gather, arena, err);
    char *type = NULL;
    curl_easy_getinfo(client->curl, CURLINFO_CONTENT_TYPE, &type);
    if (type && rc_sv_starts(rc_sv_of(type), RC_SV("text/event-stream"))) return RC_OK;
    return rc_fail(
        err, RC_UNREACHABLE,
        "what %s answered is no stream of events, and not an answer of Recourse: it may be another server",
        client->server);
}

struct rc_sv rc_client_escape(struct rc_arena *arena, struct rc_sv text)
{
    static const char digit[] = "0123456789ABCDEF";
    char *out = rc_alloc_text(arena, 3 * (size_t)text.n + 1);
    if (!out) return (struct rc_sv){0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        if (!plain) out[n++] = '%';
        if (!plain) out[n++] = digit[c >> 4];
        out[n++] = plain ? (char)c : digit[c & 15];
    }
    out[n] = 0;
    return (struct rc_sv){out, n};
}
