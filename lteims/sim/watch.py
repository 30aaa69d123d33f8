"""A virtual phone's subscription to its own registration state (RFC 3680, 6665; TS 24.229 5.1.1.3, 5.1.1.5A).

phone.py hands in the NOTIFYs; a terminated contact of the phone ends its registration, as in real phones.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from lteims.sim.errors import PhoneError
from lteims.sim.transactions import Served
from lteims.sip.dialog import Dialog
from lteims.sip.errors import SipError
from lteims.sip.event import REG
from lteims.sip.message import Request
from lteims.sip.reginfo import MEDIA_TYPE, ContactEvent, ContactState, Reginfo

if TYPE_CHECKING:
    from lteims.sim.phone import Phone


class Watch:
    """One subscription; `documents` are those of all NOTIFYs, `state` is the last Subscription-State."""

    def __init__(self, phone: "Phone") -> None:
        self.documents: list[Reginfo] = []
        self.state = ""
        self._phone = phone
        self._dialog: Dialog | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def active(self) -> bool:
        """Does it last?"""
        return self._dialog is not None and not self.state.startswith("terminated")

    async def subscribe(self, expires: int = 600000) -> None:
        """SUBSCRIBE, or refresh; 0 ends it. PhoneError if the network refuses."""
        phone = self._phone
        if self._dialog is None or not self.active:
            self.state = ""
            public = phone.public
            self._dialog = Dialog(phone.tokens.call_id(), f"<{public}>", phone.tokens.tag(), f"<{public}>", public)
        request = self._dialog.request("SUBSCRIBE")
        if not self._dialog.established:
            request.set("route", *phone.routes())
        request.set("event", REG)
        request.set("expires", str(expires))
        request.set("accept", MEDIA_TYPE)
        request.set("contact", phone.contact("SUBSCRIBE"))
        response = await phone.exchange(request, dialog=self._dialog)
        if response.code not in (200, 202):
            self._dialog = None
            raise phone.failed(f"SUBSCRIBE was answered {response.start_line()[8:]}", response.code)
        self._dialog.on_response(response)
        try:
            self._arm(response.number("expires") or expires)
        except SipError as error:
            phone.fault(f"answer to SUBSCRIBE: {error}")
            self._arm(expires)

    def _arm(self, granted: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if granted:
            self._timer = self._phone.loop.call_later(granted / 2, self._refresh, granted)

    def _refresh(self, expires: int) -> None:
        self._task = self._phone.loop.create_task(self._refreshed(expires))

    async def _refreshed(self, expires: int) -> None:
        with contextlib.suppress(PhoneError):  # it is in the ladder
            if self.active:
                await self.subscribe(expires)

    def owns(self, request: Request) -> bool:
        """Is this a NOTIFY of the subscription?"""
        dialog = self._dialog
        return dialog is not None and dialog.call_id == request.call_id and request.to.tag == dialog.local_tag

    def on_notify(self, served: Served) -> None:
        """Read it and answer it; what cannot be read is a fault of the network."""
        request = served.request
        self.state = request.get("subscription-state")
        if self._dialog is not None and not self._dialog.remote_tag:  # quicker than the 200
            self._dialog.remote_tag = request.from_.tag
        try:
            if request.body:
                self.documents.append(Reginfo.parse(request.body))
        except SipError as error:
            self._phone.fault(f"reg-event NOTIFY: {error}")
            served.reply(400)
            return
        served.reply(200)
        if self.documents:
            self._look(self.documents[-1])
        self._phone.changes.changed()

    def _look(self, document: Reginfo) -> None:
        phone = self._phone
        mine = [c for r in document.registrations for c in r.contacts if phone.is_own(c.uri)]
        own = phone.registration
        if not own.bound or own.leaving or not mine or any(c.state is ContactState.ACTIVE for c in mine):
            return
        event = mine[0].event
        own.lost(f"{event} by the network")
        if event is ContactEvent.DEACTIVATED:  # TS 24.229 5.1.1.5A: register again
            self._task = phone.loop.create_task(self._register())

    async def _register(self) -> None:
        with contextlib.suppress(PhoneError):
            await self._phone.registration.register()

    def close(self) -> None:
        """Do nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
