#pragma once
/* The parts of the target `core`: what drives (core.c), what people, parents and children say (core_asked.c), and what must hold
 * (core_laws.c). */
#include "fuzz.h"

#include "../golden/world.h"

enum { CORE_EVENTS = 60, CORE_KEYS = 512 };

/* An Idempotency-Key that went out, and with what. */
struct core_key {
    struct rc_h128 key, request;
};

struct core_run {
    struct world world;
    struct rc_sv input;
    struct rc_error why; /* of the last message that was refused */
    bool wild;           /* a message was sent that no engine sends: the gate's count means nothing */
    struct core_key keys[CORE_KEYS];
    uint32_t nkeys;
};

unsigned core_byte(struct core_run *);
/* Printable digits and letters choose members from 0 on. */
unsigned core_choose(struct core_run *, unsigned members);
const struct cel_value *core_bodies(uint32_t *ret_n);

/* A person votes or answers; what is decided on is what is shown, mostly. */
enum rc_status core_decide(struct core_run *);
/* A person edits it, or has it done anew: a successor takes its place. */
enum rc_status core_replace(struct core_run *);
/* To another version, with the plan that was shown, mostly. */
enum rc_status core_move(struct core_run *);
/* The command that a step has started tells how it stands: of any step, or of the first one that waits for one. */
enum rc_status core_child(struct core_run *, bool first);
/* The command that has started this one asks for something. */
enum rc_status core_parent(struct core_run *);

/* What holds behind each event, whose records begin at `from`. */
void core_laws(struct core_run *, uint32_t from);
/* What anybody may be shown at the end. */
void core_view_laws(const struct world *);
