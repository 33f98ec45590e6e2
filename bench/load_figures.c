/* Times and shares of the processor. */
#include "load.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void record(struct histogram *histogram, uint64_t us)
{
    uint64_t slot = us / SLOT_US;
    histogram->slot[slot < SLOTS ? slot : SLOTS]++;
    histogram->n++;
}

double quantile_ms(const struct histogram *histogram, double share)
{
    uint64_t want = (uint64_t)((double)histogram->n * share), seen = 0;
    for (uint32_t i = 0; i <= SLOTS; i++) {
        seen += histogram->slot[i];
        if (seen > want || seen == histogram->n) return (double)i * SLOT_US / 1e3;
    }
    return 0;
}

static double own_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Seconds of CPU that the server has used, from /proc/PID/stat (proc(5): utime and stime, fields 14 and 15). */
static double server_cpu(void)
{
    char path[64], text[1024];
    if (!load.server_pid) return 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", load.server_pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = 0;
    const char *p = strrchr(text, ')');
    unsigned long user = 0, system = 0;
    if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

struct mark mark_now(void)
{
    return (struct mark){now_us(), load.acknowledged, load.target.answered, own_cpu(), server_cpu()};
}
