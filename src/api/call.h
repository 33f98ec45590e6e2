#pragma once
/* One request of a client while it is worked on, and what the handlers share. Internal to api/. */
#include "api/api.h"
#include "api/http.h"
#include "api/rate.h"
#include "base/limits.h"
#include "core/access.h"
#include "codec/view.h"

#include <pthread.h>
#include <stdatomic.h>

#define API_LOCAL "local" /* the subject where nobody is asked who it is */

enum {
    API_PARAMS = 4,      /* variable segments of a path */
    API_QUERY = 12,      /* query parameters of a route */
    API_FIELDS = 4,      /* headers of an answer */
    API_ERRORS = 32,     /* errors of one 422 */
    API_LINE_ERRORS = 8, /* of one line of a batch: all lines' together must fit in API_MAX_INPUT */
    API_FIELD_TEXT = 128,
    API_REQUEST_ID = 64,         /* bytes of a request's id */
    API_USES = 256,              /* tokens whose use is noted at a time */
    API_WAIT_LISTS = 1024,       /* of calls that wait; a power of two */
    API_MAX_EVENT = 16 << 10,    /* bytes of one event */
    API_MAX_ANSWER = 64 << 20,   /* bytes of one answer's body */
    API_MAX_SCRATCH = 256 << 20, /* bytes that one read may use */
    API_MAX_INPUT = 16 << 20     /* bytes that one parsed body may use */
};

/* Where a handler runs: on the API's thread, or on a reader's: those of little reads (a single thing), or of long ones. What
 * reads the store does not run on the API's thread. */
enum api_reads { API_READS_NOTHING, API_READS_LITTLE, API_READS_MUCH };

/* What a reader's thread works on (readers.c). */
struct api_job {
    struct api_job *next;
    struct rc_api *api;
    void (*work)(struct api_job *); /* on a reader's thread */
    void (*done)(struct api_job *); /* after it, on the API's thread */
    _Atomic rc_us until;            /* monotonic: it is given up then */
    uint64_t number;                /* in the order of coming */
    enum api_reads reads;
    bool at_work; /* from handing over until it is back */
};
struct api_line {
    struct api_job *first, **last;
    uint32_t n;
};
struct api_readers;
struct api_reader_thread {
    struct api_readers *readers;
    pthread_t id;
    pthread_cond_t wanted;
    bool little_only;
    bool idle; /* waits for work; with the lock held */
};
struct api_readers {
    struct rc_api *api;
    uint32_t n, started; /* threads; 0: what is handed over is worked on at once */
    struct api_reader_thread thread[RC_MAX_READERS];
    pthread_mutex_t lock;    /* guards the lines; never held for longer than a few steps */
    struct api_line line[2]; /* little reads, long ones */
    uint64_t number;
    _Atomic(struct api_job *) ended; /* newest first */
    _Atomic uint32_t under_way;      /* jobs that were handed over and are not back */
    atomic_bool stopping;
};

/* Complaints about one request: of whichever thread works on it. */
struct api_desk {
    struct rc_error errors[API_ERRORS];
    uint32_t nerrors;
};

struct api_call;
/* RC_OK: the answer stands in the call, or the call is parked. Anything else becomes a problem. */
typedef enum rc_status api_handler(struct api_call *, struct rc_error *);

/* Members of a body: name, type, bound and where they go in the decoded struct. */
enum api_type { API_TEXT, API_BOOL, API_ANY, API_OBJECT, API_LIST, API_NUMBER, API_COUNT };
struct api_field {
    const char *name;
    enum api_type type;
    uint32_t max; /* bytes of a text, items of a list, the highest number */
    bool required;
    size_t offset;  /* of a struct rc_sv, bool, uint64_t (count) or struct cel_value (also a number) */
    uint32_t least; /* the lowest number */
};
struct api_shape {
    const struct api_field *fields;
    uint32_t n;
    size_t size;
    bool lines; /* the body is lines, each of this shape (application/x-ndjson); the handler reads them */
};

