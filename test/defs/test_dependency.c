/* Every field of a dependency, right and wrong. */
#include "kit.h"

#define DEP "dependency: d\nkind: http\nbase: http://h\n"

static const struct {
    const char *name, *yaml, *errors;
} wrong[] = {
    {"nothing else", "dependency: d\n", "f.yaml:1:1: 'kind' is missing\nf.yaml:1:1: 'base' is missing"},
    {"name", "dependency: D\nkind: http\nbase: http://h\n",
     "f.yaml:1:13: 'D' is no name here: it must be a small letter, then small letters, digits, '_', '.' and "
     "'-'"},
    {"no name", "dependency:\nkind: http\nbase: http://h\n", "f.yaml:1:12: must be text, not nothing"},
    {"name is a list", "dependency: [a]\nkind: http\nbase: http://h\n",
     "f.yaml:1:13: must be text, not a list"},
    {"unknown", DEP "hedaers: {}\n", "f.yaml:4:1: unknown field 'hedaers'; did you mean 'headers'?"},
    {"unknown, nothing near", DEP "zebra: 1\n", "f.yaml:4:1: unknown field 'zebra'"},
    {"kind", "dependency: d\nkind: htpp\nbase: http://h\n",
     "f.yaml:2:7: 'htpp' is none of http, program, worker; did you mean 'http'?"},
    {"lease too short", "dependency: d\nkind: worker\nlease: 999ms\n", "f.yaml:3:8: must be at least 1s"},
    {"lease too long", "dependency: d\nkind: worker\nlease: 3601s\n", "f.yaml:3:8: must be at most 1h"},
    {"queue", "dependency: d\nkind: worker\nqueue: a b\n",
     "f.yaml:3:8: 'a b' is no name here: it must be a small letter, then small letters, digits, '_', '.' and "
     "'-'"},
    {"capability of a request",
     "flow: f\nsteps:\n- { id: a, call: d, capability: x, with: { method: GET, path: / } }\n",
     "f.yaml:3:21: only a step that workers do ('task' in 'with') has one"},
    {"capability from a value",
     "flow: f\nsteps:\n- { id: a, call: d, capability: '${payload.x}', with: { task: t } }\n",
     "f.yaml:3:33: a capability cannot hold ${…}: it belongs to the flow's version"},
    {"no capability", "flow: f\nsteps:\n- { id: a, call: d, capability: '', with: { task: t } }\n",
     "f.yaml:3:33: a capability has 1 to 64 bytes"},
    {"task from a value", "flow: f\nsteps:\n- { id: a, call: d, with: { task: '${payload.x}' } }\n",
     "f.yaml:3:35: '${payload.x}' is no name here: it must be a small letter, then small letters, digits, "
     "'_', '.' and '-'"},
    {"task and method", "flow: f\nsteps:\n- { id: a, call: d, with: { task: t, method: GET } }\n",
     "f.yaml:3:38: unknown field 'method'"},
    {"half a worker",
     "flow: f\nsteps:\n- { id: a, call: d, with: { task: t }, undo: { with: { method: PUT, path: / } } }\n",
     "f.yaml:3:3: workers do all of a step (its check, undo and require, too) or nothing of it"},
    {"a question that may change something",
     "flow: f\nsteps:\n- { id: a, call: d, with: { task: t }, check: { with: { task: l }, happened: 'true' } "
     "}\n",
     "f.yaml:3:55: a question must change nothing: use GET or HEAD, or say 'reads: true'"},
    {"base of a worker", "dependency: d\nkind: worker\nbase: http://h\n",
     "f.yaml:3:1: unknown field 'base'; did you mean 'lease'?"},
    {"posture defer", DEP "posture: defer\n", "f.yaml:4:10: 'defer' is not supported in this version"},
    {"posture skip", DEP "posture: skip\n", "f.yaml:4:10: 'skip' is not supported in this version"},
    {"posture stale", DEP "posture: stale\n", "f.yaml:4:10: 'stale' is not supported in this version"},
    {"posture unknown", DEP "posture: blok\n", "f.yaml:4:10: 'blok' is none of block; did you mean 'block'?"},
    {"breaker", DEP "breaker: { failures: 5 }\n",
     "f.yaml:4:1: field 'breaker' is not supported in this version"},
    {"vars", DEP "vars: {}\n", "f.yaml:4:1: field 'vars' is not supported in this version"},
    {"per_second", DEP "limits: { concurrent: 1, per_second: 2 }\n",
     "f.yaml:4:26: field 'per_second' is not supported in this version"},
    {"limits", DEP "limits: 5\n", "f.yaml:4:9: must be a map of fields, not a number"},
    {"concurrent 0", DEP "limits: { concurrent: 0 }\n", "f.yaml:4:23: must be from 1 to 4096, not 0"},
    {"concurrent 4097", DEP "limits: { concurrent: 4097 }\n",
     "f.yaml:4:23: must be from 1 to 4096, not 4097"},
    {"concurrent text", DEP "limits: { concurrent: \"8\" }\n",
     "f.yaml:4:23: must be a whole number from 1 to 4096, not text"},
    {"concurrent fraction", DEP "limits: { concurrent: 1.5 }\n",
     "f.yaml:4:23: must be a whole number from 1 to 4096, not a number"},
    {"allow_private yes", DEP "allow_private: yes\n",
     "f.yaml:4:16: must be true or false (without quotes), not 'yes'"},
    {"allow_private on", DEP "allow_private: on\n",
     "f.yaml:4:16: must be true or false (without quotes), not 'on'"},
    {"allow_private quoted", DEP "allow_private: \"true\"\n",
     "f.yaml:4:16: must be true or false (without quotes), not 'true'"},
    {"allow_private True", DEP "allow_private: True\n",
     "f.yaml:4:16: must be true or false (without quotes), not 'True'"},
    {"allow_private nothing", DEP "allow_private:\n", "f.yaml:4:15: must be true or false, not nothing"},
    {"allow_private map", DEP "allow_private: {}\n", "f.yaml:4:16: must be true or false, not a map"},
    {"key_lifetime", DEP "key_lifetime: 1 day\n",
     "f.yaml:4:15: '1 day' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m"},
    {"key_lifetime too long", DEP "key_lifetime: 3651d\n", "f.yaml:4:15: must be at most 3650d"},
    {"connect_timeout 0", DEP "connect_timeout: 0s\n", "f.yaml:4:18: must be at least 1ms"},
    {"connect_timeout long", DEP "connect_timeout: 3601s\n", "f.yaml:4:18: must be at most 1h"},
    {"connect_timeout number", DEP "connect_timeout: 5\n",
     "f.yaml:4:18: '5' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m"},
    {"connect_timeout list", DEP "connect_timeout: [5s]\n",
     "f.yaml:4:18: must be a span of time like 30s, 5m or 1h30m, not a list"},
    {"outcomes list", DEP "outcomes: [409]\n", "f.yaml:4:11: must be a map of codes to outcomes, not a list"},
    {"outcomes",
     DEP
     "outcomes: { 199: failed, 600: failed, abc: failed, 0409: failed, 409: fine, 425: none, 503: fialed }\n",
     "f.yaml:4:13: '199' is no status of an answer: 200 to 599\n"
     "f.yaml:4:26: '600' is no status of an answer: 200 to 599\n"
     "f.yaml:4:39: 'abc' is no status of an answer: 200 to 599\n"
     "f.yaml:4:52: '0409' is no status of an answer: 200 to 599\n"
     "f.yaml:4:71: 'fine' is none of succeeded, rejected, failed, unknown\n"
     "f.yaml:4:82: 'none' is none of succeeded, rejected, failed, unknown\n"
     "f.yaml:4:93: 'fialed' is none of succeeded, rejected, failed, unknown; did you mean 'failed'?"},
    {"headers list", DEP "headers: [a]\n", "f.yaml:4:10: must be a map of header names to texts, not a list"},
    {"headers", DEP "headers: { Host: a, idempotency-KEY: b, 'a b': c, X: d, x: e, Y: , Z: \"a\\nb\" }\n",
     "f.yaml:4:12: the header 'Host' is set by Recourse itself\n"
     "f.yaml:4:21: the header 'idempotency-KEY' is set by Recourse itself\n"
     "f.yaml:4:41: 'a b' cannot be the name of a header\n"
     "f.yaml:4:57: the header 'x' is here twice\n"
     "f.yaml:4:66: must be text, not nothing\n"
     "f.yaml:4:71: a header has no line breaks"},
    {"headers have no names", DEP "headers: { X: \"${payload.a}\" }\n",
     "f.yaml:4:18: unknown name 'payload'"},
    {"base twice wrong", "dependency: d\nkind: http\nbase: [1]\n", "f.yaml:3:7: must be text, not a list"},
};

