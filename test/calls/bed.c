/* The server of a test, its outside world, and the laws that hold at every call. */
#include "bed.h"

#include "../api/door.h"
#include "failing.h"
#include "folder.h"

#include "api/call.h"
#include "base/num.h"
#include "base/random.h"
#include "cli/run.h"
#include "codec/json.h"
#include "defs/defs.h"
#include "engine/load.h"
#include "engine/prepare.h"
#include "exec/kind.h"
#include "server/admin.h"
#include "server/server.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TURNS = 64, TRIES = 20, ROUNDS = 400, PICTURE = 64 << 10, DEEDS = 64 };

static const char definitions[] =
    "dependency: out\n"
    "kind: http\n"
    "base: http://127.0.0.1:1/base\n"
    "limits: {concurrent: 2}\n"
    "---\n"
    "flow: order\n"
    "payload: {type: object, required: [text], properties: {text: {type: string}}}\n"
    "refs: {customer: \"${payload.text}\"}\n"
    "steps:\n"
    "  - id: make\n"
    "    call: out\n"
    "    with: {method: POST, path: \"/made/${payload.text}\", body: {text: \"${payload.text}\"}}\n"
    "    timeout: 10s\n"
    "    retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 6}}\n"
    "    check:\n"
    "      with: {method: GET, path: \"/made/${payload.text}\"}\n"
    "      happened: size(response.body) == 1\n"
    "      outputs: {id: \"${response.body[0].id}\"}\n"
    "      retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 6}}\n"
    "    undo:\n"
    "      with: {method: DELETE, path: \"/made/${outputs.id}\"}\n"
    "      repeatable: true\n"
    "      retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 6}}\n"
    "    outputs: {id: \"${response.body.id}\"}\n"
    "    external_id: id\n"
    "  - id: tell\n"
    "    call: out\n"
    "    needs: [make]\n"
    "    with: {method: PUT, path: \"/told/${steps.make.outputs.id}\"}\n"
    "    repeatable: true\n"
    "    retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 6}}\n"
    "    undo: {with: {method: DELETE, path: \"/told/${payload.text}\"}, repeatable: true}\n"
    "---\n"
    "flow: plain\n"
    "payload: {type: object, required: [text], properties: {text: {type: string}}}\n"
    "refs: {customer: \"${payload.text}\"}\n"
    "steps:\n"
    "  - id: send\n"
    "    call: out\n"
    "    with: {method: POST, path: \"/sent/${payload.text}\"}\n";

/* What the scenarios of blocks, people, signals, lanes, children, times and workers need beside it. */
static const char more_definitions[] =
    "---\n"
    "dependency: crew\n"
    "kind: worker\n"
    "lease: 30s\n"
    "---\n"
    "flow: wide\n"
    "payload: {type: object, required: [text], properties: {text: {type: string}}}\n"
    "refs: {customer: \"${payload.text}\"}\n"
    "steps:\n"
    "  - id: both\n"
    "    parallel:\n"
    "      - {id: left, call: out, with: {method: PUT, path: \"/left/${payload.text}\"}, repeatable: true, "
    "undo: {with: {method: DELETE, path: /left}, repeatable: true}}\n"
    "      - {id: right, call: out, with: {method: PUT, path: \"/right/${payload.text}\"}, repeatable: true, "
    "undo: {with: {method: DELETE, path: /right}, repeatable: true}}\n"
    "      - {id: sum, needs: [left], set: {n: 1}}\n"
    "    undo: block\n"
    "  - id: items\n"
    "    each: \"${['x', 'y']}\"\n"
    "    max: 2\n"
    "    steps:\n"
    "      - {id: give, call: out, with: {method: PUT, path: \"/give/${item}\"}, repeatable: true, "
    "undo: {with: {method: DELETE, path: /give}, repeatable: true}}\n"
    "  - id: pick\n"
    "    choose:\n"
    "      - if: payload.text == 'a'\n"
    "        steps: [{id: nap, sleep: 1s}]\n"
    "      - else: []\n"
    "  - id: sure\n"
    "    confirm: {holds: steps.sum.outputs.n == 1}\n"
    "    every: 1s\n"
    "    within: 5s\n"
    "---\n"
    "flow: parent\n"
    "payload: {type: object, required: [text], properties: {text: {type: string}}}\n"
    "steps:\n"
    "  - {id: kid, flow: child, with: {text: \"${payload.text}\"}}\n"
    "---\n"
    "flow: child\n"
    "payload: {type: object, required: [text], properties: {text: {type: string}}}\n"
    "steps:\n"
    "  - {id: put, call: out, with: {method: PUT, path: \"/child/${payload.text}\"}, repeatable: true, "
    "undo: {with: {method: DELETE, path: /child}, repeatable: true}}\n"
    "---\n"
    "flow: waits\n"
    "payload: {type: object, required: [text], properties: {text: {type: string}}}\n"
    "steps:\n"
    "  - {id: paid, wait: {signal: paid, id: \"${payload.text}\"}}\n"
    "---\n"
    "flow: asked\n"
    "payload: {type: object, required: [text], properties: {text: {type: string}}}\n"
    "steps:\n"
    "  - {id: may, approve: {need: 1}, within: 5s, on_timeout: reject}\n"
    "  - {id: put, call: out, with: {method: PUT, path: /asked}, repeatable: true}\n"
    "---\n"
    "flow: lane\n"
    "payload: {type: object, required: [text], properties: {text: {type: string}}}\n"
    "concurrency: {limit: 1}\n"
    "steps:\n"
    "  - {id: put, call: out, with: {method: PUT, path: \"/lane/${payload.text}\"}, repeatable: true}\n"
    "---\n"
    "flow: latest\n"
    "payload: {type: object, required: [text], properties: {text: {type: string}}}\n"
    "concurrency: {limit: 1, when_full: replace}\n"
    "steps:\n"
    "  - {id: nap, sleep: 5s}\n"
    "---\n"
    "flow: crew\n"
    "payload: {type: object, required: [text], properties: {text: {type: string}}}\n"
    "steps:\n"
    "  - {id: lift, call: crew, with: {task: lift, input: \"${payload.text}\"}, repeatable: true}\n";

