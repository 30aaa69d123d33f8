"""A million spoilt messages through the parser and everything that reads what it gives (1,000,000 is the goal set)."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

from tests.vectors.sip.hammer import CORPUS, Outcome, exercise, hammer

MESSAGES = 1_000_000
PROCESSES = min(8, os.cpu_count() or 1)
SEED = 20261
SLOWEST = 0.2  # CPU seconds for one message; the largest take a tenth of it
GROWTH = 32 << 20  # octets of each process after its warm-up; only the caches of addresses still fill


def test_a_million_spoilt_messages() -> None:
    share = -(-MESSAGES // PROCESSES)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        outcomes: list[Outcome] = list(pool.map(hammer, range(SEED, SEED + PROCESSES), [share] * PROCESSES))
    print(*outcomes, sep="\n")
    assert sum(o.served + o.refused + o.no_sip for o in outcomes) >= MESSAGES
    assert max(o.slowest for o in outcomes) < SLOWEST, outcomes
    assert max(o.growth for o in outcomes) < GROWTH, outcomes
    for outcome in outcomes:  # spoilt enough to be refused, not so much that nothing is read
        assert min(outcome.served, outcome.refused, outcome.no_sip) > share // 50, outcome


def test_what_is_not_spoilt_is_got_over_too() -> None:
    assert {exercise(data) for data in CORPUS} >= {"served", "refused"}
