/* What an attempt came to (design, section 6). The rule for HTTP's status codes follows RFC 9110, section 15, and RFC 6585 (429);
 * where a status leaves open whether something was done, it is unknown. */
#include "core/draft.h"

static const struct flow_refine *refined(const struct flow_dependency *dependency, unsigned status)
{
    for (uint32_t i = 0; i < dependency->nrefine; i++)
        if (dependency->refine[i].status == status) return &dependency->refine[i];
    return NULL;
}

static struct rc_finding by_status(unsigned status)
{
    if (status == 401 || status == 403 || status == 407)
        return (struct rc_finding){RC_OUT_FAILED, RC_WHY_CONFIGURATION};
    if (status == 429) return (struct rc_finding){RC_OUT_FAILED, RC_WHY_RATE_LIMITED};
    if (status >= 500) return (struct rc_finding){RC_OUT_UNKNOWN, RC_WHY_SERVER_ERROR};
    if (status >= 400) return (struct rc_finding){RC_OUT_REJECTED, RC_WHY_STATUS};
    if (status >= 300)
        return (struct rc_finding){RC_OUT_FAILED, RC_WHY_CONFIGURATION}; /* redirects are not followed */
    if (status >= 200) return (struct rc_finding){RC_OUT_SUCCEEDED, RC_WHY_NONE};
    return (struct rc_finding){RC_OUT_UNKNOWN, RC_WHY_BAD_ANSWER};
}

/* 75 is EX_TEMPFAIL of sysexits.h: the program says itself that it did nothing, and that it may work later. */
static struct rc_finding by_exit(unsigned code)
{
    enum { TEMPORARY_FAILURE = 75 };
    if (code == 0) return (struct rc_finding){RC_OUT_SUCCEEDED, RC_WHY_NONE};
    return (struct rc_finding){code == TEMPORARY_FAILURE ? RC_OUT_FAILED : RC_OUT_REJECTED, RC_WHY_STATUS};
}

/* What a worker says itself (core/message.h: enum rc_report). */
static struct rc_finding by_report(unsigned report)
{
    if (report == RC_REPORT_DONE) return (struct rc_finding){RC_OUT_SUCCEEDED, RC_WHY_NONE};
    if (report == RC_REPORT_REJECTED) return (struct rc_finding){RC_OUT_REJECTED, RC_WHY_WORKER};
    if (report == RC_REPORT_FAILED) return (struct rc_finding){RC_OUT_FAILED, RC_WHY_WORKER};
    return (struct rc_finding){RC_OUT_UNKNOWN, RC_WHY_WORKER};
}

static struct rc_finding by_kind(const struct flow_dependency *dependency, unsigned status, bool is_success)
{
    if (dependency->kind == FLOW_DEP_PROGRAM) return by_exit(is_success ? 0 : status);
    if (dependency->kind == FLOW_DEP_WORKER) return by_report(status);
    return by_status(is_success ? 200 : status);
}

struct rc_finding rc_outcome_of_result(const struct rc_result *result,
                                       const struct flow_dependency *dependency, bool accepted_is_done)
{
    if (result->reach == RC_NOT_SENT) return (struct rc_finding){RC_OUT_FAILED, (enum rc_why)result->why};
    if (result->reach == RC_SENT) return (struct rc_finding){RC_OUT_UNKNOWN, (enum rc_why)result->why};
    if (!dependency)
        return (struct rc_finding){RC_OUT_UNKNOWN,
                                   RC_WHY_NO_DEPENDENCY}; /* what its answers mean went with it */
    const struct flow_refine *rule = refined(dependency, result->status);
    if (rule && rule->outcome != RC_OUT_SUCCEEDED)
        return (struct rc_finding){(enum rc_outcome)rule->outcome,
                                   result->retry_after ? RC_WHY_RATE_LIMITED : RC_WHY_STATUS};
    struct rc_finding finding = by_kind(dependency, result->status, rule != NULL);
    if (finding.outcome != RC_OUT_SUCCEEDED) return finding;
    if (!result->usable) return (struct rc_finding){RC_OUT_UNKNOWN, RC_WHY_BAD_ANSWER};
    if (dependency->kind == FLOW_DEP_HTTP && result->status == 202 && !accepted_is_done)
        return (struct rc_finding){RC_OUT_UNKNOWN, RC_WHY_STATUS};
    return finding;
}

bool rc_result_answers(const struct rc_result *result, const struct flow_dependency *dependency)
{
    if (dependency && dependency->kind != FLOW_DEP_HTTP)
        return rc_outcome_of_result(result, dependency, false).outcome == RC_OUT_SUCCEEDED;
    bool found = result->status >= 200 && result->status < 300;
    return result->reach == RC_ANSWERED && result->usable &&
           (found || result->status == 404 || result->status == 410);
}
