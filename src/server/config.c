/* recourse config: what the settings are, where they come from, and what is wrong with them. */
#include "server/settings.h"

#include "cli/screen.h"
#include "codec/write.h"

enum { MAX_TEXT = 1 << 20, COLUMNS = 100 };

static const char *const source_word[] = {"default", "file", "environment", "flag"};
static const char *const kind_word[] = {"text",   "path", "list",   "address", "time",
                                        "number", "size", "switch", "word"};

/* ---- errors */

static void put_error(struct screen *screen, const struct rc_error *err)
{
    screen_sv(screen, rc_sv_of(err->source));
    if (err->line) fprintf(screen->out, ":%u:%u", err->line, err->column);
    fputs(": ", screen->out);
    screen_sv(screen, rc_sv_of(err->text));
    fputc('\n', screen->out);
}

void config_put_errors(const struct defs_errors *errors)
{
    struct screen screen;
    screen_open(&screen, stderr);
    for (uint32_t i = 0; i < errors->n; i++) put_error(&screen, &errors->error[i]);
    if (errors->total > errors->n) fprintf(stderr, "and %u more\n", errors->total - errors->n);
}

static void warn_of_stranger(const char *variable, struct rc_sv near)
{
    struct screen screen;
    screen_open(&screen, stderr);
    fputs("warning: ", stderr);
    screen_sv(&screen, rc_sv_of(variable));
    fputs(" is in the environment and is no setting", stderr);
    if (near.p) fprintf(stderr, "; did you mean the setting '%.*s'?", RC_SV_ARG(near));
    fputc('\n', stderr);
}

