/* The lines of an export, one after the other: each is held against the format; a command is folded by the same code as everywhere. Where
 * they come from and where they go is the caller's: import.c has a file and a store, and a test has others. */
#include "server/exports.h"

#include "base/id.h"
#include "base/limits.h"
#include "codec/json.h"
#include "defs/defs.h"
#include "engine/load.h"
#include "engine/prepare.h"
#include "server/admin.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST = 64 << 10, MEMORY = 1 << 30, LINE_MEMORY = 256 << 20 };

struct importing {
    FILE *in;
    const char *from;
    const struct import_sink *sink;
    struct rc_arena *line, *one, *definitions; /* of a line; of a command; as long as the import */
    uint64_t lines, last_seq;
    char *text; /* of a line; `cap` bytes */
    size_t cap;
    struct import_end end;
    bool audit;
    unsigned char hash[RC_AUDIT_HASH]; /* of the last entry */
    /* definitions that have come, and the set of them once a command comes */
    struct rc_new_definition *parsed;
    uint32_t nparsed;
    const struct flow_set *set;
    /* the command whose records come */
    struct rc_identity *identity;
    struct rc_record *records;
    uint32_t nrecords, expected;
    struct rc_error err;
};

/* ---- a line -------------------------------------------------------------------------------------------- */

static enum rc_status finish(struct importing *in, const struct line *line)
{
    if (line->bad)
        return rc_fail(&in->err, RC_INVALID, "the member \"%s\" is missing, or is not what it may be",
                       line->bad);
    if (line->taken != line->value.n)
        return rc_fail(&in->err, RC_INVALID, "a member that this version does not know");
    return RC_OK;
}

/* What would be damage or a bug of ours elsewhere is wrong input here. */
static enum rc_status as_input(struct importing *in, enum rc_status status)
{
    if (status == RC_DAMAGED || status == RC_BUG) status = in->err.status = RC_INVALID;
    return status;
}

static enum rc_status put_row(struct importing *in, const struct rc_import *row)
{
    return in->sink->row(in->sink->context, row, &in->err);
}

/* ---- what stands before the commands ------------------------------------------------------------------- */

static enum rc_status take_head(struct importing *in, struct line *line)
{
    uint64_t format = line_number(line, "format", 1, INT64_MAX, true);
    if (format > EXPORT_FORMAT)
        return rc_fail(&in->err, RC_NEWER, "written by a newer version (format %llu; this one knows %d)",
                       (unsigned long long)format, EXPORT_FORMAT);
    in->end.high = (struct rc_high){.seq = line_number(line, "seq", 0, RC_SEQ_MAX, true),
                                    .high_water = line_time(line, "high_water")};
    in->audit = line_bool(line, "audit");
    (void)line_bool(line, "filtered");
    return finish(in, line);
}

static enum rc_status take_namespace(struct importing *in, struct line *line)
{
    const struct rc_namespace ns = {.name = line_text(line, "name", RC_MAX_NAME, true),
                                    .created = line_time(line, "created"),
                                    .max_open = line_number(line, "max_open", 0, INT64_MAX, true),
                                    .max_bytes = line_number(line, "max_bytes", 0, INT64_MAX, true),
                                    .max_rate = (uint32_t)line_number(line, "max_rate", 0, UINT32_MAX, true)};
    enum rc_status status = finish(in, line);
    if (status == RC_OK && ns.name.n == 0) status = rc_fail(&in->err, RC_INVALID, "a namespace needs a name");
    return status == RC_OK ? put_row(in, &(struct rc_import){.ns = &ns}) : status;
}

