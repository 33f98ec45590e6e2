/* What the checker reads: the first line's first letter is 'h' for a client's history or 'j' for the outside's journal; the rest is the
 * file. A refusal names the file and the line; what is taken is in bounds. */
#include "fuzz.h"

#include "sim/check_read.h"

static void laws(enum rc_status status, const struct rc_error *err, const struct rc_arena *arena)
{
    FUZZ_LAW(status == RC_OK || status == RC_SYNTAX || status == RC_INVALID || status == RC_LIMIT ||
             rc_arena_status(arena) != RC_OK);
    if (status != RC_OK && rc_arena_status(arena) == RC_OK)
        FUZZ_LAW(err->status == status && strstr(err->text, "file"));
}

static void history(const struct check_text *file, struct rc_arena *arena)
{
    struct check_history read = {0};
    struct rc_error err = {0};
    enum rc_status status = check_read_history(file, 1, fuzz_flows(), arena, &read, &err);
    laws(status, &err, arena);
    for (uint32_t i = 0; status == RC_OK && i < read.ncalls; i++) {
        const struct check_call *call = &read.calls[i];
        FUZZ_LAW(call->what >= CHECK_SUBMIT && call->what <= CHECK_READ && call->end <= CHECK_ANSWERED);
        FUZZ_LAW(call->end == CHECK_ANSWERED || (!call->status && !call->told_seq));
        FUZZ_LAW(call->action < RC_ACTIONS && call->state < RC_STATES);
    }
}

static void journal(const struct check_text *file, struct rc_arena *arena)
{
    struct check_journal read = {0};
    struct rc_error err = {0};
    enum rc_status status = check_read_journal(file, 1, arena, &read, &err);
    laws(status, &err, arena);
    for (uint32_t i = 0; status == RC_OK && i < read.narrivals; i++)
        FUZZ_LAW(read.arrivals[i].line >= 1 && read.arrivals[i].status <= 999);
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    struct rc_sv head = fuzz_line(&input);
    const struct check_text file = {.name = RC_SV("file"), .text = input};
    if (!head.n) return;
    if (head.p[0] == 'h') history(&file, arena);
    if (head.p[0] == 'j') journal(&file, arena);
}
