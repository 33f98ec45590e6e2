/* One call for all kinds of executors. */
#include "exec/kind.h"

enum rc_status rc_exec_start(struct rc_exec *exec, const struct rc_start *start)
{
    return exec->kind->start(exec, start);
}

void rc_exec_close(struct rc_exec *exec)
{
    if (exec) exec->kind->close(exec);
}
