/* schedule: of a flow. */
#include "defs/parts.h"

#include "flow/schema.h"

static bool read_cron(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct flow_schedule *schedule = target;
    struct rc_error err = {0};
    if (!defs_read_text(r, node, &schedule->cron, arg)) return false;
    if (cron_parse(node->text, &schedule->expr, &err) == RC_OK) return true;
    uint32_t at = defs_node_byte(r->source, node, err.column ? err.column - 1 : 0);
    return defs_fail_byte(r, at, RC_INVALID, "%s", err.text);
}

static bool read_zone(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct flow_schedule *schedule = target;
    struct rc_error err = {0};
    schedule->zone = NULL;
    if (!defs_read_text(r, node, &schedule->zone_name, arg)) return false;
    enum rc_status status = defs_read_zone(schedule->zone_name, r->arena, &schedule->zone, &err);
    if (status == RC_OK || r->stored) return true;
    return defs_fail(r, node, status == RC_NOT_FOUND ? RC_INVALID : status, "%s", err.text);
}

static bool read_payload(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    return defs_want(r, node, DEFS_MAP, "a map: the payload of its commands") &&
           defs_read_value(r, node, target);
}

static const struct defs_word missed_word[] = {
    {"latest", FLOW_MISSED_LATEST}, {"skip", FLOW_MISSED_SKIP}, {"all", FLOW_MISSED_ALL}};
static const struct defs_words missed_words = {missed_word, 3};
static const struct defs_word overlap_word[] = {
    {"skip", FLOW_OVERLAP_SKIP}, {"allow", FLOW_OVERLAP_ALLOW}, {"queue", FLOW_OVERLAP_QUEUE}};
static const struct defs_words overlap_words = {overlap_word, 3};

static const struct defs_field schedule_field[] = {
    {"id", DEFS_REQUIRED, defs_read_id, offsetof(struct flow_schedule, id), NULL},
    {"cron", DEFS_REQUIRED, read_cron, 0, NULL},
    {"zone", DEFS_OPTIONAL, read_zone, 0, NULL},
    {"namespace", DEFS_OPTIONAL, defs_read_name, offsetof(struct flow_schedule, ns), NULL},
    {"payload", DEFS_OPTIONAL, read_payload, offsetof(struct flow_schedule, payload), NULL},
    {"missed", DEFS_OPTIONAL, defs_read_word, offsetof(struct flow_schedule, missed), &missed_words},
    {"overlap", DEFS_OPTIONAL, defs_read_word, offsetof(struct flow_schedule, overlap), &overlap_words},
};
static const struct defs_table schedule_table = DEFS_TABLE(schedule_field);

/* A run that the flow would refuse is told now, not at its first time. */
static bool check_payload(struct defs_reader *r, const struct defs_node *node, const struct flow *flow,
                          struct flow_schedule *schedule)
{
    struct rc_error err = {0};
    uint32_t n = 0;
    if (!flow->payload || flow_validate(flow->payload, &schedule->payload, &err, 1, &n) == RC_OK) return true;
    return defs_fail(r, node, RC_INVALID, "the payload does not fit the flow: %s: %s",
                     err.pointer[0] ? err.pointer : "/", err.text);
}

static bool read_one(struct defs_reader *r, const struct defs_node *node, struct flow *flow,
                     struct flow_schedule *schedule, const struct flow_schedule *before)
{
    *schedule = (struct flow_schedule){
        .zone_name = RC_SV("UTC"), .zone = &cron_utc, .ns = RC_SV("default"), .payload = {.kind = CEL_MAP}};
    if (!defs_read_object(r, node, &schedule_table, schedule)) return false;
    for (; before < schedule; before++)
        if (rc_sv_eq(before->id, schedule->id))
            return defs_fail(r, node, RC_INVALID, "'%.*s' is the id of another schedule of this flow",
                             RC_SV_ARG(schedule->id));
    return check_payload(r, node, flow, schedule);
}

bool defs_read_schedules(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow *flow = target;
    if (!defs_want(r, node, DEFS_LIST, "a list of schedules")) return false;
    if (node->n > RC_MAX_FLOW_SCHEDULES)
        return defs_fail(r, node, RC_LIMIT, "a flow has at most %d schedules", RC_MAX_FLOW_SCHEDULES);
    struct flow_schedule *schedules = RC_NEW_ARRAY(r->arena, struct flow_schedule, node->n);
    if (!schedules) return defs_fail_arena(r, r->arena);
    bool ok = true;
    for (const struct defs_node *one = node->first; one; one = one->next) {
        struct defs_place place = {.up = r->place, .item = true, .index = flow->nschedules};
        r->place = &place;
        ok &= read_one(r, one, flow, &schedules[flow->nschedules], schedules);
        flow->nschedules++;
        r->place = place.up;
    }
    flow->schedules = schedules;
    return ok;
}
