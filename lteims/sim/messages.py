"""Short messages of a virtual phone: RPDUs in MESSAGE both ways, parts, reports, text of softphones (TS 24.341 5.3).

phone.py hands in each MESSAGE; `send` and the queues are what the API shows.
"""

from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lteims.sim.errors import PhoneError
from lteims.sim.transactions import Served
from lteims.sip.errors import SipError
from lteims.sip.headers import parse_media_type
from lteims.sip.message import Request
from lteims.sip.uri import parse_uri
from lteims.sms import rp, text, tpdu
from lteims.sms.address import Address
from lteims.sms.cause import RpCause
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction
from lteims.sms.userdata import UserData

if TYPE_CHECKING:
    from lteims.sim.phone import Phone

RPDU = "application/vnd.3gpp.sms"
_ANSWER = 40.0  # seconds for RP-ACK: TR1M (TS 24.011 10)


@dataclass(frozen=True, slots=True)
class Sms:
    """One message that came, its parts joined; `data` are its octets where it is no text."""

    sender: str
    text: str
    data: bytes = b""
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """A status report: the reference of the message, who it was for, TP-ST (0: received)."""

    reference: int
    receiver: str
    status: int


class Messages:
    """All messages of one phone. `acknowledge` False leaves RP-DATA without RP-ACK, `refuse` answers it RP-ERROR."""

    def __init__(self, phone: "Phone") -> None:
        self.inbox: deque[Sms] = deque()
        self.reports: deque[Report] = deque()
        self.acknowledge = True
        self.refuse: RpCause | None = None
        self.duplicates = 0  # RP-DATA that came again, which is no fault of anybody
        self._phone = phone
        self._joiner = text.Joiner()
        self._reference = 0
        self._answers: dict[str, rp.RpAck | rp.RpError] = {}  # by the Call-ID of what we sent
        self._waiting: dict[str, int] = {}  # Call-ID and RP-MR of what waits for its answer
        self._seen: set[tuple[int, bytes]] = set()

    # -- what the phone sends
    async def send(self, to: str, words: str, *, report: bool = False, within: float = _ANSWER) -> list[int]:
        """Submit a text, in parts if need be, each once the one before is acknowledged; the references (TP-MR).

        PhoneError if a part is refused, PhoneTimeout if no RP-ACK comes.
        """
        if not self._phone.profile.sms:
            await self._send_text(to, words)
            return []
        references = []
        for part in text.split(words, reference=(self._reference + 1) & 0xFF):
            references.append(await self._submit(number_of(to), part, report, within))
        return references

    async def _submit(self, to: str, part: UserData, report: bool, within: float) -> int:
        phone = self._phone
        self._reference = self._reference % 255 + 1
        reference = self._reference
        submit = tpdu.SmsSubmit(
            tp_mr=reference, tp_da=Address.number(to), tp_udl=part.tp_udl, tp_ud=part.tp_ud, tp_dcs=part.tp_dcs,
            tp_udhi=part.tp_udhi, tp_srr=report,
        )  # fmt: skip
        centre = Address.number(phone.sim.centre)
        data = rp.RpData(Direction.MS_TO_SC, reference, None, centre, submit.encode())
        request = self._message(f"sip:{phone.sim.centre}@{phone.sim.home};user=phone", data)
        self._waiting[request.call_id] = reference
        await self._deliver(request)
        answer = await phone.changes.until(
            lambda: self._answers.pop(request.call_id, None), within, f"waiting for the RP-ACK of message {reference}"
        )
        if isinstance(answer, rp.RpError):
            raise phone.failed(f"message {reference} was refused with RP cause {answer.rp_cause}", answer.rp_cause)
        return reference

    async def _send_text(self, to: str, words: str) -> None:
        phone = self._phone
        target = to if ":" in to else f"tel:{to}"
        request = phone.request("MESSAGE", target, words.encode(), "text/plain;charset=UTF-8")
        await self._deliver(request)

    def _message(self, target: str, message: rp.RpMessage, answers: str = "") -> Request:
        request = self._phone.request("MESSAGE", target, message.encode(), RPDU)
        request.set("accept-contact", "*;+g.3gpp.smsip")
        request.set("request-disposition", "no-fork")
        if answers:
            request.set("in-reply-to", answers)
        return request

    async def _deliver(self, request: Request) -> None:
        response = await self._phone.exchange(request)
        if response.code not in (200, 202):
            raise self._phone.failed(f"MESSAGE was answered {response.start_line()[8:]}", response.code)

    # -- what comes
    def on_message(self, served: Served) -> None:
        """A MESSAGE outside any dialog; SipError becomes the answer at the phone."""
        request = served.request
        kind, params = parse_media_type(request.get("content-type") or "text/plain")
        if kind == "text/plain":
            words = _decoded(request.body, (params.get("charset") or "utf-8").lower())
            served.reply(200)
            self._arrived(Sms(request.get("from"), words))
        elif kind != RPDU or not self._phone.profile.sms:
            raise SipError(415, f"a MESSAGE with {kind}", {"accept": RPDU})
        else:
            self._on_rpdu(served)

    def _on_rpdu(self, served: Served) -> None:
        request = served.request
        try:
            message = rp.parse(request.body, Direction.SC_TO_MS)
            served.reply(200)
            if isinstance(message, rp.RpData):
                self._on_data(request, message)
            elif isinstance(message, rp.RpAck | rp.RpError):
                self._on_answer(request, message)
        except SmsError as error:
            self._phone.fault(f"bad RPDU: {error}")
            served.reply(400)

    def _on_answer(self, request: Request, message: rp.RpAck | rp.RpError) -> None:
        call_id = request.get("in-reply-to")
        if call_id not in self._waiting:  # by the reference, as some gateways leave In-Reply-To out
            call_id = next((key for key, mr in self._waiting.items() if mr == message.rp_mr), "")
        if self._waiting.pop(call_id, None) is None:
            self._phone.fault(f"RP answer {message.rp_mr} fits nothing that was sent")
            return
        self._answers[call_id] = message
        self._phone.changes.changed()

    def _on_data(self, request: Request, message: rp.RpData) -> None:
        if self.refuse is not None:
            self._reply(request, rp.RpError(Direction.MS_TO_SC, message.rp_mr, self.refuse))
            return
        parsed = tpdu.parse(message.rp_ud, Direction.SC_TO_MS)
        again = (message.rp_mr, message.rp_ud) in self._seen
        self._seen.add((message.rp_mr, message.rp_ud))
        if self.acknowledge:
            self._reply(request, rp.RpAck(Direction.MS_TO_SC, message.rp_mr, b"\0\0"))
        if again:
            self.duplicates += 1
        elif isinstance(parsed, tpdu.SmsDeliver):
            self._on_part(parsed)
        elif isinstance(parsed, tpdu.SmsStatusReport):
            self.reports.append(Report(parsed.tp_mr, str(parsed.tp_ra), parsed.tp_st))
            self._phone.changes.changed()

    def _on_part(self, deliver: tpdu.SmsDeliver) -> None:
        sender, part = str(deliver.tp_oa), deliver.user_data
        joined = self._joiner.add(sender, part, self._phone.loop.time())
        if joined is None:
            return
        concatenation = part.header.concatenation if part.header else None
        total = concatenation.total if concatenation else 1
        self._arrived(Sms(sender, joined.text or "", b"" if joined.text is not None else joined.data, total))

    def _arrived(self, sms: Sms) -> None:
        self.inbox.append(sms)
        self._phone.changes.changed()

    def _reply(self, request: Request, message: rp.RpMessage) -> None:
        """RP-ACK or RP-ERROR goes to the gateway that P-Asserted-Identity names (TS 24.341 5.3.2.4)."""
        asserted = request.name_addrs("p-asserted-identity")
        target = asserted[0].uri.text if asserted else request.from_.uri.text
        self._phone.spawn(self._guard(self._deliver(self._message(target, message, request.call_id))))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except PhoneError as error:
            self._phone.fault(f"an answer to a short message was not taken: {error.summary}")


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, "replace")
    except (LookupError, ValueError):
        raise SipError(415, f"text in {charset[:40]!r}", {"accept-charset": "utf-8"}) from None


def number_of(to: str) -> str:
    """The digits of a number, a tel URI or a sip URI with a number in it."""
    return parse_uri(to).number or to if ":" in to else to
