/* The stored form of what people have decided at a step: [50, node, [[kind, role, at, "subject", "actor", "answer"], …]]. */
#include "codec/record_part.h"

#include "base/limits.h"
#include "codec/write.h"

enum { VOTE_PLACES = 6 };

void rc_put_votes(struct rc_buf *buf, uint32_t node, const struct rc_votes *votes, rc_us at)
{
    rc_put_format(buf, "[%d,%u,[", RC_CHANGE_VOTES, node);
    for (uint32_t i = 0; i < votes->n; i++) {
        const struct rc_vote *vote = &votes->vote[i];
        const struct rc_sv text[] = {vote->subject, vote->actor, vote->answer};
        rc_put_format(buf, "%s[%u,%u,", i ? "," : "", vote->kind, vote->role);
        rc_put_i64(buf, (int64_t)(vote->at - at));
        for (unsigned k = 0; k < sizeof text / sizeof *text; k++) {
            rc_put_char(buf, ',');
            rc_put_json(buf, text[k]);
        }
        rc_put_char(buf, ']');
    }
    rc_put_text(buf, "]]");
}

static bool number(const struct cel_value *value, int64_t max)
{
    return value->kind == CEL_INT && value->v.i >= 0 && value->v.i <= max;
}

static bool get_vote(const struct cel_value *row, rc_us at, struct rc_vote *ret)
{
    const struct cel_value *item = row->v.items;
    if (row->kind != CEL_LIST || row->n != VOTE_PLACES || !number(&item[0], RC_VOTE_KINDS - 1) ||
        !number(&item[1], RC_ROLES) || item[2].kind != CEL_INT)
        return false;
    for (unsigned i = 3; i < VOTE_PLACES; i++)
        if (item[i].kind != CEL_STRING) return false;
    *ret = (struct rc_vote){.kind = (uint8_t)item[0].v.i,
                            .role = (uint8_t)item[1].v.i,
                            .at = at + (rc_us)item[2].v.i,
                            .subject = cel_text(item[3]),
                            .actor = cel_text(item[4]),
                            .answer = cel_text(item[5])};
    return true;
}

bool rc_get_votes(struct cel_value row, rc_us at, struct rc_arena *arena, struct rc_votes *ret)
{
    const struct cel_value *list = &row.v.items[2];
    if (row.n != 3 || list->kind != CEL_LIST || list->n > RC_MAX_VOTES) return false;
    struct rc_vote *votes = RC_NEW_ARRAY(arena, struct rc_vote, list->n);
    if (!votes) return false;
    for (uint32_t i = 0; i < list->n; i++)
        if (!get_vote(&list->v.items[i], at, &votes[i])) return false;
    *ret = (struct rc_votes){list->n, votes};
    return true;
}