/* The fields of a worker, at their bounds; its errors stand in `wrong`. */
static void test_worker(void **state)
{
    const struct flow_dependency *d =
        kit_dependency(*state, "dependency: d\nkind: worker\nkey_lifetime: 24h\nposture: block\n");
    assert_int_equal(d->kind, FLOW_DEP_WORKER);
    assert_true(rc_sv_is(d->worker.queue, "d"));
    assert_int_equal(d->worker.lease, RC_SECONDS(30));
    d = kit_dependency(*state, "dependency: d\nkind: worker\nqueue: images\nlease: 1h\n");
    assert_true(rc_sv_is(d->worker.queue, "images"));
    assert_int_equal(d->worker.lease, RC_SECONDS(RC_MAX_LEASE_S));
    d = kit_dependency(*state, "dependency: d\nkind: worker\nlease: 1s\n");
    assert_int_equal(d->worker.lease, RC_SECONDS(1));
}

static void test_wrong(void **state)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        kit_expect(*state, wrong[i].name, wrong[i].yaml, wrong[i].errors);
}

static void test_defaults(void **state)
{
    const struct flow_dependency *d = kit_dependency(*state, DEP);
    assert_true(rc_sv_is(d->name, "d"));
    assert_true(d->gate == flow_gate_id(RC_SV("d")));
    assert_int_equal(d->kind, FLOW_DEP_HTTP);
    assert_false(d->allow_private);
    assert_null(d->headers);
    assert_int_equal(d->concurrent, 32);
    assert_int_equal(d->key_lifetime, 0);
    assert_int_equal(d->connect_timeout, RC_SECONDS(5));
    assert_int_equal(d->nrefine, 0);
    assert_int_equal(d->id, 0);
    assert_true(rc_h128_eq(d->digest, ((struct kit *)*state)->one->digest));
}

