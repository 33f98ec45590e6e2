#pragma once
/* An engine with a store on a "disk" in memory, an executor that only notes what would have left, and a clock that the test moves. */
#include "engine/engine.h"
#include "engine/load.h"
#include "engine/prepare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { WORLD_EFFECTS = 8192 };

struct world {
    struct rc_memory_disk *disk;
    struct rc_store *store; /* the engine's, for failures */
    struct rc_engine *engine;
    struct rc_exec *exec;
    struct rc_arena *arena; /* for as long as the test */
    const struct flow_set *set;
    struct rc_suspects *suspects;
    rc_us now;
    struct rc_effect left[WORLD_EFFECTS]; /* what has left, in order */
    uint32_t nleft;
    uint32_t replies;
    bool refuse_start;         /* the executor has no memory */
    bool without_keys;         /* negative control: items of bulks have no keys, from the next start on */
    uint32_t shut_reopen;      /* so many times the store cannot be opened again */
    rc_us sleep;               /* what the last turn said */
    struct rc_outline changed; /* the last that the engine told of */
    uint32_t nchanged, nany;   /* how often it told of one, of any */
    struct rc_error err;
    /* Who watches; NULL where nobody does. An attempt is about to leave as left[i]: any other status than RC_OK, and it does not. A request was
     * answered. An engine was made, and its first turn has not run. */
    enum rc_status (*on_start)(struct world *, uint32_t i);
    void (*on_reply)(struct world *, struct rc_request *);
    void (*on_boot)(struct world *);
    void *watcher;
};

/* A world with other definitions. */
struct world *world_open(const char *text);
void world_close(struct world *);

/* cmocka's setup and teardown. The flow is "one": create (a POST with a check) at dependency "out", two at a time; "plain": without a check; "two":
 * two steps. */
int world_setup(void **state);
int world_teardown(void **state);

/* The process dies and starts again on the same disk, with the definitions that are there. */
void world_crash(struct world *);
/* Turns until nothing is to be done at this time; the last one's status. */
enum rc_status world_run(struct world *);
/* One turn. */
enum rc_status world_turn(struct world *);
void world_later(struct world *, rc_us span);

struct rc_request *world_submission(struct world *, const char *type, const char *key, const char *payload);
struct rc_request *world_action(struct world *, uint64_t seq, enum rc_action, const char *key);
/* The same, by somebody who knows the nonce: nothing is read. */
struct rc_request *world_action_with(uint64_t seq, uint64_t nonce, enum rc_action, const char *key);
/* An order to a bulk; and a new one that does `act` to these commands, as they are now. */
struct rc_request *world_order(uint64_t id, uint64_t nonce, enum rc_bulk_state to, bool first);
struct rc_request *world_bulk(struct world *, const char *key, struct rc_act act, const uint64_t *seqs,
                              uint32_t n);
/* Posts, runs one turn, and checks that it was answered. */
void world_ask(struct world *, struct rc_request *);
/* A definition of this text comes into force; where it is NULL, the dependency of this name goes. */
struct rc_request *world_definition(const char *dependency, const char *text);
/* A change of namespaces and tokens; its texts must outlive it. */
struct rc_request *world_access(struct rc_access_change);
bool world_answered(const struct rc_request *);
void world_free_request(struct rc_request *);
/* Submits and returns the seq; fails the test where it is not accepted. */
uint64_t world_submit(struct world *, const char *type, const char *key);

/* The i-th effect that has left is answered. */
void world_answer(struct world *, uint32_t i, unsigned status, const char *body);
void world_lose(struct world *, uint32_t i, enum rc_why);
/* With this result; body is JSON or NULL. */
void world_give(struct world *, uint32_t i, struct rc_result, const char *body);

/* The command as the disk has it. */
struct rc_command world_read(struct world *, uint64_t seq);
enum rc_state world_state(struct world *, uint64_t seq);
