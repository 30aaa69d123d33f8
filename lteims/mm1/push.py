"""The WAP push that carries a notification or a report to a client (WAP-230-WSP 8.2.4.1, OMA MMS_CTR 6.2).

A connectionless Push PDU, which goes as user data of an SMS to port 2948. Called by ims/ and by the virtual phone.
"""

from dataclasses import dataclass
from typing import Final, Self

from lteims.mm1 import wsp
from lteims.mm1.content_type import ContentType, read_content_type
from lteims.mm1.errors import MmsError
from lteims.mm1.pdu import AnyPdu, parse
from lteims.mm1.wsp import Reader

PORT: Final = 2948  # wap-push, where the client listens
SOURCE_PORT: Final = 9200  # wap-wsp
MMS_MESSAGE: Final = ContentType("application/vnd.wap.mms-message")
MMS_USER_AGENT: Final = "x-wap-application:mms.ua"

_PUSH: Final = 0x06
_CONFIRMED_PUSH: Final = 0x07  # of a session; some send it without one
_APPLICATION_ID: Final = 0x2F
# Assigned by OMNA; an application without a number is named in text.
_APPLICATIONS: Final = {
    0x00: "x-wap-application:*",
    0x01: "x-wap-application:push.sia",
    0x02: "x-wap-application:wml.ua",
    0x03: "x-wap-application:wta.ua",
    0x04: MMS_USER_AGENT,
    0x05: "x-wap-application:push.syncml",
    0x06: "x-wap-application:loc.ua",
    0x07: "x-wap-application:syncml.dm",
    0x08: "x-wap-application:drm.ua",
    0x09: "x-wap-application:emn.ua",
    0x0A: "x-wap-application:wv.ua",
}
_NUMBERS: Final = {name: number for number, name in _APPLICATIONS.items()}


@dataclass(frozen=True, slots=True)
class Push:
    """A push: `transaction_id` (0 to 255) tells repeats from new ones, `application_id` is a URI, "" for none."""

    transaction_id: int
    data: bytes
    content_type: ContentType = MMS_MESSAGE
    application_id: str = MMS_USER_AGENT

    @classmethod
    def of(cls, transaction_id: int, pdu: AnyPdu) -> Self:
        """The push with an M-Notification.ind, M-Delivery.ind or M-Read-Orig.ind."""
        return cls(transaction_id, pdu.encode())

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a push; MmsError when it is none or cut off. Headers other than the application's are passed over."""
        reader = Reader(data)
        transaction_id, kind = reader.octet(), reader.octet()
        if kind not in (_PUSH, _CONFIRMED_PUSH):
            raise MmsError(f"WSP's PDU type 0x{kind:02x} is no push")
        head = Reader(reader.take(reader.uintvar()))
        content_type = read_content_type(head)
        application_id = ""
        while head.left:
            first = head.octet()
            if first == _APPLICATION_ID | 0x80:
                application_id = _read_application(head)
            elif first >= 0x80:
                head.skip_value()
            elif first > 0x1F and first != 0x7F:
                head.text_octets()  # a name in text, without its first octet
                head.skip_value()
            elif first == 0x7F:
                head.octet()  # a shift to another code page (8.2.5)
        return cls(transaction_id, reader.take(reader.left), content_type, application_id)

    def encode(self) -> bytes:
        """The octets: user data of an SMS behind its ports."""
        head = self.content_type.encode()
        if self.application_id:
            number = _NUMBERS.get(self.application_id)
            value = wsp.text(self.application_id) if number is None else wsp.integer(number)
            head += wsp.short_integer(_APPLICATION_ID) + value
        return bytes([self.transaction_id & 0xFF, _PUSH]) + wsp.uintvar(len(head)) + head + self.data

    def pdu(self) -> AnyPdu:
        """The PDU within; MmsError where the push is for somebody else than an MMS client."""
        if self.content_type.media != MMS_MESSAGE.media:
            raise MmsError(f"a push of {self.content_type.media}")
        return parse(self.data)


def _read_application(head: Reader) -> str:
    if 0x20 <= head.peek() < 0x80:
        return head.text()
    number = head.integer()
    return _APPLICATIONS.get(number, str(number))
