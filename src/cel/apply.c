/* Which room does a function; and the small ones themselves. */
#include "cel/run.h"

static bool is_not(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                   struct cel_value *ret)
{
    if (args[0].kind != CEL_BOOL) return cel_no_overload(run, node, args);
    *ret = cel_bool(!args[0].v.b);
    return true;
}

static bool type_of(struct cel_value value, struct cel_value *ret)
{
    struct rc_sv name = rc_sv_of(cel_kind_name((enum cel_kind)value.kind));
    *ret = (struct cel_value){.kind = CEL_TYPE, .n = name.n, .v.text = name.p};
    return true;
}

bool cel_apply(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
               struct cel_value *ret)
{
    switch ((enum cel_fn)node->fn) {
    case CEL_FN_ADD:
    case CEL_FN_SUB:
    case CEL_FN_MUL:
    case CEL_FN_DIV:
    case CEL_FN_MOD:
    case CEL_FN_NEG: return cel_arithmetic(run, node, args, ret);
    case CEL_FN_NOT: return is_not(run, node, args, ret);
    case CEL_FN_EQ:
    case CEL_FN_NE:
    case CEL_FN_LT:
    case CEL_FN_LE:
    case CEL_FN_GT:
    case CEL_FN_GE:
    case CEL_FN_IN: return cel_relate(run, node, args, ret);
    case CEL_FN_INDEX: return cel_index(run, node, args, ret);
    case CEL_FN_SIZE:
    case CEL_FN_STARTS_WITH:
    case CEL_FN_ENDS_WITH:
    case CEL_FN_CONTAINS:
    case CEL_FN_TEXT:
    case CEL_FN_SEGMENT: return cel_text_function(run, node, args, ret);
    case CEL_FN_TO_INT:
    case CEL_FN_TO_UINT:
    case CEL_FN_TO_DOUBLE:
    case CEL_FN_TO_STRING:
    case CEL_FN_TO_BYTES:
    case CEL_FN_TO_BOOL:
    case CEL_FN_TO_DURATION:
    case CEL_FN_TO_TIMESTAMP: return cel_convert(run, node, args, ret);
    case CEL_FN_DYN: *ret = args[0]; return true;
    case CEL_FN_TYPE: return type_of(args[0], ret);
    case CEL_FN_YEAR:
    case CEL_FN_MONTH:
    case CEL_FN_DAY_OF_YEAR:
    case CEL_FN_DATE:
    case CEL_FN_DAY_OF_MONTH:
    case CEL_FN_DAY_OF_WEEK:
    case CEL_FN_HOURS:
    case CEL_FN_MINUTES:
    case CEL_FN_SECONDS:
    case CEL_FN_MILLISECONDS: return cel_time_function(run, node, args, ret);
    case CEL_FN_MATCHES: /* the checker refuses it */
    case CEL_FN_SECRET:  /* the checker made it a constant */
    case CEL_FN_NONE: break;
    }
    return cel_raise(run, node, CEL_FAULT_UNKNOWN_FUNCTION, cel_null(), cel_null());
}