struct deed {            /* an attempt that has left */
    struct rc_answer of; /* without a result */
    char path[64];
    bool answered;
};

struct ask {
    struct bed_ask seen;
    struct http_exchange exchange;
    char text[BED_TEXT];
};

struct bed {
    struct rc_exec exec; /* first: it is the executor */
    struct bed_flaws flaws;
    char folder[256], store_path[300];
    char broken[512];
    char last_id[80], kept_id[80]; /* kept_id: as it was at the last bed_keep */
    bool behind;                   /* a request was not granted since bed_heal */
    bool works;                    /* there is a worker */
    /* the server */
    struct rc_arena *definitions;
    struct shelf shelf;
    struct rc_store *store;
    struct rc_suspects *suspects;
    struct rc_engine *engine;
    struct rc_api *api;
    enum rc_status last; /* of the last turn */
    rc_us sleep;
    struct outside {
        struct deed deed[DEEDS];
        uint32_t ndeeds,
            performed[DEEDS]; /* performed: how often, beside the first deed of its step and purpose */
        rc_us now;
    } outside, kept; /* kept: as it was at the last bed_keep */
    struct ask ask[BED_EVENTS];
    struct rc_arena *scratch;
    char picture[PICTURE];
    uint32_t npicture;
};

static _Atomic uint32_t drawn; /* random numbers since the life began */

/* Takes the place of base/random.c. The low half of every number of 8 bytes is 0, so that ids of commands are known:
 * 0000000100000000 is the first. */
enum rc_status rc_random(void *ret_bytes, size_t n)
{
    const uint32_t number = ++drawn;
    memset(ret_bytes, 0, n);
    if (n >= 8) memcpy((char *)ret_bytes + 4, &number, sizeof number);
    return RC_OK;
}

static void RC_PRINTF(2, 3) broken(struct bed *bed, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!bed->broken[0]) vsnprintf(bed->broken, sizeof bed->broken, format, args);
    va_end(args);
}

/* ---- outside ---------------------------------------------------------------------------------------------------------- */

/* The first deed for the same thing: same step, act or undo. */
static uint32_t first_of(const struct bed *bed, const struct rc_answer *of)
{
    uint32_t i = 0;
    while (bed->outside.deed[i].of.of.id != of->of.id || bed->outside.deed[i].of.node != of->node ||
           bed->outside.deed[i].of.purpose != of->purpose)
        i++;
    return i;
}

/* Whether the step is done at this moment, as the outside sees it. */
static bool is_done(const struct bed *bed, const struct rc_answer *of)
{
    uint32_t acts = 0, undos = 0;
    for (uint32_t i = 0; i < bed->outside.ndeeds; i++) {
        const struct rc_answer *one = &bed->outside.deed[i].of;
        if (one->of.id != of->of.id || one->node != of->node) continue;
        if (one->purpose == RC_ACT) acts += bed->outside.performed[i];
        if (one->purpose == RC_UNDO) undos += bed->outside.performed[i];
    }
    return acts > undos;
}

