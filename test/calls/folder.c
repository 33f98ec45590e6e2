/* See folder.h. Nothing fails here: what is done for a test is no call of the product. */
#include "folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t mixed(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * 0x9e3779b97f4a7c15U;
    return sum ^ (sum >> 32);
}

/* Four sums side by side, since each waits for its own last product only. */
void digest_add(struct digest *io, const void *bytes, size_t n)
{
    const char *p = bytes;
    uint64_t sum[4] = {io->a, io->b, n, 1}, word[4];
    for (size_t left = n; left; p += sizeof word) {
        size_t some = left < sizeof word ? left : sizeof word;
        memset(word, 0, sizeof word);
        memcpy(word, p, some);
        for (unsigned i = 0; i < 4; i++) sum[i] = mixed(sum[i], word[i]);
        left -= some;
        if (some < sizeof word) break;
    }
    io->a = mixed(mixed(mixed(sum[0], sum[1]), sum[2]), sum[3]);
    io->b = mixed(mixed(mixed(sum[3], sum[2]), sum[1]), sum[0]);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[1 << 16];
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (ssize_t n; in >= 0 && out >= 0 && (n = read(in, bytes, sizeof bytes)) > 0;)
        if (write(out, bytes, (size_t)n) != n) abort();
    if (in >= 0) close(in);
    if (out >= 0) close(out);
}

static struct digest of_file(const char *path, const char *name)
{
    static char bytes[1 << 16];
    struct digest sum = {0};
    int in = open(path, O_RDONLY | O_CLOEXEC);
    digest_add(&sum, name, strlen(name));
    for (ssize_t n; in >= 0 && (n = read(in, bytes, sizeof bytes)) > 0;) digest_add(&sum, bytes, (size_t)n);
    if (in >= 0) close(in);
    return sum;
}

static bool is_shared_memory(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, "-shm") == 0;
}

void folder_empty(const char *folder)
{
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') unlink(path);
    }
    if (dir) closedir(dir);
}

void folder_copy(const char *from, const char *to)
{
    mkdir(to, 0700);
    folder_empty(to);
    DIR *dir = opendir(from);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        char source[600], target[600];
        if (entry->d_name[0] == '.' || is_shared_memory(entry->d_name)) continue;
        snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        copy_file(source, target);
    }
    if (dir) closedir(dir);
}

void folder_digest(const char *folder, struct digest *io)
{
    DIR *dir = opendir(folder);
    struct digest all = {0};
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[600];
        if (entry->d_name[0] == '.' || is_shared_memory(entry->d_name)) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct digest one = of_file(path, entry->d_name);
        all.a += one.a; /* a sum does not depend on the order */
        all.b += one.b;
    }
    if (dir) closedir(dir);
    digest_add(io, &all, sizeof all);
}
