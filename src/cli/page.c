/* What a command prints as it is (a page, a script, a file), or as one member of an object where --json is given;
 * and errors as data. */
#include "cli/run.h"

#include <stdlib.h>

enum { PAGE_ARENA = 8 << 20 };

void cli_put_json_error(const struct rc_error *err)
{
    struct rc_arena *arena = rc_arena_new(0, PAGE_ARENA);
    if (!arena) {
        fprintf(stderr, "{\"code\":\"%s\"}\n", rc_status_slug(err->status));
        return;
    }
    struct rc_buf buf = rc_buf_in(arena, PAGE_ARENA / 4);
    struct rc_json json = {.buf = &buf};
    char type[64];
    snprintf(type, sizeof type, "/problems/%s", rc_status_slug(err->status));
    rc_json_object(&json, NULL);
    rc_json_text(&json, "type", type);
    rc_json_text(&json, "title", rc_status_text(err->status));
    rc_json_text(&json, "code", rc_status_slug(err->status));
    rc_json_text(&json, "detail", err->text);
    if (err->source[0]) rc_json_text(&json, "source", err->source);
    if (err->line) {
        rc_json_u64(&json, "line", err->line);
        rc_json_u64(&json, "column", err->column);
    }
    rc_json_end_object(&json);
    fprintf(stderr, "%.*s\n", RC_SV_ARG(rc_buf_sv(&buf)));
    rc_arena_free(arena);
}

static int no_memory(void)
{
    fputs("recourse: out of memory\n", stderr);
    return CLI_ERROR;
}

static int put_json(const char *name, struct rc_sv text)
{
    struct rc_arena *arena = rc_arena_new(PAGE_ARENA / 64, PAGE_ARENA);
    if (!arena) return no_memory();
    struct rc_buf buf = rc_buf_in(arena, PAGE_ARENA / 4);
    struct rc_json json = {.buf = &buf};
    rc_json_object(&json, NULL);
    rc_json_sv(&json, name, text);
    rc_json_end_object(&json);
    bool whole = buf.status == RC_OK;
    if (whole) printf("%.*s\n", RC_SV_ARG(rc_buf_sv(&buf)));
    rc_arena_free(arena);
    return whole ? CLI_OK : no_memory();
}

int cli_page(bool json, const char *name, int (*put)(FILE *, void *), void *context)
{
    if (!json) return put(stdout, context);
    char *text = NULL;
    size_t n = 0;
    FILE *page = open_memstream(&text, &n);
    if (!page) return no_memory();
    int code = put(page, context);
    bool whole = fclose(page) == 0 && n <= UINT32_MAX;
    if (code == CLI_OK) code = whole ? put_json(name, (struct rc_sv){text, (uint32_t)n}) : no_memory();
    free(text);
    return code;
}
