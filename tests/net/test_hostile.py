"""Hostile octets at the sockets of the running server: it goes on answering, says nothing wrong, and does not grow."""

import itertools
import resource
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import pytest

from lteims.sip.framing import Framer
from lteims.sip.message import Request, Response, parse
from tests.net.server import Server
from tests.phone.account import DOMAIN, Account, ue_db
from tests.phone.phone import Phone
from tests.phone.wire import Tcp, Udp
from tests.vectors.sip.hammer import CORPUS
from tests.vectors.sip.mutate import LARGEST, mutations

MESSAGES = 100_000
BATCH = 40  # datagrams between two questions whether the server still lives; a default socket buffer holds them
PATIENCE = 20.0  # seconds for an answer; a busy machine may need some
IN_TIME = 1.0  # seconds for the answer to a question, but for one in a hundred: the machine has other work too
WARM_UP = 0.3  # share of the messages after which tables and caches are full
GROWTH = 48 << 20  # octets that the server may grow by after it; what it keeps 64*T1 comes and goes
T1 = 0.05  # seconds
FAULTS = ("Traceback", "failed inside", "error in the event loop", "the other timers go on")
PASSWORD, OPEN = Account("001010000000001", "MD5", password="secret"), Account("001010000000002", "none")
SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    extra = f'timer_t1: {T1},\ntimer_t2: {T1},\ntimer_t4: {T1},\necho: ["tel:666"],\n'
    log_options = "all.level=warn,ims.level=info"
    with Server(folder, ue_db([PASSWORD, OPEN]), extra, log_options, log_sync=False) as running:
        yield running


@pytest.fixture(autouse=True)
def no_fault(server: Server) -> Iterator[None]:
    """After each test: the server lives, and has found no fault of its own."""
    yield
    assert ask(server) < 5 * IN_TIME
    lines = (server.log + server.output).splitlines()
    faults = [line[:2000] for line in lines if any(fault in line for fault in FAULTS)]
    assert not faults, f"{len(faults)} faults, as {faults[0]}"


def request(method: str = "OPTIONS", transport: str = "UDP", *lines: str, body: bytes = b"") -> bytes:
    """A request of its own; `lines` replace the headers of the same names or are added."""
    number = next(_numbers)
    fields = {
        "Via": f"SIP/2.0/{transport} 127.0.0.1:5;branch=z9hG4bKask{number};rport",
        "Max-Forwards": "70",
        "From": f"<sip:x@{DOMAIN}>;tag={number}",
        "To": f"<sip:{DOMAIN}>",
        "Call-ID": f"ask{number}",
        "CSeq": f"{number} {method}",
        "Content-Length": str(len(body)),
    }
    fields |= {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value != "-")
    return f"{method} sip:{DOMAIN} SIP/2.0\r\n{head}\r\n".encode() + body


def answer(sock: socket.socket, within: float = PATIENCE) -> Response:
    """The next response on a datagram socket."""
    assert select.select([sock], [], [], within)[0], "no answer"
    message = parse(sock.recv(65535))
    assert isinstance(message, Response)
    return message


def udp(server: Server) -> socket.socket:
    """A datagram socket that speaks with the server alone."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", server.port))
    return sock


def ask(server: Server) -> float:
    """Seconds until an OPTIONS is answered."""
    with udp(server) as sock:
        begin = time.monotonic()
        for _ in range(5):
            sock.send(request())
            if select.select([sock], [], [], IN_TIME)[0]:
                break
        # The port may have been that of a socket before, to which an answer is still under way
        while not (response := answer(sock)).call_id.startswith("ask"):
            assert time.monotonic() - begin < 6 * IN_TIME, "no answer among strays"
        assert response.code == 200
        return time.monotonic() - begin


def resident(server: Server) -> int:
    """Octets of the server's resident memory."""
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * resource.getpagesize()


class Recorder(Udp):
    """A wire that keeps what was sent."""

    def __init__(self, server: tuple[str, int]) -> None:
        super().__init__(server)
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        super().send(data)


