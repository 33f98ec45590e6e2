"""A machine that is worse than others: its clock is set, its disk is slow or cannot be read (worse.c), a process is stopped."""
import mmap
import os
import signal
import struct
from pathlib import Path

from kit import BUILD, SANITIZED, Process, Server, Skip, eventually, true

LIBRARY = BUILD / "test/e2e/libworse.so"
FIELDS = ("shift_us", "asked", "slow", "slow_ms", "slow_done", "read_fails", "read_failed", "write_us", "written")


class Control:
    """The struct of worse.c, shared with the programs that run under it."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.write_bytes(bytes(mmap.PAGESIZE))
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def __getitem__(self, field):
        return struct.unpack_from("<q", self.page, 8 * FIELDS.index(field))[0]

    def __setitem__(self, field, value):
        struct.pack_into("<q", self.page, 8 * FIELDS.index(field), value)

    def shift(self, seconds):
        self["shift_us"] = int(seconds * 1_000_000)


class WorseServer(Server):
    """`recourse serve` on such a machine."""

    def __init__(self, world, before=None, sanitized=False, **options):
        """`sanitized`: only writes and syncs are slow, which a sanitizer passes on."""
        if SANITIZED and not sanitized:
            raise Skip("a sanitizer stands between the program and the library")
        super().__init__(world, **options)
        self.control, self.before = Control(world.dir / "worse.control"), before
        self.syncs_file = world.dir / "worse.syncs"

    def launch(self):
        self.starts += 1
        env = dict(os.environ, LD_PRELOAD=str(LIBRARY), WORSE_CONTROL=str(self.control.path), WORSE_FOLDER=str(self.store),
                   WORSE_LOG=str(self.syncs_file))
        self.process = Process(self.world, f"server-{self.port}-{self.starts}", self.argv, env)
        return self

    def syncs(self):
        """When syncs began and ended, in monotonic seconds (time.monotonic() here is the same clock)."""
        return [tuple(int(n) / 1e9 for n in line.split()) for line in self.syncs_file.read_text().splitlines()]


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def stop(process):
    """SIGSTOP; comes back when it stands."""
    process.p.send_signal(signal.SIGSTOP)
    eventually(lambda: state_of(process.p.pid) == "T", "the process stands")


def go_on(process):
    true(state_of(process.p.pid) == "T", "the process has not stood")
    process.p.send_signal(signal.SIGCONT)
