/* recourse batch: many submissions, one JSON object a line, sent in parts. What the server says of each line is printed in order.
 * Safe to repeat: a line that was taken is the same command when it comes again. */
#include "cli/run.h"

#include "base/limits.h"
#include "codec/json.h"

#include <stdlib.h>

enum { PART_BYTES = 512 << 10 };

struct batch {
    struct cli *cli;
    FILE *in;
    const char *name; /* of the input, for messages */
    char *line;       /* read and not sent yet */
    size_t cap;
    ssize_t n;                /* of it; less than 0: the end */
    unsigned long read, told; /* lines */
    unsigned long refused;
    unsigned long at[RC_MAX_BATCH]; /* where those of the part stand in the input, empty ones counted */
};

/* The next line that is not empty. False at the end. */
static bool read_line(struct batch *batch)
{
    do {
        batch->n = getline(&batch->line, &batch->cap, batch->in);
        if (batch->n < 0) return false;
        batch->read++;
        while (batch->n > 0 && (batch->line[batch->n - 1] == '\n' || batch->line[batch->n - 1] == '\r'))
            batch->n--;
    } while (batch->n == 0);
    return true;
}

/* As many lines as one request may have; batch->line is the first one of the next part then. */
static uint32_t gather(struct batch *batch, struct rc_buf *part)
{
    uint32_t lines = 0;
    while (batch->n >= 0 && lines < RC_MAX_BATCH && (lines == 0 || part->n + (size_t)batch->n < PART_BYTES)) {
        rc_put(part, (struct rc_sv){batch->line, (uint32_t)batch->n});
        rc_put_char(part, '\n');
        batch->at[lines++] = batch->read;
        if (!read_line(batch)) break;
    }
    return lines;
}

static void tell_line(struct batch *batch, unsigned long number, struct rc_sv text)
{
    struct cli *cli = batch->cli;
    struct screen *screen = &cli->screen;
    struct rc_error ignored;
    struct cel_value answer = cel_null();
    batch->told++;
    bool json = rc_json_parse_within(text, 2 * RC_MAX_JSON_DEPTH, cli->arena, &answer, &ignored) == RC_OK;
    if (!json) answer = cel_null();
    struct cel_value command = cli_member(&answer, "command"), problem = cli_member(&answer, "problem");
    bool taken = command.kind == CEL_MAP;
    batch->refused += !taken;
    if (cli->json && json) {
        (void)fwrite(text.p, 1, text.n, screen->out);
    } else if (cli->quiet) {
        screen_sv(screen, taken ? cli_text(&command, "id") : RC_SV("-"));
    } else if (taken) {
        screen_sv(screen, cli_text(&command, "id"));
        fputs(cli_number(&answer, "status") == 200 ? "  was there already: " : "  ", screen->out);
        screen_sv(screen, cli_text(&command, "display"));
    } else {
        fprintf(screen->out, "%lu: refused: ", number);
        screen_sv(screen, cli_text(&problem, "detail"));
    }
    fputc('\n', screen->out);
}

static int not_all(const struct batch *batch, int fault)
{
    fprintf(stderr, "recourse: of %s, %lu lines were answered; the rest can be sent again\n", batch->name,
            batch->told);
    return fault;
}

static int send_part(struct batch *batch, const struct rc_buf *part, uint32_t lines)
{
    struct cli_reply reply;
    int fault = cli_post_lines(batch->cli, &reply, "/v1/commands/batch", part);
    if (fault != CLI_OK) return not_all(batch, fault);
    struct rc_sv rest = reply.answer.text;
    for (uint32_t i = 0; i < lines; i++) {
        if (!rest.n) return not_all(batch, CLI_UNREACHABLE); /* nobody knows of the others */
        const char *end = memchr(rest.p, '\n', rest.n);
        struct rc_sv line = {rest.p, end ? (uint32_t)(end - rest.p) : rest.n};
        uint32_t skip = end ? line.n + 1 : line.n;
        rest = (struct rc_sv){rest.p + skip, rest.n - skip};
        tell_line(batch, batch->at[i], line);
    }
    return CLI_OK;
}

static int send_all(struct batch *batch)
{
    int fault = CLI_OK;
    bool more = read_line(batch);
    while (fault == CLI_OK && more) {
        if (batch->n > RC_MAX_BODY) {
            fprintf(stderr, "recourse: %s, line %lu: longer than %d bytes\n", batch->name, batch->read,
                    RC_MAX_BODY);
            return CLI_REFUSED;
        }
        struct rc_buf part = rc_buf_in(batch->cli->arena, 2 * RC_MAX_BODY);
        uint32_t lines = gather(batch, &part);
        more = batch->n >= 0;
        fault = send_part(batch, &part, lines);
        rc_arena_reset(batch->cli->arena); /* of one part: a file may have any number */
    }
    return fault;
}

int cli_run_batch(struct cli *cli, const struct cli_args *args)
{
    struct batch batch = {.cli = cli, .name = args->operand[0]};
    bool standard = strcmp(batch.name, "-") == 0;
    batch.in = standard ? stdin : fopen(batch.name, "re");
    if (!batch.in) return cli_no_file(batch.name);
    int fault = send_all(&batch);
    bool broken = ferror(batch.in) != 0;
    if (!standard) (void)fclose(batch.in);
    free(batch.line);
    if (broken) {
        fprintf(stderr, "recourse: %s cannot be read to its end\n", batch.name);
        return CLI_ERROR;
    }
    if (fault != CLI_OK) return fault;
    if (!cli->json && !cli->quiet)
        fprintf(cli->screen.out, "%lu taken, %lu refused\n", batch.told - batch.refused, batch.refused);
    return batch.refused ? CLI_REFUSED : CLI_OK;
}
