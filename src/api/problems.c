/* GET /problems/{code}: what a problem's `type` leads to. The texts are spec/problems.def, the facts spec/status.def. */
#include "api/call.h"

static const char *const help[RC_STATUS_COUNT] = {
#define RC_PROBLEM(code, text) [code] = (text),
#include "problems.def"
#undef RC_PROBLEM
};

enum rc_status api_problem(struct api_call *call, struct rc_error *err)
{
    struct rc_sv slug = call->param[0];
    for (int i = RC_OK + 1; i < RC_STATUS_COUNT; i++) {
        enum rc_status code = (enum rc_status)i;
        if (!rc_sv_is(slug, rc_status_slug(code)) || !help[i]) continue;
        api_begin(call, 200);
        struct rc_json *json = &call->json;
        rc_json_object(json, NULL);
        rc_json_text(json, "code", rc_status_slug(code));
        rc_json_text(json, "title", rc_status_text(code));
        rc_json_u64(json, "status", (uint64_t)rc_status_http(code));
        rc_json_bool(json, "retryable", rc_status_retryable(code));
        rc_json_text(json, "text", help[i]);
        rc_json_end_object(json);
        return RC_OK;
    }
    return rc_fail(err, RC_NOT_FOUND, "there is no problem \"%.*s\"", RC_SV_ARG(slug));
}
