/* The table of invariants, and the run that holds each of them against a case. */
#include "sim/check_run.h"

#include <stdarg.h>
#include <stdio.h>

/* Numbers are printed and written down: add at the end, never reuse. Each stands beside its sentence and its code: 1 to 10 in
 * check_clients.c, 11 to 19 in check_attempts.c, 20 to 29 in check_steps.c, 30 to 36 in check_store.c, 37 in check_recovery.c, 38 to 41 in
 * check_end.c. */
extern const struct check_invariant check_invariant_1;
extern const struct check_invariant check_invariant_2;
extern const struct check_invariant check_invariant_3;
extern const struct check_invariant check_invariant_4;
extern const struct check_invariant check_invariant_5;
extern const struct check_invariant check_invariant_6;
extern const struct check_invariant check_invariant_7;
extern const struct check_invariant check_invariant_8;
extern const struct check_invariant check_invariant_9;
extern const struct check_invariant check_invariant_10;
extern const struct check_invariant check_invariant_11;
extern const struct check_invariant check_invariant_12;
extern const struct check_invariant check_invariant_13;
extern const struct check_invariant check_invariant_14;
extern const struct check_invariant check_invariant_15;
extern const struct check_invariant check_invariant_16;
extern const struct check_invariant check_invariant_17;
extern const struct check_invariant check_invariant_18;
extern const struct check_invariant check_invariant_19;
extern const struct check_invariant check_invariant_20;
extern const struct check_invariant check_invariant_21;
extern const struct check_invariant check_invariant_22;
extern const struct check_invariant check_invariant_23;
extern const struct check_invariant check_invariant_24;
extern const struct check_invariant check_invariant_25;
extern const struct check_invariant check_invariant_26;
extern const struct check_invariant check_invariant_27;
extern const struct check_invariant check_invariant_28;
extern const struct check_invariant check_invariant_29;
extern const struct check_invariant check_invariant_30;
extern const struct check_invariant check_invariant_31;
extern const struct check_invariant check_invariant_32;
extern const struct check_invariant check_invariant_33;
extern const struct check_invariant check_invariant_34;
extern const struct check_invariant check_invariant_35;
extern const struct check_invariant check_invariant_36;
extern const struct check_invariant check_invariant_37;
extern const struct check_invariant check_invariant_38;
extern const struct check_invariant check_invariant_39;
extern const struct check_invariant check_invariant_40;
extern const struct check_invariant check_invariant_41;

const struct check_invariant *const check_invariants[] = {
    &check_invariant_1,  &check_invariant_2,  &check_invariant_3,
    &check_invariant_4,  &check_invariant_5,  &check_invariant_6,
    &check_invariant_7,  &check_invariant_8,  &check_invariant_9,
    &check_invariant_10, &check_invariant_11, &check_invariant_12,
    &check_invariant_13, &check_invariant_14, &check_invariant_15,
    &check_invariant_16, &check_invariant_17, &check_invariant_18,
    &check_invariant_19, &check_invariant_20, &check_invariant_21,
    &check_invariant_22, &check_invariant_23, &check_invariant_24,
    &check_invariant_25, &check_invariant_26, &check_invariant_27,
    &check_invariant_28, &check_invariant_29, &check_invariant_30,
    &check_invariant_31, &check_invariant_32, &check_invariant_33,
    &check_invariant_34, &check_invariant_35, &check_invariant_36,
    &check_invariant_37, &check_invariant_38, &check_invariant_39,
    &check_invariant_40, &check_invariant_41, NULL};

const struct check_invariant *check_invariant_find(uint32_t number)
{
    for (const struct check_invariant *const *one = check_invariants; *one; one++)
        if ((*one)->number == number) return *one;
    return NULL;
}

void check_break(struct check_run *run, const char *format, ...)
{
    struct check_report *report = run->report;
    report->broken++;
    if (report->broken_by[run->now->number]++ >= CHECK_FINDINGS_EACH) return;
    struct check_finding *finding = &report->finding[report->n++];
    finding->number = run->now->number;
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above */
    vsnprintf(finding->where, sizeof finding->where, format, args);
    va_end(args);
}

enum rc_status check_all(const struct check_case *in, struct rc_arena *arena, struct check_report *ret,
                         struct rc_error *err)
{
    struct check_run run = {.in = in, .arena = arena, .report = ret};
    *ret = (struct check_report){.counts = {.calls = in->ncalls, .arrivals = in->narrivals}};
    enum rc_status status = check_load(&run, err);
    for (const struct check_invariant *const *one = check_invariants; status == RC_OK && *one; one++) {
        run.now = *one;
        (*one)->hold(&run);
        if (run.status == RC_OK) continue;
        status =
            run.err.status == run.status
                ? rc_fail(err, run.status, "invariant %u: %s", (*one)->number, run.err.text)
                : rc_fail(err, run.status, "invariant %u: %s", (*one)->number, rc_status_text(run.status));
    }
    rc_map_free(&run.keys);
    return status;
}
