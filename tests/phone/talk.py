"""One call of the test phone, made or taken: its dialog, and RTP and RTCP sockets of its own.

Like the phone it does what it is told: a test says when it rings, what it answers, and what it plays.
"""

import contextlib
import secrets
import select
import socket
import struct
from dataclasses import dataclass, field

from lteims.media.sdp import Sdp
from lteims.sip.message import Request, Response
from tests.phone.phone import PATIENCE, Phone, PhoneError

NEEDS = "a=des:qos mandatory local sendrecv\r\na=des:qos optional remote sendrecv\r\n"
NO_BEARER = f"a=curr:qos local none\r\na=curr:qos remote none\r\n{NEEDS}"
BEARER = f"a=curr:qos local sendrecv\r\na=curr:qos remote sendrecv\r\n{NEEDS}"
PCMA = "8"


def port_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """An even port for RTP and the one above for RTCP."""
    for _ in range(100):
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        rtp.bind((host, 0))
        port = rtp.getsockname()[1]
        with contextlib.suppress(OSError):
            if port % 2 == 0:
                rtcp.bind((host, port + 1))
                return rtp, rtcp
        rtp.close()
        rtcp.close()
    raise PhoneError("no two ports beside each other are free")


@dataclass(slots=True)
class Talk:
    """A call; `media` is what follows `m=audio PORT RTP/AVP ` in its SDP."""

    ue: Phone
    media: str = PCMA
    rtp: socket.socket = field(init=False)
    rtcp: socket.socket = field(init=False)
    invite: Request | None = None  # ours or theirs
    answer: Response | None = None  # the one that made the dialog, where it is theirs
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    _version: int = 0
    _cseq: int = 0
    _heard: set[tuple[int, str, str, int]] = field(default_factory=set)  # answers that come until they are acknowledged

    def __post_init__(self) -> None:
        self.rtp, self.rtcp = port_pair(self.ue.wire.host)

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self.rtp.close()
        self.rtcp.close()

    def sdp(self, more: str = "") -> bytes:
        """Its description; `more` are further lines."""
        self._version += 1
        host, port = self.rtp.getsockname()
        return (
            f"v=0\r\no=- 1 {self._version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {self.media}\r\n{more}"
        ).encode()

    # -- a call that the phone makes
    def dial(self, target: str, more: str = "", **headers: str) -> Request:
        """Send an INVITE with SDP; `more` are lines of it."""
        self.ue.call_id, self.ue.cseq = secrets.token_hex(8), 0  # a dialog of its own
        fields = {"contact": f"<{self.ue.contact_uri}>", "content-type": "application/sdp"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.invite = self.ue.request("INVITE", target, body=self.sdp(more), headers=fields)
        self.ue.send(self.invite)
        return self.invite

    def hear(self, within: float = PATIENCE) -> Response:
        """The next answer above 100, not one that comes again; an error is acknowledged."""
        while True:
            message = self.ue._next(within)
            if message is None:
                raise PhoneError(f"no answer in {within} s")
            if isinstance(message, Request):
                raise PhoneError(f"{message.start_line()} in place of an answer")
            if self._is_new(message):
                break
        assert self.invite is not None
        if message.code < 300:
            self.answer = message
        else:
            self.ue._acknowledge(self.invite, message)
        return message

    def _is_new(self, answer: Response) -> bool:
        """Is it to this call's INVITE, and not what is repeated since our ACK or PRACK took its time?"""
        assert self.invite is not None
        if answer.code == 100 or answer.cseq.method != "INVITE" or answer.call_id != self.invite.call_id:
            return False
        which = (answer.code, answer.to.tag, answer.get("rseq"), answer.cseq.number)
        known = which in self._heard
        if answer.code >= 200 or answer.get("rseq"):
            self._heard.add(which)
        return not known

    def codes(self, within: float = PATIENCE) -> list[int]:
        """The codes of all answers up to the final one."""
        found = [self.hear(within).code]
        while found[-1] < 200:
            found.append(self.hear(within).code)
        return found

    def inside(self, method: str, body: bytes = b"", **headers: str) -> Request:
        """A request in the dialog, not sent yet."""
        assert self.invite is not None
        assert self.answer is not None
        request = self.ue.in_dialog(method, self.invite, self.answer)
        for name, value in headers.items():
            request.set(name.replace("_", "-"), value)
        if body:
            request.set("content-type", "application/sdp")
            request.body = body
        return request

    def ack(self) -> None:
        """Acknowledge the 2xx."""
        self.ue.send(self.inside("ACK"))

    def prack(self) -> Response:
        """Acknowledge the reliable answer that came last."""
        assert self.answer is not None
        rack = f"{self.answer.get('rseq')} {self.answer.cseq.number} INVITE"
        return self.ue.exchange(self.inside("PRACK", rack=rack))

    def cancel(self) -> None:
        """Give the INVITE up; its 487 is to be heard."""
        assert self.invite is not None
        headers = {n: list(self.invite.headers[n]) for n in ("via", "from", "to", "call-id", "max-forwards")}
        cancel = Request("CANCEL", self.invite.target, headers | {"cseq": [f"{self.invite.cseq.number} CANCEL"]})
        self.ue.send(cancel)

    def hang_up(self) -> None:
        """BYE in a call that the phone made."""
        assert self.ue.exchange(self.inside("BYE")).code == 200

    # -- a call that it takes
    def take(self, within: float = PATIENCE) -> Request:
        """The INVITE that comes."""
        self.invite = self.ue.take(within)
        if self.invite.method != "INVITE":
            raise PhoneError(f"{self.invite.start_line()} in place of an INVITE")
        return self.invite

    def reply(self, code: int, body: bytes = b"", **headers: str) -> None:
        """Answer it."""
        assert self.invite is not None
        response = Response.to_request(self.invite, code, "", self.tag)
        response.set("contact", f"<{self.ue.contact_uri}>")
        for name, value in headers.items():
            response.set(name.replace("_", "-"), value)
        if body:
            response.set("content-type", "application/sdp")
            response.body = body
        self.ue.wire.send(self.ue.encode(response))

    def pick_up(self) -> None:
        """Ring, answer, and hear the ACK."""
        self.reply(180)
        self.reply(200, self.sdp())
        self.expect("ACK")

    def refuse(self, code: int = 486) -> None:
        """Do not take it."""
        self.reply(code)
        self.expect("ACK")

    def expect(self, method: str, within: float = PATIENCE) -> Request:
        """The next request; a BYE is answered."""
        request = self.ue.take(within)
        if request.method != method:
            raise PhoneError(f"{request.start_line()} in place of {method}")
        if method in ("BYE", "CANCEL", "UPDATE", "PRACK"):
            self.ue.answer_to(request, 200)
        return request

    def accept(self, request: Request, body: bytes) -> None:
        """200 with SDP to a request inside the dialog."""
        response = Response.to_request(request, 200, "", "")
        response.set("contact", f"<{self.ue.contact_uri}>")
        response.set("content-type", "application/sdp")
        response.body = body
        self.ue.wire.send(self.ue.encode(response))

    def ask(self, method: str, body: bytes = b"") -> Response:
        """Send a request in a call that it has taken; the final answer."""
        assert self.invite is not None
        self._cseq += 1
        request = self.ue.request(method, self.invite.contacts[0].uri.text, body=body)
        request.headers |= {"from": [f"{self.invite.get('to')};tag={self.tag}"], "to": [self.invite.get("from")]}
        request.headers |= {"call-id": [self.invite.call_id], "cseq": [f"{self._cseq} {method}"]}
        request.set("contact", f"<{self.ue.contact_uri}>")
        if body:
            request.set("content-type", "application/sdp")
        response = self.ue.exchange(request)
        if method == "INVITE" and response.code < 300:
            ack = Request("ACK", request.target, request.headers | {"to": [response.get("to")]})
            ack.headers |= {"via": [request.get("via") + "a"], "cseq": [f"{self._cseq} ACK"]}
            self.ue.send(ack)
        return response

    # -- media
    def send_to(self, body: bytes) -> None:
        """Send RTP and RTCP where this SDP wants them."""
        sdp = Sdp.parse(body)
        address = sdp.rtp_addr(sdp.medias[0])
        assert address is not None
        self.rtp.connect(address)
        self.rtcp.connect((address[0], address[1] + 1))

    def play(self, number: int, payload: bytes, payload_type: int = 8, ticks: int = 160) -> None:
        """One packet."""
        self.rtp.send(struct.pack("!BBHII", 0x80, payload_type, number, number * ticks, 7) + payload)

    def hear_rtp(self, within: float = PATIENCE) -> tuple[int, bytes]:
        """Payload type and payload of the next packet."""
        data = _receive(self.rtp, within)
        return data[1] & 0x7F, data[12:]

    def hear_rtcp(self, within: float = PATIENCE) -> bytes:
        """The next compound packet."""
        return _receive(self.rtcp, within)


def _receive(sock: socket.socket, within: float) -> bytes:
    readable, _, _ = select.select([sock], [], [], within)
    if not readable:
        raise PhoneError(f"nothing came in {within} s")
    return sock.recv(2048)
