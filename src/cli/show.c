/* recourse list, recourse show, recourse history */
#include "cli/run.h"

enum { INDENT = 14, LIST_COLUMNS = 9, CHANGE_INDENT = 24, ATTEMPT_COLUMNS = 8 };

/* ---- shared -------------------------------------------------------------------------------------------- */

static void put_time_line(struct cli *cli, const struct cel_value *command)
{
    struct screen *screen = &cli->screen;
    screen_tint(screen, TINT_DIM);
    fputs("submitted ", screen->out);
    screen_sv(screen, screen_ago(screen, cli->arena, cli_text(command, "created")));
    fputs(" by ", screen->out);
    screen_sv(screen, cli_text(command, "actor"));
    fputs(", last changed ", screen->out);
    screen_sv(screen, screen_ago(screen, cli->arena, cli_text(command, "changed")));
    fprintf(screen->out, " (revision %llu)\n", (unsigned long long)cli_number(command, "revision"));
    screen_tint(screen, TINT_NONE);
}

/* Who looks after it, until when, and which commands it belongs to; nothing where nobody has said anything. */
static void put_beside(struct cli *cli, const struct cel_value *command)
{
    struct screen *screen = &cli->screen;
    struct rc_sv owner = cli_text(command, "owner"), due = cli_text(command, "due");
    struct rc_sv deadline = cli_bool(command, "ended") ? (struct rc_sv){0} : cli_text(command, "deadline");
    struct rc_sv original = cli_text(command, "original"), successor = cli_text(command, "successor");
    struct rc_sv parent = cli_text(command, "parent");
    const struct {
        const char *before;
        struct rc_sv text;
    } part[] = {{"owner ", owner},
                {"due ", due.n ? screen_ago(screen, cli->arena, due) : due},
                {"deadline ", deadline.n ? screen_ago(screen, cli->arena, deadline) : deadline},
                {"in the place of ", original},
                {"replaced by ", successor},
                {"started by ", parent}};
    const char *between = "";
    for (unsigned i = 0; i < sizeof part / sizeof *part; i++) {
        if (!part[i].text.n) continue;
        fprintf(screen->out, "%s%s", between, part[i].before);
        screen_sv(screen, part[i].text);
        between = ", ";
    }
    uint64_t notes = cli_number(command, "notes");
    if (notes)
        fprintf(screen->out, "%s%llu note%s (recourse history)", between, (unsigned long long)notes,
                notes == 1 ? "" : "s");
    if (notes || *between) fputc('\n', screen->out);
}

/* "rolling_back" and "rolling back" are the same words. */
static bool says_the_same(struct rc_sv state, struct rc_sv display)
{
    if (state.n != display.n) return false;
    for (uint32_t i = 0; i < state.n; i++)
        if (state.p[i] != display.p[i] && !(state.p[i] == '_' && display.p[i] == ' ')) return false;
    return true;
}

void cli_put_state(struct cli *cli, const struct cel_value *command)
{
    struct screen *screen = &cli->screen;
    struct rc_sv state = cli_text(command, "state"), display = cli_text(command, "display");
    bool same = says_the_same(state, display);
    screen_tint(screen, screen_tone(cli_text(command, "tone")));
    screen_sv(screen, same ? display : state);
    screen_tint(screen, TINT_NONE);
    fputs(same ? "" : ": ", screen->out);
    screen_wrap(screen, 0, state.n + 2, same ? (struct rc_sv){0} : display);
}

void cli_put_head(struct cli *cli, const struct cel_value *command)
{
    struct screen *screen = &cli->screen;
    screen_tint(screen, TINT_BOLD);
    screen_sv(screen, cli_text(command, "type"));
    fputs("  ", screen->out);
    screen_sv(screen, cli_text(command, "key"));
    screen_tint(screen, TINT_NONE);
    fputs("  ", screen->out);
    screen_sv(screen, cli_text(command, "id"));
    fputc('\n', screen->out);
    cli_put_state(cli, command);
    put_time_line(cli, command);
    put_beside(cli, command);
}

