/* What the command line makes of a server's answers, whatever they are. The input: the words of the command line, one a line; then, each
 * after a line "====", what the server answers to one call after the other: a line "STATUS [ETAG]" and the body. Of a stream the body is
 * events, "TYPE DATA" one a line. A server that has no more to say is gone.
 *
 * Whatever it is: the exit code is one that scripts know, and nothing that was said can move the cursor or change colours. With --json
 * the answer is printed as it came: it is JSON, so no control character stands in it but white space. */
#include "fuzz.h"

#include "base/limits.h"
#include "base/num.h"
#include "base/utf8.h"
#include "cli/run.h"
#include "codec/json.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WORDS = 24, WORD = 256, OUTPUT = 4 << 20 };

/* ---- the client: takes the place of client/client.c, where no network is --------------------------------------------- */

struct rc_client {
    int unused;
};

static struct rc_sv left; /* what the server has still to say */
static bool said;         /* it has something */

enum rc_status rc_client_open(const struct rc_client_options *options, struct rc_client **ret,
                              struct rc_error *err)
{
    (void)err;
    FUZZ_LAW(options->server != NULL);
    *ret = calloc(1, sizeof **ret);
    return *ret ? RC_OK : RC_NOMEM;
}

void rc_client_close(struct rc_client *client)
{
    free(client);
}

static bool next_answer(struct rc_sv *ret_head, struct rc_sv *ret_body)
{
    if (!said) return false;
    *ret_body = fuzz_part(&left, "====");
    said = left.n > 0;
    *ret_head = fuzz_line(ret_body);
    return true;
}

static enum rc_status status_of(int http)
{
    if (http >= 200 && http < 300) return RC_OK;
    for (unsigned i = 1; i < RC_STATUS_COUNT; i++)
        if (rc_status_http((enum rc_status)i) == http) return (enum rc_status)i;
    return RC_BUG;
}

static struct rc_sv word_of(struct rc_sv *io_line)
{
    const char *blank = io_line->n ? memchr(io_line->p, ' ', io_line->n) : NULL;
    struct rc_sv word = {io_line->p, blank ? (uint32_t)(blank - io_line->p) : io_line->n};
    uint32_t eaten = word.n + (blank != NULL);
    *io_line = (struct rc_sv){io_line->p + eaten, io_line->n - eaten};
    return word;
}

/* As client.h says: RC_OK only for 2xx, and a problem gives its own status. */
static enum rc_status answer(bool lines, struct rc_arena *arena, struct rc_client_answer *ret,
                             struct rc_error *err)
{
    struct rc_sv head, body;
    uint64_t status = 0;
    *ret = (struct rc_client_answer){.body = cel_null()};
    if (!next_answer(&head, &body)) return rc_fail(err, RC_NOT_FOUND, "the server is gone");
    if (!rc_parse_u64(word_of(&head), &status) || status < 200 || status > 599)
        return rc_fail(err, RC_UNREACHABLE, "no answer");
    ret->status = (int)status;
    ret->text = rc_copy_sv(arena, body);
    snprintf(ret->etag, sizeof ret->etag, "%.*s", RC_SV_ARG(head));
    bool json = ret->text.n && (ret->text.p[0] == '{' || ret->text.p[0] == '[');
    if (!json || rc_json_parse_within(ret->text, 2 * RC_MAX_JSON_DEPTH, arena, &ret->body, NULL) != RC_OK)
        ret->body = cel_null();
    if (status_of(ret->status) == RC_OK && (lines || !ret->text.n || ret->body.kind != CEL_NULL))
        return RC_OK;
    if (status_of(ret->status) == RC_OK) return rc_fail(err, RC_UNREACHABLE, "no JSON");
    struct rc_sv detail = cli_text(&ret->body, "detail");
    return rc_fail(err, status_of(ret->status), "%.*s", RC_SV_ARG(detail));
}

enum rc_status rc_client_do(struct rc_client *client, const struct rc_client_call *call,
                            struct rc_arena *arena, struct rc_client_answer *ret, struct rc_error *err)
{
    struct cel_value sent;
    FUZZ_LAW(client && call->method && call->path[0] == '/');
    for (const char *p = call->path; *p; p++) FUZZ_LAW(*p > ' ' && *p < 0x7f);
    if (call->body.n && !call->lines) FUZZ_LAW(rc_json_parse(call->body, arena, &sent, NULL) == RC_OK);
    enum rc_status status = answer(call->lines, arena, ret, err);
    if (call->lines) ret->body = cel_null();
    return status;
}