static enum rc_status parse_definition(struct importing *in, const struct rc_definition *row)
{
    struct rc_new_definition *grown = realloc(in->parsed, ((size_t)in->nparsed + 1) * sizeof *grown);
    if (!grown) return rc_fail(&in->err, RC_NOMEM, "out of memory");
    in->parsed = grown;
    struct rc_definition kept = *row;
    kept.name = rc_copy_sv(in->definitions, row->name);
    kept.text = rc_copy_sv(in->definitions, row->text);
    kept.source = rc_copy_sv(in->definitions, row->source);
    if (!kept.name.p || !kept.text.p || !kept.source.p) return rc_fail_arena(&in->err, in->definitions);
    struct rc_new_definition *one = &in->parsed[in->nparsed];
    enum rc_status status = definition_parse(&kept, in->definitions, one, &in->err);
    if (status != RC_OK) return as_input(in, status);
    bool same = kept.kind == RC_DEF_FLOW ? one->flow && rc_sv_eq(one->flow->name, kept.name)
                                         : one->dependency && rc_sv_eq(one->dependency->name, kept.name);
    if (!same) return rc_fail(&in->err, RC_INVALID, "its text defines something else");
    in->nparsed++;
    return RC_OK;
}

static enum rc_status take_definition(struct importing *in, struct line *line)
{
    struct rc_definition def = {.id = line_number(line, "id", 1, INT64_MAX, true),
                                .name = line_text(line, "name", RC_MAX_NAME, true),
                                .version = (uint32_t)line_number(line, "version", 1, UINT32_MAX, true),
                                .active = line_bool(line, "in_force"),
                                .source = line_text(line, "source", RC_ERROR_SOURCE, true),
                                .digest = line_h128(line, "digest"),
                                .at = line_time(line, "at"),
                                .text = line_text(line, "text", RC_MAX_DEF_FILE, true)};
    struct rc_sv kind = line_text(line, "kind", RC_MAX_NAME, true);
    if (rc_sv_is(kind, "flow"))
        def.kind = RC_DEF_FLOW;
    else if (rc_sv_is(kind, "dependency"))
        def.kind = RC_DEF_DEPENDENCY;
    else
        line_refuse(line, "kind");
    enum rc_status status = finish(in, line);
    if (status == RC_OK && in->set)
        status = rc_fail(&in->err, RC_INVALID, "a definition stands behind a command");
    if (status == RC_OK) status = parse_definition(in, &def);
    return status == RC_OK ? put_row(in, &(struct rc_import){.definition = &def}) : status;
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static enum rc_status check_seq(struct importing *in, uint64_t seq)
{
    if (seq <= in->last_seq || seq > in->end.high.seq)
        return rc_fail(&in->err, RC_INVALID, "the numbers of commands must grow, up to %llu",
                       (unsigned long long)in->end.high.seq);
    in->last_seq = seq;
    return RC_OK;
}

static enum rc_status keep_identity(struct importing *in, const struct rc_identity *from)
{
    rc_arena_reset(in->one);
    struct rc_identity *id = rc_copy(in->one, from, sizeof *id);
    in->records = RC_NEW_ARRAY(in->one, struct rc_record, in->expected);
    if (!id || !in->records) return rc_fail_arena(&in->err, in->one);
    struct rc_sv *const texts[] = {&id->ns, &id->type, &id->key, &id->subject, &id->actor};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = rc_copy_sv(in->one, *texts[i]);
        if (!texts[i]->p) return rc_fail_arena(&in->err, in->one);
    }
    enum rc_status status = cel_copy(from->refs, in->one, &id->refs);
    if (status != RC_OK) return rc_fail(&in->err, status, "the refs cannot be kept");
    in->identity = id;
    in->nrecords = 0;
    return RC_OK;
}

/* A map of few short names to short texts. */
static struct cel_value refs_of(struct line *line)
{
    const struct cel_value *found = line_take(line, "refs");
    if (found && found->kind == CEL_NULL) return *found;
    bool fits = found && found->kind == CEL_MAP && found->n <= RC_MAX_REFS;
    for (uint32_t i = 0; fits && i < found->n; i++) {
        const struct cel_value *pair = &found->v.items[2 * (size_t)i];
        fits = cel_text(pair[0]).n <= RC_MAX_NAME && pair[1].kind == CEL_STRING &&
               cel_text(pair[1]).n <= RC_MAX_REF_VALUE;
    }
    if (!fits) line_refuse(line, "refs");
    return fits ? *found : cel_null();
}

