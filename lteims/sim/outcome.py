"""What came of a scenario, and what is done alike for all of them: step after step, the report, JUnit, the exit code.

Used by scenario_run.py and ue.py for `lteims ue`, by mme_run.py and mme_command.py for `lteims mme`.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from lteims.errors import LteimsError
from lteims.sim import junit
from lteims.sim.errors import PhoneError
from lteims.sim.scenario_yaml import Step

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one step; an empty `error` is success unless it was skipped."""

    line: int
    title: str
    seconds: float
    error: str = ""
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a scenario."""

    file: str
    results: tuple[Result, ...]
    ladder: str

    @property
    def passed(self) -> bool:
        """Did every step succeed?"""
        return not any(each.error or each.skipped for each in self.results)


async def do_all(steps: Sequence[Step], do: Callable[[Step], Awaitable[None]]) -> list[Result]:
    """Do one step after the other, until one fails: those behind it are skipped."""
    results: list[Result] = []
    for step in steps:
        if results and (results[-1].error or results[-1].skipped):
            results.append(Result(step.line, step.title, 0.0, skipped=True))
        else:
            results.append(await _done(step, do))
    return results


async def _done(step: Step, do: Callable[[Step], Awaitable[None]]) -> Result:
    start = time.monotonic()
    error = ""
    try:
        await do(step)
    except PhoneError as failed:
        error = failed.summary
    except LteimsError as failed:
        error = str(failed)
    return Result(step.line, step.title, time.monotonic() - start, error)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What all commands take that play scenarios."""
    parser.add_argument("scenario", metavar="FILE", nargs="+", help="a scenario (YAML)")
    parser.add_argument("--server", metavar="HOST[:PORT]", default="", help="the server, in place of the file's")
    parser.add_argument("--junit", metavar="FILE", help="write the outcome as JUnit XML")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the ladder of what went well, too")


def run(name: str, options: argparse.Namespace, play: Callable[[], Coroutine[Any, Any, list[Outcome]]]) -> int:
    """Play, and write what is to be written; the exit code of the command `name`.

    Whoever is stopped half-way (SIGINT, SIGTERM) has failed: a CI job that runs out of time must not look well.
    """
    former = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        outcomes = asyncio.run(play())
        if options.junit:
            Path(options.junit).write_bytes(junit.document(outcomes))
    except LteimsError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        print(f"{name}: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print(f"{name}: stopped", file=sys.stderr)
        return EXIT_FAILED
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    return EXIT_OK if all(outcome.passed for outcome in outcomes) else EXIT_FAILED


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def show(outcome: Outcome, *, verbose: bool) -> None:
    """Print each step, and the ladder where it is wanted or needed."""
    for each in outcome.results:
        word = "FAILED" if each.error else "skipped" if each.skipped else "ok"
        print(f"{outcome.file}:{each.line}: {each.title}: {word}" + (f": {each.error}" if each.error else ""))
    if verbose or not outcome.passed:
        print(outcome.ladder)
    sys.stdout.flush()