struct rc_sv cli_refs_text(struct cli *cli, struct cel_value refs)
{
    struct rc_buf buf = rc_buf_in(cli->arena, 1 << 16);
    for (uint32_t i = 0; refs.kind == CEL_MAP && i < refs.n; i++) {
        if (i) rc_put_char(&buf, ' ');
        rc_put(&buf, cel_text(refs.v.items[2 * i]));
        rc_put_char(&buf, '=');
        if (refs.v.items[2 * i + 1].kind == CEL_STRING) rc_put(&buf, cel_text(refs.v.items[2 * i + 1]));
    }
    return rc_buf_sv(&buf);
}

static struct rc_sv json_of(struct cli *cli, struct cel_value value)
{
    struct rc_buf buf = rc_buf_in(cli->arena, 1 << 20);
    cel_put_json(&buf, value);
    return rc_buf_sv(&buf);
}

/* ---- list ---------------------------------------------------------------------------------------------- */

const struct cli_filter cli_filters[] = {
    {"state", "state", false},
    {"type", "type", false},
    {"ref", "ref", false},
    {"why", "why", false},
    {"dependency", "dependency", false},
    {"owner", "owner", false},
    {"submitter", "actor", false},
    {"since", "created_since", true},
    {"until", "created_until", true},
    {NULL, NULL, false},
};
/* What a page of the list has beside. */
static const struct cli_filter paging[] = {
    {"limit", "limit", false},
    {"cursor", "cursor", false},
    {NULL, NULL, false},
};

/* A time as it is; a span as the time that lies so far back. */
static struct rc_sv time_of(struct cli *cli, const char *text)
{
    char time[RC_TIME_TEXT];
    rc_us span, now = rc_clock_wall();
    if (!rc_parse_span(rc_sv_of(text), &span) || span > now) return rc_sv_of(text);
    uint32_t n = rc_format_time(now - span, time);
    return rc_copy_sv(cli->arena, (struct rc_sv){time, n});
}

struct rc_sv cli_filter_text(struct cli *cli, const struct cli_filter *filter)
{
    const char *text = cli_value(cli->args, filter->option);
    return text && filter->time ? time_of(cli, text) : rc_sv_of(text);
}

static bool add_filter(struct cli *cli, struct rc_buf *path, const struct cli_filter *filter)
{
    struct rc_sv value = cli_filter_text(cli, filter);
    if (!value.p) return true;
    struct rc_sv escaped = rc_client_escape(cli->arena, value);
    rc_put_char(path, path->n == sizeof "/v1/commands" - 1 ? '?' : '&');
    rc_put_text(path, filter->query);
    rc_put_char(path, '=');
    rc_put(path, escaped);
    return escaped.p != NULL;
}

/* The columns behind the first six are there where a row has something in them. */
static void put_rows(struct cli *cli, struct cel_value rows)
{
    static const struct screen_column column[LIST_COLUMNS] = {
        {"ID", 16, false}, {"STATE", 8, false},     {"TYPE", 10, true},
        {"KEY", 10, true}, {"CHANGED", 8, false},   {"ACTOR", 5, true},
        {"WHY", 6, true},  {"DEPENDENCY", 6, true}, {"OWNER", 5, true}};
    static const char *const more[] = {"why", "dependency", "owner"};
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)rows.n * LIST_COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, rows.n);
    if (!cells || !tint) return;
    struct screen_column shown[LIST_COLUMNS];
    bool has[3] = {false};
    unsigned n = 6;
    memcpy(shown, column, sizeof shown);
    for (uint32_t i = 0; i < rows.n; i++)
        for (unsigned k = 0; k < 3; k++) has[k] |= cli_text(&rows.v.items[i], more[k]).n != 0;
    for (unsigned k = 0; k < 3; k++)
        if (has[k]) shown[n++] = column[6 + k];
    for (uint32_t i = 0; i < rows.n; i++) {
        const struct cel_value *row = &rows.v.items[i];
        struct rc_sv *cell = &cells[(size_t)i * n];
        *cell++ = cli_text(row, "id");
        *cell++ = cli_text(row, "state");
        tint[i] = screen_tone(cli_text(row, "tone"));
        *cell++ = cli_text(row, "type");
        *cell++ = cli_text(row, "key");
        *cell++ = screen_ago(&cli->screen, cli->arena, cli_text(row, "changed"));
        *cell++ = cli_text(row, "actor");
        for (unsigned k = 0; k < 3; k++)
            if (has[k]) *cell++ = cli_text(row, more[k]);
    }
    screen_table(&cli->screen, shown, n, cells, rows.n, 1, tint);
}

