#pragma once
/* An engine with a store on a "disk" in memory, an executor that only notes what would have left, and a clock that whoever watches moves.
 *
 * The process can die in the middle of a turn, at any moment at which it touches the world: from then on nothing of what it does reaches
 * the disk, the outside or a client, until world_crash starts it again. */
#include "engine/engine.h"
#include "engine/load.h"
#include "engine/prepare.h"

enum { WORLD_EFFECTS = 8192, WORLD_VERSIONS = 256 };

/* When a process can die. */
enum world_moment {
    WORLD_BEFORE_COMMIT,
    WORLD_AFTER_COMMIT,
    WORLD_BEFORE_START, /* an attempt is about to leave */
    WORLD_AFTER_START,
    WORLD_BEFORE_REPLY,
    WORLD_AFTER_REPLY,
    WORLD_AT_REOPEN, /* after an unknown commit */
    WORLD_MOMENTS
};

struct world {
    struct rc_memory_disk *disk;
    const char *path;       /* of a store in a file, in the place of that disk; NULL: none */
    struct rc_store *store; /* the engine's, for failures */
    struct rc_engine *engine;
    struct rc_exec *exec;
    struct rc_arena *arena; /* for as long as the test */
    const struct flow_set *set;
    const struct rc_new_definition *parsed[WORLD_VERSIONS]; /* by id of the version */
    const struct flow *written[WORLD_VERSIONS];
    struct rc_suspects *suspects;
    rc_us now;
    int64_t ahead; /* the wall clock shows so much more than it would by itself: somebody has set it */
    struct rc_effect left[WORLD_EFFECTS]; /* what has left, in order */
    uint32_t nleft;
    uint32_t replies;
    bool refuse_start;      /* the executor has no memory */
    uint32_t many_messages; /* struct rc_ports has it; from the next start on */
    bool without_keys;      /* negative control: items of bulks have no keys, from the next start on */
    struct rc_holding hold; /* from the next start on */
    uint32_t shut_reopen;   /* so many times the store cannot be opened again */
    uint32_t dies_in;       /* it dies at the so-manieth moment from now; 0: it does not */
    bool dead;
    uint8_t died_at;           /* enum world_moment */
    rc_us sync_takes;          /* how long a commit takes */
    bool parse_anew;           /* every start parses the definitions; else what was parsed once serves */
    rc_us sleep;               /* what the last turn said */
    struct rc_outline changed; /* the last that the engine told of */
    uint32_t nchanged, nany;   /* how often it told of one, of any */
    struct rc_error err;
    /* Who watches; NULL where nobody does. An attempt is about to leave as left[i]: any other status than RC_OK, and it does not. A request was
     * answered. An engine was made, and its first turn has not run. */
    enum rc_status (*on_start)(struct world *, uint32_t i);
    void (*on_reply)(struct world *, struct rc_request *);
    void (*on_boot)(struct world *);
    void (*on_commit)(struct world *); /* before it */
    void *watcher;
};

/* A world with other definitions. */
struct world *world_open(const char *text);
/* On a store in a file; it does not die there by itself (dies_in). No text: with the definitions that the store has. */
struct world *world_open_at(const char *text, const char *path);
void world_close(struct world *);

/* The process dies and starts again on the same disk, with the definitions that are there. */
void world_crash(struct world *);
/* The process dies, and another disk, which is the world's from now on, stands in the place of its own. */
void world_replace(struct world *, struct rc_memory_disk *);
/* Turns until nothing is to be done at this time; the last one's status. */
enum rc_status world_run(struct world *);
/* One turn. */
enum rc_status world_turn(struct world *);
void world_later(struct world *, rc_us span);
/* What the wall clock shows. */
static inline rc_us world_wall(const struct world *world)
{
    return RC_SECONDS(1800000000) + world->now + (rc_us)world->ahead;
}

struct rc_request *world_submission(struct world *, const char *type, const char *key, const char *payload);
/* In another namespace, which must live as long as the request. */
struct rc_request *world_submission_in(struct world *, const char *ns, const char *type, const char *key,
                                       const char *payload);
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

/* The version of a flow as it was written, whatever the engine's looks like; NULL where the store cannot be read. */
const struct flow *world_flow(struct world *, uint64_t id);
/* The command as the disk has it. */
struct rc_command world_read(struct world *, uint64_t seq);
enum rc_state world_state(struct world *, uint64_t seq);