def real_flows(server: Server) -> list[bytes]:
    """What phones send that register, call the echo number and hang up."""
    wire = Recorder(("127.0.0.1", server.port))
    for account in (PASSWORD, OPEN):
        phone = Phone(wire, account)
        assert phone.register().code == 200
        invite = phone.request("INVITE", f"sip:666@{DOMAIN}", body=SDP)
        invite.set("content-type", "application/sdp")
        invite.set("contact", phone.contact(None))
        if account is PASSWORD:
            invite = phone.proven(invite)
        response = phone.exchange(invite)
        assert response.code == 200
        phone.send(phone.in_dialog("ACK", invite, response))
        assert phone.exchange(phone.in_dialog("BYE", invite, response)).code == 200
    wire.close()
    return wire.sent


# -- datagrams
def test_a_hundred_thousand_spoilt_datagrams(server: Server) -> None:
    """Among them requests of users who need no password, so that much gets far inside."""
    corpus = [*CORPUS, *real_flows(server) * 6]
    waits: list[float] = []
    warm = 0
    source = mutations(20262, corpus, large=0.002)
    with udp(server) as sock:
        for sent in range(0, MESSAGES, BATCH):
            for data in islice(source, BATCH):
                try:
                    sock.send(data)
                except ConnectionRefusedError:
                    sock.send(data)
            waits.append(ask(server))
            _drain(sock)
            if sent >= MESSAGES * WARM_UP and not warm:
                time.sleep(64 * T1 + 1)
                warm = resident(server)
    time.sleep(64 * T1 + 1)
    growth = resident(server) - warm
    waits.sort()
    typical, late = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    print(f"answers in {typical * 1000:.1f} ms, 99 % in {late * 1000:.0f} ms, all in {waits[-1] * 1000:.0f} ms")
    print(f"{warm >> 20} MB after the warm-up, growth {growth >> 10} kB")
    assert late < IN_TIME
    assert growth < GROWTH


def _drain(sock: socket.socket) -> None:
    sock.setblocking(False)
    try:
        while sock.recv(65535):
            pass
    except BlockingIOError:
        pass
    finally:
        sock.setblocking(True)


def test_transactions_end(server: Server) -> None:
    """The same request is a retransmission for 64*T1, with the same octets for an answer; then it is a new one."""
    with udp(server) as sock:
        data = request()
        answers = []
        for pause in (0.0, 0.1, 64 * T1 + 0.5):
            time.sleep(pause)
            sock.send(data)
            assert select.select([sock], [], [], PATIENCE)[0]
            answers.append(sock.recv(65535))
    assert answers[0] == answers[1]
    tags = [parse(octets).to.tag for octets in answers]
    assert tags[0] == tags[1] != tags[2]


def test_a_refused_request_gets_the_same_answer_again(server: Server) -> None:
    with udp(server) as sock:
        data = request("OPTIONS", "UDP", "Max-Forwards: x")
        answers = []
        for _ in range(3):
            sock.send(data)
            assert select.select([sock], [], [], PATIENCE)[0]
            answers.append(sock.recv(65535))
    assert parse(answers[0]).to.tag
    assert len(set(answers)) == 1


def test_an_answer_goes_to_nobody_else(server: Server) -> None:
    """Neither received, maddr nor the host of a Via directs it anywhere but to the address that asked."""
    with udp(server) as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
        victim.bind(("127.0.0.2", 0))
        host, port = victim.getsockname()
        here = sock.getsockname()[1]
        for via in (
            f"127.0.0.1:{here};received={host}",
            f"127.0.0.1:{here};maddr={host}",
            f"{host}:{here}",
            f"{host}:{port};rport={port};received={host}",
        ):
            for spoilt in ("70", "x"):
                branch = f"branch=z9hG4bKvictim{next(_numbers)}"
                sock.send(request("OPTIONS", "UDP", f"Via: SIP/2.0/UDP {via};{branch}", f"Max-Forwards: {spoilt}"))
                assert answer(sock).code in (200, 400)
        assert not select.select([victim], [], [], 0.1)[0]


