/* What the doctor asks of files: the store, who may read what, the certificate, the definitions. */
#include "server/doctor.h"

#include "base/limits.h"
#include "engine/suspects.h"
#include "secure/tls.h"
#include "server/server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4200, CHECK_MIB = 1024 };

/* ---- the store ----------------------------------------------------------------------------------------- */

static void check_whole(struct doctor *d, uint64_t size)
{
    struct rc_error err = {0};
    unsigned long long mib = size >> 20;
    if (mib > CHECK_MIB && !cli_has(d->args, "deep")) {
        doctor_say(d, DOCTOR_OK, NULL, "%s was not read through: it has %llu MiB (--deep does it)", d->store,
                   mib);
        return;
    }
    struct rc_holdings holdings;
    enum rc_status status = rc_sqlite_check(d->store, &holdings, &err);
    if (status == RC_OK)
        doctor_say(d, DOCTOR_OK, NULL, "%s is whole (%llu MiB, %llu commands), and of this version's schema",
                   d->store, mib, (unsigned long long)holdings.commands);
    else
        doctor_say(d, DOCTOR_ERROR,
                   "stop the server, keep a copy of all files of the store, and restore the last backup into "
                   "a new one",
                   "%s", err.text);
}

static const char *advice_on(enum rc_status status)
{
    if (status == RC_NEWER) return "install the version of recourse that wrote it, or a later one";
    if (status == RC_UNSUPPORTED) return "start the server once: it brings the store to its own version";
    if (status == RC_DAMAGED)
        return "stop the server, keep a copy of all files of the store, and restore the last backup into a "
               "new one";
    return "run this as the user of the server";
}

/* Whether it waits for a person since it was restored. */
static void judge_hold(struct doctor *d)
{
    enum { FIRST = 4096, MOST = 64 << 10 };
    struct rc_error err = {0};
    struct rc_hold *holds = NULL;
    uint32_t n = 0;
    struct rc_arena *arena = rc_arena_new(FIRST, MOST);
    enum rc_status status =
        arena ? rc_read_holds(d->reader, arena, &holds, &n, &err) : rc_fail(&err, RC_NOMEM, "out of memory");
    if (status != RC_OK)
        doctor_say(d, DOCTOR_ERROR, "restore the last backup into a new store", "%s", err.text);
    else if (n && !holds[0].released)
        doctor_say(d, DOCTOR_WARNING, "look with `recourse hold show`, then `recourse hold release`",
                   "the store is held, and nothing leaves: %s", rc_held_word(holds[0].cause).text);
    rc_arena_free(arena);
}

/* What crashed the server again and again is not tried any more, until somebody says so. */
static void judge_suspects(struct doctor *d)
{
    struct rc_suspects page;
    char path[PATH], advice[DOCTOR_TEXT];
    unsigned n = 0;
    snprintf(path, sizeof path, "%.600s.suspects", d->store);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    bool whole = read(fd, &page, sizeof page) == (ssize_t)sizeof page && page.version == RC_SUSPECTS_VERSION;
    close(fd);
    for (unsigned i = 0; whole && i < RC_SUSPECTS; i++)
        n += page.suspect[i].unit && page.suspect[i].crashes >= RC_MAX_LOST;
    if (!n) return;
    snprintf(advice, sizeof advice,
             "report it, with the log; when its reason is mended, stop the server, remove %.400s and start "
             "the server: it is tried again",
             path);
    doctor_say(
        d, DOCTOR_WARNING, advice,
        "%u pieces of work crashed the server %d times each: requests among them are refused as `set-aside`",
        n, RC_MAX_LOST);
}

void doctor_store(struct doctor *d)
{
    struct rc_error err = {0};
    struct stat info;
    struct rc_high high;
    enum rc_status status = rc_sqlite_look(d->store, &d->reader, &err);
    if (status == RC_NOT_FOUND) {
        doctor_say(d, DOCTOR_OK, NULL, "%s is not there yet; the server makes it when it starts", d->store);
        return;
    }
    d->store_is_there = true;
    if (status != RC_OK) {
        d->reader = NULL;
        doctor_say(d, DOCTOR_ERROR, advice_on(status), "%s", err.text);
        return;
    }
    check_whole(d, stat(d->store, &info) == 0 ? (uint64_t)info.st_size : 0);
    if (rc_read_high(d->reader, &high, &err) == RC_OK)
        d->high_water = high.high_water;
    else
        doctor_say(d, DOCTOR_ERROR, "restore the last backup into a new store", "%s", err.text);
    judge_hold(d);
    judge_suspects(d);
}

