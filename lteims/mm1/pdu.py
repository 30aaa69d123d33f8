"""The PDUs of MM1 (OMA-TS-MMS_ENC 6, tables 1 to 17) as values: `parse` for what arrives, `encode()` for what leaves.

Attributes without a default are the mandatory header fields; None, "" and () mean that a field is absent. `sender` is
the From field: where it is mandatory, "" is the insert-address-token. A field of the table that a PDU has no attribute
for is ignored, one that is not in the table is kept in `others`. Called by ims/ and the virtual phone.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Final, get_args

from lteims.mm1 import wsp
from lteims.mm1.content_type import ContentType
from lteims.mm1.errors import MmsError, ResponseStatus, RetrieveStatus, Status
from lteims.mm1.fields import (
    ATTRIBUTES,
    FIELDS,
    MessageType,
    Previously,
    Priority,
    ReadStatus,
    SenderVisibility,
    When,
)
from lteims.mm1.multipart import Limits, Part, leaves
from lteims.mm1.wsp import Reader

Other = tuple[int | str, bytes]  # a field of no attribute: its number, or its name in text, and the value's octets

_FIRST: Final = ("transaction_id", "version")  # behind the message type, in this order (7.1)
_RECIPIENTS: Final = ("to", "cc", "bcc")
_LAST: Final = "content_type"
_BODY: Final = "body"  # no header field, and mandatory where there is one
_MOST_FIELDS: Final = 128  # besides recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """What all PDUs have; `version` is the minor one of MMS 1.x."""

    message_type: ClassVar[MessageType]
    version: int = 2
    others: tuple[Other, ...] = ()

    def encode(self) -> bytes:
        """The octets: type, transaction and version in front, the content type last with the body behind it."""
        names = [field.name for field in dataclasses.fields(self)]
        order = [*(name for name in _FIRST if name in names), *(name for name in names if name not in _FIRST)]
        mandatory = _MANDATORY[self.message_type]
        out = [_encode_field("message_type", self.message_type)]
        for name in order:
            value = getattr(self, name)
            if name in FIELDS and name != _LAST and (name in mandatory or value not in (None, "", ())):
                out.append(_encode_field(name, value))
        out += [_encode_other(*other) for other in self.others]
        if _LAST in names:
            out += [_encode_field(_LAST, getattr(self, _LAST)), getattr(self, _BODY)]
        return b"".join(out)


@dataclass(frozen=True, slots=True, kw_only=True)
class MSendReq(Pdu):
    """A client submits a message."""

    message_type = MessageType.M_SEND_REQ
    transaction_id: str
    date: int | None = None
    sender: str
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    message_class: str = ""
    expiry: When | None = None
    delivery_time: When | None = None
    priority: Priority | None = None
    sender_visibility: SenderVisibility | None = None
    delivery_report: bool | None = None
    read_report: bool | None = None
    content_type: ContentType
    body: bytes

    @property
    def recipients(self) -> tuple[str, ...]:
        """To, Cc and Bcc."""
        return self.to + self.cc + self.bcc

    def parts(self, limits: Limits | None = None) -> tuple[Part, ...]:
        """The parts that hold content."""
        return leaves(self.content_type, self.body, limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class MSendConf(Pdu):
    """The answer to M-Send.req; `message_id` where the message was taken."""

    message_type = MessageType.M_SEND_CONF
    transaction_id: str
    response_status: ResponseStatus
    response_text: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MNotificationInd(Pdu):
    """A message waits at `content_location`; it travels by WAP push (push.py)."""

    message_type = MessageType.M_NOTIFICATION_IND
    transaction_id: str
    sender: str = ""
    subject: str = ""
    delivery_report: bool | None = None
    priority: Priority | None = None
    message_class: str
    message_size: int  # octets
    expiry: When
    content_location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MNotifyRespInd(Pdu):
    """What the client does with a notification: retrieved, deferred, rejected..."""

    message_type = MessageType.M_NOTIFYRESP_IND
    transaction_id: str
    status: Status
    report_allowed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MRetrieveConf(Pdu):
    """The message itself, as the answer to a GET; `transaction_id` asks for an M-Acknowledge.ind."""

    message_type = MessageType.M_RETRIEVE_CONF
    transaction_id: str = ""
    message_id: str = ""
    date: int
    sender: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    previously_sent_by: tuple[Previously, ...] = ()
    previously_sent_date: tuple[Previously, ...] = ()
    subject: str = ""
    message_class: str = ""
    priority: Priority | None = None
    delivery_report: bool | None = None
    read_report: bool | None = None
    retrieve_status: RetrieveStatus | None = None
    retrieve_text: str = ""
    distribution_indicator: bool | None = None
    content_type: ContentType
    body: bytes

    def parts(self, limits: Limits | None = None) -> tuple[Part, ...]:
        """The parts that hold content."""
        return leaves(self.content_type, self.body, limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class MAcknowledgeInd(Pdu):
    """The client has the message."""

    message_type = MessageType.M_ACKNOWLEDGE_IND
    transaction_id: str
    report_allowed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MDeliveryInd(Pdu):
    """The delivery report, to the originator by WAP push."""

    message_type = MessageType.M_DELIVERY_IND
    message_id: str
    to: tuple[str, ...]
    date: int
    status: Status
    status_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MReadRecInd(Pdu):
    """The read report as the recipient's client sends it."""

    message_type = MessageType.M_READ_REC_IND
    message_id: str
    to: tuple[str, ...]
    sender: str
    date: int | None = None
    read_status: ReadStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class MReadOrigInd(Pdu):
    """The read report as it reaches the originator, by WAP push."""

    message_type = MessageType.M_READ_ORIG_IND
    message_id: str
    to: tuple[str, ...]
    sender: str
    date: int
    read_status: ReadStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class MForwardReq(Pdu):
    """A client forwards a message that it has not retrieved."""

    message_type = MessageType.M_FORWARD_REQ
    transaction_id: str
    date: int | None = None
    sender: str
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    expiry: When | None = None
    delivery_time: When | None = None
    delivery_report: bool | None = None
    read_report: bool | None = None
    report_allowed: bool | None = None
    content_location: str

    @property
    def recipients(self) -> tuple[str, ...]:
        """To, Cc and Bcc."""
        return self.to + self.cc + self.bcc


