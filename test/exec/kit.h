#pragma once
/* An executor with everything a test needs around it. */
#include "exec/exec.h"
#include "flow/dependency.h"
#include "server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

enum { KIT_ANSWERS = 4096 };

struct kit {
    struct rc_exec *exec;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct rc_answer *answer[KIT_ANSWERS];
    int nanswer, taken;
    uint64_t next_id;
};

/* options may be NULL; its answer function and context are set here. */
void kit_open(struct kit *, const struct rc_http_options *);
void kit_open_program(struct kit *, const struct rc_program_options *);
void kit_close(struct kit *); /* frees what was not taken */

/* The dependency "http://HOST:PORT" that may reach private addresses. The text lives in a static ring of a few. */
struct flow_dependency kit_dependency(const char *host, int port);

/* Starts a request given as JSON. `id` becomes of.id; the idempotency key is made of it. */
void kit_start(struct kit *, const struct flow_dependency *, const char *json, rc_us timeout, uint64_t id);
/* The next answer; fails the test after a minute. The caller frees it with rc_arena_free(answer->arena). */
struct rc_answer *kit_take(struct kit *);
/* Both. Five seconds. */
struct rc_answer *kit_call(struct kit *, const struct flow_dependency *, const char *json);
struct rc_answer *kit_call_for(struct kit *, const struct flow_dependency *, const char *json, rc_us timeout);

/* How the result stands: "sent timeout", "answered 200", "answered 200 unusable" …; in a static buffer. */
const char *kit_said(const struct rc_answer *);
bool kit_has(struct rc_sv text, const char *part);
