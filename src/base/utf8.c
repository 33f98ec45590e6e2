/* UTF-8 by the table of well-formed sequences in RFC 3629, section 4. */
#include "base/utf8.h"

uint32_t rc_utf8_length(const char *text, uint32_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    if (n == 0) return 0;
    if (p[0] < 0x80) return 1;
    uint32_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < length) return 0;
    for (uint32_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0; /* overlong */
    if (p[0] == 0xed && p[1] > 0x9f) return 0; /* surrogates */
    if (p[0] == 0xf0 && p[1] < 0x90) return 0; /* overlong */
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0; /* above U+10FFFF */
    return length;
}

uint32_t rc_utf8_decode(const char *text, uint32_t length)
{
    static const unsigned char mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *p = (const unsigned char *)text;
    uint32_t code = p[0] & mask[length];
    for (uint32_t i = 1; i < length; i++) code = code << 6 | (p[i] & 0x3f);
    return code;
}

uint32_t rc_utf8_encode(uint32_t code, char ret_bytes[4])
{
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
    if (code < 0x80) {
        ret_bytes[0] = (char)code;
        return 1;
    }
    uint32_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (uint32_t i = length - 1; i > 0; i--, code >>= 6) ret_bytes[i] = (char)(0x80 | (code & 0x3f));
    ret_bytes[0] = (char)(lead[length] | code);
    return length;
}

bool rc_utf8_valid(struct rc_sv text)
{
    for (uint32_t at = 0, n; at < text.n; at += n)
        if (!(n = rc_utf8_length(text.p + at, text.n - at))) return false;
    return true;
}

uint32_t rc_utf8_count(struct rc_sv text)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < text.n; at++) count += ((unsigned char)text.p[at] & 0xc0) != 0x80;
    return count;
}
