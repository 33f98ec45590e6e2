#pragma once
/* HTTP/1.1 as far as a measuring program needs it: where one message ends. Trusts the other side, which is ours. */
#include <stddef.h>
#include <stdint.h>

enum { WIRE_BUFFER = 131072 };

/* One socket and what it has received and not yet used. `kind` and `index` are the owner's. */
struct wire {
    int fd;
    uint32_t kind, index;
    uint32_t n; /* bytes in `in` */
    char in[WIRE_BUFFER];
};

struct wire_message {
    const char *head, *body;
    size_t head_n, body_n;
};

/* Reads what is there. False: the connection has ended. */
_Bool wire_fill(struct wire *);
/* The first whole message in the buffer, or false. It is valid until wire_drop, which removes it. */
_Bool wire_next(const struct wire *, struct wire_message *ret);
void wire_drop(struct wire *, const struct wire_message *);
/* Sends all of it or ends the program: what is sent here is smaller than any socket's buffer. */
void wire_send(const struct wire *, const void *data, size_t n);

/* A connection to 127.0.0.1, or a listening socket there; ends the program where that fails. */
int wire_connect(uint16_t port);
int wire_listen(uint16_t port);
int wire_accept(int listener); /* -1: nobody is there (any more) */

/* Prints and ends the program. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
