/* The routes under /repos/{owner}/{repo}/:
 *
 *   POST  pulls               GET pulls?head=&state=&page=&per_page=
 *   GET   pulls/N             PATCH pulls/N
 *   POST  issues/N/labels
 */
#include "standin.h"

#include "base/num.h"
#include "codec/json.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>

enum { REPLY_MAX = 4 << 20, NAME_MAX_BYTES = 100, REF_MAX = 255, PER_PAGE = 30, PER_PAGE_MAX = 100 };

enum route { ROUTE_NONE, ROUTE_CREATE, ROUTE_LIST, ROUTE_READ, ROUTE_UPDATE, ROUTE_LABEL };

struct call {
    struct standin *standin;
    struct evhttp_request *request;
    const char *method;
    enum route route;
    struct rc_sv owner, repo_name; /* repo_name: "owner/repo" */
    uint64_t number;
    bool parsed;       /* body holds JSON */
    struct rc_sv text; /* the body as it came */
    struct cel_value body;
    struct repo *repo;
    struct head *head;
    struct pull *pull;
    struct fault fault;
    struct reply reply;
    bool acted;
};

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static bool take_segment(struct rc_sv *path, struct rc_sv *ret)
{
    if (path->n == 0 || path->p[0] != '/') return false;
    const char *end = memchr(path->p + 1, '/', path->n - 1);
    uint32_t n = end ? (uint32_t)(end - path->p) - 1 : path->n - 1;
    *ret = (struct rc_sv){path->p + 1, n};
    *path = (struct rc_sv){path->p + 1 + n, path->n - 1 - n};
    return n > 0;
}

static bool is_name(struct rc_sv text)
{
    for (uint32_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '-' && c != '_' && c != '.') return false;
    }
    return text.n > 0 && text.n <= NAME_MAX_BYTES;
}

static enum route find_route(struct call *call, struct rc_sv rest)
{
    struct rc_sv kind, number = {0}, what = {0};
    bool post = strcmp(call->method, "POST") == 0, get = strcmp(call->method, "GET") == 0;
    if (!take_segment(&rest, &kind)) return ROUTE_NONE;
    bool pulls = rc_sv_is(kind, "pulls");
    if (rest.n == 0) return pulls && post ? ROUTE_CREATE : pulls && get ? ROUTE_LIST : ROUTE_NONE;
    if (!take_segment(&rest, &number) || !rc_parse_u64(number, &call->number)) return ROUTE_NONE;
    if (pulls && rest.n == 0)
        return get ? ROUTE_READ : strcmp(call->method, "PATCH") == 0 ? ROUTE_UPDATE : ROUTE_NONE;
    bool labels = rc_sv_is(kind, "issues") && take_segment(&rest, &what) && rc_sv_is(what, "labels");
    return labels && rest.n == 0 && post ? ROUTE_LABEL : ROUTE_NONE;
}

static bool read_path(struct call *call, const char *path)
{
    struct rc_sv rest = rc_sv_of(path), repos, owner, repo;
    if (!take_segment(&rest, &repos) || !take_segment(&rest, &owner) || !take_segment(&rest, &repo))
        return false;
    if (!is_name(owner) || !is_name(repo)) return false;
    call->owner = owner;
    call->repo_name = (struct rc_sv){owner.p, owner.n + 1 + repo.n};
    call->route = find_route(call, rest);
    return call->route != ROUTE_NONE;
}

static void read_body(struct call *call)
{
    call->parsed = call->text.n &&
                   rc_json_parse(call->text, call->standin->scratch, &call->body, NULL) == RC_OK &&
                   call->body.kind == CEL_MAP;
}

static struct rc_sv text_field(const struct call *call, const char *name)
{
    const struct cel_value *value = call->parsed ? cel_map_get(&call->body, name) : NULL;
    return value && value->kind == CEL_STRING ? cel_text(*value) : (struct rc_sv){0};
}

/* "owner:branch" is the branch of the owner. */
static struct rc_sv branch(const struct call *call, struct rc_sv head)
{
    uint32_t n = call->owner.n;
    bool own = head.n > n && head.p[n] == ':' && rc_sv_starts(head, call->owner);
    return own ? (struct rc_sv){head.p + n + 1, head.n - n - 1} : head;
}

