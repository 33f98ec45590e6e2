/* From what a client sent to the identity of a command. */
#include "engine/prepare.h"

#include "base/limits.h"
#include "base/random.h"
#include "base/utf8.h"
#include "flow/schema.h"

#include <stdio.h>

struct errors {
    struct rc_error *list;
    uint32_t cap, n;
};

static void add_error(struct errors *errors, enum rc_status status, const char *pointer, const char *text)
{
    if (errors->n < errors->cap) {
        struct rc_error *error = &errors->list[errors->n];
        enum rc_status kept = rc_fail(error, status, "%s", text);
        size_t n = strlen(pointer);
        if (kept == status && n < sizeof error->pointer) memcpy(error->pointer, pointer, n + 1);
    }
    errors->n++;
}

/* An expression of the flow makes nothing of the payload; `what` it is for, as its writer would say it. */
static void add_eval_error(struct errors *errors, const char *what, const struct rc_error *error)
{
    struct rc_error said;
    add_error(errors, rc_fail(&said, RC_EVAL, "the flow's %s: %s", what, error->text), "/payload", said.text);
}

bool rc_is_label(struct rc_sv text, uint32_t max)
{
    if (text.n == 0 || text.n > max || !rc_utf8_valid(text)) return false;
    for (uint32_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f) return false;
    return true;
}

bool rc_is_name(struct rc_sv text)
{
    for (uint32_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                    c == '-' || c == '.';
        if (!fine) return false;
    }
    return text.n > 0 && text.n <= RC_MAX_NAME;
}

/* A site of the flow over the payload alone. */
static enum rc_status eval(const struct flow *flow, flow_site site, struct cel_value payload,
                           struct rc_arena *arena, struct cel_value *ret, struct rc_error *err)
{
    struct cel_value roots[FLOW_ROOTS];
    for (unsigned i = 0; i < FLOW_ROOTS; i++) roots[i] = (struct cel_value){.kind = CEL_UNKNOWN};
    roots[FLOW_ROOT_PAYLOAD] = payload;
    struct cel_env env = {.roots = roots, .nroots = FLOW_ROOTS};
    return cel_eval(flow->sites[site].prog, &env, arena, ret, err);
}

/* Text of a scalar, or p NULL. */
static struct rc_sv scalar_text(struct cel_value value, struct rc_arena *arena)
{
    if (value.kind == CEL_STRING) return cel_text(value);
    if (value.kind != CEL_INT && value.kind != CEL_UINT && value.kind != CEL_DOUBLE && value.kind != CEL_BOOL)
        return (struct rc_sv){0};
    struct rc_buf text = rc_buf_in(arena, RC_MAX_REF_VALUE);
    cel_put_json(&text, value);
    return text.status == RC_OK ? rc_buf_sv(&text) : (struct rc_sv){0};
}

static void prepare_key(const struct flow *flow, const struct rc_submission *in, struct rc_arena *arena,
                        struct rc_identity *id, struct errors *errors)
{
    id->key = in->key;
    if (!in->key.n && flow->key) {
        struct rc_error error;
        struct cel_value value;
        if (eval(flow, flow->key, in->payload, arena, &value, &error) != RC_OK) {
            add_error(errors, RC_EVAL, "/key", error.text);
            return;
        }
        id->key = scalar_text(value, arena);
    }
    if (!id->key.n)
        add_error(errors, RC_INVALID, "/key",
                  "a key is needed: send Idempotency-Key, or \"key\", or declare `key:` in the flow");
    else if (!rc_is_label(id->key, RC_MAX_KEY))
        add_error(errors, RC_INVALID, "/key", "a key is 1 to 255 bytes of UTF-8 without control characters");
}

static void add_ref(struct cel_value *pairs, uint32_t *n, struct rc_sv name, struct rc_sv value,
                    struct errors *errors)
{
    char pointer[sizeof "/refs/" + RC_MAX_NAME]; /* what is a name needs no escapes in it */
    if (!rc_is_name(name)) {
        add_error(errors, RC_INVALID, "/refs", "a ref's name is 1 to 64 letters, digits, '_', '-' and '.'");
    } else if (!rc_is_label(value, RC_MAX_REF_VALUE)) {
        snprintf(pointer, sizeof pointer, "/refs/%.*s", RC_SV_ARG(name));
        add_error(errors, RC_INVALID, pointer,
                  "a ref's value is 1 to 128 bytes of text, or a number or boolean");
    } else {
        for (uint32_t i = 0; i < *n; i++)
            if (rc_sv_eq(cel_text(pairs[2 * i]), name)) return; /* the flow's own come first and win */
        pairs[2 * *n] = cel_string(name);
        pairs[2 * *n + 1] = cel_string(value);
        ++*n;
    }
}

