/* Values: order, maps, equality, hashes, copies, JSON. */
#include "kit.h"

#include "base/near.h"
#include "cel/secret.h"

#include <math.h>

static struct cel_value uint_value(uint64_t u)
{
    return (struct cel_value){.kind = CEL_UINT, .v.u = u};
}

static struct cel_value text(const char *s)
{
    return cel_string(rc_sv_of(s));
}

static void test_key_order(void **state)
{
    (void)state;
    /* strictly ascending */
    const struct cel_value key[] = {cel_double(-0x1p70),
                                    cel_int(INT64_MIN),
                                    cel_int(-1),
                                    cel_double(-0.5),
                                    cel_int(0),
                                    cel_double(0.5),
                                    uint_value(1),
                                    cel_int(0x20000000000000),
                                    cel_int(0x20000000000001),
                                    uint_value(UINT64_MAX),
                                    cel_double(0x1p64),
                                    cel_bool(false),
                                    cel_bool(true),
                                    text(""),
                                    text("a"),
                                    text("aa"),
                                    text("b")};
    for (size_t i = 0; i < sizeof key / sizeof *key; i++)
        for (size_t k = 0; k < sizeof key / sizeof *key; k++) {
            int order = cel_key_cmp(key[i], key[k]);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    assert_int_equal(cel_key_cmp(cel_int(7), uint_value(7)), 0);
    assert_int_equal(cel_key_cmp(cel_double(7), uint_value(7)), 0);
    assert_int_equal(cel_key_cmp(cel_double(-7), cel_int(-7)), 0);
}

static void test_sort_and_find(void **state)
{
    struct kit *kit = *state;
    for (uint32_t n = 0; n < 200; n++) {
        struct cel_value *pairs = RC_NEW_ARRAY(kit->arena, struct cel_value, (size_t)2 * n + 1);
        uint32_t bad;
        assert_non_null(pairs);
        for (uint32_t i = 0; i < n; i++) {
            pairs[(size_t)2 * i] = cel_int((int64_t)i * 7919 % n); /* prime: every key once */
            pairs[(size_t)2 * i + 1] = cel_int((int64_t)i * 7919 % n + 1000);
        }
        assert_true(cel_map_sort(pairs, n, &bad));
        struct cel_value map = {.kind = CEL_MAP, .n = n, .v.items = pairs};
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(pairs[(size_t)2 * i].v.i, i);
            const struct cel_value *found = cel_map_find(&map, cel_double(i));
            assert_non_null(found);
            assert_int_equal(found->v.i, i + 1000);
        }
        assert_null(cel_map_find(&map, cel_int(n)));
        assert_null(cel_map_find(&map, cel_double(0.5)));
        assert_null(cel_map_find(&map, cel_double((double)NAN)));
        assert_null(cel_map_find(&map, text("0")));
    }
}

static void test_sort_refuses(void **state)
{
    (void)state;
    uint32_t bad = 99;
    struct cel_value same[] = {cel_int(1), cel_null(), cel_int(2), cel_null(), uint_value(1), cel_null()};
    assert_false(cel_map_sort(same, 3, &bad));
    assert_int_equal(same[(size_t)2 * bad].v.i, 1);
    struct cel_value number[] = {cel_int(1), cel_null(), cel_double(2), cel_null()};
    assert_false(cel_map_sort(number, 2, &bad));
    assert_int_equal(bad, 1);
    struct cel_value null[] = {cel_null(), cel_null()};
    assert_false(cel_map_sort(null, 1, &bad));
    assert_int_equal(bad, 0);
    assert_null(cel_map_find(NULL, cel_int(1)));
    assert_null(cel_map_get(&same[0], "a"));
}

static struct rc_h128 hash_of(struct cel_value value)
{
    struct rc_sha256 hash;
    rc_sha256_init(&hash);
    cel_hash(value, &hash);
    return rc_sha256_h128(&hash);
}

static void test_equal_and_hash(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *a, *b;
        bool equal;
    } pair[] = {{"1", "1.0", true},
                {"1", "1e0", true},
                {"0", "-0.0", true},
                {"18446744073709551615", "1.8446744073709551615e19", true},
                {"{\"a\":1,\"b\":[2,3]}", "{\"b\":[2.0,3],\"a\":1}", true},
                {"{\"a\":1}", "{\"a\":1,\"b\":null}", false},
                {"[1,2]", "[2,1]", false},
                {"[[1],2]", "[[1,2]]", false},
                {"\"1\"", "1", false},
                {"null", "false", false},
                {"0", "false", false},
                {"[]", "{}", false},
                {"\"\"", "null", false},
                {"{\"ab\":\"c\"}", "{\"a\":\"bc\"}", false},
                {"[\"ab\",\"c\"]", "[\"a\",\"bc\"]", false},
                {"1.5", "1", false},
                {"9007199254740993", "9007199254740992", false}};
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        struct cel_value a = kit_parse(kit, pair[i].a), b = kit_parse(kit, pair[i].b);
        assert_int_equal(cel_equal(a, b), pair[i].equal);
        assert_int_equal(cel_equal(b, a), pair[i].equal);
        assert_int_equal(rc_h128_eq(hash_of(a), hash_of(b)), pair[i].equal);
    }
    struct cel_value nan = cel_double((double)NAN);
    assert_false(cel_equal(nan, nan));
    assert_true(rc_h128_eq(hash_of(nan), hash_of(cel_double(-(double)NAN))));
    struct cel_value bytes = text("a");
    bytes.kind = CEL_BYTES;
    assert_false(cel_equal(bytes, text("a")));
    assert_false(rc_h128_eq(hash_of(bytes), hash_of(text("a"))));
}

