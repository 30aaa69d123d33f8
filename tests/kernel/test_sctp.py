"""SCTP of the kernel by pysctp, between two namespaces, over both families and in both styles of RFC 6458.

What Diameter and SGsAP build upon: message boundaries, streams, payload protocol ids, and how an association ends.
"""

import errno
import os
import select
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from socket import SO_LINGER, SOL_SOCKET, ntohl
from typing import Any

import pytest
import sctp

from netns.network import Lab

PORT = 29118  # TS 29.118 5.5
PPID = 46  # Diameter, RFC 6733 2.1.1
STREAMS = 5
LONGEST = 60_000
SECONDS = 20.0  # the lab's kernel answers at leisure
FAMILIES = {4: "IPv4", 6: "IPv6"}
STATE = sctp.assoc_change


@dataclass(frozen=True, slots=True)
class Ends:
    """Both nodes' addresses, and how a socket comes into being on either."""

    lab: Lab
    family: int

    def socket(self, node: str, style: Any) -> Any:
        """An SCTP socket in the node's namespace that tells everything about messages and associations."""
        number = sctp.socket.AF_INET if self.family == 4 else sctp.socket.AF_INET6
        with self.lab.inside(node):
            made = style(number)
        made.initparams.num_ostreams = made.initparams.max_instreams = STREAMS
        watch(made)
        return made

    def address(self, node: str) -> tuple[str, int]:
        return self.lab.address(node, self.family), PORT

    def listener(self, style: Any) -> Any:
        made = self.socket("ims", style)
        made.bind(self.address("ims"))
        made.listen(5)
        return made


def watch(socket: Any) -> None:
    """Subscribe to what RFC 6458 6.1 tells; without data_io a message's stream and ppid mean nothing."""
    for event in ("data_io", "association", "shutdown"):
        setattr(socket.events, event, True)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.of("pair", f"s{os.getpid()}") as lab:
        yield lab


@pytest.fixture(params=FAMILIES, ids=FAMILIES.get)
def ends(lab: Lab, request: pytest.FixtureRequest) -> Ends:
    return Ends(lab, request.param)


@pytest.fixture
def pair(ends: Ends) -> Iterator[tuple[Any, Any]]:
    """A one-to-one association: the phone's side and the server's side, past their COMM_UP."""
    listener, phone = ends.listener(sctp.sctpsocket_tcp), ends.socket("phone1", sctp.sctpsocket_tcp)
    phone.connect(ends.address("ims"))
    server, _ = listener.accept()
    watch(server)
    assert notification(phone).state == STATE.state_COMM_UP
    yield phone, server
    for socket in (phone, server, listener):
        socket.close()


def receive(socket: Any, size: int = 2 * LONGEST) -> tuple[Any, int, bytes, Any]:
    """One sctp_recv, with a limit to the waiting."""
    assert select.select([socket.sock()], [], [], SECONDS)[0], "nothing comes"
    address, flags, data, about = socket.sctp_recv(size)
    return address, flags, data, about


def notification(socket: Any) -> Any:
    _, flags, _, about = receive(socket)
    assert flags & sctp.FLAG_NOTIFICATION
    return about


def message(socket: Any) -> tuple[bytes, int, int]:
    """The next message with its stream and ppid; what is told of associations before it is passed over.

    A long one comes in pieces, the last of them marked. pysctp turns the ppid into network order when it sends, and not
    back when it receives.
    """
    pieces = b""
    while True:
        _, flags, data, about = receive(socket)
        if not flags & sctp.FLAG_NOTIFICATION:
            pieces += data
            if flags & sctp.FLAG_EOR:
                return pieces, about.stream, ntohl(about.ppid)


@pytest.mark.parametrize("size", [1, 5, 1000, 1500, 10_000, LONGEST])
def test_one_to_one_echo_keeps_boundaries_streams_and_ppid(pair: tuple[Any, Any], size: int) -> None:
    phone, server = pair
    sent = [(os.urandom(size + n), n, PPID + n) for n in range(3)]
    for data, stream, ppid in sent:
        assert phone.sctp_send(data, ppid=ppid, stream=stream) == len(data)
        assert message(server) == (data, stream, ppid)
        server.sctp_send(data, ppid=ppid, stream=stream)
    assert [message(phone) for _ in sent] == sent


