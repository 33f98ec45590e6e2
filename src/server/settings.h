#pragma once
/* The settings of the server: one value each from the flags, else the environment, else the file, else the default. The
 * list stands in spec/settings.def. Internal to server/. Single-threaded: the main thread owns them. */
#include "base/clock.h"
#include "cli/cli.h"
#include "defs/defs.h"

enum setting_kind {
    SETTING_TEXT,
    SETTING_PATH,
    SETTING_LIST,
    SETTING_ADDRESS,
    SETTING_SPAN,
    SETTING_COUNT,
    SETTING_SIZE,
    SETTING_SWITCH,
    SETTING_WORD
};

enum { SETTING_HOST = 64, SETTING_TEXT_MAX = 4095, SETTING_LIST_MAX = 64 };

struct setting_address {
    char host[SETTING_HOST]; /* numeric; empty: not given */
    uint16_t port;
};
struct setting_list {
    const char *const *text;
    uint32_t n;
};

#define SETTING_TYPE_TEXT    const char *
#define SETTING_TYPE_PATH    const char *
#define SETTING_TYPE_LIST    struct setting_list
#define SETTING_TYPE_ADDRESS struct setting_address
#define SETTING_TYPE_SPAN    rc_us
#define SETTING_TYPE_COUNT   uint32_t
#define SETTING_TYPE_SIZE    uint64_t
#define SETTING_TYPE_SWITCH  bool
#define SETTING_TYPE_WORD    uint32_t /* which of the words, from 0 */

/* A text, path or address that is not given is NULL or empty; any other kind is 0 where it has no default. */
struct settings {
#define RC_SETTING(name, flag, kind, low, high, otherwise, when, arg, text) SETTING_TYPE_##kind name;
#include "settings.def"
#undef RC_SETTING
};

struct setting {
    const char *name, *flag;
    enum setting_kind kind;
    uint64_t low, high;
    const char *otherwise; /* NULL: none */
    bool reload;           /* SIGHUP brings it into force */
    const char *arg, *text;
    size_t offset; /* in struct settings */
};

enum {
#define RC_SETTING(name, flag, kind, low, high, otherwise, when, arg, text) SETTING_ROW_##name,
#include "settings.def"
#undef RC_SETTING
    SETTINGS
};
extern const struct setting settings_table[SETTINGS];

enum setting_source { SETTING_DEFAULT, SETTING_FILE, SETTING_ENVIRONMENT, SETTING_FLAG };

struct setting_found {
    enum setting_source source;
    struct rc_sv *text; /* as it was written; several of a list */
    uint32_t n;         /* 0: there is no value */
    unsigned line, column;
};

struct configuration {
    struct rc_arena *arena;       /* holds all of it */
    const struct cli_args *flags; /* borrowed */
    const char *file;             /* NULL: none */
    struct settings values;
    struct setting_found found[SETTINGS];
    struct defs_errors errors; /* what was wrong: source is the file, "RECOURSE_NAME" or "--flag" */
};

enum { SETTING_VARIABLE = 64 };
/* "RECOURSE_LOG_LEVEL" */
void setting_variable(const struct setting *, char ret_text[SETTING_VARIABLE]);

/* Reads everything. `file` may be NULL: the one that --config or RECOURSE_CONFIG names, or none. RC_OK, or the status of
 * the first of `errors`; close it in both cases. */
RC_MUST
enum rc_status settings_load(const struct cli_args *flags, const char *file, struct configuration *ret);
void settings_close(struct configuration *);

/* Brings into force what `fresh` says otherwise, as far as that goes without a restart. `say` is told of each setting that
 * has changed: whether it is in force now. */
void settings_reload(struct settings *, const struct configuration *old, const struct configuration *fresh,
                     void (*say)(const struct setting *, bool in_force));

/* Variables of the environment that look like a setting and are none: calls `say` for each. */
void settings_strangers(void (*say)(const char *variable, struct rc_sv near));

/* ---- config.c */

void config_put_errors(const struct defs_errors *); /* on standard error, for people */
/* recourse config */
int config_run(const struct cli_args *);
