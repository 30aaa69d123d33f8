"""One call of a virtual phone once its dialog exists: hold, refresh, requests of the other side, the end (RFC 3261 12).

The two ways into a call are its subclasses in call_out.py and call_in.py. Whoever uses the API waits for what shall
happen: ringing, answered, held, heard, ended.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lteims.media.sdp import SdpError
from lteims.sim.errors import PhoneError
from lteims.sim.session import Session
from lteims.sim.transactions import Served
from lteims.sip.dialog import Dialog
from lteims.sip.errors import SipError
from lteims.sip.message import Message, Request, Response
from lteims.sip.multipart import body_of
from lteims.sip.session_timer import SessionTimer

if TYPE_CHECKING:
    from lteims.sim.phone import Phone

SDP = "application/sdp"
_GLARE = 2.2  # seconds until a re-INVITE that met another is tried again (RFC 3261 14.1)
_TRIES = 4


class CallState(StrEnum):
    """Where a call is."""

    CALLING = "calling"  # an INVITE is on its way
    RINGING = "ringing"
    TALKING = "talking"
    ENDED = "ended"


class Call:
    """A call; `code` and `reason` say how it ended: 200 is a BYE, else the answer to the INVITE."""

    def __init__(self, phone: "Phone", dialog: Dialog, *, emergency: bool = False) -> None:
        self.state = CallState.CALLING
        self.code = 0
        self.reason = ""
        self.emergency = emergency
        self.early = False  # we speak before the answer
        self.dialog = dialog
        self.voice = phone.open_voice()
        profile = phone.profile
        self.session = Session(
            phone.host, self.voice.port, profile.codecs, phone.session_id(), preconditions=profile.preconditions
        )
        self._phone = phone
        self._timer = SessionTimer(profile.session_expires)
        self._alarm: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._acks: dict[int, Request] = {}  # ours, by the number of their INVITE
        self._unacknowledged: dict[int, asyncio.TimerHandle] = {}  # our 2xx that wait for an ACK
        self._offered: set[int] = set()  # of these, those whose ACK brings the answer

    @property
    def over(self) -> bool:
        """Has the call ended?"""
        return self.state is CallState.ENDED

    # -- what a test waits for
    async def ringing(self, within: float = 10.0) -> None:
        """The other side rings, or has answered; PhoneError if the call ends instead."""
        await self._reach("rings", within, CallState.RINGING, CallState.TALKING)

    async def answered(self, within: float = 30.0) -> None:
        """The call stands; PhoneError with the code if it is refused."""
        await self._reach("is answered", within, CallState.TALKING)

    async def ended(self, within: float = 10.0) -> int:
        """The call is over; the code that ended it."""
        await self._phone.changes.until(lambda: self.state is CallState.ENDED, within, "the call is to end")
        return self.code

    async def held(self, within: float = 10.0) -> None:
        """The other side holds us."""
        await self._phone.changes.until(lambda: self.session.held_by_peer, within, "the call is to be held")

    async def resumed(self, within: float = 10.0) -> None:
        """The other side listens again."""
        await self._phone.changes.until(lambda: not self.session.held_by_peer, within, "the call is to go on")

    async def heard(self, packets: int, within: float = 10.0) -> None:
        """So many RTP packets have come since the beginning."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while self.voice.received < packets:
            if loop.time() > end:
                raise self._phone.changes.timeout(f"heard {self.voice.received} RTP packets of {packets}")
            await asyncio.sleep(0.02)

    async def _reach(self, what: str, within: float, *states: CallState) -> None:
        wanted = (*states, CallState.ENDED)
        await self._phone.changes.until(lambda: self.state in wanted, within, f"waiting until the call {what}")
        if self.state is CallState.ENDED:
            raise self._phone.failed(f"the call ended before it {what}: {self.code} {self.reason}", self.code)

    # -- what a test does
    async def hold(self, by: str = "INVITE") -> None:
        """Hold the other side, by a re-INVITE or an UPDATE."""
        self.session.held = True
        await self.renegotiate(by)

    async def resume(self, by: str = "INVITE") -> None:
        """Go on."""
        self.session.held = False
        await self.renegotiate(by)

    async def renegotiate(self, by: str = "UPDATE") -> None:
        """Send an offer inside the call; after a 491 again."""
        for _ in range(_TRIES):
            response = await (self._reinvite() if by == "INVITE" else self._ask(by, self.session.offer()))
            if response.code < 300:
                self._take_answer(response)
                return
            self.session.withdrawn()
            if response.code != 491:
                break
            await asyncio.sleep(_GLARE)
        raise self._phone.failed(f"{by} was answered {response.start_line()[8:]}", response.code)

    async def hangup(self) -> None:
        """End the call."""
        if self.state is CallState.ENDED:
            return
        with contextlib.suppress(PhoneError):  # a lost BYE ends the call all the same
            self._finish(200, "hung up", keep=True)
            await self._ask("BYE")
        self._finish(200, "hung up")

    # -- requests inside the dialog
    def _inside(self, method: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Request:
        phone = self._phone
        request = self.dialog.request(method)
        if method in ("INVITE", "UPDATE"):
            request.set("supported", phone.profile.supported)
            for name, value in self._timer.for_request(method).items():
                request.set(name, value)
        if method in ("INVITE", "UPDATE") or (method == "PRACK" and phone.profile.prack_contact):
            request.set("contact", phone.contact("INVITE", sos=self.emergency))
        for name, value in (headers or {}).items():
            request.set(name, value)
        if body:
            request.set("content-type", SDP)
            request.body = body
        return request

    async def _ask(self, method: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Response:
        request = self._inside(method, body, headers)
        response = await self._phone.exchange(request, dialog=self.dialog)
        self._on_refreshed(response)
        return response

    def _on_refreshed(self, response: Response) -> None:
        if response.code < 300 and response.cseq.method in ("INVITE", "UPDATE"):
            self.dialog.refresh_target(response)
            self._timer.on_success(response, self._phone.loop.time())
            self._arm()

    async def _reinvite(self) -> Response:
        request = self._inside("INVITE", self.session.offer())
        answer: asyncio.Future[Response] = self._phone.loop.create_future()

        def on_response(response: Response) -> None:
            if 200 <= response.code < 300:
                self._acknowledge(response)
            if response.code >= 200 and not answer.done():
                answer.set_result(response)

        def on_failure(code: int, why: str) -> None:
            if not answer.done():
                answer.set_exception(self._phone.failed(why, code))

        self._phone.start(request, on_response, on_failure)
        response = await answer
        self._on_refreshed(response)
        return response

    def _acknowledge(self, response: Response, body: bytes = b"") -> None:
        """ACK a 2xx, or once more the same."""
        number = response.cseq.number
        ack = self._acks.get(number)
        if ack is None:
            ack = self.dialog.request("ACK", number)
            if body:
                ack.set("content-type", SDP)
                ack.body = body
            self._acks[number] = ack
        self._phone.send_ack(ack)

    def _take_answer(self, response: Message) -> None:
        body = body_of(response, SDP)
        if body is not None and self.session.open:
            try:
                self.session.heard(body)
            except SdpError as error:
                self._phone.fault(f"bad SDP: {error}")
        self._direct()

    # -- media
    def _direct(self) -> None:
        """Tell the voice what has been agreed on; before the answer it only hears, but for early media."""
        session = self.session
        talks = (self.early or self.state is CallState.TALKING) and session.direction.sends
        self.voice.direct(session.rtp, session.rtcp, session.codec, sends=talks)
        self._phone.changes.changed()

    # -- what the other side asks
    def owns(self, request: Request) -> bool:
        """Is this request inside this dialog?"""
        return self.dialog.call_id == request.call_id and self.dialog.local_tag == request.to.tag

    def on_request(self, served: Served) -> None:
        """A request inside the dialog; SipError becomes the answer at the phone."""
        request = served.request
        self.dialog.accept(request)
        match request.method:
            case "BYE":
                served.reply(200)
                self._finish(200, request.get("reason") or "the other side hung up")
            case "INVITE" | "UPDATE":
                self._on_offer(served)
            case "PRACK":
                self._on_prack(served)
            case "INFO" | "OPTIONS" | "MESSAGE" | "NOTIFY":
                served.reply(200)
            case _:
                served.reply(405, {"allow": self._phone.profile.allow})

    def _on_prack(self, served: Served) -> None:
        raise SipError(481, "no response of ours waits for a PRACK")

    def _on_offer(self, served: Served) -> None:
        request = served.request
        if self.state is CallState.ENDED:
            raise SipError(481, "the call has ended")
        body = body_of(request, SDP)
        if self.session.open and (body is not None or request.method == "INVITE"):
            raise SipError(491, "an offer of ours is open")
        headers = self._timer.on_request(request)
        response = self._accept(served, body)
        for name, value in headers.items():
            response.set(name, value)
        self.dialog.refresh_target(request)
        served.respond(response)
        self._timer.answered(self._phone.loop.time(), request.method)
        if request.method == "INVITE":
            self._await_ack(served, response, offered=body is None)
        self._arm()
        self._direct()
        self._on_heard()

    def _accept(self, served: Served, offer: bytes | None) -> Response:
        """The 200 to a request that may carry an offer; a re-INVITE without one gets ours."""
        response = served.make(200)
        response.set("contact", self._phone.contact("INVITE", sos=self.emergency))
        response.set("allow", self._phone.profile.allow)
        response.set("supported", self._phone.profile.supported)
        body = b""
        if offer is not None:
            body = self._answer(offer)
        elif served.request.method == "INVITE":
            body = self.session.offer()
        if body:
            response.set("content-type", SDP)
            response.body = body
        return response

    def _answer(self, offer: bytes) -> bytes:
        try:
            return self.session.answer(offer)
        except SdpError as error:
            raise SipError(400, f"bad SDP: {error}") from None

    def _on_heard(self) -> None:
        """Preconditions may have moved; the subclass goes on."""

    # -- our 2xx until its ACK (RFC 3261 13.3.1.4)
    def _await_ack(self, served: Served, response: Response, *, offered: bool) -> None:
        number = served.request.cseq.number
        if offered:
            self._offered.add(number)
        self._repeat(served, response, number, self._phone.profile.timings.t1, 0.0)

    def _repeat(self, served: Served, response: Response, number: int, wait: float, waited: float) -> None:
        timings = self._phone.profile.timings
        if waited:
            if waited >= 64 * timings.t1:
                self._phone.fault(f"no ACK came for {waited:g} s")
                self._spawn(self.hangup())
                return
            if served.arrival.transport == "UDP":
                served.send_again(response)
        self._unacknowledged[number] = self._phone.loop.call_later(
            wait, self._repeat, served, response, number, min(2 * wait, timings.t2), waited + wait
        )

    def on_ack(self, request: Request) -> None:
        """The ACK to one of our 2xx."""
        timer = self._unacknowledged.pop(request.cseq.number, None)
        if timer is None:
            return
        timer.cancel()
        if request.cseq.number in self._offered:
            self._offered.discard(request.cseq.number)
            self._take_answer(request)

    # -- the session timer (RFC 4028)
    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self.state is not CallState.ENDED and (due := self._timer.next()) is not None:
            self._alarm = self._phone.loop.call_at(due[1], self._on_alarm, due[0])

    def _on_alarm(self, what: str) -> None:
        self._spawn(self._refresh() if what == "refresh" else self.hangup())

    async def _refresh(self) -> None:
        response = await self._ask("UPDATE")
        if response.code in (408, 481):
            await self.hangup()
        elif response.code >= 300:
            self._timer.refused()
            self._arm()

    # -- the end
    def _finish(self, code: int, reason: str, *, keep: bool = False) -> None:
        """Enter the last state; `keep` while the BYE is still on its way."""
        if self.state is not CallState.ENDED:
            self.state, self.code, self.reason = CallState.ENDED, code, reason
        self.voice.close()
        self._arm()
        for timer in self._unacknowledged.values():
            timer.cancel()
        self._unacknowledged.clear()
        if not keep:
            self._phone.forget(self)
        self._phone.changes.changed()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._phone.loop.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (PhoneError, SipError, SdpError) as error:
            self._phone.fault(getattr(error, "summary", str(error)))

    def close(self) -> None:
        """The phone is switched off: nothing is said any more."""
        self._finish(0, "switched off")
        for task in self._tasks:
            task.cancel()
