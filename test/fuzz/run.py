"""run.py TARGET CORPUS SOURCE_ROOT NAME: runs a target of libFuzzer for RC_FUZZ_SECONDS (default 4) from its corpus and from what the tree has of
the same kind. What it finds is kept in the working folder as NAME-crash-…; new inputs are not kept, but for RC_FUZZ_KEEP, a folder.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def documents(root):
    """Definitions that stand in the tree."""
    for path in sorted((root / "examples").rglob("*.yaml")):
        yield path.read_text()
    for path in sorted((root / "test" / "golden" / "stories").iterdir()):
        yield re.split(r"(?m)^=== \w+\n", path.read_text())[1]
    yield from re.findall(r"(?ms)^```yaml\n(.*?)^```", (root / "docs" / "definitions.md").read_text())


def main(target, corpus, root, name):
    seconds = os.environ.get("RC_FUZZ_SECONDS", "4")
    os.environ.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
    with tempfile.TemporaryDirectory() as folder:
        new = Path(os.environ.get("RC_FUZZ_KEEP", folder)) / f"{name}-new"
        more = Path(folder) / "more"
        for made in (new, more):
            made.mkdir(parents=True, exist_ok=True)
        for i, text in enumerate(documents(Path(root)) if name == "defs" else ()):
            (more / f"{i:02}").write_text(text)
        return subprocess.run([target, f"-max_total_time={seconds}", f"-artifact_prefix={name}-", "-timeout=20", "-rss_limit_mb=2048",
                               "-max_len=4096", "-reload=0", "-print_final_stats=1", str(new), corpus, str(more)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
