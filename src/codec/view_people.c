/* What people see of those who are asked: what is released or asked, the digest of that, who has decided, and who is missing. */
#include "codec/view_part.h"
#include "core/tree.h"

static void put_votes(struct rc_json *json, const struct rc_votes *votes)
{
    rc_json_array(json, "votes");
    for (uint32_t i = 0; i < votes->n; i++) {
        const struct rc_vote *vote = &votes->vote[i];
        rc_json_object(json, NULL);
        rc_json_text(json, "vote", rc_vote_word(vote->kind));
        rc_json_sv(json, "actor", vote->actor);
        rc_json_maybe(json, "subject", vote->subject);
        if (vote->role) rc_json_text(json, "role", rc_role_word(vote->role - 1u).slug);
        rc_json_maybe(json, "answer", vote->answer);
        rc_json_time(json, "at", vote->at);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
}

static void put_texts(struct rc_json *json, const char *name, const struct rc_sv *texts, uint32_t n)
{
    if (!n) return;
    rc_json_array(json, name);
    for (uint32_t i = 0; i < n; i++) rc_json_sv(json, NULL, texts[i]);
    rc_json_end_array(json);
}

static void put_who(struct rc_json *json, const struct flow_people *people)
{
    put_texts(json, "of", people->names, people->nnames);
    if (!people->roles) return;
    rc_json_array(json, "roles");
    for (unsigned i = 0; i < RC_ROLES; i++)
        if (people->roles >> i & 1) rc_json_text(json, NULL, rc_role_word(i).slug);
    rc_json_end_array(json);
}

/* What is shown is what the digest is of. */
static void put_shown(struct rc_json *json, struct cel_value shown)
{
    static const char *const name[] = {"releases", "question", "evidence"};
    for (unsigned i = 0; i < sizeof name / sizeof *name; i++) {
        const struct cel_value *value = cel_map_get(&shown, name[i]);
        if (value && value->kind != CEL_NULL) rc_json_value(json, name[i], *value);
    }
}

static void put_digest(struct rc_json *json, struct rc_h128 digest)
{
    char hex[32];
    rc_h128_hex(digest, hex);
    rc_json_sv(json, "digest", (struct rc_sv){hex, sizeof hex});
}

void rc_view_asked(struct rc_json *json, const struct rc_command *c, uint32_t at)
{
    const struct rc_data *data = &c->data[at];
    const struct flow_step *step = rc_step_at(c, at);
    bool approval = step->kind == FLOW_APPROVE;
    rc_json_text(json, "asks", approval ? "approval" : "answer");
    if (rc_is_asked(c, at)) {
        put_digest(json, data->request);
        rc_json_time(json, "since", data->times.first);
        if (data->times.due) rc_json_time(json, "until", data->times.due);
        put_shown(json, data->outputs);
    }
    put_texts(json, "answers", step->people.answers, step->people.nanswers);
    put_who(json, &step->people);
    if (approval) {
        rc_json_u64(json, "need", step->people.need);
        rc_json_u64(json, "missing", rc_people_missing(c, at));
    }
    put_votes(json, &data->votes);
}

void rc_view_asks(struct rc_json *json, const struct rc_command *c)
{
    rc_json_array(json, "asks");
    for (uint32_t i = 1; i < c->nnodes; i++) {
        if (!rc_is_asked(c, i)) continue;
        rc_json_object(json, NULL);
        rc_view_step(json, c, i);
        rc_view_asked(json, c, i);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
}

bool rc_view_deciding(struct rc_buf *buf, const struct rc_command *c)
{
    struct rc_path path;
    uint32_t at = c->state == RC_WAITING ? rc_first_asked(c) : 0;
    if (!at) return false;
    struct rc_sv name = rc_view_step_name(c, at, &path);
    if (rc_step_at(c, at)->kind == FLOW_APPROVE)
        rc_put_format(buf, "waiting for approval: %.*s, %u of %u are missing", RC_SV_ARG(name),
                      rc_people_missing(c, at), rc_step_at(c, at)->people.need);
    else
        rc_put_format(buf, "waiting for an answer: %.*s", RC_SV_ARG(name));
    return true;
}

void rc_view_votes(struct rc_json *json, const struct rc_command *c, uint32_t at,
                   const struct rc_votes *votes)
{
    rc_view_step(json, c, at);
    put_votes(json, votes);
}

void rc_view_decision(struct rc_json *json, const struct rc_act *act)
{
    if (!rc_h128_is_zero(act->digest)) put_digest(json, act->digest);
    rc_json_maybe(json, "answer", act->answer);
    if (act->role) rc_json_text(json, "role", rc_role_word(act->role - 1u).slug);
}
