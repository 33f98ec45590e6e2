/* The chain of the audit, the same for every implementation: how an entry is linked, and how the links are held against each
 * other. Where entries are kept is the drivers' matter. */
#include "store/driver.h"

#include "base/random.h"
#include "codec/json.h"
#include "codec/record.h"
#include "codec/view.h"
#include "core/words.h"

#include <stdlib.h>

enum { DATA_MAX = 64 << 10, PAGE_FIRST = 64 << 10, PAGE_MEMORY = 256 << 20 };

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void digest_of(const unsigned char salt[RC_AUDIT_SALT], struct rc_sv data,
                      unsigned char ret[RC_AUDIT_HASH])
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add(&sha, salt, RC_AUDIT_SALT);
    rc_sha256_add(&sha, data.p, data.n);
    rc_sha256_end(&sha, ret);
}

static void hash_of(const struct rc_audit_entry *entry, const unsigned char *previous,
                    unsigned char ret[RC_AUDIT_HASH])
{
    static const unsigned char none[RC_AUDIT_HASH];
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add(&sha, previous ? previous : none, RC_AUDIT_HASH);
    rc_sha256_add_u64(&sha, entry->number);
    rc_sha256_add_u64(&sha, entry->at);
    rc_sha256_add_u64(&sha, entry->what.kind);
    rc_sha256_add_u64(&sha, entry->what.command);
    rc_sha256_add_u64(&sha, entry->what.rev);
    rc_sha256_add_u64(&sha, entry->what.action);
    rc_sha256_add(&sha, entry->digest, RC_AUDIT_HASH);
    rc_sha256_end(&sha, ret);
}

enum rc_status rc_audit_link(const struct rc_audit *what, uint64_t number, rc_us now,
                             const unsigned char *previous, struct rc_audit_entry *ret, struct rc_error *err)
{
    struct rc_audit_entry entry = {.number = number, .at = now, .what = *what};
    if (rc_random(entry.salt, sizeof entry.salt) != RC_OK)
        return rc_fail(err, RC_IO, "the kernel gives no random numbers");
    digest_of(entry.salt, what->data, entry.digest);
    hash_of(&entry, previous, entry.hash);
    *ret = entry;
    return RC_OK;
}

struct rc_audit rc_audit_of_action(const struct rc_record *record, struct rc_sv body)
{
    return (struct rc_audit){.kind = RC_AUDIT_ACTION,
                             .action = record->cause->u.act->action,
                             .command = record->seq,
                             .rev = record->rev,
                             .data = body};
}

void rc_audit_put_author(struct rc_json *json, const struct rc_author *by)
{
    rc_json_maybe(json, "subject", by->subject);
    rc_json_maybe(json, "actor", by->actor);
    rc_json_maybe(json, "reason", by->reason);
}

enum rc_status rc_audit_of_definition(const struct rc_definition *def, enum rc_deed deed,
                                      const struct rc_author *by, struct rc_arena *arena,
                                      struct rc_audit *ret, struct rc_error *err)
{
    const struct rc_author server = {.subject = RC_SV("recourse")};
    struct rc_buf buf = rc_buf_in(arena, DATA_MAX);
    struct rc_json json = {.buf = &buf};
    rc_json_object(&json, NULL);
    rc_audit_put_author(&json, by ? by : &server);
    rc_json_text(&json, "kind", def->kind == RC_DEF_FLOW ? "flow" : "dependency");
    rc_json_sv(&json, "name", def->name);
    if (deed != RC_DEED_REMOVE) {
        char digest[32];
        rc_h128_hex(def->digest, digest);
        rc_json_u64(&json, "version", def->version);
        rc_json_sv(&json, "digest", (struct rc_sv){digest, sizeof digest});
    }
    rc_json_end_object(&json);
    if (buf.status != RC_OK) return rc_fail(err, buf.status, "the entry of the audit cannot be made");
    *ret = (struct rc_audit){.kind = RC_AUDIT_DEFINITION, .action = (uint8_t)deed, .data = rc_buf_sv(&buf)};
    return RC_OK;
}

