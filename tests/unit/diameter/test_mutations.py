"""Every message of Cx and Rx cut off anywhere, and 100,000 of them changed: read or refused, nothing else."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from lteims.diameter import cx, rx
from lteims.diameter.command import CX, RX, Command, Node, answer_body, check, request_body
from lteims.diameter.dump import dump
from lteims.diameter.errors import DiameterError
from lteims.diameter.message import Header, Message
from lteims.diameter.refusal import refuse
from tests.unit.diameter import test_cx, test_rx

US, THEM = Node("ims.example", "example"), Node("core.example", "example")


@dataclass(frozen=True, slots=True)
class Seed:
    """A message as its sender writes it, and what its receiver makes of it."""

    command: Command
    data: bytes
    read: Callable[[Message], Any]


def requests(application: int, known: Any, readers: Any) -> list[Seed]:
    found = []
    for each in known:
        body = request_body(each, "core.example;1;1", THEM, "example", "ims.example")
        data = Header(0xC0, each.command.code, application, 1, 2).encode(body)
        found.append(Seed(each.command, data, readers[each.command.code]))
    return found


def answers(application: int, known: Any) -> list[Seed]:
    found = []
    for request, answer in known:
        body = answer_body(request.command, answer, "ims.example;1;1", THEM)
        data = Header(0x40, request.command.code, application, 1, 2).encode(body)
        found.append(Seed(request.command, data, request.parse_answer))
    return found


SEEDS = [
    *requests(CX, test_cx.REQUESTS, cx.REQUESTS),
    *requests(RX, test_rx.REQUESTS, rx.REQUESTS),
    *answers(CX, test_cx.ANSWERS),
    *answers(RX, test_rx.ANSWERS),
]


def receive(seed: Seed, data: bytes) -> None:
    """As a peer does: what is wrong gets an answer that can be read."""
    try:
        header = Header.parse(data)
    except DiameterError:
        return
    try:
        message = Message.parse(data, header)
        check(seed.command, message)
        seed.read(message)
    except DiameterError as error:
        if header.is_request:
            Message.parse(refuse(header, data, error, US))


def measured(data: bytes) -> bytes:
    """With the length that it has."""
    return data[:1] + len(data).to_bytes(3, "big") + data[4:]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.command.name}-{len(seed.data)}")
def test_every_truncation_is_read_or_refused(seed: Seed) -> None:
    for end in range(len(seed.data)):
        receive(seed, seed.data[:end])
        if end >= 4:
            receive(seed, measured(seed.data[:end]))


def test_a_hundred_thousand_mutations() -> None:
    source = random.Random(6733)
    for number in range(100_000):
        seed = source.choice(SEEDS)
        data = bytearray(seed.data)
        for _ in range(source.randint(1, 4)):
            at = source.randrange(20, len(data))
            match source.randrange(6):
                case 0 | 1:
                    data[at] = source.randrange(256)
                case 2:
                    data[at] ^= 1 << source.randrange(8)
                case 3:
                    at &= ~3
                    data[at : at + 4] = source.randbytes(4)
                case 4:
                    data[at & ~3 : at & ~3] = source.randbytes(4 * source.randrange(4))
                case _:
                    data += data[at & ~3 :][:400]
        changed = measured(bytes(data))
        receive(seed, changed)
        if number % 50 == 0:
            dump(changed)