def test_a_challenged_invite_does_not_multiply(server: Server) -> None:
    """One datagram, one 100 and one 401: who forges a sender's address gains nothing (RFC 3261 26.3.2.4)."""
    with udp(server) as sock:
        sock.send(
            request("INVITE", "UDP", f"From: <{PASSWORD.uri}>;tag=a", f"Contact: <{PASSWORD.uri}>", body=SDP).replace(
                f"INVITE sip:{DOMAIN}".encode(), f"INVITE sip:666@{DOMAIN}".encode()
            )
        )
        codes = [answer(sock).code, answer(sock).code]
        assert codes == [100, 401]
        assert not select.select([sock], [], [], 20 * T1)[0]


def test_responses_that_nobody_asked_for(server: Server) -> None:
    with udp(server) as sock:
        for code in (100, 180, 200, 401, 487, 699):
            for host in (f"127.0.0.1:{server.port}", "192.0.2.1"):
                via = f"SIP/2.0/UDP {host};branch=z9hG4bKnone"
                question = parse(request("INVITE", "UDP", f"Via: {via}"))
                assert isinstance(question, Request)
                sock.send(Response.to_request(question, code, to_tag="x").encode())
        assert not select.select([sock], [], [], 0.2)[0]


def test_ack_and_cancel_without_a_transaction(server: Server) -> None:
    with udp(server) as sock:
        sock.send(request("ACK"))
        sock.send(request("ACK", "UDP", "Max-Forwards: x"))
        sock.send(request("CANCEL"))
        assert answer(sock).code == 481
        assert not select.select([sock], [], [], 0.2)[0]


def test_many_requests_with_one_call_id(server: Server) -> None:
    with udp(server) as sock:
        for number in range(500):
            sock.send(request("OPTIONS", "UDP", "Call-ID: one", f"CSeq: {number} OPTIONS"))
            assert answer(sock).code == 200


def test_the_longest_datagram_is_answered(server: Server) -> None:
    with udp(server) as sock:
        size = LARGEST - len(request("OPTIONS", "UDP", "Subject: x"))
        sock.send(request("OPTIONS", "UDP", "Subject: x" + "x" * size))
        assert answer(sock).code == 200


def test_what_a_peer_writes_forges_no_line_of_the_log(server: Server) -> None:
    forged = "23:59:59.999 [IMS] -  - forged"
    with udp(server) as sock:
        for text in (f"x\n{forged}", f"x\r\n {forged}", f"x\r{forged}", f"x\u2028{forged}", f"x%0a{forged}"):
            for line in (f"CSeq: {text}", f"To: <sip:{text}>", f"Via: {text}", f"{text}: 1"):
                sock.send(request("OPTIONS", "UDP", line))
        for target in (b"OPTIONS sip:\n", b"\n", b"SIP/2.0 200 \n"):
            sock.send(target + forged.encode() + b" SIP/2.0\r\nCall-ID: x\r\n\r\n")
    ask(server)
    assert not any(line.startswith(forged) for line in server.log.splitlines())


# -- streams
def stream(server: Server) -> socket.socket:
    """A connection to the server."""
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE)


def to_the_end(sock: socket.socket) -> bytes:
    """What the server sends until it closes; an error if it does not."""
    octets = b""
    sock.settimeout(PATIENCE)
    try:
        while data := sock.recv(65535):
            octets += data
    except ConnectionResetError:
        pass
    return octets


@pytest.mark.parametrize(
    ("length", "code"),
    [("-", 400), ("-1", 400), ("x", 400), ("1 2", 400), ("99999999999999999999", 400), ("70000", 513), ("+5", 400)],
)
def test_a_length_that_cannot_be(server: Server, length: str, code: int) -> None:
    """Answered, and the stream closed, as nobody knows where the next message begins (RFC 3261 18.3)."""
    with stream(server) as sock:
        sock.sendall(request("OPTIONS", "TCP", f"Content-Length: {length}"))
        response = parse(to_the_end(sock))
        assert isinstance(response, Response)
        assert response.code == code


def test_two_lengths_are_none(server: Server) -> None:
    with stream(server) as sock:
        sock.sendall(request("OPTIONS", "TCP", "Content-Length: 4", "l: 0", body=b"body"))
        assert to_the_end(sock).startswith(b"SIP/2.0 400 ")


