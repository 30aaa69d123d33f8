"""What an operator can do with short messages (manual 6.6, 7): send, count, flush; part of control.py."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from lteims.errors import OperatorError
from lteims.ims.identity import impu_uri
from lteims.ims.ipsmgw import IpSmGw
from lteims.ims.service_centre import Submission
from lteims.ims.subscribers import Impu, Subscriber, Subscribers
from lteims.sip.errors import SipError
from lteims.sip.uri import Uri, parse_uri
from lteims.sms import text as sms_text
from lteims.sms.address import Address
from lteims.sms.dcs import Alphabet, Dcs
from lteims.sms.errors import SmsError
from lteims.sms.userdata import UserData

SENDER = "lteims"  # who sends where the operator does not say
VALIDITY = 86400.0  # seconds


Found = tuple[Subscriber, Impu | None]


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is ready to be sent; `to` is its receiver as people are told."""

    to: str
    whom: Found | Uri  # an IMPU that nobody here has: the HSS is asked when the message is sent
    parts: list[UserData]
    submission: Callable[..., Submission]  # with the receiver and its IMPU


class SmsControl:
    """The operator's verbs for short messages. OperatorError says why one cannot be carried out."""

    def __init__(self, subscribers: Subscribers, gateway: IpSmGw) -> None:
        self._subscribers = subscribers
        self._gateway = gateway
        self._references = 0

    def prepare(
        self,
        *,
        impi: str = "",
        impu: str = "",
        text: str | None = None,
        sender: str = "",
        validity: float = VALIDITY,
        data: bytes | None = None,
        tp_udl: int | None = None,
        tp_udhi: bool = False,
        pid: int = 0,
        dcs: int | None = None,
        sos: bool = False,
    ) -> Draft:
        """The message that `send` takes: text, or octets of TP-UD as they are (`data`, DCS 4 unless it is given)."""
        whom = self._look(impi, impu)
        if isinstance(whom, Uri) and self._gateway.directory is None:
            raise _nobody(impi, impu)
        try:
            parts = self._parts(text, data, tp_udl, tp_udhi=tp_udhi, dcs=dcs)
            submission = partial(
                Submission, sender=Address.of(sender or SENDER), parts=parts,
                validity=validity, tp_pid=pid & 0xFF, as_told=tp_udl is not None, sos=sos,
            )  # fmt: skip
        except SmsError as error:
            raise OperatorError(f"the message cannot be made: {error}") from None
        return Draft(impu if isinstance(whom, Uri) else whom[0].impi, whom, parts, submission)

    async def send(self, draft: Draft) -> list[str]:
        """Store a message and begin to deliver it; its ids."""
        try:
            whom = await self._gateway.seek(draft.whom) if isinstance(draft.whom, Uri) else draft.whom
            if whom is None:
                raise OperatorError(f"there is no user '{draft.to}', and the HSS has none")
            return await self._gateway.submit(draft.submission(receiver=whom[0], impu=whom[1]))
        except SmsError as error:
            raise OperatorError(f"the message was not taken: {error}") from None

    def sms_flush(self, impi: str) -> int:
        """Forget what waits for a user, who may be named by an IMPU as well; how many messages."""
        return self._gateway.flush(self._receiver(impi, impi)[0].impi)

    def pending(self, impi: str) -> int:
        """How many messages wait for a user."""
        return self._gateway.pending(impi)

    def _receiver(self, impi: str, impu: str) -> Found:
        found = self._look(impi, impu)
        if isinstance(found, Uri):
            raise _nobody(impi, impu)
        return found

    def _look(self, impi: str, impu: str) -> Found | Uri:
        """The user, or the IMPU where nobody here has it."""
        if impi:
            subscriber = self._subscribers.by_impi(impi)
            if subscriber is not None:
                return subscriber, None
            if not impu:
                raise OperatorError(f"there is no user with IMPI '{impi}'")
        if not impu:
            raise OperatorError("to whom? An impi or an impu is needed")
        try:
            uri = parse_uri(impu_uri(impu, self._subscribers.domain))
        except SipError as error:
            raise OperatorError(f"'{impu}' is no IMPU: {error}") from None
        return self._subscribers.by_impu(uri) or uri

    def _parts(
        self, text: str | None, data: bytes | None, tp_udl: int | None, *, tp_udhi: bool, dcs: int | None
    ) -> list[UserData]:  # fmt: skip
        if text is not None:
            self._references = (self._references + 1) & 0xFF
            coding = None if dcs is None else Dcs(dcs & 0xFF)
            if coding is None or coding.alphabet is Alphabet.EIGHT_BIT:  # the manual's default of dcs stands for data
                return sms_text.split(text, reference=self._references)
            if coding.compressed:
                raise OperatorError("a compressed text can be given as data only")
            parts = sms_text.split(text, reference=self._references, alphabet=coding.alphabet)
            return [replace(part, tp_dcs=coding) for part in parts]  # with its message class, or what waits
        if data is None:
            raise OperatorError("what? A text or binary data is needed")
        return [sms_text.binary(data, tp_udl, tp_dcs=Dcs(4 if dcs is None else dcs & 0xFF), tp_udhi=tp_udhi)]


def _nobody(impi: str, impu: str) -> OperatorError:
    return OperatorError(f"there is no user {'' if impi == impu else 'with IMPU '}'{impu}'")
