/* The API without sockets: requests as text, over a real engine, a store in memory, and an executor that only notes what leaves.
 *
 * The input is a list of events, each of which ends with a line "." : a request (method and target; headers; an empty line; the body), or
 * "! STATUS" and a body: the answer to the oldest attempt that has left; or "+ SECONDS". Ids are predictable: 0000000100000000 is the first
 * command. */
#include "fuzz.h"

#include "api/call.h"
#include "base/num.h"
#include "base/random.h"
#include "codec/json.h"
#include "defs/defs.h"
#include "engine/prepare.h"
#include "exec/kind.h"

#include <stdlib.h>
#include <strings.h>

enum { EVENTS = 24, LEFT = 64, TURNS = 64 };

/* ---- the door: what api/http.c is with sockets ------------------------------------------------------------------------ */

struct http_server {
    struct http_options options;
    bool woken;
};

struct http_exchange {
    struct rc_sv headers;
    struct rc_arena *arena;
    unsigned answers;
};

enum rc_status http_open(const struct http_options *options, struct http_server **ret, struct rc_error *err)
{
    (void)err;
    *ret = calloc(1, sizeof **ret);
    if (!*ret) return RC_NOMEM;
    (*ret)->options = *options;
    return RC_OK;
}

uint16_t http_port(const struct http_server *server)
{
    return server->options.port;
}

enum rc_status http_run(struct http_server *server, struct rc_error *err)
{
    (void)server;
    return rc_fail(err, RC_BUG, "nothing runs here");
}

void http_close(struct http_server *server)
{
    free(server);
}

void http_wake(struct http_server *server)
{
    server->woken = true;
}

void http_stop(struct http_server *server)
{
    (void)server;
}

void http_stop_listening(struct http_server *server)
{
    (void)server;
}

void http_stats(const struct http_server *server, struct http_stats *ret)
{
    (void)server;
    *ret = (struct http_stats){0};
}

void http_last(struct http_exchange *exchange)
{
    (void)exchange;
}

struct rc_sv http_header(const struct http_exchange *exchange, const char *name, bool *ret_more)
{
    struct rc_sv rest = exchange->headers, found = {0};
    size_t n = strlen(name);
    bool more = false;
    while (rest.n) {
        struct rc_sv line = fuzz_line(&rest);
        if (line.n < n + 2 || strncasecmp(line.p, name, n) != 0 || line.p[n] != ':') continue;
        more = found.p != NULL;
        if (!more) found = (struct rc_sv){line.p + n + 2, line.n - (uint32_t)n - 2};
    }
    if (ret_more) *ret_more = more;
    return found;
}

void http_drop(struct http_exchange *exchange)
{
    exchange->answers++;
}

/* Nobody waits here: a client that asks for it is gone at once. */
struct http_watch *http_watch(struct http_server *server, struct http_exchange *exchange, unsigned ms,
                              void (*over)(void *context), void *context)
{
    (void)server, (void)exchange, (void)ms, (void)over, (void)context;
    return NULL;
}

void http_unwatch(struct http_watch *watch)
{
    (void)watch;
}

/* Every answer: once, no bug, no header that could start another one, and JSON that says the same status. */
/* No stream is fuzzed: one that is asked for is refused for want of memory. */
struct http_stream *http_stream_begin(struct http_exchange *exchange, int status,
                                      const struct http_field *fields, uint32_t nfields, unsigned ms,
                                      void (*look)(void *context), void *context)
{
    (void)status, (void)fields, (void)nfields, (void)ms, (void)look, (void)context;
    exchange->answers++;
    return NULL;
}

bool http_stream_put(struct http_stream *stream, struct rc_sv piece)
{
    (void)stream, (void)piece;
    return true;
}

size_t http_stream_pending(const struct http_stream *stream)
{
    (void)stream;
    return 0;
}

uint64_t http_stream_sent(const struct http_stream *stream)
{
    (void)stream;
    return 0;
}

bool http_stream_gone(const struct http_stream *stream)
{
    (void)stream;
    return true;
}

void http_stream_end(struct http_stream *stream, unsigned ms)
{
    (void)stream, (void)ms;
}

