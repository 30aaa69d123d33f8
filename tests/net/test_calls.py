"""Calls through the real server on loopback: UDP, TCP, IPv4 and IPv6, media that flows, and a stop with calls up."""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from lteims.media.sdp import Sdp
from lteims.sip.framing import Framer
from lteims.sip.grammar import host_port
from lteims.sip.message import Request, Response, parse
from tests.net.server import STOP_WITHIN, Server

DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
UE_DB = "ue_db: [\n" + "".join(
    f'  {{imsi: "00101000000000{n}", impi: "{n}@{DOMAIN}", impu: ["{n}", "tel:+49{n}"], authent_type: "none"}},\n'
    for n in (1, 2, 3)
) + "],\n"  # fmt: skip
WAIT = 15.0


@dataclass
class Phone:
    """A phone on real sockets: SIP over UDP or TCP, RTP on a socket of its own."""

    server: Server
    number: str
    host: str = "127.0.0.1"
    tcp: bool = False
    sip: socket.socket = field(init=False)
    rtp: socket.socket = field(init=False)
    call_id: str = ""
    remote_tag: str = ""
    remote_target: str = ""
    target: str = ""
    cseq: int = 0
    invite: Request | None = None
    _framer: Framer = field(default_factory=Framer)
    _waiting: list[bytes] = field(default_factory=list)
    _heard: set[bytes] = field(default_factory=set)
    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self.sip = socket.socket(family, socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM)
        self.rtp = socket.socket(family, socket.SOCK_DGRAM)
        self.rtp.bind((self.host, 0))
        if not self.tcp:
            self.sip.bind((self.host, 0))
        self.sip.connect((self.host, self.server.port))
        for sock in (self.sip, self.rtp):
            sock.settimeout(WAIT)
        self.send(self.request("REGISTER", f"sip:{DOMAIN}", to=self.uri))
        assert self.expect(200).method == "REGISTER"

    @property
    def uri(self) -> str:
        return f"sip:{self.number}@{DOMAIN}"

    @property
    def at(self) -> str:
        return host_port(*self.sip.getsockname()[:2])

    def request(self, method: str, target: str, to: str = "", cseq: int = 0) -> Request:
        """A request, inside the dialog once there is one."""
        if not cseq:
            self.cseq = cseq = self.cseq + 1
        transport = "TCP" if self.tcp else "UDP"
        headers = {"via": [f"SIP/2.0/{transport} {self.at};branch=z9hG4bK{self.number}{next(self._ids)};rport"]}
        headers["from"] = [f"<{self.uri}>;tag=t{self.number}"]
        tag = f";tag={self.remote_tag}" if self.remote_tag and method != "REGISTER" else ""
        headers["to"] = [f"<{to or self.target}>{tag}"]
        headers["call-id"] = [self.call_id or f"reg-{self.number}-{self.at}"]
        headers["cseq"] = [f"{cseq} {method}"]
        headers["max-forwards"] = ["70"]
        headers["contact"] = [f"<sip:{self.number}@{self.at}{';transport=tcp' if self.tcp else ''}>"]
        return Request(method, target, headers)

    def sdp(self) -> bytes:
        kind, port = ("IP6" if ":" in self.host else "IP4"), self.rtp.getsockname()[1]
        return (
            f"v=0\r\no=- 1 1 IN {kind} {self.host}\r\ns=-\r\nc=IN {kind} {self.host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\n"
        ).encode()

    def call(self, target: str, subject: str = "") -> None:
        """Send an INVITE."""
        self.call_id, self.remote_tag, self.target = f"call-{self.at}-{next(self._ids)}", "", target
        self.invite = self.request("INVITE", target)
        if subject:
            self.invite.set("subject", subject)
        self.put_sdp(self.invite)
        self.send(self.invite)

    def put_sdp(self, message: Request | Response) -> None:
        message.set("content-type", "application/sdp")
        message.body = self.sdp()

    def inside(self, method: str, cseq: int = 0) -> None:
        """Send a request inside the dialog."""
        self.send(self.request(method, self.remote_target, cseq=cseq))

    def answer(self, request: "Heard", code: int, *, sdp: bool = False) -> None:
        """Answer a request."""
        assert isinstance(request.message, Request)
        response = Response.to_request(request.message, code, "", f"t{self.number}" if code > 100 else "")
        response.set("contact", f"<sip:{self.number}@{self.at}{';transport=tcp' if self.tcp else ''}>")
        if sdp:
            self.put_sdp(response)
        self.send(response)

    def send(self, message: Request | Response) -> None:
        self.sip.sendall(message.encode())

    def hear(self) -> "Heard":
        """The next message; one that the server repeats, as we took our time to answer, is not."""
        while not self._waiting:
            data = self.sip.recv(65535)
            if not data:
                raise ConnectionError("the server has closed the connection")
            came = self._framer.feed(data) if self.tcp else [data]
            self._waiting += [message for message in came if message not in self._heard]
            self._heard.update(self._waiting)
        return Heard(parse(self._waiting.pop(0)))

    def expect(self, wanted: int | str) -> "Heard":
        """The next message that is no 100; it must be this one."""
        heard = self.hear()
        while heard.code == 100:
            heard = self.hear()
        assert wanted in (heard.code, heard.method if not heard.code else ""), heard.message.start_line()
        message = heard.message
        if heard.method == "INVITE":
            tagged = message.to if heard.code else message.from_
            self.remote_tag = tagged.tag
            if message.contacts:
                self.remote_target = message.contacts[0].uri.text
            if not heard.code:
                self.call_id, self.target = message.call_id, message.from_.uri.text
        return heard

    def audio_to(self, message: Request | Response) -> tuple[str, int]:
        """Where an SDP wants audio."""
        sdp = Sdp.parse(message.body)
        address = sdp.rtp_addr(sdp.medias[0])
        assert address is not None
        return address

    def close(self) -> None:
        """Leave no contact behind that the next test's caller would be forked to."""
        self.call_id = ""
        goodbye = self.request("REGISTER", f"sip:{DOMAIN}", to=self.uri)
        goodbye.set("expires", "0")
        with suppress(OSError):
            self.send(goodbye)
            while self.hear().method != "REGISTER":
                pass
        self.sip.close()
        self.rtp.close()


