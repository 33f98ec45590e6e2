/* Tokens: made, read, compared. */
#include "secure/token.h"

#include "base/hash.h"
#include "base/random.h"

#include <string.h>

enum { SECRET = 32, PREFIX = 4, SECRET_AT = PREFIX + RC_TOKEN_ID_TEXT + 1 };
_Static_assert(SECRET_AT + 2 * SECRET == RC_TOKEN_TEXT, "the parts of a token");

static const char digits[] = "0123456789abcdef";

static void put_hex(const unsigned char *bytes, size_t n, char *ret)
{
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
}

/* Lower case only: one token has one text. */
static bool get_hex(const char *text, size_t n, unsigned char *ret)
{
    for (size_t i = 0; i < n; i++) {
        const char *high = memchr(digits, text[2 * i], 16), *low = memchr(digits, text[2 * i + 1], 16);
        if (!high || !low) return false;
        ret[i] = (unsigned char)((high - digits) << 4 | (low - digits));
    }
    return true;
}

static void hash_secret(const unsigned char secret[SECRET], unsigned char ret_hash[RC_TOKEN_HASH])
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add(&sha, secret, SECRET);
    rc_sha256_end(&sha, ret_hash);
    explicit_bzero(&sha, sizeof sha);
}

void rc_token_id_format(uint64_t id, char ret_text[RC_TOKEN_ID_TEXT + 1])
{
    unsigned char bytes[sizeof id];
    for (unsigned i = 0; i < sizeof id; i++) bytes[i] = (unsigned char)(id >> (56 - 8 * i));
    put_hex(bytes, sizeof bytes, ret_text);
    ret_text[RC_TOKEN_ID_TEXT] = 0;
}

bool rc_token_id_parse(struct rc_sv text, uint64_t *ret_id)
{
    unsigned char bytes[sizeof *ret_id];
    if (text.n != RC_TOKEN_ID_TEXT || !get_hex(text.p, sizeof bytes, bytes)) return false;
    uint64_t id = 0;
    for (unsigned i = 0; i < sizeof bytes; i++) id = id << 8 | bytes[i];
    if (id == 0 || id > INT64_MAX) return false;
    *ret_id = id;
    return true;
}

enum rc_status rc_token_make(uint64_t *ret_id, unsigned char ret_hash[RC_TOKEN_HASH],
                             char ret_text[RC_TOKEN_TEXT + 1])
{
    unsigned char secret[SECRET];
    uint64_t id;
    enum rc_status status = rc_random(&id, sizeof id);
    if (status == RC_OK) status = rc_random(secret, sizeof secret);
    if (status != RC_OK) return status;
    id = id >> 1 ? id >> 1 : 1;
    memcpy(ret_text, "rct_", PREFIX);
    rc_token_id_format(id, ret_text + PREFIX);
    ret_text[SECRET_AT - 1] = '_';
    put_hex(secret, sizeof secret, ret_text + SECRET_AT);
    ret_text[RC_TOKEN_TEXT] = 0;
    hash_secret(secret, ret_hash);
    explicit_bzero(secret, sizeof secret);
    *ret_id = id;
    return RC_OK;
}

bool rc_token_parse(struct rc_sv text, uint64_t *ret_id, unsigned char ret_hash[RC_TOKEN_HASH])
{
    unsigned char secret[SECRET];
    if (text.n != RC_TOKEN_TEXT || memcmp(text.p, "rct_", PREFIX) != 0 || text.p[SECRET_AT - 1] != '_')
        return false;
    if (!rc_token_id_parse((struct rc_sv){text.p + PREFIX, RC_TOKEN_ID_TEXT}, ret_id)) return false;
    bool fine = get_hex(text.p + SECRET_AT, sizeof secret, secret);
    if (fine) hash_secret(secret, ret_hash);
    explicit_bzero(secret, sizeof secret);
    return fine;
}

bool rc_token_same(const unsigned char a[RC_TOKEN_HASH], const unsigned char b[RC_TOKEN_HASH])
{
    volatile unsigned char differ = 0; /* volatile: no early way out for the compiler either */
    for (unsigned i = 0; i < RC_TOKEN_HASH; i++) differ |= (unsigned char)(a[i] ^ b[i]);
    return differ == 0;
}
