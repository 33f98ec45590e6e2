/* The type checker: objects, lists, dyn, functions, and what it says. */
#include "kit.h"

static const struct cel_type t_int = {.kind = CEL_T_INT}, t_string = {.kind = CEL_T_STRING},
                             t_bool = {.kind = CEL_T_BOOL}, t_double = {.kind = CEL_T_DOUBLE};
static const struct cel_type t_strings = {.kind = CEL_T_LIST, .item = &t_string};
static const struct cel_type t_counts = {.kind = CEL_T_MAP, .key = &t_string, .item = &t_int};
static const struct cel_field item_fields[] = {{RC_SV("name"), &t_string}, {RC_SV("price"), &t_double}};
static const struct cel_type t_item = {.kind = CEL_T_OBJECT, .fields = item_fields, .nfields = 2};
static const struct cel_type t_items = {.kind = CEL_T_LIST, .item = &t_item};
static const struct cel_field payload_fields[] = {{RC_SV("title"), &t_string},  {RC_SV("number"), &t_int},
                                                  {RC_SV("draft"), &t_bool},    {RC_SV("labels"), &t_strings},
                                                  {RC_SV("counts"), &t_counts}, {RC_SV("items"), &t_items},
                                                  {RC_SV("anything"), &cel_dyn}};
static const struct cel_type t_payload = {.kind = CEL_T_OBJECT, .fields = payload_fields, .nfields = 7};
static const struct cel_type t_open = {
    .kind = CEL_T_OBJECT, .fields = item_fields, .nfields = 2, .open = true};
static const struct cel_field roots[] = {{RC_SV("payload"), &t_payload},
                                         {RC_SV("response"), &cel_dyn},
                                         {RC_SV("open"), &t_open},
                                         {RC_SV("a.b"), &t_int}};
static const struct cel_scope declared = {.roots = roots, .nroots = 4};

static void test_types(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *source, *type;
    } row[] = {
        {"payload.title", "string"},
        {"payload.labels", "list(string)"},
        {"payload.labels[0]", "string"},
        {"payload.counts", "map(string, int)"},
        {"payload.counts.x", "int"},
        {"payload.counts['x'] + 1", "int"},
        {"payload.items[0].price * 2.0", "double"},
        {"payload.items.map(i, i.name)", "list(string)"},
        {"payload.items.map(i, i.price > 1.0, i.name)", "list(string)"},
        {"payload.items.filter(i, i.price > 1)", "list(object{name, price})"},
        {"payload.counts.map(k, k + '!')", "list(string)"},
        {"payload.map(k, size(k))", "list(int)"},
        {"payload.items.all(i, i.price > 1)", "bool"},
        {"payload['title']", "string"},
        {"payload[payload.title]", "dyn"},
        {"payload.anything.whatever[3]", "dyn"},
        {"payload.number == 1.5", "bool"},
        {"payload.title == null", "bool"},
        {"payload.anything + 1", "int"},
        {"payload.anything + payload.anything", "dyn"},
        {"response.status == 200", "bool"},
        {"response.body", "dyn"},
        {"open.name + open.other", "string"},
        {"has(open.other)", "bool"},
        {"a.b + 1", "int"},
        {"[1, 2]", "list(int)"},
        {"[1, 'a']", "list(dyn)"},
        {"[]", "list(dyn)"},
        {"[] + ['a']", "list(string)"},
        {"[1, 'a'] + [1]", "list(dyn)"},
        {"[1] + [1, 'a']", "list(dyn)"},
        {"[1] + ['a']", "list(dyn)"},
        {"{'a': 1}", "map(string, int)"},
        {"{'a': 1, 2: 'b'}", "map(dyn, dyn)"},
        {"payload.draft ? 1 : 2", "int"},
        {"payload.draft ? 1 : null", "dyn"},
        {"payload.draft ? payload.anything : 2", "dyn"},
        {"type(1)", "type"},
        {"google.protobuf.Timestamp", "type"},
        {"timestamp(0) - timestamp(1)", "duration"},
        {"timestamp(0) - duration('1s')", "timestamp"},
        {"int(payload.title) in [1, 2]", "bool"},
        {"[1].exists(payload, payload > 0)", "bool"}, /* the variable hides the root */
    };
    kit->scope = declared;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const struct cel_prog *prog;
        enum rc_status status = kit_compile(kit, row[i].source, &prog);
        if (status != RC_OK) print_error("%s: %s\n", row[i].source, kit->err.text);
        assert_int_equal(status, RC_OK);
        struct rc_sv text = cel_type_text(cel_prog_type(prog), kit->arena);
        if (!rc_sv_is(text, row[i].type)) print_error("%s: %.*s\n", row[i].source, RC_SV_ARG(text));
        assert_true(rc_sv_is(text, row[i].type));
        assert_true(rc_sv_is(cel_prog_source(prog), row[i].source));
    }
}