@dataclass(frozen=True, slots=True, kw_only=True)
class MForwardConf(Pdu):
    """The answer to M-Forward.req."""

    message_type = MessageType.M_FORWARD_CONF
    transaction_id: str
    response_status: ResponseStatus
    response_text: str = ""
    message_id: str = ""


AnyPdu = (
    MSendReq
    | MSendConf
    | MNotificationInd
    | MNotifyRespInd
    | MRetrieveConf
    | MAcknowledgeInd
    | MDeliveryInd
    | MReadRecInd
    | MReadOrigInd
    | MForwardReq
    | MForwardConf
)
PDUS: Final[dict[int, type[Any]]] = {int(kind.message_type): kind for kind in get_args(AnyPdu)}


_MANDATORY: Final[dict[int, frozenset[str]]] = {
    number: frozenset(
        field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING and field.name != _BODY
    )
    for number, kind in PDUS.items()
}


def parse(data: bytes, limits: Limits | None = None) -> AnyPdu:
    """Read one PDU with its body checked; MmsError has what the answer needs (its docstring).

    ERROR_UNSUPPORTED_MESSAGE is for another major version and for types that are none of the above;
    ERROR_PERMANENT_CONTENT_NOT_ACCEPTED for what goes beyond the limits.
    """
    seen: dict[str, Any] = {}
    try:
        return _parse(Reader(data), seen, limits or Limits())
    except MmsError as error:
        kind, transaction_id, version = (seen.get(name) for name in ("message_type", *_FIRST))
        raise MmsError(error.why, error.status, kind or 0, transaction_id or "", version or 0) from None


def _parse(reader: Reader, seen: dict[str, Any], limits: Limits) -> AnyPdu:
    others = _read_fields(reader, seen, limits)
    if len(reader.data) > limits.octets:
        raise _refused(f"more than {limits.octets} octets")
    kind = PDUS.get(seen.get("message_type", -1))
    if kind is None:
        status = ResponseStatus.ERROR_UNSUPPORTED_MESSAGE
        raise MmsError("no message type" if "message_type" not in seen else "an unknown message type", status)
    known = {field.name: field for field in dataclasses.fields(kind)}
    values = {name: tuple(v) if FIELDS[name].many else v for name, v in seen.items() if name in known}
    values.setdefault("version", 0)
    if _BODY in known:
        values[_BODY] = reader.take(reader.left)
    if missing := [FIELDS[name].name for name in sorted(_MANDATORY[kind.message_type]) if name not in values]:
        raise MmsError(f"{kind.__name__} without {', '.join(missing)}")
    pdu: AnyPdu = kind(**values, others=tuple(others))
    _check(pdu, limits)
    return pdu


def _check(pdu: AnyPdu, limits: Limits) -> None:
    match pdu:
        case MSendReq() | MForwardReq() if not pdu.recipients:
            raise MmsError("no recipient", ResponseStatus.ERROR_PERMANENT_SENDING_ADDRESS_UNRESOLVED)
        case MSendReq() | MRetrieveConf():
            pdu.parts(limits)


def _read_fields(reader: Reader, seen: dict[str, Any], limits: Limits) -> list[Other]:
    """Everything in front of the body; what has no name here is handed back (unknown fields are no error)."""
    others: list[Other] = []
    for _ in range(_MOST_FIELDS + limits.recipients):
        if not reader.left or _LAST in seen:
            break
        _read_field(reader, seen, others)
    else:
        raise _refused("too many header fields")
    if sum(len(seen.get(name, ())) for name in _RECIPIENTS) > limits.recipients:
        raise _refused(f"more than {limits.recipients} recipients")
    return others


def _read_field(reader: Reader, seen: dict[str, Any], others: list[Other]) -> None:
    first = reader.peek()
    name = ATTRIBUTES.get(first & 0x7F) if first >= 0x80 else None
    if name is None:
        if first < 0x20:
            raise MmsError(f"0x{first:02x} begins no header field")
        number: int | str = reader.text() if first < 0x80 else reader.octet() & 0x7F
        others.append((number, reader.skip_value()))
        return
    reader.octet()
    field = FIELDS[name]
    value = field.read(reader)
    if value is None:
        return
    if field.many:
        seen.setdefault(name, []).append(value)
    else:
        seen.setdefault(name, value)


def _refused(why: str) -> MmsError:
    return MmsError(why, ResponseStatus.ERROR_PERMANENT_CONTENT_NOT_ACCEPTED)


def _encode_field(name: str, value: Any) -> bytes:
    field = FIELDS[name]
    values = value if field.many else (value,)
    return b"".join(wsp.short_integer(field.number) + field.write(each) for each in values)


def _encode_other(name: int | str, value: bytes) -> bytes:
    return (wsp.short_integer(name) if isinstance(name, int) else wsp.text(name)) + value
