/* Sockets and framing of the measuring programs. */
#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

_Bool wire_fill(struct wire *wire)
{
    if (wire->n == WIRE_BUFFER) die("a message is larger than %d bytes", WIRE_BUFFER);
    ssize_t got = recv(wire->fd, wire->in + wire->n, WIRE_BUFFER - wire->n, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    wire->n += (uint32_t)got;
    return got > 0;
}

static size_t body_length(const char *head, size_t n)
{
    static const char name[] = "\r\nContent-Length:";
    const char *end = head + n;
    for (const char *p = head; (p = memchr(p, '\r', (size_t)(end - p))) != NULL; p++)
        if ((size_t)(end - p) > sizeof name && strncasecmp(p, name, sizeof name - 1) == 0)
            return strtoul(p + sizeof name - 1, NULL, 10);
    return 0;
}

_Bool wire_next(const struct wire *wire, struct wire_message *ret)
{
    const char *blank = wire->n ? memmem(wire->in, wire->n, "\r\n\r\n", 4) : NULL;
    if (!blank) return 0;
    size_t head_n = (size_t)(blank - wire->in) + 4;
    size_t body_n = body_length(wire->in, head_n);
    if (wire->n < head_n + body_n) return 0;
    *ret = (struct wire_message){wire->in, wire->in + head_n, head_n, body_n};
    return 1;
}

void wire_drop(struct wire *wire, const struct wire_message *message)
{
    uint32_t used = (uint32_t)(message->head_n + message->body_n);
    wire->n -= used;
    memmove(wire->in, wire->in + used, wire->n);
}

void wire_send(const struct wire *wire, const void *data, size_t n)
{
    ssize_t sent = send(wire->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != (ssize_t)n) die("cannot send: %s", sent < 0 ? strerror(errno) : "the socket is full");
}

static int make_socket(void)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        die("no socket: %s", strerror(errno));
    return fd;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

int wire_connect(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = make_socket();
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die("cannot connect to port %u: %s", port, strerror(errno));
    return fd;
}

int wire_listen(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = make_socket();
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1024) != 0)
        die("cannot listen on port %u: %s", port, strerror(errno));
    return fd;
}

int wire_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}
