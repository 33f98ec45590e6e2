/* Settings: from flags, environment, file and defaults to struct settings, by the table. What is wrong is said without the
 * value that was given: somebody may have put a secret there. */
#include "server/settings.h"

#include "base/near.h"
#include "base/num.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WHEN_START  false
#define WHEN_RELOAD true

const struct setting settings_table[SETTINGS] = {
#define RC_SETTING(name, flag, kind, low, high, otherwise, when, arg, text)                                  \
    {#name,          flag,                                                                                   \
     SETTING_##kind, low,                                                                                    \
     high,           otherwise,                                                                              \
     WHEN_##when,    arg,                                                                                    \
     text,           offsetof(struct settings, name)},
#include "settings.def"
#undef RC_SETTING
};

enum { ARENA_FIRST = 64 << 10, ARENA = 256 << 20, WHY = 160 };

/* ---- errors */

/* Where a value comes from: the file with its line and column, or the name of the variable or flag. */
struct place {
    const char *source;
    unsigned line, column;
};

static void complain(struct defs_errors *errors, const struct place *place, const struct setting *setting,
                     enum rc_status status, const char *format, ...) RC_PRINTF(5, 6);
static void complain(struct defs_errors *errors, const struct place *place, const struct setting *setting,
                     enum rc_status status, const char *format, ...)
{
    struct rc_error err = {.status = status, .line = place->line, .column = place->column};
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above */
    vsnprintf(err.text, sizeof err.text, format, args);
    va_end(args);
    if (setting) snprintf(err.pointer, sizeof err.pointer, "/%s", setting->name);
    snprintf(err.source, sizeof err.source, "%s", place->source);
    errors->total++;
    if (errors->n < RC_MAX_DEF_ERRORS) errors->error[errors->n++] = err;
}

/* ---- values: each reader says in `why` what the value must be */

static bool no(char why[WHY], const char *format, ...) RC_PRINTF(2, 3);
static bool no(char why[WHY], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above */
    vsnprintf(why, WHY, format, args);
    va_end(args);
    return false;
}

static bool read_text(struct rc_sv text, struct rc_arena *arena, const char **ret, char why[WHY])
{
    if (text.n == 0 || text.n > SETTING_TEXT_MAX)
        return no(why, "must be a text of 1 to %d bytes", SETTING_TEXT_MAX);
    for (uint32_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20) return no(why, "must not have control characters");
    struct rc_sv copy = rc_copy_sv(arena, text);
    *ret = copy.p;
    return copy.p || no(why, "does not fit in memory");
}

