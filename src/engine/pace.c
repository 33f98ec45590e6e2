/* When too much waits (pace.h). */
#include "engine/pace.h"

#include "base/limits.h"

enum { NS = 1000 };

void rc_pace_init(struct rc_pace *pace, rc_us wait)
{
    *pace = (struct rc_pace){.wait = wait};
    atomic_init(&pace->most, RC_MAX_INBOX);
    atomic_init(&pace->refused, false);
}

/* An eighth of what is new; a turn that was held up by something else counts as four at the most. */
static uint64_t blend(uint64_t old, uint64_t new)
{
    if (!old) return new;
    if (new > 4 * old) new = 4 * old;
    return old - old / 8 + new / 8;
}

static void learn(struct rc_pace *pace, uint32_t units, rc_us took)
{
    uint64_t ns = took * NS;
    if (!units || !took) return;
    if (units <= RC_PACE_SMALL) {
        pace->base_ns = blend(pace->base_ns, ns);
    } else if (units >= RC_PACE_LARGE) {
        uint64_t rest = ns > pace->base_ns ? ns - pace->base_ns : 0;
        pace->unit_ns = blend(pace->unit_ns, rest / units + 1);
    }
}

/* How many units may wait where too much does. */
static uint32_t bound(const struct rc_pace *pace)
{
    uint64_t ns = pace->wait * NS;
    if (!pace->unit_ns) return RC_MAX_INBOX;
    if (ns < 4 * pace->base_ns) ns = 4 * pace->base_ns;
    uint64_t units = ns / pace->unit_ns;
    if (units < RC_PACE_LEAST) return RC_PACE_LEAST;
    return units < RC_MAX_INBOX ? (uint32_t)units : RC_MAX_INBOX;
}

void rc_pace_turn(struct rc_pace *pace, uint32_t units, rc_us took, uint32_t taken, rc_us now)
{
    learn(pace, units, took);
    if (!pace->wait) return;
    uint32_t most = bound(pace);
    if (atomic_exchange_explicit(&pace->refused, false, memory_order_relaxed)) pace->refused_at = now;
    if (taken <= most)
        pace->too_much_since = 0;
    else if (!pace->too_much_since)
        pace->too_much_since = now;
    bool stands = pace->too_much_since && now - pace->too_much_since >= RC_PACE_STANDING_US;
    bool refusing = pace->refused_at && now - pace->refused_at < RC_PACE_CALM_US;
    atomic_store_explicit(&pace->most, stands || refusing ? most : RC_MAX_INBOX, memory_order_relaxed);
}