int cli_run_list(struct cli *cli, const struct cli_args *args)
{
    struct cli_reply reply;
    struct rc_buf path = rc_buf_in(cli->arena, CLI_MAX_PATH);
    (void)args;
    rc_put_text(&path, "/v1/commands");
    bool fine = true;
    for (const struct cli_filter *one = cli_filters; one->option; one++)
        fine = fine && add_filter(cli, &path, one);
    for (const struct cli_filter *one = paging; one->option; one++)
        fine = fine && add_filter(cli, &path, one);
    if (!fine || path.status != RC_OK) return cli_usage(cli, "the filter is too long");
    int fault = cli_get(cli, &reply, "%.*s", RC_SV_ARG(rc_buf_sv(&path)));
    if (fault != CLI_OK) return fault;
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    struct cel_value rows = cli_member(&reply.answer.body, "commands");
    struct rc_sv next = cli_text(&reply.answer.body, "next");
    if (rows.kind != CEL_LIST) rows.n = 0;
    for (uint32_t i = 0; cli->quiet && i < rows.n; i++) {
        screen_sv(&cli->screen, cli_text(&rows.v.items[i], "id"));
        fputc('\n', cli->screen.out);
    }
    if (cli->quiet) return CLI_OK;
    if (rows.n)
        put_rows(cli, rows);
    else
        fputs(next.n ? "none so far\n" : "none\n", cli->screen.out);
    if (next.n) screen_line(&cli->screen, "there may be more: add --cursor %.*s", RC_SV_ARG(next));
    return CLI_OK;
}

/* ---- show ---------------------------------------------------------------------------------------------- */

/* The id behind a key, where the operand is one. */
static int find_id(struct cli *cli, const char *operand, struct rc_sv *ret)
{
    struct cli_reply reply;
    const char *type = cli_value(cli->args, "type");
    *ret = rc_client_escape(cli->arena, rc_sv_of(operand));
    if (!type) return CLI_OK;
    int fault = cli_get(cli, &reply, "/v1/commands/by-key?type=%.*s&key=%.*s",
                        RC_SV_ARG(rc_client_escape(cli->arena, rc_sv_of(type))), RC_SV_ARG(*ret));
    if (fault == CLI_OK) *ret = cli_text(&reply.answer.body, "id");
    return fault;
}

int cli_run_show(struct cli *cli, const struct cli_args *args)
{
    struct cli_reply reply;
    struct cli_wait wait;
    struct rc_sv id;
    int fault = find_id(cli, args->operand[0], &id);
    if (fault == CLI_OK) fault = cli_read_wait(cli, &wait);
    if (fault == CLI_OK)
        fault = cli_get(cli, &reply, "/v1/commands/%.*s%.*s", RC_SV_ARG(id),
                        RC_SV_ARG(cli_wait_query(cli, &wait)));
    if (fault == CLI_OK) fault = cli_wait_on(cli, &wait, &reply);
    if (fault != CLI_OK) return fault;
    const struct cel_value *body = &reply.answer.body;
    struct rc_sv state = cli_text(body, "state");
    if (cli->json) {
        cli_put_raw(cli, &reply);
    } else if (cli->quiet) {
        screen_sv(&cli->screen, state);
        fputc('\n', cli->screen.out);
    } else {
        struct cel_value flow = cli_member(body, "flow"), refs = cli_member(body, "refs");
        cli_put_head(cli, body);
        fputc('\n', cli->screen.out);
        screen_item(&cli->screen, "flow", INDENT,
                    rc_text(cli->arena, "%.*s version %llu", RC_SV_ARG(cli_text(&flow, "name")),
                            (unsigned long long)cli_number(&flow, "version")));
        if (refs.kind == CEL_MAP && refs.n)
            screen_item(&cli->screen, "refs", INDENT, cli_refs_text(cli, refs));
        cli_put_lane(cli, body);
        screen_item(&cli->screen, "payload", INDENT, json_of(cli, cli_member(body, "payload")));
        cli_put_steps(cli, body, true);
        if (screen_tone(cli_text(body, "tone")) > TINT_GOOD) {
            fputc('\n', cli->screen.out);
            screen_line(&cli->screen, "recourse explain %.*s says what can be done",
                        RC_SV_ARG(cli_text(body, "id")));
        }
    }
    return cli_wait_exit(&wait, body);
}

