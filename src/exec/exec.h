#pragma once
/* Executors: what performs an attempt that has been committed. They push (http, program); a remote
 * worker pulls and is none.
 *
 * Exactly one answer follows every start that was accepted, also when the executor is closed. Answers come on
 * a thread of the executor's; order is not promised. An attempt leaves at most once: an executor never
 * repeats what may have left. */
#include "core/change.h"

struct rc_exec; /* one kind of executor, running */

/* An effect with the arena in which its parts live. The executor owns the arena from a successful start on
 * and frees it before the answer is handed over; the dependency must live until then. */
struct rc_start {
    struct rc_arena *arena;
    struct rc_effect effect;
};

/* What the receiver of an answer needs to keep it (bytes). It is got when the start is accepted, so that no answer is ever lost for
 * want of memory. */
enum { RC_ANSWER_ROOM = 512 };

/* One ended attempt. It lives in its own arena, which the receiver frees; nothing in it borrows from the
 * effect. */
struct rc_answer {
    struct rc_arena *arena;
    void *room; /* RC_ANSWER_ROOM bytes of the arena, aligned for anything: the receiver's */
    struct rc_addr of;
    uint32_t node;
    uint16_t attempt;
    uint8_t purpose;
    struct rc_result result;
};

/* Takes ownership of the answer's arena; must not block long, and must not close the executor. */
typedef void rc_answer_fn(void *context, struct rc_answer *);

/* Never refuses for room: the gate gave the place. RC_NOMEM, RC_STOPPING: nothing has left, no answer will
 * follow, the caller keeps the arena. Any thread. */
RC_MUST
enum rc_status rc_exec_start(struct rc_exec *, const struct rc_start *);
/* Ends everything in flight and frees it; NULL is allowed. What may have left is answered as sent, why crash;
 * what had not as not sent. No answer comes after it has returned. The caller sees to it that nobody starts
 * anything any more. */
void rc_exec_close(struct rc_exec *);

/* The text of a secret for the sender, copied into the arena; RC_NOT_FOUND. Called on the executor's thread.
 * Its error must not hold the text. */
typedef enum rc_status rc_secret_fn(void *context, struct rc_sv name, struct rc_arena *,
                                    struct rc_sv *ret_text, struct rc_error *);

/* The executor for HTTP dependencies. effect.request is {method, path, query?, headers?, body?}: a body that is a
 * string is sent as it is, anything else as JSON. Every request carries Idempotency-Key, traceparent (one trace per
 * command, one span per attempt) and User-Agent; what decides about framing and identity cannot be given by a flow.
 * What a result says:
 *
 *   not sent   nothing of the request left the process. why: not_sent (may work later), address_refused,
 *              configuration (the request or the dependency must be mended; the error names the field)
 *   sent       some of it may have left and there is no status, or no complete answer within the timeout. why:
 *              timeout, connection_lost, bad_answer (what came is not HTTP), crash (closed meanwhile)
 *   answered   status and headers are complete. usable: so is the body: whole, at most RC_MAX_ANSWER bytes, and
 *              JSON where it says so, else UTF-8 text. Not usable: `error` says why, the body is null. An
 *              excerpt comes with what is not usable and with every status from 400 on.
 *
 * effect.timeout counts from the moment the transfer begins (resolving and connecting included). A start that
 * finds all connections busy waits for one, at most as long as its timeout, else it is answered as not sent.
 * result.took leaves that wait out. Texts of secrets that an answer repeats are masked with '*' (those of at
 * least 6 bytes, where they come back unchanged). */
struct rc_http_options {
    rc_answer_fn *answer;
    void *answer_context;
    rc_secret_fn *secret; /* NULL: there are no secrets */
    void *secret_context;
    uint32_t max_connections; /* 0: 256; at most RC_MAX_CONCURRENT */
    /* tests only: "host:port:address[,address]" as CURLOPT_RESOLVE; NULL in production */
    const char *resolve_test;
    const char *ca_file; /* NULL: the system's */
};
RC_MUST
enum rc_status rc_http_open(const struct rc_http_options *, struct rc_exec **ret, struct rc_error *);

struct rc_http_probe {
    char address[64]; /* numeric, that was connected to */
    rc_us took;       /* for name, connection and TLS */
};
/* Connects to a dependency, with its rules about addresses, and hangs up: no request leaves. `ca_file` NULL: the system's.
 * RC_UNREACHABLE (no such name, no connection, no good certificate; within 5 s), RC_FORBIDDEN (its address is private, and
 * that is not allowed), RC_NOMEM, RC_LIMIT. Blocks; any thread. */
RC_MUST
enum rc_status rc_http_probe(const struct flow_dependency *, const char *ca_file, struct rc_http_probe *ret,
                             struct rc_error *);

/* The executor for programs. effect.request is {program, args?, input?, output?}: `args` is a list of strings, each one argument of
 * execve; no shell is between. `input`, a string or anything else as JSON, is what its stdin holds; without it stdin is /dev/null.
 * `output` says what stdout is: "json", else text (without the line ends at its end).
 *
 * A program runs in a session and a process group of its own, in the dependency's directory, with the dependency's environment and
 * limits and nothing else: no descriptor but 0, 1 and 2, signals as at birth, no new privileges (PR_SET_NO_NEW_PRIVS). Beside the
 * listed variables it gets RECOURSE_IDEMPOTENCY_KEY, RECOURSE_ATTEMPT, RECOURSE_PURPOSE (act, check, undo …) and TRACEPARENT.
 * When it ends, whatever is left of its group is killed. What a result says:
 *
 *   not sent   it has not begun. why: not_sent (may work later), configuration (somebody must mend it: not listed, not allowed,
 *              no such file, not executable, arguments that cannot be passed)
 *   sent       it has begun and how it would have ended is not known. why: timeout (the group got SIGTERM, and SIGKILL after the
 *              dependency's grace), signal (it ended it; or an embedding program has taken the news of its end), crash (closed
 *              meanwhile)
 *   answered   it has exited: `status` is its exit code. usable: stdout is whole, at most RC_MAX_ANSWER bytes, UTF-8, and JSON
 *              where it was to be. An excerpt comes with what is not usable and with every code but 0: the end of stderr, or
 *              where that is empty the beginning of stdout.
 *
 * effect.timeout counts from the moment it begins. A start that finds as many running as may be waits, at most as long as its timeout,
 * else it is answered as not sent. Texts of secrets are masked as by the HTTP executor.
 *
 * When this process ends, however it ends, every group that still runs is killed by a small process beside it (the keeper); what a
 * program has put into a session of its own is out of reach of all this. Needs Linux 5.11 or later. */
struct rc_program_options {
    rc_answer_fn *answer;
    void *answer_context;
    rc_secret_fn *secret; /* NULL: there are no secrets */
    void *secret_context;
    const char *const *allowed; /* absolute paths that may be run, whatever dependencies say; copied */
    uint32_t nallowed;
    uint32_t max_running; /* 0: 64; at most RC_MAX_RUNNING */
};
/* Forks once, for the keeper. RC_INVALID, RC_NOMEM. */
RC_MUST
enum rc_status rc_program_open(const struct rc_program_options *, struct rc_exec **ret, struct rc_error *);
