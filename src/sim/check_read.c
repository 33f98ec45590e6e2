/* JSON lines to calls and arrivals. */
#include "sim/check_read.h"

#include "base/id.h"
#include "base/limits.h"
#include "base/map.h"
#include "codec/json.h"
#include "engine/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_FIRST = 64 << 10, LINE_MEMORY = 64 << 20 };

enum rc_status check_read_file(const char *path, struct rc_arena *arena, struct check_text *ret,
                               struct rc_error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return rc_fail(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "%s: %s", path, strerror(errno));
    enum rc_status status = RC_OK;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        status = rc_fail(err, RC_INVALID, "%s: is no regular file", path);
    else if (st.st_size > CHECK_MAX_FILE)
        status = rc_fail(err, RC_LIMIT, "%s: has more than %d bytes", path, CHECK_MAX_FILE);
    char *text = status == RC_OK ? rc_alloc_text(arena, (size_t)st.st_size + 1) : NULL;
    if (status == RC_OK && !text) status = rc_fail_arena(err, arena);
    uint32_t n = 0;
    while (status == RC_OK && n < (uint64_t)st.st_size) {
        ssize_t got = read(fd, text + n, (size_t)st.st_size - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = rc_fail(err, RC_IO, "%s: %s", path, strerror(errno));
        if (got <= 0) break; /* it has become shorter */
        n += (uint32_t)got;
    }
    close(fd);
    if (status == RC_OK) *ret = (struct check_text){rc_sv_of(path), {text, n}};
    return status;
}

/* ---- lines ---------------------------------------------------------------------------------------------- */

struct reading {
    struct rc_arena *arena, *scratch; /* for good; of a line */
    const struct check_text *file;
    uint32_t line, nlines; /* of the file, of all files */
    struct cel_value value;
    const char *bad; /* the first member that is missing or wrong */
    struct rc_error *err;
};

static uint64_t lines_in(const struct check_text *files, uint32_t nfiles)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < nfiles; i++)
        for (uint32_t k = 0; k < files[i].text.n; k++) n += files[i].text.p[k] == '\n';
    return n;
}

static enum rc_status refuse(struct reading *in, enum rc_status status, const char *why)
{
    return rc_fail(in->err, status, "%.*s:%u: %s", RC_SV_ARG(in->file->name), in->line, why);
}

/* Calls `take` for every line of every file; in->value is the object that it holds. */
static enum rc_status each_line(struct reading *in, const struct check_text *files, uint32_t nfiles,
                                enum rc_status (*take)(struct reading *, void *), void *context)
{
    struct rc_error parse = {0};
    for (uint32_t i = 0; i < nfiles; i++) {
        struct rc_sv rest = files[i].text;
        in->file = &files[i];
        for (in->line = 1; rest.n; in->line++) {
            const char *end = memchr(rest.p, '\n', rest.n);
            if (!end) return refuse(in, RC_SYNTAX, "the line has no end: the file is cut off");
            struct rc_sv text = {rest.p, (uint32_t)(end - rest.p)};
            rest = (struct rc_sv){end + 1, rest.n - text.n - 1};
            if (text.n > CHECK_MAX_LINE) return refuse(in, RC_LIMIT, "the line is too long");
            rc_arena_reset(in->scratch);
            in->bad = NULL;
            enum rc_status status = rc_json_parse(text, in->scratch, &in->value, &parse);
            if (status != RC_OK) return refuse(in, status, parse.text);
            if (in->value.kind != CEL_MAP) return refuse(in, RC_INVALID, "the line is no object");
            status = take(in, context);
            if (status != RC_OK) return status;
            if (in->bad)
                return rc_fail(in->err, RC_INVALID,
                               "%.*s:%u: the member \"%s\" is missing, or is not what it may be",
                               RC_SV_ARG(in->file->name), in->line, in->bad);
        }
    }
    return RC_OK;
}

static const struct cel_value *member(struct reading *in, const char *name, bool must)
{
    const struct cel_value *value = cel_map_get(&in->value, name);
    if (value && value->kind == CEL_NULL) value = NULL;
    if (!value && must && !in->bad) in->bad = name;
    return value;
}

static struct rc_sv text_of(struct reading *in, const char *name, bool must)
{
    const struct cel_value *value = member(in, name, must);
    if (value && value->kind == CEL_STRING) return cel_text(*value);
    if (value && !in->bad) in->bad = name;
    return (struct rc_sv){"", 0};
}

static struct rc_sv kept(struct reading *in, const char *name, bool must)
{
    struct rc_sv copy = rc_copy_sv(in->arena, text_of(in, name, must));
    if (!copy.p && !in->bad) in->bad = name;
    return copy;
}