static void test_copy(void **state)
{
    struct kit *kit = *state;
    static const char json[] = "{\"a\":[1,\"two\",{\"three\":3.5}],\"b\":{\"c\":\"d\"},\"e\":[],\"f\":{}}";
    struct rc_arena *other = rc_arena_new(0, 1 << 20);
    assert_non_null(other);
    struct cel_value value = kit_parse(kit, json), copy;
    assert_int_equal(cel_copy(value, other, &copy), RC_OK);
    rc_arena_reset(kit->arena); /* the copy borrows nothing from here */
    char *junk = rc_alloc_text(kit->arena, 800);
    assert_non_null(junk);
    memset(junk, 'x', 800);
    assert_string_equal(kit_json(kit, copy), json);
    assert_int_equal(cel_size_bytes(copy), 16 * 16 + 14 /* cells, and bytes of text */);
    rc_arena_free(other);
}

static void test_copy_refused(void **state)
{
    struct kit *kit = *state;
    struct cel_value value = kit_parse(kit, "[\"0123456789\",[1,2,3],{\"a\":\"b\"}]"), copy;
    struct rc_arena *large = rc_arena_new(0, 1 << 20);
    assert_non_null(large);
    assert_int_equal(cel_copy(value, large, &copy), RC_OK);
    size_t needed = rc_arena_used(large);
    rc_arena_free(large);
    for (size_t limit = 0; limit <= needed; limit++) {
        struct rc_arena *small = rc_arena_new(0, limit);
        assert_non_null(small);
        assert_int_equal(cel_copy(value, small, &copy), limit < needed ? RC_LIMIT : RC_OK);
        rc_arena_free(small);
    }
}

static void test_put_json(void **state)
{
    struct kit *kit = *state;
    kit_gives(kit, "[null, true, 1, 2u, 1.5, -0.0, 1e30]", "[null,true,1,2,1.5,0.0,1e+30]");
    kit_gives(kit, "[1.0/0.0, -1.0/0.0, 0.0/0.0]", "[\"Infinity\",\"-Infinity\",\"NaN\"]");
    kit_gives(kit, "[b'', b'f', b'fo', b'foo', b'\\xfb\\xff']", "[\"\",\"Zg==\",\"Zm8=\",\"Zm9v\",\"+/8=\"]");
    kit_gives(kit, "[duration('90s'), timestamp(0), int]", "[\"90s\",\"1970-01-01T00:00:00Z\",\"int\"]");
    kit_gives(kit, "{'b': 1, 2: 'x', true: 0, 'a\"': '\\n', -1: 0u}",
              "{\"-1\":0,\"2\":\"x\",\"true\":0,\"a\\\"\":\"\\n\",\"b\":1}");
    struct rc_buf tight = rc_buf_in(kit->arena, 8);
    cel_put_json(&tight, kit_parse(kit, "[1000,2000]"));
    assert_int_equal(tight.status, RC_LIMIT);
}

static void test_secret_parts(void **state)
{
    struct kit *kit = *state;
    struct cel_value secret = text("token"), joined, more;
    struct cel_secret_part part;
    uint32_t at = 0;
    secret.kind = CEL_SECRET;
    assert_true(cel_secret_next(secret, &at, &part));
    assert_true(part.hole && rc_sv_is(part.text, "token"));
    assert_false(cel_secret_next(secret, &at, &part));
    assert_int_equal(cel_secret_join(text("Bearer "), secret, kit->arena, &joined), RC_OK);
    assert_int_equal(cel_secret_join(joined, secret, kit->arena, &more), RC_OK);
    at = 0;
    assert_true(cel_secret_next(more, &at, &part));
    assert_true(!part.hole && rc_sv_is(part.text, "Bearer "));
    assert_true(cel_secret_next(more, &at, &part));
    assert_true(part.hole && rc_sv_is(part.text, "token"));
    assert_true(cel_secret_next(more, &at, &part));
    assert_true(part.hole && rc_sv_is(part.text, "token"));
    assert_false(cel_secret_next(more, &at, &part));
    assert_string_equal(kit_json(kit, more), "\"Bearer secret(token)secret(token)\"");
}

static void test_near(void **state)
{
    (void)state;
    assert_int_equal(rc_distance(RC_SV("titel"), RC_SV("title")), 1);
    assert_int_equal(rc_distance(RC_SV(""), RC_SV("abc")), 3);
    assert_int_equal(rc_distance(RC_SV("kitten"), RC_SV("sitting")), 3);
    assert_int_equal(rc_distance(RC_SV("Repo"), RC_SV("repo")), 0);
    char longest[65];
    memset(longest, 'a', sizeof longest);
    assert_int_equal(rc_distance((struct rc_sv){longest, 64}, RC_SV("")), 64);
    assert_int_equal(rc_distance((struct rc_sv){longest, 65}, RC_SV("")), UINT32_MAX);
    struct rc_near near = {.wanted = RC_SV("brnch")};
    rc_near_try(&near, RC_SV("repo"));
    assert_null(near.best.p);
    rc_near_try(&near, RC_SV("bench"));
    rc_near_try(&near, RC_SV("branch"));
    assert_true(rc_sv_is(near.best, "bench")); /* both at one: the first stays */
    struct rc_near tiny = {.wanted = RC_SV("a")};
    rc_near_try(&tiny, RC_SV("b"));
    assert_null(tiny.best.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_key_order),      KIT_TEST(test_sort_and_find), KIT_TEST(test_sort_refuses),
        KIT_TEST(test_equal_and_hash), KIT_TEST(test_copy),          KIT_TEST(test_copy_refused),
        KIT_TEST(test_put_json),       KIT_TEST(test_secret_parts),  KIT_TEST(test_near)};
    return cmocka_run_group_tests_name("cel value", tests, NULL, NULL);
}