struct api_route {
    enum http_method method; /* GET also answers HEAD */
    const char *path;        /* "/v1/commands/{id}" */
    enum rc_permission permission;
    const char *query[API_QUERY]; /* names that are known; others are errors */
    const struct api_shape *body; /* NULL: none */
    api_handler *handle;
    api_handler *finish;                /* after the engine said RC_OK; writes the answer */
    const char *text;                   /* for the index */
    enum api_reads reads, finish_reads; /* where `handle` and `finish` run */
};
extern const struct api_route api_routes[];
extern const uint32_t api_nroutes;

struct api_call {
    struct rc_receiver receiver; /* first: the engine's reply finds the call through it */
    struct rc_api *api;
    struct api_call *next; /* free list, list of those that wait, or queue of replies */
    const struct api_route *route;
    struct http_exchange *exchange;
    struct http_request http;
    struct rc_arena *arena; /* of this call: the scratch arena, or one that the engine may keep */
    /* until the answer: the API's thread's, or one of its own where a reader works on it */
    struct rc_arena *scratch;
    struct api_desk *desk; /* of the thread that works on it */
    struct api_job job;
    api_handler *next_step; /* what a handler has asked for (api_go_on); NULL: the answer is next */
    enum api_reads next_reads;
    enum api_ending {
        API_OPEN,
        API_STARVED,
        API_ANSWERED,
        API_DROPPED
    } ending;                  /* what a reader made of it */
    bool trouble;              /* the answer is a problem */
    struct rc_known *known;    /* what was known when it was handed over; NULL: on the API's thread */
    struct http_watch *watch;  /* whether the client stays, while a long read runs */
    struct rc_request *posted; /* what a reader's handler has left for the API's thread to post */
    uint32_t nposted;
    struct rc_sv param[API_PARAMS], query[API_QUERY]; /* decoded; query: p is NULL where absent */
    struct rc_subject who;                            /* its texts live as long as the call */
    uint64_t token;                                   /* with which it was asked; 0: none */
    char who_name[RC_MAX_ACTOR], who_bound[RC_MAX_NAME], who_ns[RC_MAX_NAME]; /* texts of `who` */
    const void *body; /* decoded as route->body says */
    void *state;      /* what a handler leaves for its finish; in an arena that is still there then */
    bool parked;
    bool done;     /* what was asked for is committed: an answer that says otherwise would be wrong */
    bool taken;    /* the exchange is a stream's: there is nothing to answer */
    uint32_t left; /* replies that are missing; the engine's thread only */
    struct rc_request request;
    struct {             /* wait.c */
        struct rc_id id; /* of the command */
        uint32_t ms;     /* 0: not asked for */
        int status;      /* of the answer */
        bool entered;    /* stands in a list, or comes back from it as a reply */
        /* a reader looks at the command: who takes the call out of its list leaves it to the reader's end; under wait_lock, like
         * `stirred` */
        bool looking;
        bool stirred; /* it was taken out meanwhile */
        struct http_watch *watch;
    } wait;
    char type[RC_MAX_NAME + 1], key[RC_MAX_KEY + 1]; /* of a submission: the arena may be gone at its reply */
    /* trace.c */
    char request_id[API_REQUEST_ID + 1], subject[RC_MAX_ACTOR + 1];
    struct rc_id about; /* the command that it is about; seq 0: none, or not known */
    rc_us started;      /* monotonic */
    /* the answer */
    int status; /* 0: none, the connection is closed */
    const char *content_type;
    struct rc_buf out;
    struct rc_json json; /* writes to out */
    struct http_field field[API_FIELDS];
    char field_text[API_FIELDS][API_FIELD_TEXT];
    uint32_t nfields;
    uint32_t retry_after; /* seconds, of a problem; 0: as its code says */
};

/* Uses of tokens on their way to the store (auth.c). */
struct api_uses {
    struct rc_receiver receiver; /* first */
    struct rc_request request;
    struct rc_token_use waiting[API_USES], leaving[API_USES];
    uint32_t n;
    struct rc_map last; /* when one was noted, by token */
    _Atomic bool posted;
};

