"""A disk that can be filled."""
import os
import shutil
import subprocess

from kit import Skip, equal


class Disk:
    """A small tmpfs that can be filled."""

    def __init__(self, world, mib):
        self.path = world.dir / "disk"
        self.path.mkdir()
        if os.geteuid() != 0:
            raise Skip("needs root, to mount a small tmpfs")
        got = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(self.path)], capture_output=True, text=True)
        if got.returncode != 0:
            raise Skip(f"cannot mount a tmpfs: {got.stderr.strip()}")
        world.closers.append(self.unmount)
        self.filler = self.path / "filler"

    def unmount(self):
        subprocess.run(["umount", "-l", str(self.path)], check=False, capture_output=True)

    def free(self):
        return shutil.disk_usage(self.path).free

    def fill(self):
        with open(self.filler, "ab", buffering=0) as f:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        f.write(b"\0" * size)
                except OSError:
                    pass
        equal(self.free(), 0, "free bytes")

    def clear(self):
        self.filler.unlink()