void http_answer(struct http_exchange *exchange, int status, const struct http_field *fields,
                 uint32_t nfields, struct rc_sv body)
{
    FUZZ_LAW(exchange->answers++ == 0);
    FUZZ_LAW(status >= 200 && status <= 599 && status != rc_status_http(RC_BUG));
    const char *type = "";
    for (uint32_t i = 0; i < nfields; i++) {
        for (const char *p = fields[i].value; *p; p++) FUZZ_LAW((unsigned char)*p >= ' ' && *p != 0x7f);
        if (strcasecmp(fields[i].name, "content-type") == 0) type = fields[i].value;
    }
    if (!body.n || !strstr(type, "json") || strstr(type, "ndjson")) return;
    struct cel_value value;
    enum rc_status read = rc_json_parse_within(body, 2 * RC_MAX_JSON_DEPTH, exchange->arena, &value, NULL);
    FUZZ_LAW(read == RC_OK || rc_arena_status(exchange->arena) != RC_OK);
    if (read != RC_OK || status < 400 || status == 503) return; /* /readyz says 503 without a problem */
    const struct cel_value *said = cel_map_get(&value, "status");
    FUZZ_LAW(said && said->kind == CEL_INT && said->v.i == status && cel_map_get(&value, "code"));
}

/* Takes the place of base/random.c: ids are the same every time. */
enum rc_status rc_random(void *ret_bytes, size_t n)
{
    memset(ret_bytes, 0, n);
    return RC_OK;
}

/* ---- the engine's world ----------------------------------------------------------------------------------------------- */

struct house {
    struct rc_exec exec; /* first: it is the executor */
    struct rc_arena *arena;
    struct rc_memory_disk *disk;
    struct rc_store *store;
    struct rc_engine *engine;
    struct rc_api *api;
    rc_us now;
    struct rc_answer left[LEFT]; /* without results */
    uint32_t nleft, answered;
};

static enum rc_status on_start(struct rc_exec *exec, const struct rc_start *start)
{
    struct house *house = (struct house *)(void *)exec;
    const struct rc_effect *effect = &start->effect;
    if (house->nleft == LEFT) return RC_NOMEM;
    house->left[house->nleft++] = (struct rc_answer){
        .of = effect->of, .node = effect->node, .attempt = effect->attempt, .purpose = effect->purpose};
    rc_arena_free(start->arena);
    return RC_OK;
}

static void on_close(struct rc_exec *exec)
{
    (void)exec;
}

static enum rc_status on_reopen(void *context, struct rc_store *old, struct rc_store **ret,
                                struct rc_error *err)
{
    (void)context, (void)old, (void)ret;
    return rc_fail(err, RC_IO, "this store does not fail");
}

static void on_reply(void *context, struct rc_request *request)
{
    (void)context;
    struct rc_receiver *receiver = request->owner;
    receiver->receive(receiver, request);
}

static void on_wake(void *context)
{
    (void)context;
}

static enum rc_status borrow(void *context, struct rc_reader **ret, struct rc_error *err)
{
    (void)err;
    *ret = rc_store_self(((struct house *)context)->store);
    return RC_OK;
}

static void give_back(void *context)
{
    (void)context;
}

/* The shared definitions as rows of this house's store. */
static const struct flow_set *define(struct house *house)
{
    static struct defs_errors errors;
    static struct defs_one *found;
    static uint32_t n;
    struct defs_file file = {.source = RC_SV("flows.c"), .text = rc_sv_of(fuzz_definitions)};
    const struct flow_set *set = NULL;
    if (!found) FUZZ_LAW(defs_load(&file, 1, fuzz_forever(), &found, &n, &errors) == RC_OK);
    struct rc_definition *rows = RC_NEW_ARRAY(house->arena, struct rc_definition, n);
    struct rc_new_definition *list = RC_NEW_ARRAY(house->arena, struct rc_new_definition, n);
    FUZZ_LAW(rows && list);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (struct rc_definition){.kind = (uint8_t)found[i].kind,
                                         .name = found[i].name,
                                         .text = found[i].text,
                                         .source = found[i].source,
                                         .digest = found[i].digest};
    FUZZ_LAW(rc_store_define(house->store, rows, n, NULL, 0, NULL, 1, NULL) == RC_OK);
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct rc_new_definition){rows[i], found[i].flow, found[i].dependency};
    FUZZ_LAW(rc_set_make(list, n, house->arena, &set) == RC_OK);
    return set;
}

static struct rc_tick tick(const struct house *house)
{
    return (struct rc_tick){.monotonic = house->now, .wall = RC_SECONDS(1800000000) + house->now, .seed = 1};
}

