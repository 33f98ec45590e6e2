/* Answers come on the executor's thread and are handed to the test's over a lock. */
#include "kit.h"

#include "codec/json.h"
#include "core/words.h"

#include <stdio.h>
#include <time.h>

static void on_answer(void *context, struct rc_answer *answer)
{
    struct kit *kit = context;
    pthread_mutex_lock(&kit->lock);
    if (kit->nanswer == KIT_ANSWERS) abort();
    kit->answer[kit->nanswer++] = answer;
    pthread_cond_broadcast(&kit->changed);
    pthread_mutex_unlock(&kit->lock);
}

static void begin(struct kit *kit)
{
    *kit = (struct kit){.next_id = 1};
    pthread_mutex_init(&kit->lock, NULL);
    pthread_cond_init(&kit->changed, NULL);
}

void kit_open_program(struct kit *kit, const struct rc_program_options *options)
{
    struct rc_error err;
    begin(kit);
    struct rc_program_options own = *options;
    own.answer = on_answer;
    own.answer_context = kit;
    if (rc_program_open(&own, &kit->exec, &err) != RC_OK) fail_msg("%s", err.text);
}

void kit_open(struct kit *kit, const struct rc_http_options *options)
{
    struct rc_error err;
    begin(kit);
    struct rc_http_options own = options ? *options : (struct rc_http_options){0};
    own.answer = on_answer;
    own.answer_context = kit;
    if (rc_http_open(&own, &kit->exec, &err) != RC_OK) fail_msg("%s", err.text);
}

void kit_close(struct kit *kit)
{
    rc_exec_close(kit->exec);
    for (int i = kit->taken; i < kit->nanswer; i++) rc_arena_free(kit->answer[i]->arena);
    pthread_mutex_destroy(&kit->lock);
    pthread_cond_destroy(&kit->changed);
}

struct flow_dependency kit_dependency(const char *host, int port)
{
    static char text[8][128];
    static unsigned next;
    char *base = text[next++ % 8];
    snprintf(base, sizeof text[0], "http://%s:%d", host, port);
    return (struct flow_dependency){.name = RC_SV("other"),
                                    .base = rc_sv_of(base),
                                    .host = rc_sv_of(host),
                                    .port = (uint16_t)port,
                                    .allow_private = true,
                                    .concurrent = 256};
}

void kit_start(struct kit *kit, const struct flow_dependency *dependency, const char *json, rc_us timeout,
               uint64_t id)
{
    struct rc_error err;
    struct rc_arena *arena = rc_arena_new(1024, 16 << 20);
    assert_non_null(arena);
    struct rc_start start = {.arena = arena,
                             .effect = {.of = {RC_AGG_COMMAND, 0, id}, .node = 3, .attempt = 2}};
    start.effect.purpose = RC_ACT;
    start.effect.dependency = dependency;
    start.effect.timeout = timeout;
    start.effect.idempotency_key = (struct rc_h128){0x0123456789abcdefu, id};
    if (rc_json_parse(rc_sv_of(json), arena, &start.effect.request, &err) != RC_OK) fail_msg("%s", err.text);
    assert_int_equal(rc_exec_start(kit->exec, &start), RC_OK);
}

struct rc_answer *kit_take(struct kit *kit)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&kit->lock);
    int failed = 0;
    while (kit->taken == kit->nanswer && !failed)
        failed = pthread_cond_timedwait(&kit->changed, &kit->lock, &until);
    struct rc_answer *answer = kit->taken < kit->nanswer ? kit->answer[kit->taken++] : NULL;
    pthread_mutex_unlock(&kit->lock);
    if (!answer) fail_msg("no answer came");
    return answer;
}

struct rc_answer *kit_call_for(struct kit *kit, const struct flow_dependency *dependency, const char *json,
                               rc_us timeout)
{
    uint64_t id = kit->next_id++;
    kit_start(kit, dependency, json, timeout, id);
    struct rc_answer *answer = kit_take(kit);
    assert_int_equal(answer->of.id, id);
    assert_int_equal(answer->node, 3);
    assert_int_equal(answer->attempt, 2);
    assert_int_equal(answer->purpose, RC_ACT);
    return answer;
}

struct rc_answer *kit_call(struct kit *kit, const struct flow_dependency *dependency, const char *json)
{
    return kit_call_for(kit, dependency, json, RC_SECONDS(5));
}

const char *kit_said(const struct rc_answer *answer)
{
    static const char *const why[] = {
#define RC_WHY(code, slug, text) slug,
#include "words.def"
    };
    static char text[128];
    const struct rc_result *r = &answer->result;
    if (r->reach == RC_ANSWERED)
        snprintf(text, sizeof text, "answered %u%s", r->status, r->usable ? "" : " unusable");
    else
        snprintf(text, sizeof text, "%s %s", r->reach == RC_SENT ? "sent" : "not sent", why[r->why]);
    return text;
}

bool kit_has(struct rc_sv text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}
