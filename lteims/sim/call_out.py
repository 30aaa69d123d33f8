"""A call that a virtual phone makes: INVITE, reliable answers, preconditions, CANCEL (RFC 3261 13.2, 3262, 3312).

Made by phone.call; the rest of its life is in call.py.
"""

import asyncio
from typing import TYPE_CHECKING

from lteims.errors import LteimsError
from lteims.sim.call import SDP, Call, CallState
from lteims.sim.transactions import Client
from lteims.sip.dialog import Dialog
from lteims.sip.headers import AuthValue
from lteims.sip.message import Response
from lteims.sip.multipart import body_of
from lteims.sip.reliable import RAck, ReliableReceiver, rseq_of
from lteims.sip.session_timer import SessionExpires

if TYPE_CHECKING:
    from lteims.sim.phone import Phone

_CHALLENGES = 2
_CANCELLED = 10.0  # seconds for the 487


class OutgoingCall(Call):
    """A call that we make. `provisional` lists the codes of 1xx above 100, `early_media` says that 18x had SDP."""

    def __init__(self, phone: "Phone", dialog: Dialog, *, emergency: bool = False, offer: bool = True) -> None:
        super().__init__(phone, dialog, emergency=emergency)
        self.provisional: list[int] = []
        self.early_media = False
        self.asserted = ""  # whom the network says that we reached
        self.body = b""  # of a refusal, such as a 380
        self._client: Client | None = None
        self._credentials: tuple[str, str] | None = None
        self._challenges = 0
        self._order = ReliableReceiver()
        self._order_tag = ""
        self._negotiated = False
        self._offer = offer

    def start(self) -> None:
        """Send the INVITE."""
        phone = self._phone
        request = self._inside("INVITE", self.session.offer() if self._offer else b"")
        request.set("route", *phone.routes(emergency=self.emergency))
        for name, value in phone.caller_headers(anonymous=self.dialog.local.endswith("anonymous.invalid>")).items():
            request.set(name, value)
        if self._credentials is not None:
            request.set(*self._credentials)
        self._client = phone.start(request, self._on_response, self._on_failure)

    # -- answers
    def _on_failure(self, code: int, why: str) -> None:
        self._finish(code, why)

    def _on_response(self, response: Response) -> None:
        match response.code:
            case 100:
                return
            case code if code < 200:
                self._on_provisional(response)
            case code if code < 300:
                self._on_success(response)
            case 401 | 407 if self._challenges < _CHALLENGES:
                self._on_challenge(response)
            case 422 if self._timer.on_too_small(response):
                self._again()
            case code:
                self.body = response.body
                self._finish(code, response.reason)

    def _on_provisional(self, response: Response) -> None:
        self.dialog.on_response(response)
        body = body_of(response, SDP)
        rseq = rseq_of(response)
        if rseq is not None:
            if self._order_tag != response.to.tag:
                self._order, self._order_tag = ReliableReceiver(), response.to.tag
            if not self._order.accept(rseq):
                return
        self.provisional.append(response.code)
        if body is not None and self.session.open:
            self.early_media = True
            self._take_answer(response)
            self.session.open = rseq is None  # only a reliable one is the answer itself
        if rseq is not None:
            self._spawn(self._acknowledged(rseq, response))
        if response.code == 180 and self.state is CallState.CALLING:
            self.state = CallState.RINGING
        self._phone.changes.changed()

    async def _acknowledged(self, rseq: int, response: Response) -> None:
        """PRACK, and once our bearer stands the UPDATE that says so (TS 24.229 5.1.3.1)."""
        headers = {"rack": RAck(rseq, response.cseq.number, "INVITE").encode()}
        if self._phone.profile.prack_refresher:
            headers["session-expires"] = SessionExpires(self._phone.profile.session_expires, "uac").encode()
            headers["supported"] = "timer"
        answer = await self._ask("PRACK", headers=headers)
        if answer.code >= 300 and not self.over:
            self._phone.fault(f"PRACK was answered {answer.start_line()[8:]}")
        if self._negotiated or self.over or not self.session.negotiating:
            return
        self._negotiated = True
        await asyncio.sleep(self._phone.bearer_delay)
        self.session.reserved()
        if self.session.news and not self.over:
            await self.renegotiate("UPDATE")

    def _on_success(self, response: Response) -> None:
        if response.cseq.number in self._acks:
            self._acknowledge(response)  # it came again
            return
        if self.state is CallState.ENDED:  # the CANCEL was late: RFC 3261 15
            self.dialog.on_response(response)
            self._acknowledge(response)
            self._spawn(self._bye())
            return
        self.dialog.on_response(response)
        body = body_of(response, SDP)
        self.asserted = response.get("p-asserted-identity")
        self.state = CallState.TALKING
        self._acknowledge(response, self._answer(body) if body is not None and not self._offer else b"")
        self._timer.on_success(response, self._phone.loop.time())
        self._arm()
        self._take_answer(response)

    async def _bye(self) -> None:
        await self._ask("BYE")

    # -- the INVITE once more
    def _on_challenge(self, response: Response) -> None:
        self._challenges += 1
        proxy = response.code == 407
        try:
            challenge = AuthValue.parse(response.get("proxy-authenticate" if proxy else "www-authenticate"))
            credentials = self._phone.auth.answer(challenge, "INVITE", self.dialog.target)
        except LteimsError as error:
            self._finish(response.code, f"the challenge cannot be answered: {error}")
            return
        self._credentials = ("proxy-authorization" if proxy else "authorization", credentials)
        self._again()

    def _again(self) -> None:
        self.session.withdrawn()
        self.start()

    # -- the end
    async def hangup(self) -> None:
        """BYE, or CANCEL before the answer; then the 487 is waited for."""
        if self.state in (CallState.CALLING, CallState.RINGING) and self._client is not None:
            self._client.cancel()
            await self.ended(_CANCELLED)
            return
        await super().hangup()
