"""Ports of tests: nobody is given what another has been given lately."""

import socket

import pytest

from tests.net.ports import END, FIRST, NoPort, free_port, free_ports, share


def test_each_process_has_ports_of_its_own() -> None:
    shares = [share(f"gw{n}", 3) for n in range(3)]
    ports = [port for each in shares for port in each]
    assert len(ports) == len(set(ports)) > END - FIRST - 3
    assert {min(ports), FIRST} == {FIRST}
    assert max(ports) < END
    assert share("gw4", 3) == shares[1]


def test_no_port_is_given_twice_in_a_row() -> None:
    given = [free_port() for _ in range(500)]
    assert len(set(given)) == 500


def test_successive_ports_begin_with_an_even_one_and_pass_over_what_is_taken() -> None:
    first = free_ports(6)
    taken = first + (10 if first + 20 < END else -10)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        other.bind(("::1", taken))
        blocks = [free_ports(6) for _ in range(4)]
    assert all(block % 2 == 0 for block in (first, *blocks))
    assert not any(block <= taken < block + 6 for block in blocks)
    with pytest.raises(NoPort, match="no 30000 successive ports"):
        free_ports(30000)