static void test_every_field(void **state)
{
    struct kit *kit = *state;
    const struct flow_dependency *d = kit_dependency(
        kit,
        "dependency: git-hub.2_x\ndescription: |\n  Any text\n  of people.\nkind: http\nbase: "
        "https://h:8443/api/v3/\n"
        "headers:\n  Authorization: \"Bearer ${secret('token')}\"\n  X-Number: 5\n  X-Bool: true\n"
        "posture: block\nlimits: { concurrent: 4096 }\nallow_private: true\nkey_lifetime: 24h\n"
        "connect_timeout: 1h\noutcomes: { 409: succeeded, 404: rejected, 503: failed, \"425\": unknown }\n");
    assert_true(rc_sv_is(d->name, "git-hub.2_x"));
    assert_true(rc_sv_is(d->base, "https://h:8443/api/v3"));
    assert_true(d->tls);
    assert_true(d->allow_private);
    assert_int_equal(d->concurrent, 4096);
    assert_int_equal(d->key_lifetime, RC_SECONDS(86400));
    assert_int_equal(d->connect_timeout, RC_SECONDS(3600));
    static const struct flow_refine refine[] = {{409, 1}, {404, 2}, {503, 3}, {425, 4}}; /* spec/words.def */
    assert_int_equal(d->nrefine, 4);
    assert_memory_equal(d->refine, refine, sizeof refine);
    assert_non_null(d->headers);
    struct cel_env env = {0};
    struct cel_value value;
    assert_int_equal(cel_eval(d->headers, &env, kit->arena, &value, NULL), RC_OK);
    assert_int_equal(value.kind, CEL_MAP);
    assert_int_equal(value.n, 3);
    assert_true(rc_sv_is(cel_text(*cel_map_get(&value, "X-Number")), "5"));
    assert_true(rc_sv_is(cel_text(*cel_map_get(&value, "X-Bool")), "true"));
    assert_int_equal(cel_map_get(&value, "Authorization")->kind, CEL_SECRET);
}

/* A name of 64 bytes is fine, one of 65 is not; 64 headers are fine, 65 are not. */
static void test_limits(void **state)
{
    struct kit *kit = *state;
    for (int more = 0; more < 2; more++) {
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
        rc_put_text(&buf, "dependency: ");
        for (int i = 0; i < RC_MAX_NAME + more; i++) rc_put_char(&buf, 'a');
        rc_put_text(&buf, "\nkind: http\nbase: http://h\n");
        assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), more ? RC_LIMIT : RC_OK);
    }
    assert_string_equal(kit_errors(kit), "f.yaml:1:13: a name has at most 64 bytes");
    for (int more = 0; more < 2; more++) {
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
        rc_put_text(&buf, DEP "headers:\n");
        for (int i = 0; i < RC_MAX_OUT_HEADERS + more; i++) rc_put_format(&buf, "  x-%d: y\n", i);
        assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), more ? RC_LIMIT : RC_OK);
    }
    assert_string_equal(kit_errors(kit), "f.yaml:5:3: more than 64 headers");
}

