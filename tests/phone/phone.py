"""The test phone: registers with any authentication (none, MD5, AKAv1-MD5, AKAv2-MD5), sends and takes requests.

Its digest and its decisions are its own (RFC 2617, RFC 3310, RFC 4169, TS 24.229 5.1.1); only the reading of SIP
messages and the card are shared with the server. It does what it is told, so that a test can let it do wrong.
"""

import hashlib
import hmac
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

from lteims.aka import usim
from lteims.sip.headers import AuthValue
from lteims.sip.message import COMPACT, Message, Request, Response, parse
from tests.phone.account import Account
from tests.phone.wire import Wire

PATIENCE = 15.0  # seconds for an answer; a busy machine may need some
RESEND = 1.0  # seconds; loopback loses nothing, but a test machine may be slow
_SHORT = {long: short for short, long in COMPACT.items()}
_BARE = ("algorithm", "qop", "nc")  # values without quotes (RFC 2617 3.2.2)
AUTO = "auto"


class PhoneError(AssertionError):
    """The phone got no answer, or one that it must not get."""


def md5(*parts: str | bytes) -> str:
    """The hash of the parts joined by colons (RFC 2617)."""
    return hashlib.md5(b":".join(p if isinstance(p, bytes) else p.encode() for p in parts)).hexdigest()


def akav2_password(res: bytes, ck: bytes, ik: bytes) -> bytes:
    """RFC 4169 3: PRF(RES || IK || CK, "http-digest-akav2-password"), in base64."""
    return b64encode(hmac.new(res + ik + ck, b"http-digest-akav2-password", "md5").digest())