struct rc_api {
    struct rc_api_options options;
    struct http_server *http;
    struct rc_arena *scratch; /* one call at a time, from its handler's start to its answer */
    struct api_desk desk;     /* of the API's thread */
    struct api_readers readers;
    struct api_call *free;
    _Atomic(struct api_call *) replies; /* newest first */
    bool unflushed;                     /* engine's thread only */
    _Atomic bool draining, leaving;
    _Atomic uint32_t parked, waiting;
    pthread_mutex_t wait_lock;                    /* guards the lists */
    struct api_call *waiting_for[API_WAIT_LISTS]; /* by the command's number */
    uint64_t ids;                                 /* the stream of random numbers behind the requests' ids */
    uint64_t log_second, log_lines, log_left_out; /* trace.c */
    char *piece;                                  /* events.c: memory for what one stream gets at a time */
    struct api_page *page;                        /* events.c: what is read for the streams */
    struct api_stream *streams;                   /* events.c */
    _Atomic uint32_t listening;                   /* how many streams there are; the engine's thread looks */
    _Atomic bool stirred;                         /* something was committed that streams have not seen */
    uint64_t requests, problems, stalled;         /* counters for /metrics */
    struct api_rate rate;
    struct api_uses uses;
};

/* ---- answering (answer.c) */

/* Starts the answer's body; what follows goes to call->json. */
void api_begin(struct api_call *, int status);
void api_add_field(struct api_call *, const char *name, const char *format, ...) RC_PRINTF(3, 4);
/* The ETag of a command is its revision. */
void api_add_etag(struct api_call *, uint32_t rev);
/* "/v1/commands/ID" */
void api_command_path(char ret_text[API_FIELD_TEXT], uint64_t seq, uint64_t nonce);
/* Where the command is. */
void api_add_location(struct api_call *, uint64_t seq, uint64_t nonce);
void api_drop(struct api_call *); /* no answer: the connection is closed. Not from within a handler */
void api_send(struct api_call *);
/* Gives the memory back that its input and its answer are in. */
void api_free_arenas(struct api_call *);
/* Makes the answer of what stands in `out`, or a problem of the status; whichever thread works on the call. */
void api_compose(struct api_call *, enum rc_status, const struct rc_error *);
/* A problem document as the member `name`, with up to `errors` of the complaints and, at a conflict of keys, the
 * address of the first command. */
void api_put_problem(struct api_call *, struct rc_json *, const char *name, enum rc_status,
                     const struct rc_error *, uint32_t errors, const struct rc_outline *first);
/* The call is over; its memory goes back. */
void api_end(struct api_call *);

/* ---- reading off the API's thread (readers.c) */

/* Asked of a handler on whatever thread, which then returns RC_OK: this goes on with the call, there where `reads` says. */
static inline void api_go_on(struct api_call *call, enum api_reads reads, api_handler *step)
{
    call->next_step = step;
    call->next_reads = reads;
}
/* A step has returned: the next one, or the answer. On the API's thread; the call may be gone afterwards. (steps.c) */
void api_settle(struct api_call *, enum rc_status, struct rc_error *);
/* The call of a job; NULL: it is another one's. */
struct api_call *api_call_of(struct api_job *);
void api_read_call(struct api_job *); /* work and done of a call's job */
void api_have_read(struct api_job *);
/* On the API's thread. The job is the readers' until `done`. False: too many wait already, which does not hold for one that `must`. */
RC_MUST
bool api_hand_over(struct api_job *, bool must);
/* It has not longer than this, from now on. */
void api_hurry(struct api_job *, rc_us until);
/* On the API's thread: `done` of what the readers have ended. */
void api_take_back(struct rc_api *);
/* The only way to a reader of the store, on the thread that works on the job. As rc_shelf's borrow. */
RC_MUST
enum rc_status api_borrow(struct api_job *, struct rc_reader **ret, struct rc_error *);
void api_return(const struct api_job *, struct rc_reader *);
/* Any thread: whether the job (context) must come to its end; and then why: never RC_OK. */
bool api_job_is_over(void *context);
enum rc_status api_job_why_over(const struct api_job *, struct rc_error *);
void api_readers_init(struct rc_api *);
RC_MUST
enum rc_status api_readers_start(struct rc_api *, struct rc_error *);
void api_readers_stop(struct rc_api *); /* nobody reads from then on */
void api_readers_free(struct rc_api *);

