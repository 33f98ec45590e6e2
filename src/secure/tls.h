#pragma once
/* TLS for a server: certificate and key from files, sessions on sockets that do not block. The only door to OpenSSL's TLS.
 *
 * TLS 1.2 and 1.3 (RFC 5246, RFC 8446); of 1.2 only suites with forward secrecy and authenticated encryption; no compression,
 * no renegotiation, no early data, no client certificates. ALPN (RFC 7301): "http/1.1". */
#include "base/error.h"

#include <stddef.h>

struct rc_tls; /* what a server shows: certificate chain and key */

/* `certificate`: PEM, the server's own first, then its chain. `key`: PEM, without a passphrase. RC_NOT_FOUND, RC_IO; RC_INVALID
 * (it cannot be read, has expired, or the key is another one's); RC_FORBIDDEN where everybody may read the key. The paths are kept. */
RC_MUST
enum rc_status rc_tls_open(const char *certificate, const char *key, struct rc_tls **ret, struct rc_error *);
/* Reads the files again; sessions that begin afterwards show the new certificate. On failure the old one stays. Any thread. */
RC_MUST
enum rc_status rc_tls_reload(struct rc_tls *, struct rc_error *);
void rc_tls_close(struct rc_tls *);
/* When the certificate ends, as seconds since 1970. Any thread. */
int64_t rc_tls_expires(struct rc_tls *);

struct rc_tls_session; /* one connection; one thread at a time */

/* The socket stays the caller's. NULL: out of memory. Any thread. */
RC_MUST
struct rc_tls_session *rc_tls_session_new(struct rc_tls *, int fd);
void rc_tls_session_free(struct rc_tls_session *);

/* What a call came to, where it is not a number of bytes. After RC_TLS_READ and RC_TLS_WRITE the same call is made again when the
 * socket can be read or written. */
enum { RC_TLS_READ = -1, RC_TLS_WRITE = -2, RC_TLS_END = -3, RC_TLS_BROKEN = -4 };
RC_MUST
int rc_tls_handshake(struct rc_tls_session *); /* 0: done */
RC_MUST
int rc_tls_read(struct rc_tls_session *, void *ret_bytes, uint32_t n);
RC_MUST
int rc_tls_write(struct rc_tls_session *, const void *bytes, uint32_t n);
bool rc_tls_has_more(const struct rc_tls_session *); /* bytes are here that the socket will not announce */
void rc_tls_goodbye(struct rc_tls_session *);        /* close_notify, if it can be sent now */
