/* Tells systemd how far the server is, and that it is alive (sd_notify(3)): one datagram to the socket that it names.
 * Nothing happens where nobody asked. */
#include "server/server.h"

#include "base/num.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_manager(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof address.sun_path || (*path != '/' && *path != '@')) return;
    memcpy(address.sun_path, path, n);
    if (*path == '@') address.sun_path[0] = 0; /* an abstract name */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size) <
        0) { /* it is gone */
    }
    close(fd);
}

struct watchdog watchdog_start(void)
{
    struct watchdog dog = {0};
    const char *span = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t whose, us;
    if (pid && (!rc_parse_u64(rc_sv_of(pid), &whose) || whose != (uint64_t)getpid())) return dog;
    if (!span || !rc_parse_u64(rc_sv_of(span), &us) || us == 0 || us > UINT64_MAX / 4) return dog;
    dog.every = us / 3 + 1; /* so that one late look does no harm */
    return dog;
}

struct timespec watchdog_nap(const struct watchdog *dog)
{
    rc_us now = rc_clock_monotonic(), nap = RC_SECONDS(3600);
    if (dog->every) nap = dog->next > now ? dog->next - now : 0;
    return (struct timespec){.tv_sec = (time_t)(nap / 1000000), .tv_nsec = (long)(nap % 1000000 * 1000)};
}

void watchdog_look(struct watchdog *dog, struct server *server)
{
    rc_us now = rc_clock_monotonic();
    if (!dog->every || now < dog->next) return;
    uint64_t beats = atomic_load_explicit(&server->beats, memory_order_relaxed);
    if (beats != dog->beats) notify_manager("WATCHDOG=1");
    dog->beats = beats;
    dog->next = now + dog->every;
    loop_wake(server); /* it must have gone round until the next look */
}
