#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void watch(const struct target *target, struct wire *wire)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = wire};
    if (epoll_ctl(target->epoll, EPOLL_CTL_ADD, wire->fd, &event) != 0) die("epoll: %s", strerror(errno));
}

void target_open(struct target *target, int epoll, uint16_t port)
{
    *target = (struct target){.epoll = epoll};
    target->listener.fd = wire_listen(port);
    target->listener.kind = TARGET_KIND;
    watch(target, &target->listener);
}

static void take_connection(struct target *target)
{
    int fd = wire_accept(target->listener.fd);
    if (fd < 0) return;
    uint32_t at = 0;
    while (at < TARGET_CONNECTIONS && target->connection[at]) at++;
    if (at == TARGET_CONNECTIONS) die("more than %d connections to the target", TARGET_CONNECTIONS);
    struct wire *wire = malloc(sizeof *wire);
    if (!wire) die("out of memory");
    wire->fd = fd;
    wire->kind = TARGET_KIND;
    wire->index = at;
    wire->n = 0;
    target->connection[at] = wire;
    watch(target, wire);
}

static void answer(const struct target *target, const struct wire *wire)
{
    char text[160];
    uint64_t id = target->answered + target->answered_later;
    /* the body has a fixed length: ids begin at 10^9 */
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 28\r\n\r\n"
                     "{\"ok\":true,\"id\":%010llu}\n",
                     1000000000ULL + (unsigned long long)id);
    wire_send(wire, text, (size_t)n);
}

static void hang_up(struct target *target, struct wire *wire)
{
    for (uint32_t i = 0; i < target->nwait; i++)
        if (target->wait[(target->first + i) % TARGET_CONNECTIONS].to == wire)
            target->wait[(target->first + i) % TARGET_CONNECTIONS].to = NULL;
    target->connection[wire->index] = NULL;
    close(wire->fd);
    free(wire);
}

void target_ready(struct target *target, struct wire *wire, uint64_t now)
{
    if (wire == &target->listener) {
        take_connection(target);
        return;
    }
    if (!wire_fill(wire)) {
        hang_up(target, wire);
        return;
    }
    for (struct wire_message message; wire_next(wire, &message);) {
        static const char later[] = "POST /later ";
        if (memcmp(message.head, later, sizeof later - 1) == 0)
            target->wait[(target->first + target->nwait++) % TARGET_CONNECTIONS] =
                (struct target_wait){now + TARGET_LATER_US, wire};
        else {
            target->answered++;
            answer(target, wire);
        }
        wire_drop(wire, &message);
    }
}

uint64_t target_due(struct target *target, uint64_t now)
{
    while (target->nwait) {
        const struct target_wait *wait = &target->wait[target->first];
        if (wait->due > now) return wait->due;
        target->answered_later++;
        if (wait->to) answer(target, wait->to);
        target->first = (target->first + 1) % TARGET_CONNECTIONS;
        target->nwait--;
    }
    return UINT64_MAX;
}
