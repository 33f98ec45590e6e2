#pragma once
/* A client of the HTTP API, for the command line and for C programs. Blocking; one thread at a time; keeps its
 * connection. The one user of libcurl's easy interface beside exec/http (CONTRIBUTING names the exception). */
#include "base/error.h"
#include "cel/value.h"

struct rc_client;

struct rc_client_options {
    const char *server; /* "http://127.0.0.1:7070" */
    const char *ca;    /* PEM file of who may vouch for an https server; NULL: those that the system trusts */
    const char *token; /* goes out with every call; NULL or empty: none. Never logged, and wiped at close */
    const char *ns;    /* the namespace to work in; NULL or empty: the token's own, or "default" */
    unsigned timeout_ms; /* for a whole call; 0: 90 s, longer than the longest wait of the API */
};

/* RC_INVALID (the address is not http:// or https://; token or namespace hold what cannot stand in a header), RC_NOMEM. */
RC_MUST
enum rc_status rc_client_open(const struct rc_client_options *, struct rc_client **ret, struct rc_error *);
void rc_client_close(struct rc_client *);
/* For a whole call, of those that follow; 0: 90 s. */
void rc_client_set_timeout(struct rc_client *, unsigned ms);

enum { RC_CLIENT_ETAG = 64 };

struct rc_client_call {
    const char *method; /* "GET", "POST", "PUT", "DELETE" */
    const char *path;   /* with query, escaped */
    struct rc_sv body;  /* JSON; empty: none */
    bool lines;         /* the body is NDJSON, and so is the answer: ret_answer has its text only */
    const char *etag;   /* goes out as If-Match; NULL or empty: none */
};

struct rc_client_answer {
    int status;                /* HTTP; 0: none came */
    struct rc_sv text;         /* the body as it came */
    struct cel_value body;     /* parsed, where it is JSON; else null */
    char etag[RC_CLIENT_ETAG]; /* empty where there is none */
    bool held;                 /* the server's store is held after it was restored: nothing leaves */
    bool replayed;             /* the server did nothing new: it had been asked this before */
};

/* Everything of the answer lives in the arena. RC_OK only for 2xx with JSON or nothing in it. A problem gives its own status and detail,
 * and ret_answer holds it (it is written whenever an answer came). Others: RC_UNREACHABLE (nothing was sent),
 * RC_COMMIT_UNKNOWN (a POST was sent and no answer came: whether it was done is not known; ask again with the
 * same key), RC_LIMIT (the answer is too large), RC_NOMEM. */
RC_MUST
enum rc_status rc_client_do(struct rc_client *, const struct rc_client_call *, struct rc_arena *,
                            struct rc_client_answer *ret_answer, struct rc_error *);

/* One event of a stream (GET /v1/events). Texts are valid for the call; absent ones are empty. */
struct rc_client_event {
    struct rc_sv id, type, data; /* the first block of a stream has an id only: the place where it begins */
};
/* False: enough. */
typedef bool rc_client_take(void *context, const struct rc_client_event *);

/* Follows a stream of events. RC_OK: `take` had enough, or the server ended the stream. RC_UNREACHABLE: no answer, or the connection
 * broke: go on behind the last id. A problem is told as by rc_client_do. */
RC_MUST
enum rc_status rc_client_follow(struct rc_client *, const char *path, rc_client_take *, void *context,
                                struct rc_arena *, struct rc_error *);

/* A text as a part of a path or query: everything but letters, digits and -._~ is percent-encoded (RFC 3986).
 * p is NULL where the arena refuses. */
struct rc_sv rc_client_escape(struct rc_arena *, struct rc_sv);