@dataclass(frozen=True)
class Heard:
    """A message with what one asks first."""

    message: Request | Response

    @property
    def code(self) -> int:
        return self.message.code if isinstance(self.message, Response) else 0

    @property
    def method(self) -> str:
        return self.message.cseq.method


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the module, with short timers."""
    folder: Path = tmp_path_factory.mktemp("calls")
    with Server(folder, UE_DB, extra='echo: "tel:666", timer_t1: 0.2, timer_t2: 0.8, timer_t4: 1,') as running:
        yield running


@pytest.fixture
def phones(server: Server) -> Iterator[list[Phone]]:
    """What a test appends is closed."""
    used: list[Phone] = []
    yield used
    for phone in used:
        phone.close()


def packet(number: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, number, number * 160, 7) + b"\xff" * 160


def connect(a: Phone, b: Phone, subject: str = "") -> tuple[tuple[str, int], tuple[str, int]]:
    """a calls b, b answers; where each sends its audio."""
    a.call(f"tel:+49{b.number}", subject)
    invite = b.expect("INVITE")
    b.answer(invite, 180)
    a.expect(180)
    b.answer(invite, 200, sdp=True)
    answer = a.expect(200)
    a.inside("ACK", answer.message.cseq.number)
    b.expect("ACK")
    return a.audio_to(answer.message), b.audio_to(invite.message)


def hang_up(a: Phone, b: Phone) -> None:
    a.inside("BYE")
    a.expect(200)
    b.answer(b.expect("BYE"), 200)


@pytest.mark.parametrize("tcp", [False, True])
def test_the_echo(server: Server, phones: list[Phone], tcp: bool) -> None:
    phone = Phone(server, "1", tcp=tcp)
    phones.append(phone)
    ended = server.log.count("call ended")
    phone.call("tel:666")
    phone.expect(180)
    answer = phone.expect(200)
    phone.inside("ACK", answer.message.cseq.number)
    to = phone.audio_to(answer.message)
    assert to[1] % 2 == 0
    for number in range(20):
        phone.rtp.sendto(packet(number), to)
        sent, back = packet(number), phone.rtp.recv(2048)
        assert (back[:8], back[12:]) == (sent[:8], sent[12:])
        assert back[8:12] != sent[8:12]  # the server is a source of its own
    phone.inside("BYE")
    phone.expect(200)
    log = server.wait_for_log("call ended", ended + 1)
    assert "audio0/MO rtp_recv=20 rtp_send=20" in log.rpartition("call ended")[2]


@pytest.mark.parametrize(
    ("caller", "callee"),
    [
        (("127.0.0.1", False), ("127.0.0.1", False)),
        (("127.0.0.1", True), ("127.0.0.1", False)),
        (("127.0.0.1", False), ("::1", False)),
        (("::1", True), ("127.0.0.1", True)),
    ],
)
def test_two_phones_hear_each_other(
    server: Server, phones: list[Phone], caller: tuple[str, bool], callee: tuple[str, bool]
) -> None:
    a, b = Phone(server, "1", *caller), Phone(server, "2", *callee)
    phones += [a, b]
    to_a, to_b = connect(a, b)
    for number in range(10):
        a.rtp.sendto(packet(number), to_a)
        assert b.rtp.recv(2048) == packet(number)
        b.rtp.sendto(packet(number + 100), to_b)
        assert a.rtp.recv(2048) == packet(number + 100)
    hang_up(a, b)


def test_a_large_invite_falls_back_to_udp(server: Server, phones: list[Phone]) -> None:
    a, b = Phone(server, "1"), Phone(server, "2")
    phones += [a, b]
    a.sip.settimeout(30.0)
    connect(a, b, "long " * 300)  # nobody listens on b's port over TCP
    hang_up(a, b)


def test_a_large_invite_goes_by_tcp(server: Server, phones: list[Phone]) -> None:
    a = Phone(server, "1")
    phones.append(a)
    with _listening(server, phones) as listener:
        listener.settimeout(WAIT)
        a.call("tel:+492", "long " * 300)
        stream, _ = listener.accept()
        stream.settimeout(WAIT)
        framer = Framer()
        messages: list[bytes] = []
        while not messages:
            messages = list(framer.feed(stream.recv(65535)))
        invite = parse(messages[0])
        assert isinstance(invite, Request)
        assert (invite.via.transport, invite.contacts[0].uri.transport) == ("TCP", "tcp")
        stream.sendall(Response.to_request(invite, 486, "", "t2").encode())
        a.expect(486)
        a.send(_ack(a))
        stream.close()


def _listening(server: Server, phones: list[Phone]) -> socket.socket:
    """A phone's port over TCP too, which somebody else may have there."""
    for _ in range(20):
        phone = Phone(server, "2")
        try:
            listener = socket.create_server(("127.0.0.1", phone.sip.getsockname()[1]))
        except OSError:
            phone.close()
        else:
            phones.append(phone)
            return listener
    raise AssertionError("no port is free for both UDP and TCP")


