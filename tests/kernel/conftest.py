"""Where a test of this folder runs: on this kernel if it has SCTP and ESP, else in the kernel lab, one boot for all.

Tests marked `native` need only root and namespaces: they run on the machine itself wherever that is allowed.
Either way each test is reported under its own name, and one that could not run is a failure.
"""

import os
from pathlib import Path

import pytest

from tests.kernel.lab import host, replay

HERE = Path(__file__).parent
REPLAY = pytest.StashKey[replay.Replay]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "native: needs namespaces, but neither SCTP nor ESP of the kernel")
    path = os.environ.get(replay.FILE)
    if path:
        config.pluginmanager.register(replay.Recorder(config, Path(path)))
    config.stash[REPLAY] = replay.Replay(config)


def runs_here(item: pytest.Item) -> bool:
    """False for a test of this folder that this kernel cannot run (pytest asks for the tests of other folders too)."""
    if HERE not in item.path.parents or host.inside() or not host.lacks():
        return True
    return item.get_closest_marker("native") is not None and host.has_namespaces()


def pytest_collection_finish(session: pytest.Session) -> None:
    """One boot is for all that needs it (of several processes of pytest, one gets this whole folder)."""
    session.config.stash[REPLAY].nodes = [item.nodeid for item in session.items if not runs_here(item)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """In place of running a test that needs the lab, report what the lab said of it."""
    if runs_here(item):
        return None
    lab = item.config.stash[REPLAY]
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in lab.reports(item):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    # The test before this one left set up what it believed to share with it; the next one wants a clean stack.
    item.session._setupstate.teardown_exact(nextitem)
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    lab = session.config.stash[REPLAY]
    if lab.booted:
        ran = f"{len(lab.nodes)} tests ran in User Mode Linux in {lab.seconds:.0f} s"
        session.config.stash[replay.SUMMARY] = line = f"kernel lab: {ran}; this machine lacks {', '.join(host.lacks())}"
        # One process of several tells the one that has the terminal
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["lab"] = line
