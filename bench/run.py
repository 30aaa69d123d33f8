"""Runs every benchmark in turn, each in a process of its own, and prints all figures as one table at the end.

`make bench`, or `.venv/bin/python -m bench.run NAME...` for some of them. A benchmark prints what it likes; a line of
the form `=> WHAT | FIGURE | UNIT | BESIDE` (bench.figure writes it) goes into the table. Exit code 1 when one of them
failed, 2 for a wrong command line.
"""

import argparse
import ast
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import MARK

FOLDER = Path(__file__).parent
HEAD = ("what", "figure", "unit", "beside")


def names() -> list[str]:
    """The benchmarks: every module here but this one."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in {"__init__", "run"})


def about(name: str) -> str:
    """The first line of what a benchmark says of itself; it is read, not imported."""
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def asked(arguments: Sequence[str]) -> list[str]:
    """The benchmarks of a command line, all where it has none. Ends the program for --help and for an unknown name."""
    there = names()
    parser = argparse.ArgumentParser(
        "python -m bench.run",
        description="Run benchmarks of the installed lteims, and print all figures as one table.",
        epilog="\n".join(["benchmarks:", *(f"  {name:<{max(map(len, there))}}  {about(name)}" for name in there)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark (none: all of them)")
    chosen: list[str] = parser.parse_args(arguments).names
    if unknown := [name for name in chosen if name not in there]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(there)}")
    return chosen or there


def run(name: str) -> tuple[int, list[list[str]]]:
    """Run one, pass its output on, and pick the figures out of it."""
    print(f"--- {name}", flush=True)
    start = time.monotonic()
    figures = []
    with subprocess.Popen(
        [sys.executable, "-m", f"bench.{name}"],
        cwd=FOLDER.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout or ():
            if line.startswith(MARK):
                figures.append([cell.strip() for cell in line.removeprefix(MARK).split("|")])
            else:
                print(line, end="", flush=True)
    print(f"    {time.monotonic() - start:.0f} s, exit code {process.returncode}\n", flush=True)
    return process.returncode, figures


def table(rows: list[list[str]]) -> str:
    """The rows under their head, each column as wide as it must be, figures to the right."""
    cells = [list(HEAD), *([*row, *[""] * len(HEAD)][: len(HEAD)] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
    lines = [
        f"{what:{widths[0]}}  {figure:>{widths[1]}}  {unit:{widths[2]}}  {beside}".rstrip()
        for what, figure, unit, beside in cells
    ]
    return "\n".join([lines[0], "-" * len(max(lines, key=len)), *lines[1:]])


def main() -> int:
    """Run those that are named, or all; 1 if one of them failed."""
    failed, rows = [], []
    for name in asked(sys.argv[1:]):
        code, figures = run(name)
        rows += figures
        if code:
            failed.append(name)
    print(table(rows))
    if failed:
        print(f"\nfailed or missed its target: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