/* It is done when it arrives. Act and undo of one thing are done once; where the flow says that it may be repeated, the outside
 * knows its key and does nothing more. */
static void perform(struct bed *bed, const struct rc_answer *of, bool repeatable)
{
    bool done = is_done(bed, of);
    if (of->purpose == RC_ACT && done && !repeatable)
        broken(bed, "step %u of command %llu was done twice", of->node, (unsigned long long)of->of.id);
    if ((of->purpose == RC_ACT && !done) || (of->purpose == RC_UNDO && done))
        bed->outside.performed[first_of(bed, of)]++;
}

/* An attempt leaves: the store has it already, as this one. */
static void check_recorded(struct bed *bed, const struct rc_effect *effect)
{
    struct rc_command command;
    struct rc_error err = {0};
    uint32_t attempt = effect->attempt + bed->flaws.early;
    rc_arena_reset(bed->scratch);
    enum rc_status status = rc_load_command(rc_store_self(bed->store), rc_engine_definitions(bed->engine),
                                            effect->of.id, bed->scratch, &command, NULL, NULL, &err);
    if (status != RC_OK)
        broken(bed, "an attempt leaves for a command that is not there: %s", err.text);
    else if (command.node[effect->node].attempt != attempt ||
             command.node[effect->node].phase != RC_PHASE_OPEN)
        broken(bed, "attempt %u of step %u leaves and is not on record", attempt, effect->node);
}

static enum rc_status on_start(struct rc_exec *exec, const struct rc_start *start)
{
    struct bed *bed = (struct bed *)(void *)exec;
    const struct rc_effect *effect = &start->effect;
    if (bed->outside.ndeeds == DEEDS) return RC_NOMEM;
    failing_pause();
    check_recorded(bed, effect);
    struct deed *deed = &bed->outside.deed[bed->outside.ndeeds];
    *deed = (struct deed){
        .of = {
            .of = effect->of, .node = effect->node, .attempt = effect->attempt, .purpose = effect->purpose}};
    const struct cel_value *path = cel_map_get(&effect->request, "path"),
                           *method = cel_map_get(&effect->request, "method");
    if (path && method)
        snprintf(deed->path, sizeof deed->path, "%.*s %.*s", RC_SV_ARG(cel_text(*method)),
                 RC_SV_ARG(cel_text(*path)));
    deed->of.arena = rc_arena_new(0, 1 << 20);
    if (deed->of.arena) deed->of.room = rc_alloc(deed->of.arena, RC_ANSWER_ROOM);
    bed->outside.performed[bed->outside.ndeeds++] = 0;
    perform(bed, &deed->of, strncmp(deed->path, "PUT ", 4) == 0);
    failing_resume();
    rc_arena_free(start->arena);
    return RC_OK;
}

static void on_close(struct rc_exec *exec)
{
    (void)exec;
}

static struct deed *oldest_out(struct bed *bed)
{
    for (uint32_t i = 0; i < bed->outside.ndeeds; i++)
        if (!bed->outside.deed[i].answered) return &bed->outside.deed[i];
    return NULL;
}

/* status 0: lost. */
static void give(struct bed *bed, struct deed *deed, unsigned status, const char *body)
{
    struct rc_answer answer = deed->of;
    struct rc_result *result = &answer.result;
    failing_pause();
    deed->answered = true;
    *result = (struct rc_result){.reach = RC_SENT, .why = RC_WHY_TIMEOUT};
    if (status)
        *result = (struct rc_result){
            .reach = RC_ANSWERED, .usable = true, .status = (uint16_t)status, .headers = {.kind = CEL_MAP}};
    if (status && rc_json_parse(rc_sv_of(body), answer.arena, &result->body, NULL) != RC_OK)
        broken(bed, "the outside's own answer is no JSON");
    failing_resume();
    rc_engine_answer(bed->engine, &answer);
}

/* As the outside is. */
static void give_truth(struct bed *bed, struct deed *deed)
{
    bool done = is_done(bed, &deed->of);
    bool asks = deed->of.purpose == RC_CHECK || deed->of.purpose == RC_UNDO_CHECK;
    give(bed, deed, deed->of.purpose == RC_ACT ? 201 : 200,
         asks && !done ? "[]"
         : asks        ? "[{\"id\": \"x\"}]"
                       : "{\"id\": \"x\"}");
}

/* ---- the server ------------------------------------------------------------------------------------------------------- */

static struct rc_tick tick(const struct bed *bed)
{
    return (struct rc_tick){
        .monotonic = bed->outside.now, .wall = RC_SECONDS(1800000000) + bed->outside.now, .seed = 1};
}