/* ---- acting ------------------------------------------------------------------------------------------------------- */

static void invalid(struct call *call, const char *code, const char *field, const char *message)
{
    struct rc_buf *out = &call->reply.body;
    call->reply.status = 422;
    rc_put_text(out,
                "{\"message\":\"Validation Failed\",\"errors\":[{\"resource\":\"PullRequest\",\"code\":\"");
    rc_put_text(out, code);
    rc_put_text(out, field ? "\",\"field\":" : "\",\"message\":");
    rc_put_json(out, rc_sv_of(field ? field : message));
    rc_put_text(out, "}]}");
}

static void create(struct call *call)
{
    static const char *const required[] = {"title", "head", "base"};
    for (size_t i = 0; i < 3; i++) {
        struct rc_sv value = text_field(call, required[i]);
        if (value.n && value.n <= (i ? REF_MAX : RC_ERROR_TEXT)) continue;
        invalid(call, "missing_field", required[i], NULL);
        return;
    }
    if (call->head && call->head->open && call->standin->refuse_duplicates) {
        invalid(call, "custom", NULL, "A pull request already exists for this head.");
        return;
    }
    call->pull = call->head ? world_make(&call->standin->world, call->head, text_field(call, "title"),
                                         text_field(call, "base"))
                            : NULL;
    if (!call->pull) {
        reply_message(&call->reply, 500, "Out of memory");
        return;
    }
    call->acted = true;
    call->reply.status = 201;
    put_pull(&call->reply.body, call->pull);
}

static uint32_t number_field(const struct evkeyvalq *query, const char *name, uint32_t otherwise,
                             uint32_t most)
{
    uint64_t number;
    const char *text = evhttp_find_header(query, name);
    if (!text || !rc_parse_u64(rc_sv_of(text), &number) || number < 1) return otherwise;
    return number < most ? (uint32_t)number : most;
}

static void list(struct call *call)
{
    struct evkeyvalq query = {0};
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(call->request);
    const char *text = evhttp_uri_get_query(uri);
    call->reply.status = 200;
    if (text && evhttp_parse_query_str(text, &query) < 0) {
        reply_message(&call->reply, 400, "Problems parsing the query");
        return;
    }
    const char *head = evhttp_find_header(&query, "head"), *state = evhttp_find_header(&query, "state");
    bool open = !state || strcmp(state, "closed") != 0, closed = state && strcmp(state, "open") != 0;
    uint32_t per_page = number_field(&query, "per_page", PER_PAGE, PER_PAGE_MAX);
    uint32_t skip = per_page * (number_field(&query, "page", 1, 1000000) - 1);
    struct head *found = NULL;
    if (call->repo && head)
        found = world_head(&call->standin->world, call->repo, branch(call, rc_sv_of(head)), false);
    if (call->repo && (found || !head))
        put_pulls(&call->reply.body, call->repo, found, open, closed, skip, per_page);
    else
        rc_put_text(&call->reply.body, "[]");
    evhttp_clear_headers(&query);
}

static void update(struct call *call)
{
    struct rc_sv state = text_field(call, "state");
    bool open = rc_sv_is(state, "open");
    if (!open && !rc_sv_is(state, "closed")) {
        invalid(call, "invalid", "state", NULL);
        return;
    }
    call->acted = call->pull->open != open;
    world_set_open(&call->standin->world, call->pull, open);
    call->reply.status = 200;
    put_pull(&call->reply.body, call->pull);
}

static void label(struct call *call)
{
    const struct cel_value *labels = call->parsed ? cel_map_get(&call->body, "labels") : NULL;
    bool fine = labels && labels->kind == CEL_LIST;
    for (uint32_t i = 0; fine && i < labels->n; i++) {
        const struct cel_value *one = &labels->v.items[i];
        fine = one->kind == CEL_STRING && world_label(&call->standin->world, call->pull, cel_text(*one));
        call->acted = call->acted || fine;
    }
    if (!fine) {
        invalid(call, "invalid", "labels", NULL);
        return;
    }
    call->reply.status = 200;
    put_labels(&call->reply.body, call->pull);
}

