"""A crowd of phones on one UDP socket that send each other short messages: RPDUs in MESSAGEs (TS 24.341).

Used where a server is killed under load, and by bench/sms.py. Each phone has one message on its way at a time, as
phones do, and repeats it with TP-RD if no report comes; what it is delivered it acknowledges.
"""

import secrets
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lteims.sip.message import Request, Response, parse
from lteims.sms import rp, text, tpdu
from lteims.sms.address import Address
from lteims.sms.cause import TpFcs
from lteims.sms.octets import Direction
from lteims.sms.report import SmsSubmitReport
from tests.peers.subscribers import DOMAIN

RESEND = 0.5  # seconds until an unanswered request is sent again
REPORT_TIME = 4.0  # until a message without a report is submitted again; phones wait longer (TR1M)
CENTRE = Address.number("+491")
WORDS = " and some words, as people write them to each other"


def ue_db(count: int) -> str:
    """The users of a crowd, who need no password."""
    lines = "".join(
        f'  {{imsi: "{imsi(n)}", impi: "{imsi(n)}@{DOMAIN}", impu: ["{imsi(n)}", "tel:{number(n)}"],'
        ' authent_type: "none"},\n'
        for n in range(count)
    )
    return f"ue_db: [\n{lines}],\n"


def imsi(n: int) -> str:
    """Of the n-th phone."""
    return f"00101{n:010}"


def number(n: int) -> str:
    """The n-th phone's."""
    return f"+4930{n:06}"


