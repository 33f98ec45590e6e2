/* Decoding of paths, queries and bodies. */
#include "api/call.h"
#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

struct fixture {
    struct rc_api api;
    struct api_desk desk;
    struct api_call call;
    struct rc_arena *arena;
};
static struct fixture fixture;

static int setup(void **state)
{
    fixture = (struct fixture){.arena = rc_arena_new(0, 1 << 20)};
    fixture.call.api = &fixture.api;
    fixture.call.desk = &fixture.desk;
    fixture.call.arena = fixture.arena;
    *state = &fixture;
    return fixture.arena ? 0 : -1;
}

static int teardown(void **state)
{
    rc_arena_free(((struct fixture *)*state)->arena);
    return 0;
}

static void test_match(void **state)
{
    static const struct {
        const char *pattern, *path, *first;
        bool matches;
    } row[] = {
        {"/v1", "/v1", NULL, true},
        {"/v1", "/v1/", NULL, false},
        {"/v1", "/v1/x", NULL, false},
        {"/v1", "/", NULL, false},
        {"/v1", "", NULL, false},
        {"/v1/commands/{id}", "/v1/commands/A", "A", true},
        {"/v1/commands/{id}", "/v1/commands/", NULL, false},
        {"/v1/commands/{id}", "/v1/commands//", NULL, false},
        {"/v1/commands/{id}", "/v1/commands/A/B", NULL, false},
        {"/v1/commands/{id}/history", "/v1/commands/A/history", "A", true},
        {"/v1/commands/{id}/history", "/v1/commands//history", NULL, false},
        {"/v1/commands/{id}/history", "/v1/commands/A/histor", NULL, false},
        {"/{a}/{b}/{c}/{d}", "/1/2/3/4", "1", true},
        {"/{a}/{b}/{c}/{d}/{e}", "/1/2/3/4/5", NULL, false}, /* more than a call has room for */
    };
    (void)state;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        struct rc_sv param[API_PARAMS] = {{0}};
        bool matches = api_match(row[i].pattern, rc_sv_of(row[i].path), param);
        if (matches != row[i].matches) fail_msg("%s against %s", row[i].path, row[i].pattern);
        if (row[i].first) assert_true(rc_sv_is(param[0], row[i].first));
    }
}

static void test_unescape(void **state)
{
    struct fixture *fix = *state;
    static const struct {
        const char *in, *out; /* NULL: refused */
        bool plus;
    } row[] = {
        {"abc", "abc", false},         {"a%20b", "a b", false}, {"a+b", "a+b", false}, {"a+b", "a b", true},
        {"%C3%a9", "\xc3\xa9", false}, {"", "", false},         {"%", NULL, false},    {"%4", NULL, false},
        {"%4g", NULL, false},          {"%zz", NULL, false},    {"%ff", NULL, false},  {"%c3", NULL, false},
        {"%25", "%", false},
    };
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        struct rc_sv out = {0};
        struct rc_error err;
        enum rc_status status = api_unescape(rc_sv_of(row[i].in), row[i].plus, fix->arena, &out, &err);
        if ((status == RC_OK) != (row[i].out != NULL)) fail_msg("%s", row[i].in);
        if (row[i].out) assert_true(rc_sv_is(out, row[i].out));
    }
}

static const struct api_route route = {.query = {"state", "limit"}};

static enum rc_status query(struct fixture *fix, const char *text, struct rc_error *err)
{
    memset(fix->call.query, 0, sizeof fix->call.query);
    fix->call.route = &route;
    fix->call.http.query = rc_sv_of(text);
    return api_read_query(&fix->call, err);
}

static void test_query(void **state)
{
    struct fixture *fix = *state;
    struct rc_error err;
    uint64_t limit;
    assert_int_equal(query(fix, "state=a%2Cb&limit=7", &err), RC_OK);
    assert_true(rc_sv_is(api_query(&fix->call, "state"), "a,b"));
    assert_int_equal(api_query_number(&fix->call, "limit", 1, 7, 3, &limit, &err), RC_OK);
    assert_int_equal(limit, 7);
    assert_int_equal(api_query_number(&fix->call, "limit", 1, 6, 3, &limit, &err), RC_SYNTAX);
    assert_int_equal(query(fix, "&&state=1", &err), RC_OK);
    assert_int_equal(api_query_number(&fix->call, "limit", 1, 6, 3, &limit, &err), RC_OK);
    assert_int_equal(limit, 3);
    assert_int_equal(query(fix, "other=1", &err), RC_SYNTAX);
    assert_non_null(strstr(err.text, "other"));
    assert_int_equal(query(fix, "state=1&state=1", &err), RC_SYNTAX);
    assert_int_equal(query(fix, "state=%f", &err), RC_SYNTAX);
    for (unsigned i = 0; i < 3; i++) { /* what is empty never means all */
        static const char *const bad[] = {"state=", "limit=1&state", "limit="};
        assert_int_equal(query(fix, bad[i], &err), RC_SYNTAX);
        assert_non_null(strstr(err.text, "is empty: leave it out, or say which"));
    }
    for (unsigned i = 0; i < 3; i++) {
        static const char *const bad[] = {"limit=-1", "limit=1e1", "limit=99999999999999999999"};
        assert_int_equal(query(fix, bad[i], &err), RC_OK);
        assert_int_equal(api_query_number(&fix->call, "limit", 1, 200, 3, &limit, &err), RC_SYNTAX);
    }
}

