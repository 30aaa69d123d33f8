"""Scenario files: what is read, and that whatever is wrong is said with its line."""

import argparse
import asyncio
import contextlib
import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.sim import outcome
from lteims.sim.errors import ScenarioError
from lteims.sim.junit import document
from lteims.sim.outcome import Outcome, Result
from lteims.sim.scenario import load, parse

GOOD = """\
server: 127.0.0.1:5060
phones:
  alice: {imsi: 001010000000003, k: 0396eb317b6d1c36f19c1c84cd6ffd16, opc: "53c15671c60a4b731c55b4a441c0bde2"}
  bob:
    imsi: 001010000000004
    profile: huawei
    transport: tcp
    res_len: 16
    bearer_delay: 0.5
steps:
  - register: [alice, bob]
  - call: {phone: alice, to: "tel:+4930", emergency: no}
  - wait: 0.5
  - expect: {phone: [alice, bob], what: ended, code: 486, within: 3}
"""


def test_what_is_read() -> None:
    scenario = parse(GOOD)
    alice, bob = scenario.phones
    assert (scenario.server, alice.name, alice.sim.imsi) == ("127.0.0.1:5060", "alice", "001010000000003")
    assert alice.sim.k == "0396eb317b6d1c36f19c1c84cd6ffd16"
    assert bob.sim.res_len == 16
    assert bob.options == {"profile": "huawei", "transport": "tcp", "bearer_delay": 0.5}
    assert [(step.line, step.verb, step.names, step.fields) for step in scenario.steps] == [
        (11, "register", ("alice", "bob"), {}),
        (12, "call", ("alice",), {"to": "tel:+4930", "emergency": False}),
        (13, "wait", (), {"seconds": 0.5}),
        (14, "expect", ("alice", "bob"), {"what": "ended", "code": 486, "within": 3.0}),
    ]
    assert scenario.steps[3].title == "expect alice,bob what=ended code=486 within=3.0"


HEAD = "phones:\n  a: {imsi: 001010000000003}\nsteps:\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "a mapping"),
        ("phones: {}\nsteps: []", 1, "no phones"),
        ("phones:\n  a: {imsi: 001010000000003}\nsteps: []", 1, "no steps"),
        ("phones: [a", 1, "expected"),
        ("speed: 3", 1, "no 'speed'; there are server"),
        ("phones:\n  a: {}\nsteps: []", 2, "imsi is missing"),
        ("phones:\n  a: {imsi: 12}\nsteps: []", 2, "imsi '12'"),
        ("phones:\n  a:\n    imsi: 001010000000003\n    ki: 00", 4, "no 'ki'"),
        ("phones:\n  a:\n    imsi: 001010000000003\n    res_len: many", 4, "res_len 'many' is no number"),
        ("phones:\n  a: {imsi: 001010000000003, profile: nokia}\nsteps: []", 2, "no profile 'nokia'"),
        ("phones:\n  a: {imsi: 001010000000003, transport: sctp}\nsteps: []", 2, "neither udp nor tcp"),
        ("phones:\n  a: {imsi: 001010000000003, ipsec: maybe}\nsteps: []", 2, "none of no, auto"),
        ("phones:\n  a: {imsi: 001010000000003, alg: md5}\nsteps: []", 2, "'md5' is not a valid Aalg"),
        ("phones:\n  a: {imsi: 001010000000003, alg: aes-gmac, ealg: aes-cbc}\nsteps: []", 2, "cannot go together"),
        (HEAD + "  - dance: a", 4, "no step 'dance'; there are register"),
        (HEAD + "  - register: b", 4, "no phone 'b'; there are a"),
        (HEAD + "  - register", 4, "a step is a mapping"),
        (HEAD + "  - {register: a, call: a}", 4, "one verb"),
        (HEAD + "  - call: a", 4, "call needs to"),
        (HEAD + "  - call: {to: x}", 4, "call needs a phone"),
        (HEAD + "  - wait: a\n", 4, "seconds 'a' is no number"),
        (HEAD + "  - wait: -5\n", 4, "seconds '-5' is not from 0"),
        (HEAD + "  - wait: nan\n", 4, "seconds 'nan' is not from 0"),
        (HEAD + "  - wait: inf\n", 4, "seconds 'inf' is not from 0"),
        (HEAD + "  - call: {phone: a, to: x, emergency: perhaps}", 4, "no yes or no"),
        (HEAD + "  - expect: {phone: a, what: rain}", 4, "nothing is called 'rain'"),
        (HEAD + "  - hold: {phone: a, by: BYE}", 4, "neither INVITE nor UPDATE"),
        (HEAD + "  - register: {phone: a, phone: a}", 4, "phone comes twice"),
        (HEAD + "  - register: {phone: {}}", 4, "a plain value"),
        ("&a [*a, *a]", 1, "a mapping"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ScenarioError) as wrong:
        parse(text, "file.yaml")
    assert str(wrong.value).startswith(f"file.yaml:{line}: ")
    assert says in str(wrong.value)


@given(st.text(alphabet="{}[]:,&*!|>-?\"'\n a0#%\t\0é", max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    for whole in (text, HEAD + text, "phones:\n  a: " + text):
        with contextlib.suppress(ScenarioError):
            parse(whole)


def test_deep_and_large_texts() -> None:
    for text in ("[" * 5000, "a: " + "x" * (1 << 20)):
        with pytest.raises(ScenarioError):
            parse(text)
    with pytest.raises(ScenarioError, match="cannot be read"):
        load("/nowhere/at/all.yaml")


def test_junit() -> None:
    results = (
        Result(3, "register a", 0.5),
        Result(4, "call a", 1.0, "403 \x00 <no>"),
        Result(5, "wait", 0, skipped=True),
    )
    text = document([Outcome("docs/x.yaml", results, "|--->|")]).decode()
    assert '<testsuite name="x" tests="3" failures="1" skipped="1" time="1.500">' in text
    assert 'message="403 ? &lt;no&gt;"' in text
    assert "|---&gt;|" in text
    assert '<testcase classname="x" name="4: call a" time="1.000">' in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_stopped_has_not_passed(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    async def play() -> list[Outcome]:
        os.kill(os.getpid(), number)
        await asyncio.sleep(20)
        return []

    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    try:
        assert outcome.run("lteims ue", argparse.Namespace(junit=""), play) == 1
    finally:
        for each, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(each, handler)
    assert capsys.readouterr().err == "lteims ue: stopped\n"