static void put_json_errors(struct rc_json *json, const struct defs_errors *errors)
{
    rc_json_array(json, "errors");
    for (uint32_t i = 0; i < errors->n; i++) {
        const struct rc_error *err = &errors->error[i];
        rc_json_object(json, NULL);
        rc_json_text(json, "source", err->source);
        if (err->line) {
            rc_json_u64(json, "line", err->line);
            rc_json_u64(json, "column", err->column);
        }
        if (err->pointer[0]) rc_json_text(json, "pointer", err->pointer);
        rc_json_text(json, "detail", err->text);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
}

/* ---- show */

static struct rc_sv value_text(const struct configuration *c, int row)
{
    const struct setting_found *found = &c->found[row];
    struct rc_buf buf = rc_buf_in(c->arena, MAX_TEXT);
    for (uint32_t i = 0; i < found->n; i++) {
        if (i) rc_put_text(&buf, ", ");
        rc_put(&buf, found->text[i]);
    }
    return rc_buf_sv(&buf);
}

static struct rc_sv source_text(const struct configuration *c, int row)
{
    const struct setting_found *found = &c->found[row];
    const struct setting *setting = &settings_table[row];
    char name[SETTING_VARIABLE];
    switch (found->source) {
    case SETTING_FILE: return rc_text(c->arena, "%s:%u", c->file, found->line);
    case SETTING_ENVIRONMENT: setting_variable(setting, name); return rc_text(c->arena, "%s", name);
    case SETTING_FLAG: return rc_text(c->arena, "--%s", setting->flag);
    case SETTING_DEFAULT: break;
    }
    return found->n ? RC_SV("default") : RC_SV("not set");
}

static void put_table(const struct configuration *c)
{
    static const struct screen_column column[] = {
        {"SETTING", 8, false}, {"VALUE", 12, true}, {"FROM", 12, false}};
    struct rc_sv cells[SETTINGS * 3];
    enum tint tint[SETTINGS];
    struct screen screen;
    for (int i = 0; i < SETTINGS; i++) {
        cells[3 * i] = rc_sv_of(settings_table[i].name);
        cells[3 * i + 1] = value_text(c, i);
        cells[3 * i + 2] = source_text(c, i);
        tint[i] = c->found[i].source == SETTING_DEFAULT ? TINT_DIM : TINT_NONE;
    }
    screen_open(&screen, stdout);
    screen_table(&screen, column, 3, cells, SETTINGS, 2, tint);
}

static void put_json_value(struct rc_json *json, const char *name, const struct setting *setting,
                           const struct rc_sv *text, uint32_t n)
{
    if (n == 0) {
        rc_json_null(json, name);
    } else if (setting->kind != SETTING_LIST) {
        rc_json_sv(json, name, text[0]);
    } else {
        rc_json_array(json, name);
        for (uint32_t i = 0; i < n; i++) rc_json_sv(json, NULL, text[i]);
        rc_json_end_array(json);
    }
}

static void put_json_row(struct rc_json *json, const struct configuration *c, int row)
{
    const struct setting *setting = &settings_table[row];
    const struct setting_found *found = &c->found[row];
    const struct rc_sv otherwise = rc_sv_of(setting->otherwise);
    char variable[SETTING_VARIABLE], flag[SETTING_VARIABLE];
    setting_variable(setting, variable);
    snprintf(flag, sizeof flag, "--%s", setting->flag);
    rc_json_object(json, NULL);
    rc_json_text(json, "name", setting->name);
    put_json_value(json, "value", setting, found->text, found->n);
    rc_json_text(json, "from", source_word[found->source]);
    if (found->line) rc_json_u64(json, "line", found->line);
    rc_json_text(json, "kind", kind_word[setting->kind]);
    put_json_value(json, "default", setting, &otherwise, setting->otherwise != NULL);
    if (setting->kind == SETTING_SPAN || setting->kind == SETTING_COUNT || setting->kind == SETTING_SIZE) {
        rc_json_u64(json, "low", setting->low);
        rc_json_u64(json, "high", setting->high);
    }
    if (setting->kind == SETTING_LIST) rc_json_u64(json, "most", setting->high);
    rc_json_text(json, "flag", flag);
    rc_json_text(json, "environment", variable);
    rc_json_bool(json, "reload", setting->reload);
    if (setting->arg) rc_json_text(json, "argument", setting->arg);
    rc_json_text(json, "text", setting->text);
    rc_json_end_object(json);
}

static struct rc_json begin_json(const struct configuration *c, struct rc_buf *buf)
{
    *buf = rc_buf_in(c->arena, MAX_TEXT);
    struct rc_json json = {.buf = buf};
    rc_json_object(&json, NULL);
    if (c->file)
        rc_json_text(&json, "file", c->file);
    else
        rc_json_null(&json, "file");
    return json;
}

static int end_json(struct rc_json *json)
{
    rc_json_end_object(json);
    if (json->buf->status != RC_OK) {
        fputs("recourse config: out of memory\n", stderr);
        return CLI_ERROR;
    }
    printf("%.*s\n", RC_SV_ARG(rc_buf_sv(json->buf)));
    return CLI_OK;
}

static int show(const struct configuration *c)
{
    struct rc_buf buf;
    if (c->errors.n) config_put_errors(&c->errors);
    if (!cli_has(c->flags, "json")) {
        put_table(c);
        return c->errors.n ? CLI_REFUSED : CLI_OK;
    }
    struct rc_json json = begin_json(c, &buf);
    rc_json_array(&json, "settings");
    for (int i = 0; i < SETTINGS; i++) put_json_row(&json, c, i);
    rc_json_end_array(&json);
    int code = end_json(&json);
    return c->errors.n ? CLI_REFUSED : code;
}

/* ---- check */

static int check(const struct configuration *c)
{
    uint32_t given = 0;
    for (int i = 0; i < SETTINGS; i++) given += c->found[i].source != SETTING_DEFAULT;
    if (cli_has(c->flags, "json")) {
        struct rc_buf buf;
        struct rc_json json = begin_json(c, &buf);
        rc_json_bool(&json, "ok", c->errors.n == 0);
        put_json_errors(&json, &c->errors);
        int code = end_json(&json);
        return c->errors.n ? CLI_REFUSED : code;
    }
    settings_strangers(warn_of_stranger);
    config_put_errors(&c->errors);
    if (c->errors.n) return CLI_REFUSED;
    if (!cli_has(c->flags, "quiet"))
        printf("%s: fine, %u of %d settings are given\n", c->file ? c->file : "no file of settings", given,
               SETTINGS);
    return CLI_OK;
}

/* ---- example */

/* A comment, wrapped. */
static void put_comment(FILE *out, const char *text)
{
    while (*text) {
        size_t n = strlen(text), most = COLUMNS - 2;
        if (n > most) {
            for (n = most; n > 0 && text[n] != ' ';) n--;
            if (n == 0) n = most;
        }
        fprintf(out, "# %.*s\n", (int)n, text);
        text += n;
        while (*text == ' ') text++;
    }
}

static void put_example(FILE *out, const struct setting *setting)
{
    char variable[SETTING_VARIABLE], how[256];
    setting_variable(setting, variable);
    fputc('\n', out);
    put_comment(out, setting->text);
    snprintf(how, sizeof how, "(--%s, %s%s%s; %s)", setting->flag, variable,
             setting->kind == SETTING_WORD ? "; one of " : "",
             setting->kind == SETTING_WORD ? setting->arg : "",
             setting->reload ? "SIGHUP brings a change into force" : "a change takes a restart");
    put_comment(out, how);
    if (setting->kind == SETTING_LIST)
        fprintf(out, "#%s: []\n", setting->name);
    else
        fprintf(out, "#%s:%s%s\n", setting->name, setting->otherwise ? " " : "",
                setting->otherwise ? setting->otherwise : "");
}

static int example(FILE *out, void *context)
{
    (void)context;
    put_comment(out,
                "Settings of recourse serve. An option of the command line wins over the environment, that "
                "over this file, "
                "and this file over the defaults, which stand here. `recourse config check FILE` says what "
                "is wrong with a "
                "file, `recourse config show --config FILE` what would be in force. Secrets do not belong in "
                "here: a setting "
                "names the directory that has them.");
    for (int i = 0; i < SETTINGS; i++) put_example(out, &settings_table[i]);
    return CLI_OK;
}

/* ---- which one */

int config_run(const struct cli_args *args)
{
    static struct configuration c; /* too large for a stack */
    const char *what = args->operand[0], *file = args->noperands > 1 ? args->operand[1] : NULL;
    bool checks = strcmp(what, "check") == 0, shows = strcmp(what, "show") == 0;
    if (strcmp(what, "example") == 0 && !file)
        return cli_page(cli_has(args, "json"), "example", example, NULL);
    if (!checks && !shows) {
        fputs("recourse config: wants check, show or example (recourse help config)\n", stderr);
        return CLI_USAGE;
    }
    int code = CLI_ERROR;
    if (settings_load(args, file, &c) == RC_NOMEM)
        config_put_errors(&c.errors);
    else
        code = checks ? check(&c) : show(&c);
    settings_close(&c);
    return code;
}
