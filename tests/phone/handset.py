"""A test phone with messages: it takes short messages over SIP, joins WAP pushes, and speaks MM1 over HTTP.

The MMS client is aiohttp on the phone's own address, by which the server knows who sends. What arrives is
acknowledged as TS 24.341 5.3.2 says, unless a test wants otherwise.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass, field

import aiohttp

from lteims.mm1.pdu import AnyPdu, MRetrieveConf, parse
from lteims.mm1.push import Push
from lteims.sip.message import Request
from lteims.sms import rp, tpdu
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction
from lteims.sms.text import join
from lteims.sms.userdata import UserData
from tests.phone.account import Account
from tests.phone.phone import PATIENCE, Phone, PhoneError
from tests.phone.wire import Udp

RPDU = "application/vnd.3gpp.sms"
MMS = "application/vnd.wap.mms-message"


@dataclass(slots=True)
class Handset:
    """One phone at one address; `mmsc` is what its owner has typed in as MMSC."""

    phone: Phone
    mmsc: str
    _parts: list[UserData] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)  # Call-IDs of the MESSAGEs that were taken

    @classmethod
    def at(cls, host: str, server: tuple[str, int], account: Account, mmsc: str) -> "Handset":
        """A phone at an address of loopback, registered."""
        phone = Phone(Udp(server, host=host), account, features=";+g.3gpp.smsip")
        response = phone.register()
        if response.code != 200:
            raise PhoneError(f"{account.imsi}: {response.start_line()}")
        return cls(phone, mmsc)

    def close(self) -> None:
        """Switch it off."""
        self.phone.wire.close()

    # -- short messages
    async def push(self, within: float = 20.0) -> AnyPdu:
        """The next PDU that is pushed."""
        return await asyncio.to_thread(self.take_push, within)

    def take_push(self, within: float = 20.0) -> AnyPdu:
        """As `push`, blocking."""
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            self._parts.append(self._take_sms(left))
            try:
                message = join(self._parts)
            except SmsError:
                continue  # parts are missing
            self._parts.clear()
            return Push.parse(message.data).pdu()
        raise PhoneError(f"{len(self._parts)} parts of a push came in {within} s, but not all")

    def _take_sms(self, within: float) -> UserData:
        while True:
            request = self.phone.take(within)
            if request.method != "MESSAGE" or request.get("content-type") != RPDU:
                raise PhoneError(f"{request.start_line()} with {request.get('content-type')!r} is no short message")
            self.phone.answer_to(request, 200)
            if request.call_id in self._seen:
                continue  # its 200 was late
            self._seen.add(request.call_id)
            data = rp.parse(request.body, Direction.SC_TO_MS)
            if not isinstance(data, rp.RpData):
                raise PhoneError(f"{data} came to a phone that had sent nothing")
            self._acknowledge(request, data.rp_mr)
            deliver = tpdu.parse(data.rp_ud, Direction.SC_TO_MS)
            if not isinstance(deliver, tpdu.SmsDeliver):
                raise PhoneError(f"{deliver} is no SMS-DELIVER")
            return deliver.user_data

    def _acknowledge(self, request: Request, rp_mr: int) -> None:
        body = rp.RpAck(Direction.MS_TO_SC, rp_mr).encode()
        target = request.get("p-asserted-identity").strip("<>")
        fields = {"content-type": RPDU, "in-reply-to": request.call_id, "call-id": secrets.token_hex(8)}
        response = self.phone.exchange(self.phone.request("MESSAGE", target, body=body, headers=fields), PATIENCE)
        if response.code != 202:
            raise PhoneError(f"RP-ACK was answered {response.start_line()}")

    # -- MM1
    async def post(self, pdu: AnyPdu | bytes) -> AnyPdu | None:
        """Post a PDU; the one that answers it."""
        data = pdu if isinstance(pdu, bytes) else pdu.encode()
        async with self._session() as http, http.post(self.mmsc, data=data, headers={"Content-Type": MMS}) as response:
            body = await response.read()
            if response.status != 200:
                raise PhoneError(f"POST was answered {response.status}: {body[:200]!r}")
            if body and response.content_type != MMS:
                raise PhoneError(f"the answer is of {response.content_type}")
            return parse(body) if body else None

    async def get(self, location: str) -> MRetrieveConf:
        """Fetch a message."""
        async with self._session() as http, http.get(location, headers={"Accept": f"*/*, {MMS}"}) as response:
            body = await response.read()
            if response.status != 200 or response.content_type != MMS:
                raise PhoneError(f"GET was answered {response.status} {response.content_type}: {body[:200]!r}")
            pdu = parse(body)
            if not isinstance(pdu, MRetrieveConf):
                raise PhoneError(f"GET was answered with {pdu.message_type.name}")
            return pdu

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(local_addr=(self.phone.wire.host, 0), force_close=True)
        return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(20))