static enum rc_status open_store(const struct bed *bed, struct rc_store **ret, struct rc_error *err)
{
    const struct rc_sqlite_options options = {.path = bed->store_path, .reserve = 1, .index_after = 3};
    return rc_sqlite_open(&options, ret, err);
}

static enum rc_status on_reopen(void *context, struct rc_store *old, struct rc_store **ret,
                                struct rc_error *err)
{
    struct bed *bed = context;
    shelf_clear(&bed->shelf, false);
    bed->store = NULL;
    if (old) rc_store_close(old);
    enum rc_status status = open_store(bed, ret, err);
    if (status != RC_OK) return status;
    bed->store = *ret;
    shelf_put(&bed->shelf, *ret);
    return RC_OK;
}

static void on_reply(void *context, struct rc_request *request)
{
    struct bed *bed = context;
    struct rc_receiver *receiver = request->owner;
    if (bed->flaws.answers && request->status != RC_OK && request->kind == RC_REQUEST_SUBMIT) {
        request->status = RC_OK;
        request->command.seq = 1;
        request->command.state = RC_PENDING;
    }
    receiver->receive(receiver, request);
}

static void on_changed(void *context, const struct rc_outline *outline)
{
    const struct bed *bed = context;
    if (bed->api) rc_api_changed(bed->api, outline);
}

static void on_wake(void *context)
{
    (void)context;
}

static enum rc_status open_engine(struct bed *bed, struct rc_error *err)
{
    const struct flow_set *set = NULL;
    struct rc_store *store = NULL;
    bed->definitions = rc_arena_new(64 << 10, 1 << 30);
    if (!bed->definitions) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = open_store(bed, &store, err);
    if (status != RC_OK) return status;
    status = definitions_load(rc_store_self(store), bed->definitions, &set, err);
    if (status == RC_OK) status = page_open(bed->store_path, &bed->suspects, err);
    const struct rc_ports ports = {.store = store,
                                   .reopen = on_reopen,
                                   .definitions = definitions_again,
                                   .exec = {&bed->exec},
                                   .reply = on_reply,
                                   .changed = on_changed,
                                   .wake = on_wake,
                                   .suspects = bed->suspects,
                                   .context = bed};
    if (status == RC_OK) status = rc_engine_new(&ports, set, tick(bed), &bed->engine, err);
    if (status != RC_OK) {
        rc_store_close(store);
        return status;
    }
    bed->store = store;
    shelf_put(&bed->shelf, store);
    return RC_OK;
}

static void close_all(struct bed *bed)
{
    shelf_clear(&bed->shelf, true);
    if (bed->engine) rc_engine_free(bed->engine);
    page_close(bed->suspects);
    rc_api_close(bed->api);
    rc_arena_free(bed->definitions);
    for (struct deed *deed; (deed = oldest_out(bed)); deed->answered = true) rc_arena_free(deed->of.arena);
    bed->engine = NULL;
    bed->suspects = NULL;
    bed->api = NULL;
    bed->store = NULL;
    bed->definitions = NULL;
}

static enum rc_status start(struct bed *bed, struct rc_error *err)
{
    shelf_init(&bed->shelf);
    enum rc_status status = open_engine(bed, err);
    const struct rc_api_options options = {.address = "127.0.0.1",
                                           .slow = RC_SECONDS(3600),
                                           .port = 1,
                                           .engine = bed->engine,
                                           .shelf = shelf_door(&bed->shelf),
                                           .version = "0"};
    if (status == RC_OK) status = rc_api_open(&options, &bed->api, err);
    if (status != RC_OK) close_all(bed);
    return status;
}

static void turns(struct bed *bed)
{
    bed->sleep = 0;
    for (unsigned i = 0; i < TURNS && bed->sleep == 0; i++) {
        bed->last = rc_engine_turn(bed->engine, tick(bed), &bed->sleep, NULL);
        rc_api_flush(bed->api);
        door_turn(bed->api->http);
    }
    if (bed->sleep == 0 && bed->last == RC_OK) broken(bed, "it turns for ever");
}

/* As long as it says that it cannot work, a little time passes between tries, as in server/loop.c. */
static void run(struct bed *bed)
{
    turns(bed);
    for (unsigned i = 0; i < 8 && bed->last != RC_OK; i++) {
        bed->outside.now += RC_MS(200);
        turns(bed);
    }
}

bool bed_is_up(const struct bed *bed)
{
    return bed->engine != NULL;
}

void bed_stop(struct bed *bed)
{
    if (!bed_is_up(bed)) return;
    rc_api_drain(bed->api);
    rc_engine_drain(bed->engine);
    run(bed);
    close_all(bed);
}

/* ---- requests --------------------------------------------------------------------------------------------------------- */

