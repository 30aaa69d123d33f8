"""The virtual phone: a SIM card, an address and a profile, with an API for tests (TS 24.229 as UE, GSMA IR.92).

    async with Phone(sim, "192.0.2.1:5060", profile="samsung") as phone:
        await phone.register()
        call = await phone.call("tel:+49301234")
        await call.answered()
        await call.hangup()

Everything that is waited for ends in a PhoneTimeout with the ladder of what was said so far.
"""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self

from lteims.errors import LteimsError
from lteims.ids import Tokens
from lteims.net.ipsec import Ipsec
from lteims.net.rtp_ports import PortPool
from lteims.sim.authentication import Authenticator
from lteims.sim.call import Call
from lteims.sim.call_in import IncomingCall
from lteims.sim.call_out import OutgoingCall
from lteims.sim.card import Sim
from lteims.sim.errors import PhoneError, PhoneTimeout
from lteims.sim.ladder import Ladder
from lteims.sim.messages import Messages, Report, Sms
from lteims.sim.path import Path, clear_ends, local_host, server_ends
from lteims.sim.patience import Changes
from lteims.sim.profiles import From, Profile, profile_of
from lteims.sim.registration import Registration
from lteims.sim.security import Security
from lteims.sim.transactions import Agent, Client, OnFailure, OnResponse, Served
from lteims.sim.voice import Voice
from lteims.sim.watch import Watch
from lteims.sip.dialog import Dialog
from lteims.sip.errors import SipError
from lteims.sip.headers import AuthValue
from lteims.sip.message import Request, Response
from lteims.sip.uri import parse_uri, sip_uri

PORTS: Final = PortPool(40000, 59998)  # of RTP, for all phones of the process
SOS: Final = "urn:service:sos"
ANONYMOUS: Final = '"Anonymous" <sip:anonymous@anonymous.invalid>'
_PATIENCE: Final = 10.0  # seconds behind the transaction's own time
_LAST_WORD: Final = 0.5  # seconds that a phone that has left stays to hear that its subscription is over