enum rc_status rc_audit_of_schedule(const struct rc_schedule_write *write, struct rc_arena *arena,
                                    struct rc_audit *ret, struct rc_error *err)
{
    struct rc_buf buf = rc_buf_in(arena, DATA_MAX);
    struct rc_json json = {.buf = &buf};
    rc_json_object(&json, NULL);
    rc_audit_put_author(&json, write->by);
    rc_json_text(&json, "flow", write->row->flow);
    rc_json_text(&json, "schedule", write->row->id);
    rc_json_end_object(&json);
    if (buf.status != RC_OK) return rc_fail(err, buf.status, "the entry of the audit cannot be made");
    *ret = (struct rc_audit){.kind = RC_AUDIT_SCHEDULE, .action = write->deed, .data = rc_buf_sv(&buf)};
    return RC_OK;
}

static void put_states(struct rc_json *json, uint32_t states)
{
    rc_json_array(json, "states");
    for (unsigned state = 0; state < RC_STATES; state++)
        if (states >> state & 1) rc_json_text(json, NULL, rc_state_word(state).slug);
    rc_json_end_array(json);
}

enum rc_status rc_audit_of_purge(const struct rc_purge *purge, uint32_t n, uint64_t first, uint64_t last,
                                 struct rc_arena *arena, struct rc_audit *ret, struct rc_error *err)
{
    const struct rc_purge_filter *filter = purge->filter;
    struct rc_buf buf = rc_buf_in(arena, DATA_MAX);
    struct rc_json json = {.buf = &buf};
    rc_json_object(&json, NULL);
    rc_audit_put_author(&json, purge->by);
    rc_json_u64(&json, "commands", n);
    rc_json_u64(&json, "first", first);
    rc_json_u64(&json, "last", last);
    rc_json_maybe(&json, "namespace", filter->ns);
    if (filter->states) put_states(&json, filter->states);
    rc_json_maybe(&json, "type", filter->type);
    /* not its value: that may be the very thing that is to be forgotten */
    rc_json_maybe(&json, "ref", filter->ref);
    if (filter->changed_before) rc_json_time(&json, "changed_before", filter->changed_before);
    rc_json_end_object(&json);
    if (buf.status != RC_OK) return rc_fail(err, buf.status, "the entry of the audit cannot be made");
    *ret = (struct rc_audit){.kind = RC_AUDIT_PURGE, .action = RC_DEED_REMOVE, .data = rc_buf_sv(&buf)};
    return RC_OK;
}

/* ---- for people --------------------------------------------------------------------------------------------------- */

/* What was written, in words where it is an action; a text that is not what this version writes is shown as it is. */
static void put_data(struct rc_json *json, const struct rc_audit *what, struct rc_arena *arena)
{
    struct rc_ask ask = {.kind = RC_MSG_ACTION};
    struct cel_value value = cel_null();
    if (!what->data.p) {
        rc_json_null(json, "data");
    } else if (what->kind == RC_AUDIT_ACTION && rc_get_cause(what->data, arena, &ask, NULL) == RC_OK) {
        rc_json_object(json, "data");
        rc_view_act(json, ask.u.act);
        rc_json_end_object(json);
    } else if (rc_json_parse_within(what->data, RC_MAX_JSON_DEPTH + 2, arena, &value, NULL) == RC_OK) {
        rc_json_value(json, "data", value);
    } else {
        rc_json_sv(json, "data", what->data);
    }
}

void rc_audit_put_entry(struct rc_json *json, const struct rc_audit_entry *entry, struct rc_arena *arena)
{
    const struct rc_audit *what = &entry->what;
    char hex[2 * RC_AUDIT_HASH + 1];
    rc_json_object(json, NULL);
    rc_json_u64(json, "number", entry->number);
    rc_json_time(json, "at", entry->at);
    rc_json_text(json, "kind", rc_audit_word(what->kind).slug);
    rc_json_text(json, "action",
                 what->kind == RC_AUDIT_ACTION ? rc_action_word(what->action).slug
                                               : rc_deed_word(what->action).slug);
    if (what->command && entry->nonce) rc_json_id(json, "command", what->command, entry->nonce);
    if (what->rev) rc_json_u64(json, "revision", what->rev);
    rc_json_bool(json, "purged", !what->data.p);
    put_data(json, what, arena);
    rc_hex(entry->digest, RC_AUDIT_HASH, hex);
    rc_json_text(json, "digest", hex);
    rc_hex(entry->hash, RC_AUDIT_HASH, hex);
    rc_json_text(json, "hash", hex);
    rc_json_end_object(json);
}

