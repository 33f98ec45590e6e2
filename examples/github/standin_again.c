/* Requests that are carried out without a connection: later than they came, or again from the journal of a stand-in that was killed. */
#include "standin.h"

#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4 << 20 };

/* ---- later ---------------------------------------------------------------------------------------------------------- */

struct later {
    struct standin *standin;
    struct event *timer;
    char *method, *path, *key, *body; /* key: NULL: none */
    struct fault fault;
    struct later *next;
};

static void let_go(struct later *later)
{
    struct later **at = &later->standin->later;
    while (*at && *at != later) at = &(*at)->next;
    if (*at) *at = later->next;
    if (later->timer) event_free(later->timer);
    free(later->method);
    free(later->path);
    free(later->key);
    free(later->body);
    free(later);
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct later *later = context;
    struct standin *standin = later->standin;
    uint64_t number = 0;
    rc_arena_reset(standin->scratch);
    bool acted = api_again(standin, later->method, later->path, rc_sv_of(later->body), &number);
    journal_add(&standin->journal, standin->scratch,
                &(struct entry){.method = later->method,
                                .path = later->path,
                                .key = later->key,
                                .fault = &later->fault,
                                .acted = acted,
                                .number = number,
                                .body = rc_sv_of(later->body),
                                .late = true});
    let_go(later);
}

/* With an end of its own: what came over the wire has none. */
static char *copy_of(const char *bytes, size_t n)
{
    char *copy = malloc(n + 1);
    if (!copy) return NULL;
    if (n) memcpy(copy, bytes, n);
    copy[n] = 0;
    return copy;
}

void again_later(struct standin *standin, const struct entry *entry)
{
    const struct timeval span = {.tv_sec = entry->fault->arg / 1000,
                                 .tv_usec = (suseconds_t)(entry->fault->arg % 1000) * 1000};
    struct later *later = calloc(1, sizeof *later);
    if (!later) return;
    later->standin = standin;
    later->fault = *entry->fault;
    later->method = strdup(entry->method);
    later->path = strdup(entry->path);
    later->key = entry->key ? strdup(entry->key) : NULL;
    later->body = copy_of(entry->body.p, entry->body.n);
    later->timer = evtimer_new(standin->base, on_time, later);
    if (!later->method || !later->path || (entry->key && !later->key) || !later->body || !later->timer) {
        let_go(later); /* it never happens: that is a fault, too */
        return;
    }
    later->next = standin->later;
    standin->later = later;
    evtimer_add(later->timer, &span);
}

void again_release(struct standin *standin)
{
    for (struct later *later = standin->later, *next; later; later = next) {
        next = later->next;
        let_go(later);
    }
}

/* ---- again ---------------------------------------------------------------------------------------------------------- */

static const char *copy(struct standin *standin, const struct cel_value *line, const char *name)
{
    const struct cel_value *value = cel_map_get(line, name);
    if (!value || value->kind != CEL_STRING) return NULL;
    return rc_copy_sv(standin->scratch, cel_text(*value)).p;
}

/* What did nothing is left out; the markers of its faults count anew. */
static const char *restore_line(struct standin *standin, struct rc_sv text)
{
    struct cel_value line;
    uint64_t number;
    rc_arena_reset(standin->scratch);
    if (rc_json_parse(text, standin->scratch, &line, NULL) != RC_OK || line.kind != CEL_MAP)
        return "a line that is no JSON object";
    const struct cel_value *acted = cel_map_get(&line, "acted"), *body = cel_map_get(&line, "body");
    const char *method = copy(standin, &line, "method"), *path = copy(standin, &line, "path");
    if (!method || !path || !acted || acted->kind != CEL_BOOL) return "a line without method, path and acted";
    if (!acted->v.b) return NULL;
    struct rc_sv sent = body && body->kind == CEL_STRING ? cel_text(*body) : (struct rc_sv){"", 0};
    return api_again(standin, method, path, sent, &number) ? NULL : "a line that cannot be done again";
}

const char *again_restore(struct standin *standin, const char *file)
{
    FILE *in = fopen(file, "re");
    char *line = NULL;
    size_t room = 0;
    const char *why = NULL;
    if (!in) return NULL; /* the first start */
    off_t whole = 0;
    for (ssize_t n; !why && (n = getline(&line, &room, in)) > 0; whole += n) {
        if (line[n - 1] != '\n') { /* killed while it was written: nobody was told of it */
            if (truncate(file, whole) < 0) why = "an end that cannot be cut off";
            break;
        }
        why = n > LINE_MAX_BYTES ? "a line that is too long"
                                 : restore_line(standin, (struct rc_sv){line, (uint32_t)n - 1});
    }
    free(line);
    (void)fclose(in);
    return why;
}