static uint64_t number_of(struct reading *in, const char *name, uint64_t most, bool must)
{
    const struct cel_value *value = member(in, name, must);
    if (value && value->kind == CEL_INT && value->v.i >= 0 && (uint64_t)value->v.i <= most)
        return (uint64_t)value->v.i;
    if (value && !in->bad) in->bad = name;
    return 0;
}

static bool flag_of(struct reading *in, const char *name)
{
    const struct cel_value *value = member(in, name, false);
    if (value && value->kind != CEL_BOOL && !in->bad) in->bad = name;
    return value && value->kind == CEL_BOOL && value->v.b;
}

static struct rc_h128 hash_of(struct reading *in, const char *name)
{
    struct rc_h128 hash = {0};
    struct rc_sv text = text_of(in, name, false);
    if (text.n && !rc_h128_parse(text, &hash) && !in->bad) in->bad = name;
    return hash;
}

static struct rc_id id_of(struct reading *in, const char *name)
{
    struct rc_id id = {0};
    struct rc_sv text = text_of(in, name, false);
    if (text.n && !rc_id_parse(text, &id) && !in->bad) in->bad = name;
    return id;
}

/* ---- history -------------------------------------------------------------------------------------------- */

struct history {
    struct check_history *to;
    const struct flow_set *set;
    struct rc_map open; /* op to its call */
};

/* The key and the hash that the submission has by its flow; zero where it is not a valid one. */
static enum rc_status prepare(struct reading *in, struct history *history, struct check_call *call)
{
    const struct cel_value *payload = member(in, "payload", false);
    call->payload_hash = hash_of(in, "payload_hash");
    if (!payload) return RC_OK;
    struct rc_submission submission = {.ns = call->ns,
                                       .type = call->type,
                                       .subject = RC_SV("check"),
                                       .key = call->key,
                                       .payload = *payload,
                                       .refs = cel_null()};
    struct rc_identity id;
    struct rc_error errors[1];
    uint32_t n;
    if (rc_prepare_submit(history->set, &submission, in->scratch, &id, errors, 1, &n) != RC_OK) return RC_OK;
    call->payload_hash = id.payload_hash;
    call->key = rc_copy_sv(in->arena, id.key);
    return call->key.p ? RC_OK : rc_fail_arena(in->err, in->arena);
}

static enum rc_status invoked(struct reading *in, struct history *history)
{
    struct check_call *call = &history->to->calls[history->to->ncalls];
    struct rc_sv what = text_of(in, "do", true);
    *call = (struct check_call){.op = number_of(in, "op", INT64_MAX, true),
                                .client = (uint32_t)number_of(in, "client", UINT32_MAX, true),
                                .invoked = number_of(in, "mono", INT64_MAX, true),
                                .wall_invoked = number_of(in, "wall", INT64_MAX, false),
                                .key = kept(in, "key", false),
                                .ns = RC_SV("default"),
                                .end = CHECK_NOT_KNOWN};
    if (rc_sv_is(what, "submit")) {
        call->what = CHECK_SUBMIT;
        call->type = kept(in, "type", true);
        if (member(in, "ns", false)) call->ns = kept(in, "ns", true);
        enum rc_status status = prepare(in, history, call);
        if (status != RC_OK) return status;
    } else if (rc_sv_is(what, "act") || rc_sv_is(what, "read")) {
        struct rc_id id = id_of(in, "id");
        call->what = rc_sv_is(what, "act") ? CHECK_ACT : CHECK_READ;
        call->seq = id.seq;
        call->check = id.check;
        call->expected = (uint32_t)number_of(in, "expected", UINT32_MAX, false);
        int action = call->what == CHECK_ACT ? rc_action_of(text_of(in, "action", true)) : 0;
        if (action < 0 && !in->bad) in->bad = "action";
        call->action = (uint8_t)action;
    } else if (!in->bad) {
        in->bad = "do";
    }
    if (in->bad) return RC_OK;
    if (rc_map_get(&history->open, call->op)) return refuse(in, RC_INVALID, "the op was invoked before");
    if (rc_map_put(&history->open, call->op, call) != RC_OK)
        return rc_fail(in->err, RC_NOMEM, "out of memory");
    history->to->ncalls++;
    return RC_OK;
}

static void answered(struct reading *in, struct check_call *call)
{
    struct rc_id id = id_of(in, "id");
    struct rc_sv state = text_of(in, "state", false);
    int code = state.n ? rc_state_of(state) : RC_ABSENT;
    if (code < 0 && !in->bad) in->bad = "state";
    call->end = CHECK_ANSWERED;
    call->status = (uint16_t)number_of(in, "status", 999, true);
    call->conflict = rc_sv_is(text_of(in, "problem", false), rc_status_slug(RC_KEY_CONFLICT));
    call->told_seq = id.seq;
    call->told_check = id.check;
    call->state = (uint8_t)code;
    call->rev = (uint32_t)number_of(in, "revision", UINT32_MAX, false);
    call->version = (uint32_t)number_of(in, "version", UINT32_MAX, false);
    call->durable = number_of(in, "durable", INT64_MAX, false);
}

