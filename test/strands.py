"""Families side by side: one strand of those that keep all processors busy, and one of those that wait most of the time.

What waits (servers as processes, kill -9, the one long test of a suite) leaves processors idle, and the busy strand takes these: it gives way
(nice), so that a test with a server finds the machine nearly as it is alone. What a family says in a strand is printed when it is over.
"""
import os
import subprocess
import threading
import time

NICE = 10
POLL = 0.05  # seconds


class Strand:
    def __init__(self, gives_way=False, lines=None):
        self.gives_way = gives_way
        self.lines = lines  # said and not printed yet; None: it prints at once
        self.worked = 0.0  # seconds of the processors, of what it has started
        self.lock = threading.Lock()


MAIN = Strand()
HERE = threading.local()
PRINTING = threading.Lock()
STOPPED = threading.Event()  # all strands are to end
RUNNING = []  # their threads


def here():
    """The strand of this thread."""
    return getattr(HERE, "strand", MAIN)


def join(strand):
    """Makes this thread one more of a strand."""
    HERE.strand = strand


def several():
    """Whether there is another strand beside this one."""
    return len(RUNNING) > 1


def say(text):
    if here().lines is None:
        print(text, flush=True)
    else:
        here().lines.append(text)


def tell():
    """Prints what this strand has said."""
    lines, here().lines = here().lines, None if here().lines is None else []
    if lines:
        with PRINTING:
            print("\n".join(lines), flush=True)


def prefix():
    """Words before a command of this strand."""
    return ["nice", "-n", str(NICE)] if here().gives_way else []


def worked():
    """Seconds that the processors have worked for this strand's commands: on a busy machine these say more than the wall's clock."""
    return here().worked


def wait(process, seconds, ending=False):
    """Popen.wait that adds up what the process and its children have worked, and is over at once when all strands are to end, unless
    the process is ending already."""
    ends = time.monotonic() + seconds
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            with here().lock:
                here().worked += used.ru_utime + used.ru_stime
            return process.returncode
        if time.monotonic() > ends or STOPPED.is_set() and not ending:
            raise subprocess.TimeoutExpired(process.args, seconds)
        time.sleep(min(POLL, max(0, ends - time.monotonic())))


def run(works):
    """Runs works, [(whether it gives way, function)], side by side until all are over. An interrupt stops them all, and is raised again when
    they have ended."""
    def one(gives_way, work, over):
        join(Strand(gives_way, []))
        try:
            work()
        finally:
            tell()
            over.set()

    overs = [threading.Event() for _ in works]  # an interrupted Thread.join takes the thread for ended
    RUNNING[:] = [threading.Thread(target=one, args=(*work, over)) for work, over in zip(works, overs)]
    try:
        for thread in RUNNING:
            thread.start()
        for over in overs:
            over.wait()
    except KeyboardInterrupt:
        STOPPED.set()
        for over in overs:
            over.wait()
        raise
    finally:
        STOPPED.clear()
        RUNNING.clear()
