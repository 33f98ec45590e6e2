/* recourse export: the store as lines of JSON, oldest command first (docs/records.md has the format). One command is in memory
 * at a time. Each command is as it is when its turn comes; for all at one moment, export a copy. */
#include "server/admin.h"
#include "server/exports.h"

#include "base/limits.h"
#include "base/place.h"
#include "codec/write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST = 64 << 10, MEMORY = 512 << 20, PAGE = 200 };

struct exporting {
    FILE *out;
    struct rc_reader *reader;
    struct rc_arena *page, *one; /* of a page of rows; of a command, or a line */
    uint32_t states;             /* bits; 0: any */
    rc_us since, until;
    struct rc_sv type;
    bool audit;
    uint64_t lines, commands;
    struct rc_error err;
};

/* ---- lines --------------------------------------------------------------------------------------------- */

static struct rc_json begin(struct exporting *in, struct rc_buf *buf, const char *what)
{
    *buf = rc_buf_in(in->one, EXPORT_MAX_LINE);
    struct rc_json json = {.buf = buf};
    rc_json_object(&json, NULL);
    rc_json_text(&json, "is", what);
    return json;
}

static enum rc_status end(struct exporting *in, struct rc_json *json)
{
    struct rc_buf *buf = json->buf;
    rc_json_end_object(json);
    rc_put_char(buf, '\n');
    if (buf->status != RC_OK)
        return rc_fail(&in->err, buf->status, "a line would be longer than %d bytes", EXPORT_MAX_LINE);
    if (fwrite(buf->p, 1, buf->n, in->out) != buf->n)
        return rc_fail(&in->err, errno == ENOSPC ? RC_FULL : RC_IO, "the export cannot be written: %s",
                       strerror(errno));
    in->lines++;
    return RC_OK;
}

static void put_hex(struct rc_json *json, const char *name, const unsigned char *bytes, uint32_t n)
{
    char text[2 * RC_AUDIT_HASH + 1];
    rc_hex(bytes, n, text);
    rc_json_text(json, name, text);
}

static void put_h128(struct rc_json *json, const char *name, struct rc_h128 hash)
{
    char text[32];
    rc_h128_hex(hash, text);
    rc_json_sv(json, name, (struct rc_sv){text, sizeof text});
}

static void put_nonce(struct rc_json *json, const char *name, uint64_t nonce)
{
    char text[24];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)nonce);
    rc_json_text(json, name, text);
}

static enum rc_status put_head(struct exporting *in, const struct rc_high *high)
{
    struct rc_buf buf;
    struct rc_json json = begin(in, &buf, "export");
    rc_json_u64(&json, "format", EXPORT_FORMAT);
    rc_json_u64(&json, "seq", high->seq);
    rc_json_time(&json, "high_water", high->high_water);
    rc_json_bool(&json, "audit", in->audit);
    rc_json_bool(&json, "filtered", in->states || in->since || in->until || in->type.n);
    return end(in, &json);
}

static enum rc_status put_namespaces(struct exporting *in)
{
    struct rc_namespace *all = NULL;
    uint32_t n = 0;
    enum rc_status status = rc_read_namespaces(in->reader, in->page, &all, &n, &in->err);
    for (uint32_t i = 0; i < n && status == RC_OK; i++) {
        struct rc_buf buf;
        rc_arena_reset(in->one);
        struct rc_json json = begin(in, &buf, "namespace");
        rc_json_sv(&json, "name", all[i].name);
        rc_json_time(&json, "created", all[i].created);
        rc_json_u64(&json, "max_open", all[i].max_open);
        rc_json_u64(&json, "max_bytes", all[i].max_bytes);
        rc_json_u64(&json, "max_rate", all[i].max_rate);
        status = end(in, &json);
    }
    return status;
}

