"""Between short messages and the text that people and softphones read (TS 23.040 9.2.3.24, RFC 3428).

ipsmgw.py asks for the text of a MESSAGE, sms_delivery.py for the text of stored messages.
"""

import re
from collections.abc import Iterable
from typing import Final

from lteims.ims.sms_sip import TEXT
from lteims.ims.sms_store import StoredSms
from lteims.ims.subscribers import Subscriber
from lteims.sip.errors import SipError
from lteims.sip.message import Request
from lteims.sms import text, tpdu
from lteims.sms.address import Address
from lteims.sms.cause import TpStatus, name
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction
from lteims.sms.udh import Concatenation
from lteims.sms.userdata import UserData

NUMBER: Final = re.compile(r"\+?[0-9]{1,20}\Z")
MOST_PARTS: Final = 1000  # parts of one sender that are looked at for those of one message, which has 255 at most
_CHARSETS: Final = {"": "utf-8", "utf-8": "utf-8", "us-ascii": "utf-8", "iso-8859-1": "latin-1"}


def text_in(request: Request) -> str:
    """The text of a MESSAGE; SipError 415 where it cannot be read. Without a charset it is UTF-8 (RFC 3428 8)."""
    charset = ""
    for parameter in request.get("content-type").split(";")[1:]:
        word, _, value = parameter.partition("=")
        if word.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    if charset not in _CHARSETS:
        raise SipError(415, f"text in the charset {charset[:40]!r}", {"accept": TEXT})
    try:
        return request.body.decode(_CHARSETS[charset])
    except UnicodeDecodeError:
        raise SipError(415, "text that is no UTF-8", {"accept": TEXT}) from None


def text_of(
    message: StoredSms, waiting: Iterable[StoredSms], *, alone: bool = False
) -> tuple[str, tuple[str, ...]] | None:
    """The text of a message with all its parts among those that wait, and their ids; None while parts are missing.

    `alone`: this part as it is. Data that is no text is shown by its octets, a status report in words.
    """
    found = _read(message)
    if isinstance(found, tpdu.SmsStatusReport):
        status = name(TpStatus, found.tp_st).partition(" ")[2] or f"status {found.tp_st}"
        return f"Message to {found.tp_ra}: {status}", (message.id,)
    if found is None:
        return message.tpdu.hex(), (message.id,)
    concatenation = _concatenation(found)
    if alone or concatenation is None:
        return _shown(found.user_data), (message.id,)
    parts = _parts(message, concatenation, waiting)
    if len(parts) < concatenation.total:
        return None
    try:
        joined = text.join([data for _, data in parts.values()])
    except SmsError:
        return _shown(found.user_data), (message.id,)
    ids = tuple(id for id, _ in parts.values())
    return (joined.text if joined.text is not None else joined.data.hex()), ids


def _parts(
    message: StoredSms, wanted: Concatenation, waiting: Iterable[StoredSms]
) -> dict[int, tuple[str, UserData]]:  # fmt: skip
    """The parts of a message by number, the oldest of each, with their ids."""
    found: dict[int, tuple[str, UserData]] = {}
    left = MOST_PARTS
    for other in waiting:
        if other.sender != message.sender or not other.tpdu[0] & 0x40:  # TP-UDHI
            continue
        left -= 1
        if left < 0:
            break
        read = _read(other)
        its = _concatenation(read) if isinstance(read, tpdu.SmsDeliver) else None
        if its is None or (its.reference, its.total, its.wide) != (wanted.reference, wanted.total, wanted.wide):
            continue
        assert isinstance(read, tpdu.SmsDeliver)
        found.setdefault(its.number, (other.id, read.user_data))
        if len(found) == wanted.total:
            break
    return found


def _concatenation(message: tpdu.SmsDeliver) -> Concatenation | None:
    header = message.user_data.header
    return header.concatenation if header is not None else None


def _read(message: StoredSms) -> tpdu.SmsDeliver | tpdu.SmsStatusReport | None:
    try:
        found = tpdu.parse(message.tpdu, Direction.SC_TO_MS)
    except SmsError:
        return None
    return found if isinstance(found, tpdu.SmsDeliver | tpdu.SmsStatusReport) else None


def _shown(data: UserData) -> str:
    return data.text if data.text is not None else data.body.hex()


def sender_uri(sender: str, domain: str) -> str:
    """Whom a softphone shall answer, as a sip URI, which all of them know: a number, or a name of ours."""
    if NUMBER.match(sender):
        return f"sip:{sender}@{domain};user=phone"
    word = "".join(c if c.isalnum() and c.isascii() else "-" for c in sender)
    return f"sip:{word or 'sms'}@{domain}"


def address_of(subscriber: Subscriber, key: str = "") -> Address:
    """The address of a user that a receiver sees: a number, of the IMPU with this key before others, else what fits
    of its name (TS 24.341 5.3.3.3)."""
    own = [impu for impu in subscriber.impus if impu.key == key]
    ordered = [*own, *subscriber.impus]
    for numbers in (
        [impu.uri.number for impu in ordered if impu.uri.scheme == "tel"],
        [impu.uri.user for impu in ordered],
    ):
        for number in numbers:
            if NUMBER.match(number):
                return Address.number(number)
    word = "".join(c for c in ordered[0].uri.user if c.isascii() and c.isalnum())[:11]
    return Address.alphanumeric(word or "unknown")