/* ---- permissions --------------------------------------------------------------------------------------- */

/* Says what is wrong with who may do what to a file; whether something was. */
static bool judge_mode(struct doctor *d, const char *path, mode_t refused, enum doctor_level level,
                       const char *what)
{
    struct stat info;
    if (stat(path, &info) != 0 || !(info.st_mode & refused)) return false;
    char advice[DOCTOR_TEXT];
    snprintf(advice, sizeof advice, "chmod %s %.600s", refused & S_IROTH ? "o-rwx" : "o-w", path);
    doctor_say(d, level, advice, "%s: %s", path, what);
    return true;
}

static void judge_store(struct doctor *d)
{
    static const char *const suffix[] = {"", "-wal", ".reserve", ".suspects", ".lock", ".life"};
    char path[PATH];
    if (access(d->folder, R_OK | W_OK | X_OK) != 0)
        doctor_say(d, DOCTOR_ERROR,
                   "run this as the user of the server, and give it the directory of the store", "%s: %s",
                   d->folder, strerror(errno));
    struct stat info;
    if (stat(d->folder, &info) == 0 && info.st_mode & S_IWOTH && !(info.st_mode & S_ISVTX))
        doctor_say(d, DOCTOR_ERROR, "chmod o-w, or give the store a directory of its own",
                   "%s: everybody may rename and remove the store", d->folder);
    for (unsigned i = 0; d->store_is_there && i < sizeof suffix / sizeof *suffix; i++) {
        snprintf(path, sizeof path, "%s%s", d->store, suffix[i]);
        if (access(path, F_OK) != 0) continue;
        if (access(path, R_OK | W_OK) != 0)
            doctor_say(d, DOCTOR_ERROR,
                       "run this as the user of the server, and give it the files of the store", "%s: %s",
                       path, strerror(errno));
        else
            (void)judge_mode(d, path, S_IROTH | S_IWOTH, i < 2 ? DOCTOR_ERROR : DOCTOR_WARNING,
                             "everybody may read what people submitted, or write to it");
    }
}

static void judge_secret(struct doctor *d, const char *folder, const char *name)
{
    char path[PATH];
    struct stat info;
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof path || stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return;
    if (access(path, R_OK) != 0)
        doctor_say(d, DOCTOR_ERROR, "let the user of the server read it, and nobody else", "secret %s: %s",
                   path, strerror(errno));
    else if (!judge_mode(d, path, S_IROTH | S_IWOTH, DOCTOR_ERROR, "everybody may read this secret") &&
             info.st_size == 0)
        doctor_say(d, DOCTOR_WARNING, "write the secret into it", "secret %s is empty", path);
}