enum rc_status rc_client_follow(struct rc_client *client, const char *path, rc_client_take *take,
                                void *context, struct rc_arena *arena, struct rc_error *err)
{
    struct rc_client_answer got;
    FUZZ_LAW(client && path[0] == '/');
    enum rc_status status = answer(true, arena, &got, err);
    if (status != RC_OK) return status;
    for (struct rc_sv rest = got.text; rest.n;) {
        struct rc_sv line = fuzz_line(&rest);
        struct rc_client_event event = {.id = RC_SV("7"), .type = word_of(&line), .data = line};
        if (!take(context, &event)) return RC_OK;
    }
    return RC_OK;
}

struct rc_sv rc_client_escape(struct rc_arena *arena, struct rc_sv text)
{
    char *p = rc_alloc_text(arena, (size_t)text.n * 3 + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; p && i < text.n; i++)
        n += (uint32_t)snprintf(p + n, 4, "%%%02X", (unsigned)(unsigned char)text.p[i]);
    return p ? (struct rc_sv){p, n} : (struct rc_sv){0};
}

/* Nobody waits here. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc names them with underscores */
int nanosleep(const struct timespec *time, struct timespec *left_over)
{
    (void)time, (void)left_over;
    return 0;
}

/* ---- the program ------------------------------------------------------------------------------------------------------ */

static int nothing(const struct cli_args *args)
{
    (void)args;
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    static const struct cli_program programs[] = {
        {"serve", nothing},   {"config", nothing}, {"doctor", nothing}, {"eval", nothing},
        {"audit", nothing},   {"backup", nothing}, {"export", nothing}, {"import", nothing},
        {"restore", nothing}, {"token", nothing},  {NULL, NULL}};
    static const struct cli_host host = {.version = "0", .programs = programs};
    return cli_main(argc, argv, &host);
}

/* Colours are off where no terminal is; so the only control character of ours is the end of a line. */
static void output_laws(const char *text, size_t n, bool json)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        FUZZ_LAW((c >= ' ' && (json || c != 0x7f)) || c == '\n' || c == '\t' || c == '\r');
        if (json) continue; /* it may hold these as they are */
        FUZZ_LAW(!(c == 0xc2 && i + 1 < n && (unsigned char)text[i + 1] < 0xa0)); /* U+0080 to U+009F */
    }
}

/* One generated text of our own (manual, completion) holds what it wants. */
static bool is_page(const struct cli_args *args)
{
    return args->command &&
           (strcmp(args->command->name, "man") == 0 || strcmp(args->command->name, "completion") == 0);
}

/* A command whose words name a file would read it. */
static bool reads_files(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '@' || strchr(argv[i], '/') || strchr(argv[i], '.')) return true;
    return false;
}

static int run_silently(int argc, char **argv, char *ret_text, size_t *ret_n)
{
    FILE *out = fmemopen(ret_text, OUTPUT, "w"), *before = stdout, *errors = stderr;
    FUZZ_LAW(out != NULL);
    stdout = stderr = out;
    int code = run(argc, argv);
    stdout = before;
    stderr = errors;
    (void)fflush(out);
    long n = ftell(out);
    *ret_n = n > 0 ? (size_t)n : 0;
    (void)fclose(out);
    return code;
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    static char text[WORDS][WORD], output[OUTPUT];
    static bool ready;
    char *argv[WORDS + 1] = {NULL};
    struct cli_args args = {0};
    size_t n = 0;
    int argc = 1;
    (void)arena;
    if (!ready) {
        FUZZ_LAW(freopen("/dev/null", "r", stdin) && setenv("TZ", "UTC", 1) == 0 &&
                 setenv("COLUMNS", "100", 1) == 0);
        ready = true;
    }
    struct rc_sv words = fuzz_part(&input, "====");
    snprintf(text[0], WORD, "recourse");
    argv[0] = text[0];
    for (; words.n && argc < WORDS; argc++) {
        struct rc_sv word = fuzz_line(&words);
        snprintf(text[argc], WORD, "%.*s", RC_SV_ARG(word));
        for (char *c = text[argc]; *c; c++)
            if (*c < ' ' || *c == 0x7f) *c = '?'; /* what a person writes here comes back as it was */
        argv[argc] = text[argc];
    }
    if (reads_files(argc, argv)) return;
    left = input;
    said = input.n > 0;
    int code = run_silently(argc, argv, output, &n);
    FUZZ_LAW(code >= CLI_OK && code < CLI_EXITS);
    if (code != CLI_USAGE && cli_parse(argc, argv, &args) == CLI_OK && !is_page(&args))
        output_laws(output, n, cli_has(&args, "json"));
}
