/* Reading JSON where each of jansson's allocations is refused in turn: the text is read right, or it is said that memory is out. jansson
 * itself stops the process over some of these (codec/json.c). */
#include "codec/json.h"

#include "base/arena.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LONG = 3000 };

static uint32_t asked, refuse_at; /* 0: none is refused */
static bool from_there_on;

static void *refusing(size_t n)
{
    asked++;
    bool refused = refuse_at && (from_there_on ? asked >= refuse_at : asked == refuse_at);
    return refused ? NULL : malloc(n);
}

/* A string that grows by many steps, of escapes that are cut where a character is lost. */
static char *text_of_escapes(void)
{
    static const char escapes[] = "\\u0041\\n\\\\x", head[] = "{\"k\": [12345678901234567890123, \"",
                      tail[] = "\"]}";
    char *text = calloc(1, sizeof head + LONG + sizeof escapes + sizeof tail);
    assert_non_null(text);
    strcpy(text, head);
    for (size_t n = strlen(text); n < LONG; n += sizeof escapes - 1) strcpy(text + n, escapes);
    return strcat(text, tail);
}

static void each_refused(bool on)
{
    char *text = text_of_escapes();
    uint32_t refused = 0;
    enum rc_status status = RC_NOMEM;
    from_there_on = on;
    for (refuse_at = 1; status != RC_OK; refuse_at++) {
        struct rc_arena *arena = rc_arena_new(0, 1 << 20);
        struct cel_value value;
        struct rc_error err = {0};
        assert_non_null(arena);
        asked = 0;
        status = rc_json_parse((struct rc_sv){text, (uint32_t)strlen(text)}, arena, &value, &err);
        assert_int_equal(status, asked >= refuse_at ? RC_NOMEM : RC_OK);
        refused += status == RC_NOMEM;
        rc_arena_free(arena);
    }
    assert_true(refused > 20);
    refuse_at = 0;
    free(text);
}

static void one_is_refused(void **state)
{
    (void)state;
    each_refused(false);
}

static void all_are_refused_from_one_on(void **state)
{
    (void)state;
    each_refused(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_is_refused),
                                       cmocka_unit_test(all_are_refused_from_one_on)};
    json_set_alloc_funcs(refusing, free); /* before the first text: ours stands over it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
