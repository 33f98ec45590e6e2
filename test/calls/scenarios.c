/* The table of scenarios. */
#include "scenarios.h"

#include <stddef.h>

#define LIST(...)                                                                                            \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }
#define NOTHING                                                                                              \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        NULL                                                                                                 \
    }

#define FIRST "/v1/commands/0000000100000000"
#define BODY  "\nContent-Type: application/json\n\n"
#define SUBMITTED(status, flow, text)                                                                        \
    status " POST /v1/commands" BODY "{\"type\":\"" flow "\",\"key\":\"" flow "-" text                       \
           "\",\"payload\":{\"text\":\"" text "\"}}"
#define SUBMIT(flow, text) SUBMITTED("201|200", flow, text)
#define ACTED(action, more)                                                                                  \
    " POST " FIRST "/actions/" action BODY "{\"reason\":\"seen\",\"key\":\"act-" action "\"" more "}"
#define ACT(action, more) "200" ACTED(action, more)
#define LINE(text)        "{\"type\":\"order\",\"key\":\"line-" text "\",\"payload\":{\"text\":\"" text "\"}}\n"

#define ENDED    SUBMIT("order", "a"), "! 201", "! 200"
#define REJECTED SUBMIT("plain", "a"), "! 422"
#define UNKNOWN  SUBMIT("plain", "a"), "! lost"

/* a second version of a flow, and a new one */
#define FLOWS                                                                                                \
    "{\"files\":[{\"source\":\"more.yaml\",\"text\":\"flow: plain\\nsteps:\\n  - id: send\\n    call: "      \
    "out\\n    with: {method: POST, "                                                                        \
    "path: /other}\\n---\\nflow: late\\nsteps:\\n  - id: send\\n    call: out\\n    with: {method: POST, "   \
    "path: /late}\\n\"}],"                                                                                   \
    "\"reason\":\"more\"}"

#define TOKEN "201 POST /v1/tokens" BODY "{\"subject\":\"shop\",\"role\":\"submitter\",\"reason\":\"new\"}"
#define SPACE "201|409 POST /v1/namespaces" BODY "{\"name\":\"shop\",\"reason\":\"new\"}"

#define SIGNAL(id)                                                                                           \
    "201|200 POST /v1/signals" BODY "{\"name\":\"paid\",\"id\":\"" id "\",\"key\":\"sig-" id                 \
    "\",\"payload\":7}"
#define LEASE "200 POST /v1/work/lease" BODY "{\"queues\":[\"crew\"],\"max\":1}"

/* a flow that starts every minute: with it nothing rests */
#define TIMED                                                                                                \
    "200 POST /v1/definitions" BODY                                                                          \
    "{\"files\":[{\"source\":\"timed.yaml\",\"text\":\"flow: timed\\nschedule: [{id: each, cron: '* * * * "  \
    "*', overlap: allow}]\\nsteps:\\n  - {id: done, set: {n: 1}}\\n\"}],\"reason\":\"more\"}"

