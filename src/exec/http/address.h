#pragma once
/* Which network addresses are public. Pure, thread-safe. */
#include "base/sv.h"

#include <sys/socket.h>

/* Whether the address may be reached without allow_private: a globally reachable unicast address by the IANA
 * special-purpose registries (RFC 6890). IPv6 forms that carry an IPv4 address (mapped, NAT64 of RFC 6052,
 * 6to4) are what the address inside is. Any other family is not public. */
bool http_address_public(const struct sockaddr *);
/* The same for text as inet_ntop writes it, and for a scope behind '%'; false for what is no address. */
bool http_address_text_public(const char *text);
