/* SHA-256 against digests that another implementation made (Python's hashlib), at the lengths where padding changes.
 * Built twice: with the processor's instructions where it has them, and without (no_sha.c). */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LONGEST = 4096 };

static const struct {
    size_t n;
    const char *digest;
} cases[] = {
    {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {1, "49994461d6b46390f014c8c5275a8591ef8764760afe2739cee23f6fbe285778"},
    {55, "48cab344faa43822576f85e6fcd6fb28568b116a195a0c2325d380a274ac550a"},
    {56, "351adbeea5fe581b009b5325e79324c388cce5db1e5c778b14fcc3daa481068a"},
    {63, "da65329f4cc1b9deaba09a8a3c09957b5ab1ff5c692ad557921b362430ef4d4a"},
    {64, "a17eb65f63398a17ca56f962a00ebc8306dc2c7fc0bb07c39840fd71b6f8e72e"},
    {65, "a542d59d459e46ed567503aa8cc301d96ed922af7a49349c01f0f7e22fecd318"},
    {119, "2dd0a848fc8c333d337b200d7e35bd8add0da86cb3792ef7eace11ba55cc0caf"},
    {120, "45d05ea895c7b755c79084dba8f0f5ceb04cc7506c14446e415161808e244cab"},
    {127, "d15d64777bef6ad1f17c9b50ef311b3e04d157330d28030d4acdd9687ef9a6df"},
    {128, "5758fe3e49f86851c51c17d0c3c36e84843222327a720d01722763b8684cc575"},
    {1000, "86feb6339f5ec6939cc9e488bad525b04f8f5d09ad32db431327077432051a09"},
    {4096, "79fe80c81f701a2e9af6bba659ff99e143d581a3ebf177474ed2ee8c0fa14ccc"},
};

static unsigned char input[LONGEST];

/* The low half of a linear congruential generator's state: any bytes will do, as long as Python makes the same. */
static int make_input(void **state)
{
    (void)state;
    uint32_t x = 1;
    for (size_t i = 0; i < LONGEST; i++) {
        x = x * 1103515245 + 12345;
        input[i] = (unsigned char)(x >> 16);
    }
    return 0;
}

static void expect_digest(struct rc_sha256 *sha, const char *expected)
{
    unsigned char digest[32];
    char text[65] = "";
    rc_sha256_end(sha, digest);
    for (int i = 0; i < 64; i++) text[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
    assert_string_equal(text, expected);
}

static void test_digests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rc_sha256 sha;
        rc_sha256_init(&sha);
        rc_sha256_add(&sha, input, cases[i].n);
        expect_digest(&sha, cases[i].digest);
    }
}

/* How the input is cut makes no difference. */
static void test_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t piece = 1; piece <= 67; piece += 11) {
            struct rc_sha256 sha;
            rc_sha256_init(&sha);
            for (size_t at = 0; at < cases[i].n; at += piece)
                rc_sha256_add(&sha, input + at, cases[i].n - at < piece ? cases[i].n - at : piece);
            expect_digest(&sha, cases[i].digest);
        }
    }
}

/* FIPS 180-4's own examples. */
static void test_examples(void **state)
{
    (void)state;
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add(&sha, "abc", 3);
    expect_digest(&sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    rc_sha256_init(&sha);
    rc_sha256_add(&sha, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
    expect_digest(&sha, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_examples),
    };
    return cmocka_run_group_tests(tests, make_input, NULL);
}
