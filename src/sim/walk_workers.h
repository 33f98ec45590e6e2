#pragma once
/* Lives with workers: what the rest of a life calls (private to sim/; walk.h includes it). */
#include "sim/walk.h"

/* Decides whether this life is one of workers; its flows are written anew then. */
void walk_define_workers(struct walk *);
void walk_forget_workers(struct walk *);
/* What a dependency of workers says of itself; and the call of a step, which workers may do. */
const char *walk_worker_text(const struct walk *, uint32_t dependency, char *to, size_t n);
void walk_put_call(struct walk *, uint32_t dependency, uint32_t id);
const char *walk_with(const struct walk *, const char *request, const char *task);
/* Workers ask, live, go and report late; people stop their queues. Or nobody does anything. */
void walk_workers_act(struct walk *);
/* Somebody asks who can do everything, if there is something to do: false: there is not. */
bool walk_workers_serve(struct walk *);
/* Every queue flows again. */
void walk_workers_end_faults(struct walk *);
/* Another process of the engine has begun; an older state is put in the place of today's. */
void walk_workers_live_on(struct walk *);
void walk_workers_lose_touch(struct walk *);
/* What the worker that has leased left[i] says, or that it falls silent; and the same once more. */
void walk_worker_says(struct walk *, uint32_t i, const struct rc_result *, const char *body);
void walk_worker_repeats(struct walk *, uint32_t i);
uint32_t walk_workers_asking(const struct walk *);
/* Where a protection is off, before a turn. */
void walk_spoil_leases(struct walk *);
bool walk_is_task(const struct rc_command *, uint32_t at);
/* A worker was answered; a record is about to be folded; a turn is over, and the engine sleeps. */
void walk_laws_of_work_reply(struct walk *, const struct walk_request *);
void walk_laws_of_reports(struct walk *, const struct walk_seen *, const struct rc_record *);
void walk_laws_of_leases(struct walk *);
void walk_laws_of_idle_workers(struct walk *);
