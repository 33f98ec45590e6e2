#pragma once
/* What a kind of executor gives to rc_exec_start and rc_exec_close. Only those who implement an executor
 * (exec/, sim/) include this; struct rc_exec is the first member of their own struct. */
#include "exec/exec.h"

struct rc_exec_kind {
    enum rc_status (*start)(struct rc_exec *, const struct rc_start *);
    void (*close)(struct rc_exec *);
};

struct rc_exec {
    const struct rc_exec_kind *kind;
};