/* behind: something before it was refused, which it may rest on. */
static bool may_be(int status, int expected, bool behind)
{
    if (behind && status >= 400 && status < 500) return true;
    return status == expected || status == 0 || status == rc_status_http(RC_IO) ||
           status == rc_status_http(RC_FULL);
}

/* Every answer: once; what was expected, or that there is no memory or no storage now; and a problem has its code, unless there was
 * no memory for words. */
void door_answered(struct http_exchange *exchange, int status, const struct http_field *fields,
                   uint32_t nfields, struct rc_sv body)
{
    (void)fields, (void)nfields;
    struct bed_ask *seen = exchange->context;
    static const char code[] = "\"code\":", id[] = "\"id\":\"", lease[] = "\"tasks\":[{\"lease\":\"";
    seen->answers = exchange->answers;
    seen->status = status;
    seen->n = body.n < BED_BODY ? body.n : BED_BODY - 1;
    if (seen->n) memcpy(seen->body, body.p, seen->n);
    seen->body[seen->n] = 0;
    if (status >= 400 && body.n && !strstr(seen->body, code) && !strstr(seen->body, "\"ready\""))
        seen->answers = 99; /* no problem */
    const char *at = status < 300 ? strstr(seen->body, lease) : NULL;
    at = at ? at + sizeof lease - 1 : status < 300 ? strstr(seen->body, id) : NULL;
    if (!at) return;
    if (!strstr(seen->body, lease)) at += sizeof id - 1;
    snprintf(seen->id, sizeof seen->id, "%.*s", (int)strcspn(at, "\""), at);
}

/* "<id>" becomes the last id; false: there is none. */
static bool fill_in(struct bed *bed, const char *event, char *ret)
{
    const char *hole = strstr(event, "<id>");
    if (!hole) {
        snprintf(ret, BED_TEXT, "%s", event);
        return true;
    }
    if (!bed->last_id[0]) return false;
    snprintf(ret, BED_TEXT, "%.*s%s%s", (int)(hole - event), event, bed->last_id, hole + 4);
    return true;
}

static void request(struct bed *bed, struct ask *ask, const char *event)
{
    if (!bed_is_up(bed) || !fill_in(bed, event, ask->text)) return;
    char *target = strchr(ask->text, ' ');
    const char *status = ask->text;
    char *method = target + 1;
    target = strchr(method, ' ');
    char *line_end = strchr(target, '\n'), *body = strstr(target, "\n\n");
    struct http_request http = {.method = door_method((struct rc_sv){method, (uint32_t)(target - method)}),
                                .host = RC_SV("localhost")};
    uint32_t n = line_end ? (uint32_t)(line_end - target - 1) : (uint32_t)strlen(target + 1);
    if (!door_target((struct rc_sv){target + 1, n}, &http)) return;
    if (body) http.body = rc_sv_of(body + 2);
    ask->exchange = (struct http_exchange){.context = &ask->seen};
    if (line_end && body > line_end)
        ask->exchange.headers = (struct rc_sv){line_end + 1, (uint32_t)(body - line_end)};
    else
        ask->exchange.headers = RC_SV("Content-Type: application/json\n");
    door_ask(bed->api->http, &ask->exchange, &http);
    run(bed);
    ask->seen.answers = ask->seen.answers == 99 ? 99 : ask->exchange.answers;
    if (ask->seen.answers != 1)
        broken(bed, "%.40s: %u answers, the last one %d: %.200s", event, ask->seen.answers, ask->seen.status,
               ask->seen.body);
    int expected = atoi(status);
    const char *other =
        strchr(status, '|') && strchr(status, '|') < method ? strchr(status, '|') + 1 : status;
    if (!may_be(ask->seen.status, expected, bed->behind) && ask->seen.status != atoi(other))
        broken(bed, "%.40s: answered %d: %.300s", event, ask->seen.status, ask->seen.body);
    bed->behind |= ask->seen.status != expected;
    if (ask->seen.id[0] && http.method == HTTP_POST && ask->seen.status < 300)
        snprintf(bed->last_id, sizeof bed->last_id, "%s", ask->seen.id);
}

/* ---- other events ------------------------------------------------------------------------------------------------------- */

