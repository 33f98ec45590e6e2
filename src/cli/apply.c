/* recourse apply: reads a directory, shows what would change, and then changes it. */
#include "cli/run.h"

#include "base/limits.h"

#include <dirent.h>
#include <stdlib.h>

struct names {
    struct rc_sv *name;
    uint32_t n;
};

static int by_name(const void *a, const void *b)
{
    return rc_sv_cmp(*(const struct rc_sv *)a, *(const struct rc_sv *)b);
}

static bool is_definition(struct rc_sv name)
{
    return name.n && name.p[0] != '.' &&
           (rc_sv_ends(name, RC_SV(".yaml")) || rc_sv_ends(name, RC_SV(".yml")));
}

static int no_memory(void)
{
    fputs("recourse: out of memory\n", stderr);
    return CLI_ERROR;
}

static int read_names(struct cli *cli, const char *path, struct names *ret)
{
    DIR *dir = opendir(path);
    if (!dir) return cli_no_file(path);
    int fault = CLI_OK;
    ret->name = RC_NEW_ARRAY(cli->arena, struct rc_sv, RC_MAX_DEF_FILES);
    if (!ret->name) fault = no_memory();
    for (struct dirent *entry; fault == CLI_OK && (entry = readdir(dir));) {
        struct rc_sv name = rc_sv_of(entry->d_name);
        if (!is_definition(name)) continue;
        if (ret->n == RC_MAX_DEF_FILES) {
            fprintf(stderr, "recourse: %s holds more than %d definitions\n", path, RC_MAX_DEF_FILES);
            fault = CLI_REFUSED;
        } else {
            ret->name[ret->n] = rc_copy_sv(cli->arena, name);
            if (!ret->name[ret->n++].p) fault = no_memory();
        }
    }
    closedir(dir);
    if (fault == CLI_OK && ret->n == 0) {
        fprintf(stderr, "recourse: %s holds no definitions (*.yaml, *.yml)\n", path);
        fault = CLI_ERROR;
    }
    if (fault == CLI_OK) qsort(ret->name, ret->n, sizeof *ret->name, by_name);
    return fault;
}

static int put_files(struct cli *cli, const char *path, const struct names *names, struct rc_json *json)
{
    rc_json_array(json, "files");
    for (uint32_t i = 0; i < names->n; i++) {
        struct rc_sv text, file = rc_text(cli->arena, "%s/%.*s", path, RC_SV_ARG(names->name[i]));
        if (!file.p) return no_memory();
        int fault = cli_read_file(cli->arena, file.p, &text);
        if (fault != CLI_OK) return fault;
        rc_json_object(json, NULL);
        rc_json_sv(json, "source", names->name[i]);
        rc_json_sv(json, "text", text);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
    return CLI_OK;
}

static int send_files(struct cli *cli, const struct names *names, bool dry_run, struct cli_reply *reply)
{
    struct rc_buf buf;
    struct rc_json json = cli_body(cli, &buf);
    int fault = put_files(cli, cli->args->operand[0], names, &json);
    if (fault != CLI_OK) return fault;
    rc_json_bool(&json, "dry_run", dry_run);
    rc_json_bool(&json, "prune", cli_has(cli->args, "prune"));
    if (cli_actor(cli)) rc_json_text(&json, "actor", cli_actor(cli));
    if (cli_has(cli->args, "reason")) rc_json_text(&json, "reason", cli_value(cli->args, "reason"));
    rc_json_end_object(&json);
    return cli_post(cli, reply, "/v1/definitions", &buf, NULL);
}

static void put_diff(struct screen *screen, struct rc_sv diff)
{
    while (diff.n) {
        const char *end = memchr(diff.p, '\n', diff.n);
        struct rc_sv line = {diff.p, end ? (uint32_t)(end - diff.p) : diff.n};
        uint32_t skip = end ? line.n + 1 : line.n;
        char first = line.n ? line.p[0] : ' ';
        screen_tint(screen, first == '+' ? TINT_GOOD : first == '-' ? TINT_BAD : TINT_DIM);
        fputs("    ", screen->out);
        screen_sv(screen, line);
        screen_tint(screen, TINT_NONE);
        fputc('\n', screen->out);
        diff = (struct rc_sv){diff.p + skip, diff.n - skip};
    }
}

static void put_plan(struct cli *cli, const struct cel_value *body)
{
    struct screen *screen = &cli->screen;
    struct cel_value changes = cli_member(body, "changes");
    for (uint32_t i = 0; changes.kind == CEL_LIST && i < changes.n; i++) {
        const struct cel_value *one = &changes.v.items[i];
        struct rc_sv word = cli_text(one, "change");
        if (rc_sv_is(word, "keep")) continue;
        screen_tint(screen, rc_sv_is(word, "add")      ? TINT_GOOD
                            : rc_sv_is(word, "remove") ? TINT_BAD
                                                       : TINT_WARN);
        screen_cell(screen, word, 8, true);
        screen_tint(screen, TINT_NONE);
        screen_sv(screen, cli_text(one, "kind"));
        fputc(' ', screen->out);
        screen_sv(screen, cli_text(one, "name"));
        fputc('\n', screen->out);
        put_diff(screen, cli_text(one, "diff"));
    }
    fprintf(screen->out, "%llu to add, %llu to change, %llu to remove, %llu unchanged\n",
            (unsigned long long)cli_number(body, "added"), (unsigned long long)cli_number(body, "changed"),
            (unsigned long long)cli_number(body, "removed"), (unsigned long long)cli_number(body, "kept"));
}

int cli_run_apply(struct cli *cli, const struct cli_args *args)
{
    struct names names = {0};
    struct cli_reply reply;
    int fault = read_names(cli, args->operand[0], &names);
    if (fault == CLI_OK) fault = send_files(cli, &names, true, &reply);
    if (fault != CLI_OK) return fault;
    const struct cel_value *body = &reply.answer.body;
    bool dry = cli_has(args, "dry-run");
    bool work = cli_number(body, "added") + cli_number(body, "changed") + cli_number(body, "removed") != 0;
    if (!cli->json && !cli->quiet) put_plan(cli, body);
    if (!dry && work) {
        if (cli_number(body, "removed") && !cli_confirm(cli, "take these out of force?")) {
            fputs("nothing was done\n", stderr);
            return CLI_DECLINED;
        }
        fault = send_files(cli, &names, false, &reply);
        if (fault != CLI_OK) return fault;
        if (!cli->json && !cli->quiet) fputs("applied\n", cli->screen.out);
    }
    if (cli->json) cli_put_raw(cli, &reply);
    return CLI_OK;
}
