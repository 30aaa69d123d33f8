"""A server in a test's hands, and phones that play ladders with it: the real stack and calls, no sockets, no waiting.

`Lab.play` takes a ladder as text: a line of a phone is sent, a line of the server must be its next message.
Between two ladders a test looks at messages (`phone.last`), bends the next one (`phone.bend`), or moves the clock.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any, cast

from lteims.config import AuthentType, ImpuConfig, ImsConfig, UserConfig
from lteims.ids import Tokens
from lteims.ims.call_control import CallControl, DialogInfo
from lteims.ims.caller import Identifier
from lteims.ims.calls import Calls
from lteims.ims.headers import Finisher
from lteims.ims.icscf import Locator
from lteims.ims.ipsmgw import IpSmGw
from lteims.ims.pcscf import Pcscf
from lteims.ims.qos import Bearers
from lteims.ims.regevent import RegEvent
from lteims.ims.relay import Relay
from lteims.ims.scscf import Registrar
from lteims.ims.sdp_files import SdpFiles
from lteims.ims.sms_store import SmsStore
from lteims.ims.subscribers import Binding, Subscribers
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Endpoint, Flow
from lteims.net.timers import TimerWheel
from lteims.net.udp import UdpSocket
from lteims.sip.grammar import host_port
from lteims.sip.message import Request, Response, parse
from lteims.sip.transaction import Timings
from lteims.store.memory import MemoryStore

DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
SERVER, SERVER6 = "192.0.2.1", "2001:db8::1"
T1, T2, T4 = 0.5, 4.0, 5.0
RINGING = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                100 <-- b
                180 <-- b
    a <-- 180
"""
CALL = f"""
    {RINGING}
                200 sdp <-- b
    a <-- 200 sdp
    a --> ACK
                ACK --> b
"""
BYE = """
    a --> BYE
    a <-- 200 BYE
                BYE --> b
                200 BYE <-- b
"""
AVP = "audio {port} RTP/AVP 0 8"
TAGS = ("100rel", "199", "precondition", "timer")  # option tags that are words of a ladder
Bend = Callable[[Request | Response], None]


class Clock:
    """Virtual time, as an event loop."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._due: list[tuple[float, int, list[Callable[[], None]]]] = []
        self._order = count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> "Armed":
        entry = [callback]
        heappush(self._due, (when, next(self._order), entry))
        return Armed(entry)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            when, _, entry = heappop(self._due)
            self.now = max(self.now, when)
            for callback in entry:
                callback()
        self.now = end


@dataclass(slots=True)
class Armed:
    """What call_at returns."""

    entry: list[Callable[[], None]]

    def cancel(self) -> None:
        self.entry.clear()


class Stream:
    """One RtpStream without sockets."""

    def __init__(self, plane: "Plane", local: str, pool: PortPool, kind: str, raw: bool, urgent: bool) -> None:
        self.plane, self.local, self.pool, self.kind, self.raw, self.urgent = plane, local, pool, kind, raw, urgent
        self.id = ""
        self.sends = self.receives = True
        self.silence: object = None
        self.rtp_addr = self.rtcp_addr = ""
        self.port = pool.take()
        self.remote: tuple[str, int] | None = None
        self.out: Stream | None = None
        self.last_activity = plane.clock()
        self.rtp_recv_count = self.rtp_send_count = self.rtcp_recv_count = self.rtcp_send_count = 0

    def set_remote(self, rtp_addr: tuple[str, int] | None, rtcp_addr: tuple[str, int] | None) -> None:
        self.remote = rtp_addr

    def relay_to(self, other: "Stream") -> None:
        self.out = other

    def echo(self, clock_rate: int = 0, *, reports: bool = True) -> None:
        self.out = self

    def play_back(self, silence: object, clock_rate: int = 0, *, reports: bool = True) -> None:
        self.out, self.silence = self, silence

    def set_direction(self, *, sends: bool, receives: bool) -> None:
        self.sends, self.receives = sends, receives

    def close(self) -> None:
        if self in self.plane.streams:
            self.plane.streams.remove(self)
            self.pool.give_back(self.port)

    def hear(self) -> None:
        """A packet comes."""
        self.rtp_recv_count += 1
        self.last_activity = self.plane.clock()


class Plane:
    """The media plane without sockets; `fail` is raised by the next `open`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.streams: list[Stream] = []
        self.fail: Exception | None = None

    def open(
        self, local: str, pool: PortPool, kind: str, dialog_id: str, *, raw: bool = False, urgent: bool = False
    ) -> Stream:
        if self.fail is not None:
            error, self.fail = self.fail, None
            raise error
        stream = Stream(self, local, pool, kind, raw, urgent)
        stream.id = dialog_id
        self.streams.append(stream)
        return stream


