/* What storage alone can do: batches of one-unit submissions (300 bytes of payload, 3 refs, an attempt that leaves at
 * once), and of their results, through rc_store_commit and nothing else. Prints commands per second, processor time per command (which a busy machine does not
 * change much), and the batch times.
 *
 *   store_floor PATH [BATCH [COMMANDS [key]]]      key: also ask for the key before each submission, as the engine does */
#include "made.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static rc_us *times;
static uint32_t ntimes;

static int by_value(const void *a, const void *b)
{
    rc_us x = *(const rc_us *)a, y = *(const rc_us *)b;
    return (x > y) - (x < y);
}

static rc_us processor(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (rc_us)t.tv_sec * 1000000u + (rc_us)t.tv_nsec / 1000u;
}

static void report(const char *what, uint64_t commands, rc_us took, rc_us worked)
{
    uint32_t median = ntimes / 2, last = ntimes - 1, nearly = last - ntimes / 100;
    qsort(times, ntimes, sizeof *times, by_value);
    printf("%-8s %8.0f/s  %5.1f us   batch p50 %5.2f ms  p99 %6.2f ms  max %6.2f ms\n", what,
           (double)commands * 1e6 / (double)took, (double)worked / (double)commands,
           (double)times[median] / 1e3, (double)times[nearly] / 1e3, (double)times[last] / 1e3);
    ntimes = 0;
}

static void must(enum rc_status status, const struct rc_error *err)
{
    if (status == RC_OK) return;
    fprintf(stderr, "%s: %s\n", rc_status_slug(status), err->text);
    exit(1);
}

/* Histories of two records, as the engine loads them. */
static void read_back(struct rc_store *store, uint64_t seqs, struct rc_arena *arena)
{
    enum { READS = 100000 };
    struct rc_error err = {0};
    uint64_t random = 1;
    rc_us begin = rc_clock_monotonic(), start = processor();
    for (int i = 0; i < READS; i++) {
        struct rc_identity id;
        struct rc_record *records;
        uint32_t count;
        rc_arena_reset(arena);
        must(rc_read_history(rc_store_self(store), 1 + rc_mix(&random) % seqs, 0, 100, arena, &id, &records,
                             &count, &err),
             &err);
    }
    printf("load     %8.0f/s  %5.1f us\n", READS * 1e6 / (double)(rc_clock_monotonic() - begin),
           (double)(processor() - start) / READS);
}

int main(int argc, char **argv)
{
    if (argc < 2) return fputs("store_floor PATH [BATCH [COMMANDS [key]]]\n", stderr), 2;
    uint32_t size = argc > 2 ? (uint32_t)atoi(argv[2]) : 64;
    uint64_t total = argc > 3 ? (uint64_t)atoll(argv[3]) : 200000;
    bool ask_key = argc > 4 && strcmp(argv[4], "key") == 0;
    if (size == 0 || size > MADE_MAX) return fputs("BATCH is 1 to 2048\n", stderr), 2;

    struct rc_store *store;
    struct rc_error err = {0};
    struct rc_high high;
    must(rc_sqlite_open(&(struct rc_sqlite_options){.path = argv[1]}, &store, &err), &err);
    must(rc_read_high(rc_store_self(store), &high, &err), &err);
    struct rc_arena *arena = rc_arena_new(16 << 20, SIZE_MAX);
    struct made **commands = calloc(size, sizeof(struct made *));

    rc_us spent[2] = {0}, worked[2] = {0},
          *kept[2] = {calloc(total / size + 1, sizeof *times), calloc(total / size + 1, sizeof *times)};
    uint32_t n = 0;
    for (uint64_t seq = high.seq + 1; seq + size <= high.seq + 1 + total; seq += size, n++) {
        rc_arena_reset(arena);
        for (int phase = 0; phase < 2; phase++) {
            struct made_batch batch = made_begin(arena, rc_clock_wall());
            for (uint32_t i = 0; i < size; i++) {
                if (phase == 0) {
                    unsigned long long number = seq + i;
                    char key[40];
                    snprintf(key, sizeof key, "project-%llu/create_pr", number);
                    commands[i] = made_new(arena, number, key, batch.batch.high_water);
                    made_submit(&batch, commands[i], RC_RUNNING, true, NULL);
                } else {
                    made_result(&batch, commands[i], RC_COMPLETED, false, NULL);
                }
            }
            rc_us begin = rc_clock_monotonic(), start = processor();
            for (uint32_t i = 0; phase == 0 && ask_key && i < size; i++) {
                const struct rc_identity *id = &commands[i]->command.id;
                struct rc_key_match match;
                if (rc_read_key(rc_store_self(store), id->ns, id->type, id->key, &match, &err) !=
                    RC_NOT_FOUND)
                    abort();
            }
            must(rc_store_commit(store, &batch.batch, &err), &err);
            rc_store_follow_up(store);
            rc_us took = rc_clock_monotonic() - begin;
            worked[phase] += processor() - start;
            spent[phase] += took;
            kept[phase][n] = took;
        }
    }
    for (int phase = 0; phase < 2; phase++) {
        times = kept[phase];
        ntimes = n;
        report(phase ? "results" : "submit", (uint64_t)n * size, spent[phase], worked[phase]);
    }
    read_back(store, high.seq + (uint64_t)n * size, arena);
    rc_us begin = rc_clock_monotonic();
    rc_store_close(store);
    printf("close    %8.2f ms\n", (double)(rc_clock_monotonic() - begin) / 1e3);
    rc_arena_free(arena);
    free(commands);
    free(kept[0]);
    free(kept[1]);
    return 0;
}
