"""bench/run.py: what its command line says and refuses; nothing is run."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "bench").glob("*.py") if path.stem not in ("__init__", "run"))


def asked(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """In a process of its own: bench puts the installed lteims before the checkout's."""
    line = [sys.executable, "-m", "bench.run", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def test_help_says_of_each_benchmark_what_it_measures() -> None:
    done = asked("--help")
    assert (done.returncode, done.stderr) == (0, "")
    listed = dict(line.split(maxsplit=1) for line in done.stdout.partition("benchmarks:\n")[2].splitlines())
    assert sorted(listed) == NAMES


def test_an_unknown_name_is_refused_before_anything_runs() -> None:
    done = asked("aka", "akka")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"no benchmark akka; there are {', '.join(NAMES)}\n" in done.stderr