/* ---- history ------------------------------------------------------------------------------------------- */

/* "create, attempt 2 (act): answered with 503 after 120 ms" */
static struct rc_sv cause_text(struct cli *cli, const struct cel_value *cause)
{
    struct rc_buf buf = rc_buf_in(cli->arena, 1 << 16);
    struct rc_sv kind = cli_text(cause, "kind"), step = cli_text(cause, "step"),
                 reach = cli_text(cause, "reach");
    if (rc_sv_is(kind, "action")) {
        rc_put_format(&buf, "%.*s by %.*s", RC_SV_ARG(cli_text(cause, "action")),
                      RC_SV_ARG(cli_text(cause, "actor")));
        if (step.n) rc_put_format(&buf, " at %.*s", RC_SV_ARG(step));
        if (cli_text(cause, "verdict").n)
            rc_put_format(&buf, ": %.*s", RC_SV_ARG(cli_text(cause, "verdict")));
        if (cli_text(cause, "answer").n) rc_put_format(&buf, ": %.*s", RC_SV_ARG(cli_text(cause, "answer")));
        if (cli_text(cause, "external_id").n)
            rc_put_format(&buf, " (%.*s)", RC_SV_ARG(cli_text(cause, "external_id")));
        if (cli_text(cause, "reason").n)
            rc_put_format(&buf, " — \"%.*s\"", RC_SV_ARG(cli_text(cause, "reason")));
        struct cel_value bulk = cli_member(cause, "bulk");
        if (bulk.kind == CEL_MAP)
            rc_put_format(&buf, " (item %llu of bulk %.*s)", (unsigned long long)cli_number(&bulk, "item"),
                          RC_SV_ARG(cli_text(&bulk, "id")));
        return rc_buf_sv(&buf);
    }
    if (step.n) rc_put_format(&buf, "%.*s: ", RC_SV_ARG(step));
    if (cli_number(cause, "attempt"))
        rc_put_format(&buf, "attempt %llu (%.*s) ", (unsigned long long)cli_number(cause, "attempt"),
                      RC_SV_ARG(cli_text(cause, "purpose")));
    if (rc_sv_is(kind, "late"))
        rc_put_format(&buf, "was reported as %.*s when its lease was lost; the report was refused",
                      RC_SV_ARG(cli_text(cause, "said")));
    else if (rc_sv_is(reach, "answered"))
        rc_put_format(&buf, "was answered with %llu", (unsigned long long)cli_number(cause, "status"));
    else if (reach.n)
        rc_put_format(&buf, "%s: %.*s", rc_sv_is(reach, "sent") ? "was sent" : "was not sent",
                      RC_SV_ARG(cli_text(cause, "why_text")));
    else
        rc_put(&buf, cli_text(cause, "text"));
    if (cli_text(cause, "error").n) rc_put_format(&buf, " (%.*s)", RC_SV_ARG(cli_text(cause, "error")));
    return rc_buf_sv(&buf);
}

/* What the changes before have said. */
struct told {
    struct rc_sv why; /* the reason that was last told: it is not repeated while it stays */
    bool asked; /* of the last step: people are asked there, so that what it has is what they are shown */
};

