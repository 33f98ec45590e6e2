/* What the server says of itself: index, health, metrics. */
#include "api/call.h"

enum rc_status api_index(struct api_call *call, struct rc_error *err)
{
    (void)err;
    api_begin(call, 200);
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_text(json, "name", "recourse");
    rc_json_text(json, "version", call->api->options.version);
    rc_json_array(json, "routes");
    for (uint32_t i = 0; i < api_nroutes; i++) {
        const struct api_route *route = &api_routes[i];
        rc_json_object(json, NULL);
        rc_json_text(json, "method", api_method_name(route->method));
        rc_json_text(json, "path", route->path);
        rc_json_text(json, "permission", rc_permission_word(route->permission).slug);
        rc_json_array(json, "query");
        for (unsigned q = 0; q < API_QUERY && route->query[q]; q++) rc_json_text(json, NULL, route->query[q]);
        rc_json_end_array(json);
        rc_json_text(json, "text", route->text);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
    rc_json_end_object(json);
    return RC_OK;
}

enum rc_status api_health(struct api_call *call, struct rc_error *err)
{
    (void)err;
    api_begin(call, 200);
    rc_json_object(&call->json, NULL);
    rc_json_text(&call->json, "status", "alive");
    rc_json_end_object(&call->json);
    return RC_OK;
}

enum rc_status api_ready(struct api_call *call, struct rc_error *err)
{
    (void)err;
    struct rc_engine_stats stats;
    rc_engine_stats(call->api->options.engine, &stats);
    bool leaving = atomic_load(&call->api->leaving);
    bool ready = stats.healthy && !leaving;
    api_begin(call, ready ? 200 : 503);
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_bool(json, "ready", ready);
    rc_json_bool(json, "stopping", leaving);
    rc_json_bool(json, "storage", stats.healthy);
    rc_json_bool(json, "room", stats.room);
    rc_json_bool(json, "held", stats.held);
    rc_json_end_object(json);
    return RC_OK;
}

struct metric {
    const char *name, *type, *help;
    uint64_t value;
};

static void put_metrics(struct rc_buf *out, const struct metric *metrics, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct metric *m = &metrics[i];
        rc_put_format(out, "# HELP recourse_%s %s\n# TYPE recourse_%s %s\nrecourse_%s %llu\n", m->name,
                      m->help, m->name, m->type, m->name, (unsigned long long)m->value);
    }
}

enum rc_status api_metrics(struct api_call *call, struct rc_error *err)
{
    (void)err;
    struct rc_engine_stats stats;
    struct http_stats http;
    rc_engine_stats(call->api->options.engine, &stats);
    http_stats(call->api->http, &http);
    const struct metric metrics[] = {
        {"turns_total", "counter", "Turns of the engine.", stats.turns},
        {"units_total", "counter", "Units that the engine worked on.", stats.units},
        {"commits_total", "counter", "Commits to the store.", stats.commits},
        {"commands_submitted_total", "counter", "Commands that were stored.", stats.submitted},
        {"submissions_replayed_total", "counter", "Submissions that named a command that was there.",
         stats.replayed},
        {"requests_refused_total", "counter", "Requests that the engine refused.", stats.refused},
        {"submissions_shed_total", "counter", "Submissions that were refused because too much was waiting.",
         stats.shed},
        {"late_reports_total", "counter", "Reports of workers that had lost their lease.", stats.late},
        {"attempts_total", "counter", "Attempts that left.", stats.attempts},
        {"results_total", "counter", "Results of attempts.", stats.results},
        {"attempts_lost_total", "counter", "Attempts that were in flight when the server stopped.",
         stats.lost},
        {"attempts_in_flight", "gauge", "Attempts in flight.", stats.in_flight},
        {"lanes_waiting", "gauge", "Commands that wait for their turn in a lane.", stats.lane_waits},
        {"commands_hot", "gauge", "Commands held in memory.", stats.hot},
        {"commands_damaged", "gauge", "Commands that were wanted and cannot be read.", stats.damaged},
        {"engine_queue", "gauge", "Events that wait for the engine.", stats.queued},
        {"http_requests_total", "counter", "HTTP requests.", call->api->requests},
        {"http_problems_total", "counter", "HTTP requests that were answered with a problem.",
         call->api->problems},
        {"http_connections", "gauge", "Open connections of clients.", http.connections},
        {"http_connections_total", "counter", "Connections that were accepted.", http.accepted},
        {"http_connections_refused_total", "counter", "Connections over the bound of their address.",
         http.turned_away},
        {"http_connections_evicted_total", "counter", "Idle connections that made room for others.",
         http.evicted},
        {"http_handshakes_failed_total", "counter", "TLS handshakes that came to nothing.",
         http.handshakes_failed},
        {"http_malformed_total", "counter", "Requests that were refused for their framing, size or slowness.",
         http.refused},
        {"http_parked", "gauge", "HTTP requests that wait for the engine.",
         atomic_load_explicit(&call->api->parked, memory_order_relaxed)},
        {"http_waiting", "gauge", "HTTP requests that wait for a command to come to rest.",
         atomic_load(&call->api->waiting)},
        {"http_reading", "gauge", "HTTP requests whose read of the store waits or runs.",
         atomic_load(&call->api->readers.under_way)},
        {"event_streams", "gauge", "Streams of events that are open.", atomic_load(&call->api->listening)},
        {"event_streams_stalled_total", "counter",
         "Streams of events that were ended because nobody read them.", call->api->stalled},
        {"storage_room", "gauge", "1 when new work may be stored.", stats.room},
        {"storage_held", "gauge", "1 when the store is held after it was restored: nothing leaves.",
         stats.held},
        {"storage_healthy", "gauge", "1 when the storage can be used.", stats.healthy},
    };
    api_begin(call, 200);
    call->content_type = "text/plain; version=0.0.4; charset=utf-8";
    put_metrics(&call->out, metrics, sizeof metrics / sizeof *metrics);
    rc_put_format(&call->out,
                  "# HELP recourse_build_info The version that runs.\n# TYPE recourse_build_info gauge\n"
                  "recourse_build_info{version=\"%s\"} 1\n",
                  call->api->options.version);
    return RC_OK;
}
