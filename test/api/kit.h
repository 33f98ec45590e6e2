#pragma once
/* A server of api/http.h in a thread, and clients that send bytes. */
#include "api/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    KIT_ANSWER = 64 << 10,
    KIT_BODY = 1000,
    KIT_HEADERS = 2000,
    KIT_LINES = 20,
    KIT_TARGET = 500,
    KIT_PARKED = 16,
    KIT_LARGE = 16 << 20
};

/* The handler answers "METHOD PATH?QUERY body=N"; /park parks, /watch
 * parks and is answered "over" when its watch says so, /who answers its token and namespace, /drop parks and is dropped
 * at the next wake, /large answers KIT_LARGE bytes. */
struct kit {
    struct http_server *server;
    pthread_t thread;
    uint16_t port;
    struct http_exchange *parked[KIT_PARKED];
    bool drop[KIT_PARKED];
    _Atomic unsigned nparked, answered, handled, woken;
};

int kit_open(void **state);  /* cmocka's setup */
int kit_close(void **state); /* and teardown */
/* What kit_open uses, for tests that change it before kit_start. */
struct http_options kit_options(void);
struct kit *kit_start(uint32_t max_connections);
struct kit *kit_start_with(const struct http_options *);

int kit_connect(const struct kit *);
int kit_connect_from(const struct kit *, const char *address); /* one of loopback */
void kit_write(int fd, const char *bytes, size_t n);
enum { KIT_PATIENCE_MS = 60000 }; /* for what must come on a busy machine */
/* Reads until the peer closes, or until `answers` answers with their bodies are there, or for `ms`. Terminated. */
struct kit_answer {
    char text[KIT_ANSWER];
    bool closed;
    unsigned n; /* answers */
};
void kit_read(int fd, unsigned answers, int ms, struct kit_answer *);
/* One connection: sends the text, reads as kit_read, closes. */
void kit_send(const struct kit *, const char *text, unsigned answers, struct kit_answer *);
/* Until the counter is at least this, or the test fails. */
void kit_until(_Atomic unsigned *, unsigned least);
