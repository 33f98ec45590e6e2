/* Stored forms: what a store gives back of what it keeps, whatever became of it on the disk. "FIRST" is a letter:
 *   r  a record: a line "KIND PURPOSE NODE ATTEMPT", a line with the cause, a line with the changes
 *   f  refs
 *   a  the action of a bulk
 *   e  an entry of the audit: a line "KIND ACTION COMMAND REV", and its data
 * What can be read is written and read again to the same; else it is called damaged, and nothing is returned. */
#include "fuzz.h"

#include "base/num.h"
#include "codec/write.h"
#include "store/driver.h"

static bool refused(enum rc_status status, const struct rc_error *err, const struct rc_arena *arena)
{
    if (status == RC_OK) return false;
    FUZZ_LAW(status == RC_DAMAGED || status == RC_LIMIT || rc_arena_status(arena) != RC_OK);
    FUZZ_LAW(err->status == status && err->text[0]);
    return true;
}

static uint32_t number(struct rc_sv *io_line, uint32_t most)
{
    const char *blank = io_line->n ? memchr(io_line->p, ' ', io_line->n) : NULL;
    struct rc_sv word = {io_line->p, blank ? (uint32_t)(blank - io_line->p) : io_line->n};
    uint32_t eaten = word.n + (blank != NULL);
    uint64_t value = 0;
    *io_line = (struct rc_sv){io_line->p + eaten, io_line->n - eaten};
    return rc_parse_u64(word, &value) && value <= most ? (uint32_t)value : 0;
}

static void record(struct rc_sv input, struct rc_arena *arena)
{
    struct rc_sv head = fuzz_line(&input);
    struct rc_identity identity = {
        .seq = 9, .nonce = 7, .payload = {.kind = CEL_MAP}, .refs = {.kind = CEL_MAP}};
    struct rc_stored stored = {.change = 5, .rev = 1, .at = RC_SECONDS(1790000000)}, again = {0};
    struct rc_record read, second;
    struct rc_news news = {0};
    struct rc_error err = {0};
    stored.cause = (uint8_t)number(&head, UINT8_MAX);
    stored.purpose = (uint8_t)number(&head, RC_PURPOSES - 1);
    stored.node = (uint16_t)number(&head, RC_MAX_NODES);
    stored.attempt = (uint16_t)number(&head, UINT16_MAX);
    stored.body = fuzz_line(&input);
    stored.changes = fuzz_line(&input);
    enum rc_status status = rc_store_decode(&stored, &identity, arena, &read, &err);
    enum rc_status told = rc_store_news(&stored, arena, &news, NULL);
    if (status == RC_OK && rc_arena_status(arena) == RC_OK) FUZZ_LAW(told == RC_OK && news.change == 5);
    if (refused(status, &err, arena)) return;
    FUZZ_LAW(read.seq == 9 && read.rev == 1 && read.cause->kind == stored.cause);
    if (rc_store_encode(&read, arena, &again, NULL) != RC_OK) return; /* too large, or no memory */
    FUZZ_LAW(again.cause == stored.cause && again.node == stored.node && again.attempt == stored.attempt);
    struct rc_sv body = again.body, changes = again.changes;
    status = rc_store_decode(&again, &identity, arena, &second, NULL);
    if (rc_arena_status(arena) != RC_OK) return;
    FUZZ_LAW(status == RC_OK && second.nchanges == read.nchanges);
    if (rc_store_encode(&second, arena, &again, NULL) == RC_OK)
        FUZZ_LAW(rc_sv_eq(again.body, body) && rc_sv_eq(again.changes, changes));
}

static void refs(struct rc_sv input, struct rc_arena *arena)
{
    struct cel_value value = cel_null(), again;
    struct rc_sv text;
    struct rc_error err = {0};
    if (refused(rc_store_decode_refs(input, arena, &value, &err), &err, arena)) return;
    (void)rc_store_has_ref(value, RC_SV("customer"), RC_SV("7"));
    if (rc_store_encode_refs(value, arena, &text, NULL) != RC_OK || !text.n) return; /* no map of texts */
    enum rc_status status = rc_store_decode_refs(text, arena, &again, NULL);
    FUZZ_LAW((status == RC_OK && fuzz_same(value, again)) || rc_arena_status(arena) != RC_OK);
}

static void act(struct rc_sv input, struct rc_arena *arena)
{
    struct rc_act read, again;
    struct rc_sv text, second;
    struct rc_error err = {0};
    if (refused(rc_store_decode_act(input, arena, &read, &err), &err, arena)) return;
    if (rc_store_encode_act(&read, arena, &text, NULL) != RC_OK) return;
    enum rc_status status = rc_store_decode_act(text, arena, &again, NULL);
    if (rc_arena_status(arena) != RC_OK) return;
    FUZZ_LAW(status == RC_OK && again.action == read.action);
    if (rc_store_encode_act(&again, arena, &second, NULL) == RC_OK) FUZZ_LAW(rc_sv_eq(text, second));
}

static void entry(struct rc_sv input, struct rc_arena *arena)
{
    struct rc_sv head = fuzz_line(&input);
    struct rc_audit_entry entry = {.number = 3, .at = RC_SECONDS(1790000000), .nonce = 7};
    struct rc_buf buf = rc_buf_in(arena, 4 << 20);
    struct rc_json json = {.buf = &buf};
    entry.what.kind = (uint8_t)number(&head, UINT8_MAX);
    entry.what.action = (uint8_t)number(&head, UINT8_MAX);
    entry.what.command = number(&head, UINT32_MAX);
    entry.what.rev = number(&head, UINT32_MAX);
    entry.what.data = input;
    if (input.n == 0) entry.purged = true;
    rc_audit_put_entry(&json, &entry, arena);
    fuzz_is_json(&buf, arena);
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    if (!input.n) return;
    struct rc_sv rest = {input.p + 1, input.n - 1};
    if (input.p[0] == 'r') record(rest, arena);
    if (input.p[0] == 'f') refs(rest, arena);
    if (input.p[0] == 'a') act(rest, arena);
    if (input.p[0] == 'e') entry(rest, arena);
}
