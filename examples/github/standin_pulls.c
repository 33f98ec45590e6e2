/* Repositories, heads and pull requests in memory. Two hash tables with chains; names are hashed with FNV-1a, as
 * nobody attacks a stand-in. */
#include "standin.h"

#include <stdlib.h>

enum { REPO_SLOTS = 1024, HEAD_SLOTS = 1 << 20, LABELS_MAX = 100 };

struct repo {
    char *name;
    struct pull **pull; /* number n is at n - 1 */
    size_t npull, cap;
    struct repo *next;
};

static char *copy(struct rc_sv text)
{
    char *p = malloc(text.n + 1u);
    if (!p) return NULL;
    if (text.n) memcpy(p, text.p, text.n);
    p[text.n] = '\0';
    return p;
}

static uint64_t hash(uint64_t from, struct rc_sv text)
{
    for (uint32_t i = 0; i < text.n; i++) from = (from ^ (unsigned char)text.p[i]) * 0x100000001b3u;
    return from;
}

struct repo *world_repo(struct world *world, struct rc_sv name, bool make)
{
    if (!world->repo_slot) world->repo_slot = calloc(REPO_SLOTS, sizeof *world->repo_slot);
    if (!world->repo_slot) return NULL;
    struct repo **slot = &world->repo_slot[hash(0xcbf29ce484222325u, name) % REPO_SLOTS];
    for (struct repo *repo = *slot; repo; repo = repo->next)
        if (rc_sv_is(name, repo->name)) return repo;
    struct repo *repo = make ? calloc(1, sizeof *repo) : NULL;
    if (!repo) return NULL;
    repo->name = copy(name);
    if (!repo->name) {
        free(repo);
        return NULL;
    }
    repo->next = *slot;
    return *slot = repo;
}

struct head *world_head(struct world *world, struct repo *repo, struct rc_sv name, bool make)
{
    if (!world->head_slot) world->head_slot = calloc(HEAD_SLOTS, sizeof *world->head_slot);
    if (!world->head_slot) return NULL;
    uint64_t at = hash(hash(0xcbf29ce484222325u, rc_sv_of(repo->name)), name);
    struct head **slot = &world->head_slot[at % HEAD_SLOTS];
    for (struct head *head = *slot; head; head = head->next)
        if (head->repo == repo && rc_sv_is(name, head->name)) return head;
    struct head *head = make ? calloc(1, sizeof *head) : NULL;
    if (!head) return NULL;
    head->name = copy(name);
    if (!head->name) {
        free(head);
        return NULL;
    }
    head->repo = repo;
    head->next = *slot;
    world->nhead++;
    return *slot = head;
}

void world_set_open(struct world *world, struct pull *pull, bool open)
{
    if (pull->open == open) return;
    pull->open = open;
    if (open) {
        world->duplicates += pull->head->open++ > 0;
    } else {
        world->duplicates -= --pull->head->open > 0;
        world->closed++;
    }
}

static bool add_to_repo(struct repo *repo, struct pull *pull)
{
    if (repo->npull == repo->cap) {
        size_t cap = repo->cap ? 2 * repo->cap : 16;
        struct pull **more = realloc(repo->pull, cap * sizeof(struct pull *));
        if (!more) return false;
        repo->pull = more;
        repo->cap = cap;
    }
    repo->pull[repo->npull++] = pull;
    pull->number = repo->npull;
    return true;
}

static void free_pull(struct pull *pull)
{
    for (uint32_t i = 0; i < pull->nlabel; i++) free(pull->label[i]);
    free((void *)pull->label);
    free(pull->title);
    free(pull->base);
    free(pull);
}

struct pull *world_make(struct world *world, struct head *head, struct rc_sv title, struct rc_sv base)
{
    struct pull *pull = calloc(1, sizeof *pull);
    if (!pull) return NULL;
    pull->title = copy(title);
    pull->base = copy(base);
    if (!pull->title || !pull->base || !add_to_repo(head->repo, pull)) {
        free_pull(pull);
        return NULL;
    }
    pull->head = head;
    pull->older = head->newest;
    head->newest = pull;
    world->made++;
    world_set_open(world, pull, true);
    return pull;
}

