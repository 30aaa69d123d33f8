"""The door of the remote API: challenges, answers, delays."""

import hashlib
import hmac
import os

import pytest

from lteims.oam.api_auth import LONGEST_WAIT, Gate, response

PASSWORD = "se:cret"


@pytest.fixture
def gate() -> Gate:
    return Gate("IMS", PASSWORD, os.urandom)


def test_response_is_the_manual_s() -> None:
    key = b"IMS:se:cret:lab"
    assert response(PASSWORD, "lab", "abc") == hmac.new(key, b"abc", hashlib.sha256).hexdigest()


def test_challenges_differ(gate: Gate) -> None:
    assert gate.challenge() != gate.challenge()


def test_right_and_wrong(gate: Gate) -> None:
    challenge = gate.challenge()
    right = response(PASSWORD, "IMS", challenge)
    assert gate.check("a", challenge, right, "", 0)
    assert gate.check("a", challenge, right.upper(), "", 0)
    for wrong in ("", "0" * 64, right[:-1], response("other", "IMS", challenge), "\udc80\u20ac"):
        assert not gate.check("a", challenge, wrong, "", 0)
    assert not gate.check("a", gate.challenge(), right, "", 0)


def test_password_in_clear_only_where_it_is_allowed(gate: Gate) -> None:
    assert not gate.check("a", "c", "", PASSWORD, 0)
    assert not gate.check("a", "c", PASSWORD, "", 0)
    open_gate = Gate("IMS", PASSWORD, os.urandom, unsecure=True)
    assert open_gate.check("a", "c", "", PASSWORD, 0)
    assert open_gate.check("a", "c", PASSWORD, "", 0)
    assert not open_gate.check("a", "c", "", "", 0)


def test_each_failure_makes_the_next_attempt_wait_longer(gate: Gate) -> None:
    now, waits = 0.0, []
    for _ in range(8):
        wait = gate.wait("a", now)
        assert wait is not None
        waits.append(wait)
        now += wait
        gate.check("a", "c", "wrong", "", now)
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert 8 <= waits[-1] <= 16
    assert gate.wait("b", now) == 0


def test_attempts_from_many_sockets_stand_in_one_line(gate: Gate) -> None:
    for _ in range(6):
        gate.check("a", "c", "wrong", "", 0)
    waits = [gate.wait("a", 0) for _ in range(20)]
    served = [wait for wait in waits if wait is not None]
    assert waits[-1] is None
    assert len(set(served)) == len(served)
    assert max(served) <= LONGEST_WAIT


def test_success_and_time_forgive(gate: Gate) -> None:
    gate.check("a", "c", "wrong", "", 0)
    challenge = gate.challenge()
    assert gate.check("a", challenge, response(PASSWORD, "IMS", challenge), "", 1)
    assert gate.wait("a", 1) == 0
    gate.check("a", "c", "wrong", "", 2)
    assert gate.wait("a", 1000) == 0


def test_addresses_are_bounded(gate: Gate) -> None:
    for number in range(10_000):
        gate.check(str(number), "c", "wrong", "", 0)
    assert len(gate._failures) <= 4096


def test_all_addresses_of_one_ipv6_network_stand_in_one_line(gate: Gate) -> None:
    for number in range(6):
        gate.check(f"2001:db8::{number}", "c", "wrong", "", 0)
    assert gate.wait("2001:db8::ffff:1:2:3", 0)
    assert gate.wait("2001:db8:0:1::1", 0) == 0
    gate.check("::ffff:192.0.2.1", "c", "wrong", "", 0)
    assert gate.wait("::ffff:192.0.2.2", 0) == 0
    assert gate.wait("fe80::1%eth0", 0) == 0
