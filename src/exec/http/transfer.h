#pragma once
/* One transfer at a time on a reused easy handle. Everything here runs on the executor's thread. */
#include "exec/http/answer.h"
#include "exec/http/sockets.h"
#include "exec/job.h"

struct http_transfer {
    CURL *easy;
    struct http_sockets *sockets;
    const struct rc_http_options *options;
    struct rc_arena *scratch; /* of the request; reset after each */
    struct exec_job *job;     /* NULL: free */
    struct http_request request;
    struct http_intake intake;
    rc_us began;
    bool let_go;      /* the request was allowed to leave (transfer.c, before_request) */
    char refused[64]; /* an address that may not be reached; empty: none */
    char error[CURL_ERROR_SIZE];
    struct http_transfer *next;
};

/* NULL: out of memory. */
struct http_transfer *http_transfer_new(struct http_sockets *, const struct rc_http_options *,
                                        struct curl_slist *resolve);
void http_transfer_free(struct http_transfer *);

/* Begins the job. False when it cannot even begin: job->answer.result says why, the transfer is free. */
bool http_transfer_begin(struct http_transfer *, struct exec_job *);
/* curl is done with it: writes job->answer.result and frees the transfer for the next one. Returns the job. */
struct exec_job *http_transfer_end(struct http_transfer *, CURLcode);
/* The executor closes: the same without a word from curl. */
struct exec_job *http_transfer_stop(struct http_transfer *);
