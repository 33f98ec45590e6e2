/* The doctor's round: its checks one after the other, what they found, and how that is told. */
#include "server/doctor.h"

#include "cli/screen.h"
#include "codec/write.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_FIRST = 64 << 10, ARENA = 1 << 30, MAX_TEXT = 1 << 20, INDENT = 24 };

void doctor_say(struct doctor *d, enum doctor_level level, const char *advice, const char *format, ...)
{
    char text[DOCTOR_TEXT];
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above */
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (d->n == DOCTOR_FINDINGS) {
        d->left_out++;
        return;
    }
    struct rc_sv copy = rc_copy_sv(d->arena, rc_sv_of(text));
    d->found[d->n++] = (struct doctor_finding){
        .level = level, .check = d->check, .text = copy, .advice = rc_copy_sv(d->arena, rc_sv_of(advice))};
}

static struct doctor *telling; /* of what settings_strangers finds */

static void tell_stranger(const char *variable, struct rc_sv near)
{
    doctor_say(telling, DOCTOR_WARNING,
               "take it out of the environment, or mend its name (recourse config example)",
               "%s is in the environment and is no setting%s%.*s", variable,
               near.p ? "; perhaps meant is " : "", RC_SV_ARG(near));
}

void doctor_settings(struct doctor *d)
{
    const struct defs_errors *errors = &d->configuration->errors;
    for (uint32_t i = 0; i < errors->n; i++) {
        const struct rc_error *err = &errors->error[i];
        if (err->line)
            doctor_say(d, DOCTOR_ERROR, "the server does not start before this is mended", "%s:%u:%u: %s",
                       err->source, err->line, err->column, err->text);
        else
            doctor_say(d, DOCTOR_ERROR, "the server does not start before this is mended", "%s: %s",
                       err->source, err->text);
    }
    telling = d;
    settings_strangers(tell_stranger);
    if (d->n == 0)
        doctor_say(d, DOCTOR_OK, NULL, "%s%s",
                   d->configuration->file ? "" : "no file; environment and defaults",
                   d->configuration->file ? d->configuration->file : "");
}

static const struct {
    const char *name;
    doctor_check *check;
} checks[] = {
    {"settings", doctor_settings},
    {"disk", doctor_disk},
    {"sync", doctor_fsync},
    {"limits", doctor_limits},
    {"store", doctor_store},
    {"clock", doctor_clock},
    {"permissions", doctor_permissions},
    {"certificate", doctor_certificate},
    {"definitions", doctor_definitions},
    {"dependencies", doctor_dependencies},
    {"server", doctor_server},
};

/* ---- telling ------------------------------------------------------------------------------------------- */

static const char *const level_word[] = {"fine", "warning", "error"};

static void put_finding(struct screen *screen, const struct doctor_finding *finding)
{
    static const enum tint tint[] = {TINT_GOOD, TINT_WARN, TINT_BAD};
    screen_tint(screen, tint[finding->level]);
    fprintf(screen->out, "%-8s", level_word[finding->level]);
    screen_tint(screen, TINT_NONE);
    fprintf(screen->out, "%-*s", INDENT - 8, finding->check);
    screen_wrap(screen, INDENT, INDENT, finding->text);
    if (!finding->advice.n) return;
    fprintf(screen->out, "%*s", INDENT, "");
    screen_tint(screen, TINT_BOLD);
    screen_wrap(screen, INDENT, INDENT, finding->advice);
    screen_tint(screen, TINT_NONE);
}

static void put_findings(const struct doctor *d, enum doctor_level worst)
{
    struct screen screen;
    bool quiet = cli_has(d->args, "quiet");
    screen_open(&screen, stdout);
    for (uint32_t i = 0; i < d->n; i++)
        if (!quiet || d->found[i].level != DOCTOR_OK) put_finding(&screen, &d->found[i]);
    if (d->left_out) printf("and %u more\n", d->left_out);
    if (!quiet && worst == DOCTOR_OK) puts("\nEverything that was looked at is fine.");
}

static int put_json(const struct doctor *d, enum doctor_level worst)
{
    struct rc_buf buf = rc_buf_in(d->arena, MAX_TEXT);
    struct rc_json json = {.buf = &buf};
    rc_json_object(&json, NULL);
    rc_json_text(&json, "worst", level_word[worst]);
    rc_json_text(&json, "version", d->version);
    rc_json_text(&json, "store", d->store);
    rc_json_array(&json, "findings");
    for (uint32_t i = 0; i < d->n; i++) {
        const struct doctor_finding *finding = &d->found[i];
        rc_json_object(&json, NULL);
        rc_json_text(&json, "level", level_word[finding->level]);
        rc_json_text(&json, "check", finding->check);
        rc_json_sv(&json, "text", finding->text);
        rc_json_maybe(&json, "advice", finding->advice);
        rc_json_end_object(&json);
    }
    rc_json_end_array(&json);
    rc_json_end_object(&json);
    if (buf.status != RC_OK) {
        fputs("recourse doctor: out of memory\n", stderr);
        return CLI_ERROR;
    }
    printf("%.*s\n", RC_SV_ARG(rc_buf_sv(&buf)));
    return CLI_OK;
}

/* ---- the round ----------------------------------------------------------------------------------------- */

static bool find_store(struct doctor *d)
{
    const char *path = d->settings->store, *slash = strrchr(path, '/');
    size_t n = slash == path ? 1 : slash ? (size_t)(slash - path) : 1, all = strlen(path);
    if (all >= sizeof d->store) return false;
    memcpy(d->store, path, all + 1);
    memcpy(d->folder, slash ? path : ".", n);
    d->folder[n] = 0;
    return true;
}

static int examine(struct doctor *d)
{
    enum doctor_level worst = DOCTOR_OK;
    if (!find_store(d)) {
        fputs("recourse doctor: the path of the store is too long\n", stderr);
        return CLI_USAGE;
    }
    for (unsigned i = 0; i < sizeof checks / sizeof *checks; i++) {
        d->check = checks[i].name;
        checks[i].check(d);
    }
    if (d->reader) rc_reader_close(d->reader);
    for (uint32_t i = 0; i < d->n; i++)
        if (d->found[i].level > worst) worst = d->found[i].level;
    int code = CLI_OK;
    if (cli_has(d->args, "json"))
        code = put_json(d, worst);
    else
        put_findings(d, worst);
    return worst == DOCTOR_ERROR ? CLI_ERROR : code;
}

int doctor_run(const struct cli_args *args)
{
    struct configuration *configuration = calloc(1, sizeof *configuration);
    struct doctor *d = calloc(1, sizeof *d);
    struct rc_arena *arena = rc_arena_new(ARENA_FIRST, ARENA);
    int code = CLI_ERROR;
    if (configuration && d && arena && settings_load(args, NULL, configuration) != RC_NOMEM) {
        d->args = args;
        d->configuration = configuration;
        d->settings = &configuration->values;
        d->arena = arena;
        d->version = RC_VERSION;
        code = examine(d);
    } else {
        fputs("recourse: out of memory\n", stderr);
    }
    if (configuration) settings_close(configuration);
    rc_arena_free(arena);
    free(configuration);
    free(d);
    return code;
}
