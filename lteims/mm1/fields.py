"""The header fields of MMS (OMA-TS-MMS_ENC 7.3, numbers from table 25): how each value is read and written.

FIELDS maps the names of the PDUs' attributes to them; pdu.py puts them together. What stands in no attribute of a
PDU, a number of a later release or a name in text, passes as octets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any, Final

from lteims.mm1 import wsp
from lteims.mm1.content_type import ContentType, read_content_type
from lteims.mm1.errors import MmsError, ResponseStatus, RetrieveStatus, Status
from lteims.mm1.wsp import Reader

_ABSOLUTE, _RELATIVE = 0x80, 0x81
_ADDRESS_PRESENT, _INSERT_ADDRESS = 0x80, 0x81
_YES, _NO = 0x80, 0x81
_CLASSES: Final = ("personal", "advertisement", "informational", "auto")  # from 0x80 on
_MAJOR: Final = 1
_NO_MINOR: Final = 0x0F


class MessageType(IntEnum):
    """X-Mms-Message-Type (7.3.30); those of the mailbox are known by name only."""

    M_SEND_REQ = 0x80
    M_SEND_CONF = 0x81
    M_NOTIFICATION_IND = 0x82
    M_NOTIFYRESP_IND = 0x83
    M_RETRIEVE_CONF = 0x84
    M_ACKNOWLEDGE_IND = 0x85
    M_DELIVERY_IND = 0x86
    M_READ_REC_IND = 0x87
    M_READ_ORIG_IND = 0x88
    M_FORWARD_REQ = 0x89
    M_FORWARD_CONF = 0x8A
    M_MBOX_STORE_REQ = 0x8B
    M_MBOX_STORE_CONF = 0x8C
    M_MBOX_VIEW_REQ = 0x8D
    M_MBOX_VIEW_CONF = 0x8E
    M_MBOX_UPLOAD_REQ = 0x8F
    M_MBOX_UPLOAD_CONF = 0x90
    M_MBOX_DELETE_REQ = 0x91
    M_MBOX_DELETE_CONF = 0x92
    M_MBOX_DESCR = 0x93
    M_DELETE_REQ = 0x94
    M_DELETE_CONF = 0x95
    M_CANCEL_REQ = 0x96
    M_CANCEL_CONF = 0x97


class Priority(IntEnum):
    """X-Mms-Priority."""

    LOW = 0x80
    NORMAL = 0x81
    HIGH = 0x82


class SenderVisibility(IntEnum):
    """X-Mms-Sender-Visibility."""

    HIDE = 0x80
    SHOW = 0x81


class ReadStatus(IntEnum):
    """X-Mms-Read-Status."""

    READ = 0x80
    DELETED_WITHOUT_BEING_READ = 0x81


@dataclass(frozen=True, slots=True)
class When:
    """X-Mms-Expiry, X-Mms-Delivery-Time: seconds from now on, or since 1970 if `absolute`."""

    seconds: int
    absolute: bool = False

    def at(self, now: float) -> float:
        """The moment in seconds since 1970, as is `now`."""
        return self.seconds if self.absolute else now + self.seconds


@dataclass(frozen=True, slots=True)
class Previously:
    """X-Mms-Previously-Sent-By, -Date: who (or when) the message was forwarded for the `count`th time."""

    count: int
    value: str | int


@dataclass(frozen=True, slots=True)
class Field:
    """A header field: its name in the specification, its number (without the top bit), how to read and write it.

    `read` gives None for a value that is reserved: the field then counts as absent.
    """

    name: str
    number: int
    read: Callable[[Reader], Any]
    write: Callable[[Any], bytes]
    many: bool = False


def _octet(value: int) -> bytes:
    return bytes([value])


def _read_enum(kind: type[IntEnum], reader: Reader) -> IntEnum | None:
    try:
        return kind(reader.octet())
    except ValueError:
        return None


def _read_flag(reader: Reader) -> bool | None:
    return {_YES: True, _NO: False}.get(reader.octet())


def _write_flag(value: bool) -> bytes:
    return _octet(_YES if value else _NO)


def _read_when(reader: Reader) -> When | None:
    inner = reader.inner()
    token = inner.octet()
    return When(inner.integer(), token == _ABSOLUTE) if token in (_ABSOLUTE, _RELATIVE) else None


def _write_when(value: When) -> bytes:
    # Delta-seconds may be short by the grammar; readers in the field know the long form only.
    return wsp.with_length(_octet(_ABSOLUTE if value.absolute else _RELATIVE) + wsp.long_integer(value.seconds))


def _read_from(reader: Reader) -> str | None:
    """An address, "" where the server is to insert it."""
    inner = reader.inner()
    token = inner.octet()
    if token == _ADDRESS_PRESENT:
        return inner.encoded_string()
    return "" if token == _INSERT_ADDRESS else None


def _write_from(value: str) -> bytes:
    if not value:
        return wsp.with_length(_octet(_INSERT_ADDRESS))
    return wsp.with_length(_octet(_ADDRESS_PRESENT) + wsp.encoded_string(value))


def _read_version(reader: Reader) -> int:
    """The minor version; another major one is an error that says so (6.1 of MMS_CTR: it is answered, not read)."""
    if reader.peek() < 0x80:
        major, _, minor = reader.text().partition(".")
        if major == str(_MAJOR) and minor.isascii() and minor.isdigit() and len(minor) <= 2:
            return int(minor)
        raise MmsError("an unknown version", ResponseStatus.ERROR_UNSUPPORTED_MESSAGE)
    major_minor = reader.integer()
    if major_minor >> 4 != _MAJOR:
        raise MmsError(f"version {major_minor >> 4} of MMS", ResponseStatus.ERROR_UNSUPPORTED_MESSAGE)
    return 0 if major_minor == _MAJOR << 4 | _NO_MINOR else major_minor & 0x0F


def _write_version(minor: int) -> bytes:
    return wsp.short_integer(_MAJOR << 4 | minor)


def _read_class(reader: Reader) -> str | None:
    if reader.peek() < 0x80:
        return reader.text().lower()
    number = reader.octet() & 0x7F
    return _CLASSES[number] if number < len(_CLASSES) else None


def _write_class(value: str) -> bytes:
    return wsp.short_integer(_CLASSES.index(value)) if value in _CLASSES else wsp.text(value)


def _read_previous(read: Callable[[Reader], str | int], reader: Reader) -> Previously:
    inner = reader.inner()
    return Previously(inner.integer(), read(inner))


def _write_previous(value: Previously) -> bytes:
    shown = wsp.encoded_string(value.value) if isinstance(value.value, str) else wsp.long_integer(value.value)
    return wsp.with_length(wsp.integer(value.count) + shown)


def _flag(name: str, number: int) -> Field:
    return Field(name, number, _read_flag, _write_flag)


def _enum(name: str, number: int, kind: type[IntEnum]) -> Field:
    return Field(name, number, partial(_read_enum, kind), _octet)


def _text(name: str, number: int) -> Field:
    return Field(name, number, Reader.text, wsp.text)


def _encoded(name: str, number: int, many: bool = False) -> Field:
    return Field(name, number, Reader.encoded_string, wsp.encoded_string, many)


def _number(name: str, number: int) -> Field:
    return Field(name, number, Reader.integer, wsp.long_integer)


def _when(name: str, number: int) -> Field:
    return Field(name, number, _read_when, _write_when)


FIELDS: Final[dict[str, Field]] = {
    "message_type": Field("X-Mms-Message-Type", 0x0C, Reader.octet, _octet),
    "transaction_id": _text("X-Mms-Transaction-ID", 0x18),
    "version": Field("X-Mms-MMS-Version", 0x0D, _read_version, _write_version),
    "bcc": _encoded("Bcc", 0x01, many=True),
    "cc": _encoded("Cc", 0x02, many=True),
    "to": _encoded("To", 0x17, many=True),
    "sender": Field("From", 0x09, _read_from, _write_from),
    "subject": _encoded("Subject", 0x16),
    "date": _number("Date", 0x05),
    "content_location": _text("X-Mms-Content-Location", 0x03),
    "content_type": Field("Content-Type", 0x04, read_content_type, ContentType.encode),
    "delivery_report": _flag("X-Mms-Delivery-Report", 0x06),
    "delivery_time": _when("X-Mms-Delivery-Time", 0x07),
    "expiry": _when("X-Mms-Expiry", 0x08),
    "message_class": Field("X-Mms-Message-Class", 0x0A, _read_class, _write_class),
    "message_id": _text("Message-ID", 0x0B),
    "message_size": _number("X-Mms-Message-Size", 0x0E),
    "priority": _enum("X-Mms-Priority", 0x0F, Priority),
    "read_report": _flag("X-Mms-Read-Report", 0x10),
    "read_status": _enum("X-Mms-Read-Status", 0x1B, ReadStatus),
    "report_allowed": _flag("X-Mms-Report-Allowed", 0x11),
    "response_status": _enum("X-Mms-Response-Status", 0x12, ResponseStatus),
    "response_text": _encoded("X-Mms-Response-Text", 0x13),
    "retrieve_status": _enum("X-Mms-Retrieve-Status", 0x19, RetrieveStatus),
    "retrieve_text": _encoded("X-Mms-Retrieve-Text", 0x1A),
    "sender_visibility": _enum("X-Mms-Sender-Visibility", 0x14, SenderVisibility),
    "status": _enum("X-Mms-Status", 0x15, Status),
    "status_text": _encoded("X-Mms-Status-Text", 0x36),
    "distribution_indicator": _flag("X-Mms-Distribution-Indicator", 0x31),
    "previously_sent_by": Field(
        "X-Mms-Previously-Sent-By", 0x20, partial(_read_previous, Reader.encoded_string), _write_previous, many=True
    ),
    "previously_sent_date": Field(
        "X-Mms-Previously-Sent-Date", 0x21, partial(_read_previous, Reader.integer), _write_previous, many=True
    ),
}
ATTRIBUTES: Final[dict[int, str]] = {field.number: attribute for attribute, field in FIELDS.items()}
