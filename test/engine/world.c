/* The world of the simulation for tests that are written by hand: with definitions that they share, as cmocka's fixture. */
#include "world.h"

static const char definitions[] =
    "dependency: out\n"
    "kind: http\n"
    "base: http://127.0.0.1:1\n"
    "limits: {concurrent: 2}\n"
    "---\n"
    "flow: one\n"
    "refs: {customer: \"${payload.customer}\"}\n"
    "steps:\n"
    "  - id: create\n"
    "    call: out\n"
    "    with: {method: POST, path: /things, body: {customer: \"${payload.customer}\"}}\n"
    "    timeout: 10s\n"
    "    retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 5}}\n"
    "    check:\n"
    "      with: {method: GET, path: /things}\n"
    "      settle: 0s\n"
    "      happened: response.body.there\n"
    "---\n"
    "flow: plain\n"
    "steps:\n"
    "  - id: create\n"
    "    call: out\n"
    "    with: {method: POST, path: /things}\n"
    "    retry: {delay: 1s, backoff: constant, jitter: none, limit: {attempts: 5}}\n"
    "---\n"
    "flow: two\n"
    "steps:\n"
    "  - id: first\n"
    "    call: out\n"
    "    with: {method: POST, path: /first}\n"
    "    outputs: {id: \"${response.body.id}\"}\n"
    "  - id: second\n"
    "    call: out\n"
    "    with: {method: POST, path: \"/second/${steps.first.outputs.id}\"}\n";

int world_setup(void **state)
{
    *state = world_open(definitions);
    return 0;
}

int world_teardown(void **state)
{
    world_close(*state);
    return 0;
}
