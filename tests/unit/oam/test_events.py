"""Events on standard error: one line each, no control characters, no failure where nobody listens."""

import sys
from io import StringIO

import pytest
import structlog

from lteims.oam import events


def test_a_line_of_key_and_value(told: StringIO) -> None:
    log = events.events(part="log")
    log.info("started", file="/tmp/a b.log", n=3)
    log.debug("not shown")
    (line,) = told.getvalue().splitlines()
    assert line.startswith("timestamp=")
    assert line.endswith('level=info event=started part=log file="/tmp/a b.log" n=3')


def test_values_cannot_steer_the_terminal_or_begin_a_line(told: StringIO) -> None:
    events.events().warning("odd", name="\x1b[2J\nlevel=error \udcff")
    (line,) = told.getvalue().splitlines()
    assert "\x1b" not in line
    assert "\\xff" in line


def test_an_exception_is_one_line_too(told: StringIO) -> None:
    try:
        raise KeyError("x")
    except KeyError:
        events.events().exception("failed")
    assert len(told.getvalue().splitlines()) == 1
    assert "KeyError" in told.getvalue()


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_text() -> None:
    stream = _Terminal()
    events.configure(stream)
    try:
        events.events().info("started", n=3)
    finally:
        structlog.reset_defaults()
    assert "started" in stream.getvalue()
    assert "event=" not in stream.getvalue()


def test_standard_error_is_looked_up_each_time_and_may_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    events.configure()
    log = events.events()
    try:
        second = StringIO()
        monkeypatch.setattr(sys, "stderr", second)
        log.info("heard")
        second.close()
        log.info("unheard")
        third = StringIO()
        monkeypatch.setattr(sys, "stderr", third)
        log.info("again")
    finally:
        structlog.reset_defaults()
    assert "again" in third.getvalue()
