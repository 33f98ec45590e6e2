/* Makes a store of many commands, as the server would have written it: the engine itself, with a stand-in for the outside
 * that answers at once. Nothing is synced while it fills, so that some 20,000 commands a second are made; the store is
 * closed, and synced, at the end.
 *
 *   fill STORE DEFS [--completed N] [--failed N] [--pending N] [--deferred N] [--days N]
 *
 * DEFS is the directory defs/ or a copy. Commands of all fates come mixed, spread evenly over the last days (30). Payloads have 300 bytes;
 * eight commands belong to a project, and customers have some hundred each on average, few of them many more. What is pending
 * waits before a gate with two places, both taken; what is deferred has been tried once and waits 300 days. A store that is there is
 * filled further. Prints one JSON object. */
#include "base/limits.h"
#include "base/random.h"
#include "codec/json.h"
#include "defs/defs.h"
#include "engine/engine.h"
#include "engine/prepare.h"
#include "exec/kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAYLOAD = 300, TURN = 250, COMMANDS_OF_CUSTOMER = 100, COMMANDS_OF_PROJECT = 8 };
#define DAY RC_SECONDS(86400)

enum fate { COMPLETED, FAILED, PENDING, DEFERRED, FATES };
static const struct {
    const char *option, *type;
} fates[FATES] = {{"--completed", "bench.one"},
                  {"--failed", "bench.fail"},
                  {"--pending", "bench.wait"},
                  {"--deferred", "bench.defer"}};

static struct {
    struct rc_exec exec; /* first: the executor is this */
    struct rc_engine *engine;
    const struct flow_set *set;
    struct rc_arena *definitions;
    uint64_t left[FATES], total, done, seed, answered;
    rc_us begin, span; /* engine time: when the first command is made, and until the last */
    bool refused;
    struct rc_request request[TURN];
} fill;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "fill: %s\n", what);
    exit(1);
}

static void must(enum rc_status status, const struct rc_error *err)
{
    if (status != RC_OK) die(err && *err->text ? err->text : rc_status_text(status));
}

/* ---- the outside -------------------------------------------------------------------------------------------------- */

static struct rc_result result_of(struct rc_sv path, struct rc_arena *arena)
{
    struct rc_result result = {
        .reach = RC_ANSWERED, .usable = true, .status = 200, .headers = {.kind = CEL_MAP}};
    char body[64];
    snprintf(body, sizeof body, "{\"ok\":true,\"id\":%llu}",
             1000000000ULL + (unsigned long long)++fill.answered);
    if (rc_sv_eq(path, RC_SV("/ok"))) {
        must(rc_json_parse(rc_sv_of(body), arena, &result.body, NULL), NULL);
        return result;
    }
    if (rc_sv_eq(path, RC_SV("/fail"))) result.status = 429;
    if (rc_sv_eq(path, RC_SV("/defer")))
        result = (struct rc_result){
            .reach = RC_NOT_SENT, .why = RC_WHY_NOT_SENT, .error = RC_SV("connection refused")};
    return result;
}

static struct rc_sv path_of(struct cel_value request)
{
    for (uint32_t i = 0; i < request.n; i++)
        if (rc_sv_eq(cel_text(request.v.items[2 * (size_t)i]), RC_SV("path")))
            return cel_text(request.v.items[2 * (size_t)i + 1]);
    return (struct rc_sv){0};
}

static enum rc_status start(struct rc_exec *exec, const struct rc_start *start)
{
    (void)exec;
    const struct rc_effect *effect = &start->effect;
    struct rc_sv path = path_of(effect->request);
    if (!rc_sv_eq(path, RC_SV("/later"))) {
        struct rc_arena *arena = rc_arena_new(1024, 1 << 20);
        void *room = arena ? rc_alloc(arena, RC_ANSWER_ROOM) : NULL;
        if (!room) die("out of memory");
        struct rc_answer answer = {.arena = arena,
                                   .room = room,
                                   .of = effect->of,
                                   .node = effect->node,
                                   .attempt = effect->attempt,
                                   .purpose = effect->purpose,
                                   .result = result_of(path, arena)};
        rc_engine_answer(fill.engine, &answer);
    }
    rc_arena_free(start->arena);
    return RC_OK;
}

