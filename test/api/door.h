#pragma once
/* api/http.h without sockets: the program that links this gives requests to rc_api itself and is told of every answer. It takes the
 * place of api/http*.c, so it is linked as an object, before the library. One thread; nobody waits and nothing is streamed: a client
 * that asks for either is gone at once. */
#include "api/http.h"

struct http_server {
    struct http_options options;
    bool woken; /* since the user set it to false */
};

struct http_exchange {
    struct rc_sv headers; /* lines "Name: value" */
    unsigned answers;     /* drops, too */
    void *context;        /* the user's */
};

/* The user's: every answer as it is given. */
void door_answered(struct http_exchange *, int status, const struct http_field *, uint32_t nfields,
                   struct rc_sv body);
/* A method by its name; HTTP_OTHER. */
enum http_method door_method(struct rc_sv name);
/* Path and query of a request target. False: it is none that the real door lets pass. */
bool door_target(struct rc_sv target, struct http_request *ret);
/* Gives it to the handler. */
void door_ask(struct http_server *, struct http_exchange *, const struct http_request *);
/* Runs what http_wake asked for. */
void door_turn(struct http_server *);