def _ack(phone: Phone) -> Request:
    assert phone.invite is not None
    headers = {name: lines for name, lines in phone.invite.headers.items() if name not in ("content-type", "cseq")}
    return Request("ACK", phone.invite.target, headers | {"cseq": [f"{phone.invite.cseq.number} ACK"]})


def test_cancel(server: Server, phones: list[Phone]) -> None:
    a, b = Phone(server, "1"), Phone(server, "2")
    phones += [a, b]
    a.call("tel:+492")
    invite = b.expect("INVITE")
    b.answer(invite, 180)
    a.expect(180)
    assert a.invite is not None
    cancel = Request("CANCEL", a.invite.target, {k: a.invite.headers[k] for k in ("via", "from", "to", "call-id")})
    cancel.set("cseq", f"{a.invite.cseq.number} CANCEL")
    a.send(cancel)
    a.expect(200)
    a.expect(487)
    a.send(_ack(a))
    b.answer(b.expect("CANCEL"), 200)
    b.answer(invite, 487)
    b.expect("ACK")


def test_sigterm_hangs_up(tmp_path: Path) -> None:
    with Server(tmp_path, UE_DB, extra='echo: "tel:666",') as running:
        a, b, c = Phone(running, "1"), Phone(running, "2", tcp=True), Phone(running, "3")
        connect(a, b)
        c.call("tel:666")
        c.expect(180)
        answer = c.expect(200)
        c.inside("ACK", answer.message.cseq.number)
        c.send(c.request("OPTIONS", f"sip:{DOMAIN}", to=f"sip:{DOMAIN}"))
        c.expect(200)  # so the ACK before it has been read
        assert running.process is not None
        running.process.terminate()
        for phone in (a, b, c):
            phone.answer(phone.expect("BYE"), 200)
        running.process.wait(STOP_WITHIN)
        assert running.process.returncode == 0
        for phone in (a, b, c):
            phone.close()
    assert running.log.count("call ended: the server stops") == 2
