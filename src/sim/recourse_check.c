/* recourse_check: holds the history of clients, the journal of the outside and a store against the invariants. The store is read beside a
 * server or without one, and nothing is written. Exits with 0: all hold, 1: one is broken, 2: it could not be found out. */
#include "sim/check_read.h"
#include "sim/check_run.h"

#include "base/num.h"
#include "codec/write.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILES = 64, FIRST = 1 << 20, REPORT = 8 << 20 };
#define MEMORY ((size_t)16 << 30)

static const char usage[] =
    "Usage: recourse_check --store FILE [--history FILE]… [--journal FILE]… [--log FILE]… [--secret FILE]…\n"
    "                      [--bound SECONDS] [--incomplete] [--same-end FILE] [--json]\n"
    "       recourse_check --list\n\n"
    "Holds what clients saw, what the outside saw, and a store against the invariants of Recourse.\n\n"
    "  --store FILE      the store; it is only read\n"
    "  --history FILE    calls of clients, as JSON lines\n"
    "  --journal FILE    requests that arrived outside, as JSON lines\n"
    "  --log FILE        searched for secrets, too\n"
    "  --secret FILE     a secret, which may stand nowhere\n"
    "  --bound SECONDS   how long after the last fault everything must be at rest (60)\n"
    "  --incomplete      the journal lacks requests: do not hold the record against it\n"
    "  --same-end FILE   another store, which must have come to the same end\n"
    "  --list            print the invariants\n"
    "  --json            print JSON\n\n"
    "src/sim/check.h describes both formats. Exits with 0: all hold, 1: one is broken, 2: it could not be "
    "found out.\n";

struct files {
    const char *path[FILES];
    struct check_text text[FILES];
    uint32_t n;
};

struct options {
    struct files history, journal, log, secret;
    const char *store, *other;
    uint64_t bound;
    bool incomplete, list, json;
};

static bool add(struct files *files, const char *path)
{
    if (files->n == FILES) return false;
    files->path[files->n++] = path;
    return true;
}

