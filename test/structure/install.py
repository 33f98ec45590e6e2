"""`meson install` puts everything where it belongs, and what is installed runs."""
import re
import subprocess
import tempfile
from pathlib import Path

EXPECTED = ("bin/recourse", "libexec/recourse/github-standin", "share/recourse/openapi.yaml",
            "share/recourse/examples/github/create_pr.yaml", "share/recourse/examples/github/github.yaml",
            "share/doc/recourse/README.md", "share/doc/recourse/LICENSE", "share/doc/recourse/docs/definitions.md",
            "share/man/man1/recourse.1", "share/bash-completion/completions/recourse",
            "lib/systemd/system/recourse.service", "lib/sysusers.d/recourse.conf", "share/zsh/site-functions/_recourse", "share/fish/vendor_completions.d/recourse.fish")


def commands(binary):
    """The names in the table of commands that `recourse help` shows."""
    shown = subprocess.run([str(binary), "help"], check=True, capture_output=True, text=True).stdout
    return re.findall(r"(?m)^  ([a-z][a-z-]*)\b", shown.partition("\nCommands\n")[2].partition("\n\n")[0])


def check_install(tree):
    """what is installed is complete and runs"""
    with tempfile.TemporaryDirectory(prefix="recourse-install-") as folder:
        done = subprocess.run(["meson", "install", "-C", str(tree.build), "--no-rebuild", "--destdir", folder],
                              capture_output=True, text=True)
        if done.returncode:
            yield f"meson install: {done.stdout[-500:]}{done.stderr[-500:]}"
            return
        prefix = next(Path(folder).rglob("bin")).parent
        for name in EXPECTED:
            if not (prefix / name).is_file():
                yield f"{name} is not installed"
        for path in (tree.root / "docs").glob("*.md"):
            if not (prefix / "share/doc/recourse/docs" / path.name).is_file():
                yield f"docs/{path.name} is not installed (meson.build)"
        for name in commands(prefix / "bin/recourse"):
            if not (prefix / f"share/man/man1/recourse-{name}.1").is_file():
                yield f"recourse {name} has no page of the manual (docs/meson.build)"
        version = subprocess.run([str(prefix / "bin/recourse"), "version"], capture_output=True, text=True).stdout
        wanted = re.search(r"version: '([^']+)'", tree.text("meson.build")).group(1)
        if wanted not in version:
            yield f"recourse version says {version!r}, meson.build {wanted!r}"
