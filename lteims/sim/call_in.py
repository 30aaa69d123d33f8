"""A call that comes to a virtual phone: 183, preconditions, 180, 200, refusals (RFC 3261 13.3, 3262, 3312).

Made by phone.py for each INVITE. With preconditions the phone answers by itself in a reliable 183 and waits for the
caller's bearer; ringing and answering are what the test asks for.
"""

import asyncio
from typing import TYPE_CHECKING

from lteims.media.sdp import SdpError
from lteims.sim.call import SDP, Call, CallState
from lteims.sim.transactions import Served
from lteims.sip.dialog import Dialog
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response
from lteims.sip.multipart import body_of
from lteims.sip.reliable import Abandoned, Action, ClearTimer, RAck, ReliableResponses, SetTimer, Transmit

if TYPE_CHECKING:
    from lteims.sim.phone import Phone

_BEARERS = 10.0  # seconds for both bearers


class IncomingCall(Call):
    """A call to us; `caller` is P-Asserted-Identity, else From."""

    def __init__(self, phone: "Phone", served: Served) -> None:
        request = served.request
        super().__init__(phone, Dialog.of_request(request, served.to_tag))
        self.caller = ", ".join(request.values("p-asserted-identity")) or request.get("from")
        self.called = request.get("p-called-party-id")
        self.invite = request
        self._served = served
        self._offer = body_of(request, SDP)
        self._told = False  # our answer has left
        tags = {*request.tokens("supported"), *request.tokens("require")}
        self._reliably = "100rel" in tags
        first = int.from_bytes(phone.tokens.octets(2), "big") + 1
        self._responses = ReliableResponses(request.cseq.number, first, phone.profile.timings.t1)
        self._repeat_timer: asyncio.TimerHandle | None = None
        self._headers: dict[str, str] = {}
        served.on_cancel = self._on_cancel

    def start(self) -> None:
        """Look at the offer; SipError refuses the call."""
        self._served.reply(100)
        self._headers = self._timer.on_request(self.invite)
        try:
            conditional = self._offer is not None and self.session.check(self._offer)
        except SdpError as error:
            raise SipError(400, f"bad SDP: {error}") from None
        if conditional and self._phone.profile.preconditions and self._reliably:
            self._progress()

    def _progress(self) -> None:
        """183 with our answer, then our bearer (TS 24.229 5.1.4.1)."""
        self._run(self._responses.provisional(self._with_answer(self._make(183))))
        self._spawn(self._reserve())

    async def _reserve(self) -> None:
        await asyncio.sleep(self._phone.bearer_delay)
        self.session.reserved()
        self._phone.changes.changed()

    # -- what a test does
    async def ring(self) -> None:
        """180, once the bearers stand."""
        await self._phone.changes.until(
            lambda: self.session.may_alert or self.state is CallState.ENDED, _BEARERS, "waiting for both bearers"
        )
        if self.state is not CallState.CALLING:
            return
        self.state = CallState.RINGING
        response = self._make(180)
        if self._reliably and ("100rel" in self.invite.tokens("require") or self.session.negotiating):
            self._run(self._responses.provisional(response))
        else:
            self._served.respond(response)
        self._phone.changes.changed()

    async def progress(self) -> None:
        """183 with SDP, if there was none yet, and early media: an announcement before the answer."""
        if not self._told and self._offer is not None:
            response = self._with_answer(self._make(183))
            if self._reliably:
                self._run(self._responses.provisional(response))
            else:
                self._served.respond(response)
        self.early = True
        self._direct()

    async def answer(self, within: float = 10.0) -> None:
        """200, after 180 if it has not rung yet, and wait for the ACK."""
        await self.ring()
        if self.state is CallState.ENDED:
            raise self._phone.failed(f"the call ended before it was answered: {self.code} {self.reason}", self.code)
        response = self._make(200)
        for name, value in self._headers.items():
            response.set(name, value)
        offered = self._offer is None
        if offered:
            response.set("content-type", SDP)
            response.body = self.session.offer()
        elif not self._told:
            self._with_answer(response)
        self._run(self._responses.final(response))
        number = self.invite.cseq.number
        await self._phone.changes.until(
            lambda: self.state is CallState.ENDED or (self._served.answered and number not in self._unacknowledged),
            within, "waiting for the ACK",
        )  # fmt: skip

    async def decline(self, code: int = 486) -> None:
        """Refuse it."""
        self._refuse(code)

    def _refuse(self, code: int, reason: str = "") -> None:
        if not self._served.answered:
            self._run(self._responses.final(self._served.make(code, reason)))
        self._finish(code, reason or "refused by us")

    async def hangup(self) -> None:
        """BYE, or 603 before the answer."""
        if self.state in (CallState.CALLING, CallState.RINGING):
            self._refuse(603)
            return
        await super().hangup()

    # -- responses
    def _make(self, code: int) -> Response:
        response = self._served.make(code)
        response.set("record-route", *self.invite.headers.get("record-route", ()))
        response.set("contact", self._phone.contact("INVITE"))
        response.set("allow", self._phone.profile.allow)
        response.set("supported", self._phone.profile.supported)
        return response

    def _with_answer(self, response: Response) -> Response:
        assert self._offer is not None
        response.set("content-type", SDP)
        response.body = self._answer(self._offer)
        self._told = True
        return response

    def _run(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Transmit(response):
                    self._served.respond(response)
                    if response.code < 300 and response.code >= 200:
                        self._on_answered(response)
                case SetTimer(delay):
                    self._stop_repeating()
                    self._repeat_timer = self._phone.loop.call_later(delay, self._on_repeat)
                case ClearTimer():
                    self._stop_repeating()
                case Abandoned():
                    self._phone.fault("no PRACK came")
                    self._refuse(504, "no PRACK came")

    def _on_repeat(self) -> None:
        self._run(self._responses.fired())

    def _stop_repeating(self) -> None:
        if self._repeat_timer is not None:
            self._repeat_timer.cancel()
            self._repeat_timer = None

    def _on_answered(self, response: Response) -> None:
        self.state = CallState.TALKING
        self.dialog.confirmed = True
        self._timer.answered(self._phone.loop.time(), "INVITE")
        self._arm()
        self._await_ack(self._served, response, offered=self._offer is None)
        self._direct()

    # -- what the caller sends
    def on_ack(self, request: Request) -> None:
        super().on_ack(request)
        self._phone.changes.changed()

    def _on_prack(self, served: Served) -> None:
        request = served.request
        actions = self._responses.acknowledged(RAck.parse(request.get("rack")))
        response = served.make(200)
        if (offer := body_of(request, SDP)) is not None:
            response.set("content-type", SDP)
            response.body = self._answer(offer)
        served.respond(response)
        self._run(actions)
        self._phone.changes.changed()

    def _on_cancel(self) -> None:
        self._refuse(487, "Request Terminated")

    def _finish(self, code: int, reason: str, *, keep: bool = False) -> None:
        self._stop_repeating()
        super()._finish(code, reason, keep=keep)