/* {f} is the folder. Exit code and what is said go where a request's status and body do. */
static void command(struct bed *bed, struct ask *ask, const char *line)
{
    static const struct {
        const char *name;
        int (*run)(const struct cli_args *);
    } programs[] = {{"backup", backup_run},
                    {"export", export_run},
                    {"import", import_run},
                    {"token", token_create},
                    {"audit", audit_run}};
    char *argv[16] = {(char[]){"recourse"}}, *out = ask->text;
    int argc = 1;
    for (const char *p = line; *p && argc < 15;) {
        argv[argc++] = out;
        for (; *p && *p != ' '; p++) {
            if (strncmp(p, "{f}", 3) == 0)
                out += sprintf(out, "%s", bed->folder), p += 2;
            else
                *out++ = *p;
        }
        *out++ = 0;
        while (*p == ' ') p++;
    }
    struct cli_args args = {0};
    off_t before = lseek(STDERR_FILENO, 0, SEEK_END);
    int code = cli_parse(argc, argv, &args);
    for (size_t i = 0; code == CLI_OK && i < sizeof programs / sizeof *programs; i++)
        if (strcmp(programs[i].name, argv[1]) == 0) {
            code = programs[i].run(&args);
            break;
        }
    ask->seen.answers = 1;
    ask->seen.status = code == CLI_OK ? 200 : 503;
    if (code != CLI_OK && lseek(STDERR_FILENO, 0, SEEK_END) == before)
        broken(bed, "%.60s: exit code %d and not a word", line, code);
}

void bed_event(struct bed *bed, unsigned index, const char *event)
{
    struct ask *ask = &bed->ask[index];
    struct rc_error err = {0};
    if (strcmp(event, "@start") == 0) {
        ask->seen.answers = 1;
        ask->seen.status = bed_is_up(bed) || start(bed, &err) == RC_OK ? 200 : 503;
        if (ask->seen.status != 200 && !err.text[0]) broken(bed, "it does not start, and does not say why");
        if (bed_is_up(bed)) run(bed);
    } else if (strcmp(event, "@stop") == 0) {
        bed_stop(bed);
    } else if (strncmp(event, "@run ", 5) == 0) {
        command(bed, ask, event + 5);
    } else if (event[0] == '+') {
        bed->outside.now += RC_SECONDS((uint64_t)atoi(event + 1));
        if (bed_is_up(bed)) run(bed);
    } else if (event[0] == '!') {
        struct deed *deed = bed_is_up(bed) ? oldest_out(bed) : NULL;
        int status = atoi(event + 1);
        if (!deed) return;
        if (status >= 400 && deed->of.purpose == RC_ACT) bed->outside.performed[first_of(bed, &deed->of)] = 0;
        if (status == 0 || status >= 400)
            give(bed, deed, (unsigned)status, "{}");
        else
            give_truth(bed, deed);
        run(bed);
    } else {
        request(bed, ask, event);
    }
}

const struct bed_ask *bed_asked(const struct bed *bed, unsigned index)
{
    return &bed->ask[index].seen;
}

void bed_forget(struct bed *bed, unsigned index)
{
    struct bed_ask *seen = &bed->ask[index].seen;
    seen->answers = 0;
    seen->status = 0;
    seen->id[0] = seen->body[0] = 0; /* not all of it: it is large, and this is done thousands of times */
    seen->n = 0;
}

/* ---- afterwards --------------------------------------------------------------------------------------------------------- */

bool bed_heal(struct bed *bed)
{
    bed->behind = false;
    struct rc_error err = {0};
    if (!bed_is_up(bed) && start(bed, &err) != RC_OK) {
        broken(bed, "it does not start again: %s", err.text);
        return false;
    }
    for (unsigned i = 0; i < TRIES; i++) {
        struct rc_engine_stats stats;
        turns(bed);
        rc_engine_stats(bed->engine, &stats);
        if (bed->last == RC_OK && stats.healthy && stats.room && stats.queued == 0) return true;
        bed->outside.now += RC_SECONDS(1);
    }
    broken(bed, "it cannot work any more, without a fault: status %d", (int)bed->last);
    return false;
}

/* A worker that does all that waits, one after the other. False: there was nothing. */
static bool has_worked(struct bed *bed)
{
    struct ask *ask = &bed->ask[BED_EVENTS - 1];
    static const char key[] = "\"lease\":\"";
    char report[BED_TEXT];
    bed_forget(bed, BED_EVENTS - 1);
    request(bed, ask, "200 POST /v1/work/lease\nContent-Type: application/json\n\n{\"queues\":[\"crew\"]}");
    const char *lease = strstr(ask->seen.body, key);
    if (!lease) return false;
    lease += sizeof key - 1;
    snprintf(report, sizeof report,
             "200 POST /v1/work/report\nContent-Type: application/json\n\n"
             "{\"results\":[{\"lease\":\"%.*s\",\"outcome\":\"succeeded\"}]}",
             (int)strcspn(lease, "\""), lease);
    bed_forget(bed, BED_EVENTS - 1);
    request(bed, ask, report);
    return true;
}