class Datagrams:
    """The server's UDP socket."""

    def __init__(self, lab: "Lab") -> None:
        self.lab = lab

    def send(self, data: bytes, addr: tuple[str, int]) -> bool:
        self.lab.leave("UDP", addr, data)
        return True


class Streams:
    """The server's TCP connections: those in `open` stand, those in `refused` cannot be had, others are made."""

    def __init__(self, lab: "Lab") -> None:
        self.lab = lab
        self.open: dict[Flow, None] = {}
        self.phones: dict[tuple[int, str, int], Flow] = {}
        self.refused: set[tuple[str, int]] = set()

    def has(self, flow: Flow) -> bool:
        return flow in self.open

    def heard(self, flow: Flow, port: int) -> None:
        self.phones[flow.local, flow.host, port] = flow

    def to_phone(self, flow: Flow) -> Flow | None:
        found = self.phones.get((flow.local, flow.host, flow.port))
        return found if found in self.open else None

    def send(self, endpoint: Endpoint, flow: Flow, data: bytes, on_error: Callable[[], None] | None) -> None:
        if (flow.host, flow.port) in self.refused:
            self.open.pop(flow, None)
            if on_error is not None:
                self.lab.clock.call_at(self.lab.clock.now + 0.01, on_error)
            return
        self.open[flow] = None
        self.lab.leave("TCP", (flow.host, flow.port), data)