static bool is_digits(struct rc_sv text)
{
    for (uint32_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9') return false;
    return text.n != 0;
}

/* "127.0.0.1:7070", "[::1]:7070", "localhost:7070", "7070" */
static bool read_address(struct rc_sv text, struct setting_address *ret, char why[WHY])
{
    struct rc_sv host = RC_SV("127.0.0.1"), port = text;
    struct setting_address address = {0};
    uint64_t number;
    for (uint32_t i = text.n; i-- > 0;) {
        if (text.p[i] != ':') continue;
        host = (struct rc_sv){text.p, i};
        port = (struct rc_sv){text.p + i + 1, text.n - i - 1};
        break;
    }
    if (host.n > 1 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (struct rc_sv){host.p + 1, host.n - 2};
    else if (host.n && memchr(host.p, ':', host.n))
        return no(why, "must have brackets around an IPv6 address, like [::1]:7070");
    if (rc_sv_is(host, "localhost") || host.n == 0) host = RC_SV("127.0.0.1");
    if (host.n >= sizeof address.host || !is_digits(port) || !rc_parse_u64(port, &number) ||
        number > UINT16_MAX)
        return no(why, "must be HOST:PORT, like 127.0.0.1:7070");
    memcpy(address.host, host.p, host.n);
    address.port = (uint16_t)number;
    *ret = address;
    return true;
}

static bool read_span(const struct setting *setting, struct rc_sv text, rc_us *ret, char why[WHY])
{
    char low[RC_SPAN_TEXT], high[RC_SPAN_TEXT];
    rc_us span;
    rc_format_span(setting->low, low);
    rc_format_span(setting->high, high);
    if (!rc_parse_span(text, &span))
        return no(why, "must be a span of time from %s to %s, like 30s or 1h30m", low, high);
    if (span < setting->low || span > setting->high) return no(why, "must be from %s to %s", low, high);
    *ret = span;
    return true;
}

/* "512K" is 524288. */
static bool read_number(const struct setting *setting, struct rc_sv text, uint64_t *ret, char why[WHY])
{
    bool size = setting->kind == SETTING_SIZE;
    unsigned shift = 0;
    uint64_t number;
    if (size && text.n > 1 && strchr("KMG", text.p[text.n - 1])) {
        shift = text.p[text.n - 1] == 'K' ? 10 : text.p[text.n - 1] == 'M' ? 20 : 30;
        text.n--;
    }
    bool ok = rc_parse_u64(text, &number) && number <= UINT64_MAX >> shift;
    if (ok) number <<= shift;
    if (!ok || number < setting->low || number > setting->high)
        return no(why, "must be a whole number from %llu to %llu%s", (unsigned long long)setting->low,
                  (unsigned long long)setting->high, size ? " (bytes; 64K, 1M, 2G are understood)" : "");
    *ret = number;
    return true;
}

static bool read_word(const struct setting *setting, struct rc_sv text, uint32_t *ret, char why[WHY])
{
    const char *word = setting->arg;
    for (uint32_t i = 0; word; i++) {
        const char *end = strchr(word, '|');
        struct rc_sv one = {word, end ? (uint32_t)(end - word) : (uint32_t)strlen(word)};
        if (rc_sv_eq(one, text)) {
            *ret = i;
            return true;
        }
        word = end ? end + 1 : NULL;
    }
    return no(why, "must be one of %s", setting->arg);
}

static bool read_list(const struct setting *setting, const struct setting_found *found,
                      struct rc_arena *arena, struct setting_list *ret, char why[WHY])
{
    if (found->n > setting->high)
        return no(why, "has more than %llu values", (unsigned long long)setting->high);
    const char **text = RC_NEW_ARRAY(arena, const char *, found->n);
    if (!text) return no(why, "does not fit in memory");
    for (uint32_t i = 0; i < found->n; i++)
        if (!read_text(found->text[i], arena, &text[i], why)) return false;
    *ret = (struct setting_list){text, found->n};
    return true;
}

static bool read_value(const struct setting *setting, const struct setting_found *found,
                       struct rc_arena *arena, struct settings *values, char why[WHY])
{
    void *target = (char *)values + setting->offset;
    struct rc_sv text =
        found->n ? found->text[0] : (struct rc_sv){"", 0}; /* of a list that is empty there is none */
    uint64_t number = 0;
    switch (setting->kind) {
    case SETTING_TEXT:
    case SETTING_PATH: return read_text(text, arena, target, why);
    case SETTING_LIST: return read_list(setting, found, arena, target, why);
    case SETTING_ADDRESS: return read_address(text, target, why);
    case SETTING_SPAN: return read_span(setting, text, target, why);
    case SETTING_WORD: return read_word(setting, text, target, why);
    case SETTING_SIZE: return read_number(setting, text, target, why);
    case SETTING_COUNT:
        if (!read_number(setting, text, &number, why)) return false;
        *(uint32_t *)target = (uint32_t)number;
        return true;
    case SETTING_SWITCH:
        *(bool *)target = rc_sv_is(text, "true");
        return rc_sv_is(text, "true") || rc_sv_is(text, "false") || no(why, "must be true or false");
    }
    return false;
}

/* ---- sources, from the weakest to the strongest: each takes the place of what was found before it */

static void take(struct configuration *c, const struct setting *setting, struct setting_found found,
                 const struct place *place)
{
    char why[WHY];
    if (!read_value(setting, &found, c->arena, &c->values, why)) {
        complain(&c->errors, place, setting, RC_INVALID, "%s %s", setting->name, why);
        return;
    }
    c->found[setting - settings_table] = found;
}

static void take_text(struct configuration *c, const struct setting *setting, enum setting_source source,
                      const char *text, const struct place *place)
{
    struct setting_found found = {.source = source, .n = 1};
    for (const char *p = text; setting->kind == SETTING_LIST && *p; p++) found.n += *p == ',';
    found.text = RC_NEW_ARRAY(c->arena, struct rc_sv, found.n);
    if (!found.text) {
        complain(&c->errors, place, setting, RC_NOMEM, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < found.n; i++) {
        const char *end = found.n > 1 ? strchr(text, ',') : NULL;
        found.text[i] = (struct rc_sv){text, end ? (uint32_t)(end - text) : (uint32_t)strlen(text)};
        text = end ? end + 1 : text;
    }
    take(c, setting, found, place);
}

static void read_defaults(struct configuration *c)
{
    for (const struct setting *setting = settings_table; setting < settings_table + SETTINGS; setting++)
        if (setting->otherwise)
            take_text(c, setting, SETTING_DEFAULT, setting->otherwise, &(struct place){.source = "default"});
}

static const struct setting *find(struct rc_sv name, struct rc_near *near)
{
    for (const struct setting *setting = settings_table; setting < settings_table + SETTINGS; setting++) {
        if (rc_sv_is(name, setting->name)) return setting;
        rc_near_try(near, rc_sv_of(setting->name));
    }
    return NULL;
}

static void take_pair(struct configuration *c, const struct defs_pair *pair)
{
    struct place place = {.source = c->file, .line = pair->at.line, .column = pair->at.column};
    struct rc_near near = {.wanted = pair->name};
    const struct setting *setting = find(pair->name, &near);
    if (!setting) {
        complain(&c->errors, &place, NULL, RC_INVALID, "there is no setting '%.*s'%s%.*s%s",
                 RC_SV_ARG(pair->name),
                 near.best.p ? "; did you mean '" : " (recourse config example lists them)",
                 RC_SV_ARG(near.best), near.best.p ? "'?" : "");
        return;
    }
    place.line = pair->value_at.line;
    place.column = pair->value_at.column;
    if (pair->list && setting->kind != SETTING_LIST)
        complain(&c->errors, &place, setting, RC_INVALID, "%s must be one value, not a list", setting->name);
    else
        take(c, setting,
             (struct setting_found){.source = SETTING_FILE,
                                    .text = pair->value,
                                    .n = pair->n,
                                    .line = pair->at.line,
                                    .column = pair->at.column},
             &place);
}

static int by_place(const void *a, const void *b)
{
    const struct rc_error *x = a, *y = b;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

static void read_file(struct configuration *c)
{
    struct rc_error err = {0};
    struct defs_file file;
    struct defs_pair *pairs;
    uint32_t n;
    enum rc_status status = defs_read_file(c->file, c->arena, &file, &err);
    if (status != RC_OK) {
        complain(&c->errors, &(struct place){.source = "settings"}, NULL, status, "%s", err.text);
        return;
    }
    status = defs_read_pairs(file, c->arena, &pairs, &n, &c->errors);
    if (status == RC_NOMEM) return;
    for (uint32_t i = 0; i < n; i++) take_pair(c, &pairs[i]);
    qsort(c->errors.error, c->errors.n, sizeof *c->errors.error, by_place);
}

void setting_variable(const struct setting *setting, char ret_text[SETTING_VARIABLE])
{
    int n = snprintf(ret_text, SETTING_VARIABLE, "RECOURSE_%s", setting->name);
    for (int i = 0; i < n && i < SETTING_VARIABLE - 1; i++)
        if (ret_text[i] >= 'a' && ret_text[i] <= 'z') ret_text[i] = (char)(ret_text[i] - 'a' + 'A');
}

static void read_environment(struct configuration *c)
{
    for (const struct setting *setting = settings_table; setting < settings_table + SETTINGS; setting++) {
        char name[SETTING_VARIABLE];
        setting_variable(setting, name);
        const char *value = getenv(name);
        if (value && *value)
            take_text(c, setting, SETTING_ENVIRONMENT, value, &(struct place){.source = name});
    }
}

/* A repeated flag: the last one counts, and of a list all of them. */
static void read_flags(struct configuration *c)
{
    for (const struct setting *setting = settings_table; setting < settings_table + SETTINGS; setting++) {
        struct rc_sv text[CLI_MAX_GIVEN];
        char name[SETTING_VARIABLE];
        unsigned at = 0;
        uint32_t n = 0;
        for (const char *value; (value = cli_each(c->flags, setting->flag, &at));)
            text[n++] = rc_sv_of(value);
        if (n == 0) continue;
        snprintf(name, sizeof name, "--%s", setting->flag);
        const struct place place = {.source = name};
        if (setting->kind == SETTING_LIST && n > 1) {
            struct rc_sv *copy = rc_copy(c->arena, text, n * sizeof *text);
            if (copy)
                take(c, setting, (struct setting_found){.source = SETTING_FLAG, .text = copy, .n = n},
                     &place);
            else
                complain(&c->errors, &place, setting, RC_NOMEM, "out of memory");
        } else {
            bool bare = setting->kind == SETTING_SWITCH;
            take_text(c, setting, SETTING_FLAG, bare ? "true" : cli_value(c->flags, setting->flag), &place);
        }
    }
}

/* ---- all of it */

enum rc_status settings_load(const struct cli_args *flags, const char *file, struct configuration *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->flags = flags;
    ret->arena = rc_arena_new(ARENA_FIRST, ARENA);
    if (!ret->arena) {
        complain(&ret->errors, &(struct place){.source = "settings"}, NULL, RC_NOMEM, "out of memory");
        return RC_NOMEM;
    }
    const char *given = file ? file : cli_value(flags, "config");
    if (!given) given = getenv("RECOURSE_CONFIG");
    if (given && *given) ret->file = given;
    read_defaults(ret);
    if (ret->file) read_file(ret);
    read_environment(ret);
    read_flags(ret);
    return ret->errors.n ? ret->errors.error[0].status : RC_OK;
}

void settings_close(struct configuration *c)
{
    rc_arena_free(c->arena);
    c->arena = NULL;
}

/* Bytes of a kind whose value is no pointer and may be copied from one configuration into another; 0: not so. */
static size_t plain_size(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_SPAN: return sizeof(SETTING_TYPE_SPAN);
    case SETTING_COUNT: return sizeof(SETTING_TYPE_COUNT);
    case SETTING_SIZE: return sizeof(SETTING_TYPE_SIZE);
    case SETTING_SWITCH: return sizeof(SETTING_TYPE_SWITCH);
    case SETTING_WORD: return sizeof(SETTING_TYPE_WORD);
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_LIST:
    case SETTING_ADDRESS: break;
    }
    return 0;
}

static bool same_text(const struct setting_found *a, const struct setting_found *b)
{
    if (a->n != b->n) return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!rc_sv_eq(a->text[i], b->text[i])) return false;
    return true;
}

void settings_reload(struct settings *settings, const struct configuration *old,
                     const struct configuration *fresh, void (*say)(const struct setting *, bool in_force))
{
    for (int i = 0; i < SETTINGS; i++) {
        const struct setting *setting = &settings_table[i];
        if (!setting->reload) {
            if (!same_text(&old->found[i], &fresh->found[i])) say(setting, false);
            continue;
        }
        size_t size = plain_size(setting->kind);
        assert(size); /* the table lets a setting be reloaded whose kind cannot be */
        void *now = (char *)settings + setting->offset;
        const void *then = (const char *)&fresh->values + setting->offset;
        if (memcmp(now, then, size) == 0) continue;
        memcpy(now, then, size);
        say(setting, true);
    }
}

static bool is_known_variable(const char *name, size_t n, struct rc_near *near)
{
    for (const struct cli_variable *variable = cli_variables; variable->name; variable++)
        if (strlen(variable->name) == n && memcmp(variable->name, name, n) == 0) return true;
    for (int i = 0; i < SETTINGS; i++) {
        char own[SETTING_VARIABLE];
        setting_variable(&settings_table[i], own);
        if (strlen(own) == n && memcmp(own, name, n) == 0) return true;
        rc_near_try(near, rc_sv_of(settings_table[i].name));
    }
    return false;
}

void settings_strangers(void (*say)(const char *variable, struct rc_sv near))
{
    static const char prefix[] = "RECOURSE_";
    for (char **entry = environ; entry && *entry; entry++) {
        const char *end = strchr(*entry, '=');
        if (!end || strncmp(*entry, prefix, sizeof prefix - 1) != 0) continue;
        size_t n = (size_t)(end - *entry);
        char name[SETTING_VARIABLE];
        struct rc_near near = {.wanted = {*entry + sizeof prefix - 1, (uint32_t)(n - (sizeof prefix - 1))}};
        if (is_known_variable(*entry, n, &near)) continue;
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), *entry);
        say(name, near.best);
    }
}