static void test_errors(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *source;
        unsigned column;
        const char *text;
    } row[] = {
        {"payload.titel == ''", 9, "has no field 'titel'; did you mean 'title'?"},
        {"payload['titel']", 9, "did you mean 'title'?"},
        {"payload.items[0].prize", 18, "object{name, price} has no field 'prize'; did you mean 'price'?"},
        {"has(payload.zzzzzzzz)", 13, "has no field 'zzzzzzzz'"},
        {"'titel' in payload", 1, "did you mean 'title'?"},
        {"paylod.title", 1, "unknown name 'paylod'; did you mean 'payload'?"},
        {"zzz", 1, "unknown name 'zzz'; known here: payload, response, open, a.b"},
        {"a.c", 1, "unknown name 'a'"},
        {"[1].all(item, itm > 0)", 15, "did you mean 'item'?"},
        {"[1].all(x, true) && x > 0", 21, "unknown name 'x'"}, /* gone behind its macro */
        {".payload.x", 10, "has no field 'x'"},
        {"payload.title + 1", 15, "'+' cannot be applied to (string, int); string(…) makes text of a value"},
        {"payload.title.nope", 15, "string has no field 'nope'"},
        {"payload.number.size()", 16, "'size' cannot be applied to (int)"},
        {"payload.labels['a']", 15, "'[]' cannot be applied to (list(string), string)"},
        {"payload.counts[1]", 15, "'[]' cannot be applied to (map(string, int), int)"},
        {"payload[1]", 8, "cannot be applied to"},
        {"payload.title == 1", 15, "'==' cannot be applied to (string, int)"},
        {"payload.labels == ['a', 'b'].map(x, 1)", 16, "(list(string), list(int))"},
        {"payload.title < payload.number", 15, "'<' cannot be applied to"},
        {"[1] < [2]", 5, "'<' cannot be applied to (list(int), list(int))"},
        {"1 in ['a']", 3, "'in' cannot be applied to"},
        {"1 in payload", 3, "'in' cannot be applied to"},
        {"'a' in 'abc'", 5, "'in' cannot be applied to (string, string)"},
        {"payload.title && true", 9, "each side of '&&' must be bool, this is string"},
        {"1 || true", 1, "each side of '||' must be bool, this is int"},
        {"!1", 1, "'!' cannot be applied to (int)"},
        {"-'a'", 1, "'-' cannot be applied to (string)"},
        {"1 ? 2 : 3", 1, "the condition before '?' must be bool, this is int"},
        {"true ? 'a' : 1", 6, "both results of '?:' must have one type, these are string and int"},
        {"payload.number.all(x, true)", 9, "only a list or map can be walked through, this is int"},
        {"payload.items.all(i, i.name)", 24, "the condition over each item must be bool, this is string"},
        {"{1.5: 2}", 2, "a map's key is bool, int, uint or string, not double"},
        {"sise('a')", 1, "unknown function 'sise'; did you mean 'size'?"},
        {"'a'.startswith('b')", 5, "unknown function 'startswith'; did you mean 'startsWith'?"},
        {"contains('a', 'b')", 1, "it is called on a value"},
        {"'1'.int()", 5, "it is called around a value"},
        {"zzzzzz(1)", 1, "unknown function 'zzzzzz'"},
        {"size('a', 'b')", 1, "'size' does not take 2 arguments"},
        {"size()", 1, "'size' does not take 0 arguments"},
        {"'a'.contains()", 5, "'contains' does not take 1 argument"},
        {"size(1, 2, 3, 4)", 1, "does not take 4 arguments"},
        {"secret('a')", 1, "may only stand where a value leaves"},
        {"_text(1)", 1, "unknown function '_text'"},
        {"_segment(1)", 1, "unknown function '_segment'"},
        {"dyn", 1, "unknown name 'dyn'"},
    };
    kit->scope = declared;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        kit_fails(kit, row[i].source, RC_INVALID, 1, row[i].column, row[i].text);
    kit_fails(kit, "'a'.matches('b')", RC_UNSUPPORTED, 1, 5, "regular expressions");
    kit_fails(kit, "timestamp(0).getHours('Europe/Berlin')", RC_UNSUPPORTED, 1, 23, "named time zones");
    kit_fails(kit, "payload\n  .titel", RC_INVALID, 2, 4, "did you mean 'title'?");
}

