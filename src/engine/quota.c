/* What a namespace may still take on. Asked only for a command that would be new: a repeat costs nothing.
 *
 * A command that takes the place of another one is new, too; where the other one had not ended, there are not more open ones.
 *
 * The usage is the store's, kept in the commit that changes it; what this turn has taken on already and not committed is
 * added to it. The rate is a bucket that holds one second: it begins full when the server starts. */
#include "engine/state.h"

#include <stdlib.h>

enum { SECOND = 1000000 };

struct rc_taken {
    uint64_t turn;         /* of which what follows is */
    struct rc_usage usage; /* before the turn, and what the turn adds */
    rc_us filled, credit;  /* the bucket: when it was looked at, and time that is left in it */
};

static struct rc_taken *taken_of(struct rc_engine *engine, struct rc_sv ns)
{
    uint64_t key = rc_key_hash(ns, RC_SV(""), RC_SV(""));
    struct rc_taken *taken = rc_map_get(&engine->quotas, key);
    if (taken) return taken;
    taken = calloc(1, sizeof *taken);
    if (!taken) return NULL;
    taken->credit = SECOND;
    taken->filled = engine->turn.now;
    if (rc_map_put(&engine->quotas, key, taken) == RC_OK) return taken;
    free(taken);
    return NULL;
}

void rc_quotas_forget(struct rc_engine *engine)
{
    for (size_t i = 0; i < engine->quotas.cap; i++) free(engine->quotas.slot[i].value);
    rc_map_free(&engine->quotas);
}

static enum rc_status look(struct rc_engine *engine, struct rc_sv ns, struct rc_taken *taken,
                           struct rc_error *err)
{
    if (taken->turn == engine->turn.number) return RC_OK;
    enum rc_status status = rc_read_usage(engine->reader, ns, &taken->usage, err);
    if (status == RC_OK) taken->turn = engine->turn.number;
    return status;
}

/* Whether the bucket has enough for one more; it is taken when the command is made. */
static enum rc_status check_rate(struct rc_engine *engine, const struct rc_namespace *ns,
                                 struct rc_taken *taken, struct rc_request *request)
{
    rc_us passed = engine->turn.now - taken->filled, cost = SECOND / ns->max_rate;
    taken->filled = engine->turn.now;
    taken->credit = passed >= SECOND || taken->credit + passed > SECOND ? SECOND : taken->credit + passed;
    if (taken->credit >= cost) return RC_OK;
    request->retry_after = (uint32_t)((cost - taken->credit + SECOND - 1) / SECOND);
    return rc_fail(&request->error, RC_RATE, "the namespace '%.*s' takes %u new commands per second",
                   RC_SV_ARG(ns->name), ns->max_rate);
}

static enum rc_status check_amount(const struct rc_namespace *ns, const struct rc_usage *usage, bool replaces,
                                   struct rc_request *request)
{
    enum { ENDING_S = 10 }; /* when it may be worth another try: open commands end by themselves, mostly */
    if (ns->max_open && !replaces && usage->open >= ns->max_open) {
        request->retry_after = ENDING_S;
        return rc_fail(&request->error, RC_QUOTA,
                       "the namespace '%.*s' has %llu open commands; %llu are allowed", RC_SV_ARG(ns->name),
                       (unsigned long long)usage->open, (unsigned long long)ns->max_open);
    }
    if (ns->max_bytes && usage->bytes + request->bytes > ns->max_bytes)
        return rc_fail(
            &request->error, RC_QUOTA,
            "the namespace '%.*s' holds %llu bytes, and %u would be more than the %llu that are allowed",
            RC_SV_ARG(ns->name), (unsigned long long)usage->bytes, request->bytes,
            (unsigned long long)ns->max_bytes);
    return RC_OK;
}

static bool has_quotas(const struct rc_namespace *ns)
{
    return ns->max_open || ns->max_bytes || ns->max_rate;
}

enum rc_status rc_quota_check(struct rc_engine *engine, struct rc_sv name, bool replaces,
                              struct rc_request *request)
{
    const struct rc_namespace *ns = rc_known_namespace(engine->known, name);
    if (!ns) return rc_fail(&request->error, RC_NOT_FOUND, "there is no namespace '%.*s'", RC_SV_ARG(name));
    if (!has_quotas(ns)) return RC_OK;
    struct rc_taken *taken = taken_of(engine, ns->name);
    if (!taken) return rc_fail(&request->error, RC_NOMEM, "out of memory");
    enum rc_status status = look(engine, ns->name, taken, &request->error);
    if (status == RC_OK) status = check_amount(ns, &taken->usage, replaces, request);
    if (status == RC_OK && ns->max_rate) status = check_rate(engine, ns, taken, request);
    return status;
}

void rc_quota_take(struct rc_engine *engine, struct rc_sv ns, bool replaces, uint32_t bytes)
{
    const struct rc_namespace *known = rc_known_namespace(engine->known, ns);
    if (!known || !has_quotas(known)) return;
    struct rc_taken *taken = rc_map_get(&engine->quotas, rc_key_hash(ns, RC_SV(""), RC_SV("")));
    if (!taken) return;
    taken->usage.open += !replaces;
    taken->usage.bytes += bytes;
    if (known->max_rate) taken->credit -= SECOND / known->max_rate;
}