static void act(struct call *call)
{
    bool writes = call->route != ROUTE_LIST && call->route != ROUTE_READ;
    bool numbered = call->route != ROUTE_CREATE && call->route != ROUTE_LIST;
    if (writes && !call->parsed) {
        reply_message(&call->reply, 400, "Problems parsing JSON");
        return;
    }
    if (numbered && !call->pull) {
        reply_message(&call->reply, 404, "Not Found");
        return;
    }
    switch (call->route) {
    case ROUTE_CREATE: create(call); return;
    case ROUTE_LIST: list(call); return;
    case ROUTE_UPDATE: update(call); return;
    case ROUTE_LABEL: label(call); return;
    case ROUTE_READ:
    case ROUTE_NONE: break;
    }
    call->reply.status = 200;
    put_pull(&call->reply.body, call->pull);
}

/* ---- the whole request -------------------------------------------------------------------------------------------- */

static void find_objects(struct call *call)
{
    struct world *world = &call->standin->world;
    struct rc_sv head = branch(call, text_field(call, "head"));
    bool create = call->route == ROUTE_CREATE && head.n > 0 && head.n <= REF_MAX;
    call->repo = world_repo(world, call->repo_name, create);
    if (!call->repo) return;
    if (create) call->head = world_head(world, call->repo, head, true);
    call->pull = call->number ? world_pull(call->repo, call->number) : NULL;
    if (call->pull) call->head = call->pull->head;
}

/* A marker in the request goes before the rules, and counts per head. True: it has one that applies still. */
static bool find_marker(struct call *call)
{
    uint32_t times;
    struct rc_sv head = call->head ? rc_sv_of(call->head->name) : (struct rc_sv){0};
    if (call->route == ROUTE_CREATE && call->head &&
        (fault_marker(head, &call->fault, &times) ||
         fault_marker(text_field(call, "title"), &call->fault, &times))) {
        if (call->head->asked++ < times) return true;
        call->fault = (struct fault){0};
    }
    return false;
}

static void find_fault(struct call *call)
{
    struct rc_sv head = call->head ? rc_sv_of(call->head->name) : (struct rc_sv){0};
    if (find_marker(call)) return;
    (void)rules_take(&call->standin->rules, call->method, head, evhttp_request_get_uri(call->request),
                     &call->fault);
}

static void decide(struct call *call, const char *path)
{
    if (!call->standin->listener) { /* down, and this is a connection from before */
        call->fault = (struct fault){.kind = FAULT_CLOSE_BEFORE, .text = "down"};
        return;
    }
    if (!read_path(call, path)) {
        reply_message(&call->reply, 404, "Not Found");
        return;
    }
    read_body(call);
    find_objects(call);
    find_fault(call);
    if (fault_acts(call->fault.kind)) act(call);
}

bool api_again(struct standin *standin, const char *method, const char *path, struct rc_sv body,
               uint64_t *ret_number)
{
    struct call call = {.standin = standin, .method = method, .text = body};
    call.reply.body = rc_buf_in(standin->scratch, REPLY_MAX);
    if (!read_path(&call, path) || call.route == ROUTE_LIST || call.route == ROUTE_READ) return false;
    read_body(&call);
    find_objects(&call);
    (void)find_marker(&call); /* it counts, also when it did nothing */
    act(&call);
    *ret_number = call.pull ? call.pull->number : 0;
    return call.acted;
}

void api_handle(struct standin *standin, struct evhttp_request *request, const char *method, const char *path)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    struct call call = {.standin = standin, .request = request, .method = method};
    call.text = (struct rc_sv){(const char *)evbuffer_pullup(in, -1), (uint32_t)evbuffer_get_length(in)};
    call.reply.body = rc_buf_in(standin->scratch, REPLY_MAX);
    standin->world.asked++;
    decide(&call, path);
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const struct entry entry = {.method = method,
                                .path = evhttp_request_get_uri(request),
                                .key = evhttp_find_header(headers, "Idempotency-Key"),
                                .fault = &call.fault,
                                .acted = call.acted,
                                .number = call.pull ? call.pull->number : 0,
                                .status = reply_apply(&call.reply, &call.fault),
                                .body = call.text};
    if (call.fault.kind == FAULT_LATE) again_later(standin, &entry);
    journal_add(&standin->journal, standin->scratch, &entry);
    reply_deliver(standin, request, &call.reply, &call.fault);
}
