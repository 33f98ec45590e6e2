/* Settings of the server: a file, and behind a line "====" flags, one a line. Nothing of it reads a file that they name. What is taken
 * is within the bounds of its row, wrong values are said with their place, and reading it again comes to the same. */
#include "fuzz.h"

#include "cli/run.h"
#include "server/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORDS = 40, WORD = 256 };

struct line {
    char text[WORDS][WORD];
    char *argv[WORDS + 1];
};

/* A file in memory that holds the text; its path. */
static const char *file_of(struct rc_sv text)
{
    static char path[64];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("settings", 0);
        FUZZ_LAW(fd >= 0 && clearenv() == 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_LAW(ftruncate(fd, 0) == 0 && pwrite(fd, text.p, text.n, 0) == (ssize_t)text.n);
    return path;
}

static bool parse(struct rc_sv input, struct line *line, struct cli_args *ret)
{
    static FILE *nowhere;
    int argc = 2;
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    snprintf(line->text[0], WORD, "recourse");
    snprintf(line->text[1], WORD, "serve");
    for (; input.n && argc < WORDS; argc++) {
        struct rc_sv word = fuzz_line(&input);
        snprintf(line->text[argc], WORD, "%.*s", RC_SV_ARG(word));
    }
    for (int i = 0; i <= argc; i++) line->argv[i] = i < argc ? line->text[i] : NULL;
    FILE *before = stderr;
    stderr = nowhere;
    int code = cli_parse(argc, line->argv, ret);
    stderr = before;
    return code == CLI_OK && ret->command && strcmp(ret->command->name, "serve") == 0;
}

static uint64_t plain(const struct configuration *c, const struct setting *setting, bool *ret_is)
{
    const char *at = (const char *)&c->values + setting->offset;
    uint64_t wide = 0;
    uint32_t narrow = 0;
    bool is_wide = setting->kind == SETTING_SPAN || setting->kind == SETTING_SIZE;
    *ret_is = is_wide || setting->kind == SETTING_COUNT;
    if (is_wide) memcpy(&wide, at, sizeof wide);
    if (setting->kind == SETTING_COUNT) memcpy(&narrow, at, sizeof narrow);
    return wide + narrow;
}

static void laws(const struct configuration *c, enum rc_status status, const char *file)
{
    const struct defs_errors *errors = &c->errors;
    FUZZ_LAW((status == RC_OK) == (errors->n == 0) && errors->n <= RC_MAX_DEF_ERRORS &&
             errors->n <= errors->total);
    for (uint32_t i = 0; i < errors->n; i++) {
        const struct rc_error *err = &errors->error[i];
        FUZZ_LAW(err->status != RC_OK && err->status != RC_BUG && err->text[0] && err->source[0]);
        FUZZ_LAW(memchr(err->text, 0, sizeof err->text) && memchr(err->pointer, 0, sizeof err->pointer));
        bool of_file = strcmp(err->source, file) == 0;
        if (of_file && (err->status == RC_SYNTAX || err->status == RC_INVALID))
            FUZZ_LAW(err->line >= 1 && err->column >= 1);
        if (i && of_file) FUZZ_LAW(err[-1].line <= err->line || strcmp(err[-1].source, file) != 0);
    }
    for (const struct setting *setting = settings_table;
         status == RC_OK && setting < settings_table + SETTINGS; setting++) {
        bool is_plain;
        uint64_t value = plain(c, setting, &is_plain);
        if (is_plain && value) FUZZ_LAW(value >= setting->low && value <= setting->high);
    }
}

static void never(const struct setting *setting, bool in_force)
{
    (void)in_force;
    fuzz_broken(__FILE__, __LINE__, setting->name);
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    static struct line line;
    static struct configuration first, second;
    struct cli_args args = {0};
    struct rc_sv text = fuzz_part(&input, "====");
    (void)arena;
    if (!parse(input, &line, &args) || cli_has(&args, "config")) return;
    const char *file = file_of(text);
    enum rc_status status = settings_load(&args, file, &first), again = settings_load(&args, file, &second);
    laws(&first, status, file);
    FUZZ_LAW(status == again && first.errors.total == second.errors.total);
    if (status == RC_OK) {
        struct settings before = first.values;
        settings_reload(&before, &first, &second, never); /* nothing has changed */
    }
    settings_close(&first);
    settings_close(&second);
}