def test_many_small_messages_stay_apart(pair: tuple[Any, Any]) -> None:
    phone, server = pair
    sent = [b"%d" % n for n in range(50)]
    for data in sent:
        phone.sctp_send(data, ppid=PPID, stream=1)
    assert [message(server) for _ in sent] == [(data, 1, PPID) for data in sent]


def test_a_short_buffer_gets_a_message_in_pieces(pair: tuple[Any, Any]) -> None:
    """The reader has to join them until the end of the record."""
    phone, server = pair
    sent = os.urandom(3000)
    phone.sctp_send(sent, ppid=PPID)
    pieces: list[tuple[bytes, bool]] = []
    while not pieces or not pieces[-1][1]:
        _, flags, data, _ = receive(server, 1000)
        if not flags & sctp.FLAG_NOTIFICATION:
            pieces.append((data, bool(flags & sctp.FLAG_EOR)))
    assert b"".join(data for data, _ in pieces) == sent
    assert [last for _, last in pieces] == [False, False, True]


def test_a_stream_that_was_not_agreed_is_refused(pair: tuple[Any, Any]) -> None:
    phone, _ = pair
    with pytest.raises(OSError, match="Invalid argument"):
        phone.sctp_send(b"x", stream=STREAMS)


def test_shutdown_is_told_to_the_peer(pair: tuple[Any, Any]) -> None:
    phone, server = pair
    phone.sctp_send(b"last", ppid=PPID)
    phone.close()
    assert message(server)[0] == b"last"
    told = [notification(server), notification(server)]
    assert isinstance(told[0], sctp.shutdown_event)
    assert told[1].state == STATE.state_SHUTDOWN_COMP
    assert receive(server)[2] == b""  # the end of the file


def test_abort_is_told_to_the_peer(pair: tuple[Any, Any]) -> None:
    phone, server = pair
    phone.sctp_send(b"before", ppid=PPID)
    assert message(server)[0] == b"before"
    phone.sock().setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    phone.close()  # RFC 6458 8.1.4: lingering for no time means ABORT; MSG_ABORT is for the other style
    told = notification(server)
    assert isinstance(told, sctp.assoc_change)
    assert told.state == STATE.state_COMM_LOST
    with pytest.raises(ConnectionResetError):
        receive(server)


def test_nobody_listens(ends: Ends) -> None:
    phone = ends.socket("phone1", sctp.sctpsocket_tcp)
    with pytest.raises(OSError, match="refused") as caught:
        phone.connect(ends.address("ims"))
    assert caught.value.errno == errno.ECONNREFUSED
    phone.close()


def test_one_to_many_serves_two_phones(ends: Ends) -> None:
    """One socket, an association for each phone; messages are told apart by where they come from."""
    server = ends.listener(sctp.sctpsocket_udp)
    phones = [ends.socket("phone1", sctp.sctpsocket_tcp) for _ in range(2)]
    for n, phone in enumerate(phones):
        phone.connect(ends.address("ims"))
        phone.sctp_send(b"from %d" % n, ppid=PPID, stream=n)
    echoed = 0
    associations = set()
    while echoed < len(phones):
        address, flags, data, about = receive(server)
        if flags & sctp.FLAG_NOTIFICATION:
            assert about.state == STATE.state_COMM_UP
            associations.add(about.assoc_id)
            continue
        assert about.assoc_id in associations
        server.sctp_send(data, to=address, ppid=ntohl(about.ppid), stream=about.stream)
        echoed += 1
    assert len(associations) == len(phones)
    assert [message(phone) for phone in phones] == [(b"from %d" % n, n, PPID) for n in range(2)]
    phones[0].close()
    assert isinstance(notification(server), sctp.shutdown_event)
    assert notification(server).state == STATE.state_SHUTDOWN_COMP
    for socket in (phones[1], server):
        socket.close()


def test_one_to_many_calls_out(ends: Ends) -> None:
    """The first message to an address opens the association; an empty one with MSG_EOF closes it."""
    server, phone = ends.listener(sctp.sctpsocket_udp), ends.socket("phone1", sctp.sctpsocket_udp)
    phone.sctp_send(b"hello", to=ends.address("ims"), ppid=PPID)
    assert message(server) == (b"hello", 0, PPID)
    assert notification(phone).state == STATE.state_COMM_UP
    phone.sctp_send(b"", to=ends.address("ims"), flags=sctp.MSG_EOF)
    assert isinstance(notification(server), sctp.shutdown_event)
    assert notification(phone).state == STATE.state_SHUTDOWN_COMP
    for socket in (phone, server):
        socket.close()