class Phone:
    """One phone. `faults` lists what was wrong in what it heard, `ladder` all that was said."""

    def __init__(
        self,
        sim: Sim,
        server: str,
        *,
        profile: Profile | str = "plain",
        transport: str = "udp",
        host: str = "",
        port: int = 0,
        name: str = "",
        ladder: Ladder | None = None,
        bearer_delay: float = 0.05,
        busy_from: int = 2,
        ipsec: Ipsec | None = None,
    ) -> None:
        """`server` is HOST:PORT; `host` and `port` are the phone's own, by the routing table and free where absent.

        `bearer_delay` is how long its bearer takes, in seconds; from `busy_from` calls on it answers 486. `ipsec`
        is the driver for protected ports, None keeps to clear text. SimError for an unknown profile.
        """
        self.sim = sim
        self.profile = profile_of(profile) if isinstance(profile, str) else profile
        self.name = name or sim.imsi
        self.bearer_delay = bearer_delay
        self.busy_from = busy_from
        self.host = host
        self.tokens = Tokens(os.urandom)
        self.calls: list[Call] = []
        self.incoming: deque[IncomingCall] = deque()
        self.security: Security | None = None
        self.contact_user = self.tokens.octets(6).hex() if self.profile.sms else parse_uri(sim.public).user
        self._ipsec = ipsec
        self._server = server_ends(server)
        self._port = port
        self._transport = transport.upper()
        self._ladder = ladder
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusal = ""  # with what it answered, by itself, the last call of those that nobody has taken
        self._session_id = int.from_bytes(self.tokens.octets(4), "big")

    # -- life
    async def __aenter__(self) -> Self:
        await self.switch_on()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def switch_on(self) -> None:
        """Take its ports; LteimsError if they cannot be had."""
        self.loop = asyncio.get_running_loop()
        self.ladder = self._ladder or Ladder(self.loop.time)
        self.changes = Changes(self.name, self.ladder)
        self.host = self.host or local_host(self._server.host)
        self.agent = Agent(self.loop, self.tokens, self.profile, self.ladder, self.name, self)
        self.agent.transport = self._transport
        self.clear = Path(self.loop, clear_ends(self.host, self._port), self._server, self.agent.on_message)
        self.clear.on_lost = self.agent.lost
        self.agent.path = self.clear
        try:
            await self.clear.listen()
        except OSError:
            self.clear.close()
            raise
        self.auth = Authenticator(self.sim, self.tokens)
        self.registration = Registration(self)
        self.emergency = Registration(self, sos=True)
        self.watch = Watch(self)
        self.messages = Messages(self)
        if self._ipsec is not None and self.profile.security is not None:
            self.security = Security(self, self.profile.security, self._ipsec)

    async def close(self) -> None:
        """Switch it off without a word to the network."""
        for call in tuple(self.calls):
            call.close()
        for each in (self.registration, self.emergency, self.watch):
            each.close()
        for task in self._tasks:
            task.cancel()
        self.agent.close()
        if self.security is not None:
            await self.security.close()
        self.clear.close()

    # -- what a test does
    async def register(self, expires: int | None = None) -> Response:
        """Register; PhoneError with the code if the network refuses."""
        return await self.registration.register(expires)

    async def register_emergency(self) -> Response:
        """Register for emergency calls, beside the ordinary registration (TS 24.229 5.1.6.2)."""
        return await self.emergency.register()

    async def deregister(self) -> None:
        """Leave the network, once what came before it has been acknowledged; the last NOTIFY is heard if it comes."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_PATIENCE)
        known, watched = len(self.watch.documents), self.watch.active
        await self.registration.deregister()
        if watched:
            with contextlib.suppress(PhoneTimeout):
                await self.changes.until(lambda: len(self.watch.documents) > known, _LAST_WORD, "waiting for a NOTIFY")

    async def subscribe(self) -> None:
        """Watch the own registration, and wait for the first document."""
        await self.watch.subscribe()
        await self.changes.until(lambda: len(self.watch.documents) > 0, _PATIENCE, "waiting for the first NOTIFY")

    async def call(
        self, target: str, *, emergency: bool = False, anonymous: bool = False, offer: bool = True
    ) -> OutgoingCall:
        """Send an INVITE; the call's own methods wait for what becomes of it. A mere number becomes a tel URI.

        `emergency` uses the emergency registration; `anonymous` none at all. `offer` False leaves the offer to the
        other side.
        """
        target = target if ":" in target else f"tel:{target}"
        local = ANONYMOUS if anonymous else self.caller()
        dialog = Dialog(self.tokens.call_id(), local, self.tokens.tag(), f"<{target}>", target)
        call = OutgoingCall(self, dialog, emergency=emergency or target.startswith(SOS), offer=offer)
        self.calls.append(call)
        call.start()
        return call

    async def emergency_call(self, target: str = SOS, *, anonymous: bool = False) -> OutgoingCall:
        """Call for help: over an emergency registration, made first if need be, or without any."""
        if not anonymous and not self.emergency.bound:
            await self.register_emergency()
        return await self.call(target, emergency=True, anonymous=anonymous)

    async def next_call(self, within: float = 10.0) -> IncomingCall:
        """The next call that comes; PhoneTimeout says of one that the phone has refused by itself."""
        try:
            await self.changes.until(lambda: len(self.incoming) > 0, within, "waiting for a call")
        except PhoneTimeout:
            if not self._refusal:
                raise
            text = f"waiting for a call, not within {within:g} s; one came, and this phone answered it {self._refusal}"
            raise self.changes.timeout(text) from None
        self._refusal = ""
        return self.incoming.popleft()

    async def sms(self, to: str, text: str, *, report: bool = False, within: float = 40.0) -> list[int]:
        """Send a short message; the references of its parts. See Messages.send."""
        return await self.messages.send(to, text, report=report, within=within)

    async def next_sms(self, within: float = 10.0) -> Sms:
        """The next short message that comes, complete."""
        await self.changes.until(lambda: len(self.messages.inbox) > 0, within, "waiting for a short message")
        return self.messages.inbox.popleft()

    async def next_report(self, within: float = 10.0) -> Report:
        """The next status report."""
        await self.changes.until(lambda: len(self.messages.reports) > 0, within, "waiting for a status report")
        return self.messages.reports.popleft()

    # -- who it is
    @property
    def faults(self) -> list[str]:
        """What was wrong in what the network sent."""
        return self.agent.faults

    @property
    def public(self) -> str:
        """The default public identity: the first that the network told, else the card's."""
        told = self.registration.associated or self.emergency.associated
        return told[0] if told else self.sim.public

    @property
    def number(self) -> str:
        """The telephone number that the network told, "" if none."""
        told = (*self.registration.associated, *self.emergency.associated, self.sim.public)
        return next((parse_uri(uri).user for uri in told if uri.startswith("tel:")), "")

    def caller(self) -> str:
        """From as the profile writes it, without tag."""
        display = f'"{self.profile.display}" ' if self.profile.display else ""
        number, home = self.number, self.sim.home
        if self.profile.from_form is From.SIP or not number:
            uri = self.public
        elif self.profile.from_form is From.TEL:
            uri = f"tel:{number}"
        else:
            uri = f"sip:{number};phone-context={home}@{home};user=phone"
        return f"{display}<{uri}>"

    def is_own(self, uri: str) -> bool:
        """Is this one of the phone's contacts?"""
        try:
            return parse_uri(uri).user == self.contact_user
        except SipError:
            return False

    def contact(self, method: str, *, sos: bool = False) -> str:
        """Contact for a request of this method, with features."""
        path = self.agent.path_for(method)
        tcp = (self._transport == "TCP" or method in self.profile.tcp_methods) and not path.udp_only
        suffix = (";transport=tcp" if tcp else "") + (";sos" if sos else "")
        params = [f';+sip.instance="<{self.sim.instance}>"'] if self.profile.instance else []
        params += [f";{feature}" for feature in self.profile.features]
        return f"<{sip_uri(self.contact_user, path.ours.host, path.ours.server, suffix)}>{''.join(params)}"

    def routes(self, *, emergency: bool = False) -> list[str]:
        """The Route of a request outside a dialog: the P-CSCF, then Service-Route (TS 24.229 5.1.2A.1)."""
        bound = self.emergency if emergency and self.emergency.bound else self.registration
        theirs = self.agent.path.theirs
        return [f"<{sip_uri('', theirs.host, theirs.server, ';lr')}>", *bound.service_route] if bound.bound else []

    def caller_headers(self, *, anonymous: bool = False) -> dict[str, str]:
        """What an INVITE has beside the rest."""
        headers = {"accept": "application/sdp, application/3gpp-ims+xml", "p-early-media": "supported"}
        if not anonymous:
            headers["p-preferred-identity"] = f"<{self.public}>"
        if self.profile.preconditions:
            service = "urn:urn-7:3gpp-service.ims.icsi.mmtel"
            headers["p-preferred-service"] = service
            headers["accept-contact"] = '*;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'
        return headers

    def session_id(self) -> int:
        """A number for the o= line of another call."""
        self._session_id += 1
        return self._session_id

    def open_voice(self) -> Voice:
        """Media sockets for a call; PortsExhausted, BindError."""
        return Voice(self.loop, self.host, PORTS, self.tokens, self.name)

    # -- requests, for the parts of the phone
    def request(self, method: str, target: str, body: bytes = b"", kind: str = "") -> Request:
        """A request outside any dialog."""
        headers = {
            "via": [""],
            "max-forwards": ["70"],
            "route": self.routes(),
            "from": [f"{self.caller()};tag={self.tokens.tag()}"],
            "to": [f"<{target}>"],
            "call-id": [self.tokens.call_id()],
            "cseq": [f"1 {method}"],
            "p-preferred-identity": [f"<{self.public}>"],
        }
        if kind:
            headers["content-type"] = [kind]
        return Request(method, target, headers, body)

    def dress(self, request: Request) -> str:
        """Write what every request has; the transport that it goes by."""
        profile = self.profile
        if profile.user_agent:
            request.set("user-agent", profile.user_agent)
        if profile.access and request.method not in ("CANCEL", "ACK"):
            request.set("p-access-network-info", profile.access)
        if request.method in ("INVITE", "UPDATE"):
            request.set("allow", profile.allow)
        if self.security is not None and (verify := self.security.verify_for(request.method)):
            request.set("security-verify", *verify)
            request.set("require", *_with_tag(request, "require"))
            request.set("proxy-require", *_with_tag(request, "proxy-require"))
        transport = self.agent.transport_for(request)
        request.set("via", self.agent.via(transport, request.method))
        return transport

    def start(self, request: Request, on_response: OnResponse, on_failure: OnFailure) -> Client:
        """Send a request in a transaction."""
        return self.agent.start(request, self.dress(request), on_response, on_failure)

    def send_ack(self, ack: Request) -> None:
        """The ACK to a 2xx."""
        self.agent.send_ack(ack, self.dress(ack))

    async def exchange(self, request: Request, *, dialog: Dialog | None = None, challenges: int = 2) -> Response:
        """Send a request and wait for its final answer; so many challenges are answered. PhoneError without one."""
        while True:
            response = await self._final(request)
            if response.code not in (401, 407) or challenges == 0:
                return response
            challenges -= 1
            self._prove(request, response)
            number = request.cseq.number + 1
            if dialog is not None:
                dialog.local_cseq = number
            request.set("cseq", f"{number} {request.method}")

    def _prove(self, request: Request, response: Response) -> None:
        proxy = response.code == 407
        try:
            challenge = AuthValue.parse(response.get("proxy-authenticate" if proxy else "www-authenticate"))
            answer = self.auth.answer(challenge, request.method, request.target, request.body)
        except LteimsError as error:
            raise self.failed(f"the challenge cannot be answered: {error}", response.code) from None
        request.set("proxy-authorization" if proxy else "authorization", answer)

    async def _final(self, request: Request) -> Response:
        answer: asyncio.Future[Response] = self.loop.create_future()

        def on_response(response: Response) -> None:
            if response.code >= 200 and not answer.done():
                answer.set_result(response)

        def on_failure(code: int, why: str) -> None:
            if not answer.done():
                answer.set_exception(self.failed(why, code))

        self.start(request, on_response, on_failure)
        patience = 64 * self.profile.timings.t1 + _PATIENCE
        try:
            return await asyncio.wait_for(answer, patience)
        except TimeoutError:
            raise self.changes.timeout(f"no final answer to {request.method} in {patience:g} s") from None

    # -- what comes
    def on_request(self, served: Served) -> None:
        """transactions.Core: a request of the network; a SipError from below becomes the answer here."""
        try:
            self._serve(served)
        except SipError as error:
            served.reply(error.code, error.headers)
            if served.request.method == "INVITE" and not served.request.to.tag:
                self._refusal = f"{error.code}: {error.why}"

    def _serve(self, served: Served) -> None:
        request = served.request
        if self.watch.owns(request):
            self.watch.on_notify(served)
            return
        if request.to.tag:
            call = next((call for call in self.calls if call.owns(request)), None)
            if call is None:
                raise SipError(481, "no such dialog")
            call.on_request(served)
            return
        match request.method:
            case "INVITE":
                self._on_invite(served)
            case "MESSAGE":
                self.messages.on_message(served)
            case "OPTIONS":
                served.reply(200, {"allow": self.profile.allow})
            case "NOTIFY" | "BYE" | "PRACK" | "UPDATE" | "INFO":
                raise SipError(481, f"{request.method} outside a dialog")
            case _:
                raise SipError(405, "not here", {"allow": self.profile.allow})

    def _on_invite(self, served: Served) -> None:
        if len(self.calls) >= self.busy_from:
            raise SipError(486, "busy")
        call = IncomingCall(self, served)
        try:
            call.start()
        except SipError:
            call.close()
            raise
        self.calls.append(call)
        self.incoming.append(call)
        self.changes.changed()

    def on_ack(self, request: Request) -> None:
        """transactions.Core: the ACK to a 2xx of ours."""
        for call in self.calls:
            if call.owns(request):
                call.on_ack(request)

    def forget(self, call: Call) -> None:
        """A call is over."""
        with contextlib.suppress(ValueError):
            self.calls.remove(call)

    # -- words for the test
    def failed(self, text: str, code: int = 0) -> PhoneError:
        """An error with the ladder so far."""
        return PhoneError(f"{self.name}: {text}", self.ladder.render(), code)

    def fault(self, text: str) -> None:
        """Something that the network did wrong, and that ends nothing."""
        self.agent.faults.append(text)
        self.note(text)

    def note(self, text: str) -> None:
        """A remark in the ladder."""
        self.ladder.note(self.name, text)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something on the side until the phone is switched off."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _with_tag(request: Request, name: str) -> tuple[str, ...]:
    tags = request.values(name)
    return (", ".join(dict.fromkeys([*tags, "sec-agree"])),)