@dataclass(slots=True)
class Early:
    """A dialog of an INVITE as a phone knows it: tags, target, route set."""

    local: str
    remote: str
    target: str = ""
    routes: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Phone:
    """One phone. What it sends next is made from what it has seen; `bend` may spoil it first."""

    lab: "Lab"
    name: str
    number: str
    host: str
    port: int = 5060
    transport: str = "UDP"
    local: int = 0  # the server's sip_addr that it uses
    tag: str = ""
    target: str = ""  # whom it calls
    inbox: list[Request | Response] = field(default_factory=list)
    sent: list[Request | Response] = field(default_factory=list)
    bend: Bend | None = None
    direction: str = ""
    media_port: int = 40000
    medias: list[str] = field(default_factory=lambda: [AVP])  # its m= sections; {port}: media_port and up
    bearer: bool = False  # has it the resources of its preconditions?
    version: int = 0
    # the dialog
    call_id: str = ""
    remote_tag: str = ""
    remote_target: str = ""
    cseq: int = 0
    routes: list[str] = field(default_factory=list)
    contact: str = ""
    allow: str = "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO"  # of a phone that speaks of 100rel
    rseq: int = 0
    dialogs: list["Early"] = field(default_factory=list)  # of one INVITE, in the order of their first messages: @1, @2
    _branches: Any = field(default_factory=lambda: count(1))
    _their_bearer: str = "none"
    _they_insist: bool = False

    @property
    def uri(self) -> str:
        return f"sip:{self.number}@{DOMAIN}"

    @property
    def flow(self) -> Flow:
        return Flow(self.transport, self.local, self.host, self.port)

    def last(self, label: str = "") -> Any:
        """The newest message of this label that the server sent."""
        return next(m for m in reversed(self.inbox) if matches(label, label_of(m)))

    def fresh(self) -> None:
        """Forget the dialog: the next INVITE begins a call."""
        self.call_id = self.remote_tag = self.remote_target = ""
        self.cseq = 0
        self.tag = f"{self.name}{next(self._branches)}"
        self.routes = []
        self.dialogs = []
        self.rseq = 0
        self.direction = ""
        self.bearer = self._they_insist = False
        self._their_bearer = "none"

    def sdp(self, qos: list[str] | None = None) -> bytes:
        """An offer or answer; `qos` are the lines of its preconditions, for each media."""
        kind = "IP6" if ":" in self.host else "IP4"
        self.version += 1
        lines = ["v=0", f"o={self.name} 7 {self.version} IN {kind} {self.host}", "s=phone", f"c=IN {kind} {self.host}"]
        lines += ["t=0 0"]
        for n, media in enumerate(self.medias):
            lines += [f"m={media.format(port=self.media_port + 2 * n)}".replace("\n", "\r\n"), *(qos or [])]
            lines += [f"a={self.direction}"] if self.direction else []
        return ("\r\n".join(lines) + "\r\n").encode()

    def _qos(self, *, answer: bool) -> list[str]:
        """Preconditions as IR.92 2.4 phones write them: mandatory for itself, for the other if that insists."""
        theirs = "mandatory" if self._they_insist else "none" if answer else "optional"
        lines = [f"a=curr:qos local {'sendrecv' if self.bearer else 'none'}", f"a=curr:qos remote {self._their_bearer}"]
        lines += ["a=des:qos mandatory local sendrecv", f"a=des:qos {theirs} remote sendrecv"]
        waits = answer and self._they_insist and self._their_bearer != "sendrecv"
        return [*lines, "a=conf:qos remote sendrecv"] if waits else lines

    # -- several dialogs of one INVITE
    def turn_to(self, number: int) -> None:
        """Go on in the dialog `@number`; one that the caller does not know yet is another phone behind this one."""
        while len(self.dialogs) < number:
            self.dialogs.append(Early(f"{self.dialogs[0].local}-{len(self.dialogs) + 1}", self.remote_tag))
        chosen = self.dialogs[number - 1]
        self.tag, self.remote_tag = chosen.local, chosen.remote
        if chosen.target:
            self.remote_target, self.routes = chosen.target, chosen.routes

    def number_of(self, message: Request | Response) -> int:
        """The number of the dialog that a message from the server belongs to."""
        mine, theirs = message.from_.tag, message.to.tag
        if isinstance(message, Request):
            mine, theirs = theirs, mine
        return next((n for n, d in enumerate(self.dialogs, 1) if (d.local, d.remote) == (mine, theirs)), 0)

    # -- sending
    def say(self, words: list[str]) -> None:
        """Send one line of a ladder."""
        self.lab.arrive(self, self.compose(words))

    def compose(self, words: list[str]) -> bytes:
        """One line of a ladder: METHOD or CODE, then the method answered, sdp, hold; `again` and what to repeat.

        `rel`: an INVITE that supports 100rel, a reliable 1xx; `pre`: SDP with preconditions; `ready`: that, and the
        bearer of this phone stands from now on. A PRACK is for the reliable response that came last.
        100rel, 199, precondition, timer: Supported, or Require with `require`. `@2`: in the INVITE's second dialog.

        StopIteration where there is nothing to answer, acknowledge, cancel or repeat.
        """
        first, rest = words[0], words[1:]
        if first == "again":
            return next(m for m in reversed(self.sent) if matches(" ".join(rest), label_of(m))).encode()
        number = next((int(word[1:]) for word in rest if word[0] == "@"), 0)
        if number:
            self.turn_to(number)
        message = self._answer(int(first), rest, number) if first.isdigit() else self._ask(first, rest)
        tags = [word for word in rest if word in TAGS]
        if tags:
            message.set("require" if "require" in rest else "supported", ", ".join(tags))
        if self.allow and ({"rel", "pre"} & set(rest) or "100rel" in tags):
            message.set("allow", self.allow)
        if "hold" in rest:
            self.direction = "sendonly"
        if "resume" in rest:
            self.direction = "sendrecv"
        if {"sdp", "hold", "resume", "pre", "ready"} & set(rest):
            self._describe(message, set(rest))
        if {"rel", "pre", "ready"} & set(rest):
            self._reliably(message, pre=bool({"pre", "ready"} & set(rest)))
        if self.bend is not None:
            bend, self.bend = self.bend, None
            bend(message)
        self.sent.append(message)
        return message.encode()

    def _describe(self, message: Request | Response, words: set[str]) -> None:
        self.bearer = self.bearer or "ready" in words
        asked = self.last(message.cseq.method) if isinstance(message, Response) else message
        answer = asked.body != b"" and asked is not message
        message.set("content-type", "application/sdp")
        message.body = self.sdp(self._qos(answer=answer) if {"pre", "ready"} & words else None)

    def _reliably(self, message: Request | Response, *, pre: bool) -> None:
        """RFC 3262 3; the option tags of a phone with preconditions (RFC 3312 11)."""
        if isinstance(message, Request):
            if message.method in ("INVITE", "UPDATE"):
                message.set("supported", "100rel,precondition" if pre else "100rel")
        elif 100 < message.code < 200:
            self.rseq += 1
            message.set("rseq", str(self.rseq))
            message.set("require", "100rel,precondition" if pre else "100rel")

    def _via(self, branch: str = "") -> str:
        branch = branch or f"z9hG4bK{self.name}{next(self._branches)}"
        return f"SIP/2.0/{self.transport} {host_port(self.host, self.port)};branch={branch}"

    def _my_contact(self) -> str:
        suffix = ";transport=tcp" if self.transport == "TCP" else ""
        return self.contact or f"<sip:{self.number}@{host_port(self.host, self.port)}{suffix}>"

    def _ask(self, method: str, rest: list[str]) -> Request:
        if not self.call_id:
            self.call_id = f"call-{self.name}-{next(self._branches)}"
            self.tag = self.tag or f"{self.name}{next(self._branches)}"
        invites = (m for m in reversed(self.sent) if isinstance(m, Request) and m.method == "INVITE")
        if method == "CANCEL":
            mine = next(invites)
            headers = {name: list(mine.headers[name]) for name in ("via", "from", "to", "call-id")}
            headers["cseq"] = [f"{mine.cseq.number} CANCEL"]
            return Request("CANCEL", mine.target, headers)
        if method == "ACK":
            return self._ack(next(invites))
        self.cseq += 1
        request = self._request(method, self.cseq)
        if method in ("INVITE", "UPDATE"):
            request.set("contact", self._my_contact())
        if method == "PRACK":
            here = (m for m in reversed(self.inbox) if m.to.tag == self.remote_tag)
            reliable = next((m for m in here if "rseq" in m.headers), None)
            if reliable is not None:
                request.set("rack", f"{reliable.get('rseq')} {reliable.cseq.number} INVITE")
        return request

    def _ack(self, invite: Request) -> Request:
        final = next(
            m for m in reversed(self.inbox)
            if isinstance(m, Response) and m.code >= 200 and m.cseq.method == "INVITE"
        )  # fmt: skip
        if final.code < 300:
            return self._request("ACK", final.cseq.number)
        headers = {"via": list(invite.headers["via"]), "from": list(invite.headers["from"])}
        headers |= {"to": list(final.headers["to"]), "call-id": [invite.call_id]}
        headers["cseq"] = [f"{invite.cseq.number} ACK"]
        return Request("ACK", invite.target, headers)

    def _request(self, method: str, cseq: int) -> Request:
        remote = f"<{self.target or self.uri}>"
        headers = {"via": [self._via()], "max-forwards": ["70"]}
        if self.routes:
            headers["route"] = list(self.routes)
        headers["from"] = [f"<{self.uri}>;tag={self.tag}"]
        headers["to"] = [f"{remote};tag={self.remote_tag}" if self.remote_tag else remote]
        headers["call-id"] = [self.call_id]
        headers["cseq"] = [f"{cseq} {method}"]
        return Request(method, self.remote_target or self.target, headers)

    def _answer(self, code: int, rest: list[str], number: int = 0) -> Response:
        method = next((word for word in rest if word.isupper()), "INVITE")
        request = next(
            m for m in reversed(self.inbox)
            if isinstance(m, Request) and m.method == method and (not number or m.to.tag in ("", self.tag))
        )  # fmt: skip
        response = Response.to_request(request, code, "", self.tag if code > 100 else "")
        if method in ("INVITE", "UPDATE") and code < 300:
            response.set("contact", self._my_contact())
        if method == "INVITE" and 100 < code < 300 and "record-route" in request.headers:
            response.set("record-route", *request.headers["record-route"])
        return response

    # -- hearing
    def hear(self, data: bytes) -> None:
        """Take a message of the server in."""
        message = parse(data)
        self.inbox.append(message)
        if isinstance(message, Request):
            if message.method == "INVITE" and not message.to.tag:
                self.fresh()
                self.call_id, self.remote_tag = message.call_id, message.from_.tag
                self.target = message.from_.uri.text
                self.dialogs = [Early(self.tag, self.remote_tag)]
            if message.contacts:
                self.remote_target = message.contacts[0].uri.text
        elif message.cseq.method == "INVITE" and 100 < message.code < 300:
            self.remote_tag = message.to.tag
            self.remote_target = message.contacts[0].uri.text
            if "record-route" in message.headers:
                self.routes = list(reversed(message.headers["record-route"]))
            known = self.number_of(message)
            if known:
                self.dialogs.pop(known - 1)
            early = Early(self.tag, self.remote_tag, self.remote_target, self.routes)
            self.dialogs.insert(known - 1 if known else len(self.dialogs), early)
        if status := re.search(rb"a=curr:qos local (\w+)", message.body):
            self._their_bearer = status[1].decode()
            self._they_insist = self._they_insist or b"a=des:qos mandatory local" in message.body