static enum rc_status take_command(struct importing *in, struct line *line)
{
    struct rc_identity id = {.seq = line_number(line, "seq", 1, RC_SEQ_MAX, true),
                             .nonce = line_nonce(line, "nonce", true),
                             .ns = line_text(line, "namespace", RC_MAX_NAME, true),
                             .type = line_text(line, "type", RC_MAX_NAME, true),
                             .key = line_text(line, "key", RC_MAX_KEY, true),
                             .generation = (uint32_t)line_number(line, "generation", 1, UINT32_MAX, true),
                             .flow = line_number(line, "flow", 1, INT64_MAX, true),
                             .created = line_time(line, "created"),
                             .subject = line_text(line, "subject", RC_MAX_ACTOR, true),
                             .actor = line_text(line, "actor", RC_MAX_ACTOR, true),
                             .payload_hash = line_h128(line, "payload_hash"),
                             .payload = cel_null(),
                             .refs = refs_of(line),
                             .original = {line_number(line, "original", 1, RC_SEQ_MAX, false),
                                          line_nonce(line, "original_nonce", false)}};
    struct rc_id public = {0};
    if (!rc_id_parse(line_text(line, "id", RC_ID_TEXT, true), &public) || public.seq != id.seq ||
        public.check != (uint32_t)id.nonce)
        line_refuse(line, "id");
    (void)line_word(line, "state", rc_state_word, RC_STATES); /* for readers; it follows from the records */
    in->expected = (uint32_t)line_number(line, "records", 1, RC_MAX_HISTORY, true);
    enum rc_status status = finish(in, line);
    if (status == RC_OK) status = check_seq(in, id.seq);
    if (status == RC_OK && !in->set) {
        status = rc_set_make(in->parsed, in->nparsed, in->definitions, &in->set);
        if (status != RC_OK) (void)!rc_fail(&in->err, status, "the definitions cannot be put together");
    }
    return status == RC_OK ? keep_identity(in, &id) : status;
}

/* Where its steps wait. */
static enum rc_status moves_of(struct importing *in, const struct rc_command *command,
                               struct rc_touched *touched)
{
    struct rc_work_move *moves = RC_NEW_ARRAY(in->one, struct rc_work_move, 2 * (size_t)command->nnodes + 1);
    if (!moves) return rc_fail_arena(&in->err, in->one);
    touched->moves = moves;
    for (uint32_t i = 0; i < command->nnodes; i++) {
        struct rc_work rows[2];
        uint32_t n = rc_work_rows(command, i, rows);
        for (uint32_t k = 0; k < n; k++) moves[touched->nmoves++].after = rows[k];
    }
    struct rc_work place = rc_place_row_of(command, &command->place);
    if (place.phase) moves[touched->nmoves++].after = place;
    return RC_OK;
}

/* All records have come. */
static enum rc_status store_command(struct importing *in)
{
    struct rc_command command = {.id = *in->identity};
    struct rc_touched touched = {.command = &command, .created = true, .state_before = RC_ABSENT};
    if (!flow_set_version(in->set, command.id.flow))
        return rc_fail(&in->err, RC_INVALID, "its definition %llu is missing",
                       (unsigned long long)command.id.flow);
    enum rc_status status =
        rc_moves_find(in->set, &command.id, in->records, in->nrecords, in->one, &command.flow, &in->err);
    if (status == RC_OK) status = rc_fold(in->records, in->nrecords, in->one, &command, &in->err);
    if (status == RC_OK) status = moves_of(in, &command, &touched);
    if (status != RC_OK) return as_input(in, status);
    touched.in_flight = rc_command_in_flight(&command);
    rc_command_standing(&command, &touched.standing);
    const struct rc_batch batch = {.records = in->records,
                                   .nrecords = in->nrecords,
                                   .touched = &touched,
                                   .ntouched = 1,
                                   .imported = true};
    status = in->sink->command(in->sink->context, &batch, &in->err);
    in->identity = NULL;
    in->end.commands += status == RC_OK;
    return as_input(in, status);
}

