"""Ports on loopback that are one test's own.

A port that is free when it is asked for can be another's a moment later, and a server of another test that looks for a
peer which is away would find a stranger there. So each process of pytest has ports of its own, and gives each of them
out once before it gives any of them out again.
"""

import contextlib
import os
import random
import socket
from itertools import cycle

FIRST, END = 10000, 30000  # above what programs take by default
MEDIA = 30000  # servers of one machine may share these, they pass over what is taken; below what the kernel gives out
LOOPBACK = ("127.0.0.1", "::1")


class NoPort(AssertionError):
    """Every port of this process is taken."""


def share(worker: str, many: int) -> range:
    """The ports of one of `many` processes of pytest, by the name that xdist gives to it: gw0, gw1, ...

    One that takes the place of another that crashed counts on.
    """
    size = (END - FIRST) // many
    start = FIRST + int(worker.removeprefix("gw")) % many * size
    return range(start, start + size)


_ours = share(os.environ.get("PYTEST_XDIST_WORKER", "gw0"), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
_first = random.randrange(len(_ours))  # runs beside each other seldom meet
_ports = cycle([*_ours[_first:], *_ours[:_first]])


def free_port(hosts: tuple[str, ...] = LOOPBACK) -> int:
    """A port that is free for UDP and TCP on every host."""
    return free_ports(1, hosts)


def free_ports(many: int, hosts: tuple[str, ...] = LOOPBACK) -> int:
    """The first, an even one where there are several, of `many` successive free ports; raises NoPort."""
    found: list[int] = []
    for _ in _ours:
        port = next(_ports)
        if not _free(port, hosts) or (found and port != found[-1] + 1):
            found = []
        elif found or many == 1 or port % 2 == 0:
            found.append(port)
        if len(found) == many:
            return found[0]
    raise NoPort(f"no {many} successive ports from {_ours[0]} to {_ours[-1]} are free")


def media_ports(number: int) -> tuple[int, int]:
    """The first and the last port of the media of the server that listens on port `number`."""
    first = MEDIA + number % 52 * 32
    return first, first + 1000


def _free(port: int, hosts: tuple[str, ...]) -> bool:
    with contextlib.ExitStack() as stack:
        for host in hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                probe = stack.enter_context(socket.socket(family, kind))
                try:
                    probe.bind((host, port))
                except OSError:
                    return False
    return True
