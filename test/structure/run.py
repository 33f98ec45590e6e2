"""run.py CHECKS ROOT [BUILD]: runs every check of one module over a tree and prints TAP.

Exits 0 where nothing was found, 1 otherwise.
"""
import importlib
import sys

from tree import Tree


def checks_of(module):
    return [f for name, f in vars(module).items() if name.startswith("check_") and callable(f)]


def run(module, tree, out=sys.stdout):
    failed = 0
    checks = checks_of(module)
    print(f"1..{len(checks)}", file=out)
    for number, check in enumerate(checks, 1):
        problems = sorted(set(check(tree)))
        failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {number} - {check.__doc__.splitlines()[0].rstrip('.')}", file=out)
        for problem in problems:
            print(f"# {problem}", file=out)
    return failed


if __name__ == "__main__":
    sys.exit(1 if run(importlib.import_module(sys.argv[1]), Tree(*sys.argv[2:])) else 0)