static void test_unchecked(void **state)
{
    struct kit *kit = *state;
    kit->scope = (struct cel_scope){.unchecked = true};
    kit_gives(kit, "nope || true", "true");
    kit_gives(kit, "f(1, 2, 3) || true", "true");
    kit_gives(kit, "size() || size(1, 2) || 'a'.nope() || true", "true");
    kit_gives(kit, "'a' || true", "true");
    kit_gives(kit, "true ? 'a' : 1", "\"a\"");
    kit_gives(kit, "false && 1 + 'a' == 2", "false");
    kit_fails(kit, "1 + nope", RC_EVAL, 1, 5, "unknown name 'nope'");
    kit_fails(kit, "nope(1)", RC_EVAL, 1, 1, "unknown function 'nope'");
    kit_fails(kit, "size()", RC_EVAL, 1, 1, "unknown function 'size'");
    kit_fails(kit, "{1.5: 2}", RC_EVAL, 1, 1, "a map's key is bool, int, uint or string, not double 1.5");
    kit_fails(kit, "5.all(x, true)", RC_EVAL, 1, 3,
              "only a list or map can be walked through, this is int 5");
}

static void test_reads(void **state)
{
    struct kit *kit = *state;
    const struct cel_prog *prog;
    kit->scope = declared;
    assert_int_equal(kit_compile(kit, "payload.draft || a.b == 1", &prog), RC_OK);
    assert_true(cel_prog_reads(prog, 0));
    assert_false(cel_prog_reads(prog, 1));
    assert_true(cel_prog_reads(prog, 3));
    assert_false(cel_prog_reads(prog, 4));
    assert_int_equal(kit_compile(kit, "[1].map(payload, payload)", &prog), RC_OK);
    assert_false(cel_prog_reads(prog, 0));
}

static void test_secrets(void **state)
{
    struct kit *kit = *state;
    kit->scope = (struct cel_scope){.secrets = true, .internal = true};
    kit_gives(kit, "secret('token')", "\"secret(token)\"");
    kit_gives(kit, "'Bearer ' + _text(secret('token'))", "\"Bearer secret(token)\"");
    kit_gives(kit, "_text(secret('a')) + ':' + _text(secret('b'))", "\"secret(a):secret(b)\"");
    kit_gives(kit, "{'Authorization': secret('a')}.Authorization", "\"secret(a)\"");
    kit_gives(kit, "'x' + ['', secret('a')][1]", "\"xsecret(a)\"");
    static const char *const refused[] = {"secret('a') == secret('a')",
                                          "secret('a') == 'a'",
                                          "secret('a') == null",
                                          "size(secret('a'))",
                                          "dyn(secret('a'))",
                                          "string(secret('a'))",
                                          "type(secret('a'))",
                                          "secret('a') in ['a']",
                                          "secret('a') < secret('b')",
                                          "secret()",
                                          "secret('')",
                                          "secret('a' + 'b')",
                                          "secret(1)",
                                          "secret('a', 'b')",
                                          "_segment(secret('a'))",
                                          "secret('a').contains('a')",
                                          "secret('a') + 1",
                                          "!secret('a')",
                                          "secret('a') in dyn([1])"};
    struct cel_value value;
    const struct cel_prog *prog;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        enum rc_status status = kit_run(kit, refused[i], &value);
        if (status != RC_INVALID) print_error("taken: %s\n", refused[i]);
        assert_int_equal(status, RC_INVALID);
    }
    kit_fails(kit, "['', secret('a')][1] == 'a'", RC_EVAL, 1, 22, "'==' cannot be applied to \"secret(a)\"");
    kit_fails(kit, "size(['', secret('a')][1])", RC_EVAL, 1, 1, "'size' cannot be applied to");
    struct rc_buf name = rc_buf_in(kit->arena, 1000);
    rc_put_text(&name, "secret('");
    for (unsigned i = 0; i < RC_MAX_NAME; i++) rc_put_char(&name, 'n');
    rc_put_text(&name, "')");
    assert_int_equal(cel_compile(rc_buf_sv(&name), &kit->scope, kit->arena, &prog, &kit->err), RC_OK);
    name.n -= 2;
    rc_put_text(&name, "n')");
    assert_int_equal(cel_compile(rc_buf_sv(&name), &kit->scope, kit->arena, &prog, &kit->err), RC_INVALID);
}

/* Fields that may be missing are read behind has() only. */

static const struct cel_field maybe_fields[] = {{RC_SV("sure"), &t_item, NULL},
                                                {RC_SV("a"), &t_item, "it has an `if`"},
                                                {RC_SV("b"), &cel_dyn, "it is not critical"}};
static const struct cel_type t_maybe = {.kind = CEL_T_OBJECT, .fields = maybe_fields, .nfields = 3};
static const struct cel_field maybe_roots[] = {
    {RC_SV("payload"), &t_payload}, {RC_SV("steps"), &t_maybe}, {RC_SV("other"), &t_maybe}};
