"""The manual and the completion scripts: whole, without warnings, and of use in the shells."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import PATIENCE, RECOURSE, Skip, case, contains, equal, main, true

ENV = dict(os.environ, LC_ALL="C.UTF-8", COLUMNS="100", MANWIDTH="100", RECOURSE_SERVER="http://127.0.0.1:1")
ENV["PATH"] = f"{RECOURSE.parent}:{ENV['PATH']}"


def run(*argv, code=0, stdin=""):
    got = subprocess.run([str(a) for a in argv], input=stdin, env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    equal(got.returncode, code, f"exit code of {argv}: {got.stdout[-500:]}{got.stderr[-500:]}")
    return got.stdout, got.stderr


def wanted(program):
    if not shutil.which(program):
        raise Skip(f"{program} is not installed")


def commands():
    shown = run(RECOURSE, "help")[0]
    found = re.findall(r"(?m)^  ([a-z][a-z-]*)\b", shown.partition("\nCommands\n")[2].partition("\n\n")[0])
    true(len(found) > 15, f"the table of commands was not found: {found}")
    return found


def options(command):
    found = re.findall(r"(?m)^  (?:-\w,|   ) --([\w-]+)", run(RECOURSE, "help", command)[0])
    true("help" in found, f"the options of {command} were not found")
    return found


def page(world, *command):
    """A page as man shows it, which must have nothing to complain about."""
    file = world.dir / "-".join(["recourse", *command, "page.1"])
    file.write_text(run(RECOURSE, "man", *command)[0])
    text, warnings = run("man", "--warnings", "-E", "UTF-8", "-P", "cat", "-l", file)
    equal(warnings, "", f"warnings about the page of {command}")
    return re.sub(r"\x1b\[[0-9;]*m|.\x08", "", text)


@case("every command and option is in the manual, with the exit codes")
def manual(world):
    wanted("man")
    top = page(world)
    for command in commands():
        contains(top, f"\n       {command}", "the page of recourse")
        text = page(world, command)
        for option in options(command):
            contains(text, f"--{option}", f"the page of {command}")
        for code in range(8):
            true(re.search(rf"(?m)^       {code} +\w", text), f"the page of {command} does not have the exit code {code}")
        for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "SEE ALSO"):
            true(re.search(rf"(?m)^{title}$", text), f"the page of {command} has no {title}")
    run(RECOURSE, "man", "bogus", code=2)


@case("every command and option is in each completion script")
def complete(world):
    for shell in ("bash", "zsh", "fish"):
        script = run(RECOURSE, "completion", shell)[0]
        for command in commands():
            contains(script, command, shell)
            for option in options(command):
                contains(script, f"-l {option}" if shell == "fish" else f"--{option}", shell)
        if shutil.which(shell):
            file = world.dir / f"script.{shell}"
            file.write_text(script)
            equal(run(shell, "-n", file), ("", ""), f"{shell} -n")
    run(RECOURSE, "completion", "tcsh", code=2)


def bash(world, *words):
    """What bash would offer for the last of these words."""
    script = f"""set -u
source <(recourse completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_recourse
printf '%s\\n' "${{COMPREPLY[@]}}" """
    return set(run("bash", "-c", script, "bash", "recourse", *words)[0].split())


@case("bash completes commands, options, states, files and words")
def bash_completes(world):
    equal(bash(world, "roll"), {"rollback"}, "commands")
    equal(bash(world, "--server", "http://x", "subm"), {"submit"}, "a command behind an option with a value")
    equal(bash(world, "--server", "=", "http://x", "subm"), {"submit"}, "a command behind an option with its value")
    equal(bash(world, "resolve", "ID", "--did"), {"--did-not-happen"}, "an option of the command")
    true({"--json", "--state"} <= bash(world, "list", "--"), "options of all and of the command")
    equal(bash(world, "list", "--state", "re"), {"review", "rejected", "resolved"}, "a state")
    equal(bash(world, "list", "-s", "fa"), {"failed"}, "a state behind the letter")
    equal(bash(world, "list", "--state", "=", "fa"), {"failed"}, "a state behind the equals sign")
    equal(bash(world, "list", "--state", "review,fa"), {"review,failed"}, "the second state")
    true("absent" not in bash(world, "list", "--state", ""), "no command is absent")
    equal(bash(world, "help", "expl"), {"explain"}, "a command's name")
    equal(bash(world, "help", "getting"), {"getting-started"}, "a topic")
    equal(bash(world, "bulk", "prev"), {"preview"}, "what to do with a bulk")
    equal(bash(world, "bulk", "preview", "canc"), {"cancel"}, "an action")
    true({"rollback", "skip"} <= bash(world, "bulk", "preview", ""), "actions")
    equal(bash(world, "completion", ""), {"bash", "zsh", "fish"}, "shells")
    (world.dir / "definitions").mkdir()
    (world.dir / "default.db").touch()
    equal(bash(world, "apply", f"{world.dir}/def"), {f"{world.dir}/definitions"}, "folders")
    equal(bash(world, "serve", "--store", f"{world.dir}/def"), {f"{world.dir}/definitions", f"{world.dir}/default.db"}, "files")
    equal(bash(world, "submit", "--key", ""), set(), "what nobody can know")


@case("fish completes commands, options and states")
def fish_completes(world):
    wanted("fish")

    def fish(line):
        shown = run("fish", "--no-config", "-c", f"recourse completion fish | source; complete -C '{line}'")[0]
        return {l.split("\t")[0] for l in shown.splitlines()}

    equal(fish("recourse roll"), {"rollback"}, "commands")
    equal(fish("recourse resolve ID --did"), {"--did-not-happen"}, "an option")
    equal(fish("recourse list --state re"), {"review", "rejected", "resolved"}, "a state")


@case("zsh takes the script, loaded from $fpath and as a source")
def zsh_loads(world):
    wanted("zsh")
    (world.dir / "_recourse").write_text(run(RECOURSE, "completion", "zsh")[0])
    script = f"fpath=({world.dir} $fpath); autoload -Uz compinit; compinit -u -d {world.dir}/dump; print $_comps[recourse]"
    equal(run("zsh", "-f", "-c", script), ("_recourse\n", ""), "from $fpath")
    script = f"autoload -Uz compinit; compinit -u -d {world.dir}/dump2; source {world.dir}/_recourse; print $_comps[recourse]"
    equal(run("zsh", "-f", "-c", script), ("_recourse\n", ""), "as a source")


main()