@dataclass(slots=True)
class Phone:
    """One phone on one wire.

    `first` is the Authorization of a first REGISTER: "" for none, "empty" for that of TS 24.229 5.1.1.2.2, or the
    name of an algorithm, which is shown in it. `card` and `password` are what it answers challenges with.
    """

    wire: Wire
    account: Account
    card: usim.Usim | None = None
    password: str = ""
    first: str = ""
    username: str = ""
    instance: str = ""  # a URN
    features: str = ""  # further Contact parameters, with their semicolons
    cnonce: str = "0a4f113b"
    compact: bool = False
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    cseq: int = 0
    challenges: list[AuthValue] = field(default_factory=list)  # every one that came
    verdicts: list[str] = field(default_factory=list)  # what the card said to those of AKA
    nc: int = 0
    _secret: bytes = b""
    _inbox: list[Request] = field(default_factory=list)
    _came: set[bytes] = field(default_factory=set)  # the octets of every request
    _sent: int = 0

    def __post_init__(self) -> None:
        self.username = self.username or self.account.username

    # -- what it says of itself
    @property
    def sent_by(self) -> str:
        """host:port of the phone."""
        host = f"[{self.wire.host}]" if ":" in self.wire.host else self.wire.host
        return f"{host}:{self.wire.port}"

    @property
    def contact_uri(self) -> str:
        """Its contact's URI."""
        tcp = ";transport=tcp" if self.wire.transport == "TCP" else ""
        return f"sip:{self.account.imsi}@{self.sent_by}{tcp}"

    def contact(self, expires: int | None = 3600, uri: str = "", params: str = "") -> str:
        """Its Contact value."""
        instance = f';+sip.instance="<{self.instance}>"' if self.instance else ""
        lifetime = "" if expires is None else f";expires={expires}"
        return f"<{uri or self.contact_uri}>{self.features}{instance}{params}{lifetime}"

    # -- requests
    def request(
        self, method: str, target: str, to: str = "", *, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Request:
        """A request outside any dialog; `headers` replace or add."""
        self.cseq += 1
        self._sent += 1
        fields = {
            "via": f"SIP/2.0/{self.wire.transport} {self.sent_by};branch=z9hG4bK{self.call_id}{self._sent};rport",
            "max-forwards": "70",
            "from": f"<{self.account.uri}>;tag={self.tag}",
            "to": f"<{to or target}>",
            "call-id": self.call_id,
            "cseq": f"{self.cseq} {method}",
        }
        if body:
            fields["content-type"] = "text/plain"
        fields |= headers or {}
        return Request(method, target, {name: [value] for name, value in fields.items()}, body)

    def exchange(self, request: Request, within: float = PATIENCE) -> Response:
        """Send a request and wait for its final answer."""
        self.send(request)
        return self.wait_for(request, within)

    def send(self, request: Request) -> None:
        """Send a request, or an ACK."""
        self.wire.send(self.encode(request))

    def wait_for(self, request: Request, within: float = PATIENCE) -> Response:
        """The final answer to a request that was sent; requests that come meanwhile are kept for `take`."""
        branch, waited = request.via.branch, 0.0
        while waited < within:
            message = self._next(RESEND)
            if message is None:
                waited += RESEND
                if self.wire.transport == "UDP":
                    self.send(request)
            elif isinstance(message, Request):
                self._inbox.append(message)
            elif message.via.branch == branch and message.code >= 200:
                if request.method == "INVITE" and message.code >= 300:
                    self._acknowledge(request, message)
                return message
        raise PhoneError(f"no final answer to {request.start_line()} in {within} s")

    def _acknowledge(self, invite: Request, response: Response) -> None:
        """RFC 3261 17.1.1.3."""
        headers = {name: invite.headers[name] for name in ("via", "max-forwards", "from", "call-id")}
        headers |= {"to": response.headers["to"], "cseq": [f"{invite.cseq.number} ACK"]}
        self.wire.send(Request("ACK", invite.target, headers).encode())

    def _next(self, within: float) -> Request | Response | None:
        """What comes next, None in so many seconds; the server sends a request again where the test was slow to
        answer, and that is no other one (RFC 3261 17.2)."""
        end = time.monotonic() + within
        while data := self.wire.receive(max(0.0, end - time.monotonic())):
            message = parse(data)
            if isinstance(message, Response):
                return message
            if data not in self._came:
                self._came.add(data)
                return message
        return None

    def encode(self, message: Message) -> bytes:
        """The octets, with compact header names where the phone uses them (RFC 3261 7.3.3)."""
        data = message.encode()
        if not self.compact:
            return data
        head, separator, body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        for at, line in enumerate(lines[1:], 1):
            name, _, value = line.partition(":")
            lines[at] = f"{_SHORT.get(name.lower(), name)}:{value}"
        return "\r\n".join(lines).encode() + separator + body

    def take(self, within: float = PATIENCE) -> Request:
        """The next request that comes to the phone."""
        if self._inbox:
            return self._inbox.pop(0)
        message = self._next(within)
        while isinstance(message, Response):
            message = self._next(within)
        if message is None:
            raise PhoneError(f"no request came in {within} s")
        return message

    def answer_to(self, request: Request, code: int) -> None:
        """Answer a request that was taken."""
        self.wire.send(self.encode(Response.to_request(request, code, to_tag=secrets.token_hex(4))))

    # -- REGISTER
    def register(
        self,
        contacts: str | Sequence[str] = AUTO,
        *,
        expires: int | None = None,
        authorization: str = AUTO,
        headers: dict[str, str] | None = None,
        spoil: dict[str, str] | None = None,
        to: str = "",
        rounds: int = 3,
    ) -> Response:
        """REGISTER, and the answers to at most `rounds` challenges; the last response.

        `contacts` "" asks for the bindings only; `expires` is the header; `spoil` replaces fields of the credentials.
        """
        lines = [self.contact()] if contacts == AUTO else [contacts] if isinstance(contacts, str) else list(contacts)
        credentials = self.opening() if authorization == AUTO else authorization
        while True:
            response = self.exchange(self.registration(lines, credentials, expires, headers, to))
            if response.code != 401:
                return response
            challenge = AuthValue.parse(response.get("www-authenticate"))
            self.challenges.append(challenge)
            if rounds == 0:
                return response
            rounds -= 1
            credentials = self.answer(challenge, "REGISTER", f"sip:{self.account.domain}", spoil)

    def registration(
        self,
        contacts: Sequence[str],
        credentials: str,
        expires: int | None = None,
        headers: dict[str, str] | None = None,
        to: str = "",
    ) -> Request:
        """One REGISTER."""
        fields = {} if expires is None else {"expires": str(expires)}
        if credentials:
            fields["authorization"] = credentials
        target = to or self.account.uri
        if target != self.account.uri:
            fields["from"] = f"<{target}>;tag={self.tag}"
        request = self.request("REGISTER", f"sip:{self.account.domain}", target, headers=fields | (headers or {}))
        if given := [contact for contact in contacts if contact]:
            request.headers["contact"] = given
        return request

    def opening(self) -> str:
        """The Authorization of a first REGISTER."""
        if not self.first:
            return ""
        empty = {"username": self.username, "realm": self.account.domain, "uri": f"sip:{self.account.domain}"}
        empty |= {"nonce": "", "response": ""}
        if self.first != "empty":
            empty["algorithm"] = self.first
        return written(empty)

    def answer(
        self,
        challenge: AuthValue,
        method: str,
        uri: str,
        spoil: dict[str, str] | None = None,
        *,
        again: bool = False,
        body: bytes = b"",
    ) -> str:
        """The credentials for a challenge; with `again` the nonce is used once more, its nc one higher."""
        fields = {"username": self.username, "realm": challenge.get("realm"), "nonce": challenge.get("nonce")}
        fields |= {"uri": uri} | {name: challenge.get(name) for name in ("algorithm",) if challenge.get(name)}
        algorithm = challenge.get("algorithm").upper() or "MD5"
        if not again:
            self.nc = 0
            auts = self._unlock(algorithm, challenge.get("nonce"))
            if auts is not None:  # TS 24.229 5.1.1.5.3: AUTS with a response without RES, or an empty response
                self._secret = b""
                if not auts:
                    return written(fields | {"response": ""} | (spoil or {}))
                fields["auts"] = b64encode(auts).decode()
        fields |= spoil or {}
        self.nc += 1
        a1 = md5(fields["username"], fields["realm"], self._secret)
        if "qop" in challenge.params:
            fields = {"qop": "auth", "nc": f"{self.nc:08x}", "cnonce": self.cnonce} | fields
            a2 = [method, uri] + ([md5(body)] if fields["qop"] == "auth-int" else [])
            middle = [fields["nonce"], fields["nc"], fields["cnonce"], fields["qop"]]
            fields.setdefault("response", md5(a1, *middle, md5(*a2)))
        else:
            fields.setdefault("response", md5(a1, fields["nonce"], md5(method, uri)))
        return written(fields)

    def _unlock(self, algorithm: str, nonce: str) -> bytes | None:
        """Make the secret of a challenge: None if it is there, else what goes into `auts` (b"": MAC failure)."""
        if not algorithm.startswith("AKA"):
            self._secret = (self.password or self.account.password).encode()
            return None
        if self.card is None:
            raise PhoneError(f"{algorithm} is asked of a phone without a card")
        octets = b64decode(nonce)
        verdict = self.card.authenticate(octets[:16], octets[16:32])
        self.verdicts.append(type(verdict).__name__)
        match verdict:
            case usim.Accepted(res, ck, ik):
                self._secret = akav2_password(res, ck, ik) if algorithm == "AKAV2-MD5" else res
                return None
            case usim.SyncFailure():
                return verdict.auts
            case usim.MacFailure():
                return b""

    # -- other requests
    def proven(self, request: Request, header: str = "authorization") -> Request:
        """Send a request; the same once more, to be sent with the credentials that its 401 asked for."""
        response = self.exchange(request)
        if response.code != 401:
            raise PhoneError(f"{request.start_line()} was not challenged, but answered {response.start_line()}")
        challenge = AuthValue.parse(response.get("www-authenticate"))
        self.challenges.append(challenge)
        again = self.request(request.method, request.target, body=request.body)
        again.headers = request.headers | {name: again.headers[name] for name in ("via", "cseq")}
        again.set(header, self.answer(challenge, request.method, request.target, body=request.body))
        return again

    def in_dialog(self, method: str, invite: Request, response: Response) -> Request:
        """An ACK or BYE in the dialog that a 200 to an INVITE has made."""
        request = self.request(method, response.contacts[0].uri.text)
        request.headers |= {"from": invite.headers["from"], "to": response.headers["to"]}
        if method == "ACK":
            self.cseq -= 1
            request.set("cseq", f"{invite.cseq.number} ACK")
        return request


def written(fields: dict[str, str]) -> str:
    """Credentials as a header value."""
    return "Digest " + ", ".join(f"{n}={v}" if n in _BARE else f'{n}="{v}"' for n, v in fields.items())
