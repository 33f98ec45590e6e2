/* The special-purpose blocks of RFC 6890 as a table. An IPv4 address is looked at in its mapped form
 * (::ffff:a.b.c.d), so that one table and one comparison serve both families. */
#include "exec/http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

struct block {
    uint8_t prefix[16];
    uint8_t bits;
};

#define V4(a, b, c, d, n)                                                                                    \
    {                                                                                                        \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + (n)                                     \
    }

static const struct block mapped = V4(0, 0, 0, 0, 0);
static const struct block nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};
static const struct block six_to_four = {{0x20, 0x02}, 16};
static const struct block global_unicast = {{0x20}, 3};

static const struct block not_public_v4[] = {
    V4(0, 0, 0, 0, 8),        /* this network, unspecified */
    V4(10, 0, 0, 0, 8),       /* private */
    V4(100, 64, 0, 0, 10),    /* carrier-grade NAT */
    V4(127, 0, 0, 0, 8),      /* loopback */
    V4(168, 63, 129, 16, 32), /* Azure's host, which serves metadata on a public address */
    V4(169, 254, 0, 0, 16),   /* link-local, metadata services */
    V4(172, 16, 0, 0, 12),    /* private */
    V4(192, 0, 0, 0, 24),     /* protocol assignments */
    V4(192, 0, 2, 0, 24),     /* documentation */
    V4(192, 88, 99, 0, 24),   /* former 6to4 relays */
    V4(192, 168, 0, 0, 16),   /* private */
    V4(198, 18, 0, 0, 15),    /* benchmarks */
    V4(198, 51, 100, 0, 24),  /* documentation */
    V4(203, 0, 113, 0, 24),   /* documentation */
    V4(224, 0, 0, 0, 4),      /* multicast */
    V4(240, 0, 0, 0, 4),      /* reserved, broadcast */
};

/* within 2000::/3; everything outside of it is not public anyway: ::/96 (unspecified, loopback, IPv4-compatible),
 * fc00::/7 (private), fe80::/10 (link-local), ff00::/8 (multicast), 64:ff9b:1::/48 (local NAT64) */
static const struct block not_public_v6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* protocol assignments, with Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff, 0x00, 0x00}, 20}, /* documentation */
};

static bool within(const uint8_t address[16], const struct block *block)
{
    unsigned whole = block->bits / 8u, rest = block->bits % 8u;
    if (memcmp(address, block->prefix, whole) != 0) return false;
    return rest == 0 || (address[whole] ^ block->prefix[whole]) >> (8u - rest) == 0;
}

static bool within_any(const uint8_t address[16], const struct block *block, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (within(address, &block[i])) return true;
    return false;
}

static bool public_v4(const uint8_t address[4])
{
    uint8_t whole[16];
    memcpy(whole, mapped.prefix, 12);
    memcpy(whole + 12, address, 4);
    return !within_any(whole, not_public_v4, sizeof not_public_v4 / sizeof *not_public_v4);
}

static bool public_v6(const uint8_t address[16])
{
    if (within(address, &mapped) || within(address, &nat64)) return public_v4(address + 12);
    if (within(address, &six_to_four)) return public_v4(address + 2);
    return within(address, &global_unicast) &&
           !within_any(address, not_public_v6, sizeof not_public_v6 / sizeof *not_public_v6);
}

bool http_address_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return public_v4((const uint8_t *)&in.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return public_v6(in6.sin6_addr.s6_addr);
    }
    return false;
}

bool http_address_text_public(const char *text)
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1) return public_v4(bytes);
    char plain[INET6_ADDRSTRLEN];
    size_t n = strcspn(text, "%");
    if (n >= sizeof plain) return false;
    memcpy(plain, text, n);
    plain[n] = '\0';
    return inet_pton(AF_INET6, plain, bytes) == 1 && public_v6(bytes);
}