static enum rc_status ended(struct reading *in, struct history *history, struct rc_sv event)
{
    struct check_call *call = rc_map_get(&history->open, number_of(in, "op", INT64_MAX, true));
    if (in->bad) return RC_OK;
    if (!call) return refuse(in, RC_INVALID, "the op was never invoked");
    if (call->ended) return refuse(in, RC_INVALID, "the op has ended before");
    call->ended = number_of(in, "mono", INT64_MAX, true);
    call->wall_ended = number_of(in, "wall", INT64_MAX, false);
    if (!in->bad && call->ended < call->invoked)
        return refuse(in, RC_INVALID, "the op has ended before it was invoked");
    if (rc_sv_is(event, "answered"))
        answered(in, call);
    else
        call->end = rc_sv_is(event, "not_known") ? CHECK_NOT_KNOWN : CHECK_FAILED;
    return RC_OK;
}

static enum rc_status take_event(struct reading *in, void *context)
{
    struct history *history = context;
    struct rc_sv event = text_of(in, "event", true);
    if (rc_sv_is(event, "invoked")) return invoked(in, history);
    if (rc_sv_is(event, "answered") || rc_sv_is(event, "not_known") ||
        rc_sv_is(event, rc_outcome_word(RC_OUT_FAILED).slug))
        return ended(in, history, event);
    if (rc_sv_is(event, "quiet"))
        history->to->quiet = number_of(in, "wall", INT64_MAX, true);
    else if (rc_sv_is(event, "end"))
        history->to->end = number_of(in, "wall", INT64_MAX, true);
    else if (!in->bad)
        in->bad = "event";
    return RC_OK;
}

static enum rc_status begin(struct reading *in, const struct check_text *files, uint32_t nfiles,
                            struct rc_arena *arena, struct rc_error *err)
{
    uint64_t n = lines_in(files, nfiles);
    *in = (struct reading){.arena = arena, .scratch = rc_arena_new(LINE_FIRST, LINE_MEMORY), .err = err};
    if (!in->scratch) return rc_fail(err, RC_NOMEM, "out of memory");
    if (n > CHECK_MAX_LINES) return rc_fail(err, RC_LIMIT, "more than %d lines", CHECK_MAX_LINES);
    in->nlines = (uint32_t)n;
    return RC_OK;
}

enum rc_status check_read_history(const struct check_text *files, uint32_t nfiles, const struct flow_set *set,
                                  struct rc_arena *arena, struct check_history *ret, struct rc_error *err)
{
    struct check_history found = {0};
    struct history history = {.to = &found, .set = set};
    struct reading in;
    enum rc_status status = begin(&in, files, nfiles, arena, err);
    if (status == RC_OK) {
        found.calls = RC_NEW_ARRAY(arena, struct check_call, in.nlines);
        status =
            found.calls ? each_line(&in, files, nfiles, take_event, &history) : rc_fail_arena(err, arena);
    }
    rc_map_free(&history.open);
    rc_arena_free(in.scratch);
    if (status == RC_OK) *ret = found;
    return status;
}

/* ---- journal -------------------------------------------------------------------------------------------- */

static enum rc_status take_arrival(struct reading *in, void *context)
{
    struct check_journal *journal = context;
    struct rc_sv key = text_of(in, "idempotency_key", false);
    struct check_arrival arrival = {.line = in->line,
                                    .wall = number_of(in, "wall", INT64_MAX, false),
                                    .acted = flag_of(in, "acted"),
                                    .late = flag_of(in, "late"),
                                    .status = (uint16_t)number_of(in, "status", 999, false)};
    struct rc_sv method = text_of(in, "method", true), path = text_of(in, "path", true),
                 body = text_of(in, "body", false);
    if (in->bad || !rc_h128_parse(key, &arrival.key)) return RC_OK; /* somebody else's */
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, method);
    rc_sha256_add_sv(&sha, path);
    rc_sha256_add_sv(&sha, body);
    arrival.request = rc_sha256_h128(&sha);
    journal->arrivals[journal->narrivals++] = arrival;
    return RC_OK;
}

enum rc_status check_read_journal(const struct check_text *files, uint32_t nfiles, struct rc_arena *arena,
                                  struct check_journal *ret, struct rc_error *err)
{
    struct check_journal found = {0};
    struct reading in;
    enum rc_status status = begin(&in, files, nfiles, arena, err);
    if (status == RC_OK) {
        found.arrivals = RC_NEW_ARRAY(arena, struct check_arrival, in.nlines);
        status =
            found.arrivals ? each_line(&in, files, nfiles, take_arrival, &found) : rc_fail_arena(err, arena);
    }
    rc_arena_free(in.scratch);
    if (status == RC_OK) *ret = found;
    return status;
}