static void end(struct rc_exec *exec)
{
    (void)exec;
}

static const struct rc_exec_kind stand_in = {start, end};

/* ---- submissions -------------------------------------------------------------------------------------------------- */

static void reply(void *context, struct rc_request *request)
{
    (void)context;
    if (request->status != RC_OK) die(request->error.text);
    rc_arena_free(request->arena); /* NULL where a command was made of it */
    fill.refused |= request->replayed;
}

static void wake(void *context)
{
    (void)context;
}

static uint64_t below(uint64_t n)
{
    return n ? rc_mix(&fill.seed) % n : 0;
}

/* Drawn without putting back, so that the counts come out. */
static enum fate draw(void)
{
    uint64_t at = below(fill.total - fill.done);
    for (int i = 0; i < FATES; i++) {
        if (at < fill.left[i]) return (enum fate)i;
        at -= fill.left[i];
    }
    return COMPLETED;
}

/* The product of two even numbers: half of all commands belong to a fifth of the customers. */
static uint64_t customer(void)
{
    uint64_t customers = fill.total / COMMANDS_OF_CUSTOMER + 1;
    return (uint64_t)((double)below(customers) * (double)below(1 << 20) / (1 << 20));
}

static void submit(struct rc_request *request, enum fate fate, uint64_t first)
{
    static const char note[] =
        "mend what the nightly build found and say so in the notes of the next release, ";
    char text[PAYLOAD + 1];
    uint64_t number = first + fill.done;
    int n = snprintf(text, sizeof text,
                     "{\"project\":1%09llu,\"customer\":1%09llu,\"region\":\"eu-%llu\",\"note\":\"",
                     (unsigned long long)(number / COMMANDS_OF_PROJECT), (unsigned long long)customer(),
                     (unsigned long long)below(8));
    for (size_t i = 0; n < PAYLOAD - 2; i++) text[n++] = note[i % (sizeof note - 1)];
    memcpy(text + n, "\"}", 3);

    struct rc_error err = {0};
    uint32_t nerrors;
    *request = (struct rc_request){
        .kind = RC_REQUEST_SUBMIT, .arena = rc_arena_new(2048, 1 << 20), .bytes = PAYLOAD};
    if (!request->arena) die("out of memory");
    struct rc_submission in = {.ns = RC_SV("default"), .subject = RC_SV("local"), .actor = RC_SV("local")};
    in.type = rc_copy_sv(request->arena, rc_sv_of(fates[fate].type));
    in.key = rc_text(request->arena, "fill-%016llx", (unsigned long long)rc_mix(&fill.seed));
    must(rc_json_parse((struct rc_sv){text, PAYLOAD}, request->arena, &in.payload, &err), &err);
    must(rc_prepare_submit(fill.set, &in, request->arena, &request->u.submit, &err, 1, &nerrors), &err);
    fill.left[fate]--;
    fill.done++;
}

/* ---- the engine --------------------------------------------------------------------------------------------------- */

static struct rc_tick tick(void)
{
    rc_us passed = (rc_us)((double)fill.span * (double)fill.done / (double)(fill.total + 1));
    return (struct rc_tick){.monotonic = passed, .wall = fill.begin + passed, .seed = rc_mix(&fill.seed)};
}

static void turn(void)
{
    struct rc_error err = {0};
    rc_us sleep = 0;
    must(rc_engine_turn(fill.engine, tick(), &sleep, &err), &err);
}

/* The documents of the directory, as they come into force. */
static void define(struct rc_store *store, const char *directory)
{
    static struct defs_errors errors;
    struct rc_error err = {0};
    struct defs_file *files;
    struct defs_one *found;
    uint32_t nfiles, n, old;
    struct rc_definition *there;
    must(defs_read_dir(directory, fill.definitions, &files, &nfiles, &err), &err);
    must(defs_load(files, nfiles, fill.definitions, &found, &n, &errors), &errors.error[0]);
    must(rc_read_definitions(rc_store_self(store), fill.definitions, &there, &old, &err), &err);
    struct rc_definition *rows = RC_NEW_ARRAY(fill.definitions, struct rc_definition, n);
    if (!rows) die("out of memory");
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (struct rc_definition){.kind = (uint8_t)found[i].kind,
                                         .active = true,
                                         .name = found[i].name,
                                         .text = found[i].text,
                                         .source = found[i].source,
                                         .digest = found[i].digest};
    if (!old) must(rc_store_define(store, rows, n, NULL, 0, NULL, fill.begin, &err), &err);
}