static enum rc_status put_definitions(struct exporting *in)
{
    struct rc_definition *all = NULL;
    uint32_t n = 0;
    enum rc_status status = rc_read_definitions(in->reader, in->page, &all, &n, &in->err);
    for (uint32_t i = 0; i < n && status == RC_OK; i++) {
        struct rc_buf buf;
        rc_arena_reset(in->one);
        struct rc_json json = begin(in, &buf, "definition");
        rc_json_u64(&json, "id", all[i].id);
        rc_json_text(&json, "kind", all[i].kind == RC_DEF_FLOW ? "flow" : "dependency");
        rc_json_sv(&json, "name", all[i].name);
        rc_json_u64(&json, "version", all[i].version);
        rc_json_bool(&json, "in_force", all[i].active);
        rc_json_sv(&json, "source", all[i].source);
        put_h128(&json, "digest", all[i].digest);
        rc_json_time(&json, "at", all[i].at);
        rc_json_sv(&json, "text", all[i].text);
        status = end(in, &json);
    }
    return status;
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static enum rc_status put_identity(struct exporting *in, const struct rc_identity *id, uint8_t state,
                                   uint32_t records)
{
    struct rc_buf buf;
    struct rc_json json = begin(in, &buf, "command");
    rc_json_u64(&json, "seq", id->seq);
    rc_json_id(&json, "id", id->seq, id->nonce);
    put_nonce(&json, "nonce", id->nonce);
    rc_json_sv(&json, "namespace", id->ns);
    rc_json_sv(&json, "type", id->type);
    rc_json_sv(&json, "key", id->key);
    rc_json_u64(&json, "generation", id->generation);
    rc_json_u64(&json, "flow", id->flow);
    rc_json_time(&json, "created", id->created);
    rc_json_sv(&json, "subject", id->subject);
    rc_json_sv(&json, "actor", id->actor);
    put_h128(&json, "payload_hash", id->payload_hash);
    rc_json_value(&json, "refs", id->refs);
    if (id->original.seq) {
        rc_json_u64(&json, "original", id->original.seq);
        put_nonce(&json, "original_nonce", id->original.nonce);
    }
    rc_json_text(&json, "state", rc_state_word(state).slug);
    rc_json_u64(&json, "records", records);
    return end(in, &json);
}

static enum rc_status put_record(struct exporting *in, const struct rc_record *record)
{
    struct rc_stored stored = {0};
    struct rc_buf buf;
    enum rc_status status = rc_store_encode(record, in->one, &stored, &in->err);
    if (status != RC_OK) return status;
    struct rc_json json = begin(in, &buf, "record");
    rc_json_u64(&json, "rev", stored.rev);
    rc_json_time(&json, "at", stored.at);
    rc_json_text(&json, "cause", rc_cause_word(stored.cause).slug);
    if (stored.node) rc_json_u64(&json, "node", stored.node);
    if (stored.attempt) rc_json_u64(&json, "attempt", stored.attempt);
    rc_json_text(&json, "purpose", rc_purpose_word(stored.purpose).slug);
    rc_json_maybe(&json, "body", stored.body);
    rc_json_sv(&json, "changes", stored.changes);
    return end(in, &json);
}

static bool wanted(const struct exporting *in, const struct rc_purge_row *row)
{
    return (!in->states || in->states >> row->state & 1) && row->created >= in->since &&
           (!in->until || row->created < in->until) && (!in->type.n || rc_sv_eq(in->type, row->type));
}

static enum rc_status put_command(struct exporting *in, const struct rc_purge_row *row)
{
    struct rc_identity id;
    struct rc_record *records = NULL;
    uint32_t n = 0;
    uint8_t state = row->state;
    rc_arena_reset(in->one);
    enum rc_status status =
        rc_read_history(in->reader, row->seq, 0, RC_MAX_HISTORY, in->one, &id, &records, &n, &in->err);
    if (status == RC_PURGED) return RC_OK;              /* since the page was read */
    for (uint32_t i = 0; status == RC_OK && i < n; i++) /* the state that these records lead to */
        for (uint32_t k = 0; k < records[i].nchanges; k++)
            if (records[i].changes[k].kind == RC_CHANGE_STATE) state = records[i].changes[k].u.state;
    if (status == RC_OK) status = put_identity(in, &id, state, n);
    for (uint32_t i = 0; status == RC_OK && i < n; i++) status = put_record(in, &records[i]);
    in->commands += status == RC_OK;
    return status;
}

/* Numbers that no command has: what was purged leaves its tombstone. */
static enum rc_status put_gap(struct exporting *in, uint64_t from, uint64_t to)
{
    enum rc_status status = RC_OK;
    for (uint64_t seq = from; seq < to && status == RC_OK; seq++) {
        struct rc_purged left;
        struct rc_buf buf;
        status = rc_read_purged(in->reader, seq, &left, &in->err);
        if (status == RC_NOT_FOUND) {
            status = RC_OK;
            continue;
        }
        if (status != RC_OK) return status;
        rc_arena_reset(in->one);
        struct rc_json json = begin(in, &buf, "tombstone");
        rc_json_u64(&json, "seq", left.seq);
        put_nonce(&json, "nonce", left.nonce);
        put_h128(&json, "key_hash", left.key);
        rc_json_text(&json, "state", rc_state_word(left.state).slug);
        rc_json_u64(&json, "generation", left.generation);
        rc_json_time(&json, "changed", left.changed);
        rc_json_time(&json, "at", left.at);
        status = end(in, &json);
    }
    return status;
}

static enum rc_status put_commands(struct exporting *in, uint64_t last)
{
    const struct rc_purge_filter all = {.unended = true};
    enum rc_status status = RC_OK;
    uint64_t next = 0, expected = 1;
    do {
        struct rc_purge_row *rows = NULL;
        uint32_t n = 0;
        rc_arena_reset(in->page);
        status = rc_read_purgeable(in->reader, &all, next, in->page, PAGE, &rows, &n, &next, &in->err);
        for (uint32_t i = 0; status == RC_OK && i < n && rows[i].seq <= last; i++) {
            status = put_gap(in, expected, rows[i].seq);
            if (status == RC_OK && wanted(in, &rows[i])) status = put_command(in, &rows[i]);
            expected = rows[i].seq + 1;
        }
        if (n && rows[n - 1].seq > last) next = 0;
    } while (status == RC_OK && next);
    return status == RC_OK ? put_gap(in, expected, last + 1) : status;
}

/* ---- schedules ----------------------------------------------------------------------------------------- */

static enum rc_status put_schedules(struct exporting *in)
{
    struct rc_schedule *all = NULL;
    uint32_t n = 0;
    rc_arena_reset(in->page);
    enum rc_status status = rc_read_schedules(in->reader, in->page, &all, &n, &in->err);
    for (uint32_t i = 0; i < n && status == RC_OK; i++) {
        struct rc_buf buf;
        if (in->type.n && !rc_sv_is(in->type, all[i].flow)) continue;
        rc_arena_reset(in->one);
        struct rc_json json = begin(in, &buf, "schedule");
        rc_json_text(&json, "flow", all[i].flow);
        rc_json_text(&json, "id", all[i].id);
        rc_json_time(&json, "planned", all[i].planned);
        rc_json_time(&json, "accepted", all[i].accepted);
        rc_json_bool(&json, "paused", all[i].paused);
        if (all[i].last.seq) {
            rc_json_u64(&json, "last", all[i].last.seq);
            put_nonce(&json, "last_nonce", all[i].last.nonce);
        }
        rc_json_time(&json, "last_planned", all[i].last_planned);
        rc_json_u64(&json, "started", all[i].started);
        rc_json_u64(&json, "missed", all[i].missed);
        rc_json_u64(&json, "left_out", all[i].skipped);
        rc_json_time(&json, "changed", all[i].changed);
        rc_json_maybe(&json, "fault", rc_sv_of(all[i].fault));
        status = end(in, &json);
    }
    return status;
}

/* ---- signals ------------------------------------------------------------------------------------------- */

static enum rc_status put_signal(struct exporting *in, const struct rc_signal *signal)
{
    struct rc_buf buf;
    rc_arena_reset(in->one);
    struct rc_json json = begin(in, &buf, "signal");
    rc_json_u64(&json, "number", signal->number);
    rc_json_sv(&json, "namespace", signal->ns);
    rc_json_sv(&json, "name", signal->name);
    rc_json_sv(&json, "id", signal->id);
    rc_json_sv(&json, "key", signal->key);
    put_h128(&json, "asked", signal->asked);
    rc_json_time(&json, "at", signal->at);
    if (signal->taken.seq == RC_SIGNAL_DELETED) {
        rc_json_bool(&json, "deleted", true);
    } else if (signal->taken.seq) {
        rc_json_u64(&json, "command", signal->taken.seq);
        put_nonce(&json, "nonce", signal->taken.nonce);
        rc_json_u64(&json, "node", signal->node);
    } else {
        rc_json_value(&json, "payload", signal->payload);
    }
    return end(in, &json);
}

/* Those that are kept, and the keys of those that were taken: they belong to no type of command. */
static enum rc_status put_signals(struct exporting *in)
{
    enum rc_status status = RC_OK;
    uint64_t after = 0;
    for (uint32_t n = 1; n && status == RC_OK && !in->type.n;) {
        struct rc_signal *signals = NULL;
        rc_arena_reset(in->page);
        status = rc_read_signals(in->reader, 0, 0, after, in->page, PAGE, &signals, &n, &in->err);
        for (uint32_t i = 0; status == RC_OK && i < n; i++) {
            after = signals[i].number;
            status = put_signal(in, &signals[i]);
        }
    }
    return status;
}

/* ---- queues that are stopped --------------------------------------------------------------------------- */

static enum rc_status put_queues(struct exporting *in)
{
    struct rc_stopped *all = NULL;
    uint32_t n = 0;
    rc_arena_reset(in->page);
    enum rc_status status = in->type.n ? RC_OK : rc_read_stopped(in->reader, in->page, &all, &n, &in->err);
    for (uint32_t i = 0; i < n && status == RC_OK; i++) {
        struct rc_buf buf;
        rc_arena_reset(in->one);
        struct rc_json json = begin(in, &buf, "queue");
        rc_json_sv(&json, "name", all[i].queue);
        rc_json_bool(&json, "draining", all[i].state == RC_QUEUE_DRAINING);
        rc_json_time(&json, "since", all[i].since);
        rc_audit_put_author(&json, &all[i].by);
        status = end(in, &json);
    }
    return status;
}

/* ---- audit --------------------------------------------------------------------------------------------- */

static enum rc_status put_entry(struct exporting *in, const struct rc_audit_entry *entry)
{
    const struct rc_audit *what = &entry->what;
    struct rc_buf buf;
    rc_arena_reset(in->one);
    struct rc_json json = begin(in, &buf, "audit");
    rc_json_u64(&json, "number", entry->number);
    rc_json_time(&json, "at", entry->at);
    rc_json_text(&json, "kind", rc_audit_word(what->kind).slug);
    rc_json_u64(&json, "action", what->action);
    if (what->command) rc_json_u64(&json, "command", what->command);
    if (what->rev) rc_json_u64(&json, "rev", what->rev);
    put_hex(&json, "digest", entry->digest, RC_AUDIT_HASH);
    put_hex(&json, "hash", entry->hash, RC_AUDIT_HASH);
    if (what->data.p) {
        put_hex(&json, "salt", entry->salt, RC_AUDIT_SALT);
        rc_json_sv(&json, "data", what->data);
    }
    return end(in, &json);
}

static enum rc_status put_audit(struct exporting *in)
{
    enum rc_status status = RC_OK;
    struct rc_audit_page page = {.ascending = true};
    for (uint32_t n = 1; in->audit && n && status == RC_OK;) {
        struct rc_audit_entry *entries = NULL;
        rc_arena_reset(in->page);
        status = rc_read_audit(in->reader, &page, in->page, PAGE, &entries, &n, &in->err);
        for (uint32_t i = 0; status == RC_OK && i < n; i++) status = put_entry(in, &entries[i]);
        if (status == RC_OK && n) page.after = entries[n - 1].number;
    }
    return status;
}

static enum rc_status put_all(struct exporting *in)
{
    struct rc_high high = {0};
    struct rc_buf buf;
    enum rc_status status = rc_read_high(in->reader, &high, &in->err);
    if (status == RC_OK) status = put_head(in, &high);
    if (status == RC_OK) status = put_namespaces(in);
    if (status == RC_OK) status = put_definitions(in);
    if (status == RC_OK) status = put_commands(in, high.seq);
    if (status == RC_OK) status = put_schedules(in);
    if (status == RC_OK) status = put_signals(in);
    if (status == RC_OK) status = put_queues(in);
    if (status == RC_OK) status = put_audit(in);
    if (status != RC_OK) return status;
    rc_arena_reset(in->one);
    struct rc_json json = begin(in, &buf, "end");
    rc_json_u64(&json, "lines", in->lines);
    return end(in, &json);
}

/* ---- the command --------------------------------------------------------------------------------------- */

static bool read_states(const char *text, uint32_t *ret)
{
    struct rc_sv rest = rc_sv_of(text);
    while (rest.n) {
        const char *comma = memchr(rest.p, ',', rest.n);
        struct rc_sv one = {rest.p, comma ? (uint32_t)(comma - rest.p) : rest.n};
        int state = rc_state_of(one);
        if (state <= RC_ABSENT) return false;
        *ret |= 1u << state;
        rest = comma ? (struct rc_sv){comma + 1, rest.n - one.n - 1} : (struct rc_sv){0};
    }
    return true;
}

static bool read_time(const struct cli_args *args, const char *name, rc_us *ret)
{
    const char *text = cli_value(args, name);
    return !text || rc_parse_time(rc_sv_of(text), ret);
}

static enum rc_status run(struct exporting *in, const char *store)
{
    in->page = rc_arena_new(FIRST, MEMORY);
    in->one = rc_arena_new(FIRST, MEMORY);
    enum rc_status status = in->page && in->one ? RC_OK : rc_fail(&in->err, RC_NOMEM, "out of memory");
    if (status == RC_OK) status = rc_sqlite_look(store, &in->reader, &in->err);
    if (status == RC_OK) status = put_all(in);
    if (status == RC_OK && (fflush(in->out) != 0 || ferror(in->out)))
        status = rc_fail(&in->err, RC_IO, "the export cannot be written: %s", strerror(errno));
    if (in->reader) rc_reader_close(in->reader);
    rc_arena_free(in->page);
    rc_arena_free(in->one);
    return status;
}

/* Into a file that is there whole or not at all. */
static enum rc_status run_to_file(struct exporting *in, const char *store, const char *path)
{
    char part[PATH_MAX];
    struct stat st;
    if (strlen(path) + sizeof ".part" > sizeof part)
        return rc_fail(&in->err, RC_INVALID, "the path is too long");
    snprintf(part, sizeof part, "%s.part", path);
    if (lstat(path, &st) == 0) return rc_fail(&in->err, RC_IN_USE, "%s: is there already", path);
    if (unlink(part) != 0 && errno != ENOENT)
        return rc_fail(&in->err, RC_IO, "%s: %s", part, strerror(errno));
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    in->out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!in->out) {
        enum rc_status status =
            rc_fail(&in->err, errno == ENOMEM ? RC_NOMEM : RC_IO, "%s: %s", part, strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(part);
        }
        return status;
    }
    enum rc_status status = run(in, store);
    if (fclose(in->out) != 0 && status == RC_OK)
        status = rc_fail(&in->err, RC_IO, "%s: %s", part, strerror(errno));
    if (status == RC_OK) status = rc_place(part, path, &in->err);
    if (status != RC_OK) unlink(part);
    return status;
}

int export_run(const struct cli_args *args)
{
    struct exporting in = {
        .out = stdout, .type = rc_sv_of(cli_value(args, "type")), .audit = cli_has(args, "audit")};
    const char *store = admin_store(args), *path = cli_value(args, "out");
    if (!store) return CLI_USAGE;
    if (!read_states(cli_value(args, "state"), &in.states) || !read_time(args, "since", &in.since) ||
        !read_time(args, "until", &in.until)) {
        fputs(
            "recourse export: --state wants states, --since and --until want times like 2026-11-21T00:00:00Z"
            " (recourse help export)\n",
            stderr);
        return CLI_USAGE;
    }
    enum rc_status status = path ? run_to_file(&in, store, path) : run(&in, store);
    if (status != RC_OK) return admin_fail(args, &in.err);
    if (path && cli_has(args, "json"))
        printf("{\"commands\":%llu,\"lines\":%llu}\n", (unsigned long long)in.commands,
               (unsigned long long)in.lines);
    else if (path && !cli_has(args, "quiet"))
        printf("%llu commands, %llu lines\n", (unsigned long long)in.commands, (unsigned long long)in.lines);
    return CLI_OK;
}