bool bed_rest(struct bed *bed)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (bed->works && has_worked(bed)) continue;
        struct deed *deed = oldest_out(bed);
        if (!deed && bed->sleep == UINT64_MAX) return true;
        if (deed)
            give_truth(bed, deed);
        else
            bed->outside.now += bed->sleep < RC_SECONDS(10) ? bed->sleep : RC_SECONDS(10);
        run(bed);
    }
    broken(bed, "it does not come to rest");
    return false;
}

/* Members that say what something is, as they come; what depends on chance or time is left out. */
static void add_members(struct bed *bed, const char *json)
{
    static const char *const members[] = {"key",     "type",     "state", "name",   "role",
                                          "subject", "version",  "kind",  "action", "result",
                                          "owner",   "max_open", "digest"};
    for (const char *p = json; (p = strchr(p, '"'));) {
        const char *end = strchr(p + 1, '"');
        if (!end) return;
        bool wanted = false;
        for (size_t i = 0; end[1] == ':' && i < sizeof members / sizeof *members; i++)
            wanted |= strlen(members[i]) == (size_t)(end - p - 1) &&
                      strncmp(members[i], p + 1, (size_t)(end - p - 1)) == 0;
        size_t n = wanted ? strcspn(end, ",}]") : 0;
        static const char *const first[] = {"\"type\"", "\"name\"", "\"subject\""};
        bool begins = false;
        for (size_t i = 0; wanted && i < sizeof first / sizeof *first; i++)
            begins |= strncmp(p, first[i], strlen(first[i])) == 0;
        if (begins && bed->npicture + 40 < PICTURE) bed->picture[bed->npicture++] = '\n';
        if (wanted && bed->npicture + n + 40 < PICTURE)
            bed->npicture +=
                (uint32_t)sprintf(bed->picture + bed->npicture, "%.*s%.*s ", (int)(end - p), p, (int)n, end);
        p = end + 1 + n;
        if (end[1] == ':' && !wanted && end[2] == '"') { /* a text: its quotes are not those of a member */
            p = end + 3;
            while (*p && *p != '"') p += *p == '\\' && p[1] ? 2 : 1;
            if (*p) p++;
        }
    }
}

static int by_path(const void *a, const void *b)
{
    const struct deed *const *one = a, *const *other = b;
    return strcmp((*one)->path, (*other)->path);
}

static int by_text(const void *a, const void *b)
{
    const char *const *one = a, *const *other = b;
    return strcmp(*one, *other);
}

/* What is asked for twice may come in another order. */
static void sort_lines(struct bed *bed)
{
    static char sorted[PICTURE];
    const char *line[1024];
    size_t n = 0, at = 0;
    bed->picture[bed->npicture] = 0;
    for (char *rest = bed->picture, *one; n < 1024 && (one = strsep(&rest, "\n"));)
        if (*one) line[n++] = one;
    qsort(line, n, sizeof *line, by_text);
    for (size_t i = 0; i < n; i++) at += (size_t)snprintf(sorted + at, sizeof sorted - at, "%s\n", line[i]);
    memcpy(bed->picture, sorted, at + 1);
    bed->npicture = (uint32_t)at;
}

const char *bed_picture(struct bed *bed)
{
    static const char *const looks[] = {"200 GET /v1/commands?limit=100", "200 GET /v1/namespaces",
                                        "200 GET /v1/tokens", "200 GET /v1/definitions", "200 GET /v1/bulk"};
    bed->npicture = 0;
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        struct ask *ask = &bed->ask[BED_EVENTS - 1];
        bed_forget(bed, BED_EVENTS - 1);
        request(bed, ask, looks[i]);
        if (ask->seen.status != 200) broken(bed, "%s: %d without a fault", looks[i], ask->seen.status);
        add_members(bed, ask->seen.body);
        bed->npicture += (uint32_t)sprintf(bed->picture + bed->npicture, "\n");
    }
    const struct deed *done[DEEDS];
    size_t n = 0;
    for (uint32_t i = 0; i < bed->outside.ndeeds; i++)
        for (uint32_t k = 0; k < bed->outside.performed[i] && n < DEEDS; k++)
            done[n++] = &bed->outside.deed[i];
    qsort(done, n, sizeof *done, by_path);
    for (size_t i = 0; i < n && bed->npicture + 100 < PICTURE; i++)
        bed->npicture += (uint32_t)sprintf(bed->picture + bed->npicture, "%s\n", done[i]->path);
    sort_lines(bed);
    return bed->picture;
}

/* ---- the folder --------------------------------------------------------------------------------------------------------- */

