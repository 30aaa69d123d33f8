"""`lteims mme FILE`: plays scenarios with simulated MMEs against a server's SGs; exit code 0 if all went well.

Called by __main__.py with the arguments behind `mme`.
"""

import argparse
from collections.abc import Sequence

from lteims.sim import outcome
from lteims.sim.errors import ScenarioError
from lteims.sim.mme_run import play
from lteims.sim.mme_scenario import load
from lteims.sim.outcome import Outcome


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; the exit code."""
    options = _parser().parse_args(arguments)
    return outcome.run("lteims mme", options, lambda: _play(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lteims mme",
        description="Simulated MMEs, with phones, that play a scenario against the SGs interface of an IMS or MSC.",
        epilog="The kernel must have SCTP. The files are described in docs/simulators.md.",
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