struct body {
    struct rc_sv name;
    bool flag;
    struct cel_value any, object, list;
};
static const struct api_field fields[] = {
    {"name", API_TEXT, 4, true, offsetof(struct body, name)},
    {"flag", API_BOOL, 0, false, offsetof(struct body, flag)},
    {"any", API_ANY, 0, true, offsetof(struct body, any)},
    {"object", API_OBJECT, 0, false, offsetof(struct body, object)},
    {"list", API_LIST, 2, false, offsetof(struct body, list)},
};
static const struct api_shape shape = {fields, sizeof fields / sizeof *fields, sizeof(struct body)};

static enum rc_status decode(struct fixture *fix, const char *json, struct body *ret, struct rc_error *err)
{
    struct cel_value value;
    *ret = (struct body){0};
    fix->desk.nerrors = 0;
    assert_int_equal(rc_json_parse(rc_sv_of(json), fix->arena, &value, err), RC_OK);
    return api_decode(&fix->call, &shape, value, "", ret, err);
}

static void test_decode(void **state)
{
    struct fixture *fix = *state;
    struct rc_error err;
    struct body body;
    assert_int_equal(decode(fix,
                            "{\"name\":\"abcd\",\"flag\":true,\"any\":null,\"object\":{},\"list\":[1,2]}",
                            &body, &err),
                     RC_OK);
    assert_true(rc_sv_is(body.name, "abcd"));
    assert_true(body.flag);
    assert_int_equal(body.any.kind, CEL_NULL);
    assert_int_equal(body.object.kind, CEL_MAP);
    assert_int_equal(body.list.n, 2);
    assert_int_equal(decode(fix, "{\"name\":\"a\",\"any\":1,\"flag\":null}", &body, &err),
                     RC_OK); /* null is absent */
}

static void test_decode_errors(void **state)
{
    static const struct {
        const char *json, *pointer;
        uint32_t n;
    } row[] = {
        {"[]", "", 1},
        {"{\"any\":1}", "/name", 1},
        {"{\"any\":1,\"name\":null}", "/name", 1},
        {"{\"name\":\"a\"}", "/any", 1},
        {"{\"name\":\"abcde\",\"any\":1}", "/name", 1}, /* one byte over */
        {"{\"name\":1,\"any\":1}", "/name", 1},
        {"{\"name\":\"a\",\"any\":1,\"flag\":1}", "/flag", 1},
        {"{\"name\":\"a\",\"any\":1,\"object\":[]}", "/object", 1},
        {"{\"name\":\"a\",\"any\":1,\"list\":[1,2,3]}", "/list", 1},
        {"{\"name\":\"a\",\"any\":1,\"x/y~z\":1}", "/x~1y~0z", 1},
        {"{\"flag\":1,\"more\":1}", "/flag", 4},
    };
    struct fixture *fix = *state;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        struct rc_error err;
        struct body body;
        assert_int_equal(decode(fix, row[i].json, &body, &err), RC_INVALID);
        assert_int_equal(fix->desk.nerrors, row[i].n);
        assert_string_equal(fix->desk.errors[0].pointer, row[i].pointer);
    }
}

/* A hostile name does not run over the pointer, and hostile counts not over the list. */
static void test_decode_bounds(void **state)
{
    struct fixture *fix = *state;
    struct rc_error err;
    struct body body;
    char json[16384] = "{\"";
    memset(json + 2, '~', 600);
    strcpy(json + 602, "\":1}");
    assert_int_equal(decode(fix, json, &body, &err), RC_INVALID);
    assert_true(strlen(fix->desk.errors[0].pointer) < RC_ERROR_POINTER);
    size_t n = 0;
    json[n++] = '{';
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(json + n, sizeof json - n, "%s\"k%d\":1", i ? "," : "", i);
    strcpy(json + n, "}");
    assert_int_equal(decode(fix, json, &body, &err), RC_INVALID);
    assert_int_equal(fix->desk.nerrors, API_ERRORS);
}

static void test_loopback(void **state)
{
    (void)state;
    assert_true(api_is_loopback("127.0.0.1"));
    assert_true(api_is_loopback("127.255.0.9"));
    assert_true(api_is_loopback("::1"));
    assert_false(api_is_loopback("128.0.0.1"));
    assert_false(api_is_loopback("0.0.0.0"));
    assert_false(api_is_loopback("::"));
    assert_false(api_is_loopback("localhost"));
    assert_false(api_is_loopback(""));
}

/* The table itself: patterns are unique per method, and variable segments fit. */
static void test_routes(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < api_nroutes; i++) {
        unsigned variables = 0;
        for (const char *p = api_routes[i].path; (p = strchr(p, '{')); p++) variables++;
        assert_true(variables <= API_PARAMS);
        assert_true(api_routes[i].text && *api_routes[i].text);
        bool sends = api_routes[i].method == HTTP_POST || api_routes[i].method == HTTP_PUT;
        assert_true(sends == (api_routes[i].body != NULL));
        /* what changes something is answered by the engine; a GET only where it asks the engine for what no store has */
        assert_true(api_routes[i].method == HTTP_GET || api_routes[i].finish != NULL);
        for (uint32_t k = 0; k < i; k++)
            assert_true(api_routes[i].method != api_routes[k].method ||
                        strcmp(api_routes[i].path, api_routes[k].path) != 0);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_match),         CASE(test_unescape),      CASE(test_query),    CASE(test_decode),
        CASE(test_decode_errors), CASE(test_decode_bounds), CASE(test_loopback), CASE(test_routes),
    };
    return cmocka_run_group_tests_name("api input", tests, NULL, NULL);
}