/* Who is known. */
const struct rc_known *api_known(const struct api_call *);

/* ---- ids of requests, and their lines in the log (trace.c) */

/* Takes the id that the client gave, or makes one. */
void api_trace_begin(struct api_call *);
/* Once it is known who asks. */
void api_trace_subject(struct api_call *);
/* The command that the answer is about. */
static inline void api_about(struct api_call *call, uint64_t seq, uint64_t nonce)
{
    call->about = rc_id_of(seq, nonce);
}
/* When the call is over. */
void api_trace_end(struct api_call *);

/* ---- requests (input.c) */

RC_MUST
bool api_match(const char *pattern, struct rc_sv path, struct rc_sv *ret_param);
/* Decodes percent escapes into the arena. RC_SYNTAX. */
RC_MUST
enum rc_status api_unescape(struct rc_sv, bool plus_is_blank, struct rc_arena *, struct rc_sv *ret,
                            struct rc_error *);
RC_MUST
enum rc_status api_read_query(struct api_call *, struct rc_error *);
/* An arena for what is read from a body of n bytes; NULL: out of memory. */
RC_MUST
struct rc_arena *api_input_arena(uint32_t n);
/* Gives a call without a body an arena of its own: what is posted must live until the reply, and the scratch arena is the
 * next call's. */
RC_MUST
enum rc_status api_own_arena(struct api_call *, struct rc_error *);
RC_MUST
enum rc_status api_read_body(struct api_call *, struct rc_error *);
/* A value as the shape says; errors go to api->errors with pointers below `prefix`. */
RC_MUST
enum rc_status api_decode(struct api_call *, const struct api_shape *, struct cel_value, const char *prefix,
                          void *ret, struct rc_error *);
/* Where a parameter of this name stands in call->query; -1: the route does not know it. */
int api_query_index(const struct api_route *, struct rc_sv name);
/* The query parameter with this name of the route; p is NULL where absent. What is there is not empty. */
struct rc_sv api_query(const struct api_call *, const char *name);
/* A number within bounds; `otherwise` where absent. */
RC_MUST
enum rc_status api_query_number(const struct api_call *, const char *name, uint64_t least, uint64_t most,
                                uint64_t otherwise, uint64_t *ret, struct rc_error *);
/* Adds one error of a 422. */
void api_complain(struct api_call *, const char *pointer, const char *format, ...) RC_PRINTF(3, 4);
/* Complains where a text that narrows what is meant is there and empty. */
bool api_refuse_empty(struct api_call *, const char *pointer, struct rc_sv);
/* RC_OK, or RC_INVALID where there were complaints. */
RC_MUST
enum rc_status api_complaints(struct api_call *, struct rc_error *);

/* ---- who may (guard.c, auth.c) */

RC_MUST
bool api_is_loopback(const char *address);
/* Host and Origin name this server, so that no page of another site can talk to it (DNS rebinding). */
RC_MUST
enum rc_status api_check_origin(const struct api_call *, struct rc_error *);
/* Whether the token with which something was asked (0: none was needed) still works: for what has been waiting, or goes on. */
RC_MUST
enum rc_status api_token_works(const struct rc_api *, uint64_t token, struct rc_error *);
void api_uses_open(struct api_uses *);
void api_uses_close(struct api_uses *); /* after the engine */
/* Finds out who asks, and whether the route is for them. Sets call->who. */
RC_MUST
enum rc_status api_authorize(struct api_call *, struct rc_error *);
/* Whether it may be done to this object (rc_access with the route's permission). Every handler that has loaded a thing of a
 * namespace asks. */
