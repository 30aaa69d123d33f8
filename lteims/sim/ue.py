"""`lteims ue FILE`: plays scenarios with virtual phones against a server; exit code 0 if all went well.

Called by __main__.py with the arguments behind `ue`.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from lteims.errors import LteimsError
from lteims.sim import junit
from lteims.sim.errors import ScenarioError
from lteims.sim.profiles import PROFILES
from lteims.sim.scenario import Scenario, load
from lteims.sim.scenario_run import Outcome, play

EXIT_OK, EXIT_FAILED = 0, 1


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        scenarios = [load(file) for file in options.scenario]
        outcomes = asyncio.run(_play(scenarios, options))
        if options.junit:
            Path(options.junit).write_bytes(junit.document(outcomes))
    except LteimsError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        print(f"lteims ue: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FAILED
    return EXIT_OK if all(outcome.passed for outcome in outcomes) else EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lteims ue",
        description="Virtual phones that play a scenario against an IMS.",
        epilog=f"Profiles: {', '.join(PROFILES)}. The files are described in docs/virtual_phone.md.",
    )
    parser.add_argument("scenario", metavar="FILE", nargs="+", help="a scenario (YAML)")
    parser.add_argument("--server", metavar="HOST:PORT", default="", help="the server, in place of the file's")
    parser.add_argument("--junit", metavar="FILE", help="write the outcome as JUnit XML")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the ladder of what went well, too")
    return parser


async def _play(scenarios: Sequence[Scenario], options: argparse.Namespace) -> list[Outcome]:
    outcomes = []
    for scenario in scenarios:
        server = options.server or scenario.server
        if not server:
            raise ScenarioError(f"{scenario.file}:1: no server; name one there, or with --server HOST:PORT")
        outcome = await play(scenario, server)
        _show(outcome, verbose=options.verbose)
        outcomes.append(outcome)
    return outcomes


def _show(outcome: Outcome, *, verbose: bool) -> None:
    for each in outcome.results:
        word = "FAILED" if each.error else "skipped" if each.skipped else "ok"
        print(f"{outcome.file}:{each.line}: {each.title}: {word}" + (f": {each.error}" if each.error else ""))
    if verbose or not outcome.passed:
        print(outcome.ladder)
    sys.stdout.flush()
