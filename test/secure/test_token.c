/* Tokens as texts. */
#include "secure/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define ID     "0123456789abcdef"
#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void what_is_made_is_read(void **state)
{
    (void)state;
    char text[RC_TOKEN_TEXT + 1], id_text[RC_TOKEN_ID_TEXT + 1];
    unsigned char made[RC_TOKEN_HASH], read[RC_TOKEN_HASH], last[RC_TOKEN_HASH] = {0};
    for (int i = 0; i < 100; i++) {
        uint64_t id, again, alone;
        assert_int_equal(rc_token_make(&id, made, text), RC_OK);
        assert_int_equal(strlen(text), RC_TOKEN_TEXT);
        assert_true(id > 0 && id <= INT64_MAX);
        assert_true(rc_token_parse(rc_sv_of(text), &again, read));
        assert_true(again == id && rc_token_same(made, read));
        rc_token_id_format(id, id_text);
        assert_memory_equal(id_text, text + 4, RC_TOKEN_ID_TEXT);
        assert_true(rc_token_id_parse(rc_sv_of(id_text), &alone) && alone == id);
        assert_false(rc_token_same(made, last)); /* never the same twice */
        memcpy(last, made, sizeof last);
    }
}

/* SHA-256 of the 32 bytes 00 to 1f, by sha256sum(1). */
static void the_hash_is_of_the_secret_alone(void **state)
{
    (void)state;
    static const unsigned char expected[] = {0x63, 0x0d, 0xcd, 0x29, 0x66, 0xc4, 0x33, 0x66, 0x91, 0x12, 0x54,
                                             0x48, 0xbb, 0xb2, 0x5b, 0x4f, 0xf4, 0x12, 0xa4, 0x9c, 0x73, 0x2d,
                                             0xb2, 0xc8, 0xab, 0xc1, 0xb8, 0x58, 0x1b, 0xd7, 0x10, 0xdd};
    unsigned char hash[RC_TOKEN_HASH];
    uint64_t id;
    assert_true(rc_token_parse(RC_SV("rct_" ID "_" SECRET), &id, hash));
    assert_true(id == 0x0123456789abcdef);
    assert_memory_equal(hash, expected, sizeof hash);
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "rct_",
        "rct_" ID,
        "rct_" ID "_" SECRET "0",
        "rct_" ID "-" SECRET,
        "RCT_" ID "_" SECRET,
        "rct_0123456789ABCDEF_" SECRET,
        "rct_8123456789abcdef_" SECRET, /* over 63 bits */
        "rct_0000000000000000_" SECRET,
        "rct_0123456789abcde _" SECRET,
        "rct_" ID "_000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1",
        "rct_" ID "_000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g",
        "rct_" ID "_000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    };
    unsigned char hash[RC_TOKEN_HASH];
    uint64_t id;
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(rc_token_parse(rc_sv_of(wrong[i]), &id, hash));
    assert_false(rc_token_parse((struct rc_sv){0}, &id, hash));
    const char nul[RC_TOKEN_TEXT] = "rct_" ID "_";
    assert_false(rc_token_parse((struct rc_sv){nul, sizeof nul}, &id, hash));
    assert_false(rc_token_id_parse(RC_SV("123"), &id));
    assert_false(rc_token_id_parse(RC_SV(ID "0"), &id));
}

static void every_byte_counts(void **state)
{
    (void)state;
    unsigned char a[RC_TOKEN_HASH] = {0}, b[RC_TOKEN_HASH] = {0};
    assert_true(rc_token_same(a, b));
    for (unsigned i = 0; i < sizeof a; i++) {
        b[i] = 1;
        assert_false(rc_token_same(a, b));
        b[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_is_read),
        cmocka_unit_test(the_hash_is_of_the_secret_alone),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(every_byte_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
