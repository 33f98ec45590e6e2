/* Ids in base32 (https://www.crockford.com/base32.html), 80 bits in 16 characters. */
#include "base/id.h"

static const char alphabet[33] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void rc_id_format(struct rc_id id, char ret_text[RC_ID_TEXT + 1])
{
    uint64_t half[2] = {id.seq & RC_SEQ_MAX, (uint64_t)id.shard << 32 | id.check};
    for (int h = 0; h < 2; h++)
        for (int i = 0; i < 8; i++) ret_text[8 * h + i] = alphabet[half[h] >> (35 - 5 * i) & 31];
    ret_text[RC_ID_TEXT] = 0;
}

static int digit(char c)
{
    if (c >= 'a' && c <= 'z') c = (char)(c - 32);
    if (c == 'I' || c == 'L') c = '1';
    if (c == 'O') c = '0';
    const char *p = c ? strchr(alphabet, c) : NULL;
    return p ? (int)(p - alphabet) : -1;
}

bool rc_id_parse(struct rc_sv text, struct rc_id *ret)
{
    uint64_t half[2] = {0};
    if (text.n != RC_ID_TEXT) return false;
    for (uint32_t i = 0; i < RC_ID_TEXT; i++) {
        int d = digit(text.p[i]);
        if (d < 0) return false;
        half[i / 8] = half[i / 8] << 5 | (uint64_t)d;
    }
    *ret = (struct rc_id){.seq = half[0], .shard = (uint8_t)(half[1] >> 32), .check = (uint32_t)half[1]};
    return true;
}