static enum rc_status take_record(struct importing *in, struct line *line)
{
    const struct rc_stored from = {.rev = (uint32_t)line_number(line, "rev", 1, RC_MAX_HISTORY, true),
                                   .at = line_time(line, "at"),
                                   .cause = line_word(line, "cause", rc_cause_word, RC_CAUSES),
                                   .node =
                                       (uint32_t)line_number(line, "node", 0, RC_MAX_INSTANCES - 1, false),
                                   .attempt = (uint16_t)line_number(line, "attempt", 0, UINT16_MAX, false),
                                   .purpose = line_word(line, "purpose", rc_purpose_word, RC_PURPOSES),
                                   .body = line_text(line, "body", RC_MAX_RECORD, false),
                                   .changes = line_text(line, "changes", RC_MAX_RECORD, true)};
    enum rc_status status = finish(in, line);
    if (status != RC_OK) return status;
    if (!in->identity || from.rev != in->nrecords + 1 || (from.rev == 1) != (from.cause == RC_CAUSE_SUBMIT))
        return rc_fail(&in->err, RC_INVALID, "a record that does not follow");
    struct rc_stored stored = from;
    stored.body = rc_copy_sv(in->one, from.body);
    stored.changes = rc_copy_sv(in->one, from.changes);
    if (!stored.body.p || !stored.changes.p) return rc_fail_arena(&in->err, in->one);
    status = rc_store_decode(&stored, in->identity, in->one, &in->records[in->nrecords], &in->err);
    if (status != RC_OK) return as_input(in, status);
    return ++in->nrecords == in->expected ? store_command(in) : RC_OK;
}

static enum rc_status take_tombstone(struct importing *in, struct line *line)
{
    const struct rc_purged left = {.seq = line_number(line, "seq", 1, RC_SEQ_MAX, true),
                                   .nonce = line_nonce(line, "nonce", true),
                                   .key = line_h128(line, "key_hash"),
                                   .state = line_word(line, "state", rc_state_word, RC_STATES),
                                   .generation =
                                       (uint32_t)line_number(line, "generation", 1, UINT32_MAX, true),
                                   .changed = line_time(line, "changed"),
                                   .at = line_time(line, "at")};
    enum rc_status status = finish(in, line);
    if (status == RC_OK) status = check_seq(in, left.seq);
    return status == RC_OK ? put_row(in, &(struct rc_import){.purged = &left}) : status;
}

/* ---- audit --------------------------------------------------------------------------------------------- */

static enum rc_status take_entry(struct importing *in, struct line *line)
{
    struct rc_audit_entry entry = {
        .number = line_number(line, "number", 1, INT64_MAX, true),
        .at = line_time(line, "at"),
        .what = {.kind = line_word(line, "kind", rc_audit_word, RC_AUDIT_KINDS),
                 .action = (uint8_t)line_number(line, "action", 0, UINT8_MAX, true),
                 .command = line_number(line, "command", 1, RC_SEQ_MAX, false),
                 .rev = (uint32_t)line_number(line, "rev", 1, UINT32_MAX, false),
                 .data = line_text(line, "data", RC_MAX_RECORD, false)}};
    (void)line_hex(line, "digest", entry.digest, RC_AUDIT_HASH, true);
    (void)line_hex(line, "hash", entry.hash, RC_AUDIT_HASH, true);
    bool salted = line_hex(line, "salt", entry.salt, RC_AUDIT_SALT, false);
    enum rc_status status = finish(in, line);
    if (status != RC_OK) return status;
    entry.purged = in->sink->is_purged(in->sink->context, entry.what.command);
    const char *why =
        salted != (entry.what.data.p != NULL) ? "its salt and what was written do not belong together"
        : !in->audit                          ? "an entry of the audit, and the head says that there are none"
        : entry.number != in->end.entries + 1 ? "it does not follow the one before"
                                              : rc_audit_fault(&entry, in->end.entries ? in->hash : NULL);
    if (why)
        return rc_fail(&in->err, RC_INVALID, "entry %llu of the audit: %s", (unsigned long long)entry.number,
                       why);
    in->end.entries++;
    memcpy(in->hash, entry.hash, sizeof in->hash);
    return put_row(in, &(struct rc_import){.entry = &entry});
}

/* ---- schedules ----------------------------------------------------------------------------------------- */

