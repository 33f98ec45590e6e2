/* Talking to the server, and to the person about what it said. */
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_TOKEN = 255, MAX_BODY = 2 << 20, READ_FIRST = 16 << 10 };

/* ---- values -------------------------------------------------------------------------------------------- */

struct cel_value cli_member(const struct cel_value *object, const char *name)
{
    const struct cel_value *value = cel_map_get(object, name);
    return value ? *value : cel_null();
}

struct rc_sv cli_text(const struct cel_value *object, const char *name)
{
    struct cel_value value = cli_member(object, name);
    return value.kind == CEL_STRING ? cel_text(value) : (struct rc_sv){0};
}

bool cli_bool(const struct cel_value *object, const char *name)
{
    struct cel_value value = cli_member(object, name);
    return value.kind == CEL_BOOL && value.v.b;
}

uint64_t cli_number(const struct cel_value *object, const char *name)
{
    struct cel_value value = cli_member(object, name);
    return value.kind == CEL_INT && value.v.i > 0 ? (uint64_t)value.v.i : 0;
}

/* ---- errors -------------------------------------------------------------------------------------------- */

/* Scripts look at these; `recourse help` lists them. They follow from the HTTP status of the code. */
int cli_exit_of(enum rc_status status)
{
    if (status == RC_OK) return CLI_OK;
    switch (rc_status_http(status)) {
    case 400:
    case 401:
    case 403:
    case 409:
    case 412:
    case 413:
    case 414:
    case 417:
    case 422:
    case 431: return CLI_REFUSED;
    case 404:
    case 410: return CLI_NOT_FOUND;
    case 408: return CLI_UNREACHABLE;
    case 429: return rc_status_retryable(status) ? CLI_UNREACHABLE : CLI_REFUSED;
    case 502:
    case 503:
    case 507: return CLI_UNREACHABLE;
    default: return CLI_ERROR; /* neither the person nor time can mend it */
    }
}

/* What the problem's detail has said already: of one mistake in what was sent. */
static bool is_said(const struct cel_value *problem, struct cel_value errors)
{
    const struct cel_value *first = errors.kind == CEL_LIST && errors.n == 1 ? &errors.v.items[0] : NULL;
    if (!first || !cli_text(first, "pointer").n || cli_text(first, "source").n) return false;
    struct rc_sv all = cli_text(problem, "detail"), one = cli_text(first, "detail");
    if (!one.n) return true;
    return all.n >= one.n && rc_sv_eq((struct rc_sv){all.p + (all.n - one.n), one.n}, one);
}

static void put_errors(struct screen *screen, const struct cel_value *problem)
{
    struct cel_value errors = cli_member(problem, "errors");
    if (is_said(problem, errors)) return;
    for (uint32_t i = 0; errors.kind == CEL_LIST && i < errors.n; i++) {
        const struct cel_value *one = &errors.v.items[i];
        struct rc_sv source = cli_text(one, "source"), pointer = cli_text(one, "pointer");
        fputs("  ", screen->out);
        if (source.n) {
            screen_sv(screen, source);
            if (cli_number(one, "line"))
                fprintf(screen->out, ":%llu:%llu", (unsigned long long)cli_number(one, "line"),
                        (unsigned long long)cli_number(one, "column"));
            fputs(": ", screen->out);
        } else if (pointer.n) {
            screen_sv(screen, pointer);
            fputs(": ", screen->out);
        }
        screen_sv(screen, cli_text(one, "detail"));
        fputc('\n', screen->out);
    }
}

int cli_fail(struct cli *cli, const struct cli_reply *reply, const struct rc_error *err)
{
    struct screen screen;
    screen_open(&screen, stderr);
    if (cli->json) {
        if (reply && reply->answer.body.kind == CEL_MAP) /* the server's problem as it came */
            fprintf(stderr, "%.*s\n", RC_SV_ARG(reply->answer.text));
        else
            cli_put_json_error(err);
        return cli_exit_of(err->status);
    }
    fprintf(stderr, "recourse: %s: ", rc_status_text(err->status));
    screen_sv(&screen, rc_sv_of(err->text));
    fputc('\n', stderr);
    if (reply && reply->answer.body.kind == CEL_MAP) {
        struct rc_sv command = cli_text(&reply->answer.body, "command");
        put_errors(&screen, &reply->answer.body);
        if (command.n) {
            const char *slash = memrchr(command.p, '/', command.n);
            struct rc_sv id =
                slash ? (struct rc_sv){slash + 1, (uint32_t)(command.p + command.n - slash - 1)} : command;
            fputs("  the first one: recourse show ", stderr);
            screen_sv(&screen, id);
            fputc('\n', stderr);
        }
    }
    if (err->status == RC_UNAUTHENTICATED)
        fputs("  --token-file FILE or $RECOURSE_TOKEN gives a token; an admin makes one with `recourse token "
              "create`\n",
              stderr);
    if (err->status == RC_FORBIDDEN)
        fputs("  `recourse whoami` says who you are and what you may do\n", stderr);
    if (err->status == RC_UNREACHABLE)
        fputs("  is it running? `recourse serve` starts it; --server or RECOURSE_SERVER says where it is\n",
              stderr);
    return cli_exit_of(err->status);
}

