"""Every torture message of RFC 4475, RFC 5118 and of phones, at the sockets of the running server.

All are in flight together, each on a socket of its own, so that the silence which some must meet is waited for once.
"""

import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lteims.sip.framing import Framer, FramingError
from lteims.sip.message import Response, parse
from tests.net.server import Server
from tests.vectors.sip import phones, rfc4475, rfc5118
from tests.vectors.sip.vector import OWN_DOMAIN, Vector, expected_answer, with_fresh_branch, with_rport

VECTORS = (*rfc4475.VECTORS, *rfc5118.VECTORS, *phones.VECTORS)
SILENCE = 1.5  # seconds without any answer after which none comes
LONGEST = 60.0
FAULTS = ("Traceback", "failed inside", "error in the event loop", "the other timers go on")
ANSWERED = {vector.name for vector in VECTORS if expected_answer(vector, OWN_DOMAIN) is not None}
Answers = dict[str, list[Response]]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """One for UDP and one for TCP: many vectors carry no branch by which two tries could be told apart."""
    folder: Path = tmp_path_factory.mktemp("torture")
    ue_db = 'ue_db: [{imsi: "001010000000001", authent_type: "MD5", pwd: "secret"}],\n'
    extra = f'domain: "{OWN_DOMAIN}",\n'
    with (
        Server(folder / "udp", ue_db, extra, "all.level=debug") as udp,
        Server(folder / "tcp", ue_db, extra, "all.level=debug") as tcp,
    ):
        yield {"udp": udp, "tcp": tcp}


def sent(number: int, vector: Vector) -> bytes:
    """The vector's message with a branch of its own, if it can have one, and answered to where it came from."""
    return with_fresh_branch(with_rport(vector.data), b".%d" % number)


def is_framed(data: bytes) -> bool:
    """Is it one message of a stream, neither more nor less?"""
    try:
        return list(Framer().feed(data)) == [data]
    except FramingError:
        return False


def collect(sockets: dict[str, socket.socket]) -> Answers:
    """What comes back on each socket until nothing more does."""
    answers: Answers = {name: [] for name in sockets}
    names = {sock: name for name, sock in sockets.items()}
    framers = {name: Framer() for name in sockets}
    end = time.monotonic() + LONGEST
    while names and time.monotonic() < end:
        readable, _, _ = select.select(list(names), [], [], SILENCE)
        if not readable and all(_is_final(answers[name]) for name in sockets if name in ANSWERED):
            break
        for sock in readable:
            name, data = names[sock], sock.recv(65535)
            if sock.type == socket.SOCK_STREAM and not data:
                del names[sock]  # closed by the server
                continue
            for message in [data] if sock.type == socket.SOCK_DGRAM else framers[name].feed(data):
                answer = parse(message)
                assert isinstance(answer, Response), (name, message)
                answers[name].append(answer)
    for sock in sockets.values():
        sock.close()
    return answers


def _is_final(answers: list[Response]) -> bool:
    return any(answer.code >= 200 for answer in answers)


def unread(port: int) -> int:
    """Octets that wait at a UDP port for who listens there; what finds no room is lost."""
    rows = (line.split() for line in Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:])
    return sum(int(row[4].partition(":")[2], 16) for row in rows if row[1] == f"0100007F:{port:04X}")


@pytest.fixture(scope="module")
def over_udp(servers: dict[str, Server]) -> Answers:
    port, end = servers["udp"].port, time.monotonic() + LONGEST
    sockets = {vector.name: socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for vector in VECTORS}
    for number, vector in enumerate(VECTORS):
        while unread(port) > 50_000 and time.monotonic() < end:
            time.sleep(0.01)
        sockets[vector.name].connect(("127.0.0.1", port))
        sockets[vector.name].send(sent(number, vector))
    return collect(sockets)


FRAMED = [vector for vector in VECTORS if is_framed(vector.data)]


@pytest.fixture(scope="module")
def over_tcp(servers: dict[str, Server]) -> Answers:
    server = ("127.0.0.1", servers["tcp"].port)
    sockets = {vector.name: socket.create_connection(server, 30) for vector in FRAMED}
    for number, vector in enumerate(FRAMED):
        sockets[vector.name].sendall(sent(number, vector))
    return collect(sockets)


def check(vector: Vector, answers: list[Response]) -> None:
    """The final answer is one that the vector's section allows, or there is none."""
    wanted = expected_answer(vector, OWN_DOMAIN)
    codes = [answer.code for answer in answers if answer.code >= 200]
    if wanted is None:
        assert not answers, codes
        return
    assert codes, f"no answer, {sorted(wanted)} were allowed: {vector.point}"
    assert len(set(codes)) == 1
    assert codes[0] in wanted, f"{codes[0]} instead of {sorted(wanted)}: {vector.point}"


def names(vectors: list[Vector] | tuple[Vector, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", [pytest.param(v, id=f"{v.section}-{v.name}") for v in vectors])


@names(VECTORS)
def test_the_answer_over_udp(vector: Vector, over_udp: Answers) -> None:
    check(vector, over_udp[vector.name])


@names(FRAMED)
def test_the_answer_over_tcp(vector: Vector, over_tcp: Answers) -> None:
    check(vector, over_tcp[vector.name])


def test_most_are_framed_for_a_stream() -> None:
    assert len(FRAMED) > len(VECTORS) / 2


def test_what_follows_a_message_in_its_datagram_is_not_answered(over_udp: Answers) -> None:
    """RFC 4475 3.1.1.8: the INVITE behind the REGISTER."""
    answers = over_udp["dblreq"]
    assert [answer.cseq.method for answer in answers] == ["REGISTER"]


@pytest.mark.usefixtures("over_udp", "over_tcp")
def test_nothing_went_wrong_inside(servers: dict[str, Server]) -> None:
    for server in servers.values():
        log, output = server.log, server.output
        assert [fault for fault in FAULTS if fault in log or fault in output] == []
