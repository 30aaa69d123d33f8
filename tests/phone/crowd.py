"""A crowd of plain phones on one UDP socket: they register by MD5 or AKAv1-MD5 and remember what was acknowledged.

Used where SIPp cannot follow: the test that kills the server under load, and asks for every binding afterwards.
"""

import hashlib
import re
import secrets
import select
import socket
import time
from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lteims.aka import usim
from lteims.aka.algorithm import Algorithm
from lteims.aka.milenage import Milenage, derive_opc
from tests.peers.subscribers import DOMAIN, OP, PASSWORD, K, Subscriber

IN_FLIGHT = 64  # phones that wait for an answer at the same time
QUIET = 0.4  # seconds without an answer after which a dead server has said its last word
RESEND = 1.0  # seconds
GIVE_UP = 20.0


class PhoneError(AssertionError):
    """A phone got an answer that it must not get."""


def md5(*parts: str | bytes) -> str:
    """The hash of the parts joined by colons (RFC 2617)."""
    return hashlib.md5(b":".join(p if isinstance(p, bytes) else p.encode() for p in parts)).hexdigest()


@dataclass(slots=True)
class Phone:
    """One phone; `contacts` is what the last 200 listed."""

    subscriber: Subscriber
    card: usim.Usim | None = None
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    cseq: int = 0
    fetch: bool = False  # ask for the bindings instead of making one
    registered: bool = False
    challenges: int = 0
    contacts: tuple[str, ...] = ()
    request: bytes = b""
    sent_at: float = 0.0

    def register(self, host: str, authorization: str = "") -> bytes:
        """The next REGISTER."""
        self.cseq += 1
        imsi = self.subscriber.imsi
        lines = [
            f"REGISTER sip:{DOMAIN} SIP/2.0",
            f"Via: SIP/2.0/UDP {host};branch=z9hG4bK{self.call_id}{self.cseq};rport",
            "Max-Forwards: 70",
            f"From: <sip:{imsi}@{DOMAIN}>;tag={self.call_id[:8]}",
            f"To: <sip:{imsi}@{DOMAIN}>",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} REGISTER",
            f"Authorization: {authorization or self._empty()}",
            *([] if self.fetch else [f"Contact: <sip:{imsi}@{host}>;expires=3600"]),
            "Content-Length: 0",
        ]
        self.request = ("\r\n".join(lines) + "\r\n\r\n").encode()
        return self.request

    def _empty(self) -> str:
        return f'Digest username="{self.subscriber.impi}",realm="{DOMAIN}",uri="sip:{DOMAIN}",nonce="",response=""'

    def answer(self, challenge: str) -> str:
        """The Authorization header for a WWW-Authenticate header's value."""
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
        nonce, realm, impi, uri = given["nonce"], given["realm"], self.subscriber.impi, f"sip:{DOMAIN}"
        a1, a2 = md5(impi, realm, self._password(nonce)), md5("REGISTER", uri)
        fields = f'username="{impi}",realm="{realm}",nonce="{nonce}",uri="{uri}"'
        if "algorithm" in given:
            fields += f",algorithm={given['algorithm']}"
        if "qop" in given:
            fields += f',qop=auth,nc=00000001,cnonce="c",response="{md5(a1, nonce, "00000001", "c", "auth", a2)}"'
        else:
            fields += f',response="{md5(a1, nonce, a2)}"'
        return f"Digest {fields}"

    def _password(self, nonce: str) -> bytes:
        if self.card is None:
            return PASSWORD.encode()
        octets = b64decode(nonce)
        self.challenges += 1
        verdict = self.card.authenticate(octets[:16], octets[16:32])
        if not isinstance(verdict, usim.Accepted):
            raise PhoneError(f"{self.subscriber.imsi}: challenge {self.challenges} is refused by the card: {verdict}")
        return verdict.res


def phones(subscribers: Iterable[Subscriber]) -> list[Phone]:
    """A phone for each, with a card of its own where it has AKA."""
    return [Phone(user, usim.Usim(card_algorithm()) if user.aka else None) for user in subscribers]


def card_algorithm() -> Algorithm:
    """Milenage with the keys of the test subscribers."""
    key = bytes.fromhex(K)
    return Algorithm(Milenage(key, derive_opc(key, bytes.fromhex(OP))))


@dataclass(slots=True)
class Crowd:
    """The phones' common socket."""

    server: tuple[str, int]
    sock: socket.socket = field(init=False)
    host: str = field(init=False)
    waiting: dict[str, Phone] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.sock.getsockname()[1]}"

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def run(self, crowd: Iterable[Phone], after_each: Callable[[int], bool] = lambda done: False) -> int:
        """Register them all, IN_FLIGHT at a time. `after_each` hears how many are done; True means that the server
        is dead, and only what is still on its way counts. How many got their 200 is returned."""
        source = iter(crowd)
        done, dead, end = 0, False, time.monotonic() + GIVE_UP
        self._fill(source)
        while self.waiting:
            readable, _, _ = select.select([self.sock], [], [], QUIET)
            if readable:
                done += self._take(self.sock.recv(65535))
                dead = dead or after_each(done)
            elif dead:
                break
            if not dead:
                self._fill(source)
                self._resend()
            if time.monotonic() > end:
                raise PhoneError(f"{len(self.waiting)} phones had no answer for {GIVE_UP} s")
        self.waiting.clear()
        return done

    def _fill(self, source: Iterable[Phone]) -> None:
        while len(self.waiting) < IN_FLIGHT:
            phone = next(iter(source), None)
            if phone is None:
                return
            self.waiting[phone.call_id] = phone
            self._send(phone, phone.register(self.host))

    def _send(self, phone: Phone, request: bytes) -> None:
        phone.sent_at = time.monotonic()
        self.sock.sendto(request, self.server)

    def _resend(self) -> None:
        late = time.monotonic() - RESEND
        for phone in self.waiting.values():
            if phone.sent_at < late:
                self._send(phone, phone.request)

    def _take(self, data: bytes) -> int:
        """Handle one answer; 1 if it was a 200."""
        first, *lines = data.decode().split("\r\n")
        code = int(first.split(" ", 2)[1])
        headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        phone = self.waiting.get(dict(headers)["call-id"])
        if phone is None or code < 200 or dict(headers)["cseq"] != f"{phone.cseq} REGISTER":
            return 0  # late, repeated or provisional
        if code == 401:
            self._send(phone, phone.register(self.host, phone.answer(dict(headers)["www-authenticate"])))
            return 0
        if code != 200:
            raise PhoneError(f"{phone.subscriber.imsi}: {first}")
        phone.contacts = tuple(value for name, value in headers if name == "contact")
        phone.registered = True
        del self.waiting[phone.call_id]
        return 1
