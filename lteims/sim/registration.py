"""A virtual phone's registration (TS 24.229 5.1.1): REGISTER with its challenges, refresh, de-registration, security.

One for each contact that a phone binds: the ordinary one, and one for emergency calls. Made and driven by phone.py.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from lteims.aka import usim
from lteims.errors import LteimsError
from lteims.sim.errors import PhoneError
from lteims.sip.errors import SipError
from lteims.sip.grammar import parse_expires
from lteims.sip.headers import AuthValue
from lteims.sip.message import Request, Response

if TYPE_CHECKING:
    from lteims.sim.phone import Phone

_ROUNDS = 4  # challenges in a row that are answered: one, an AUTS, and again
_EARLY = 600.0  # seconds: a refresh is so long before the end, or half-way (TS 24.229 5.1.1.4.1)


class Registration:
    """One binding: what the phone asked for and what the network granted."""

    def __init__(self, phone: "Phone", *, sos: bool = False) -> None:
        self.bound = False
        self.leaving = False  # it is being taken away, by the phone itself
        self.associated: list[str] = []  # P-Associated-URI
        self.service_route: list[str] = []
        self.contacts: list[str] = []  # as the last 200 listed them
        self.expires = 0  # seconds granted
        self.challenges = 0
        self.sos = sos
        self._phone = phone
        self._call_id = phone.tokens.call_id()
        self._tag = phone.tokens.tag()
        self._cseq = 0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._seconds = phone.profile.expires

    async def register(self, expires: int | None = None) -> Response:
        """Bind the contact, or bind it anew; PhoneError with the code if the network refuses."""
        self._seconds = self._phone.profile.expires if expires is None else expires
        response = await self.attempt(self._seconds)
        if response.code != 200:
            raise self._phone.failed(f"REGISTER was answered {response.start_line()[8:]}", response.code)
        return response

    async def deregister(self) -> None:
        """Take the binding away; PhoneError if the network refuses."""
        self._disarm()
        self.leaving = True
        try:
            response = await self.attempt(0)
        finally:
            self.leaving = False
        if response.code != 200:
            raise self._phone.failed(f"de-registration was answered {response.start_line()[8:]}", response.code)

    async def attempt(self, expires: int) -> Response:
        """REGISTER and the answers to its challenges, whatever comes of it; the last response."""
        try:
            return await self._attempt(expires)
        except SipError as error:
            raise self._phone.failed(f"the answer to REGISTER cannot be read: {error}") from None

    async def _attempt(self, expires: int) -> Response:
        phone, auth = self._phone, self._phone.auth
        uri = f"sip:{phone.sim.home}"
        credentials = auth.again("REGISTER", uri)
        if not credentials and phone.profile.empty_authorization:
            credentials = auth.opening(uri)
        for _ in range(_ROUNDS):
            response = await phone.exchange(self._request(expires, credentials), challenges=0)
            if response.code == 423 and (least := response.number("min-expires")):
                expires = least
                continue
            if response.code != 401:
                break
            self.challenges += 1
            credentials = await self._answer(response, uri)
        self._settle(response, expires)
        return response

    async def _answer(self, response: Response, uri: str) -> str:
        phone = self._phone
        try:
            challenge = AuthValue.parse(response.get("www-authenticate"))
            credentials = phone.auth.answer(challenge, "REGISTER", uri)
        except LteimsError as error:
            raise phone.failed(f"the challenge cannot be answered: {error}", 401) from None
        match phone.auth.verdicts[-1:]:
            case [usim.MacFailure()]:
                phone.note("the card refuses the challenge: MAC failure, K or OPc differ")
            case [usim.SyncFailure() as verdict]:
                phone.note(f"the card refuses SQN {verdict.sqn:012x}, its own is {verdict.sqn_ms:012x}: AUTS")
            case [usim.Accepted()] if phone.security is not None:
                await phone.security.establish(response)
        return credentials

    def _request(self, expires: int, credentials: str) -> Request:
        phone, profile = self._phone, self._phone.profile
        self._cseq += 1
        public = phone.sim.public
        headers = {
            "via": [""],
            "max-forwards": ["70"],
            "from": [f"<{public}>;tag={self._tag}"],
            "to": [f"<{public}>"],
            "call-id": [self._call_id],
            "cseq": [f"{self._cseq} REGISTER"],
            "contact": [phone.contact("REGISTER", sos=self.sos)],
            "expires": [str(expires)],
        }
        if credentials:
            headers["authorization"] = [credentials]
        headers["supported"] = [profile.register_supported]
        if profile.access:
            headers["p-access-network-info"] = [profile.access]
        if phone.security is not None:
            headers["security-client"] = phone.security.offer()
            headers["require"] = headers["proxy-require"] = ["sec-agree"]
        return Request("REGISTER", f"sip:{phone.sim.home}", headers)

    def _settle(self, response: Response, asked: int) -> None:
        """What the final answer means for the binding."""
        phone = self._phone
        if response.code != 200:
            phone.auth.forget()
            self.bound = self.bound and response.code in (408, 500, 503, 504)
            if phone.security is not None:
                phone.security.refused()
        elif asked:
            self._granted(response, asked)
        else:
            self.bound = False
            phone.auth.forget()
            if phone.security is not None:
                phone.security.left()
        phone.changes.changed()

    def _granted(self, response: Response, asked: int) -> None:
        phone = self._phone
        self.bound = True
        self.associated = [each.uri.text for each in response.name_addrs("p-associated-uri")]
        self.service_route = [each.encode() for each in response.name_addrs("service-route")]
        self.contacts = response.values("contact")
        self.expires = self._own_expires(response, asked)
        if phone.security is not None:
            phone.security.registered()
        self._disarm()
        wait = self.expires - _EARLY if self.expires > 2 * _EARLY else self.expires / 2
        self._timer = phone.loop.call_later(wait, self._refresh)

    def _own_expires(self, response: Response, asked: int) -> int:
        granted = response.number("expires") or asked
        for contact in response.contacts:
            if contact.uri.user == self._phone.contact_user and ("sos" in contact.uri.params) is self.sos:
                granted = parse_expires(contact.params.get("expires") or str(granted))
        return max(1, granted)

    def lost(self, why: str) -> None:
        """The network has ended it (reg-event)."""
        self.bound = False
        self._disarm()
        self._phone.auth.forget()
        self._phone.note(f"the registration is gone: {why}")
        self._phone.changes.changed()

    # -- refresh
    def _refresh(self) -> None:
        self._task = self._phone.loop.create_task(self._refreshed())

    async def _refreshed(self) -> None:
        with contextlib.suppress(PhoneError):  # it is in the ladder and in `bound`
            await self.register(self._seconds)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Do nothing more."""
        self._disarm()
        if self._task is not None:
            self._task.cancel()