class Lab:
    """Server, wire, clock and phones a and b."""

    def __init__(self, *, hosts: tuple[str, ...] = (SERVER,), ports: tuple[int, int] = (10000, 20000),
                 tcp_threshold: int = 0, users: tuple[UserConfig, ...] = (), bearers: Bearers | None = None,
                 folder: str = "", **options: Any) -> None:  # fmt: skip
        self.clock = Clock()
        self.wheel = TimerWheel(self.clock.call_at, self.clock.time, tick=0.001)
        options.setdefault("dialog_timeout", 0)
        options.setdefault("echo", (ImpuConfig(impu="tel:666"),))
        config = self.config = ImsConfig(
            domain=DOMAIN, timer_t1=T1, timer_t2=T2, timer_t4=T4,
            tcp_threshold=tcp_threshold, **options,
        )  # fmt: skip
        seed = count(1)
        self.tokens = Tokens(lambda n: b"".join(next(seed).to_bytes(8, "big") for _ in range(n // 8 + 1))[:n])
        loop = cast(Any, self.clock)
        self.stack = SipStack(loop, self.wheel, self.tokens, Timings(T1, T2, T4), tcp_threshold=tcp_threshold)
        self.stack.finish = Finisher(config).finish
        self.streams = Streams(self)
        self.stack._connections = cast(Any, self.streams)
        for index, host in enumerate(hosts):
            endpoint = Endpoint(index, host, 5060, bind_host(host), 5060)
            endpoint.udp = cast(UdpSocket, Datagrams(self))
            self.stack.endpoints.append(endpoint)
        self.pools = [PortPool(*ports) for _ in hosts]
        self.plane = Plane(self.clock.time)
        files = SdpFiles()
        store = MemoryStore()
        self.subscribers = Subscribers(DOMAIN, store, self.wheel, self.clock.time)
        self.subscribers.add(users or (user("1"), user("2"), user("3")))
        self.subscribers.local_hosts = frozenset({DOMAIN, *hosts})
        self.calls = Calls(
            config, self.stack, cast(MediaPlane, self.plane), self.pools, wall=self.clock.time, bearers=bearers,
            templates=files.find,
        )  # fmt: skip
        self.locator = Locator(config, self.subscribers)
        self.control = CallControl(
            self.subscribers, self.calls, self.locator, files, config.mt_call_sdp_file, folder
        )  # fmt: skip
        identifier = Identifier(config, self.subscribers, cast(Registrar, None))
        self.stack.core = self.pcscf = Pcscf(
            self.stack, cast(Registrar, None), identifier, self.locator, self.calls,
            Relay(self.stack),
        )  # fmt: skip
        self.gateway = IpSmGw(config, self.stack, self.subscribers, SmsStore(store), self.clock.time)
        self.pcscf.gateway = self.gateway
        self.notifier = RegEvent(config, self.stack, self.subscribers, self.clock.time)
        self.pcscf.notifier = self.notifier
        self.phones: dict[str, Phone] = {}
        self.sent_to: list[tuple[str, str, int]] = []  # transport, host, port of all that the server sent
        self.left: deque[tuple[str, str, bytes]] = deque()  # phone, label, octets: sent, not yet in a ladder
        self.a = self.phone("a", "1", "192.0.2.11")
        self.b = self.phone("b", "2", "192.0.2.12")

    def phone(self, name: str, imsi: str, host: str, **more: Any) -> Phone:
        """A phone that is registered; one of the same name is replaced."""
        phone = self.phones[name] = Phone(self, name, imsi, host, **more)
        subscriber = self.subscribers.by_impi(f"{imsi}@{DOMAIN}")
        assert subscriber is not None
        for old in list(subscriber.bindings):
            self.subscribers.unbind(subscriber, old, "unregistered")
        self.bind(phone)
        if phone.transport == "TCP":
            self.streams.open[phone.flow] = None
        return phone

    def beside(self, name: str, imsi: str, host: str, *, q: float = 1.0, **more: Any) -> Phone:
        """One more phone of a user."""
        phone = self.phones[name] = Phone(self, name, imsi, host, **more)
        self.bind(phone, q=q)
        return phone

    def bind(self, phone: Phone, *, q: float = 1.0, **more: Any) -> Binding:
        """Register a phone."""
        subscriber = self.subscribers.by_impi(f"{phone.number}@{DOMAIN}")
        assert subscriber is not None
        contact = f"sip:{phone.number}@{host_port(phone.host, 5060)}"
        binding = Binding(
            self.subscribers.new_binding_id(), subscriber.impi, contact, {}, q, self.clock.now + 1e6, "reg", 1,
            phone.flow, subscriber.impus[0].key, **more,
        )  # fmt: skip
        self.subscribers.bind(subscriber, binding)
        return binding

    # -- the operator
    def dialog(self, session_id: str = "") -> DialogInfo:
        """The only dialog that the operator sees, or the one of this id."""
        (found,) = self.control.dialogs(session_id)
        return found

    # -- the wire
    def leave(self, transport: str, addr: tuple[str, int], data: bytes) -> None:
        """The server sends."""
        self.sent_to.append((transport, *addr))
        phone = next((p for p in self.phones.values() if p.host == addr[0]), None)
        self.left.append((phone.name if phone else f"{addr[0]}:{addr[1]}", transport, data))

    def arrive(self, phone: Phone, data: bytes) -> None:
        """The server receives."""
        if phone.transport == "TCP":
            self.streams.open.setdefault(phone.flow)
            self.stack.on_stream_message(phone.flow, data)
        else:
            self.stack.on_datagram(self.stack.endpoints[phone.local], data, (phone.host, phone.port))

    # -- ladders
    def play(self, ladder: str) -> None:
        """Play a ladder; AssertionError where the server does something else. Lines:

        a --> WORDS        a phone on the left sends          WORDS <-- b    one on the right does
        a <-- WORDS        the server's next message          WORDS --> b
        `x--` and `--x` in place of the server's arrow: it is lost. `@2` behind WORDS: in that dialog of the INVITE.
        N s                the clock moves; `within N s` until the server sends something, at the most so long
        N x LINE           this line N times; `...` passes over whatever the server has sent
        """
        for line in ladder.strip().splitlines():
            times = re.match(r"(\d+) x ", line.strip())
            text = line.strip()[times.end() :] if times else line.strip()
            for _ in range(int(times[1]) if times else 1):
                self._rung(text)
        rest = [f"{name}: {label_of(parse(data))}" for name, _, data in self.left]
        assert not rest, f"the server sent more than the ladder shows: {rest}"

    def _rung(self, line: str) -> None:
        if not line or line.startswith("#"):
            return
        if line == "...":
            while self.left:
                name, _, data = self.left.popleft()
                self.phones[name].hear(data)
        elif moved := re.fullmatch(r"([0-9.]+) s", line):
            self.clock.advance(float(moved[1]))
        elif moved := re.fullmatch(r"within ([0-9.]+) s", line):
            end = self.clock.now + float(moved[1])
            while not self.left and self.clock.now < end:
                self.clock.advance(0.01)
        elif sends := (re.fullmatch(r"(\w+) --> (.+)", line) if line.split()[0] in self.phones else None):
            self.phones[sends[1]].say(sends[2].split())
        elif sends := re.fullmatch(r"(.+) <-- (\w+)", line) if line.split()[-1] in self.phones else None:
            self.phones[sends[2]].say(sends[1].split())
        elif gets := re.fullmatch(r"(\w+) (<--|x--) (.+)", line):
            self._expect(gets[1], gets[3], line, lost="x" in gets[2])
        elif gets := re.fullmatch(r"(.+) (-->|--x) (\w+)", line):
            self._expect(gets[3], gets[1], line, lost="x" in gets[2])
        else:
            raise ValueError(f"no line of a ladder: {line!r}")

    def _expect(self, name: str, label: str, line: str, *, lost: bool) -> None:
        assert self.left, f"the server sends nothing where the ladder has {line!r}"
        who, _, data = self.left.popleft()
        message = parse(data)
        found = label_of(message)
        rest = [f"{n}: {label_of(parse(d))}" for n, _, d in self.left]
        label, _, number = (part.strip() for part in label.partition("@"))
        shown = data.decode(errors="backslashreplace")
        assert (who, matches(label, found)) == (name, True), (
            f"the ladder has {line!r}, the server sends {found!r} to {who}, then {rest}\n{shown}"
        )
        if not lost:
            self.phones[name].hear(data)
        if number:
            is_in = self.phones[name].number_of(message)
            assert is_in == int(number), (
                f"the ladder has {line!r}, it is in dialog {is_in}\n{data.decode(errors='backslashreplace')}"
            )

    # -- afterwards
    def nothing_left(self) -> None:
        """No call, port, transaction or timer of a call is kept once everything has run out."""
        assert not list(self.calls), "calls are left"
        assert not self.plane.streams, "media is left"
        taken = [len(pool._taken) for pool in self.pools]
        assert not any(taken), f"ports are left: {taken}"
        self.clock.advance(200.0)
        late = [f"{name}: {label_of(parse(data))}" for name, _, data in self.left]
        assert not late, f"sent when all was over: {late}"
        assert self.stack.load() == {"server": 0, "client": 0}
        assert self.calls.load() == 0


def user(imsi: str, *impus: str | ImpuConfig, **more: Any) -> UserConfig:
    """A user without authentication: IMPUs `imsi` and tel:+4930IMSI unless others are given."""
    configs = tuple(i if isinstance(i, ImpuConfig) else ImpuConfig(impu=i) for i in impus or (imsi, f"tel:+4930{imsi}"))
    return UserConfig(imsi=imsi, impi=f"{imsi}@{DOMAIN}", impu=configs, authent_type=AuthentType.NONE, **more)


def bind_host(host: str) -> str:
    """What is bound for an address that phones are told: 10.0.0.1 behind 192.0.2.1, as behind a NAT."""
    return "::1" if ":" in host else host.replace("192.0.2.", "10.0.0.")


def label_of(message: Request | Response) -> str:
    """INVITE sdp, 200 sdp, 183 rel sdp, 200 BYE, BYE ..."""
    body = " sdp" if message.body else ""
    if "rseq" in message.headers:
        body = f" rel{body}"
    if isinstance(message, Request):
        return message.method + body
    of = "" if message.cseq.method == "INVITE" else f" {message.cseq.method}"
    return f"{message.code}{of}{body}"


def matches(wanted: str, found: str) -> bool:
    """Is a message what a ladder calls it? A ladder need not say sdp and rel."""
    words, there = wanted.split(), found.split()
    if not words:
        return True
    if "rel" not in words:
        there = [word for word in there if word != "rel"]
    return words == there or [*words, "sdp"] == there
