/* Bulks and their items as JSON. */
#include "codec/view_part.h"

#include "codec/json.h"

static void put_counts(struct rc_json *json, const struct rc_bulk *bulk)
{
    rc_json_object(json, "items");
    rc_json_u64(json, "total", bulk->total);
    rc_json_u64(json, "allowed", bulk->allowed);
    for (unsigned i = 0; i < RC_ITEM_RESULTS; i++) rc_json_u64(json, rc_item_word(i).slug, bulk->count[i]);
    rc_json_end_object(json);
}

/* What was asked for is kept as it was written; a text that cannot be read any more is left out. */
static void put_filter(struct rc_json *json, struct rc_sv text)
{
    struct cel_value filter = cel_null();
    if (rc_json_parse(text, json->buf->arena, &filter, NULL) != RC_OK) filter = cel_null();
    rc_json_value(json, "filter", filter);
}

static void put_event(struct rc_json *json, const struct rc_bulk_event *event)
{
    rc_json_object(json, NULL);
    rc_json_u64(json, "revision", event->rev);
    rc_json_text(json, "state", rc_bulk_word(event->state).slug);
    rc_json_time(json, "at", event->at);
    rc_json_maybe(json, "subject", event->subject);
    rc_json_maybe(json, "actor", event->actor);
    rc_json_maybe(json, "reason", event->reason);
    rc_json_end_object(json);
}

void rc_view_bulk(struct rc_json *json, const char *name, const struct rc_bulk *bulk, rc_us now,
                  const struct rc_bulk_event *events, uint32_t nevents)
{
    bool expired = bulk->state == RC_BULK_PREVIEW && now >= bulk->expires;
    rc_json_object(json, name);
    rc_json_id(json, "id", bulk->id, bulk->nonce);
    rc_json_text(json, "state", rc_bulk_word(bulk->state).slug);
    rc_json_text(json, "display",
                 expired ? "expired before it was run; nothing has been done"
                         : rc_bulk_word(bulk->state).text);
    rc_json_bool(json, "ended", expired || rc_bulk_ended(bulk->state));
    rc_json_u64(json, "revision", bulk->rev);
    rc_json_sv(json, "namespace", bulk->ns);
    rc_json_sv(json, "key", bulk->key);
    rc_view_act(json, &bulk->act);
    put_filter(json, bulk->from);
    rc_json_u64(json, "limit", bulk->limit);
    rc_json_bool(json, "more", bulk->more);
    rc_json_time(json, "created", bulk->created);
    rc_json_time(json, "changed", bulk->changed);
    rc_json_time(json, "expires", bulk->expires);
    rc_json_u64(json, "rate", bulk->rate);
    rc_json_u64(json, "stop_percent", bulk->stop_percent);
    rc_json_bool(json, "even_if_changed", bulk->even_if_changed);
    put_counts(json, bulk);
    if (events) {
        rc_json_array(json, "history");
        for (uint32_t i = 0; i < nevents; i++) put_event(json, &events[i]);
        rc_json_end_array(json);
    }
    rc_json_end_object(json);
}

void rc_view_bulk_item(struct rc_json *json, const struct rc_bulk_item *item, const struct rc_view_row *now)
{
    struct cel_value undoes = cel_null();
    rc_json_object(json, NULL);
    rc_json_u64(json, "n", item->n);
    rc_json_id(json, "command", item->seq, item->nonce);
    rc_json_u64(json, "revision", item->rev);
    rc_json_text(json, "state", rc_state_word(item->state).slug);
    rc_json_bool(json, "allowed", item->allowed);
    rc_json_maybe(json, "why_not", item->why);
    if (item->undoes.n && rc_json_parse(item->undoes, json->buf->arena, &undoes, NULL) == RC_OK)
        rc_json_value(json, "undoes", undoes);
    rc_json_text(json, "result", rc_item_word(item->result).slug);
    rc_json_text(json, "result_text", rc_item_word(item->result).text);
    rc_json_maybe(json, "error", item->fault);
    if (item->acted) rc_json_time(json, "acted", item->acted);
    if (now)
        rc_view_row(json, "now", now);
    else
        rc_json_null(json, "now"); /* it was purged */
    rc_json_end_object(json);
}
