"""A crowd of test phones on one UDP socket: they register and remember what was acknowledged.

Used where SIPp cannot follow: the test that kills the server under load, and asks for every binding afterwards.
"""

import select
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lteims.aka import usim
from lteims.aka.algorithm import Algorithm
from lteims.aka.milenage import Milenage, derive_opc
from lteims.sip.headers import AuthValue
from lteims.sip.message import Response, parse
from tests.peers.subscribers import DOMAIN, OP, PASSWORD, K, Subscriber
from tests.phone.account import Account
from tests.phone.phone import Phone, PhoneError

IN_FLIGHT = 64  # phones that wait for an answer at the same time
QUIET = 0.4  # seconds without an answer after which a dead server has said its last word
RESEND = 1.0  # seconds
GIVE_UP = 60.0


@dataclass(slots=True)
class Member:
    """One phone of the crowd; `contacts` is what the last 200 listed."""

    subscriber: Subscriber
    phone: Phone
    fetch: bool = False  # ask for the bindings instead of making one
    registered: bool = False
    contacts: tuple[str, ...] = ()
    request: bytes = b""
    sent_at: float = 0.0

    def register(self, credentials: str) -> bytes:
        """The next REGISTER."""
        contacts = [] if self.fetch else [self.phone.contact()]
        self.request = self.phone.registration(contacts, credentials).encode()
        return self.request

    def answer(self, challenge: AuthValue) -> str:
        """The credentials for a challenge; PhoneError when the card refuses it."""
        credentials = self.phone.answer(challenge, "REGISTER", f"sip:{DOMAIN}")
        verdicts = self.phone.verdicts
        if verdicts and verdicts[-1] != usim.Accepted.__name__:
            raise PhoneError(
                f"{self.subscriber.imsi}: challenge {len(verdicts)} is refused by the card: {verdicts[-1]}"
            )
        return credentials


def phones(subscribers: Iterable[Subscriber]) -> list[Member]:
    """A phone for each, with a card of its own where it has AKA."""
    return [Member(user, new_phone(user)) for user in subscribers]


def new_phone(user: Subscriber) -> Phone:
    """A phone without a wire: it gets that of its crowd."""
    account = Account(user.imsi, domain=DOMAIN, password=PASSWORD)
    return Phone(NO_WIRE, account, usim.Usim(card_algorithm()) if user.aka else None, first="empty")


def card_algorithm() -> Algorithm:
    """Milenage with the keys of the test subscribers."""
    key = bytes.fromhex(K)
    return Algorithm(Milenage(key, derive_opc(key, bytes.fromhex(OP))))


class NoWire:
    """The wire of a phone whose crowd sends and receives for it."""

    transport = "UDP"

    def __init__(self, host: str = "127.0.0.1", port: int = 5060) -> None:
        self.host, self.port = host, port

    def send(self, data: bytes) -> None:
        raise PhoneError("a phone of the crowd has no wire of its own")

    def receive(self, within: float) -> bytes:
        raise PhoneError("a phone of the crowd has no wire of its own")

    def close(self) -> None:
        """There is nothing to close."""


NO_WIRE = NoWire()


@dataclass(slots=True)
class Crowd:
    """The phones' common socket."""

    server: tuple[str, int]
    sock: socket.socket = field(init=False)
    wire: NoWire = field(init=False)
    waiting: dict[str, Member] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind(("127.0.0.1", 0))
        self.wire = NoWire("127.0.0.1", self.sock.getsockname()[1])

    @property
    def host(self) -> str:
        """HOST:PORT of every phone of the crowd."""
        return f"{self.wire.host}:{self.wire.port}"

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def run(self, crowd: Iterable[Member], after_each: Callable[[int], bool] = lambda done: False) -> int:
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

    def _fill(self, source: Iterable[Member]) -> None:
        while len(self.waiting) < IN_FLIGHT:
            member = next(iter(source), None)
            if member is None:
                return
            member.phone.wire = self.wire
            self.waiting[member.phone.call_id] = member
            self._send(member, member.register(member.phone.opening()))

    def _send(self, member: Member, request: bytes) -> None:
        member.sent_at = time.monotonic()
        self.sock.sendto(request, self.server)

    def _resend(self) -> None:
        late = time.monotonic() - RESEND
        for member in self.waiting.values():
            if member.sent_at < late:
                self._send(member, member.request)

    def _take(self, data: bytes) -> int:
        """Handle one answer; 1 if it was a 200."""
        response = parse(data)
        if not isinstance(response, Response):
            raise PhoneError(f"a request came to the crowd: {response.start_line()}")
        member = self.waiting.get(response.call_id)
        if member is None or response.code < 200 or response.cseq.number != member.phone.cseq:
            return 0  # late, repeated or provisional
        if response.code == 401:
            self._send(member, member.register(member.answer(AuthValue.parse(response.get("www-authenticate")))))
            return 0
        if response.code != 200:
            raise PhoneError(f"{member.subscriber.imsi}: {response.start_line()}")
        member.contacts = tuple(response.values("contact"))
        member.registered = True
        del self.waiting[response.call_id]
        return 1