struct pull *world_pull(const struct repo *repo, uint64_t number)
{
    return number >= 1 && number <= repo->npull ? repo->pull[number - 1] : NULL;
}

bool world_label(struct world *world, struct pull *pull, struct rc_sv label)
{
    for (uint32_t i = 0; i < pull->nlabel; i++)
        if (rc_sv_is(label, pull->label[i])) return true;
    if (pull->nlabel == LABELS_MAX) return false;
    if (!pull->label) pull->label = (char **)calloc(LABELS_MAX, sizeof(char *));
    if (!pull->label || !(pull->label[pull->nlabel] = copy(label))) return false;
    pull->nlabel++;
    world->labelled++;
    return true;
}

void world_free(struct world *world)
{
    for (size_t i = 0; world->head_slot && i < HEAD_SLOTS; i++)
        for (struct head *head = world->head_slot[i], *next; head; head = next) {
            next = head->next;
            free(head->name);
            free(head);
        }
    for (size_t i = 0; world->repo_slot && i < REPO_SLOTS; i++)
        for (struct repo *repo = world->repo_slot[i], *next; repo; repo = next) {
            next = repo->next;
            for (size_t k = 0; k < repo->npull; k++) free_pull(repo->pull[k]);
            free((void *)repo->pull);
            free(repo->name);
            free(repo);
        }
    free((void *)world->head_slot);
    free((void *)world->repo_slot);
}

/* ---- as JSON ------------------------------------------------------------------------------------------------------ */

void put_labels(struct rc_buf *out, const struct pull *pull)
{
    rc_put_char(out, '[');
    for (uint32_t i = 0; i < pull->nlabel; i++) {
        rc_put_text(out, i ? ",{\"name\":" : "{\"name\":");
        rc_put_json(out, rc_sv_of(pull->label[i]));
        rc_put_char(out, '}');
    }
    rc_put_char(out, ']');
}

void put_pull(struct rc_buf *out, const struct pull *pull)
{
    const char *repo = pull->head->repo->name; /* letters, digits, '.', '_', '-' and one '/' */
    rc_put_text(out, "{\"number\":");
    rc_put_u64(out, pull->number);
    rc_put_text(out, pull->open ? ",\"state\":\"open\"" : ",\"state\":\"closed\"");
    rc_put_text(out, ",\"url\":\"https://api.github.com/repos/");
    rc_put_text(out, repo);
    rc_put_text(out, "/pulls/");
    rc_put_u64(out, pull->number);
    rc_put_text(out, "\",\"html_url\":\"https://github.com/");
    rc_put_text(out, repo);
    rc_put_text(out, "/pull/");
    rc_put_u64(out, pull->number);
    rc_put_text(out, "\",\"title\":");
    rc_put_json(out, rc_sv_of(pull->title));
    rc_put_text(out, ",\"head\":{\"ref\":");
    rc_put_json(out, rc_sv_of(pull->head->name));
    rc_put_text(out, "},\"base\":{\"ref\":");
    rc_put_json(out, rc_sv_of(pull->base));
    rc_put_text(out, "},\"labels\":");
    put_labels(out, pull);
    rc_put_char(out, '}');
}

void put_pulls(struct rc_buf *out, const struct repo *repo, const struct head *head, bool open, bool closed,
               uint32_t skip, uint32_t most)
{
    const struct pull *pull = head ? head->newest : world_pull(repo, repo->npull);
    uint32_t seen = 0;
    rc_put_char(out, '[');
    while (pull && seen < skip + most) {
        if (pull->open ? open : closed) {
            if (seen > skip) rc_put_char(out, ',');
            if (seen++ >= skip) put_pull(out, pull);
        }
        pull = head ? pull->older : world_pull(repo, pull->number - 1);
    }
    rc_put_char(out, ']');
}
