/* Schedules and deadlines of flows, right and wrong. */
#include "kit.h"

#include <stdio.h>
#include <string.h>

#define STEPS       "steps:\n  - id: a\n    call: d\n    with: { method: POST, path: /p }\n"
#define SCHEDULE(x) "flow: f\nschedule:\n  - id: s\n" x STEPS
#define CRON        "    cron: \"0 8 * * mon-fri\"\n"
#define PAYLOAD     "payload: { type: object, required: [n], properties: { n: { type: integer, maximum: 5 } } }\n"

static const struct {
    const char *name, *yaml, *errors;
} wrong[] = {
    {"no list", "flow: f\nschedule: x\n" STEPS, "f.yaml:2:11: must be a list of schedules, not text"},
    {"no map", "flow: f\nschedule: [x]\n" STEPS, "f.yaml:2:12: must be a map of fields, not text"},
    {"no cron", SCHEDULE(""), "f.yaml:3:5: 'cron' is missing"},
    {"no id", "flow: f\nschedule:\n  - cron: \"0 0 1 1 *\"\n" STEPS, "f.yaml:3:5: 'id' is missing"},
    {"id", "flow: f\nschedule:\n  - id: A b\n" CRON STEPS,
     "f.yaml:3:9: 'A b' is no name here: it must be a small letter, then small letters, digits and '_', and "
     "not in, true, false or null"},
    {"unknown", SCHEDULE(CRON "    timezone: UTC\n"), "f.yaml:5:5: unknown field 'timezone'"},
    {"cron", SCHEDULE("    cron: \"0 8 * * mon-fry\"\n"),
     "f.yaml:4:24: the day of the week is a number from 0 to 7, or the first three letters of its name"},
    {"cron, plain", SCHEDULE("    cron: 0 24 * * 1\n"), "f.yaml:4:13: the hour is a number from 0 to 23"},
    {"cron, short", SCHEDULE("    cron: '0 8 * *'\n"),
     "f.yaml:4:19: the day of the week is missing: minute, hour, day of the month, month, day of the week"},
    {"cron, never", SCHEDULE("    cron: '0 8 31 2 *'\n"), "f.yaml:4:12: no such day of the month ever comes"},
    {"zone", SCHEDULE(CRON "    zone: Europe/Berlim\n"),
     "f.yaml:5:11: there is no time zone 'Europe/Berlim' in /usr/share/zoneinfo: names are like "
     "Europe/Berlin, "
     "and the package tzdata has them"},
    {"zone, a folder", SCHEDULE(CRON "    zone: Europe\n"),
     "f.yaml:5:11: there is no time zone 'Europe' in /usr/share/zoneinfo: names are like Europe/Berlin, and "
     "the "
     "package tzdata has them"},
    {"zone, a path", SCHEDULE(CRON "    zone: ../../../etc/passwd\n"),
     "f.yaml:5:11: '../../../etc/passwd' is no name of a time zone"},
    {"zone, another file", SCHEDULE(CRON "    zone: leapseconds\n"),
     "f.yaml:5:11: this is no TZif file of a time zone: its head is missing"},
    {"missed", SCHEDULE(CRON "    missed: lates\n"),
     "f.yaml:5:13: 'lates' is none of latest, skip, all; did you mean 'latest'?"},
    {"overlap", SCHEDULE(CRON "    overlap: never\n"), "f.yaml:5:14: 'never' is none of skip, allow, queue"},
    {"payload", SCHEDULE(CRON "    payload: 7\n"),
     "f.yaml:5:14: must be a map: the payload of its commands, not a number"},
    {"payload that does not fit",
     "flow: f\n" PAYLOAD "schedule:\n  - id: s\n" CRON "    payload: { n: 6 }\n" STEPS,
     "f.yaml:4:5: the payload does not fit the flow: /n: must be at most 5"},
    {"payload that is missing", "flow: f\n" PAYLOAD "schedule:\n  - id: s\n" CRON STEPS,
     "f.yaml:4:5: the payload does not fit the flow: /n: is required"},
    {"twice", "flow: f\nschedule:\n  - id: s\n" CRON "  - id: s\n" CRON STEPS,
     "f.yaml:5:5: 's' is the id of another schedule of this flow"},
    {"deadline", "flow: f\ndeadline: soon\n" STEPS,
     "f.yaml:2:11: 'soon' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m"},
    {"deadline of nothing", "flow: f\ndeadline: 0s\n" STEPS, "f.yaml:2:11: must be at least 1us"},
    {"deadline too long", "flow: f\ndeadline: 3651d\n" STEPS, "f.yaml:2:11: must be at most 3650d"},
    {"on_deadline", "flow: f\non_deadline: keep\n" STEPS,
     "f.yaml:2:14: 'keep' is none of review, cancel, roll_back"},
    {"on_deadline without undo",
     "flow: f\ndeadline: 1h\non_deadline: roll_back\n" STEPS
     "  - id: b\n    call: d\n    with: { method: POST, path: /p "
     "}\n",
     "f.yaml:5:5: on_deadline: roll_back needs an 'undo' here: the deadline may end behind it"},
};