static bool read_options(int argc, char **argv, struct options *ret)
{
    static const struct option options[] = {{"history", required_argument, NULL, 'h'},
                                            {"journal", required_argument, NULL, 'j'},
                                            {"store", required_argument, NULL, 's'},
                                            {"log", required_argument, NULL, 'l'},
                                            {"secret", required_argument, NULL, 'x'},
                                            {"bound", required_argument, NULL, 'b'},
                                            {"incomplete", no_argument, NULL, 'i'},
                                            {"same-end", required_argument, NULL, 'e'},
                                            {"list", no_argument, NULL, 'L'},
                                            {"json", no_argument, NULL, 'J'},
                                            {0}};
    bool good = true;
    for (int c; good && (c = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (c) {
        case 'h': good = add(&ret->history, optarg); break;
        case 'j': good = add(&ret->journal, optarg); break;
        case 'l': good = add(&ret->log, optarg); break;
        case 'x': good = add(&ret->secret, optarg); break;
        case 's': ret->store = optarg; break;
        case 'e': ret->other = optarg; break;
        case 'b':
            good = rc_parse_u64(rc_sv_of(optarg), &ret->bound) && ret->bound && ret->bound < UINT32_MAX;
            break;
        case 'i': ret->incomplete = true; break;
        case 'L': ret->list = true; break;
        case 'J': ret->json = true; break;
        default: good = false;
        }
    return good && optind == argc && (ret->list || ret->store);
}

static enum rc_status read_files(struct files *files, struct rc_arena *arena, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; i < files->n && status == RC_OK; i++)
        status = check_read_file(files->path[i], arena, &files->text[i], err);
    return status;
}

/* ---- what is printed ------------------------------------------------------------------------------------ */

static void put_out(const struct rc_buf *text)
{
    (void)fwrite(text->p, 1, text->n, stdout);
    (void)fputc('\n', stdout);
}

static int list(bool as_json, struct rc_arena *arena)
{
    struct rc_buf text = rc_buf_in(arena, REPORT);
    struct rc_json json = {.buf = &text};
    rc_json_array(&json, NULL);
    for (const struct check_invariant *const *one = check_invariants; *one; one++) {
        if (!as_json) printf("%2u  %-24s  %s\n", (*one)->number, (*one)->name, (*one)->sentence);
        rc_json_object(&json, NULL);
        rc_json_u64(&json, "number", (*one)->number);
        rc_json_text(&json, "name", (*one)->name);
        rc_json_text(&json, "sentence", (*one)->sentence);
        rc_json_end_object(&json);
    }
    rc_json_end_array(&json);
    if (as_json) put_out(&text);
    return 0;
}

static const struct count {
    const char *name;
    size_t at;
} counts[] = {
#define COUNT(name)                                                                                          \
    {                                                                                                        \
#name, offsetof(struct check_counts, name)                                                           \
    }
    COUNT(calls),     COUNT(arrivals), COUNT(commands), COUNT(purged),  COUNT(records),
    COUNT(attempts),  COUNT(lost),     COUNT(checks),   COUNT(undos),   COUNT(actions),
    COUNT(conflicts), COUNT(replays),  COUNT(refused),  COUNT(crashes),
#undef COUNT
};

static uint64_t count_at(const struct check_report *report, const struct count *count)
{
    uint64_t n;
    memcpy(&n, (const char *)&report->counts + count->at, sizeof n);
    return n;
}

static void put_json(const struct check_report *report, struct rc_arena *arena)
{
    struct rc_buf text = rc_buf_in(arena, REPORT);
    struct rc_json json = {.buf = &text};
    rc_json_object(&json, NULL);
    rc_json_u64(&json, "broken", report->broken);
    rc_json_array(&json, "findings");
    for (uint32_t i = 0; i < report->n; i++) {
        rc_json_object(&json, NULL);
        rc_json_u64(&json, "number", report->finding[i].number);
        rc_json_text(&json, "name", check_invariant_find(report->finding[i].number)->name);
        rc_json_text(&json, "where", report->finding[i].where);
        rc_json_end_object(&json);
    }
    rc_json_end_array(&json);
    rc_json_object(&json, "counts");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        rc_json_u64(&json, counts[i].name, count_at(report, &counts[i]));
    rc_json_u64(&json, "in_doubt", report->counts.unknown);
    rc_json_end_object(&json);
    rc_json_object(&json, "looked");
    for (const struct check_invariant *const *one = check_invariants; *one; one++)
        rc_json_u64(&json, (*one)->name, report->looked[(*one)->number]);
    rc_json_end_object(&json);
    rc_json_end_object(&json);
    put_out(&text);
}

static void put_text(const struct check_report *report)
{
    for (uint32_t i = 0; i < report->n; i++) {
        const struct check_invariant *one = check_invariant_find(report->finding[i].number);
        printf("BROKEN %u %s: %s\n       %s\n", one->number, one->name, report->finding[i].where,
               one->sentence);
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        printf("%s%s %llu", i ? ", " : "", counts[i].name, (unsigned long long)count_at(report, &counts[i]));
    printf("\n%s\n", report->broken ? "not everything holds" : "everything holds");
}

/* ---- the run -------------------------------------------------------------------------------------------- */

static enum rc_status texts_of(struct options *options, struct rc_arena *arena, struct check_case *ret,
                               struct rc_error *err)
{
    struct check_text *texts = RC_NEW_ARRAY(arena, struct check_text, 3 * FILES + 2);
    struct rc_sv *secrets = RC_NEW_ARRAY(arena, struct rc_sv, FILES);
    if (!texts || !secrets) return rc_fail_arena(err, arena);
    struct files *const all[] = {&options->history, &options->journal, &options->log};
    for (size_t i = 0; i < 3; i++)
        for (uint32_t k = 0; k < all[i]->n; k++) texts[ret->ntexts++] = all[i]->text[k];
    enum rc_status status = check_read_file(options->store, arena, &texts[ret->ntexts++], err);
    if (status != RC_OK) return status;
    struct rc_sv wal = rc_text(arena, "%s-wal", options->store);
    if (wal.p && check_read_file(wal.p, arena, &texts[ret->ntexts], NULL) == RC_OK) ret->ntexts++;
    for (uint32_t i = 0; i < options->secret.n; i++) {
        secrets[i] = options->secret.text[i].text;
        while (secrets[i].n && secrets[i].p[secrets[i].n - 1] == '\n') secrets[i].n--;
        if (secrets[i].n < 8)
            return rc_fail(err, RC_INVALID, "%s: a secret of less than 8 bytes stands anywhere",
                           options->secret.path[i]);
    }
    ret->texts = texts;
    ret->secrets = secrets;
    ret->nsecrets = options->secret.n;
    return RC_OK;
}

/* Another run of the same, in the place of everything else. */
static enum rc_status check_other(const char *path, const struct check_case *in, struct rc_arena *arena,
                                  struct check_report *ret, struct rc_error *err)
{
    struct rc_reader *other = NULL;
    enum rc_status status = rc_sqlite_look(path, &other, err);
    if (status == RC_OK) status = check_same_end(in->reader, other, in->set, CHECK_SAME_END, arena, ret, err);
    if (other) rc_reader_close(other);
    return status;
}

static enum rc_status check(struct options *options, struct rc_arena *arena, struct check_report *ret,
                            struct rc_error *err)
{
    struct check_case in = {.complete = options->journal.n && !options->incomplete,
                            .bound = RC_SECONDS(options->bound),
                            .slack = RC_SECONDS(5), /* the machine's clock may be set meanwhile */
                            .recovery = true};
    struct check_history history = {0};
    struct check_journal journal = {0};
    struct files *const all[] = {&options->history, &options->journal, &options->log, &options->secret};
    enum rc_status status = RC_OK;
    for (size_t i = 0; i < 4 && status == RC_OK; i++) status = read_files(all[i], arena, err);
    if (status == RC_OK && options->secret.n) status = texts_of(options, arena, &in, err);
    if (status == RC_OK) status = rc_sqlite_look(options->store, &in.reader, err);
    if (status == RC_OK) status = check_definitions(in.reader, arena, &in.set, err);
    if (status == RC_OK)
        status = check_read_history(options->history.text, options->history.n, in.set, arena, &history, err);
    if (status == RC_OK)
        status = check_read_journal(options->journal.text, options->journal.n, arena, &journal, err);
    in.calls = history.calls;
    in.ncalls = history.ncalls;
    in.quiet = history.quiet;
    in.end = history.end;
    in.arrivals = journal.arrivals;
    in.narrivals = journal.narrivals;
    if (status == RC_OK && options->other)
        status = check_other(options->other, &in, arena, ret, err);
    else if (status == RC_OK)
        status = check_all(&in, arena, ret, err);
    if (in.reader) rc_reader_close(in.reader);
    return status;
}

int main(int argc, char **argv)
{
    struct options options = {.bound = 60};
    if (!read_options(argc, argv, &options)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    struct rc_arena *arena = rc_arena_new(FIRST, MEMORY);
    struct check_report *report = calloc(1, sizeof *report);
    struct rc_error err = {0};
    int code = 2;
    if (!arena || !report) {
        (void)fputs("recourse_check: out of memory\n", stderr);
    } else if (options.list) {
        code = list(options.json, arena);
    } else if (check(&options, arena, report, &err) != RC_OK) {
        (void)fprintf(stderr, "recourse_check: %s\n", err.text);
    } else {
        options.json ? put_json(report, arena) : put_text(report);
        code = report->broken != 0;
    }
    rc_arena_free(arena);
    free(report);
    return code;
}