static void prepare_refs(const struct flow *flow, const struct rc_submission *in, struct rc_arena *arena,
                         struct rc_identity *id, struct errors *errors)
{
    uint32_t given = in->refs.kind == CEL_MAP ? in->refs.n : 0, n = 0, bad;
    id->refs = (struct cel_value){.kind = CEL_MAP};
    if (in->refs.kind != CEL_MAP && in->refs.kind != CEL_NULL)
        add_error(errors, RC_INVALID, "/refs", "refs are an object of names and values");
    if (given + flow->nrefs > RC_MAX_REFS) {
        add_error(errors, RC_INVALID, "/refs", "a command has at most 16 refs");
        return;
    }
    struct cel_value *pairs = RC_NEW_ARRAY(arena, struct cel_value, 2 * (given + flow->nrefs));
    if (!pairs) {
        add_error(errors, RC_NOMEM, "", "out of memory");
        return;
    }
    for (uint16_t i = 0; i < flow->nrefs; i++) {
        struct rc_error error;
        struct cel_value value;
        if (eval(flow, flow->refs[i].value, in->payload, arena, &value, &error) != RC_OK)
            add_error(errors, RC_EVAL, "/refs", error.text);
        else
            add_ref(pairs, &n, flow->refs[i].name, scalar_text(value, arena), errors);
    }
    for (uint32_t i = 0; i < given; i++)
        add_ref(pairs, &n, cel_text(in->refs.v.items[2 * i]), scalar_text(in->refs.v.items[2 * i + 1], arena),
                errors);
    if (!cel_map_sort(pairs, n, &bad)) add_error(errors, RC_INVALID, "/refs", "a ref is named twice");
    id->refs.n = n;
    id->refs.v.items = pairs;
}

static void prepare_payload(const struct flow *flow, struct rc_submission *in, struct rc_identity *id,
                            struct errors *errors)
{
    if (flow->payload) {
        uint32_t room = errors->n < errors->cap ? errors->cap - errors->n : 0, found = 0;
        struct rc_error *list = room ? errors->list + errors->n : NULL;
        if (flow_validate(flow->payload, &in->payload, list, room, &found) != RC_OK) {
            for (uint32_t i = 0; i < found && i < room; i++) { /* the pointer is into the submission */
                char pointer[RC_ERROR_POINTER];
                memcpy(pointer, list[i].pointer, sizeof pointer);
                size_t n = strnlen(pointer, sizeof pointer - sizeof "/payload");
                memcpy(list[i].pointer, "/payload", 8);
                memcpy(list[i].pointer + 8, pointer, n);
                list[i].pointer[8 + n] = 0;
            }
            errors->n += found;
        }
    }
    id->payload = in->payload;
}

static void prepare_times(const struct rc_submission *in, struct rc_identity *id, struct errors *errors)
{
    const rc_us longest = RC_SECONDS(RC_MAX_SPAN_DAYS * UINT64_C(86400));
    id->run_at = in->run_at;
    id->run_in = in->run_in;
    id->deadline = in->deadline;
    if (in->run_at && in->run_in)
        add_error(errors, RC_INVALID, "/run_in",
                  "say either run_at or run_in: both name the time of the start");
    if (in->run_in > longest) add_error(errors, RC_INVALID, "/run_in", "a span is at most 3650d long");
    if (in->deadline > longest) add_error(errors, RC_INVALID, "/deadline", "a span is at most 3650d long");
}

static void prepare_lane(const struct flow *flow, struct cel_value payload, struct rc_arena *arena,
                         struct rc_identity *id, struct errors *errors)
{
    struct rc_error error;
    struct cel_value value;
    if (!flow->lane.limit) return;
    id->lane_key = flow->name;
    if (flow->lane.key) {
        if (eval(flow, flow->lane.key, payload, arena, &value, &error) != RC_OK) {
            add_eval_error(errors, "concurrency key", &error);
            return;
        }
        id->lane_key = scalar_text(value, arena);
    }
    if (!rc_is_label(id->lane_key, RC_MAX_KEY))
        add_error(errors, RC_INVALID, "/payload",
                  "the flow's concurrency key comes to nothing that can be one: it is 1 to 255 bytes of "
                  "UTF-8 without "
                  "control characters");
    id->lane = rc_lane_id(id->ns, flow->name, id->lane_key);
}

