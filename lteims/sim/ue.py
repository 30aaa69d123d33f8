"""`lteims ue FILE`: plays scenarios with virtual phones against a server; exit code 0 if all went well.

Called by __main__.py with the arguments behind `ue`.
"""

import argparse
from collections.abc import Sequence

from lteims.sim import outcome
from lteims.sim.errors import ScenarioError
from lteims.sim.outcome import Outcome
from lteims.sim.profiles import PROFILES
from lteims.sim.scenario import load
from lteims.sim.scenario_run import play


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; the exit code."""
    options = _parser().parse_args(arguments)
    return outcome.run("lteims ue", options, lambda: _play(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lteims ue",
        description="Virtual phones that play a scenario against an IMS.",
        epilog=f"Profiles: {', '.join(PROFILES)}. The files are described in docs/virtual_phone.md.",
    )
    outcome.arguments(parser)
    return parser


async def _play(options: argparse.Namespace) -> list[Outcome]:
    scenarios = [load(file) for file in options.scenario]
    outcomes = []
    for scenario in scenarios:
        server = options.server or scenario.server
        if not server:
            raise ScenarioError(f"{scenario.file}:1: no server; name one there, or with --server HOST:PORT")
        outcomes.append(await play(scenario, server))
        outcome.show(outcomes[-1], verbose=options.verbose)
    return outcomes