static void open_house(struct house *house)
{
    static const struct rc_exec_kind kind = {on_start, on_close};
    house->exec.kind = &kind;
    house->disk = rc_memory_disk_new();
    FUZZ_LAW(house->disk && rc_memory_open(house->disk, &house->store, NULL) == RC_OK);
    const struct rc_ports ports = {.store = house->store,
                                   .reopen = on_reopen,
                                   .exec = {&house->exec},
                                   .reply = on_reply,
                                   .wake = on_wake,
                                   .context = house};
    FUZZ_LAW(rc_engine_new(&ports, define(house), tick(house), &house->engine, NULL) == RC_OK);
    const struct rc_api_options options = {.address = "127.0.0.1",
                                           .slow = RC_SECONDS(3600),
                                           .port = 1,
                                           .engine = house->engine,
                                           .shelf = {house, borrow, give_back},
                                           .version = "0"};
    FUZZ_LAW(rc_api_open(&options, &house->api, NULL) == RC_OK);
}

static void run(struct house *house)
{
    struct http_server *door = house->api->http;
    rc_us sleep = 0;
    for (unsigned i = 0; i < TURNS && sleep == 0; i++) {
        enum rc_status status = rc_engine_turn(house->engine, tick(house), &sleep, NULL);
        FUZZ_LAW(status == RC_OK);
        rc_api_flush(house->api);
        if (door->woken) door->options.woken(door->options.context);
        door->woken = false;
    }
    struct rc_engine_stats stats;
    rc_engine_stats(house->engine, &stats);
    FUZZ_LAW(stats.faults == 0 && stats.healthy);
}

static void close_house(struct house *house)
{
    rc_engine_free(house->engine);
    rc_api_close(house->api);
    rc_memory_disk_free(house->disk);
}

/* ---- events ----------------------------------------------------------------------------------------------------------- */

static void answer(struct house *house, struct rc_sv line, struct rc_sv body)
{
    uint64_t status = 0;
    if (house->answered == house->nleft) return;
    struct rc_answer *answer = &house->left[house->answered++];
    answer->arena = rc_arena_new(0, 1 << 20);
    FUZZ_LAW(answer->arena != NULL);
    struct rc_result *result = &answer->result;
    if (rc_parse_u64(line, &status) && status >= 200 && status <= 999) {
        *result = (struct rc_result){
            .reach = RC_ANSWERED, .usable = true, .status = (uint16_t)status, .headers = {.kind = CEL_MAP}};
        if (rc_json_parse(body, answer->arena, &result->body, NULL) != RC_OK) result->body = cel_null();
    } else {
        *result = (struct rc_result){.reach = RC_SENT, .why = RC_WHY_TIMEOUT};
    }
    rc_engine_answer(house->engine, answer);
}

static enum http_method method_of(struct rc_sv name)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
    unsigned i = 0;
    while (i < HTTP_OTHER && !rc_sv_is(name, names[i])) i++;
    return (enum http_method)i;
}

/* What the real door lets pass: a path that begins with '/', and one Host. */
static void request(struct house *house, struct rc_sv line, struct rc_sv rest)
{
    const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;
    struct http_exchange *exchange = RC_NEW(house->arena, struct http_exchange);
    if (!blank || !exchange) return;
    uint32_t n = (uint32_t)(blank - line.p);
    struct rc_sv target = {blank + 1, line.n - n - 1};
    const char *mark = target.n ? memchr(target.p, '?', target.n) : NULL;
    struct http_request http = {
        .method = method_of((struct rc_sv){line.p, n}), .path = target, .host = RC_SV("localhost")};
    if (mark) {
        http.path.n = (uint32_t)(mark - target.p);
        http.query = (struct rc_sv){mark + 1, target.n - http.path.n - 1};
    }
    if (!http.path.n || http.path.p[0] != '/') return;
    exchange->arena = house->arena;
    exchange->headers = fuzz_part(&rest, "");
    http.body = rest;
    struct rc_sv host = http_header(exchange, "Host", NULL);
    if (host.p) http.host = host;
    struct http_server *door = house->api->http;
    door->options.handler(door->options.context, exchange, &http);
    run(house);
    FUZZ_LAW(exchange->answers == 1);
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    struct house *house = RC_NEW(arena, struct house);
    FUZZ_LAW(house != NULL);
    house->arena = arena;
    open_house(house);
    for (unsigned i = 0; i < EVENTS && input.n && rc_arena_status(arena) == RC_OK; i++) {
        struct rc_sv event = fuzz_part(&input, "."), line = fuzz_line(&event);
        struct rc_sv argument = {line.p + (line.n < 2 ? line.n : 2), line.n < 2 ? 0 : line.n - 2};
        uint64_t seconds = 0;
        if (rc_sv_starts(line, RC_SV("! "))) {
            answer(house, argument, event);
            run(house);
        } else if (rc_sv_starts(line, RC_SV("+ "))) {
            if (rc_parse_u64(argument, &seconds) && seconds <= 1000000) house->now += RC_SECONDS(seconds);
            run(house);
        } else {
            request(house, line, event);
        }
    }
    close_house(house);
}