/* ---- verifying ---------------------------------------------------------------------------------------------------- */

static bool same(const unsigned char *a, const unsigned char *b)
{
    return memcmp(a, b, RC_AUDIT_HASH) == 0;
}

/* What is wrong with an entry, or NULL. */
const char *rc_audit_fault(const struct rc_audit_entry *entry, const unsigned char *previous)
{
    unsigned char hash[RC_AUDIT_HASH];
    hash_of(entry, previous, hash);
    if (!same(hash, entry->hash)) return "it, or the entry before it, is not what was written";
    if (entry->what.data.p) {
        digest_of(entry->salt, entry->what.data, hash);
        return same(hash, entry->digest) ? NULL : "what people wrote in it is not what was written";
    }
    return entry->purged ? NULL : "what people wrote in it is missing, and its command was not purged";
}

static void look(struct rc_audit_verdict *verdict, const struct rc_audit_entry *entry,
                 const struct rc_audit_pin *pin)
{
    if (entry->number != verdict->head + 1) {
        verdict->broken = verdict->head + 1;
        verdict->why = "it is missing";
        return;
    }
    verdict->why = rc_audit_fault(entry, verdict->head ? verdict->hash : NULL);
    if (!verdict->why && pin && pin->number == entry->number && !same(pin->hash, entry->hash))
        verdict->why = "its hash is not the one that was written down";
    if (verdict->why) {
        verdict->broken = entry->number;
        return;
    }
    verdict->entries++;
    verdict->purged += !entry->what.data.p;
    verdict->head = entry->number;
    memcpy(verdict->hash, entry->hash, RC_AUDIT_HASH);
}

/* One page behind the head; *ret_n is 0 at the end. */
static enum rc_status look_at_page(struct rc_reader *reader, const struct rc_audit_pin *pin,
                                   struct rc_arena *arena, struct rc_audit_verdict *verdict, uint32_t *ret_n,
                                   struct rc_error *err)
{
    const struct rc_audit_page page = {.ascending = true, .after = verdict->head};
    struct rc_audit_entry *entries = NULL;
    rc_arena_reset(arena);
    enum rc_status status = rc_read_audit(reader, &page, arena, RC_MAX_PAGE, &entries, ret_n, err);
    for (uint32_t i = 0; status == RC_OK && i < *ret_n && !verdict->broken; i++)
        look(verdict, &entries[i], pin);
    return status;
}

enum rc_status rc_audit_verify(struct rc_reader *reader, const struct rc_audit_pin *pin,
                               struct rc_audit_verdict *ret, struct rc_error *err)
{
    struct rc_audit_verdict verdict = {0};
    struct rc_high high = {0};
    struct rc_arena *arena = rc_arena_new(PAGE_FIRST, PAGE_MEMORY);
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    /* the counter first: what is behind it may have been added since */
    enum rc_status status = rc_read_high(reader, &high, err);
    for (uint32_t n = 1; status == RC_OK && n && !verdict.broken;)
        status = look_at_page(reader, pin, arena, &verdict, &n, err);
    rc_arena_free(arena);
    if (status != RC_OK) return status;
    if (!verdict.broken && verdict.head < high.audit) {
        verdict.broken = verdict.head + 1;
        verdict.why = "it is missing: the store has counted more entries";
    }
    if (!verdict.broken && pin && pin->number > verdict.head) {
        verdict.broken = verdict.head + 1;
        verdict.why = "it is missing: a later one was written down";
    }
    *ret = verdict;
    return RC_OK;
}