def test_a_header_section_without_end(server: Server) -> None:
    with stream(server) as sock:
        sock.sendall(request("OPTIONS", "TCP")[:-2] + b"Subject: " + b"x" * 33000)
        assert to_the_end(sock).startswith(b"SIP/2.0 513 ")


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + bytes(600) + b"\r\n\r\n", b"a\r\nl:0\r\n\r\n" * 20000],
)
def test_garbage_ends_the_stream(server: Server, garbage: bytes) -> None:
    with stream(server) as sock:
        try:
            sock.sendall(garbage)
        except (BrokenPipeError, ConnectionResetError):
            return
        assert to_the_end(sock) == b""


def test_garbage_of_all_kinds(server: Server) -> None:
    for data in islice(mutations(20263, CORPUS), 300):
        with stream(server) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            to_the_end(sock)


def test_what_stands_before_the_garbage_is_answered(server: Server) -> None:
    with stream(server) as sock:
        sock.sendall(request("OPTIONS", "TCP") + request("OPTIONS", "TCP") + b"garbage\r\n\r\n")
        assert to_the_end(sock).count(b"SIP/2.0 200 ") == 2


def test_keep_alives_are_answered(server: Server) -> None:
    """RFC 5626 3.5.1: a CRLF for each double CRLF, wherever it is cut."""
    with stream(server) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for pieces in ([b"\r\n\r\n"], [b"\r\n", b"\r\n"], [b"\r", b"\n\r", b"\n"]):
            for piece in pieces:
                sock.sendall(piece)
                time.sleep(0.02)
            sock.settimeout(PATIENCE)
            assert sock.recv(100) == b"\r\n"


def test_a_message_in_single_octets(server: Server) -> None:
    with stream(server) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in b"\r\n\r\n" + request("OPTIONS", "TCP", body=b"body"):
            sock.sendall(bytes([octet]))
            time.sleep(0.0002)
        wire = Framer()
        messages: list[bytes] = []
        while not messages:
            assert select.select([sock], [], [], PATIENCE)[0]
            messages += wire.feed(sock.recv(65535))
        assert messages[0].startswith(b"SIP/2.0 200 ")


def test_half_messages(server: Server) -> None:
    """Connections that end in the middle leave nothing behind."""
    data = request("OPTIONS", "TCP", body=b"x" * 2000)
    before = open_files(server)
    for at in range(1, len(data), 37):
        with stream(server) as sock:
            sock.sendall(data[:at])
    wait_for_files(server, before)


def test_pipelined_requests_are_all_answered_in_order(server: Server) -> None:
    many = [request("OPTIONS", "TCP") for _ in range(300)]
    wire = Tcp(("127.0.0.1", server.port))
    wire.send(b"".join(many))
    answers = [parse(wire.receive(PATIENCE)) for _ in many]
    wire.close()
    assert [a.call_id for a in answers] == [parse(r).call_id for r in many]


def test_a_thousand_idle_connections(server: Server) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))  # ValueError where 1200 are not allowed
    for _ in range(2):
        ask(server)  # the connections of the test before are closed by then
    before, memory = open_files(server), resident(server)
    with ExitStack() as idle:
        for _ in range(1000):
            idle.enter_context(stream(server))
        assert ask(server) < 5 * IN_TIME
        wait_for_files(server, before + 1000, more=True)
        print(f"{(resident(server) - memory) / 1000:.0f} octets a connection")
        with stream(server) as sock:
            sock.sendall(request("OPTIONS", "TCP"))
            assert sock.recv(65535).startswith(b"SIP/2.0 200 ")
    wait_for_files(server, before)


def open_files(server: Server) -> int:
    """How many descriptors the server has open."""
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def wait_for_files(server: Server, wanted: int, *, more: bool = False) -> None:
    """Until the server has closed what its peers have closed, or accepted what they have opened."""
    end = time.monotonic() + PATIENCE
    while open_files(server) < wanted if more else open_files(server) > wanted:
        assert time.monotonic() < end, f"{open_files(server)} files open, {wanted} expected"
        time.sleep(0.05)
