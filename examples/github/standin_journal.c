/* What was asked and what was done, as JSON lines: in a file, and the newest of them in memory. */
#include "standin.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { KEPT = 64 << 20, LINE = 2 << 20 };

bool journal_open(struct journal *journal, const char *file, bool loud)
{
    *journal = (struct journal){.fd = -1, .loud = loud, .text = evbuffer_new()};
    if (journal->text && file) journal->fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return journal->text && (!file || journal->fd >= 0);
}

void journal_close(struct journal *journal)
{
    if (journal->text) evbuffer_free(journal->text);
    if (journal->fd >= 0) close(journal->fd);
}

/* One write per line: what is there is whole, whoever reads it meanwhile. */
static void store(struct journal *journal, struct rc_sv line)
{
    if (journal->fd >= 0 && write(journal->fd, line.p, line.n) != (ssize_t)line.n) {
        perror("github-standin: journal");
        close(journal->fd);
        journal->fd = -1;
    }
    (void)evbuffer_add(journal->text, line.p, line.n);
    while (evbuffer_get_length(journal->text) > KEPT) {
        struct evbuffer_ptr end = evbuffer_search_eol(journal->text, NULL, NULL, EVBUFFER_EOL_LF);
        if (end.pos < 0) break;
        evbuffer_drain(journal->text, (size_t)end.pos + 1);
    }
}

void journal_add(struct journal *journal, struct rc_arena *scratch, const struct entry *entry)
{
    char time[RC_TIME_TEXT];
    struct rc_buf line = rc_buf_in(scratch, LINE);
    rc_us now = rc_clock_wall();
    rc_format_time(now, time);
    rc_put_text(&line, "{\"time\":\"");
    rc_put_text(&line, time);
    rc_put_text(&line, "\",\"method\":\"");
    rc_put_text(&line, entry->method);
    rc_put_text(&line, "\",\"path\":");
    rc_put_json(&line, rc_sv_of(entry->path));
    rc_put_text(&line, ",\"idempotency_key\":");
    if (entry->key)
        rc_put_json(&line, rc_sv_of(entry->key));
    else
        rc_put_text(&line, "null");
    rc_put_text(&line, ",\"fault\":");
    if (entry->fault->text[0])
        rc_put_json(&line, rc_sv_of(entry->fault->text));
    else
        rc_put_text(&line, "null");
    rc_put_text(&line, entry->acted ? ",\"acted\":true,\"number\":" : ",\"acted\":false,\"number\":");
    if (entry->number)
        rc_put_u64(&line, entry->number);
    else
        rc_put_text(&line, "null");
    rc_put_text(&line, ",\"status\":");
    rc_put_i64(&line, entry->status);
    rc_put_text(&line, ",\"wall\":");
    rc_put_u64(&line, now);
    if (entry->late) rc_put_text(&line, ",\"late\":true");
    if (entry->body.n) {
        rc_put_text(&line, ",\"body\":");
        rc_put_json(&line, entry->body);
    }
    rc_put_text(&line, "}\n");
    if (line.status != RC_OK) {
        (void)fprintf(stderr, "github-standin: a request was too long for the journal\n");
        return;
    }
    store(journal, rc_buf_sv(&line));
    if (!journal->loud) return;
    (void)printf("%.8s  %-5s %s -> %d%s%s%s\n", time + 11, entry->method, entry->path, entry->status,
                 entry->acted ? ", acted" : "", entry->fault->text[0] ? ", fault " : "", entry->fault->text);
    (void)fflush(stdout);
}