static const struct cel_scope maybe = {.roots = maybe_roots, .nroots = 3};

static void test_missing(void **state)
{
    struct kit *kit = *state;
    static const char *const fine[] = {
        "steps.sure.price > 1.0",
        "has(steps.a)",
        "has(steps.a) && steps.a.price > 1.0",
        "has(steps.a) && (payload.draft || steps.a.price > 1.0) && steps.a.name == 'x'",
        "payload.draft && has(steps.a) && has(steps.a.name)",
        "!has(steps.a) || steps.a.price > 1.0",
        "!(has(steps.a) && has(steps.b)) || steps.a.price > steps.b.price",
        "!(!has(steps.a) || payload.draft) && steps.a.price > 1.0",
        "has(steps.a) ? steps.a.price : 0.0",
        "!has(steps.a) ? 0.0 : steps.a.price",
        "has(steps.a) ? (has(steps.b) ? steps.b : dyn(steps.a.price)) : dyn(0)",
        "has(steps.a) && payload.items.all(i, i.price > steps.a.price)",
        "has(steps.a) && (has(steps.b) || payload.draft) && [steps.a.name].size() > 0",
        "steps['a'].name == 'x'", /* by index it is asked for when it is evaluated */
    };
    static const struct {
        const char *source;
        unsigned column;
        const char *text;
    } bad[] = {
        {"steps.a.price", 7, "steps.a may not exist here (it has an `if`): guard it with has(steps.a)"},
        {"steps.b", 7, "steps.b may not exist here (it is not critical): guard it with has(steps.b)"},
        {"has(steps.a.price)", 11, "steps.a may not exist here"},
        {"steps.a.price > 1.0 && has(steps.a)", 7, "steps.a may not exist here"},
        {"has(steps.a) || steps.a.price > 1.0", 23, "steps.a may not exist here"},
        {"!has(steps.a) && steps.a.price > 1.0", 24, "steps.a may not exist here"},
        {"has(steps.a) ? 0.0 : steps.a.price", 28, "steps.a may not exist here"},
        {"(has(steps.a) || has(steps.b)) && steps.a.price > 1.0", 41, "steps.a may not exist here"},
        {"!(has(steps.a) && payload.draft) ? 1.0 : steps.b.price", 48, "steps.b may not exist here"},
        {"has(steps.a) && steps.b == 1", 23, "steps.b may not exist here"},
        {"has(other.a) && steps.a.price > 1.0", 23, "steps.a may not exist here"},
        {"(has(steps.a) && true) || steps.a.price > 1.0", 33, "steps.a may not exist here"},
        {"[has(steps.a)].all(x, x) && steps.a.price > 1.0", 35, "steps.a may not exist here"},
    };
    kit->scope = maybe;
    const struct cel_prog *prog;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (kit_compile(kit, fine[i], &prog) != RC_OK) fail_msg("%s: %s", fine[i], kit->err.text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        kit_fails(kit, bad[i].source, RC_INVALID, 1, bad[i].column, bad[i].text);
    kit->scope.unchecked = true;
    assert_int_equal(kit_compile(kit, "steps.a.price", &prog), RC_OK);
}

static void test_proves(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *source, *names;
    } row[] = {
        {"has(steps.a)", "a "},
        {"has(steps.a) && payload.draft && has(steps.b)", "a b "},
        {"has(steps.a) || has(steps.b)", ""},
        {"!(!has(steps.a) || !has(steps.b))", "a b "},
        {"!has(steps.a)", ""},
        {"has(other.a)", ""},
        {"has(steps.a) ? true : false", ""},
        {"payload.draft", ""},
    };
    kit->scope = maybe;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const struct cel_prog *prog;
        struct rc_sv name[4];
        char text[16] = "";
        assert_int_equal(kit_compile(kit, row[i].source, &prog), RC_OK);
        uint32_t n = cel_prog_proves(prog, 1, name, 4);
        for (uint32_t k = 0; k < n; k++) strcat(strncat(text, name[k].p, name[k].n), " ");
        assert_string_equal(text, row[i].names);
    }
    const struct cel_prog *prog;
    struct rc_sv one;
    assert_int_equal(kit_compile(kit, row[1].source, &prog), RC_OK);
    assert_int_equal(cel_prog_proves(prog, 1, &one, 1), 1); /* no more than there is room for */
    assert_int_equal(cel_prog_proves(prog, 1, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {KIT_TEST(test_types), KIT_TEST(test_errors),  KIT_TEST(test_unchecked),
                                       KIT_TEST(test_reads), KIT_TEST(test_secrets), KIT_TEST(test_missing),
                                       KIT_TEST(test_proves)};
    return cmocka_run_group_tests_name("cel check", tests, NULL, NULL);
}
