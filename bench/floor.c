/* The floor of this machine: how often a second 4 KiB can be appended to a file and be synced, one after the other.
 *
 *   floor DIRECTORY [SECONDS]      prints one JSON object
 *
 * Twice: into a file that grows (each sync also writes the inode), and into one whose blocks are there already, as a
 * log that is written again and again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 16384 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void write_block(int fd, const char *block, long at)
{
    if (pwrite(fd, block, BLOCK, (off_t)at * BLOCK) != BLOCK) fail("cannot write");
}

static double rate(const char *directory, double seconds, _Bool written_before)
{
    char path[4096], block[BLOCK];
    snprintf(path, sizeof path, "%s/floor.tmp", directory);
    memset(block, 'x', sizeof block);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) fail(path);
    unlink(path);
    for (long i = 0; written_before && i < BLOCKS; i++) write_block(fd, block, i);
    if (fsync(fd) != 0) fail("cannot sync");
    long n = 0;
    double begin = now(), took;
    while ((took = now() - begin) < seconds) {
        write_block(fd, block, written_before ? n % BLOCKS : n);
        if (fdatasync(fd) != 0) fail("cannot sync");
        n++;
    }
    close(fd);
    return (double)n / took;
}

int main(int argc, char **argv)
{
    if (argc < 2) return fputs("floor DIRECTORY [SECONDS]\n", stderr), 2;
    double seconds = argc > 2 ? atof(argv[2]) : 2;
    double grows = rate(argv[1], seconds / 2, 0), same = rate(argv[1], seconds / 2, 1);
    printf("{\"fdatasync_per_s\": %.0f, \"fdatasync_rewrite_per_s\": %.0f}\n", grows, same);
    return 0;
}
