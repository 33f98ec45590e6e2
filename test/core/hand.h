#pragma once
/* A command that was made by hand, and not by messages: for what functions of the core say of states that are told apart by one field. */
#include "core/advance.h"
#include "core/draft.h"
#include "core/tree.h"

#include <string.h>

/* first, pay, second, { deep }: two approvals, each with what it releases; the last one is a branch within a block. */
enum { ROOT, FIRST, PAY, SECOND, BLOCK, DEEP, NODES };

struct hand {
    struct flow flow;
    struct flow_step step[NODES];
    struct rc_node node[NODES];
    struct rc_data data[NODES];
    struct rc_command c;
};

static inline void make(struct hand *hand)
{
    static const struct {
        enum flow_kind kind;
        const char *id;
        uint16_t parent, end, place, body;
        bool approvals;
    } row[NODES] = {
        [ROOT] = {FLOW_LINEAR, "", 0, NODES, 0, NODES - 1, false},
        [FIRST] = {FLOW_APPROVE, "first", 0, PAY, 0, 0, false},
        [PAY] = {FLOW_CALL, "pay", 0, SECOND, 1, 0, true},
        [SECOND] = {FLOW_APPROVE, "second", 0, BLOCK, 2, 0, true},
        [BLOCK] = {FLOW_PARALLEL, "", 0, NODES, 3, 1, true},
        [DEEP] = {FLOW_CALL, "deep", BLOCK, NODES, 0, 0, false},
    };
    memset(hand, 0, sizeof *hand);
    for (unsigned i = 0; i < NODES; i++) {
        hand->step[i] = (struct flow_step){.id = rc_sv_of(row[i].id),
                                           .kind = row[i].kind,
                                           .parent = row[i].parent,
                                           .end = row[i].end,
                                           .place = row[i].place,
                                           .body = row[i].body,
                                           .copies = 1,
                                           .approvals = row[i].approvals};
        hand->node[i] = (struct rc_node){.node = (flow_node)i, .parent = row[i].parent};
    }
    hand->flow = (struct flow){.steps = hand->step, .nsteps = NODES, .approves = true, .ninstances = NODES};
    hand->c =
        (struct rc_command){.flow = &hand->flow, .nnodes = NODES, .node = hand->node, .data = hand->data};
}