int cli_usage(struct cli *cli, const char *format, ...)
{
    char text[SCREEN_LINE / 2]; /* what is wrong may be a text of any length */
    struct screen screen;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    screen_open(&screen, stderr);
    screen_line(&screen, "recourse %s: %s (recourse help %s)", cli->args->command->name, text,
                cli->args->command->name);
    return CLI_USAGE;
}

int cli_no_file(const char *path)
{
    const char *why = strerror(errno);
    struct screen screen;
    screen_open(&screen, stderr);
    screen_line(&screen, "recourse: %s: %s", path, why);
    return CLI_ERROR;
}

/* ---- calls --------------------------------------------------------------------------------------------- */

/* The token from the file or the environment: never from the command line, which every process can see. */
static enum rc_status read_token(const struct cli_args *args, struct rc_arena *arena,
                                 char ret_token[MAX_TOKEN + 1], struct rc_error *err)
{
    const char *path = cli_value(args, "token-file"), *given = getenv("RECOURSE_TOKEN");
    struct rc_sv text = rc_sv_of(given);
    struct stat file;
    if (path && cli_read_file(arena, path, &text) != CLI_OK)
        return rc_fail(err, RC_INVALID, "the token cannot be read");
    if (path && stat(path, &file) == 0 && S_ISREG(file.st_mode) && file.st_mode & (S_IRGRP | S_IROTH))
        fprintf(stderr, "recourse: %s can be read by others: chmod 600 %s\n", path, path);
    while (text.n && (unsigned char)text.p[text.n - 1] <= ' ') text.n--;
    if (text.n > MAX_TOKEN || (path && !text.n))
        return rc_fail(err, RC_INVALID, "the token file holds no token");
    if (text.n) memcpy(ret_token, text.p, text.n);
    ret_token[text.n] = 0;
    return RC_OK;
}

static enum rc_status open_with(const struct cli_args *args, unsigned timeout_ms, struct rc_arena *arena,
                                struct rc_client **ret, struct rc_error *err)
{
    char token[MAX_TOKEN + 1] = "";
    const char *ns = cli_value(args, "namespace");
    enum rc_status status = read_token(args, arena, token, err);
    const struct rc_client_options options = {.server = cli_server(args),
                                              .ca = cli_first_of(cli_value(args, "ca"), "RECOURSE_CA", NULL),
                                              .timeout_ms = timeout_ms,
                                              .token = token,
                                              .ns = ns ? ns : getenv("RECOURSE_NAMESPACE")};
    if (status == RC_OK) status = rc_client_open(&options, ret, err);
    explicit_bzero(token, sizeof token);
    return status;
}

enum rc_status cli_open_client(const struct cli_args *args, struct rc_arena *arena, struct rc_client **ret,
                               struct rc_error *err)
{
    return open_with(args, 0, arena, ret, err);
}

static enum rc_status open_client(struct cli *cli, struct rc_error *err)
{
    return open_with(cli->args, cli->timeout_ms, cli->arena, &cli->client, err);
}

enum rc_status cli_follow(struct cli *cli, const char *path, rc_client_take *take, void *context,
                          struct rc_error *err)
{
    enum rc_status status = cli->client ? RC_OK : open_client(cli, err);
    return status == RC_OK ? rc_client_follow(cli->client, path, take, context, cli->arena, err) : status;
}

/* A part of it may have come with an answer: an id that is none, and would begin another line of the request. */
static bool is_path(const char *path)
{
    while (*path > ' ' && *path < 0x7f) path++;
    return !*path;
}

enum rc_status cli_ask(struct cli *cli, struct cli_reply *ret, const char *method, const char *path,
                       struct rc_sv body, const char *etag, struct rc_error *err)
{
    *ret = (struct cli_reply){.answer.body = cel_null()};
    if (!is_path(path))
        return ret->status = rc_fail(err, RC_INVALID, "the server named what can be no address");
    if (!cli->client) {
        ret->status = open_client(cli, err);
        if (ret->status != RC_OK) return ret->status;
    }
    const struct rc_client_call call = {.method = method, .path = path, .body = body, .etag = etag};
    ret->status = rc_client_do(cli->client, &call, cli->arena, &ret->answer, err);
    cli->held |= ret->answer.held;
    return ret->status;
}