static void prepare_priority(const struct flow *flow, const struct rc_submission *in, struct rc_arena *arena,
                             struct rc_identity *id, struct errors *errors)
{
    struct rc_error error;
    struct cel_value value;
    if (in->has_priority || !flow->priority) {
        id->priority = in->has_priority ? in->priority : 0;
        if (id->priority > RC_MAX_PRIORITY)
            add_error(errors, RC_INVALID, "/priority", "a priority is a whole number from 0 to 9");
        return;
    }
    if (eval(flow, flow->priority, in->payload, arena, &value, &error) != RC_OK) {
        add_eval_error(errors, "priority", &error);
        return;
    }
    bool fits = (value.kind == CEL_INT && value.v.i >= 0 && value.v.i <= RC_MAX_PRIORITY) ||
                (value.kind == CEL_UINT && value.v.u <= RC_MAX_PRIORITY);
    if (!fits)
        add_error(errors, RC_INVALID, "/payload",
                  "the flow's priority comes to something else than a whole number from 0 to 9");
    else
        id->priority = (uint8_t)(value.kind == CEL_INT ? (uint64_t)value.v.i : value.v.u);
}

enum rc_status rc_prepare_submit(const struct flow_set *set, struct rc_submission *in, struct rc_arena *arena,
                                 struct rc_identity *ret, struct rc_error *list, uint32_t nlist,
                                 uint32_t *ret_nerrors)
{
    struct errors errors = {list, nlist, 0};
    const struct flow *flow =
        in->version ? flow_set_version(set, in->version) : flow_set_active(set, in->type);
    struct rc_identity id = {.ns = in->ns, .subject = in->subject, .actor = in->actor, .generation = 1};
    struct rc_sha256 sha;
    *ret_nerrors = 1;
    if (!flow)
        return rc_fail(nlist ? list : NULL, RC_NOT_FOUND, "there is no flow '%.*s'", RC_SV_ARG(in->type));
    id.type = flow->name;
    id.flow = flow->id;
    prepare_payload(flow, in, &id, &errors);
    if (errors.n == 0) { /* its expressions trust the schema */
        prepare_key(flow, in, arena, &id, &errors);
        prepare_refs(flow, in, arena, &id, &errors);
        prepare_lane(flow, in->payload, arena, &id, &errors);
        prepare_priority(flow, in, arena, &id, &errors);
    }
    prepare_times(in, &id, &errors);
    if (in->actor.n && !rc_is_label(in->actor, RC_MAX_ACTOR))
        add_error(&errors, RC_INVALID, "/actor",
                  "an actor is at most 128 bytes of text without control characters");
    *ret_nerrors = errors.n;
    if (errors.n) return nlist ? list[0].status : RC_INVALID;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, id.type);
    cel_hash(id.payload, &sha);
    id.payload_hash = rc_sha256_h128(&sha);
    id.key_hash = rc_key_hash(id.ns, id.type, id.key);
    enum rc_status status = rc_random(&id.nonce, sizeof id.nonce);
    if (status != RC_OK) {
        *ret_nerrors = 1;
        return rc_fail(nlist ? list : NULL, status, "the kernel gives no random numbers");
    }
    *ret = id;
    return RC_OK;
}

enum rc_status rc_prepare_successor(const struct flow_set *set, const struct rc_command *original,
                                    struct rc_submission *in, struct rc_arena *arena, struct rc_identity *ret,
                                    struct rc_error *list, uint32_t nlist, uint32_t *ret_nerrors)
{
    in->ns = original->id.ns;
    in->type = original->id.type;
    in->key = original->id.key;
    in->deadline = original->clock.deadline;
    in->priority = original->priority;
    in->has_priority = true;
    if (rc_command_waits_to_begin(original))
        in->run_at = original->clock.start; /* at the time of the original */
    enum rc_status status = rc_prepare_submit(set, in, arena, ret, list, nlist, ret_nerrors);
    if (status != RC_OK) return status;
    ret->generation = original->id.generation + 1;
    ret->original = (struct rc_link){original->id.seq, original->id.nonce};
    return RC_OK;
}