static void load_set(struct rc_store *store)
{
    static struct defs_errors errors;
    struct rc_error err = {0};
    struct rc_definition *rows;
    uint32_t n, one;
    must(rc_read_definitions(rc_store_self(store), fill.definitions, &rows, &n, &err), &err);
    struct rc_new_definition *list = RC_NEW_ARRAY(fill.definitions, struct rc_new_definition, n);
    if (!list) die("out of memory");
    for (uint32_t i = 0; i < n; i++) {
        struct defs_one *found;
        const struct defs_file file = {rows[i].source, rows[i].text};
        must(defs_parse(file, fill.definitions, &found, &one, &errors), &errors.error[0]);
        list[i] = (struct rc_new_definition){rows[i], found->flow, found->dependency};
        if (found->flow) found->flow->id = rows[i].id, found->flow->version = rows[i].version;
        if (found->dependency)
            found->dependency->id = rows[i].id, found->dependency->version = rows[i].version;
    }
    must(rc_set_make(list, n, fill.definitions, &fill.set), NULL);
}

static uint64_t open_all(const char *path, const char *directory)
{
    struct rc_error err = {0};
    struct rc_store *store;
    struct rc_high high;
    struct rc_sqlite_options options = {.path = path};
    must(rc_sqlite_open(&options, &store, &err), &err);
    rc_store_close(
        store); /* a server has opened it: the file beside it that says so is there, and the next one does not hold */
    options.unsafe_no_sync = true;
    must(rc_sqlite_open(&options, &store, &err), &err);
    fill.definitions = rc_arena_new(0, 1 << 30);
    if (!fill.definitions) die("out of memory");
    define(store, directory);
    load_set(store);
    must(rc_read_high(rc_store_self(store), &high, &err), &err);
    fill.seed = high.change + 1;
    fill.exec.kind = &stand_in;
    const struct rc_ports ports = {
        .store = store, .exec = {&fill.exec}, .reply = reply, .wake = wake, .hold = {.unsafe_off = true}};
    must(rc_engine_new(&ports, fill.set, tick(), &fill.engine, &err), &err);
    return high.seq;
}

static void read_options(int argc, char **argv)
{
    uint64_t days = 30;
    for (int i = 3; i + 1 < argc; i += 2) {
        uint64_t number = strtoull(argv[i + 1], NULL, 10);
        bool known = strcmp(argv[i], "--days") == 0;
        if (known) days = number;
        for (int k = 0; k < FATES; k++) {
            if (strcmp(argv[i], fates[k].option) != 0) continue;
            fill.left[k] = number;
            fill.total += number;
            known = true;
        }
        if (!known) die("there is no such option");
    }
    fill.span = days * DAY;
    fill.begin = rc_clock_wall() - fill.span;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc % 2 == 0)
        die("fill STORE DEFS [--completed N] [--failed N] [--pending N] [--deferred N] [--days N]");
    read_options(argc, argv);
    uint64_t first = open_all(argv[1], argv[2]);
    rc_us began = rc_clock_monotonic();
    while (fill.done < fill.total) {
        uint32_t n = 0;
        for (; n < TURN && fill.done < fill.total; n++) {
            submit(&fill.request[n], draw(), first);
            if (n) fill.request[n - 1].next = &fill.request[n];
        }
        must(rc_engine_post_all(fill.engine, fill.request), NULL);
        turn();
    }
    struct rc_engine_stats stats;
    for (int i = 0; i < 4; i++) turn(); /* what was answered last */
    rc_engine_stats(fill.engine, &stats);
    if (fill.refused || stats.submitted != fill.total || stats.faults) die("not every command was made");
    double took = (double)(rc_clock_monotonic() - began) / 1e6;
    rc_engine_free(fill.engine); /* closes the store */
    rc_arena_free(fill.definitions);
    printf("{\"commands\": %llu, \"seconds\": %.1f, \"per_s\": %.0f}\n", (unsigned long long)fill.total, took,
           (double)fill.total / took);
    return 0;
}
