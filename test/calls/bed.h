#pragma once
/* A server without threads and sockets, whose calls can be made to fail one after the other: API, engine, SQLite store on a real file,
 * and an outside world that remembers what was done to it. It is what server/serve.c puts together, in the same order.
 *
 * A life is a list of events, each a text:
 *   "201 POST /v1/commands\n\nBODY"  a request; first the status of its answer where nothing fails ("200|404 …": and the one where it is
 *                                    asked again because nobody knows whether it was done). "<id>" in it is the id of the last answer,
 *                                    or the first lease in it
 *   "! 201"                          the oldest attempt that is out is answered with this status; it was done where it is below 300
 *   "! lost"                         its answer is lost; it was done
 *   "+ 5"                            so many seconds pass
 *   "@start", "@stop"                of the server; "@crash": it ends here and now, and what is on the disk stays
 *   "@run ARGS…"                     a command of the command line that works on the file; {f} is the folder
 */
#include "folder.h"

#include "api/api.h"
#include "store/store.h"

enum { BED_EVENTS = 16, BED_OUT = 64, BED_BODY = 32 << 10, BED_TEXT = 4 << 10 };

/* What a request came to. */
struct bed_ask {
    unsigned answers;
    int status;  /* 0: dropped without an answer */
    char id[80]; /* of the first "id" in the answer */
    char body[BED_BODY];
    uint32_t n;
};

struct bed_flaws { /* negative controls: what the product must never do, done by the bed in its place */
    bool leaks;    /* a buffer is forgotten where something failed */
    bool answers;  /* a submission whose commit failed is answered as if it had not */
    bool early;    /* an attempt leaves that is not the one on record */
};

struct bed;
struct bed *bed_new(const char *folder, struct bed_flaws);
void bed_free(struct bed *);

/* Empties the folder; where `from` is not NULL, its files are copied there, and the outside is as it was at the last bed_keep. */
void bed_lay(struct bed *, const char *from);
/* Copies the files as they are now, as a crash would leave them. */
void bed_copy(const struct bed *, const char *to);
void bed_keep(struct bed *, const char *to); /* and what the outside knows */
/* The server dies: the files are what they are at this moment. `by_way_of`: another folder. */
void bed_crash(struct bed *, const char *by_way_of);
/* Of all on which it depends what becomes of these files from here on: the files, the outside, and what has been answered. */
struct digest bed_digest(const struct bed *);
/* The definitions into a new store, which is closed again. more: those of blocks, people, signals, lanes, children, times and
 * workers, too; bed_rest is a worker then. */
void bed_define(struct bed *, bool more);

/* One event under whatever fails. Index: its place in the life. */
void bed_event(struct bed *, unsigned index, const char *event);
const struct bed_ask *bed_asked(const struct bed *, unsigned index);
void bed_forget(struct bed *, unsigned index); /* so that it can be asked again */
bool bed_is_up(const struct bed *);
/* Without faults: starts it where it is down, and sees to it that it can work. False: it cannot. */
bool bed_heal(struct bed *);
/* Until nothing moves any more by itself; the outside answers everything. False: it does not end. */
bool bed_rest(struct bed *);
void bed_stop(struct bed *);
/* What the world looks like, of the server and outside, in words that do not depend on chance. */
const char *bed_picture(struct bed *);
/* The first law that was broken, or "". */
const char *bed_broken(const struct bed *);
const char *bed_store(const struct bed *);