static void test_wrong(void **state)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        kit_expect(*state, wrong[i].name, wrong[i].yaml, wrong[i].errors);
}

static void test_right(void **state)
{
    const struct flow *flow = kit_flow(
        *state, "flow: f\n" PAYLOAD "deadline: 3650d\non_deadline: cancel\nschedule:\n  - id: s\n" CRON
                "    zone: Europe/Berlin\n    namespace: team-a\n    missed: all\n    overlap: queue\n"
                "    payload: { n: 5 }\n  - id: t\n    cron: 1 2 3 4 5\n    payload: {n: 1}\n" STEPS);
    assert_int_equal(flow->nschedules, 2);
    const struct flow_schedule *s = &flow->schedules[0], *t = &flow->schedules[1];
    assert_true(rc_sv_is(s->id, "s") && rc_sv_is(s->cron, "0 8 * * mon-fri") && rc_sv_is(s->ns, "team-a"));
    assert_int_equal(cron_offset(s->zone, 1800000000), 3600);
    assert_true(s->missed == FLOW_MISSED_ALL && s->overlap == FLOW_OVERLAP_QUEUE);
    assert_true(rc_sv_is(t->zone_name, "UTC") && t->zone == &cron_utc && rc_sv_is(t->ns, "default"));
    assert_true(t->missed == FLOW_MISSED_LATEST && t->overlap == FLOW_OVERLAP_SKIP);
    assert_true(flow->deadline == RC_SECONDS(86400) * RC_MAX_SPAN_DAYS &&
                flow->on_deadline == FLOW_LATE_CANCEL);
}

/* At the bound, and one above. */
static void test_bound(void **state)
{
    static char text[1 << 14];
    for (unsigned more = 0; more < 2; more++) {
        int n = sprintf(text, "flow: f\nschedule:\n");
        for (unsigned i = 0; i < RC_MAX_FLOW_SCHEDULES + more; i++)
            n += sprintf(text + n, "  - { id: s%u, cron: 1 2 3 4 5 }\n", i);
        strcpy(text + n, STEPS);
        kit_expect(*state, "bound", text, more ? "f.yaml:3:3: a flow has at most 64 schedules" : "");
    }
}

/* What was accepted once is not refused later because the machine has forgotten the zone. */
static void test_stored(void **state)
{
    struct kit *kit = *state;
    const struct defs_file file = {
        .source = RC_SV("f.yaml"), .text = RC_SV(SCHEDULE(CRON "    zone: Mars/Olympus\n")), .stored = true};
    assert_int_equal(defs_parse(file, kit->arena, &kit->one, &kit->n, &kit->errors), RC_OK);
    assert_null(kit->one->flow->schedules[0].zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {KIT_TEST(test_wrong), KIT_TEST(test_right), KIT_TEST(test_bound),
                                       KIT_TEST(test_stored)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
