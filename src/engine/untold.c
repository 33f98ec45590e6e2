/* Telling people later what there was no room for (notice.h). The records of a command that were made at one time are those of one turn; folding
 * its history up to there, and over it, shows what that turn had to tell. */
#include "engine/state.h"

#include "core/people.h"

/* Changes that one turn looks at; memory of one history (as in unit.c). */
enum { PAGE = 64, MOST = 128 << 20 };

/* ---- what a turn had to tell -------------------------------------------------------------------------------------------- */

struct past {
    const struct rc_command *now; /* the command as it is */
    struct rc_record *record;
    uint32_t n;
    uint32_t from, to; /* the records of the turn are record[from, to) */
    const char *reason;
};

/* The turn of which `rev` is a revision. */
static void find_turn(struct past *past, uint32_t rev)
{
    past->from = past->to = rev - 1;
    while (past->from && past->record[past->from - 1].at == past->record[rev - 1].at) past->from--;
    while (past->to < past->n && past->record[past->to].at == past->record[rev - 1].at) past->to++;
}

static enum rc_status fold_turn(struct past *past, struct rc_command *c, struct rc_arena *arena,
                                struct rc_error *err)
{
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; status == RC_OK && i < past->from; i++)
        status = rc_fold_one(&past->record[i], arena, c, err);
    uint8_t state = c->state, why = c->why;
    for (uint32_t i = past->from; status == RC_OK && i < past->to; i++)
        status = rc_fold_one(&past->record[i], arena, c, err);
    if (status == RC_OK) past->reason = rc_notice_reason(c, state, why, c->changed);
    return status;
}

/* Whether it was submitted. Two turns may have had the same time: the key has the last revision of one of them. */
static enum rc_status was_told(struct rc_engine *engine, const struct past *past, struct rc_arena *arena,
                               bool *ret, struct rc_error *err)
{
    const struct rc_identity *id = &past->now->id;
    *ret = false;
    for (uint32_t i = past->from; i < past->to; i++) {
        struct rc_key_match match;
        struct rc_sv key = rc_notice_key(arena, id->seq, past->record[i].rev);
        if (!key.p) return rc_fail_arena(err, arena);
        enum rc_status status = rc_read_key(engine->reader, id->ns, engine->ports.notify, key, &match, err);
        if (status == RC_OK) *ret = true;
        if (status != RC_NOT_FOUND) return status;
    }
    return RC_OK;
}

static enum rc_status tell_of(struct rc_engine *engine, struct past *past, uint32_t rev,
                              struct rc_arena *arena, struct rc_error *err)
{
    struct rc_command c;
    const uint64_t seq = past->now->id.seq;
    enum rc_status status =
        rc_load_history(engine->reader, rc_engine_set(engine), seq, arena, &c, &past->record, &past->n, err);
    if (status != RC_OK || rev > past->n) return status;
    find_turn(past, rev);
    if (past->to != rev) return RC_OK; /* the last one stands for all of them */
    bool told = true;
    status = fold_turn(past, &c, arena, err);
    bool wanted = status == RC_OK && past->reason && rc_notice_is_wanted(past->now, past->reason);
    if (wanted) status = was_told(engine, past, arena, &told, err);
    if (status != RC_OK || told) return status;
    status = rc_notice_submit(engine, &past->now->id, rev, past->reason, err);
    if (status == RC_OK) engine->turn.nunits++;
    engine->untold.alone = engine->apart != 0;
    return status;
}

static bool may_want(struct rc_engine *engine, const struct rc_command *c)
{
    bool wanted = c->state == RC_REVIEW || c->why == RC_WHY_DEADLINE || rc_first_asked(c);
    return wanted && !rc_notice_is_own(engine, c);
}

/* False: there is no room yet. */
static bool look_at(struct rc_engine *engine, const struct rc_news *news)
{
    struct rc_error error = {0};
    struct rc_hot *hot;
    enum rc_status status = rc_engine_command(engine, news->seq, &hot, &error);
    if (status == RC_OK && may_want(engine, &hot->command)) {
        struct past past = {.now = &hot->command};
        struct rc_arena *arena = rc_arena_new(2048, MOST);
        status = arena ? tell_of(engine, &past, news->rev, arena, &error)
                       : rc_fail(&error, RC_NOMEM, "out of memory");
        rc_arena_free(arena);
    }
    if (rc_turn_passes(engine, status)) return false;
    bool gone = status == RC_NOT_FOUND || status == RC_PURGED;
    if (status != RC_OK && !gone) rc_engine_fault(engine, &error);
    return true;
}

/* ---- from change to change ---------------------------------------------------------------------------------------------- */

static enum rc_status last_change(struct rc_engine *engine, uint64_t *ret, struct rc_error *err)
{
    struct rc_high high;
    enum rc_status status = rc_read_high(engine->reader, &high, err);
    if (status == RC_OK) *ret = high.change;
    return status;
}

static enum rc_status look_through(struct rc_engine *engine, struct rc_untold *untold, struct rc_error *err)
{
    struct rc_news *news = NULL;
    uint32_t n = 0, i = 0;
    enum rc_status status = untold->grows ? last_change(engine, &untold->last, err) : RC_OK;
    if (status != RC_OK) return status;
    untold->grows = false;
    status = rc_read_changes(engine->reader, untold->first - 1, engine->turn.arena, PAGE, &news, &n, err);
    if (status != RC_OK) return status;
    untold->looked = true;
    untold->next = untold->first;
    for (; i < n && news[i].change <= untold->last && !untold->alone; i++) {
        if (!look_at(engine, &news[i])) return RC_OK;
        untold->next = news[i].change + 1;
    }
    if (!untold->alone && (n < PAGE || i < n)) untold->next = 0;
    return RC_OK;
}

void rc_untold_again(struct rc_engine *engine)
{
    struct rc_untold *untold = &engine->untold;
    struct rc_error error = {0};
    if (!engine->room || !engine->ports.notify.n || !untold->first) return;
    enum rc_status status = look_through(engine, untold, &error);
    if (status != RC_OK && !rc_turn_passes(engine, status)) rc_engine_fault(engine, &error);
}

bool rc_untold_note(struct rc_engine *engine)
{
    struct rc_untold *untold = &engine->untold;
    uint64_t *first = untold->looked ? &untold->next : &untold->first, last;
    untold->grows = true;
    if (*first) return true;
    if (last_change(engine, &last, NULL) != RC_OK) return false;
    *first = last + 1;
    return true;
}

uint64_t rc_untold_batch(const struct rc_engine *engine)
{
    return engine->untold.looked ? engine->untold.next : engine->untold.first;
}

void rc_untold_end_turn(struct rc_engine *engine, bool refused)
{
    struct rc_untold *untold = &engine->untold;
    bool stands = untold->looked && (engine->turn.published || (refused && untold->alone));
    untold->moves = stands && untold->next != untold->first;
    if (stands) untold->first = untold->next;
    untold->looked = untold->alone = false;
}

void rc_untold_boot(struct rc_engine *engine, uint64_t first)
{
    engine->untold = (struct rc_untold){.first = first, .grows = first != 0};
}

rc_us rc_untold_sleep(const struct rc_engine *engine)
{
    const struct rc_untold *untold = &engine->untold;
    if (!untold->first || !engine->room || !engine->ports.notify.n) return UINT64_MAX;
    return untold->moves ? 0 : RC_PAUSE;
}
