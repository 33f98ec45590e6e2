#pragma once
/* Core types as JSON for people and programs: what the API answers. Words, not codes; times in RFC 3339. The
 * fields are the API's promise (spec/openapi.yaml). Writers never fail; the buffer behind the writer carries
 * the status. Thread-safe: nothing is kept. */
#include "codec/write.h"
#include "core/bulk.h"
#include "core/explain.h"
#include "core/move.h"

/* What is pointed out of a command in a store that is an older state of itself, or came from elsewhere. */
struct rc_view_restored {
    uint64_t window, nonce;
    rc_us from, until; /* of the window; from 0: not known */
    /* its key is new here, and may have been used within the window; else it had not ended when the window began */
    bool is_new;
};

/* A command in a list, or as the answer to a request. Empty texts are left out. */
struct rc_view_row {
    uint64_t seq, nonce;
    struct rc_sv ns, type, key, actor;
    uint8_t state; /* enum rc_state */
    bool in_flight;
    uint32_t rev;
    rc_us created, changed;
    struct rc_link successor;
    const struct rc_view_restored *restored; /* NULL: nothing is pointed out */
    bool standing;                           /* the members below are known */
    uint8_t why, next;                       /* enum rc_why, enum rc_next */
    rc_us next_at, due;                      /* 0: none */
    struct rc_sv dependency, owner;
};
void rc_view_row(struct rc_json *, const char *name, const struct rc_view_row *);

/* One record of a command's history; as store.h's struct rc_record, which codec/ does not know. */
struct rc_view_record {
    uint32_t rev;
    uint64_t change;
    rc_us at;
    const struct rc_ask *cause;
    const struct rc_change *changes;
    uint32_t nchanges;
};

/* One attempt, told from the history. */
struct rc_view_attempt {
    uint32_t node;
    uint16_t attempt;
    uint8_t purpose;
    bool lost;                      /* ended by a crash of the server, or by going back to an older state */
    struct rc_h128 key;             /* the Idempotency-Key that went out with it */
    uint8_t state, why, doubt;      /* of the step, after the attempt ended */
    uint8_t outcome, fault;         /* enum rc_outcome, enum rc_why: of an action that did not succeed */
    uint32_t rev;                   /* of the record that it began with */
    rc_us began, ended;             /* ended 0: in flight */
    const struct rc_result *result; /* NULL: none came, or lost */
};

/* The attempts of a whole history (records from revision 1 on), oldest first, in the arena. `command` is the
 * command after them. RC_NOMEM, RC_LIMIT; RC_DAMAGED where the history does not fold. */
RC_MUST
enum rc_status rc_view_attempts_of(const struct rc_command *, const struct rc_view_record *, uint32_t n,
                                   struct rc_arena *, struct rc_view_attempt **ret, uint32_t *ret_n,
                                   struct rc_error *);

/* What an attempt came to, as one word of spec/words.def: an outcome, or what a check found. */
struct rc_word rc_view_outcome(const struct rc_view_attempt *);

/* A page of the list of steps and named blocks, in the order of the flow. Copies of loops' bodies that have not begun are not in it. */
struct rc_view_page {
    uint32_t after, limit; /* after: `next` of the page before; 0: from the first one */
    uint32_t states;       /* only those in these states, bits 1 << enum rc_step_state; 0: all */
};
/* Members "steps", `total` and `next` (null on the last page) of the object that is open. */
void rc_view_steps_page(struct rc_json *, const struct rc_command *, const struct rc_view_page *,
                        const char *total, const char *next);

/* The whole command: identity, payload, and the first RC_MAX_SHOWN_STEPS of its steps. */
void rc_view_command(struct rc_json *, const struct rc_command *,
                     const struct rc_view_restored *); /* or NULL */
void rc_view_record(struct rc_json *, const struct rc_command *, const struct rc_view_record *);
/* The members of an action, in the object that is open. */
void rc_view_act(struct rc_json *, const struct rc_act *);
/* A signal as whoever has sent it sees it. */
void rc_view_kept_signal(struct rc_json *, const struct rc_signal *);
/* One that is kept, in a list: without what came with it. */
void rc_view_listed_signal(struct rc_json *, const struct rc_signal *);
void rc_view_attempt(struct rc_json *, const struct rc_command *, const struct rc_view_attempt *);
/* Whether a roll back could not take it back: it may have happened, and declares no undo. */
bool rc_view_cannot_be_undone(const struct rc_command *, uint32_t node);
/* What a move to another version would do. */
void rc_view_move(struct rc_json *, const struct rc_command *, const struct rc_move_plan *);
/* Undo plan, as rc_command_undo_plan has made it. */
void rc_view_plan(struct rc_json *, const struct rc_command *, const struct rc_undo_plan *);

/* The answers to an operator's questions, in words and as data; the last attempts at the end. */
void rc_view_explain(struct rc_json *, const struct rc_command *, const struct rc_explanation *,
                     const struct rc_view_attempt *, uint32_t n);

/* Which actions are allowed now, why each other one is not, and whether a retry is safe: a part of the explanation. */
void rc_view_actions(struct rc_json *, const struct rc_command *, const struct rc_explanation *);

/* A bulk; with what happened to it where `events` is not NULL. */
void rc_view_bulk(struct rc_json *, const char *name, const struct rc_bulk *, rc_us now,
                  const struct rc_bulk_event *events, uint32_t nevents);
/* One item; `now`: its command as it is now, NULL where that is not there any more. */
void rc_view_bulk_item(struct rc_json *, const struct rc_bulk_item *, const struct rc_view_row *now);

/* The state in words, sharper than the state's own text where the steps allow it. */
void rc_view_display(struct rc_buf *, const struct rc_command *);
/* "create", "orders[3].pay"; of what nobody named, the name that people know it by; of the root "the flow". It may live in the
 * buffer. */
struct rc_sv rc_view_step_name(const struct rc_command *, uint32_t at, struct rc_path *);
