/* Open addressing with linear probing; removal shifts back, so there are no tombstones. At most 3/4 full. */
#include "base/map.h"

#include <stdlib.h>

static size_t home(const struct rc_map *map, uint64_t key)
{
    key = (key ^ key >> 32) * 0x9e3779b97f4a7c15u;
    return (size_t)(key >> 32) & (map->cap - 1);
}

static size_t find(const struct rc_map *map, uint64_t key)
{
    size_t at = home(map, key);
    while (map->slot[at].value && map->slot[at].key != key) at = (at + 1) & (map->cap - 1);
    return at;
}

void rc_map_free(struct rc_map *map)
{
    free(map->slot);
    *map = (struct rc_map){0};
}

void *rc_map_get(const struct rc_map *map, uint64_t key)
{
    return map->cap ? map->slot[find(map, key)].value : NULL;
}

static enum rc_status grow(struct rc_map *map)
{
    struct rc_map bigger = {.cap = map->cap ? map->cap * 2 : 16, .n = map->n};
    bigger.slot = calloc(bigger.cap, sizeof *bigger.slot);
    if (!bigger.slot) return RC_NOMEM;
    for (size_t i = 0; i < map->cap; i++)
        if (map->slot[i].value) bigger.slot[find(&bigger, map->slot[i].key)] = map->slot[i];
    free(map->slot);
    *map = bigger;
    return RC_OK;
}

enum rc_status rc_map_put(struct rc_map *map, uint64_t key, void *value)
{
    if (map->n * 4 >= map->cap * 3 && grow(map) != RC_OK) return RC_NOMEM;
    size_t at = find(map, key);
    map->n += map->slot[at].value == NULL;
    map->slot[at] = (struct rc_map_slot){key, value};
    return RC_OK;
}

void *rc_map_remove(struct rc_map *map, uint64_t key)
{
    if (!map->cap) return NULL;
    size_t hole = find(map, key), mask = map->cap - 1;
    void *value = map->slot[hole].value;
    if (!value) return NULL;
    map->n--;
    for (size_t at = (hole + 1) & mask; map->slot[at].value; at = (at + 1) & mask) {
        /* move back what could not be found past a free slot at `hole` */
        if (((at - home(map, map->slot[at].key)) & mask) >= ((at - hole) & mask)) {
            map->slot[hole] = map->slot[at];
            hole = at;
        }
    }
    map->slot[hole].value = NULL;
    return value;
}
