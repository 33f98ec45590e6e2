/* Token buckets (rate.h). */
#include "api/rate.h"

enum { SECOND_NS = 1000000000 };

uint64_t api_rate_key(struct rc_sv name)
{
    uint64_t key = 0xcbf29ce484222325u;
    for (uint32_t i = 0; i < name.n; i++) key = (key ^ (unsigned char)name.p[i]) * 0x100000001b3u;
    return key;
}

static struct api_rate_slot *find(struct api_rate *rate, uint64_t key)
{
    struct api_rate_slot *set = rate->slot[key % API_RATE_SETS], *oldest = set;
    for (unsigned i = 0; i < API_RATE_WAYS; i++) {
        if (set[i].key == key) return &set[i];
        if (set[i].ns < oldest->ns) oldest = &set[i];
    }
    *oldest = (struct api_rate_slot){.key = key};
    return oldest;
}

bool api_rate_take(struct api_rate *rate, uint64_t key, uint32_t per_second, rc_us now, rc_us *ret_wait)
{
    if (!per_second) return true;
    struct api_rate_slot *slot = find(rate, key);
    uint64_t ns = now * 1000, each = SECOND_NS / per_second, after = (slot->ns > ns ? slot->ns : ns) + each;
    if (after > ns + SECOND_NS) {
        *ret_wait = (after - ns - SECOND_NS + 999) / 1000;
        return false;
    }
    slot->ns = after;
    return true;
}