const struct scenario scenarios[] = {
    {"start, no store yet", NULL, LIST("@start", "200 GET /readyz"), .rests = true},
    {"start", LIST(ENDED), LIST("@start", "200 GET /readyz"), .rests = true},
    {"start after a crash", LIST(SUBMIT("order", "a"), SUBMIT("order", "b"), SUBMIT("order", "c")),
     LIST("@start", "! 200", "+ 5"), .crashed = true, .rests = true},
    {"submit", NOTHING, LIST(SUBMIT("order", "a")), .rests = true},
    {"submit again", LIST(ENDED), LIST(SUBMITTED("200", "order", "a")), .rests = true},
    {"conflict", LIST(ENDED),
     LIST("409 POST /v1/commands" BODY
          "{\"type\":\"order\",\"key\":\"order-a\",\"payload\":{\"text\":\"b\"}}"),
     .rests = true},
    {"batch", NOTHING,
     LIST("200 POST /v1/commands/batch\nContent-Type: application/x-ndjson\n\n" LINE("a") LINE("b") LINE("c")
              LINE("d")),
     .rests = true},
    {"attempt", LIST(SUBMIT("order", "a"), SUBMIT("order", "b"), SUBMIT("order", "c")),
     LIST("! 201", "! 201"), .rests = true},
    {"result", LIST(SUBMIT("order", "a")), LIST("! 201", "! 200"), .rests = true},
    {"failure", LIST(SUBMIT("order", "a")), LIST("! 429", "+ 2", "! 201"), .rests = true},
    {"check", LIST(SUBMIT("order", "a")), LIST("! lost", "+ 2", "! 200", "+ 2"), .rests = true},
    {"undo", LIST(ENDED), LIST(ACT("roll_back", ""), "! 200", "! 200", "+ 2"), .rests = true},
    {"undo, its answer lost", LIST(ENDED, ACT("roll_back", "")), LIST("! lost", "+ 2", "! 200", "! 200"),
     .rests = true},
    {"retry", LIST(REJECTED), LIST(ACT("retry", ""), "! 201"), .rests = true},
    {"check now", LIST(SUBMIT("order", "a"), "! lost"), LIST("200|409" ACTED("check", "")), .rests = true},
    {"cancel", LIST(SUBMIT("order", "a")), LIST(ACT("cancel", "")), .rests = true},
    {"resolve", LIST(UNKNOWN), LIST(ACT("resolve", ",\"verdict\":\"happened\"")), .rests = true},
    {"skip", LIST(REJECTED), LIST(ACT("skip", "")), .rests = true},
    {"edit", LIST(REJECTED), LIST(ACT("edit", ",\"payload\":{\"text\":\"b\"}"), "! 201"), .rests = true},
    {"assign", LIST(UNKNOWN), LIST(ACT("assign", ",\"owner\":\"olga\"")), .rests = true},
    {"note", LIST(UNKNOWN), LIST(ACT("note", "")), .rests = true},
    {"due", LIST(UNKNOWN), LIST(ACT("due", ",\"due\":\"2030-01-01T00:00:00Z\"")), .rests = true},
    {"bulk",
     LIST(SUBMIT("plain", "a"), "! 422", SUBMIT("plain", "b"), "! 422", SUBMIT("plain", "c"), "! 422"),
     /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one body over two lines */
     LIST("201|200 POST /v1/bulk" BODY
          "{\"action\":\"retry\",\"filter\":{\"state\":\"rejected\"},\"limit\":10,\"reason\":\"mended\","
          "\"key\":\"bulk\"}",
          "200|409 POST /v1/bulk/<id>/run" BODY "{\"reason\":\"go\"}", "+ 2", "! 201", "+ 2", "! 201",
          "! 201", "200 GET /v1/bulk/<id>", "200 GET /v1/bulk/<id>/items"),
     .rests = true},
    {"definitions", LIST(SUBMIT("plain", "a")),
     LIST("200 POST /v1/definitions" BODY FLOWS, SUBMIT("late", "a")), .rests = true},
    {"token", NOTHING, LIST(TOKEN, "200 GET /v1/tokens"), .anew = true},
    {"token revoked", LIST(TOKEN), LIST("200|404 DELETE /v1/tokens/<id>"), .rests = true},
    {"namespace", NOTHING, LIST(SPACE, "200 GET /v1/namespaces"), .rests = true},
    {"namespace set", LIST(SPACE),
     LIST("200 PUT /v1/namespaces/shop" BODY "{\"max_open\":7,\"reason\":\"less\"}"), .rests = true},
    {"namespace deleted", LIST(SPACE), LIST("200|404 DELETE /v1/namespaces/shop"), .rests = true},
    {"purge", LIST(ENDED, SUBMIT("order", "b"), "! 201", "! 200"),
     LIST("200 POST /v1/purge" BODY "{\"ref\":\"customer=a\",\"run\":true,\"reason\":\"old\"}",
          "200 POST /v1/compact" BODY "{\"reason\":\"small\"}"),
     .rests = true},
    {"looks", LIST(ENDED, SUBMIT("plain", "a"), "! lost"),
     LIST("200 GET " FIRST, "200 GET " FIRST "/history", "200 GET " FIRST "/attempts",
          "200 GET " FIRST "/explain", "200 GET " FIRST "/actions", "200 GET " FIRST "/actions/roll_back",
          "200 GET /v1/commands?state=review", "200 GET /v1/commands?ref=customer=a", "200 GET /v1/audit",
          "200 GET /metrics", "200 GET /v1/definitions/flow/order",
          "200 GET /v1/definitions/flow/order/versions/1")},
    {"refusals", LIST(ENDED),
     LIST("400 POST /v1/commands" BODY "{",
          "422 POST /v1/commands" BODY "{\"type\":\"order\",\"payload\":{}}",
          "404 GET /v1/commands/0000000900000000",
          "409 POST " FIRST "/actions/cancel" BODY "{\"reason\":\"no\"}", "404 GET /nowhere",
          "422 POST /v1/definitions" BODY "{\"files\":[{\"source\":\"a\",\"text\":\"flow: 7\"}]}")},
    {"stop", LIST(SUBMIT("order", "a"), SUBMIT("order", "b"), SUBMIT("order", "c")), LIST("+ 1", "@stop"),
     .crashed = true, .rests = true},
    {"backup", LIST(ENDED, SUBMIT("plain", "a")), LIST("@run backup --store {f}/s.db {f}/copy.db"),
     .keeps = true},
    {"export", LIST(ENDED, SUBMIT("plain", "a")),
     LIST("@run export --store {f}/s.db --audit --out {f}/out.ndjson"), .keeps = true},
    {"import", LIST(ENDED, SUBMIT("plain", "a"), "@run export --store {f}/s.db --audit --out {f}/out.ndjson"),
     LIST("@run import --store {f}/imported.db {f}/out.ndjson"), .keeps = true},
    {"audit", LIST(ENDED, ACT("note", "")), LIST("@run audit verify --store {f}/s.db"), .keeps = true},
    /* blocks, children, signals, people, lanes, times, moves and workers. Time goes by when all that was refused has been asked again: in an
     * other order it would be another life */
    {"blocks", NOTHING, LIST(SUBMIT("wide", "a"), "! 200", "! 200", "! 200", "! 200", "+ 2"), .more = true,
     .rests = true},
    {"blocks undone", LIST(SUBMIT("wide", "b"), "! 200", "! 200", "! 200", "! 200"),
     LIST(ACT("roll_back", ""), "! 200", "! 200", "! 200", "! 200"), .more = true, .rests = true},
    {"back to a step", LIST(SUBMIT("wide", "b"), "! 200", "! 200", "! 200", "! 422"),
     LIST(ACT("roll_back", ",\"step\":\"items\""), "! 200"), .more = true, .rests = true},
    {"child", NOTHING, LIST(SUBMIT("parent", "a"), "! 200"), .more = true, .rests = true},
    {"child undone", LIST(SUBMIT("parent", "a"), "! 200"), LIST(ACT("roll_back", ""), "! 200"), .more = true,
     .rests = true},
    {"signal", LIST(SUBMIT("waits", "a")), LIST(SIGNAL("a"), SIGNAL("b"), "200 GET /v1/signals"),
     .more = true, .rests = true},
    {"people", LIST(SUBMIT("asked", "a")),
     LIST("200 GET " FIRST "/explain", "409 POST " FIRST "/actions/deny" BODY "{\"reason\":\"no\"}", "+ 6"),
     .more = true, .rests = true},
    {"lane", LIST(SUBMIT("lane", "a")),
     LIST(SUBMIT("lane", "b"), SUBMIT("lane", "c"), "200 GET /v1/lanes", "! 200", "! 200", "! 200"),
     .more = true, .rests = true},
    {"lane, replaced", LIST(SUBMIT("latest", "a")), LIST(SUBMIT("latest", "b")), .more = true, .rests = true},
    {"later", NOTHING,
     LIST("201|200 POST /v1/commands" BODY "{\"type\":\"lane\",\"key\":\"late\",\"payload\":{\"text\":\"a\"},"
          "\"run_in\":\"5s\",\"deadline\":\"1h\",\"priority\":3}",
          "+ 6", "! 200"),
     .more = true, .rests = true},
    {"deadline",
     LIST("201 POST /v1/commands" BODY "{\"type\":\"waits\",\"key\":\"due\",\"payload\":{\"text\":\"a\"},"
          "\"deadline\":\"5s\"}"),
     LIST("+ 6"), .more = true, .rests = true},
    {"schedule", LIST(TIMED),
     LIST("200 POST /v1/schedules/timed/each/pause" BODY "{\"reason\":\"not now\"}",
          "201|200 POST /v1/schedules/timed/each/run" BODY "{\"key\":\"once\",\"reason\":\"now\"}",
          "200 GET /v1/schedules/timed/each"),
     .more = true},
    {"move", LIST(REJECTED, "200 POST /v1/definitions" BODY FLOWS),
     LIST("200|409 GET " FIRST "/actions/move?version=2",
          "200|412 POST " FIRST "/actions/move\nContent-Type: application/json\nIf-Match: \"2\"\n\n"
          "{\"reason\":\"mended\",\"key\":\"act-move\",\"version\":2}",
          "! 201"),
     .more = true, .rests = true},
    {"lease", LIST(SUBMIT("crew", "a")), LIST(LEASE, "+ 31"), .more = true, .rests = true},
    {"report", LIST(SUBMIT("crew", "a"), LEASE),
     LIST("200|409 POST /v1/work/heartbeat" BODY "{\"heartbeats\":[{\"lease\":\"<id>\"}]}",
          "200|409 POST /v1/work/report" BODY
          "{\"results\":[{\"lease\":\"<id>\",\"outcome\":\"succeeded\"}]}"),
     .more = true, .rests = true},
    {"queue", LIST(SUBMIT("crew", "a"), "200 POST /v1/queues/crew/drain" BODY "{\"reason\":\"a deploy\"}"),
     LIST("200 GET /v1/queues/crew", "200 POST /v1/queues/crew/resume" BODY "{\"reason\":\"done\"}"),
     .more = true, .rests = true},
    {NULL, NULL, NULL},
};