static void put_change(struct cli *cli, const struct cel_value *change, struct told *told)
{
    struct rc_sv kind = cli_text(change, "kind"), step = cli_text(change, "step");
    struct rc_buf buf = rc_buf_in(cli->arena, 1 << 16);
    if (rc_sv_is(kind, "state")) {
        rc_put_format(&buf, "the command is now %.*s", RC_SV_ARG(cli_text(change, "state")));
    } else if (rc_sv_is(kind, "mode")) {
        rc_put_format(&buf, "heading: %.*s", RC_SV_ARG(cli_text(change, "mode")));
    } else if (rc_sv_is(kind, "step") && step.n) {
        struct rc_sv phase = cli_text(change, "phase_text"), why = cli_text(change, "why_text");
        rc_put_format(&buf, "%.*s %.*s", RC_SV_ARG(step), RC_SV_ARG(cli_text(change, "state")));
        if (why.n && !rc_sv_eq(why, told->why)) rc_put_format(&buf, ": %.*s", RC_SV_ARG(why));
        told->why = why;
        told->asked = rc_sv_is(cli_text(change, "phase"), "people");
        if (phase.n) rc_put_format(&buf, "; %.*s", RC_SV_ARG(phase));
        struct rc_sv due = screen_clock(&cli->screen, cli->arena, cli_text(change, "due"));
        if (due.n) rc_put_format(&buf, ": %.*s", RC_SV_ARG(due));
    } else if (rc_sv_is(kind, "outputs")) {
        struct cel_value outputs = cli_member(change, "outputs");
        if (outputs.kind == CEL_NULL) return; /* what it showed counts no more */
        rc_put_format(&buf, "%.*s %s ", RC_SV_ARG(step), told->asked ? "shows" : "gave");
        cel_put_json(&buf, outputs);
    } else if (rc_sv_is(kind, "place")) {
        struct cel_value lane = cli_member(change, "concurrency");
        if (!rc_sv_is(cli_text(&lane, "place"), "waits")) return;
        rc_put_format(&buf, "waits for its turn: concurrency key %.*s", RC_SV_ARG(cli_text(&lane, "key")));
    } else if (rc_sv_is(kind, "move")) {
        rc_put_format(&buf, "its flow is of version %llu now, no longer of %llu",
                      (unsigned long long)cli_number(change, "to"),
                      (unsigned long long)cli_number(change, "from"));
    }
    if (buf.n == 0) return;
    fprintf(cli->screen.out, "%*s", CHANGE_INDENT, "");
    screen_tint(&cli->screen, TINT_DIM);
    screen_wrap(&cli->screen, CHANGE_INDENT + 2, CHANGE_INDENT, rc_buf_sv(&buf));
    screen_tint(&cli->screen, TINT_NONE);
}

static void put_record(struct cli *cli, const struct cel_value *record, struct told *told)
{
    struct cel_value cause = cli_member(record, "cause"), changes = cli_member(record, "changes");
    struct rc_sv at = screen_clock(&cli->screen, cli->arena, cli_text(record, "at"));
    fprintf(cli->screen.out, "%4llu  ", (unsigned long long)cli_number(record, "revision"));
    screen_cell(&cli->screen, at, CHANGE_INDENT - 6, true);
    screen_wrap(&cli->screen, CHANGE_INDENT, CHANGE_INDENT, cause_text(cli, &cause));
    for (uint32_t i = 0; changes.kind == CEL_LIST && i < changes.n; i++)
        put_change(cli, &changes.v.items[i], told);
}

int cli_run_history(struct cli *cli, const struct cli_args *args)
{
    struct cli_reply reply;
    struct rc_sv id = rc_client_escape(cli->arena, rc_sv_of(args->operand[0]));
    const char *after = cli_value(args, "after");
    struct told told = {0};
    struct rc_sv from = rc_client_escape(cli->arena, rc_sv_of(after ? after : "0"));
    for (;;) {
        int fault = cli_get(cli, &reply, "/v1/commands/%.*s/history?limit=200&after=%.*s", RC_SV_ARG(id),
                            RC_SV_ARG(from));
        if (fault != CLI_OK) return fault;
        struct cel_value records = cli_member(&reply.answer.body, "records");
        if (cli->json) cli_put_raw(cli, &reply);
        for (uint32_t i = 0; !cli->json && records.kind == CEL_LIST && i < records.n; i++)
            put_record(cli, &records.v.items[i], &told);
        uint64_t next = cli_number(&reply.answer.body, "next");
        if (next == 0 || cli->json) return CLI_OK;
        from = rc_text(cli->arena, "%llu", (unsigned long long)next);
    }
}

/* ---- attempts ------------------------------------------------------------------------------------------ */