static void test_base(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *base, *kept, *host; /* kept NULL: host is the error */
        bool tls;
        uint16_t port;
    } base[] = {
        {"http://h", "http://h", "h", false, 80},
        {"https://h", "https://h", "h", true, 443},
        {"http://127.0.0.1:8499", "http://127.0.0.1:8499", "127.0.0.1", false, 8499},
        {"https://api.git-hub.com:65535/a/b//", "https://api.git-hub.com:65535/a/b", "api.git-hub.com", true,
         65535},
        {"http://[::1]:1/x", "http://[::1]:1/x", "::1", false, 1},
        {"https://[2001:db8::1]", "https://[2001:db8::1]", "2001:db8::1", true, 443},
        {"http://h/a%20b", "http://h/a%20b", "h", false, 80},
        {"", NULL, "a base begins with http:// or https://", false, 0},
        {"h", NULL, "a base begins with http:// or https://", false, 0},
        {"HTTP://h", NULL, "a base begins with http:// or https://", false, 0},
        {"ftp://h", NULL, "a base begins with http:// or https://", false, 0},
        {"http:///a", NULL, "the host is missing", false, 0},
        {"http://:80", NULL, "the host is missing", false, 0},
        {"http://h:", NULL, "the port is missing behind ':'", false, 0},
        {"http://h:0", NULL, "a port is a number from 1 to 65535, not '0'", false, 0},
        {"http://h:65536", NULL, "a port is a number from 1 to 65535, not '65536'", false, 0},
        {"http://h:8x", NULL, "a port is a number from 1 to 65535, not '8x'", false, 0},
        {"http://h:1:2", NULL, "a port is a number from 1 to 65535, not '1:2'", false, 0},
        {"http://u:p@h", NULL,
         "an address has no user and password here: put credentials in 'headers', with secret('…')", false,
         0},
        {"http://h?a=b", NULL,
         "a base has no query and no fragment: put the query under 'query' of a request", false, 0},
        {"http://h/a?b", NULL,
         "a base has no query and no fragment: put the query under 'query' of a request", false, 0},
        {"http://h/#x", NULL, "a base has no query and no fragment: put the query under 'query' of a request",
         false, 0},
        {"http://h/a/../b", NULL, "a path cannot have '.' and '..' segments", false, 0},
        {"http://h/.", NULL, "a path cannot have '.' and '..' segments", false, 0},
        {"http://h/a b", NULL, "a character of the path must be percent-encoded", false, 0},
        {"http://h a", NULL, "a host has only letters, digits, '.' and '-'", false, 0},
        {"http://h_x", NULL, "a host has only letters, digits, '.' and '-'", false, 0},
        {"http://${payload.h}", NULL, "a host has only letters, digits, '.' and '-'", false, 0},
        {"http://[::1", NULL, "'[' without ']'", false, 0},
        {"http://[::1]x", NULL, "only a port may stand behind ']'", false, 0},
        {"http://[::g]", NULL, "this is no IPv6 address", false, 0},
        {"http://[fe80::1%25eth0]", NULL, "this is no IPv6 address", false, 0},
        {"http://[]", NULL, "the host is missing", false, 0},
    };
    for (size_t i = 0; i < sizeof base / sizeof *base; i++) {
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20), expected = rc_buf_in(kit->arena, 1 << 20);
        rc_put_format(&buf, "dependency: d\nkind: http\nbase: \"%s\"%c", base[i].base, 0);
        if (!base[i].kept) rc_put_format(&expected, "f.yaml:3:7: %s", base[i].host);
        rc_put_char(&expected, 0);
        kit_expect(kit, base[i].base, buf.p, expected.p);
        if (!base[i].kept) continue;
        const struct flow_dependency *d = kit->one->dependency;
        assert_true(rc_sv_is(d->base, base[i].kept));
        assert_true(rc_sv_is(d->host, base[i].host));
        assert_int_equal(d->tls, base[i].tls);
        assert_int_equal(d->port, base[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_wrong),       KIT_TEST(test_worker), KIT_TEST(test_defaults),
        KIT_TEST(test_every_field), KIT_TEST(test_limits), KIT_TEST(test_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
