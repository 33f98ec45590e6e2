/* Hot commands: by number, by key, and in the order of their last use. */
#include "engine/state.h"

#include <stdlib.h>

uint64_t rc_key_hash(struct rc_sv ns, struct rc_sv type, struct rc_sv key)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, ns);
    rc_sha256_add_sv(&sha, type);
    rc_sha256_add_sv(&sha, key);
    return rc_sha256_h128(&sha).hi;
}

uint64_t rc_key_hash_of(const struct rc_identity *id)
{
    return id->key_hash ? id->key_hash : rc_key_hash(id->ns, id->type, id->key);
}

struct rc_hot *rc_cache_find(struct rc_cache *cache, uint64_t seq)
{
    return rc_map_get(&cache->by_seq, seq);
}

struct rc_hot *rc_cache_find_key(struct rc_cache *cache, const struct rc_identity *wanted)
{
    struct rc_hot *hot = rc_map_get(&cache->by_key, rc_key_hash_of(wanted));
    if (!hot) return NULL;
    const struct rc_identity *id = &hot->command.id;
    bool same =
        rc_sv_eq(id->ns, wanted->ns) && rc_sv_eq(id->type, wanted->type) && rc_sv_eq(id->key, wanted->key);
    return same ? hot : NULL;
}

static void link_newest(struct rc_cache *cache, struct rc_hot *hot)
{
    hot->newer = NULL;
    hot->older = cache->newest;
    if (cache->newest) cache->newest->newer = hot;
    cache->newest = hot;
    if (!cache->oldest) cache->oldest = hot;
}

static void unlink_hot(struct rc_cache *cache, struct rc_hot *hot)
{
    *(hot->newer ? &hot->newer->older : &cache->newest) = hot->older;
    *(hot->older ? &hot->older->newer : &cache->oldest) = hot->newer;
}

enum rc_status rc_cache_add(struct rc_cache *cache, struct rc_hot *hot)
{
    const struct rc_identity *id = &hot->command.id;
    hot->key_hash = rc_key_hash_of(id);
    if (rc_map_put(&cache->by_seq, id->seq, hot) != RC_OK) return RC_NOMEM;
    link_newest(cache, hot);
    cache->bytes += rc_arena_held(hot->arena);
    return RC_OK;
}

enum rc_status rc_cache_name(struct rc_cache *cache, struct rc_hot *hot)
{
    return rc_map_put(&cache->by_key, hot->key_hash, hot);
}

void rc_cache_use(struct rc_cache *cache, struct rc_hot *hot)
{
    if (cache->newest == hot) return;
    unlink_hot(cache, hot);
    link_newest(cache, hot);
}

void rc_cache_take_out(struct rc_cache *cache, struct rc_hot *hot)
{
    size_t held = rc_arena_held(hot->arena);
    rc_map_remove(&cache->by_seq, hot->command.id.seq);
    if (rc_map_get(&cache->by_key, hot->key_hash) == hot) rc_map_remove(&cache->by_key, hot->key_hash);
    unlink_hot(cache, hot);
    cache->bytes -= cache->bytes < held ? cache->bytes : held;
}

void rc_cache_drop(struct rc_cache *cache, struct rc_hot *hot)
{
    rc_cache_take_out(cache, hot);
    rc_arena_free(hot->arena); /* the entry itself lives in it */
}

void rc_cache_clear(struct rc_cache *cache)
{
    while (cache->oldest) rc_cache_drop(cache, cache->oldest);
    rc_map_free(&cache->by_seq);
    rc_map_free(&cache->by_key);
    cache->bytes = 0;
}

void rc_cache_trim(struct rc_cache *cache, size_t bytes)
{
    while (cache->oldest && cache->bytes > bytes) rc_cache_drop(cache, cache->oldest);
}
