/* A library to be loaded before a program (LD_PRELOAD): names that resolve as an attacker wants.
 *
 *   rebind.test    a public address at the first time, 127.0.0.1 from the second on
 *   both.test      always the public address, and 127.0.0.1 behind it
 *
 * Nothing leaves to the public address: connecting to it is refused here. Every answer is a line of the file REBIND_MARK: a test
 * in which nobody asked tests nothing. The file also is the memory of what was asked before, over lives of the program: libcurl keeps
 * a name for a minute. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,bugprone-reserved-identifier): the names are the C library's */

#define EXPORT __attribute__((visibility("default")))
#define PUBLIC "8.8.8.8"
#define LOCAL  "127.0.0.1"

typedef int resolve(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static void mark(const char *line)
{
    const char *path = getenv("REBIND_MARK");
    int fd = path ? open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (fd < 0) return;
    if (write(fd, line, strlen(line)) < 0) { /* then the test finds nothing */
    }
    close(fd);
}

static bool was_asked(void)
{
    char text[4096];
    const char *path = getenv("REBIND_MARK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) close(fd);
    if (n < 0) return false;
    text[n] = 0;
    return strstr(text, "rebind public") != NULL;
}

EXPORT int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **result)
{
    resolve *real = (resolve *)dlsym(RTLD_NEXT, "getaddrinfo");
    struct addrinfo *behind = NULL;
    if (name && strcmp(name, "rebind.test") == 0) {
        bool again = was_asked();
        mark(again ? "rebind local\n" : "rebind public\n");
        return real(again ? LOCAL : PUBLIC, service, hints, result);
    }
    if (!name || strcmp(name, "both.test") != 0) return real(name, service, hints, result);
    mark("both\n");
    int error = real(LOCAL, service, hints, &behind);
    if (error == 0) error = real(PUBLIC, service, hints, result);
    if (error) return error;
    struct addrinfo *last = *result;
    while (last->ai_next) last = last->ai_next;
    last->ai_next = behind;
    return 0;
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    int (*real)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    char text[INET_ADDRSTRLEN] = "";
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    }
    if (strcmp(text, PUBLIC) != 0) return real(fd, address, size);
    mark("refused\n");
    errno = ECONNREFUSED;
    return -1;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name,bugprone-reserved-identifier) */
