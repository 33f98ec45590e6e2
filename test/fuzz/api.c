/* The API without sockets: requests as text, over a real engine, a store in memory, and an executor that only notes what leaves.
 *
 * The input is a list of events, each of which ends with a line "." : a request (method and target; headers; an empty line; the body), or
 * "! STATUS" and a body: the answer to the oldest attempt that has left; or "+ SECONDS". Ids are predictable: 0000000100000000 is the first
 * command; "<digest>" in a body is the last one that was shown, "<bulk>" in a target the id of the last bulk that was made. Where the first line is "@tokens", who asks needs a token (give_tokens). */
#include "fuzz.h"

#include "../api/door.h"
#include "api/call.h"
#include "base/num.h"
#include "base/random.h"
#include "codec/json.h"
#include "defs/defs.h"
#include "engine/prepare.h"
#include "exec/kind.h"
#include "secure/token.h"

#include <stdio.h>
#include <strings.h>

enum { EVENTS = 24, LEFT = 64, TURNS = 64, DIGEST = 32, BULK = RC_ID_TEXT };

static char shown[DIGEST]; /* the last digest in an answer */
static char made[BULK];    /* the id of the last bulk */

/* ---- the door (../api/door.h) ------------------------------------------------------------------------------------------ */

/* Every answer: once, no bug, no header that could start another one, and JSON that says the same status. */
void door_answered(struct http_exchange *exchange, int status, const struct http_field *fields,
                   uint32_t nfields, struct rc_sv body)
{
    struct rc_arena *arena = exchange->context;
    FUZZ_LAW(exchange->answers == 1);
    FUZZ_LAW(status >= 200 && status <= 599 && status != rc_status_http(RC_BUG));
    const char *type = "";
    for (uint32_t i = 0; i < nfields; i++) {
        for (const char *p = fields[i].value; *p; p++) FUZZ_LAW((unsigned char)*p >= ' ' && *p != 0x7f);
        if (strcasecmp(fields[i].name, "content-type") == 0) type = fields[i].value;
        if (strncmp(fields[i].value, "/v1/bulk/", 9) == 0) memcpy(made, fields[i].value + 9, BULK);
    }
    if (!body.n || !strstr(type, "json") || strstr(type, "ndjson")) return;
    static const char member[] = "\"digest\":\"";
    const char *digest = memmem(body.p, body.n, member, sizeof member - 1);
    if (digest && body.p + body.n - digest > (ptrdiff_t)(sizeof member + DIGEST))
        memcpy(shown, digest + sizeof member - 1, DIGEST);
    struct cel_value value;
    enum rc_status read = rc_json_parse_within(body, 2 * RC_MAX_JSON_DEPTH, arena, &value, NULL);
    FUZZ_LAW(read == RC_OK || rc_arena_status(arena) != RC_OK);
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

static void give_back(void *context, struct rc_reader *reader)
{
    (void)context, (void)reader;
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

/* Those who have them: one who starts commands and may speak for others, and three who decide. */
static void give_tokens(struct house *house)
{
    static const struct {
        const char *subject;
        uint8_t role;
    } tokens[] = {{"anna", RC_ROLE_ADMIN},
                  {"bert", RC_ROLE_OPERATOR},
                  {"carl", RC_ROLE_ADMIN},
                  {"dora", RC_ROLE_VIEWER}};
    for (unsigned i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        struct rc_access_change change = {.kind = RC_ACCESS_TOKEN_ADD,
                                          .token = {.id = i + 1,
                                                    .subject = rc_sv_of(tokens[i].subject),
                                                    .role = tokens[i].role,
                                                    .act_as = i == 0}};
        char text[RC_TOKEN_TEXT + 1];
        uint64_t id;
        snprintf(text, sizeof text, "rct_%016x_%064d", i + 1, 0);
        FUZZ_LAW(rc_token_parse(rc_sv_of(text), &id, change.token.digest) && id == i + 1);
        FUZZ_LAW(rc_store_access(house->store, &change, i + 1, NULL) == RC_OK);
    }
}

static void open_house(struct house *house, bool tokens)
{
    static const struct rc_exec_kind kind = {on_start, on_close};
    house->exec.kind = &kind;
    house->disk = rc_memory_disk_new();
    FUZZ_LAW(house->disk && rc_memory_open(house->disk, &house->store, NULL) == RC_OK);
    if (tokens) give_tokens(house);
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
                                           .auth = tokens ? RC_AUTH_TOKENS : RC_AUTH_NONE,
                                           .engine = house->engine,
                                           .shelf = {house, borrow, give_back, NULL},
                                           .version = "0"};
    FUZZ_LAW(rc_api_open(&options, &house->api, NULL) == RC_OK);
}

static void run(struct house *house)
{
    rc_us sleep = 0;
    for (unsigned i = 0; i < TURNS && sleep == 0; i++) {
        enum rc_status status = rc_engine_turn(house->engine, tick(house), &sleep, NULL);
        FUZZ_LAW(status == RC_OK);
        rc_api_flush(house->api);
        door_turn(house->api->http);
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
    answer->room = rc_alloc(answer->arena, RC_ANSWER_ROOM);
    FUZZ_LAW(answer->room != NULL);
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

/* With what was shown in the place of the word. */
static struct rc_sv filled(const struct house *house, struct rc_sv text, const char *word, const char *value,
                           uint32_t n)
{
    uint32_t length = (uint32_t)strlen(word);
    const char *at = text.n ? memmem(text.p, text.n, word, length) : NULL;
    char *to = at ? rc_alloc_text(house->arena, text.n - length + n) : NULL;
    if (!to) return text;
    size_t before = (size_t)(at - text.p);
    memcpy(to, text.p, before);
    memcpy(to + before, value, n);
    memcpy(to + before + n, at + length, text.n - before - length);
    return (struct rc_sv){to, text.n - length + n};
}

/* What the real door lets pass: a path that begins with '/', and one Host. */
static void request(struct house *house, struct rc_sv line, struct rc_sv rest)
{
    const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;
    struct http_exchange *exchange = RC_NEW(house->arena, struct http_exchange);
    if (!blank || !exchange) return;
    uint32_t n = (uint32_t)(blank - line.p);
    struct rc_sv target =
        filled(house, (struct rc_sv){blank + 1, line.n - n - 1}, "<bulk>", made, sizeof made);
    struct http_request http = {.method = door_method((struct rc_sv){line.p, n}), .host = RC_SV("localhost")};
    if (!door_target(target, &http)) return;
    exchange->context = house->arena;
    exchange->headers = fuzz_part(&rest, "");
    http.body = filled(house, rest, "<digest>", shown, sizeof shown);
    struct rc_sv host = http_header(exchange, "Host", NULL);
    if (host.p) http.host = host;
    door_ask(house->api->http, exchange, &http);
    run(house);
    FUZZ_LAW(exchange->answers == 1);
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    struct house *house = RC_NEW(arena, struct house);
    FUZZ_LAW(house != NULL);
    house->arena = arena;
    memset(shown, '0', sizeof shown);
    memset(made, '0', sizeof made);
    bool tokens = rc_sv_starts(input, RC_SV("@tokens\n"));
    if (tokens) (void)fuzz_line(&input);
    open_house(house, tokens);
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
