"""Between short messages and the text that people and softphones read (TS 23.040 9.2.3.24).

ipsmgw.py asks: the parts of a text, and the text of stored parts.
"""

from collections.abc import Iterable

from lteims.ims.sms_store import StoredSms
from lteims.sms import text, tpdu
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction
from lteims.sms.userdata import UserData


def whole_text(content: str, reference: int) -> list[UserData]:
    """A text as the user data of its parts. SmsError for one that is too long."""
    return text.split(content, reference=reference)


def text_of(
    message: StoredSms, waiting: Iterable[StoredSms], *, alone: bool = False
) -> tuple[str, tuple[str, ...]] | None:
    """The text of a message with all its parts among those that wait, and their ids; None while parts are missing.

    `alone`: this part as it is. Data that is no text is shown by its octets, a status report in words.
    """
    found = _read(message)
    if isinstance(found, tpdu.SmsStatusReport):
        return f"Status of the message to {found.tp_ra}: {found.tp_st:#04x}", (message.id,)
    if found is None:
        return message.tpdu.hex(), (message.id,)
    data = found.user_data
    concatenation = data.header.concatenation if data.header else None
    if alone or concatenation is None:
        return _shown(data), (message.id,)
    parts: dict[int, tuple[str, UserData]] = {}
    for other in waiting:
        read = _read(other) if other.sender == message.sender else None
        if not isinstance(read, tpdu.SmsDeliver) or read.user_data.header is None:
            continue
        its = read.user_data.header.concatenation
        if its is not None and (its.reference, its.total) == (concatenation.reference, concatenation.total):
            parts.setdefault(its.number, (other.id, read.user_data))
    if len(parts) < concatenation.total:
        return None
    try:
        joined = text.join([data for _, data in parts.values()])
    except SmsError:
        return _shown(data), (message.id,)
    ids = tuple(id for id, _ in parts.values())
    return (joined.text if joined.text is not None else joined.data.hex()), ids


def _read(message: StoredSms) -> tpdu.SmsDeliver | tpdu.SmsStatusReport | None:
    try:
        found = tpdu.parse(message.tpdu, Direction.SC_TO_MS)
    except SmsError:
        return None
    return found if isinstance(found, tpdu.SmsDeliver | tpdu.SmsStatusReport) else None


def _shown(data: UserData) -> str:
    return data.text if data.text is not None else data.body.hex()