static struct rc_sv took_text(struct cli *cli, const struct cel_value *attempt)
{
    struct cel_value took = cli_member(attempt, "took_ms");
    double ms = took.kind == CEL_DOUBLE ? took.v.d : took.kind == CEL_INT ? (double)took.v.i : -1;
    if (ms < 0) return (struct rc_sv){0};
    char text[RC_SPAN_TEXT];
    (void)rc_format_span((rc_us)(ms * 1000), text);
    return rc_copy_sv(cli->arena, rc_sv_of(text));
}

int cli_run_attempts(struct cli *cli, const struct cli_args *args)
{
    static const struct screen_column column[ATTEMPT_COLUMNS] = {
        {"NO", 3, false},   {"STEP", 8, true},    {"PURPOSE", 7, false}, {"BEGAN", 8, false},
        {"TOOK", 6, false}, {"STATUS", 6, false}, {"OUTCOME", 10, true}, {"IDEMPOTENCY-KEY", 32, false}};
    const char *after = cli_value(args, "after"), *limit = cli_value(args, "limit");
    struct cli_reply reply;
    struct rc_sv id = rc_client_escape(cli->arena, rc_sv_of(args->operand[0]));
    struct rc_sv from = rc_client_escape(cli->arena, rc_sv_of(after ? after : "0"));
    struct rc_sv most = rc_client_escape(cli->arena, rc_sv_of(limit ? limit : "50"));
    int fault = cli_get(cli, &reply, "/v1/commands/%.*s/attempts?after=%.*s&limit=%.*s", RC_SV_ARG(id),
                        RC_SV_ARG(from), RC_SV_ARG(most));
    if (fault != CLI_OK) return fault;
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    struct cel_value rows = cli_member(&reply.answer.body, "attempts");
    if (rows.kind != CEL_LIST) rows.n = 0;
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)rows.n * ATTEMPT_COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, rows.n);
    if (!cells || !tint) return CLI_ERROR;
    for (uint32_t i = 0; i < rows.n; i++) {
        const struct cel_value *row = &rows.v.items[i];
        struct rc_sv *cell = &cells[i * ATTEMPT_COLUMNS];
        uint64_t status = cli_number(row, "status");
        cell[0] = rc_text(cli->arena, "%llu", (unsigned long long)cli_number(row, "attempt"));
        cell[1] = cli_text(row, "step");
        cell[2] = cli_text(row, "purpose");
        cell[3] = screen_clock(&cli->screen, cli->arena, cli_text(row, "began"));
        cell[4] = took_text(cli, row);
        if (status) cell[5] = rc_text(cli->arena, "%llu", (unsigned long long)status);
        cell[6] = cli_text(row, "outcome_text");
        cell[7] = cli_text(row, "idempotency_key");
        if (cli->quiet)
            screen_line(&cli->screen, "%.*s %.*s", RC_SV_ARG(cell[0]), RC_SV_ARG(cli_text(row, "outcome")));
    }
    if (cli->quiet) return CLI_OK;
    if (rows.n)
        screen_table(&cli->screen, column, ATTEMPT_COLUMNS, cells, rows.n, 6, tint);
    else
        fputs("none\n", cli->screen.out);
    uint64_t next = cli_number(&reply.answer.body, "next");
    if (next) fprintf(cli->screen.out, "there are more: add --after %llu\n", (unsigned long long)next);
    return CLI_OK;
}

int cli_get_filtered(struct cli *cli, struct cli_reply *reply, const char *path,
                     const struct cli_filter *filters)
{
    struct rc_buf text = rc_buf_in(cli->arena, CLI_MAX_PATH);
    char before = '?';
    rc_put_text(&text, path);
    for (const struct cli_filter *filter = filters; filter->option; filter++) {
        struct rc_sv value = cli_filter_text(cli, filter);
        struct rc_sv escaped = value.p ? rc_client_escape(cli->arena, value) : value;
        if (!value.p) continue;
        rc_put_format(&text, "%c%s=%.*s", before, filter->query, RC_SV_ARG(escaped));
        before = '&';
    }
    if (text.status != RC_OK) return cli_usage(cli, "the filter is too long");
    return cli_get(cli, reply, "%.*s", RC_SV_ARG(rc_buf_sv(&text)));
}