RC_MUST
enum rc_status api_may(const struct api_call *, const struct rc_object *, struct rc_error *);
/* In whose name: `named` where the request names somebody and may, else the subject. */
RC_MUST
enum rc_status api_actor(const struct api_call *, struct rc_sv named, struct rc_sv *ret, struct rc_error *);

/* ---- engine (dispatch.c) */

/* "GET"; "?" for HTTP_OTHER. */
const char *api_method_name(enum http_method);

/* Posts call->request and parks the call. */
RC_MUST
enum rc_status api_post(struct api_call *, struct rc_error *);
/* The same for n requests that are linked by `next`, all or none; the call's finish runs after the last reply. */
RC_MUST
enum rc_status api_post_all(struct api_call *, struct rc_request *first, uint32_t n, struct rc_error *);

/* From then on the call is not parked any more; answers it, or goes on. */
void api_resume(struct api_call *);
/* Hands a call to the API's thread, which resumes it in on_woken. */
void api_push(struct api_call *);

/* ---- waiting for a command (wait.c) */

/* From the query or the header Prefer into call->wait.ms. */
RC_MUST
enum rc_status api_read_wait(struct api_call *, struct rc_error *);
/* Answers with the command, as soon as it rests where call->wait.ms says so. */
RC_MUST
enum rc_status api_answer_when_rested(struct api_call *, struct rc_id, int status, struct rc_error *);
/* What a call that waited is answered with. */
RC_MUST
enum rc_status api_waited(struct api_call *, struct rc_error *);
/* The call does not wait any more. */
void api_stop_waiting(struct api_call *);
/* Any thread: who waits for the command (0: for any) is pushed; whether anybody did. */
bool api_wake_waiting(struct rc_api *, uint64_t seq);
/* Who waits with this token looks again. */
void api_wake_token(struct rc_api *, uint64_t token);

/* ---- streams of events (events.c) */

/* Any thread: there may be something new for the streams. */
void api_stir_streams(struct rc_api *);
/* Gives them what is new, where something was stirred. */
void api_pump_streams(struct rc_api *);
void api_free_page(struct rc_api *); /* when nobody reads any more */
/* Ends all of them; with last words where `reason` is not NULL. */
void api_end_streams(struct rc_api *, const char *reason);

/* ---- reading (read.c) */

/* The query parameter `limit`, within what a page may have. */
RC_MUST
enum rc_status api_query_page(const struct api_call *, uint64_t *ret, struct rc_error *);
/* A time; `ret` stays where it is absent. RC_SYNTAX. (list.c) */
RC_MUST
enum rc_status api_query_time(const struct api_call *, const char *name, rc_us *ret, struct rc_error *);
/* Words with commas between them, as bits of the numbers that `number_of` gives, from `least` on. RC_SYNTAX. */
RC_MUST
enum rc_status api_read_words(struct rc_sv text, const char *what, int (*number_of)(struct rc_sv), int least,
                              uint64_t *ret_bits, struct rc_error *);
/* "failed,review" as bits. RC_SYNTAX. (list.c) */
RC_MUST
enum rc_status api_read_states(struct rc_sv text, uint32_t *ret_bits, struct rc_error *err);

/* A command with its history, as far as a handler needs it. */
struct api_loaded {
    struct rc_command command;
    struct rc_record *records;
    uint32_t n;
};
RC_MUST
enum rc_status api_load(struct api_call *, struct rc_id, struct api_loaded *ret, struct rc_error *);
/* The same by its number, with a reader that was borrowed; nobody has asked whether it may be seen. */
RC_MUST
enum rc_status api_load_seq(struct api_call *, struct rc_reader *, uint64_t seq, struct api_loaded *ret,
                            struct rc_error *);
/* Of one that waits for commands which it has started: which one below it waits for a person, and for what; and whether what it has started
 * would let it be retried. (child.c) */
struct rc_explanation;
RC_MUST
enum rc_status api_look_below(struct api_call *, const struct rc_command *, struct rc_explanation *io,
                              struct rc_error *);
