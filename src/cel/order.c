/* Order: of numbers across kinds, and of map keys, with what rests on it (sort, find).
 *
 * Keys compare exactly, because a lossy order is none: 2^53 and 2^53 + 1 would both equal 2^53 as a double. */
#include "cel/order.h"

#include <math.h>

static int order_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int order_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static double to_double(struct cel_value value)
{
    if (value.kind == CEL_INT) return (double)value.v.i;
    return value.kind == CEL_UINT ? (double)value.v.u : value.v.d;
}

/* int and uint, exactly. */
static int order_whole(struct cel_value a, struct cel_value b)
{
    if (a.kind == b.kind) return a.kind == CEL_INT ? order_i64(a.v.i, b.v.i) : order_u64(a.v.u, b.v.u);
    if (a.kind == CEL_INT) return a.v.i < 0 ? -1 : order_u64((uint64_t)a.v.i, b.v.u);
    return b.v.i < 0 ? 1 : order_u64(a.v.u, (uint64_t)b.v.i);
}

int cel_number_order(struct cel_value a, struct cel_value b)
{
    if (a.kind != CEL_DOUBLE && b.kind != CEL_DOUBLE) return order_whole(a, b);
    double x = to_double(a), y = to_double(b);
    if (isnan(x) || isnan(y)) return CEL_UNORDERED;
    return (x > y) - (x < y);
}

/* int or uint against a double that is no NaN, exactly. */
static int order_exact(struct cel_value whole, double d)
{
    if (d >= 0x1p64) return -1;
    if (d < -0x1p63) return 1;
    double down = floor(d);
    struct cel_value floor_of_d =
        d < 0 ? cel_int((int64_t)down) : (struct cel_value){.kind = CEL_UINT, .v.u = (uint64_t)down};
    int order = order_whole(whole, floor_of_d);
    return order == 0 && down < d ? -1 : order;
}

static int order_doubles(double a, double b)
{
    if (isnan(a) || isnan(b)) return !isnan(a) - !isnan(b);
    return (a > b) - (a < b);
}

/* Numbers, then bool, then string; what can be no key comes last. */
static int rank(struct cel_value value)
{
    if (cel_is_number(value)) return 0;
    return value.kind == CEL_BOOL ? 1 : value.kind == CEL_STRING ? 2 : 3 + value.kind;
}

static int order_numbers(struct cel_value a, struct cel_value b)
{
    if (a.kind == CEL_DOUBLE && b.kind == CEL_DOUBLE) return order_doubles(a.v.d, b.v.d);
    if (b.kind == CEL_DOUBLE) return isnan(b.v.d) ? 1 : order_exact(a, b.v.d);
    if (a.kind == CEL_DOUBLE) return isnan(a.v.d) ? -1 : -order_exact(b, a.v.d);
    return order_whole(a, b);
}

int cel_key_cmp(struct cel_value a, struct cel_value b)
{
    int rank_a = rank(a), rank_b = rank(b);
    if (rank_a != rank_b) return rank_a < rank_b ? -1 : 1;
    if (rank_a == 2) return rc_sv_cmp(cel_text(a), cel_text(b));
    if (rank_a == 1) return a.v.b - b.v.b;
    return rank_a == 0 ? order_numbers(a, b) : 0;
}

/* ---- sort ---- */

struct pair {
    struct cel_value key, value;
};

static void sort_few(struct pair *pair, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        struct pair moving = pair[i];
        uint32_t at = i;
        for (; at > 0 && cel_key_cmp(moving.key, pair[at - 1].key) < 0; at--) pair[at] = pair[at - 1];
        pair[at] = moving;
    }
}

static void sift_down(struct pair *pair, uint32_t at, uint32_t n)
{
    struct pair moving = pair[at];
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && cel_key_cmp(pair[child].key, pair[child + 1].key) < 0) child++;
        if (cel_key_cmp(moving.key, pair[child].key) >= 0) break;
        pair[at] = pair[child];
    }
    pair[at] = moving;
}

/* Heapsort: no memory, no recursion, no bad input. */
static void sort_many(struct pair *pair, uint32_t n)
{
    for (uint32_t i = n / 2; i > 0; i--) sift_down(pair, i - 1, n);
    for (uint32_t end = n - 1; end > 0; end--) {
        struct pair top = pair[0];
        pair[0] = pair[end];
        pair[end] = top;
        sift_down(pair, 0, end);
    }
}

bool cel_map_sort(struct cel_value *cells, uint32_t n, uint32_t *ret_bad)
{
    enum { FEW = 12 };
    _Static_assert(sizeof(struct pair) == 2 * sizeof(struct cel_value), "pairs are two cells");
    struct pair *pair = (struct pair *)cells;
    for (uint32_t i = 0; i < n; i++)
        if (pair[i].key.kind == CEL_DOUBLE || rank(pair[i].key) > 2) {
            *ret_bad = i;
            return false;
        }
    if (n <= FEW)
        sort_few(pair, n);
    else
        sort_many(pair, n);
    for (uint32_t i = 1; i < n; i++)
        if (cel_key_cmp(pair[i - 1].key, pair[i].key) == 0) {
            *ret_bad = i;
            return false;
        }
    return true;
}

const struct cel_value *cel_map_find(const struct cel_value *map, struct cel_value key)
{
    if (!map || map->kind != CEL_MAP) return NULL;
    const struct cel_value *items = map->v.items;
    if (rank(key) > 2 || (key.kind == CEL_DOUBLE && isnan(key.v.d))) return NULL;
    uint32_t low = 0, high = map->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = cel_key_cmp(key, items[(size_t)middle * 2]);
        if (order == 0) return &items[(size_t)middle * 2 + 1];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct cel_value *cel_map_get(const struct cel_value *map, const char *key)
{
    return cel_map_find(map, cel_string(rc_sv_of(key)));
}