int cli_get(struct cli *cli, struct cli_reply *ret, const char *format, ...)
{
    struct rc_error err = {0};
    char path[CLI_MAX_PATH];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(path, sizeof path, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof path) return cli_usage(cli, "what is asked for is too long");
    enum rc_status status = cli_ask(cli, ret, "GET", path, (struct rc_sv){0}, NULL, &err);
    return status == RC_OK ? CLI_OK : cli_fail(cli, ret, &err);
}

int cli_post(struct cli *cli, struct cli_reply *ret, const char *path, const struct rc_buf *body,
             const char *etag)
{
    struct rc_error err = {0};
    *ret = (struct cli_reply){.answer.body = cel_null()};
    enum rc_status status =
        body->status == RC_OK ? cli_ask(cli, ret, "POST", path, rc_buf_sv(body), etag, &err)
                              : rc_fail(&err, body->status, "the request is larger than %d bytes", MAX_BODY);
    return status == RC_OK ? CLI_OK : cli_fail(cli, ret, &err);
}

int cli_post_lines(struct cli *cli, struct cli_reply *ret, const char *path, const struct rc_buf *body)
{
    struct rc_error err = {0};
    *ret = (struct cli_reply){.answer.body = cel_null()};
    const struct rc_client_call call = {
        .method = "POST", .path = path, .body = rc_buf_sv(body), .lines = true};
    if (body->status != RC_OK)
        ret->status = rc_fail(&err, body->status, "the request is too large");
    else
        ret->status = cli->client ? RC_OK : open_client(cli, &err);
    if (ret->status == RC_OK) ret->status = rc_client_do(cli->client, &call, cli->arena, &ret->answer, &err);
    cli->held |= ret->answer.held;
    return ret->status == RC_OK ? CLI_OK : cli_fail(cli, ret, &err);
}

int cli_send(struct cli *cli, struct cli_reply *ret, const char *method, const char *path,
             const struct rc_buf *body)
{
    struct rc_error err = {0};
    struct rc_sv text = body ? rc_buf_sv(body) : (struct rc_sv){0};
    *ret = (struct cli_reply){.answer.body = cel_null()};
    enum rc_status status = body && body->status != RC_OK
                                ? rc_fail(&err, body->status, "the request is larger than %d bytes", MAX_BODY)
                                : cli_ask(cli, ret, method, path, text, NULL, &err);
    return status == RC_OK ? CLI_OK : cli_fail(cli, ret, &err);
}

void cli_put_raw(struct cli *cli, const struct cli_reply *reply)
{
    (void)fwrite(reply->answer.text.p, 1, reply->answer.text.n, cli->screen.out);
    fputc('\n', cli->screen.out);
}

struct rc_json cli_body(struct cli *cli, struct rc_buf *buf)
{
    *buf = rc_buf_in(cli->arena, MAX_BODY);
    struct rc_json json = {.buf = buf};
    rc_json_object(&json, NULL);
    return json;
}

/* ---- files and people ---------------------------------------------------------------------------------- */

static int read_fd(struct rc_arena *arena, int fd, const char *path, struct rc_sv *ret)
{
    struct rc_buf buf = rc_buf_in(arena, CLI_MAX_INPUT);
    char chunk[READ_FIRST];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return cli_no_file(path);
        if (n == 0) break;
        rc_put(&buf, (struct rc_sv){chunk, (uint32_t)n});
    }
    if (buf.status != RC_OK) {
        fprintf(stderr, "recourse: %s is larger than %d bytes\n", path, CLI_MAX_INPUT);
        return CLI_REFUSED;
    }
    *ret = buf.p ? rc_buf_sv(&buf) : RC_SV("");
    return CLI_OK;
}

int cli_read_file(struct rc_arena *arena, const char *path, struct rc_sv *ret)
{
    if (strcmp(path, "-") == 0) return read_fd(arena, STDIN_FILENO, "standard input", ret);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cli_no_file(path);
    int fault = read_fd(arena, fd, path, ret);
    close(fd);
    return fault;
}

bool cli_confirm(struct cli *cli, const char *question)
{
    if (cli->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) return true;
    char line[64];
    fprintf(stderr, "%s [y/N] ", question);
    if (!fgets(line, sizeof line, stdin)) return false;
    return line[0] == 'y' || line[0] == 'Y';
}
