#pragma once
/* Every bound of Recourse in one place. Each has a test at the limit and one above it. */

enum {
    /* requests */
    RC_MAX_BODY = 1 << 20,        /* bytes of one request body */
    RC_MAX_BATCH = 1000,          /* submissions in one batch */
    RC_MAX_SECRET = 16 << 10,     /* bytes of one secret */
    RC_MAX_PAYLOAD = 256 << 10,   /* bytes of one command's payload */
    RC_MAX_JSON_DEPTH = 64,       /* nesting of any JSON text */
    RC_MAX_JSON_CELLS = 64 << 10, /* values in one JSON text */
    RC_MAX_KEY = 255,             /* bytes of a command's key */
    RC_MAX_NAME = 64,             /* bytes of a flow's, dependency's, step's or ref's name */
    RC_MAX_REF_VALUE = 128,       /* bytes of a ref's value */
    RC_MAX_REFS = 16,             /* refs of one command */
    RC_MAX_ORIGINALS = 64,        /* edited originals that a repeated submission is held against */
    RC_MAX_ACTOR = 128,           /* bytes of an actor's or subject's name */
    RC_MAX_REASON = 2000,         /* bytes of an action's reason */
    RC_MAX_EXTERNAL_ID = 255,     /* bytes of an external id */
    RC_MAX_PURGE = 200,           /* commands that one commit purges */
    RC_MAX_PAGE = 200,            /* rows of one page of a list */
    RC_MAX_READERS = 8,           /* threads that read for clients */
    RC_MAX_QUICK_READS = 4096, /* reads of single things that wait for one of them; more are answered 503 */
    RC_MAX_LONG_READS = 128,   /* lists, searches and previews, the same */
    RC_MAX_READ_MS = 3600000,  /* longest time that one of them may take */
    RC_MAX_CHANGES = 256,      /* changes that are read at a time for those who follow them */
    RC_MAX_STREAMS = 256,      /* streams of events; more are answered 503 */
    RC_MAX_STREAM_LAG =
        32 << 10, /* bytes that may wait for a slow reader of events before nothing is read for it */
    RC_MAX_WAIT_MS = 60000,     /* longest ?wait= */
    RC_MAX_WAITERS = 1024,      /* requests that wait for a command; more are answered at once */
    RC_MAX_NAMESPACES = 1000,   /* namespaces of one store */
    RC_MAX_RATE = 1000000,      /* new commands per second that a quota can name */
    RC_MAX_TOKENS = 10000,      /* tokens of one store, dead ones included */
    RC_MAX_HEADERS = 16 << 10,  /* bytes of a request's line and headers */
    RC_MAX_HEADER_LINES = 64,   /* header lines of a request */
    RC_MAX_TARGET = 8 << 10,    /* bytes of a request target */
    RC_MAX_CONNECTIONS = 16384, /* open client connections */
    /* bulks */
    RC_MAX_BULK = 1000,       /* items of one bulk */
    RC_MAX_FILTER = 512,      /* bytes of one member of a bulk's filter */
    RC_MAX_BULK_LOOK = 50000, /* history records that are read for one preview */
    RC_MAX_BULK_PAGES = 20,   /* pages of a list, each of up to RC_MAX_LOOK rows, that a filter may look at */
    RC_MAX_LOOKED_BELOW = 1000, /* commands below one, among which who asks people is looked for */
    RC_MAX_OPENED_BELOW = 32,   /* of them, how many at most are asked for their own children */
    RC_MAX_BULKS = 8,           /* bulks that run at a time */
    RC_MAX_BULK_RATE = 100,     /* items of a bulk per second */
    RC_MAX_BULK_REVS = 1000,    /* changes of one bulk's state; from there on it can only be cancelled */
    RC_BULK_PREVIEW_S = 3600,   /* how long a preview may be run */
    RC_BULK_FORGET_S = 86400,   /* how long an expired one may still be looked at */
    /* definitions */
    RC_MAX_DEF_FILE = 1 << 20,     /* bytes of one definition file */
    RC_MAX_DEF_FILES = 4096,       /* files in one directory of definitions */
    RC_MAX_DEF_DEPTH = 64,         /* nesting of YAML */
    RC_MAX_DEF_CELLS = 64 << 10,   /* values in one definition file */
    RC_MAX_DEF_MEMORY = 128 << 20, /* bytes used while one definition file is read */
    RC_MAX_DEF_ERRORS = 32,        /* errors of definitions that are told at a time */
    RC_MAX_DIFF_CELLS = 1 << 20,   /* lines times lines that are compared for a diff */
    RC_MAX_DIFF = 64 << 10,        /* bytes of one diff */
    RC_MAX_OUTPUT_NAMES = 256,     /* outputs of one step */
    RC_MAX_PROPERTIES = 1024,      /* properties of one object in a payload schema */
    RC_MAX_TIMEOUT_S = 3600,       /* longest timeout of an attempt */
    RC_MAX_SPAN_DAYS = 3650,       /* longest span in a definition */
    RC_MAX_NODES = 1024,           /* nodes of one flow */
    RC_MAX_SITES = 8192,           /* expressions of one flow */
    RC_MAX_FLOW_DEPTH = 16,        /* blocks in blocks */
    RC_MAX_SCHEMA_DEPTH = 16,
    /* schedules */
    RC_MAX_SCHEDULES = 1024,     /* of all flows in force */
    RC_MAX_FLOW_SCHEDULES = 64,  /* of one flow */
    RC_MAX_CATCH_UP = 100,       /* runs that were missed and are caught up, of one schedule at a time */
    RC_MAX_SCHEDULE_QUEUE = 100, /* times of one schedule that wait for the run before */
    RC_SCHEDULE_ON_TIME_S = 60,  /* a run that begins so much later than planned was missed */
    RC_MAX_ZONE = 64 << 10,      /* bytes of a time zone's file */
    RC_MAX_ZONE_TIMES = 2000,    /* transitions in it */
    /* expressions */
    RC_MAX_EXPR = 16 << 10,       /* bytes of one expression's source */
    RC_MAX_CONTEXT = 1024,        /* names that the context of `recourse eval` may give */
    RC_MAX_EXPR_NODES = 16 << 10, /* nodes of its syntax tree */
    RC_MAX_EXPR_DEPTH = 250,      /* nesting of its syntax tree */
    RC_MAX_EVAL_COST = 100000,    /* steps of one evaluation */
    RC_MAX_EVAL_BYTES = 1 << 20,  /* memory of one evaluation */
    /* engine */
    RC_MAX_INBOX = 16384,       /* events that wait for the engine; more are answered 503 */
    RC_MAX_UNITS = 2048,        /* units in one commit */
    RC_MAX_MESSAGES = 8 * 4096, /* messages in one unit: an instance has a few at most */
    RC_MANY_MESSAGES = 4096,    /* the same: behind so many no child is asked for anything in it */
    RC_MAX_HISTORY = 10000,     /* records of one command */
    RC_MAX_RECORD = 1 << 20,    /* bytes of the cause or of the changes of one stored record */
    RC_MAX_LOOK = 5000,         /* rows that one page of a list may look at */
    RC_MAX_HOT = 65536,         /* commands held in memory */
    RC_WINDOW = 1024,           /* ready or due rows held in memory per gate */
    RC_MAX_WATCH_DAYS = 90,     /* days for which repeats are pointed out after a hold */
    RC_MAX_HOLDS = 16,          /* windows of holds that a store remembers */
    RC_MAX_LANE = 100,          /* commands at work in one lane */
    RC_LANE_WINDOW = 64,        /* commands that wait in one lane, as far as memory holds them */
    RC_LANES_HOT = 1024,        /* lanes that memory holds between two turns */
    RC_MAX_PRIORITY = 9,
    RC_PRIORITY_STEP =
        60000000, /* microseconds: by how much one step of priority makes a command older. Stored rows depend
                                    on it: never change it */
    RC_CALENDAR_LOOK =
        1000000,       /* microseconds: how often the wall clock is looked at while something waits for it */
    RC_MAX_LOST = 3,   /* crashes in a row before a command is set aside */
    RC_MAX_PATH = 192, /* bytes of the path of a step within loops */
    RC_MAX_SHOWN_STEPS = 200, /* steps that are listed with a command; the rest has pages */
    RC_MAX_INSTANCES = 4096,  /* instances of steps and blocks of one command, loops unrolled */
    RC_MAX_ATTEMPTS = 1000,   /* attempts of one retry policy */
    /* bytes of the list of an each, in memory and as JSON: some 60 for each of the 2047 items that RC_MAX_INSTANCES
     * leaves room for. That all of them begin is one record still */
    RC_MAX_ITEMS_BYTES = 128 << 10,
    /* signals */
    RC_MAX_SIGNAL = 16 << 10,     /* bytes of the payload of a signal */
    RC_MAX_SIGNALS_KEPT = 64,     /* early signals that one mailbox keeps */
    RC_MAX_SIGNAL_DAYS = 90,      /* days for which signals, and their keys, are kept at most */
    RC_MAX_SIGNALS_OF_NS = 10000, /* early signals that one namespace keeps */
    /* children */
    RC_MAX_CHILD_DEPTH = 8, /* commands that start each other, from the first one to the last */
    RC_MAX_PINS = 64,       /* flows that one flow can start, in however many steps */
    /* people */
    RC_MAX_PEOPLE = 16,      /* people who have to approve one step */
    RC_MAX_NAMES = 64,       /* people whom one step names */
    RC_MAX_ANSWERS = 16,     /* answers that one step allows */
    RC_MAX_ANSWER_TEXT = 64, /* bytes of one of them */
    RC_MAX_VOTES = 64,       /* people on record at one step */
    /* outside */
    RC_MAX_ANSWER = 1 << 20,         /* bytes of one answer of an outside system */
    RC_MAX_EXCERPT = 4096,           /* bytes kept of an answer that could not be used */
    RC_MAX_URL = 8192,               /* bytes of one outgoing address */
    RC_MAX_OUT_HEADERS = 64,         /* headers that a dependency and a flow give to one outgoing request */
    RC_MAX_OUT_HEADER = 8192,        /* bytes of one outgoing header's value */
    RC_MAX_IN_HEADERS = 128,         /* header lines of one answer */
    RC_MAX_IN_HEAD = 32 << 10,       /* bytes of an answer's headers */
    RC_MAX_FAULT = 256,              /* bytes of an error kept with a step */
    RC_MAX_OUTPUTS = 16 << 10,       /* bytes of one step's outputs in memory */
    RC_MAX_PROGRAMS = 64,            /* programs of one dependency */
    RC_MAX_PROGRAM_PATH = 1024,      /* bytes of a program's path */
    RC_MAX_PROGRAM_ARGS = 256,       /* arguments of one program */
    RC_MAX_PROGRAM_ARG = 64 << 10,   /* bytes of one argument */
    RC_MAX_PROGRAM_ARGV = 512 << 10, /* bytes of all arguments */
    RC_MAX_PROGRAM_ENV = 64,         /* variables that a dependency gives to its programs */
    RC_MAX_PROGRAM_VALUE = 8192,     /* bytes of one variable's value */
    RC_MAX_GRACE_S = 60,             /* seconds between SIGTERM and SIGKILL */
    RC_MAX_RUNNING = 256,            /* programs that run at a time */
    RC_MAX_CONCURRENT = 4096,        /* attempts in flight per dependency */
    /* workers */
    RC_MAX_LEASE_S = 3600, /* how long a worker may be silent */
    RC_MAX_LEASE_TASKS =
        1000, /* tasks that one worker gets at a time; reports and heartbeats in one request */
    RC_MAX_LEASE_QUEUES = 16,  /* queues that one worker asks at a time */
    RC_MAX_CAPABILITIES = 16,  /* capabilities that it declares */
    RC_MAX_POLLERS = 4096,     /* workers that wait for a task; more are answered 503 */
    RC_MAX_LEASES = 65536,     /* tasks that are leased at a time */
    RC_MAX_STOPPED = 1024,     /* queues that are paused or drained at a time */
    RC_MAX_SHOWN_LEASES = 100, /* leases that are shown of a queue */
    RC_MAX_PROGRESS = 128,     /* bytes of what a heartbeat says; what is longer is refused */
};