/* child.c: rc_command_would, and what those say who would be asked in turn: a retry that a child refuses is refused. */
RC_MUST
enum rc_status api_would(struct rc_reader *, const struct flow_set *, const struct rc_command *,
                         const struct rc_act *, struct rc_arena *work, struct rc_error *);
/* What is said of a command that was purged: RC_PURGED, or RC_NOT_FOUND where the id is not its own. */
RC_MUST
enum rc_status api_say_purged(struct api_call *, struct rc_id, struct rc_error *);
void api_put_command(struct api_call *, int status, const struct api_loaded *);

/* "after this" in pages of lists. RC_SYNTAX. */
RC_MUST
enum rc_status api_read_cursor(struct rc_sv text, uint64_t *ret_before, struct rc_error *);
/* A filter that stands in a body as an object: the same parameters as in the query of the list, as texts. Complaints have pointers
 * below /filter. */
RC_MUST
enum rc_status api_filter_of(struct api_call *, struct cel_value object, struct rc_filter *ret,
                             struct rc_error *);

/* ---- handlers */
api_handler api_whoami, api_tokens, api_token, api_token_new, api_token_made, api_token_revoke,
    api_token_revoked;
api_handler api_namespaces, api_namespace, api_namespace_new, api_namespace_made, api_namespace_set,
    api_namespace_was_set;
api_handler api_namespace_remove, api_namespace_removed;
extern const struct api_shape api_token_shape, api_namespace_shape, api_quotas_shape;
api_handler api_index, api_health, api_ready, api_metrics, api_problem;
api_handler api_submit, api_submitted, api_batch, api_batched;
api_handler api_attempts, api_steps, api_version, api_version_diff;
api_handler api_list, api_get, api_get_by_key, api_history, api_explain, api_preview, api_preview_move,
    api_actions, api_events;
api_handler api_act, api_acted;
api_handler api_audit, api_purge, api_purged, api_compact, api_compacted;
api_handler api_definitions, api_definition, api_apply, api_applied;
api_handler api_schedules, api_schedule, api_schedule_order, api_schedule_ordered;
extern const struct api_shape api_schedule_shape;
api_handler api_hold, api_release, api_released;
api_handler api_signal, api_signalled, api_signals, api_signal_end, api_signal_ended, api_lanes;
extern const struct api_shape api_signal_end_shape;
extern const struct api_shape api_signal_shape;
extern const struct api_shape api_purge_shape, api_compact_shape, api_release_shape;
api_handler api_bulk_make, api_bulk_made, api_bulk_order, api_bulk_ordered;
/* The address of the bulk that has the key already, as a member of a problem. */
void api_put_bulk_path(const struct api_call *, struct rc_json *);
api_handler api_bulk_list, api_bulk_get, api_bulk_items;
api_handler api_lease, api_leased, api_report, api_reported, api_queues, api_queues_read, api_queue_order;
extern const struct api_shape api_lease_shape, api_report_shape, api_heartbeat_shape, api_queue_shape;
extern const struct api_shape api_bulk_shape, api_order_shape;
extern const struct api_shape api_submit_shape, api_batch_shape, api_act_shape, api_apply_shape;

/* The hold that is not released; NULL. */
const struct rc_hold *api_held(const struct api_call *);
/* Whether the command is one that a restored store points out, and how. */
bool api_restored(const struct api_call *, uint64_t seq, uint8_t state, rc_us created, rc_us changed,
                  struct rc_view_restored *ret);

/* The body of a reply that is a command's outline; `type` and `key` may be empty. */
void api_put_outline(struct api_call *, const struct rc_outline *);
/* The answer to an action: the command, and what has taken its place. */
void api_put_acted(struct api_call *, const struct rc_outline *, struct rc_link successor);
/* The same as the member `name`, without headers. */
void api_put_row(const struct api_call *, struct rc_json *, const char *name, struct rc_sv type,
                 struct rc_sv key, const struct rc_outline *);
/* The id in the path. RC_NOT_FOUND for what is no id. */
RC_MUST
enum rc_status api_param_id(const struct api_call *, struct rc_id *ret, struct rc_error *);
