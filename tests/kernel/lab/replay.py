"""Carries pytest's reports from inside the lab to the pytest outside, where they count as if the tests had run there.

Used by tests/kernel/conftest.py: inside, a Recorder writes each report as a line of JSON; outside, Replay boots the lab
once for all its tests when the first of them is due, and hands their reports on. A test without a report fails: nothing
is skipped.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.kernel.lab import uml

FILE = "LTEIMS_LAB_REPORTS"  # in the environment inside: the file to write reports to
SUMMARY = pytest.StashKey[str]()  # outside: a line on the run for the end


class Recorder:
    """Inside: the plugin that writes each report at once, so that those before a panic are not lost."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config = config
        self._file = path.open("a", encoding="utf-8")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._file.write(json.dumps(data, default=str) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def pytest_unconfigure(self) -> None:
        self._file.close()


class Replay:
    """Outside: what became of each test that ran in the lab."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._reports: dict[str, list[pytest.TestReport]] = defaultdict(list)
        self._trouble = "the test was not among those that the kernel lab was booted for"
        self._told = ""  # the test that the trouble was told of: once is enough
        self.booted = False
        self.nodes: Sequence[str] = ()  # ids of the tests that the lab is booted for
        self.seconds = 0.0

    def _boot(self) -> None:
        self.booted = True
        started = time.monotonic()
        command = ["python", "-m", "pytest", "-p", "no:cacheprovider", "--color=no", *self.nodes]
        with uml.run_folder() as folder:
            try:
                run = uml.boot(command, folder, env={FILE: str(folder / "reports")})
                self._trouble = f"pytest in the kernel lab said nothing of this test. Its console:\n{run.console}"
            except uml.LabError as error:
                self._trouble = str(error)
            self._read(folder / "reports")
        self.seconds = time.monotonic() - started

    def _read(self, path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for line in lines:
            try:
                data = json.loads(line)
            except ValueError:
                continue  # the line that a panic cut off; its test is without a report, and so fails
            report = self._config.hook.pytest_report_from_serializable(config=self._config, data=data)
            self._reports[report.nodeid].append(report)

    def reports(self, item: pytest.Item) -> list[pytest.TestReport]:
        """The reports of one test: set-up, call and clean-up; a failure with the reason where its end is missing."""
        if not self.booted and self.nodes:
            self._boot()
        found = list(self._reports[item.nodeid])
        if not found or found[-1].when != "teardown":
            found.append(self._failure(item))
        return found

    def _failure(self, item: pytest.Item) -> pytest.TestReport:
        why = f"the kernel lab ended before this test did: see {self._told}" if self._told else self._trouble
        self._told = self._told or item.nodeid
        return pytest.TestReport(item.nodeid, item.location, dict.fromkeys(item.keywords, 1), "failed", why, "call")