@dataclass(slots=True)
class Texter:
    """One phone: what it has to send, and what of it is on its way."""

    index: int
    to_send: deque[int] = field(default_factory=deque)
    current: int = -1  # the message that waits for its report
    call_id: str = ""
    since: float = 0.0
    submitted: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message, as its receiver saw it."""

    call_id: str
    rp_mr: int
    tpdu: bytes
    at: float


@dataclass(slots=True)
class _Open:
    """A request without a final answer."""

    octets: bytes
    sent_at: float
    report_of: tuple[int, str] | None = None  # the message, and the delivery that this acknowledges


class Texters:
    """The crowd. `deliveries` has every delivery of each message, `acknowledged` what the server has taken."""

    def __init__(self, server: tuple[str, int], count: int) -> None:
        self.server = server
        self.phones = [Texter(n) for n in range(count)]
        self.acknowledged: set[int] = set()
        self.duplicates: set[int] = set()  # repeated, and refused since the server has them
        self.deliveries: dict[int, list[Delivery]] = {}
        self.reported: set[str] = set()  # deliveries whose RP-ACK the server has answered
        self.wrong: list[str] = []
        self.resent = 0
        self._open: dict[str, _Open] = {}  # by branch
        self._texter_of: dict[str, Texter] = {}  # by the Call-ID of what it has submitted
        self._count = 0
        self._session = secrets.token_hex(4)
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._sock.bind(("127.0.0.1", 0))
        self._at = f"127.0.0.1:{self._sock.getsockname()[1]}"

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    # -- what they do
    def register(self) -> None:
        """Register all of them, as phones that take SMS over IP."""
        waiting = {self._register(phone) for phone in self.phones}
        self._until(lambda: waiting.isdisjoint(self._open), 60)

    def send(self, messages: Iterable[int], done: Callable[[], bool] = lambda: False, within: float = 120.0) -> None:
        """Send messages, the n-th from phone n to the next one, until each has its report, or `done`."""
        for n in messages:
            self.phones[n % len(self.phones)].to_send.append(n)
        for phone in self.phones:
            self._next(phone)
        self._until(lambda: done() or not any(p.to_send or p.current >= 0 for p in self.phones), within)

    def settle(self, within: float = 120.0) -> None:
        """Until all that was acknowledged has arrived and nothing is open."""
        self._until(lambda: not self._open and self.acknowledged <= self.deliveries.keys(), within)

    def listen(self, seconds: float) -> None:
        """Take what comes."""
        end = time.monotonic() + seconds
        self._until(lambda: time.monotonic() > end, seconds + 1)

    def _until(self, reached: Callable[[], bool], within: float) -> None:
        end = time.monotonic() + within
        while not reached():
            readable, _, _ = select.select([self._sock], [], [], 0.05)
            for _ in range(200 if readable else 0):
                try:
                    data = self._sock.recv(65535, socket.MSG_DONTWAIT)
                except (BlockingIOError, ConnectionRefusedError):
                    break
                self._hear(data)
                if reached():
                    return
            self._resend()
            if time.monotonic() > end:
                waiting = sum(len(p.to_send) + (p.current >= 0) for p in self.phones)
                raise AssertionError(
                    f"not reached in {within} s: {waiting} to send, {len(self._open)} open, "
                    f"{len(self.acknowledged - self.deliveries.keys())} not delivered\n" + "\n".join(self.wrong[:20])
                )

    def _resend(self) -> None:
        now = time.monotonic()
        for request in self._open.values():
            if now - request.sent_at > RESEND:
                request.sent_at = now
                self.resent += 1
                self._sock.sendto(request.octets, self.server)
        for phone in self.phones:
            if phone.current >= 0 and now - phone.since > REPORT_TIME:
                self._submit(phone, again=True)

    # -- requests
    def _request(
        self, method: str, phone: Texter, target: str, headers: str, body: bytes, of: tuple[int, str] | None = None
    ) -> tuple[str, str]:
        """Send a request; its branch and Call-ID."""
        self._count += 1
        call_id = f"{self._session}-{self._count}"
        branch = f"z9hG4bK{call_id}"
        me = f"sip:{imsi(phone.index)}@{DOMAIN}"
        head = (
            f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {self._at};branch={branch};rport\r\nMax-Forwards: 70\r\n"
            f"From: <{me}>;tag={self._count}\r\nTo: <{me if method == 'REGISTER' else target}>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: 1 {method}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        )
        octets = head.encode() + body
        self._open[branch] = _Open(octets, time.monotonic(), of)
        self._sock.sendto(octets, self.server)
        return branch, call_id

    def _register(self, phone: Texter) -> str:
        contact = f"Contact: <sip:{imsi(phone.index)}@{self._at}>;+g.3gpp.smsip;expires=3600\r\n"
        return self._request("REGISTER", phone, f"sip:{DOMAIN}", contact, b"")[0]

    def _rpdu(
        self, phone: Texter, target: str, headers: str, message: rp.RpMessage, of: tuple[int, str] | None = None
    ) -> str:
        headers += "Content-Type: application/vnd.3gpp.sms\r\n"
        return self._request("MESSAGE", phone, target, headers, message.encode(), of)[1]

    def _next(self, phone: Texter) -> None:
        if phone.current < 0 and phone.to_send:
            phone.current = phone.to_send.popleft()
            phone.submitted += 1
            self._submit(phone)

    def _submit(self, phone: Texter, *, again: bool = False) -> None:
        (part,) = text.split(f"{phone.current:08}{WORDS}")
        receiver = number((phone.index + 1) % len(self.phones))
        submit = tpdu.SmsSubmit(
            tp_mr=phone.submitted & 0xFF, tp_da=Address.number(receiver), tp_udl=part.tp_udl, tp_ud=part.tp_ud,
            tp_dcs=part.tp_dcs, tp_rd=again,
        )  # fmt: skip
        data = rp.RpData(Direction.MS_TO_SC, phone.submitted & 0xFF, None, CENTRE, submit.encode())
        self._texter_of.pop(phone.call_id, None)
        phone.call_id = self._rpdu(phone, f"sip:+491@{DOMAIN}", "", data)
        phone.since = time.monotonic()
        self._texter_of[phone.call_id] = phone

    # -- what comes
    def _hear(self, data: bytes) -> None:
        message = parse(data)
        if isinstance(message, Response):
            self._answered(message)
        elif message.method == "MESSAGE":
            self._message(message)

    def _answered(self, response: Response) -> None:
        request = self._open.pop(response.via.branch, None)
        if response.code >= 300:
            self.wrong.append(response.start_line())
        elif request is not None and request.report_of is not None:
            self.reported.add(request.report_of[1])

    def _message(self, request: Request) -> None:
        self._sock.sendto(Response.to_request(request, 200, to_tag="t").encode(), self.server)
        message = rp.parse(request.body, Direction.SC_TO_MS)
        if isinstance(message, rp.RpData):
            self._delivered(request, message)
        else:
            self._report(request, message)

    def _delivered(self, request: Request, data: rp.RpData) -> None:
        index = int(request.target.removeprefix("sip:").partition("@")[0][5:])
        deliver = tpdu.parse(data.rp_ud, Direction.SC_TO_MS)
        assert isinstance(deliver, tpdu.SmsDeliver)
        n = int(str(deliver.user_data.text)[:8])
        if (n + 1) % len(self.phones) != index:
            self.wrong.append(f"message {n} came to phone {index}")
        known = self.deliveries.setdefault(n, [])
        if any(delivery.call_id == request.call_id for delivery in known):
            return  # the MESSAGE again, since our 200 was not heard
        octets = bytes((data.rp_ud[0] & ~0x04,)) + data.rp_ud[1:]  # TP-MMS may differ
        known.append(Delivery(request.call_id, data.rp_mr, octets, time.monotonic()))
        if len(known) > 1:
            self._twice(n, known[-2], known[-1])
        asserted = request.get("p-asserted-identity").strip("<>")
        ack = rp.RpAck(Direction.MS_TO_SC, data.rp_mr, b"\0\0")
        headers = f"In-Reply-To: {request.call_id}\r\n"
        self._rpdu(self.phones[index], asserted, headers, ack, (n, request.call_id))

    def _twice(self, n: int, before: Delivery, now: Delivery) -> None:
        if before.call_id in self.reported:
            self.wrong.append(f"message {n} came twice, though its RP-ACK was answered")
        if (before.rp_mr, before.tpdu) != (now.rp_mr, now.tpdu):
            self.wrong.append(f"message {n} came again in another form: {before} {now}")

    def _report(self, request: Request, message: rp.RpMessage) -> None:
        phone = self._texter_of.get(request.get("in-reply-to"))
        if phone is None or phone.current < 0:
            return
        if isinstance(message, rp.RpAck):
            self.acknowledged.add(phone.current)
        elif isinstance(message, rp.RpError):
            report = SmsSubmitReport.parse(message.rp_ud or b"", rp_error=True)
            if report.tp_fcs != TpFcs.SM_REJECTED_DUPLICATE_SM:
                self.wrong.append(f"message {phone.current} refused: {message}")
            self.acknowledged.add(phone.current)  # it is there
            self.duplicates.add(phone.current)
        phone.current = -1
        self._next(phone)