static void take_name(struct line *line, const char *name, char ret[RC_MAX_NAME + 1])
{
    struct rc_sv text = line_text(line, name, RC_MAX_NAME, true);
    if (text.n) memcpy(ret, text.p, text.n);
    ret[text.n] = 0;
    if (strlen(ret) != text.n) line_refuse(line, name);
}

static enum rc_status take_schedule(struct importing *in, struct line *line)
{
    struct rc_schedule row = {
        .planned = line_time(line, "planned"),
        .accepted = line_time(line, "accepted"),
        .paused = line_bool(line, "paused"),
        .last = {line_number(line, "last", 1, RC_SEQ_MAX, false), line_nonce(line, "last_nonce", false)},
        .last_planned = line_time(line, "last_planned"),
        .started = line_number(line, "started", 0, INT64_MAX, true),
        .missed = line_number(line, "missed", 0, INT64_MAX, true),
        .skipped = line_number(line, "left_out", 0, INT64_MAX, true),
        .changed = line_time(line, "changed")};
    struct rc_sv fault = line_text(line, "fault", RC_SCHEDULE_FAULT - 1, false);
    take_name(line, "flow", row.flow);
    take_name(line, "id", row.id);
    if (fault.n) memcpy(row.fault, fault.p, fault.n);
    enum rc_status status = finish(in, line);
    const struct rc_schedule_write write = {.row = &row};
    if (status != RC_OK) return status;
    return in->sink->command(in->sink->context,
                             &(struct rc_batch){.schedules = &write, .nschedules = 1, .imported = true},
                             &in->err);
}

/* ---- signals ------------------------------------------------------------------------------------------- */

static enum rc_status take_signal(struct importing *in, struct line *line)
{
    const struct cel_value *payload = line_take(line, "payload");
    struct rc_signal row = {
        .number = line_number(line, "number", 1, INT64_MAX, true),
        .ns = line_text(line, "namespace", RC_MAX_NAME, true),
        .name = line_text(line, "name", RC_MAX_NAME, true),
        .id = line_text(line, "id", RC_MAX_EXTERNAL_ID, true),
        .key = line_text(line, "key", RC_MAX_KEY, true),
        .asked = line_h128(line, "asked"),
        .at = line_time(line, "at"),
        .taken = {line_number(line, "command", 1, RC_SEQ_MAX, false), line_nonce(line, "nonce", false)},
        .node = (uint32_t)line_number(line, "node", 0, RC_MAX_INSTANCES, false),
        .payload = payload ? *payload : cel_null()};
    const struct {
        struct rc_sv text;
        const char *name;
    } named[] = {{row.ns, "namespace"}, {row.name, "name"}, {row.id, "id"}, {row.key, "key"}};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (!named[i].text.n) line_refuse(line, named[i].name);
    if (line_take(line, "deleted")) row.taken = (struct rc_link){.seq = RC_SIGNAL_DELETED};
    enum rc_status status = finish(in, line);
    const struct rc_batch batch = {.signals = {&row, 1, 0}, .imported = true};
    return status == RC_OK ? in->sink->command(in->sink->context, &batch, &in->err) : status;
}

