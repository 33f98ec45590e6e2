"""What the tests take from npm, installed by its lock file into .cache/, once for all builds.

Where npm cannot be had, a test that needs it is skipped; in continuous integration (RC_CI=1, set by scripts/test.sh --ci) it
fails. Where the registry cannot be reached it is skipped in both, with the reason: the network is not what is tested.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import ROOT, Failure, Skip  # noqa: E402

HERE = Path(__file__).resolve().parent
MOST = 240  # seconds for an installation
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "E403", "E502", "E503")


def missing(why):
    if os.environ.get("RC_CI") == "1":
        raise Failure(f"continuous integration needs npm: {why}")
    raise Skip(why)


def install():
    """The folder with package.json and node_modules."""
    if not shutil.which("npm"):
        missing("npm is not installed")
    files = [HERE / "package.json", HERE / "package-lock.json"]
    digest = hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()[:16]
    folder = ROOT / ".cache" / f"client-ts-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "whole").exists():
            return folder
        for file in files:
            shutil.copy(file, folder)
        try:
            got = subprocess.run(["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder,
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MOST)
        except subprocess.TimeoutExpired:
            raise Skip(f"the registry is too slow: npm ci took more than {MOST} s") from None
        if got.returncode and any(word in got.stderr for word in UNREACHABLE):
            raise Skip(f"the registry cannot be reached: {got.stderr[-300:]}".replace("\n", " "))
        if got.returncode:
            missing(f"npm ci: {got.stderr[-1000:]}")
        (folder / "whole").touch()
    return folder


def run(program, *argv, cwd=None):
    """Runs a program of a package; what it prints."""
    got = subprocess.run([str(install() / "node_modules/.bin" / program), *map(str, argv)], cwd=cwd, stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=MOST,
                         env=dict(os.environ, NO_COLOR="1", REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true"))
    if got.returncode:
        raise Failure(f"{program} {' '.join(map(str, argv))}: code {got.returncode}: {got.stdout}{got.stderr}")
    return got.stdout + got.stderr


def compile_strictly(folder):
    """Compiles the .ts files of a folder; the folder of the .js files."""
    modules = folder / "node_modules"
    if not modules.exists():
        modules.symlink_to(install() / "node_modules")
    for name in ("tsconfig.json", "package.json"):
        shutil.copy(HERE / name, folder)
    run("tsc", "--project", folder)
    return folder / "out"