void bed_keep(struct bed *bed, const char *to)
{
    bed->kept = bed->outside;
    memcpy(bed->kept_id, bed->last_id, sizeof bed->kept_id);
    bed_copy(bed, to);
}

void bed_copy(const struct bed *bed, const char *to)
{
    folder_copy(bed->folder, to);
}

void bed_lay(struct bed *bed, const char *from)
{
    folder_empty(bed->folder);
    if (from) folder_copy(from, bed->folder);
    bed->broken[0] = 0;
    if (from)
        memcpy(bed->last_id, bed->kept_id, sizeof bed->last_id);
    else
        bed->last_id[0] = bed->works = 0;
    bed->behind = false;
    bed->outside = from ? bed->kept : (struct outside){0};
    for (uint32_t i = 0; i < bed->outside.ndeeds; i++) bed->outside.deed[i].answered = true;
    drawn = 0;
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 1,
                         NULL); /* the salts of logs, too, are the same in every life */
    for (unsigned i = 0; i < BED_EVENTS; i++) bed_forget(bed, i);
}

struct digest bed_digest(const struct bed *bed)
{
    struct digest sum = {drawn, bed->outside.now};
    folder_digest(bed->folder, &sum);
    for (uint32_t i = 0; i < bed->outside.ndeeds; i++) {
        const struct deed *deed = &bed->outside.deed[i];
        const uint64_t of[] = {deed->of.of.id,   deed->of.node,  deed->of.attempt,
                               deed->of.purpose, deed->answered, bed->outside.performed[i]};
        digest_add(&sum, of, sizeof of);
        digest_add(&sum, deed->path, strlen(deed->path));
    }
    for (unsigned i = 0; i < BED_EVENTS - 2; i++) {
        const struct bed_ask *seen = &bed->ask[i].seen;
        const uint64_t of[] = {i, seen->answers, (uint64_t)seen->status};
        if (!seen->answers && !seen->status) continue;
        digest_add(&sum, of, sizeof of);
        digest_add(&sum, seen->id, strlen(seen->id));
        digest_add(&sum, seen->body, seen->n);
    }
    return sum;
}

void bed_crash(struct bed *bed, const char *by_way_of)
{
    bed_copy(bed, by_way_of);
    bed_stop(bed);
    folder_copy(by_way_of, bed->folder);
}

void bed_define(struct bed *bed, bool more)
{
    static struct defs_errors errors;
    static char text[sizeof definitions + sizeof more_definitions];
    snprintf(text, sizeof text, "%s%s", definitions, more ? more_definitions : "");
    struct defs_file file = {.source = RC_SV("bed.c"), .text = rc_sv_of(text)};
    struct rc_error err = {0};
    struct defs_one *found = NULL;
    struct rc_store *store = NULL;
    uint32_t n = 0;
    rc_arena_reset(bed->scratch);
    bed->works = more;
    bool good = defs_load(&file, 1, bed->scratch, &found, &n, &errors) == RC_OK;
    struct rc_definition *rows = RC_NEW_ARRAY(bed->scratch, struct rc_definition, n);
    for (uint32_t i = 0; good && rows && i < n; i++)
        rows[i] = (struct rc_definition){.kind = (uint8_t)found[i].kind,
                                         .name = found[i].name,
                                         .text = found[i].text,
                                         .source = found[i].source,
                                         .digest = found[i].digest};
    good = good && rows && open_store(bed, &store, &err) == RC_OK &&
           rc_store_define(store, rows, n, NULL, 0, NULL, 1, &err) == RC_OK;
    if (!good) broken(bed, "the definitions: %s%s", err.text, errors.n ? errors.error[0].text : "");
    if (store) rc_store_close(store);
}

const char *bed_broken(const struct bed *bed)
{
    return bed->broken;
}

const char *bed_store(const struct bed *bed)
{
    return bed->store_path;
}

struct bed *bed_new(const char *folder, struct bed_flaws flaws)
{
    static const struct rc_exec_kind kind = {on_start, on_close};
    struct bed *bed = calloc(1, sizeof *bed);
    if (!bed) abort();
    bed->exec.kind = &kind;
    bed->flaws = flaws;
    bed->scratch = rc_arena_new(1 << 20, 64 << 20);
    if (!bed->scratch) abort();
    snprintf(bed->folder, sizeof bed->folder, "%s", folder);
    snprintf(bed->store_path, sizeof bed->store_path, "%s/s.db", folder);
    mkdir(folder, 0700);
    return bed;
}

void bed_free(struct bed *bed)
{
    folder_empty(bed->folder);
    rmdir(bed->folder);
    rc_arena_free(bed->scratch);
    free(bed);
}