static enum rc_status take_queue(struct importing *in, struct line *line)
{
    const struct rc_stopped row = line_stopped(line);
    enum rc_status status = finish(in, line);
    return status == RC_OK ? put_row(in, &(struct rc_import){.stopped = &row}) : status;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

static const struct reader {
    const char *is;
    enum rc_status (*take)(struct importing *, struct line *);
} readers[] = {
    {"namespace", take_namespace}, {"definition", take_definition}, {"command", take_command},
    {"record", take_record},       {"tombstone", take_tombstone},   {"audit", take_entry},
    {"schedule", take_schedule},   {"signal", take_signal},         {"queue", take_queue},
};

static enum rc_status take_line(struct importing *in, struct rc_sv text, bool *ret_end)
{
    struct line line = {0};
    rc_arena_reset(in->line);
    enum rc_status status = rc_json_parse(text, in->line, &line.value, &in->err);
    if (status == RC_SYNTAX) return RC_SYNTAX;
    if (status == RC_OK && line.value.kind != CEL_MAP)
        status = rc_fail(&in->err, RC_INVALID, "it is no object");
    if (status != RC_OK) return status;
    struct rc_sv is = line_text(&line, "is", RC_MAX_NAME, true);
    bool first = in->lines == 1;
    if (first != rc_sv_is(is, "export"))
        return rc_fail(&in->err, RC_INVALID, "%s",
                       first ? "this is no export of Recourse" : "a second beginning");
    if (first) return take_head(in, &line);
    if (in->identity && !rc_sv_is(is, "record"))
        return rc_fail(&in->err, RC_INVALID, "the command before has %u records; %u have come", in->expected,
                       in->nrecords);
    *ret_end = rc_sv_is(is, "end");
    if (*ret_end) {
        if (line_number(&line, "lines", 0, INT64_MAX, true) != in->lines - 1) line_refuse(&line, "lines");
        return finish(in, &line);
    }
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (rc_sv_is(is, readers[i].is)) return readers[i].take(in, &line);
    return rc_fail(&in->err, RC_INVALID, "a kind of line that this version does not know");
}

enum { NO_LINE = -1, TOO_LONG = -2, NO_MEMORY = -3 };

static bool grow(struct importing *in)
{
    size_t cap = in->cap ? 2 * in->cap : FIRST;
    if (cap > EXPORT_MAX_LINE) cap = EXPORT_MAX_LINE;
    char *grown = realloc(in->text, cap);
    if (!grown) return false;
    in->text = grown;
    in->cap = cap;
    return true;
}

/* The next line without its end, into the text; how long it is, or why there is none. */
static ssize_t read_line(struct importing *in)
{
    size_t n = 0;
    for (int c; (c = getc_unlocked(in->in)) != EOF; in->text[n++] = (char)c) {
        if (c == '\n') return (ssize_t)n;
        if (n == EXPORT_MAX_LINE) return TOO_LONG;
        if (n == in->cap && !grow(in)) return NO_MEMORY;
    }
    return n ? (ssize_t)n : NO_LINE;
}

static enum rc_status take_lines(struct importing *in)
{
    enum rc_status status = RC_OK;
    bool end = false;
    for (ssize_t n; status == RC_OK && (n = read_line(in)) != NO_LINE;) {
        in->lines++;
        if (n == TOO_LONG)
            status = rc_fail(&in->err, RC_LIMIT, "it is longer than %d bytes", EXPORT_MAX_LINE);
        else if (n == NO_MEMORY)
            status = rc_fail(&in->err, RC_NOMEM, "out of memory");
        else if (end)
            status = rc_fail(&in->err, RC_INVALID, "something stands behind the end");
        else
            status = take_line(in, (struct rc_sv){in->text, (uint32_t)n}, &end);
    }
    if (status == RC_OK && ferror(in->in))
        status = rc_fail(&in->err, RC_IO, "cannot be read: %s", strerror(errno));
    if (status == RC_OK && !end) {
        in->lines++;
        status = rc_fail(&in->err, RC_INVALID, "the export is cut short: its end is missing");
    }
    if (status == RC_OK) return RC_OK;
    return rc_fail_prefix(&in->err, status, "%s, line %llu", in->from, (unsigned long long)in->lines);
}

enum rc_status import_lines(FILE *file, const char *from, const struct import_sink *sink,
                            struct import_end *ret, struct rc_error *err)
{
    struct importing in = {.in = file, .from = from, .sink = sink};
    in.line = rc_arena_new(FIRST, LINE_MEMORY);
    in.one = rc_arena_new(FIRST, MEMORY);
    in.definitions = rc_arena_new(FIRST, MEMORY);
    enum rc_status status =
        in.line && in.one && in.definitions ? take_lines(&in) : rc_fail(&in.err, RC_NOMEM, "out of memory");
    rc_arena_free(in.line);
    rc_arena_free(in.one);
    rc_arena_free(in.definitions);
    free(in.parsed);
    free(in.text);
    in.end.high.audit = in.end.entries;
    if (status == RC_OK) *ret = in.end;
    if (status != RC_OK && err) *err = in.err;
    return status;
}
