/* The page of suspects: one file beside the store, mapped, so that it outlives a crash of the process. */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum rc_status page_open(const char *store, struct rc_suspects **ret, struct rc_error *err)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s.suspects", store);
    if (n < 0 || (size_t)n >= sizeof path) return rc_fail(err, RC_LIMIT, "the store's path is too long");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool sized = fd >= 0 && ftruncate(fd, sizeof(struct rc_suspects)) == 0;
    void *page = sized ? mmap(NULL, sizeof(struct rc_suspects), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                       : MAP_FAILED;
    int error = errno;
    if (fd >= 0) close(fd);
    if (page == MAP_FAILED) return rc_fail(err, RC_IO, "%s: %s", path, strerror(error));
    *ret = page;
    return RC_OK;
}

void page_close(struct rc_suspects *page)
{
    if (page) munmap(page, sizeof *page);
}
