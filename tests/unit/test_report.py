"""What the operator is told at start: a remark is none of the warnings, on standard error and in the log."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from lteims import trace
from lteims.config import Diagnostic, ImsConfig, Severity
from lteims.report import report


@dataclass
class Told:
    """Standard error and the log at once."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def info(self, text: str) -> None:
        self.lines.append(("info", text))

    def warning(self, text: str) -> None:
        self.lines.append(("warning", text))

    def write(self, layer: trace.Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        self.lines.append((trace.LEVEL_NAMES[level], message))


@pytest.fixture
def told() -> Iterator[Told]:
    told = Told()
    former, level = trace.set_sink(told), trace.IMS.level
    trace.IMS.level = trace.INFO
    yield told
    trace.set_sink(former)
    trace.IMS.level = level


def test_a_remark_and_a_warning(told: Told) -> None:
    found = [
        Diagnostic("ims.cfg", 3, 1, "license_server is ignored", severity=Severity.INFO),
        Diagnostic("ims.cfg", 4, 1, "unused property 'x'", severity=Severity.WARNING),
    ]
    report(ImsConfig(sdp_file="/no/such.sdp"), found, told)
    remark, odd = "Info: ims.cfg:3: license_server is ignored", "Warning: ims.cfg:4: unused property 'x'"
    missing = "Warning: sdp_file: there is no file /no/such.sdp"
    assert told.lines[:4] == [("info", remark), ("info", remark), ("warning", odd), ("warn", odd)]
    assert told.lines[4:6] == [("warning", missing), ("warn", missing)]