static void judge_secrets(struct doctor *d)
{
    struct rc_error err = {0};
    struct rc_secrets *secrets = NULL;
    const char *folder = d->settings->secrets;
    if (!folder) folder = getenv("CREDENTIALS_DIRECTORY");
    if (!folder) return;
    if (rc_secrets_open(folder, &secrets, &err) != RC_OK) {
        doctor_say(d, DOCTOR_ERROR, "the server does not start before this is mended", "%s", err.text);
        return;
    }
    rc_secrets_close(secrets);
    DIR *dir = opendir(folder);
    if (!dir) {
        doctor_say(d, DOCTOR_ERROR, "let the user of the server list it", "%s: %s", folder, strerror(errno));
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') judge_secret(d, folder, entry->d_name);
    closedir(dir);
}

/* Files that a setting names: there, readable, and nobody else's to write; a key nobody else's to read. */
static void judge_named(struct doctor *d, const struct setting *setting)
{
    const char *path = *(const char *const *)(const void *)((const char *)d->settings + setting->offset);
    struct stat info;
    bool key = rc_sv_ends(rc_sv_of(setting->name), RC_SV("_key"));
    if (!path) return;
    if (stat(path, &info) != 0 || access(path, R_OK) != 0)
        doctor_say(d, DOCTOR_ERROR, "name a file that the user of the server can read", "%s: %s: %s",
                   setting->name, path, strerror(errno));
    else
        (void)judge_mode(d, path, key ? S_IROTH | S_IWOTH : S_IWOTH, DOCTOR_ERROR,
                         key ? "everybody may read this key" : "everybody may change it");
}

void doctor_permissions(struct doctor *d)
{
    uint32_t n = d->n;
    judge_store(d);
    judge_secrets(d);
    for (int i = 0; i < SETTINGS; i++)
        if (settings_table[i].kind == SETTING_PATH && i != SETTING_ROW_store && i != SETTING_ROW_secrets)
            judge_named(d, &settings_table[i]);
    if (d->configuration->file)
        (void)judge_mode(d, d->configuration->file, S_IWOTH, DOCTOR_ERROR,
                         "everybody may change the settings");
    if (d->n == n) doctor_say(d, DOCTOR_OK, NULL, "store, secrets and files are nobody else's");
}

/* ---- certificate --------------------------------------------------------------------------------------- */

void doctor_certificate(struct doctor *d)
{
    enum { DAY_S = 86400, SOON_DAYS = 14 };
    const char *certificate = d->settings->tls_cert, *key = d->settings->tls_key;
    struct rc_tls *tls = NULL;
    struct rc_error err = {0};
    if (!certificate && !key) return;
    if (!certificate || !key) {
        doctor_say(d, DOCTOR_ERROR, "give both, or none", "%s is set, and %s is not",
                   key ? "tls_key" : "tls_cert", key ? "tls_cert" : "tls_key");
        return;
    }
    if (rc_tls_open(certificate, key, &tls, &err) != RC_OK) {
        doctor_say(d, DOCTOR_ERROR, "the server does not start before this is mended", "%s", err.text);
        return;
    }
    int64_t days = (rc_tls_expires(tls) - (int64_t)(rc_clock_wall() / RC_SECONDS(1))) / DAY_S;
    rc_tls_close(tls);
    if (days < SOON_DAYS)
        doctor_say(d, DOCTOR_WARNING, "renew it, and send the server SIGHUP", "%s ends in %lld days",
                   certificate, (long long)days);
    else
        doctor_say(d, DOCTOR_OK, NULL, "%s is good for %lld days", certificate, (long long)days);
}

/* ---- definitions --------------------------------------------------------------------------------------- */

static void keep_dependencies(struct doctor *d, const struct defs_one *one, uint32_t n)
{
    const struct flow_dependency **list = RC_NEW_ARRAY(d->arena, const struct flow_dependency *, n);
    d->ndependencies = 0;
    for (uint32_t i = 0; list && i < n; i++)
        if (one[i].dependency) list[d->ndependencies++] = one[i].dependency;
    d->dependency = list;
}

static void load_directory(struct doctor *d)
{
    struct defs_file *files = NULL;
    struct defs_one *one = NULL;
    struct defs_errors *errors = RC_NEW(d->arena, struct defs_errors);
    struct rc_error err = {0};
    const char *folder = d->settings->defs;
    uint32_t n = 0;
    if (!errors) return;
    enum rc_status status = defs_read_dir(folder, d->arena, &files, &n, &err);
    if (status != RC_OK) {
        doctor_say(d, DOCTOR_ERROR, "the server does not start before this is mended", "%s", err.text);
        return;
    }
    const struct defs_beside beside = {.has_floor = true,
                                       .programs = d->settings->allow_program.text,
                                       .nprograms = d->settings->allow_program.n};
    status = defs_load_beside(files, n, &beside, d->arena, &one, &n, errors);
    for (uint32_t i = 0; i < errors->n; i++)
        doctor_say(d, DOCTOR_ERROR, "the server does not start before this is mended", "%s/%s:%u:%u: %s",
                   folder, errors->error[i].source, errors->error[i].line, errors->error[i].column,
                   errors->error[i].text);
    if (status != RC_OK) return;
    doctor_say(d, DOCTOR_OK, NULL, "%u in %s can be used", n, folder);
    keep_dependencies(d, one, n);
}

void doctor_definitions(struct doctor *d)
{
    struct rc_error err = {0};
    const struct flow_set *set = NULL;
    if (d->reader && definitions_load(d->reader, d->arena, &set, &err) != RC_OK)
        doctor_say(d, DOCTOR_ERROR, "install the version of recourse that stored it, or a later one", "%s",
                   err.text);
    else if (set)
        doctor_say(d, DOCTOR_OK, NULL, "%u flows and %u dependencies are in force in the store", set->nactive,
                   set->ndependencies);
    if (set) {
        d->dependency = set->dependencies;
        d->ndependencies = set->ndependencies;
    }
    if (d->settings->defs) load_directory(d);
    if (!d->reader && !d->settings->defs)
        doctor_say(d, DOCTOR_OK, NULL, "there are none yet (recourse apply DIR)");
}
